# SPDX-License-Identifier: Apache-2.0
"""Every kind of no: its status, its words, its numbers, and whether it stays."""
import json
import tempfile

import harness
from harness import USD, check_books, world


def _refused(answer, reason, status=402):
    assert answer.status == status, answer
    assert answer.reason == reason, answer.headers
    assert answer.error["message"].startswith("pawl: "), answer.body
    if status == 402:
        assert answer.headers["x-should-retry"] == "false"
    return answer.error


def what_is_spent_is_refused_and_stays_refused():
    """Latches: the session is paused, later calls get the same words, free paths go on."""
    with world({"reply_tokens": 200}, usd=1_000_000) as (provider, host):
        while (answer := host.call("anthropic")).status == 200:
            pass
        error = _refused(answer, "spent")
        assert error["type"] == "billing_error" and error["details"]["limit"] == 1_000_000
        assert error["details"]["spent"] + error["details"]["fits"] <= 1_000_000
        assert host.wait_latched()["unit"] == 1
        again = _refused(host.call("openai", stream=True), "latched")
        assert again["message"] == error["message"] and again["type"] == "insufficient_quota"
        assert host.get("anthropic/v1/models").status == 200
        assert host.post("anthropic/v1/messages/count_tokens", {"messages": []}).status == 200
        assert host.state()["session_state"] == 2
        assert [note["reason"] for note in host.notes()] == ["spent"]
        assert host.notes()[0]["latched"] is True
        check_books(provider, host)


def a_raised_cap_lifts_the_latch():
    """After more money and a resumed session the same call goes through."""
    with world({"reply_tokens": 200}, usd=1_000_000) as (provider, host):
        while host.call("anthropic").status == 200:
            pass
        host.ask(f"raise {USD}", "done")
        host.ask("unlatch", "done")
        assert host.call("anthropic").status == 200
        check_books(provider, host)


def a_call_that_is_too_big_is_told_what_would_fit():
    """One huge prompt is refused and nothing latches; the second in a row does."""
    with world({"reply_tokens": 20}, usd=USD // 10) as (provider, host):
        huge = "word " * 100_000
        error = _refused(host.call("anthropic", text=huge), "too_big")
        assert "would fit" in error["message"], error
        assert host.call("anthropic").status == 200
        _refused(host.call("anthropic", text=huge), "too_big")
        _refused(host.call("openai", text=huge), "too_big")
        _refused(host.call("anthropic"), "latched")
        assert [note["latched"] for note in host.notes()] == [False, False, True]
        check_books(provider, host)


def a_thinking_budget_gives_way_to_the_ceiling():
    """It is lowered with it, as far as providers take that; where not even that fits, the call is
    too big."""
    with world({"reply_tokens": 20}, usd=USD // 10) as (provider, host):
        thinking = {"type": "enabled", "budget_tokens": 10_000}
        assert host.call("anthropic", max_tokens=16_000, thinking=thinking).status == 200
        ceiling = provider.ledger()["calls"][0]["ceiling"]
        assert 5_000 < ceiling < 10_000, ceiling
        assert provider.bodies()[0]["thinking"]["budget_tokens"] == 4096
        check_books(provider, host)
    with world({"reply_tokens": 20}, usd=USD // 80) as (provider, host):
        error = _refused(host.call("anthropic", max_tokens=16_000, thinking=thinking), "too_big")
        assert "an answer of" in error["message"], error
        assert host.call("anthropic", max_tokens=16_000).status == 200
        check_books(provider, host)


def held_calls_wait_for_a_settlement():
    """What a parallel call holds is waited for, first come first served, and then used."""
    with world({"queue": []}, usd=1_600_000) as (provider, host):
        provider.control(queue=[{"reply_tokens": 50, "hang_after": 6}],
                         default={"reply_tokens": 50})
        first = host.start("anthropic", stream=True, max_tokens=1000)
        first.read_until(b"content_block_delta")
        second = host.start("anthropic", max_tokens=1000)
        third = host.start("anthropic", max_tokens=1000)
        while host.state()["in_flight"] < 3:
            pass
        assert provider.request("/ledger")["total"]["calls"] == 1
        host.tell("settle 1")
        assert second.finish().status == 200 and third.finish().status == 200
        host.next_line(lambda line: "idle" in line)
        assert [row["call"] for row in provider.ledger()["calls"]] == [1, 2, 3]
        first.finish()


def patience_has_an_end_and_does_not_latch():
    """Waited in vain: refused as held; when the other call is done, calls go through."""
    with world({"queue": []}, usd=1_600_000, patience=200) as (provider, host):
        provider.control(queue=[{"reply_tokens": 50, "hang_after": 6}],
                         default={"reply_tokens": 50})
        first = host.start("anthropic", stream=True, max_tokens=1000)
        first.read_until(b"content_block_delta")
        error = _refused(host.call("anthropic", max_tokens=1000), "held")
        assert error["details"]["held"] > 0, error
        host.ask("settle 1", "idle")
        first.finish()
        assert host.call("anthropic", max_tokens=1000).status == 200
        assert host.latches == []


def a_client_that_leaves_the_line_is_forgotten():
    """A call whose client hangs up while it waits is never sent."""
    with world({"queue": []}, usd=1_600_000) as (provider, host):
        provider.control(queue=[{"reply_tokens": 50, "hang_after": 6}],
                         default={"reply_tokens": 50})
        first = host.start("anthropic", stream=True, max_tokens=1000)
        first.read_until(b"content_block_delta")
        second = host.start("anthropic", max_tokens=1000)
        while host.state()["in_flight"] < 2:
            pass
        second.hang_up()
        while host.state()["in_flight"] > 1:
            pass
        host.ask("settle 1", "idle")
        first.finish()
        assert len(provider.ledger()["calls"]) == 1


def iterations_are_counted_and_capped():
    """The call after the last is refused; an error before any usage gives its iteration back."""
    with world({"reply_tokens": 20}, iterations=2) as (provider, host):
        provider.control(queue=[{"status": 529}, {}, {}])
        assert host.call("anthropic").status == 529
        assert host.call("anthropic").status == 200
        assert host.call("openai").status == 200
        _refused(host.call("anthropic"), "iterations")
        assert host.state()["ITERATIONS"]["spent"] == 2
        check_books(provider, host)


def tokens_are_capped_beside_dollars():
    """The ceiling is what both units allow."""
    with world({"reply_tokens": 2000}, tokens=1500) as (provider, host):
        assert host.call("anthropic", max_tokens=4000).status == 200
        assert provider.ledger()["calls"][0]["ceiling"] < 1500
        _refused(host.call("anthropic", max_tokens=4000), "spent")
        state = host.state()
        assert 0 <= state["TOKENS"]["remaining"] < 350, state
        check_books(provider, host)


def tool_calls_beyond_the_cap_end_the_answer():
    """In a stream by the dialect's error before the call is shown; in one piece by a 402."""
    for dialect in ("anthropic", "openai"):
        for stream in (True, False):
            with world({"reply_tokens": 30, "tool_calls": 2}, tools=3) as (provider, host):
                assert host.call(dialect, stream=stream).status == 200
                cut = host.call(dialect, stream=stream)
                assert cut.whole, cut
                assert cut.status == (200 if stream else 402), cut
                assert "tool calls used up" in cut.error["message"], cut.body
                shown = json.dumps([data for _, data in cut.events]) if stream else ""
                assert "# 1" not in shown and "toolu_2_1" not in shown and "call_2_1" not in shown
                assert host.state()["TOOL_CALLS"]["spent"] == (3 if stream else 2)
                _refused(host.call(dialect), "latched")
                check_books(provider, host)


def a_deadline_is_a_refusal_that_latches():
    """When the session's time is up, nothing is forwarded."""
    with world({"reply_tokens": 10}, time=1) as (provider, host):
        error = _refused(host.call("anthropic"), "deadline")
        assert "time" in error["message"]
        _refused(host.call("anthropic"), "latched")
        assert provider.ledger()["calls"] == []


def a_stopped_run_refuses_with_the_words_it_was_given():
    """pawl_gateway_stop: waiting and new calls are refused, what is under way goes on."""
    with world({"reply_tokens": 400, "pace_ms": 5}) as (provider, host):
        running = host.start("anthropic", stream=True)
        running.read_until(b"content_block_delta")
        host.ask("stop pawl: told to stop", "stopped")
        error = _refused(host.call("anthropic"), "stopped")
        assert error["message"] == "pawl: told to stop"
        answer = running.finish()
        assert answer.whole and len(answer.text) == 1600
        check_books(provider, host)


def a_model_without_a_price_is_refused_under_a_cap():
    """With the way to add one; under caps that are no dollars it goes through."""
    with world({"reply_tokens": 10}) as (provider, host):
        error = _refused(host.call("openai", model="nobodys-model-7"), "no_price")
        line = error["message"].partition(" as in ")[2]
        assert json.loads(line)["models"][0]["match"] == "nobodys-model-7", error
        assert provider.ledger()["calls"] == []
    with world({"reply_tokens": 10}, usd=None, tokens=10_000) as (provider, host):
        assert host.call("openai", model="nobodys-model-7").status == 200
        host.settle()
        assert host.state()["TOKENS"]["spent"] == provider.ledger()["total"]["tokens"]


def paths_that_spend_and_cannot_be_metered_are_refused():
    """With the reason; Codex gets the plain text that it shows."""
    with world() as (provider, host):
        for path in ("openai/v1/images/edits", "openai/v1/images/generations",
                     "openai/v1/audio/speech", "openai/v1/videos", "anthropic/v1/complete"):
            error = _refused(host.post(path, {"model": "x"}), "unmetered")
            assert "cannot meter" in error["message"], error
        gemini = host.post("gemini/v1beta/models/imagen-4:predict", {})
        assert gemini.status == 402 and gemini.json["error"]["code"] == 402, gemini
        strange = "openai/v1/responses/resp_1/fork"
        codex = host.post(strange, {"model": "gpt-5"}, originator="codex_exec")
        assert codex.status == 400 and codex.headers["content-type"].startswith("text/plain")
        assert codex.body.startswith(b"pawl: POST /v1/responses/resp_1/fork may spend")
        _refused(host.post(strange, {"model": "gpt-5"}), "unmetered")
        assert provider.ledger()["other"] == [] and provider.ledger()["calls"] == []
        notes = host.notes()
        assert [note["reason"] for note in notes] == ["unmetered"] * 8, notes
        assert "POST /v1/images/edits may spend" in notes[0]["message"], notes
        assert "pictures, whose price" in notes[0]["message"], notes
        assert host.state()["refusals"] == 8, host.state()
    with world(hard=0) as (provider, host):
        assert host.post("openai/v1/images/edits", {"model": "x"}).status == 200


def bodies_that_ask_for_the_unbounded_are_refused():
    """Several models, tools without a bound, predictions: each with its reason."""
    mcp = {"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}]}
    advisor = {"tools": [{"type": "advisor_20260301", "name": "advisor"}]}
    with world() as (provider, host):
        for dialect, fields in (
                ("anthropic", mcp), ("anthropic", advisor), ("openai", {"models": ["a", "b"]}),
                ("openai", {"prediction": {"type": "content", "content": "x"}})):
            error = _refused(host.call(dialect, **fields), "unmetered")
            assert "asks for" in error["message"], error
        assert provider.ledger()["calls"] == []


def tools_that_the_policy_forbids_are_refused():
    """A tool that the provider runs is; one that the agent runs is not; nothing latches."""
    search = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]}
    own = {"tools": [{"name": "Bash", "input_schema": {"type": "object"}}]}
    with world({"reply_tokens": 5}, no_server_tools=1) as (provider, host):
        error = _refused(host.call("anthropic", **search), "forbidden")
        assert "the policy strict forbids tools" in error["message"], error
        assert host.call("anthropic", **own).status == 200
        assert len(provider.ledger()["calls"]) == 1 and not host.latches
        assert [note["reason"] for note in host.notes()] == ["forbidden"]
    with world({"reply_tokens": 5}) as (_, host):
        assert host.call("anthropic", **search).status == 200


def bodies_that_cannot_be_read_are_refused():
    """Not JSON, no object, a key that is read and there twice, numbers that are none."""
    with world() as (provider, host):
        path = harness.PATH["anthropic"]
        bodies = (b"", b"{", b"[]", b'{"model":"claude-sonnet-4-5"} x', b'{"messages":[]}',
                  b'{"model":"claude-sonnet-4-5","max_tokens":1,"max_tokens":100000}',
                  b'{"model":"claude-sonnet-4-5","max_tokens":-1,"messages":[]}',
                  b'{"model":"claude-sonnet-4-5","max_tokens":"many","messages":[]}',
                  b'{"model":"claude-sonnet-4-5","max_tokens":1,"messages":{}}',
                  b'{"model":"claude-sonnet-4-5","max_tokens":1,"x":"\xff"}',
                  b'{"a":' * 100 + b"1" + b"}" * 100)
        for body in bodies:
            error = _refused(host.post(path, body), "body", status=400)
            assert error["type"] == "invalid_request_error", error
        assert "nested deeper than 64 levels" in error["message"], error
        assert [note["reason"] for note in host.notes()] == ["body"] * len(bodies)
        assert host.state()["refusals"] == len(bodies), host.state()
        assert provider.ledger()["calls"] == []


def websockets_are_sent_back_to_plain_http():
    """426 at once, so that clients fall back."""
    with world() as (_, host):
        answer = host.get("openai/v1/responses", connection="Upgrade", upgrade="websocket",
                          sec_websocket_version="13", sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==")
        _refused(answer, "upgrade", status=426)
        assert [note["reason"] for note in host.notes()] == ["upgrade"]


def a_budget_that_is_too_small_for_any_call_is_called_so():
    """Nothing was spent, so it does not say that the budget is."""
    with world(usd=10_000) as (provider, host):
        error = _refused(host.call("anthropic"), "spent")
        assert "too small for this call alone" in error["message"], error
        assert "spent" not in error["message"] and provider.ledger()["calls"] == []


def a_single_one_is_named_in_the_singular():
    """1 model call, not 1 model calls."""
    with world({"reply_tokens": 5}, iterations=1) as (_, host):
        assert host.call("anthropic").status == 200
        error = _refused(host.call("anthropic"), "iterations")
        assert "1 of 1 model call used, 0 held" in error["message"], error


def a_refusal_is_durable_before_it_is_told():
    """Also where no model call was asked for: a kill right after the answer leaves the note."""
    with tempfile.TemporaryDirectory() as folder:
        with harness.Host(None, folder, usd=USD) as host:
            assert host.post("openai/v1/images/edits", {"model": "x"}).status == 402
            host.kill()
            assert [note["reason"] for note in host.notes()] == ["unmetered"]


def without_the_secret_there_is_nothing():
    """404 and not a word about what it is."""
    with world() as (provider, host):
        for path in ("/", "/wrong/anthropic/v1/messages", f"/{host.secret}",
                     f"/{host.secret[:-1]}/anthropic/v1/messages",
                     f"/{host.secret}/nobody/v1/messages"):
            call = harness.Exchange(host.port, "POST", path, {}, b"{}")
            answer = call.finish()
            assert answer.status == 404 and answer.body == b"not found\n", answer
            assert "x-pawl" not in answer.headers
        assert provider.ledger()["calls"] == []
