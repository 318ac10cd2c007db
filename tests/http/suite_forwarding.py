# SPDX-License-Identifier: Apache-2.0
"""What goes along and what does not: headers, bodies, free paths, pressure from slow readers."""
import json

import harness
from harness import Echo, Host, check_books, headers_of, world


def everything_but_the_ceiling_reaches_the_provider_as_it_was():
    """A body that fits its budget is forwarded byte for byte, oddities included."""
    body = (b'{ "model" : "claude-sonnet-4-5","max_tokens":64,\n\t"messages":[{"role":"user",'
            b'"content":"lone \\ud800 surrogate, NUL \\u0000, \xe2\x82\xac"}],'
            b'"unknown":[1e400,-0]}')
    with Echo(body=b"{}") as echo, Host(echo, usd=harness.USD) as host:
        host.post("anthropic/v1/messages?beta=true", body, x_api_key="sk-secret",
                  anthropic_version="2023-06-01", anthropic_beta="a,b", x_custom="yes",
                  accept_encoding="gzip, br", connection="close, x-hop", x_hop="1")
        head, forwarded = echo.requests[0]
        assert forwarded == body, forwarded
        assert head.startswith("POST /v1/messages?beta=true HTTP/1.1"), head
        headers = headers_of(head)
        assert headers["x-api-key"] == "sk-secret" and headers["x-custom"] == "yes"
        assert headers["anthropic-beta"] == "a,b" and headers["accept-encoding"] == "identity"
        assert headers["host"] == f"127.0.0.1:{echo.port}" and "x-hop" not in headers
        assert headers["content-length"] == str(len(body))
        assert not any("pawl" in name or host.secret in value for name, value in headers.items())


def a_ceiling_is_lowered_or_put_in_where_it_stands():
    """Nothing else of the body changes."""
    with Echo(body=b"{}") as echo, Host(echo, usd=1_000_000) as host:
        cases = (
            ("anthropic", b'{"max_tokens" : 99999 ,"model":"claude-sonnet-4-5","messages":[]}',
             b'{"max_tokens" : %d ,"model":"claude-sonnet-4-5","messages":[]}'),
            ("anthropic", b'{"model":"claude-sonnet-4-5","messages":[]}',
             b'{"max_tokens":%d,"model":"claude-sonnet-4-5","messages":[]}'),
            ("openai", b'{"model":"gpt-4o","messages":[]}',
             b'{"max_completion_tokens":%d,"model":"gpt-4o","messages":[]}'),
            ("openai", b'{"model":"gpt-4o","max_tokens":99999,"messages":[]}',
             b'{"model":"gpt-4o","max_tokens":%d,"messages":[]}'),
            ("openai", b'{"model":"gpt-4o","max_completion_tokens":null,"messages":[]}',
             b'{"model":"gpt-4o","max_completion_tokens":%d,"messages":[]}'),
        )
        for dialect, given, expected in cases:
            host.post(harness.PATH[dialect], given)
            forwarded = echo.requests[-1][1]
            ceiling = host.records("RESERVE")[-1]["metadata"]["output_sent"]
            assert 256 <= ceiling < 1000, ceiling
            assert forwarded == expected % ceiling, forwarded


def usage_is_asked_for_in_every_stream():
    """Put in, or put right, for OpenAI; never for Anthropic, never without a stream."""
    with Echo(body=b"{}") as echo, Host(echo, usd=harness.USD) as host:
        cases = (
            ({}, {"include_usage": True}),
            ({"stream_options": {}}, {"include_usage": True}),
            ({"stream_options": None}, {"include_usage": True}),
            ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
            ({"stream_options": {"x": 1}}, {"include_usage": True, "x": 1}),
        )
        for fields, expected in cases:
            body = {**harness.request("openai", stream=True), **fields}
            host.post(harness.PATH["openai"], body)
            assert json.loads(echo.requests[-1][1])["stream_options"] == expected
        host.call("openai")
        assert "stream_options" not in json.loads(echo.requests[-1][1])
        host.call("anthropic", stream=True)
        assert "stream_options" not in json.loads(echo.requests[-1][1])


def server_tools_get_a_bound():
    """A search without max_uses gets one; one that is too generous is lowered."""
    with Echo(body=b"{}") as echo, Host(echo, usd=20 * harness.USD) as host:
        search = {"type": "web_search_20250305", "name": "web_search"}
        host.call("anthropic", tools=[search])
        assert json.loads(echo.requests[-1][1])["tools"][0]["max_uses"] == 5
        small = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
        host.call("anthropic", tools=[small])
        assert json.loads(echo.requests[-1][1])["tools"][0]["max_uses"] == 2
    with Echo(body=b"{}") as echo, Host(echo, usd=harness.USD // 5) as host:
        many = {"type": "web_search_20250305", "name": "web_search", "max_uses": 50}
        host.call("anthropic", tools=[many])
        assert 1 <= json.loads(echo.requests[-1][1])["tools"][0]["max_uses"] < 50


def free_paths_pass_untouched():
    """Method, query, headers, coding and body, in both directions."""
    head = b"content-encoding: br\r\nx-provider: yes\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
    with Echo(head=head) as echo, Host(echo, usd=harness.USD) as host:
        raw = bytes(range(256)) * 300
        answer = host.post("openai/v1/files?purpose=x", raw, content_type="multipart/form-data",
                           accept_encoding="br", authorization="Bearer sk-1")
        assert answer.body == raw and answer.headers["content-encoding"] == "br"
        assert answer.headers["x-provider"] == "yes" and answer.headers["x-pawl-run"]
        sent, body = echo.requests[0]
        assert sent.startswith("POST /v1/files?purpose=x HTTP/1.1") and body == raw
        assert headers_of(sent)["accept-encoding"] == "br"
        assert headers_of(sent)["authorization"] == "Bearer sk-1"
        assert host.get("anthropic/api/hello", method="HEAD").status == 200
        assert echo.requests[1][0].startswith("HEAD /api/hello HTTP/1.1")
        assert host.get("openai/v1/files/file-1", method="DELETE").status == 200
        assert host.get("gemini/v1beta/models?key=k").status == 200
        assert echo.requests[3][0].startswith("GET /v1beta/models?key=k HTTP/1.1")
        state = host.state()
        assert state["passed"] == 4 and state["calls"] == 0 and host.spent() == 0


def redirects_take_nobody_past_pawl():
    """A model call is refused with the address to set; a free path keeps its status only."""
    elsewhere = b"https://user:pass@api.example.com/v1/messages?key=secret#x"
    for status in (b"301 Moved", b"302 Found", b"303 See", b"307 Temporary", b"308 Permanent"):
        head = b"location: " + elsewhere + b"\r\nrefresh: 0;url=" + elsewhere + b"\r\n"
        with Echo(head, b"gone", status) as echo, Host(echo, usd=harness.USD) as host:
            for dialect in harness.PATH:
                answer = host.call(dialect, stream=dialect != "anthropic")
                assert answer.status == 502 and answer.reason == "unreachable", answer
                message = answer.error["message"]
                assert "redirects to https://api.example.com/v1/messages," in message, message
                assert answer.headers["x-should-retry"] == "false", answer.headers
                assert b"secret" not in answer.body and b"pass@" not in answer.body, answer.body
            passed = host.post("anthropic/v1/messages/count_tokens", {"messages": []})
            assert passed.status == int(status[:3]) and passed.body == b"gone", passed
            for answer in (passed, host.get("openai/v1/models")):
                assert "location" not in answer.headers and "refresh" not in answer.headers
            host.settle()
            assert host.spent() == 0 and len(echo.requests) == len(harness.PATH) + 2
            ends = host.settlements()
            assert [row["type"] for row in ends] == ["RELEASE"] * len(harness.PATH), ends
            assert "secret" not in json.dumps(host.records())
    with Echo(status=b"304 Not Modified", body=b"") as echo, Host(echo, usd=harness.USD) as host:
        assert host.call("anthropic").status == 304
        host.settle()
        assert host.spent() == 0


def a_slow_reader_slows_the_provider_and_loses_nothing():
    """Back-pressure all the way: the stream is longer than every buffer on its way."""
    script = {"reply_tokens": 120_000, "tokens_per_event": 200, "bytes_per_token": 16}
    with world(script, usd=10 * harness.USD) as (provider, host):
        call = host.start("anthropic", stream=True, max_tokens=128_000)
        while len(call.received) < 200_000:
            assert call.read_some(1024)
        answer = call.finish()
        assert answer.whole and len(answer.text) == 120_000 * 16
        check_books(provider, host)


def a_huge_prompt_goes_through_when_it_is_paid_for():
    """Ten megabytes in, under a cap that covers them."""
    with world({"reply_tokens": 10}, usd=100 * harness.USD) as (provider, host):
        answer = host.call("openai", text="\u20ac word " * 1_200_000)
        assert answer.status == 200, answer.body
        check_books(provider, host)


def pictures_are_counted_by_size_and_not_by_bytes():
    """A picture of a megabyte costs what its pixels cost, so a small budget is enough."""
    png = ("iVBORw0KGgoAAAANSUhEUgAABQAAAALQCAYAAADPfd1WAAAA" + "A" * 1_000_000)
    picture = {"type": "image",
               "source": {"type": "base64", "media_type": "image/png", "data": png}}
    with world({"reply_tokens": 10, "input_tokens": 1240}, usd=4_000_000) as (provider, host):
        answer = host.call("anthropic", messages=[{"role": "user", "content": [picture]}])
        assert answer.status == 200, answer.body
        estimate = host.records("RESERVE")[0]["metadata"]["input_estimate"]
        assert 1229 <= estimate < 1600, estimate
        check_books(provider, host)
