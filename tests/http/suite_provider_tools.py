# SPDX-License-Identifier: Apache-2.0
"""Tools that OpenAI runs and bills beside the answer: pictures, MCP servers."""
import json

import harness
from harness import USD, Host, Upstream

PATH = harness.PATH["responses"]
TOKENS = 100 * 250 + 10 * 1000  # of each answer here, by gpt-4o
PICTURE = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBO"}
# $5 and $40 a million tokens: the longest prompt, and the dearest picture of the oldest model.
DRAWN_AT_MOST = 8192 * 500 + 6240 * 4000


def _body(tools, **fields):
    return {"model": "gpt-4o", "input": "A cat, please.", "tools": tools, "max_output_tokens": 100,
            **fields}


def _whole(output=(), **fields):
    """An upstream's answer to everything."""
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    body = json.dumps({"id": "resp_1", "object": "response", "model": "gpt-4o", "error": None,
                       "status": "completed", "output": list(output), "usage": usage, **fields})
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n{body}".encode()


def _broken(*events):
    """A stream that ends behind these events."""
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close"
    return f"{head}\r\n\r\n{body}".encode()


def _held(host):
    return host.records("RESERVE")[-1]["asked"]["USD_MICROCENTS"]


def pictures_are_held_at_the_most_and_booked_as_told():
    """As many as the tools may be used; what they used stands beside the usage."""
    told = {"input_tokens": 60, "input_tokens_details": {"image_tokens": 40, "text_tokens": 20},
            "output_tokens": 1056, "total_tokens": 1116}
    answer = _whole([PICTURE], tools=[{"type": "image_generation", "model": "gpt-image-1"}],
                    tool_usage={"image_gen": told})
    with Upstream(answer) as upstream, Host(upstream, usd=20 * USD, tokens=10**7) as host:
        assert host.post(PATH, _body([{"type": "image_generation"}])).status == 200
        sent = json.loads(upstream.requests[0][1])
        assert sent["max_tool_calls"] == 5, sent
        assert _held(host) > 5 * DRAWN_AT_MOST, _held(host)
        host.settle()
        spent = TOKENS + 20 * 500 + 40 * 1000 + 1056 * 4000
        assert host.spent() == spent, (host.spent(), spent)
        assert host.state()["TOKENS"]["spent"] == 110 + 60 + 1056, host.state()


def a_cheap_picture_is_held_as_one():
    """Size and quality are known: 196 tokens of gpt-image-2, at $30 a million."""
    tool = {"type": "image_generation", "model": "gpt-image-2", "quality": "low",
            "size": "1024x1024"}
    with Upstream(_whole()) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post(PATH, _body([tool], max_tool_calls=1)).status == 200
        drawn = 8192 * 500 + 196 * 3000
        assert drawn < _held(host) < drawn + 10_000_000, (_held(host), drawn)


def pictures_that_nobody_tells_of_are_booked_at_the_most():
    """In one piece, and in a stream that breaks off; where none was begun, nothing."""
    added = {"type": "response.output_item.added", "output_index": 0, "item": PICTURE}
    text = {"type": "response.output_text.delta", "output_index": 0, "delta": "No cats here."}
    with Upstream(_whole([PICTURE])) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post(PATH, _body([{"type": "image_generation"}])).status == 200
        host.settle()
        assert host.spent() == TOKENS + DRAWN_AT_MOST, host.spent()
        assert host.records("COMMIT")[0]["metadata"]["estimated"] is True
    for events, pictures in (((text, added), 1), ((text,), 0)):
        with Upstream(_broken(*events)) as upstream, Host(upstream, usd=20 * USD) as host:
            host.post(PATH, _body([{"type": "image_generation"}], stream=True))
            host.settle()
            lines = host.records("COMMIT")[0]["metadata"]["lines"]
            drawn = [line["count"] for line in lines if line["kind"] == "output_image"]
            assert drawn == [6240] * pictures, lines


def a_picture_is_input_of_what_goes_on_from_it():
    """3,779 tokens at most, beside the 110 of the answer that showed it."""
    told = {"input_tokens": 20, "output_tokens": 196, "total_tokens": 216}
    answer = _whole([PICTURE], tool_usage={"image_gen": told})
    with Upstream(answer) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post(PATH, _body([{"type": "image_generation"}])).status == 200
        host.settle()
        assert host.post(PATH, _body([], previous_response_id="resp_1")).status == 200
        estimate = host.records("RESERVE")[-1]["metadata"]["input_estimate"]
        assert 110 + 3779 <= estimate < 110 + 3779 + 200, estimate


def a_refusal_names_the_pictures():
    """One alone is too much; the words say what it is, and the next call without it fits."""
    with Upstream(_whole()) as upstream, Host(upstream, usd=10_000_000) as host:
        answer = host.post(PATH, _body([{"type": "image_generation"}]))
        assert answer.status == 402 and answer.reason == "too_big", answer
        assert "1 picture, and" in answer.error["message"], answer.error
        assert "runs it would fit" in answer.error["message"], answer.error
        assert "An input of" not in answer.error["message"], answer.error
        assert host.post(PATH, _body([])).status == 200


def a_server_that_the_provider_calls_is_held_at_the_window():
    """128,000 tokens, once more for each call; booked as counted."""
    tool = {"type": "mcp", "server_label": "x", "server_url": "https://example.com/mcp"}
    call = {"type": "mcp_call", "server_label": "x", "name": "look", "arguments": "{}"}
    listed = {"type": "mcp_list_tools", "server_label": "x", "tools": [{"name": "look"}]}
    with Upstream(_whole([listed, call])) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post(PATH, _body([tool], max_tool_calls=2)).status == 200
        assert _held(host) > 3 * 128_000 * 250, _held(host)
        host.settle()
        assert host.spent() == TOKENS, host.spent()
    with Upstream(_whole()) as upstream, Host(upstream, usd=USD // 2) as host:
        answer = host.post(PATH, _body([tool]))
        assert answer.status == 402 and answer.reason == "too_big", answer
        assert "the agent itself" in answer.error["message"], answer.error
        assert not upstream.requests, upstream.requests


def a_container_that_goes_on_is_booked_once():
    """Known by its id from the first answer on: in the next, in a request that names it, and where
    no code runs in it; one of another run is refused, and one that nobody names is a new one."""
    code = {"type": "code_interpreter_call", "container_id": "cntr_1", "code": "1+1"}
    message = {"type": "message", "content": [{"type": "output_text", "text": "2"}]}
    four = {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}
    named = {"type": "code_interpreter", "container": "cntr_1"}
    shell = {"type": "shell", "environment": {"type": "container_reference",
                                              "container_id": "cntr_1"}}
    with Upstream(_whole([code])) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post(PATH, _body([named])).reason == "unmetered"
        for tools, fee in (([four], 12_000_000), ([four], 0), ([named], 0), ([shell], 0)):
            before = host.spent()
            assert host.post(PATH, _body(tools)).status == 200
            host.settle()
            assert host.spent() - before == TOKENS + fee, (tools, host.spent() - before)
            assert _held(host) > 12_000_000, _held(host)
        upstream.reply = _whole([message])
        for context, fee in (([code], 0), ([], 12_000_000)):
            before = host.spent()
            said = [{"role": "user", "content": "And now?"}]
            assert host.post(PATH, _body([four], input=[*context, *said])).status == 200
            host.settle()
            assert host.spent() - before == TOKENS + fee, (context, host.spent() - before)


def under_a_plan_no_bound_of_tools_is_put_in():
    """As with the ceiling: what the provider would refuse. A bound that is there is lowered."""
    tool = {"type": "web_search"}
    with Upstream(_whole()) as upstream, Host(upstream, usd=20 * USD) as host:
        assert host.post("chatgpt/responses", _body([tool])).status == 200
        assert json.loads(upstream.requests[0][1]) == _body([tool]), upstream.requests
        reserve = _held(host)
        assert reserve > 5 * 1_000_000, reserve
