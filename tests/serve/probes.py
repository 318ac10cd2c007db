# SPDX-License-Identifier: Apache-2.0
"""Requests that two programs may read differently, at a running server: by TCP, by TLS and by its
Unix socket each one is refused in the protocol's form, its connection closed, and nothing of what
is smuggled behind it is done. The same list as tests/unit/test_net_probes.c has, in short.
"""
import json
import re
import socket
import ssl

from doors import make_certificate
from world import PATIENCE_S, balance, quick_start

HEAD = b"POST /v1/reservations HTTP/1.1\r\nHost: h\r\n"
PROBES = (
    ("bare-CR header split",
     HEAD + b"X: a\rContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", 400, "bare_cr"),
    ("folded Content-Length", HEAD + b"Content-Length:\r\n 5\r\n\r\nhello", 400, None),
    ("obs-fold after header", HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", 400,
     "folded_header"),
    ("two different Content-Length",
     HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "framing"),
    ("Content-Length + chunked",
     HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "framing"),
    ("Transfer-Encoding: xchunked + CL",
     HEAD + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello", 501, None),
    ("Content-Length: +5", HEAD + b"Content-Length: +5\r\n\r\nhello", 400, "content_length"),
    ("Content-Length: 5, 5", HEAD + b"Content-Length: 5, 5\r\n\r\nhello", 400, "content_length"),
    ("space before colon", HEAD + b"Content-Length : 5\r\n\r\nhello", 400, "header_name"),
    ("bare LF line ends", b"POST /v1/decide HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello", 400,
     "bare_lf"),
    ("no Host", b"POST /v1/decide HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400,
     "host_missing"),
    ("NUL in value", HEAD + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello", 400,
     "control_character"),
    ("chunk size 0x5",
     HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400, "chunk"),
    ("chunk size overflow",
     HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff5\r\nhello\r\n", 400, "chunk"),
    ("chunk ext with LF",
     HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n", 400, "chunk"),
)


def opened(address):
    """A socket that speaks to the server, whatever the address is."""
    if address.startswith("unix:"):
        own = socket.socket(socket.AF_UNIX)
        own.settimeout(PATIENCE_S)
        own.connect(address[5:])
        return own
    kind, host, port = re.fullmatch(r"(https?)://(.*):(\d+)", address).groups()
    own = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    if kind == "http":
        return own
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(own)


def told(address, data):
    """All that comes, up to the end of the connection."""
    with opened(address) as own:
        own.sendall(data)
        read = b""
        while more := own.recv(65536):
            read += more
        return read


def spend(key, number):
    """A debit that must never be done."""
    body = json.dumps({"idempotency_key": f"smuggled-{number}",
                       "subject": {"tenant": "quickstart"},
                       "action": {"kind": "smuggled", "name": "smuggled"},
                       "actual": {"unit": "USD_MICROCENTS", "amount": 1}}).encode()
    return (b"POST /v1/events HTTP/1.1\r\nHost: h\r\nX-Cycles-API-Key: " + key.encode() +
            b"\r\nContent-Type: application/json\r\nContent-Length: " +
            str(len(body)).encode() + b"\r\n\r\n" + body)


def check_refused(answer, title, status, name):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:])}
    assert lines[0].startswith(f"HTTP/1.1 {status} "), (title, answer)
    told_as = json.loads(body)  # and nothing behind it
    assert set(told_as) == {"error", "message", "request_id", "trace_id", "details"}, told_as
    assert told_as["error"] == "INVALID_REQUEST", told_as
    assert name in (None, told_as["details"]["refusal"]), (title, told_as)
    assert headers["x-request-id"] == told_as["request_id"], headers
    assert headers["x-cycles-trace-id"] == told_as["trace_id"], headers
    assert headers["connection"] == "close", headers
    assert int(headers["content-length"]) == len(body), headers


def refused_everywhere(server, key, addresses):
    for address in addresses:
        for number, (title, probe, status, name) in enumerate(PROBES):
            check_refused(told(address, probe + spend(key, number)), title, status, name)
        # The same door takes what is good, and counts it once.
        answer = told(address, spend(key, f"good-{address}").replace(
            b"Host: h\r\n", b"Host: h\r\nConnection: close\r\n"))
        assert answer.startswith(b"HTTP/1.1 201 "), answer
    rows = balance(server, key)
    assert rows["spent"]["amount"] == len(addresses), rows


def in_the_clear(world):
    server, key = quick_start(world)
    local = "unix:" + world.data + "/pawl.sock"
    refused_everywhere(server, key, [server.url, local])


def over_tls(world):
    cert, secret = make_certificate(world, "one")
    server, key = quick_start(world, "--tls-cert", cert, "--tls-key", secret)
    assert server.url.startswith("https://"), server.url
    for number, (title, probe, status, name) in enumerate(PROBES):
        check_refused(told(server.url, probe + spend(key, number)), title, status, name)
    answer = told(server.url, spend(key, "good").replace(
        b"Host: h\r\n", b"Host: h\r\nConnection: close\r\n"))
    assert answer.startswith(b"HTTP/1.1 201 "), answer


TESTS = {
    "odd requests are refused by TCP and by the local socket": in_the_clear,
    "odd requests are refused over TLS": over_tls,
}
