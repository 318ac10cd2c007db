# SPDX-License-Identifier: Apache-2.0
"""Compressed bodies, both ways: read where they are metered, untouched where nothing is read."""
import gzip
import json
import struct
import zlib

import harness
from harness import USD, Host, Upstream, check_books, headers_of, world

DIALECTS = tuple(harness.PATH)


def _raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _zstd(data):
    """A frame of one block that is stored as it is: the format without its compression."""
    assert len(data) < 1 << 17
    block = (len(data) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + block + data


def _br_block(data, first):
    """One block of Brotli that is stored as it is; the first one says the size of the window."""
    assert 0 < len(data) <= 1 << 16
    bits = len(data) - 1 << 3 | 1 << 19
    return (bits << 1 if first else bits).to_bytes(3, "little") + data


def _br(*pieces):
    """A Brotli stream without its compression, of one block a piece."""
    return b"".join(_br_block(piece, i == 0) for i, piece in enumerate(pieces)) + b"\x03"


CODINGS = {"br": _br, "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress,
           "Deflate": _raw_deflate, "zstd": _zstd}


def requests_may_come_in_every_coding_that_is_served():
    """The provider gets them plain, with their ceiling, and without the coding's header."""
    with world({"reply_tokens": 20}) as (provider, host):
        for dialect in DIALECTS:
            body = json.dumps(harness.request(dialect)).encode()
            for name, pack in CODINGS.items():
                answer = host.post(harness.PATH[dialect], pack(body), content_encoding=name)
                assert answer.status == 200, (dialect, name, answer)
        assert len(provider.ledger()["calls"]) == len(DIALECTS) * len(CODINGS)
        check_books(provider, host)


def what_is_not_coded_as_it_says_is_refused():
    """Cut short, of another coding, of one that is not served, of two: told apart in words."""
    body = json.dumps(harness.request("anthropic")).encode()
    cases = ((gzip.compress(body)[:-9], "gzip", "not coded as its header says"),
             (body, "zstd", "not coded as its header says"),
             (_br(body)[:-1], "br", "not coded as its header says"),
             (_br(body) + b"more", "br", "not coded as its header says"),
             (b"\x1f\x9d" + body, "compress", "gzip, deflate, zstd and br are"),
             (gzip.compress(_br(body)), "br, gzip", "one at a time"))
    with world() as (provider, host):
        for raw, name, words in cases:
            answer = host.post(harness.PATH["anthropic"], raw, content_encoding=name)
            assert answer.status == 400 and answer.reason == "body", answer
            assert words in answer.error["message"], answer.error
        assert provider.ledger()["calls"] == []


def a_body_that_explodes_is_refused_at_its_limit():
    """A hundred megabytes of zeros in a hundred kilobytes."""
    bomb = gzip.compress(b'{"model":"gpt-4o","x":"' + b"0" * (100 << 20) + b'"}')
    with world() as (provider, host):
        answer = host.post(harness.PATH["openai"], bomb, content_encoding="gzip")
        assert answer.status == 400 and "too large when decoded" in answer.error["message"], answer
        assert provider.ledger()["calls"] == []
        assert host.call("openai").status == 200


def _sse(dialect):
    """A short stream, event by event, and what it costs."""
    if dialect == "anthropic":
        events = [("message_start", {"type": "message_start", "message": {
            "model": "claude-sonnet-4-5", "usage": {"input_tokens": 100, "output_tokens": 1}}}),
                  ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {
                      "type": "text_delta", "text": "Hello"}}),
                  ("message_delta", {"type": "message_delta", "delta": {
                      "stop_reason": "end_turn"}, "usage": {"output_tokens": 10}}),
                  ("message_stop", {"type": "message_stop"})]
        cost = 100 * 300 + 10 * 1500
    else:
        usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
        done = {"id": "r", "model": "gpt-4o", "status": "completed", "output": [], "usage": usage}
        events = [("response.output_text.delta", {"type": "response.output_text.delta",
                                                  "delta": "Hello"}),
                  ("response.completed", {"type": "response.completed", "response": done})]
        cost = 100 * 250 + 10 * 1000
    return [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events], cost


def streams_that_are_compressed_anyway_are_read_event_by_event():
    """gzip and deflate with a flush behind each event: booked, and plain for the client."""
    for dialect in ("anthropic", "responses"):
        for name, bits in (("gzip", 31), ("deflate", 15), ("deflate", -15)):
            events, cost = _sse(dialect)
            packer = zlib.compressobj(wbits=bits)
            body = b"".join(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
                            for event in events) + packer.flush()
            head = (f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
                    f"content-encoding: {name}\r\ncontent-length: {len(body)}\r\n\r\n").encode()
            with Upstream(head + body) as upstream, Host(upstream, usd=USD) as host:
                answer = host.call(dialect, stream=True)
                assert answer.whole and answer.body == b"".join(events), (name, bits, answer)
                assert "content-encoding" not in answer.headers
                assert headers_of(upstream.requests[0][0])["accept-encoding"] == "identity"
                host.settle()
                assert host.spent() == cost, (name, bits, host.settlements())


def streams_in_brotli_are_read_event_by_event():
    """Of a server that compresses whatever it sends."""
    for dialect in ("anthropic", "responses"):
        events, cost = _sse(dialect)
        body = _br(*events)
        head = (f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
                f"content-encoding: br\r\ncontent-length: {len(body)}\r\n\r\n").encode()
        with Upstream(head + body) as upstream, Host(upstream, usd=USD) as host:
            answer = host.call(dialect, stream=True)
            assert answer.whole and answer.body == b"".join(events), answer
            assert "content-encoding" not in answer.headers
            host.settle()
            assert host.spent() == cost, host.settlements()


def an_answer_in_a_coding_that_nobody_reads_is_booked_at_the_hold():
    """It passes as it is, since the client may know it."""
    body = bytes(range(256)) * 10
    head = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: compress\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
    with Upstream(head + body) as upstream, Host(upstream, usd=USD) as host:
        answer = host.call("anthropic")
        assert answer.status == 200 and answer.body == body, answer
        assert answer.headers["content-encoding"] == "compress"
        host.settle()
        held = host.records("RESERVE")[0]["asked"]["TOKENS"]
        assert host.settlements()[0]["charged"]["TOKENS"] == held, host.settlements()


def free_paths_pass_compressed_bodies_untouched():
    """Both ways, with their headers, whatever is in them."""
    packed = gzip.compress(b"x" * 5000)
    head = (b"HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\nconnection: close\r\n"
            b"content-length: 9\r\n\r\n")
    with Upstream(head + b"\x28\xb5\x2f\xfdwhat?") as upstream, \
            Host(upstream, usd=USD) as host:
        answer = host.post("openai/v1/files", packed, content_encoding="gzip",
                           accept_encoding="zstd, br")
        assert answer.body == b"\x28\xb5\x2f\xfdwhat?"
        assert answer.headers["content-encoding"] == "zstd", answer.headers
        head, sent = upstream.requests[0]
        assert sent == packed and headers_of(head)["content-encoding"] == "gzip", head
        assert headers_of(head)["accept-encoding"] == "zstd, br", head
