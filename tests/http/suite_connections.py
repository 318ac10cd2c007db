# SPDX-License-Identifier: Apache-2.0
"""Connections: kept, shared, pipelined; 100-continue; bodies up to the limit; time-outs."""
import json
import pathlib
import socket

import harness
from harness import USD, Host, Upstream, check_books, world

DIALECTS = tuple(harness.PATH)
BODY_BYTES_MAX = 64 << 20


def _raw_request(host, path, body=b"", method="POST", *headers):
    head = [f"{method} /{host.secret}/{path} HTTP/1.1", "host: pawl", *headers,
            "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class _Wire:
    """One connection that is kept: whole answers, in order."""

    def __init__(self, host):
        self.socket = socket.create_connection(("127.0.0.1", host.port),
                                               timeout=harness.SECONDS_MAX)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, raw):
        self.socket.sendall(raw)

    def head(self):
        status = int(self.file.readline().split(b" ")[1])
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def answer(self):
        status, headers = self.head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while (size := int(self.file.readline(), 16)) > 0:
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            body = self.file.read(int(headers.get("content-length", 0)))
        return harness.Answer(status, headers, body, True)


def _body(dialect, **fields):
    return json.dumps(harness.request(dialect, **fields)).encode()


def a_clients_connection_is_kept_over_answers_of_every_kind():
    """Plain, streamed, refused, bad, free, lost: the next one is served on the same connection."""
    with world({"reply_tokens": 30}, iterations=4) as (provider, host), _Wire(host) as wire:
        steps = ((harness.PATH["anthropic"], _body("anthropic"), 200),
                 (harness.PATH["openai"], _body("openai", stream=True), 200),
                 (harness.PATH["openai"], b"{", 400),
                 ("openai/v1/images/edits", b"{}", 402),
                 (harness.PATH["responses"], _body("responses", stream=True), 200),
                 ("anthropic/v1/messages/count_tokens", b"{}", 200),
                 (harness.PATH["anthropic"], _body("anthropic"), 200),
                 (harness.PATH["anthropic"], _body("anthropic"), 402),
                 ("openai/v1/files", b"{}", 200))
        for path, body, status in steps:
            wire.send(_raw_request(host, path, body))
            answer = wire.answer()
            assert answer.status == status, (path, answer)
            assert answer.headers.get("connection", "keep-alive") != "close", (path, answer)
        check_books(provider, host)


def pipelined_requests_are_answered_in_their_order():
    """Ten at once, the first the slowest; each answer is its own."""
    with world({"reply_tokens": 10}) as (provider, host), _Wire(host) as wire:
        provider.control(queue=[{"first_ms": 150}])
        requests = [_raw_request(host, harness.PATH["openai"],
                                 _body("openai", stream=i % 2 == 1, max_tokens=i + 1))
                    for i in range(10)]
        wire.send(b"".join(requests))
        lengths = [len(wire.answer().text) for _ in range(10)]
        assert lengths == [4 * (i + 1) for i in range(10)], lengths
        check_books(provider, host)


def connections_to_the_provider_are_used_again():
    """Twenty calls, one after the other, from connections of their own: one connection upstream."""
    body = json.dumps({"model": "claude-sonnet-4-5", "content": [],
                       "usage": {"input_tokens": 10, "output_tokens": 2}}).encode()
    reply = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
             % len(body)) + body
    with Upstream(reply, keeps=True) as upstream, Host(upstream, usd=USD) as host:
        for _ in range(20):
            assert host.call("anthropic").status == 200
        assert host.get("anthropic/v1/models").status == 200
        assert (len(upstream.requests), upstream.connections) == (21, 1)
        host.settle()


def a_client_that_waits_for_100_continue_gets_it():
    """Before it sends its body, and once; a body that comes without waiting is fine as well."""
    with world({"reply_tokens": 10}) as (provider, host), _Wire(host) as wire:
        for dialect in DIALECTS:
            body = _body(dialect)
            raw = _raw_request(host, harness.PATH[dialect], body, "POST", "expect: 100-continue")
            wire.send(raw[:-len(body)])
            assert wire.head()[0] == 100
            wire.send(body)
            assert wire.answer().status == 200
            wire.send(raw)
            answer = wire.answer()
            assert (wire.answer() if answer.status == 100 else answer).status == 200
        check_books(provider, host)


def a_body_that_is_announced_too_large_is_refused_before_it_is_sent():
    """413 instead of 100: nobody uploads what nobody takes."""
    with world() as (provider, host), _Wire(host) as wire:
        head = [f"POST /{host.secret}/{harness.PATH['openai']} HTTP/1.1", "host: pawl",
                "expect: 100-continue", f"content-length: {BODY_BYTES_MAX + 1}"]
        wire.send("\r\n".join(head).encode() + b"\r\n\r\n")
        answer = wire.answer()
        assert answer.status == 413, answer
        assert provider.ledger()["calls"] == []


def _memory_kib(host):
    status = pathlib.Path(f"/proc/{host.process.pid}/status").read_text(encoding="ascii")
    rows = dict(line.split(":", 1) for line in status.splitlines())
    return int(rows["VmHWM"].split()[0])


def prompts_of_megabytes_pass_and_leave_no_memory_behind():
    """One of 10 MB, then one close to the limit: both arrive whole. What it takes is bounded."""
    with world({"reply_tokens": 5}, usd=500 * USD) as (provider, host):
        for dialect in ("anthropic", "responses"):
            answer = host.call(dialect, text="lorem ipsum " * 850_000)
            assert answer.status == 200, answer.body[:300]
        host.settle()
        counted = [row["billed"]["input"] for row in provider.ledger()["calls"]]
        booked = [row["metadata"]["usage"]["input"] for row in host.settlements()]
        assert booked == counted == [2_550_004] * 2, (booked, counted)
    with world({"reply_tokens": 5}, usd=500 * USD) as (provider, host):
        text = "x" * (BODY_BYTES_MAX - 1000)
        answer = host.call("anthropic", text=text)
        assert answer.status == 200, answer.body[:300]
        assert _memory_kib(host) < 6 * BODY_BYTES_MAX // 1024, _memory_kib(host)
        host.settle()
        assert host.settlements()[0]["metadata"]["usage"]["input"] == 16_776_970
        too_large = host.call("anthropic", text=text + "x" * 2000)
        assert too_large.status == 413 and too_large.json["limit"] == BODY_BYTES_MAX, too_large


def a_provider_that_falls_silent_is_given_up():
    """Before its head: 502, booked at the hold. In mid-stream: broken off, booked by what came."""
    with world({"reply_tokens": 200, "hang_head": True}, idle=200) as (provider, host):
        for stream in (False, True):
            answer = host.call("anthropic", stream=stream)
            assert answer.status == 502 and answer.reason == "unreachable", answer
            assert "no byte for the idle time" in answer.error["message"], answer.error
        host.settle()
        ends = [(row["type"], row["metadata"]["end"]) for row in host.settlements()]
        assert ends == [("COMMIT", "unknown")] * 2, ends
    with world({"reply_tokens": 200, "hang_after": 12}, idle=200) as (provider, host):
        for dialect in DIALECTS:
            answer = host.call(dialect, stream=True)
            assert answer.status == 200 and not answer.whole, answer
        booked, billed = harness.settled_books(provider, host)
        assert 0 < billed <= booked, (booked, billed)


def a_provider_that_is_slow_is_waited_for():
    """As long as something comes, however little, it is not idle."""
    script = {"reply_tokens": 8, "tokens_per_event": 1, "pace_ms": 100}
    with world(script, idle=700) as (provider, host):
        assert host.call("responses", stream=True).whole
        check_books(provider, host)
