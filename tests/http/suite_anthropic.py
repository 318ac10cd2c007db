# SPDX-License-Identifier: Apache-2.0
"""What Anthropic's clients send and get beyond plain messages: betas, errors, threads, tools that
run at the provider."""
import json

import harness
from harness import USD, Echo, Host, Upstream, check_books, headers_of, world

BETAS = ("claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
         "advanced-tool-use-2025-11-20,effort-2025-11-24")

# Shaped like what a coding agent sends; written with blanks, so that a rewrite would show.
AGENT = b"""{ "model":"claude-sonnet-4-5", "max_tokens": 64, "stream" : true,
 "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330; cch=0"},
  {"type":"text","text":"You are a coding agent.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
 "messages":[{"role":"user","content":[{"type":"text","text":"run the steps"}]},
  {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"c2ln"},
   {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"make"}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]},
  {"role":"system","content":"Plan mode is on."}],
 "tools":[{"name":"Bash","input_schema":{"type":"object"},"defer_loading":true},
  {"type":"tool_search_tool_regex_20251119","name":"tool_search_tool_regex"},
  {"type":"memory_20250818","name":"memory"}],
 "metadata":{"user_id":"{\\"session_id\\":\\"s\\"}"}, "thinking":{"type":"adaptive"},
 "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
 "output_config":{"effort":"high"}, "service_tier":"auto", "a_field_to_come":{"b":[1e400,-0]} }"""


def an_agents_request_arrives_as_it_was_sent():
    """Body, query and headers, with both versions and both kinds of credentials."""
    cases = ({"anthropic_version": "2023-06-01", "x_api_key": "sk-ant-1"},
             {"anthropic_version": "2026-10-21", "authorization": "Bearer sk-ant-1"})
    with Echo(body=b"{}") as echo, Host(echo, usd=USD) as host:
        for headers in cases:
            more = {"anthropic_beta": BETAS, "x_claude_code_session_id": "s-1", "x_app": "cli",
                    "x_claude_code_agent_id": "a-1", "x_stainless_retry_count": "0"}
            host.post("anthropic/v1/messages?beta=true", AGENT, **headers, **more)
            head, body = echo.requests[-1]
            assert body == AGENT, body
            assert head.startswith("POST /v1/messages?beta=true "), head
            sent = {name.replace("_", "-"): value for name, value in {**headers, **more}.items()}
            got = headers_of(head)
            assert {name: got.get(name) for name in sent} == sent, got
        ceilings = [row["metadata"]["output_sent"] for row in host.records("RESERVE")]
        assert ceilings == [64, 64], ceilings


def errors_of_the_provider_pass_unchanged():
    """Status, body, retry-after, x-should-retry and limits; the hold goes back."""
    body = b'{"type":"error", "error":{"type":"overloaded_error","message":"Overloaded"},"x":[ ]}'
    head = (b"retry-after: 17\r\nx-should-retry: true\r\nrequest-id: req_1\r\n"
            b"content-type: application/json\r\n"
            b"anthropic-ratelimit-unified-5h-utilization: 0.97\r\n")
    for status in (b"429 Too Many", b"529 Overloaded", b"400 Bad", b"500 Internal"):
        with Echo(head, body, status) as echo, Host(echo, usd=USD) as host:
            for stream in (False, True):
                answer = host.call("anthropic", stream=stream)
                assert answer.status == int(status[:3]) and answer.body == body, answer
                assert answer.headers["retry-after"] == "17"
                assert answer.headers["x-should-retry"] == "true"
                assert answer.headers["request-id"] == "req_1"
                assert answer.headers["anthropic-ratelimit-unified-5h-utilization"] == "0.97"
            host.settle()
            state = host.state()["USD_MICROCENTS"]
            assert state["spent"] == state["held"] == 0, state


def what_is_free_goes_on_after_the_stop():
    """Hello, counting, models, files and what is cancelled are answered as before the latch."""
    with world({"reply_tokens": 200}, usd=1_000_000) as (provider, host):
        while host.call("anthropic").status == 200:
            pass
        calls = len(provider.ledger()["calls"])
        for _ in range(3):
            assert host.get("anthropic/api/hello", method="HEAD").status == 200
            counted = host.post("anthropic/v1/messages/count_tokens?beta=true",
                                {"model": "claude-sonnet-4-5", "messages": []})
            assert counted.status == 200 and "input_tokens" in counted.json, counted
            assert host.get("anthropic/v1/models?limit=1000").status == 200
            assert host.post("anthropic/v1/files", b"--x--").status == 200
            assert host.post("anthropic/v1/messages/batches/b/cancel", {}).status == 200
            assert host.call("anthropic", stream=True).reason == "latched"
        assert len(provider.ledger()["calls"]) == calls
        check_books(provider, host)


def threads_bring_in_what_the_provider_keeps():
    """What this run counted is known; a thread from elsewhere may fill the window."""
    with world({"reply_tokens": 50, "input_tokens": 20_000}, usd=2 * USD) as (provider, host):
        first = host.call("anthropic", thread={"type": "create"})
        go_on = {"type": "continue", "previous_message_id": first.json["id"]}
        assert host.call("anthropic", thread=go_on).status == 200
        known = host.records("RESERVE")[-1]["asked"]["TOKENS"]
        assert 20_050 < known < 60_000, known
        strange = {"type": "continue", "previous_message_id": "msg_of_another_run"}
        assert host.call("anthropic", thread=strange).status == 200
        assert host.records("RESERVE")[-1]["asked"]["TOKENS"] >= 200_000
        check_books(provider, host)


def what_nothing_bounds_is_named():
    """Other models, servers, advisors, tools that come in mid-conversation; nothing latches."""
    addition = {"type": "tool_addition",
                "tool": {"type": "tool_definition", "definition": {"type": "web_search_20260318"}}}
    late = [{"role": "user", "content": "hi"}, {"role": "system", "content": [addition]}]
    with world({"reply_tokens": 10}) as (provider, host):
        for fields, word in (({"fallbacks": "default"}, "several models"),
                             ({"mcp_servers": [{"type": "url", "url": "https://x"}]}, "MCP"),
                             ({"tools": [{"type": "advisor_20260301"}]}, "an advisor"),
                             ({"tools": [{"type": "of_next_year_20270101"}]}, "at the provider"),
                             ({"messages": late}, "mid-conversation")):
            answer = host.call("anthropic", **fields)
            assert answer.status == 402 and answer.reason == "unmetered", (fields, answer)
            assert word in answer.error["message"], answer.error
        assert provider.ledger()["calls"] == [] and host.latches == []
        assert host.post(harness.PATH["anthropic"], AGENT).status == 200


CODE = {"type": "code_execution_20250825", "name": "code_execution"}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
RAN = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}}


def _answer(*blocks, input_tokens=100, **usage):
    """An upstream's answer to everything, in one piece."""
    usage = {"input_tokens": input_tokens, "output_tokens": 10, **usage}
    body = json.dumps({"type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
                       "content": list(blocks), "stop_reason": "end_turn", "usage": usage})
    return (f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}").encode()


def code_in_a_container_is_held_and_its_time_booked():
    """Five minutes at $0.05 an hour where code ran; no fee beside a search that runs code itself,
    and none where none ran."""
    newer = {"type": "web_search_20260209", "name": "web_search", "max_uses": 1}
    said = {"type": "text", "text": "2"}
    for blocks, tools, fee in (((RAN, said), [CODE], 416_667), ((said,), [CODE], 0),
                               ((RAN, said), [CODE, newer], 0)):
        with Upstream(_answer(*blocks)) as upstream, Host(upstream, usd=20 * USD) as host:
            assert host.call("anthropic", tools=tools).status == 200
            host.settle()
            assert host.spent() == 100 * 300 + 10 * 1500 + fee, host.spent()
            asked = host.records("RESERVE")[0]["asked"]
            # Ten runs, each of which reads all before it and 2,000 tokens of the ones before.
            assert asked["TOKENS"] > 55 * 2000, asked
            assert asked["USD_MICROCENTS"] > asked["TOKENS"] * 300 + (fee > 0) * 416_667, asked


def code_is_held_as_settled_calls_had_it():
    """The first calls hold ten runs, later ones what was seen."""
    with Upstream(_answer(RAN)) as upstream, Host(upstream, usd=20 * USD) as host:
        for _ in range(9):
            assert host.call("anthropic", tools=[CODE]).status == 200
            host.settle()
        asked = [row["asked"]["TOKENS"] for row in host.records("RESERVE")]
        # Three runs are six times 2,000 tokens, and four times the context.
        assert asked[-1] < asked[0] / 3, asked


def what_tools_read_again_teaches_nothing_about_text():
    """After an answer for which the context was read over and over, text is held as before it."""
    usage = {"server_tool_use": {"web_search_requests": 2}}
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    with Upstream(_answer(use, input_tokens=90_000, **usage)) as upstream, \
            Host(upstream, usd=20 * USD) as host:
        assert host.call("anthropic", text="Say something.").status == 200
        host.settle()
        first = host.records("RESERVE")[0]["asked"]["TOKENS"]
    with Upstream(_answer(use, input_tokens=90_000, **usage)) as upstream, \
            Host(upstream, usd=20 * USD) as host:
        for _ in range(3):
            assert host.call("anthropic", tools=[SEARCH]).status == 200
            host.settle()
        assert host.call("anthropic", text="Say something.").status == 200
        last = host.records("RESERVE")[-1]["asked"]["TOKENS"]
    assert last < first + 2000, (first, last)


def a_stream_that_breaks_off_behind_a_search_is_booked_with_what_was_held():
    """What the search brought in is told at the end, which does not come."""
    start = {"type": "message_start", "message": {
        "model": "claude-sonnet-4-5", "usage": {"input_tokens": 100, "output_tokens": 1}}}
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    opened = {"type": "content_block_start", "index": 0, "content_block": use}
    for events, searches in (((start,), 0), ((start, opened), 1)):
        stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                         for event in events)
        head = ("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                "content-length: 99999\r\n\r\n")
        with Upstream((head + stream).encode()) as upstream, \
                Host(upstream, usd=20 * USD) as host:
            host.call("anthropic", stream=True, tools=[SEARCH])
            host.settle()
            held = host.records("RESERVE")[0]
            booked = host.settlements()[0]["charged"]
            if searches == 0:
                assert booked["TOKENS"] < 2000, booked
            else:
                assert booked["TOKENS"] > held["asked"]["TOKENS"] - 2000, (booked, held)
                assert booked["USD_MICROCENTS"] >= booked["TOKENS"] * 300 + 1_000_000, booked
