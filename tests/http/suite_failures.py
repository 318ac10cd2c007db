# SPDX-License-Identifier: Apache-2.0
"""Providers that fail, clients that leave, and a gateway that is killed."""
import json
import pathlib
import tempfile

import harness
import scripted
from harness import USD, Host, Upstream, check_books, world

DIALECTS = tuple(harness.PATH)


def _check_booked_at_hold(host, index):
    """But for the few microcents that a hold has for rounding."""
    held = host.records("RESERVE")[index]["asked"]
    charged = host.settlements()[index]["charged"]
    assert charged["TOKENS"] == held["TOKENS"], (charged, held)
    assert 0 <= held["USD_MICROCENTS"] - charged["USD_MICROCENTS"] < 32, (charged, held)


def _ends(host):
    return [(row["type"], row["metadata"]["end"]) for row in host.settlements()]


def errors_pass_unchanged_and_cost_nothing():
    """Status, headers and body are the provider's; the hold goes back."""
    with world() as (provider, host):
        for status, headers in ((400, {}), (401, {}), (404, {}), (429, {"retry-after": "7"}),
                                (500, {}), (529, {"x-should-retry": "true"})):
            for dialect in DIALECTS:
                provider.control(queue=[{"status": status, "headers": headers}])
                answer = host.call(dialect, stream=status % 2 == 0)
                assert answer.status == status, answer
                assert answer.error["message"] == f"scripted {status}", answer.body
                for name, value in headers.items():
                    assert answer.headers[name] == value, answer.headers
                assert "x-pawl" not in answer.headers
        host.settle()
        assert host.spent() == 0 and host.state()["open_holds"] == 0
        assert set(_ends(host)) == {("RELEASE", "error")}
        assert check_books(provider, host) == 0


def an_error_that_reports_usage_is_booked_by_it():
    """Some providers bill what failed, and say so: in the body, or in the last event."""
    used = {"anthropic": {"input_tokens": 1000, "output_tokens": 20},
            "openai": {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020},
            "responses": {"input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020}}
    cost = {"anthropic": 1000 * 300 + 20 * 1500, "openai": 1000 * 250 + 20 * 1000,
            "responses": 1000 * 250 + 20 * 1000}
    for dialect in DIALECTS:
        error = {"type": "error", "error": {"type": "api_error", "message": "it failed"},
                 "usage": used[dialect]}
        event = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
                 b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n")
        with world({"status": 500, "body": error}) as (_, host):
            assert host.call(dialect).status == 500
            host.settle()
            assert host.spent() == cost[dialect], host.settlements()
            assert _ends(host) == [("COMMIT", "error")]
        with Upstream(event) as upstream, Host(upstream, usd=USD) as host:
            assert "it failed" in host.call(dialect, stream=True).error["message"]
            host.settle()
            assert host.spent() == cost[dialect], host.settlements()


def an_error_in_mid_stream_is_booked_for_what_was_used():
    """It goes to the client as it is; what came before it is booked, from above."""
    with world({"reply_tokens": 400, "error_after": 12}) as (provider, host):
        for dialect in DIALECTS:
            answer = host.call(dialect, stream=True)
            assert answer.whole and "scripted overload" in answer.error["message"], answer
        booked, billed = harness.settled_books(provider, host)
        assert 0 < billed <= booked, (booked, billed)
        assert host.state()["overshoot"] == 0


def an_error_event_before_any_answer_costs_nothing():
    """An overload told inside a stream of status 200, before the first token."""
    with world({"reply_tokens": 400, "error_after": 0}) as (_, host):
        for dialect in DIALECTS:
            answer = host.call(dialect, stream=True)
            assert "scripted overload" in answer.error["message"], answer
        host.settle()
        assert host.spent() == 0, host.settlements()
        assert set(_ends(host)) == {("RELEASE", "error")}


def a_stream_that_breaks_off_breaks_off_for_the_client_too():
    """What was seen is booked, never less than what the provider bills."""
    with world({"reply_tokens": 400, "cut_after": 20}) as (provider, host):
        for dialect in DIALECTS:
            answer = host.call(dialect, stream=True)
            assert answer.status == 200 and not answer.whole, answer
        booked, billed = harness.settled_books(provider, host)
        assert 0 < billed <= booked < 4 * billed, (booked, billed)
        assert set(_ends(host)) == {("COMMIT", "upstream_gone")}
        assert all(row["metadata"]["estimated"] for row in host.settlements())


def an_answer_that_never_comes_is_booked_from_above():
    """Cut before its head: nobody knows what it cost, so all that was held."""
    with world({"reply_tokens": 400, "cut_head": True}) as (_, host):
        for number, stream in enumerate((True, False)):
            answer = host.call("anthropic", stream=stream)
            assert answer.status == 502 and answer.reason == "unreachable", answer
            assert "did not answer" in answer.error["message"], answer
            host.settle()
            _check_booked_at_hold(host, number)
        assert set(_ends(host)) == {("COMMIT", "unknown")}


def a_stream_that_says_nothing_is_booked_at_the_hold():
    """Not one event that could be read, broken off or not; the client gets what there was."""
    for body, length in ((b"", 0), (b"", 1), (b"data: what?\n\n", 13), (b": hello\n\n", 10)):
        head = f"content-type: text/event-stream\r\ncontent-length: {length}\r\n".encode()
        with Upstream(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body) as upstream, \
                Host(upstream, usd=USD) as host:
            answer = host.call("anthropic", stream=True)
            assert answer.status == 200 and answer.body == body, answer
            assert answer.whole == (len(body) == length), answer
            host.settle()
            _check_booked_at_hold(host, 0)


def sound_that_breaks_off_is_booked_at_the_hold():
    """It is no text, so nobody sees how many tokens came."""
    chunk = {"model": "gpt-audio", "choices": [{"index": 0, "delta": {
        "audio": {"data": "AAAA" * 200, "transcript": "Hm."}}}]}
    stream = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    stream += b"data: " + json.dumps(chunk).encode() + b"\n\n"
    with Upstream(stream) as upstream, Host(upstream, usd=USD) as host:
        host.call("openai", model="gpt-audio", modalities=["text", "audio"], stream=True,
                  max_completion_tokens=500)
        host.settle()
        usage = host.records("COMMIT")[0]["metadata"]["usage"]
        assert usage["output_audio"] == 500, usage


def no_content_is_booked_without_output():
    """204 and 205 say that nothing was written; an empty 200 says nothing."""
    with world() as (provider, host):
        for number, status in enumerate((204, 205)):
            provider.control(queue=[{"status": status, "body": ""}])
            answer = host.call("anthropic", stream=status == 205)
            assert answer.status == status and answer.body == b"", answer
            host.settle()
            held = host.records("RESERVE")[number]["metadata"]
            usage = host.settlements()[number]["metadata"]["usage"]
            assert usage["output"] == 0 and usage["input"] == held["input_estimate"], usage
    empty = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    with Upstream(empty) as upstream, Host(upstream, usd=USD) as host:
        answer = host.call("anthropic")
        assert answer.status == 200 and answer.body == b"", answer
        host.settle()
        _check_booked_at_hold(host, 0)


def an_answer_in_one_piece_that_breaks_off_is_booked_at_the_hold():
    """Half a body says nothing about what it cost."""
    with world({"reply_tokens": 400, "cut_after": 0}) as (provider, host):
        answer = host.call("anthropic")
        assert answer.status == 502 and answer.reason == "unreachable", answer
        assert "answer broke off" in answer.error["message"], answer
        booked, billed = harness.settled_books(provider, host)
        assert billed <= booked, (booked, billed)
        _check_booked_at_hold(host, 0)


def what_a_broken_answer_has_reported_is_booked():
    """All of it came and then the line broke: its figures hold, be they above the hold."""
    usage = {"prompt_tokens": 5000, "completion_tokens": 700, "total_tokens": 5700}
    body = json.dumps({"model": "gpt-4o", "usage": usage, "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"content": "Yes."}}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    broken = head + b"content-length: %d\r\n\r\n" % (len(body) + 9) + body
    with Upstream(broken) as upstream, Host(upstream, usd=USD) as host:
        answer = host.call("openai", max_completion_tokens=20)
        assert answer.status == 502 and "answer broke off" in answer.error["message"], answer
        host.settle()
        usage = host.records("COMMIT")[0]["metadata"]["usage"]
        assert usage["input"] == 5000 and usage["output"] == 700, usage


def nobody_listening_upstream_costs_nothing():
    """No connection, no cost: 502 and the hold is released."""
    with Host(None, usd=USD) as host:
        for dialect in DIALECTS:
            answer = host.call(dialect, stream=True)
            assert answer.status == 502 and answer.reason == "unreachable", answer
            assert "did not answer" in answer.error["message"]
        assert host.get("anthropic/v1/models").status == 502
        host.settle()
        assert host.spent() == 0
        assert set(_ends(host)) == {("RELEASE", "error")}


def a_client_that_hangs_up_is_booked_for_the_true_bill():
    """The answer is read to its end without it, in every phase."""
    script = {"reply_tokens": 300, "pace_ms": 2, "first_ms": 30}
    with world(script) as (provider, host):
        for number, dialect in enumerate(DIALECTS):
            waiting = host.start(dialect)
            provider.request(f"/wait?calls={3 * number + 1}")
            waiting.hang_up()
            early = host.start(dialect, stream=True)
            early.read_until(b"200 OK")
            early.hang_up()
            late = host.start(dialect, stream=True)
            late.read_until(b"content_block_delta" if dialect == "anthropic" else b"content")
            late.hang_up()
        while host.state()["in_flight"] > 0:
            pass
        check_books(provider, host)
        assert all(call["complete"] for call in provider.ledger()["calls"])
        assert {end for _, end in _ends(host)} <= {"client_gone", "complete"}


def a_drain_has_an_end():
    """A provider that hangs after the client has left is given up, and booked from above."""
    with world({"reply_tokens": 200, "hang_after": 10}, drain=100) as (provider, host):
        call = host.start("anthropic", stream=True)
        call.read_until(b"content_block_delta")
        call.hang_up()
        while host.state()["in_flight"] > 0:
            pass
        booked, billed = harness.settled_books(provider, host)
        assert 0 < billed <= booked, (booked, billed)
        assert _ends(host) == [("COMMIT", "client_gone")]


def a_provider_that_hangs_after_the_last_event_is_not_waited_for():
    """The client has everything, and the call is booked, though the connection stays open."""
    with world({"reply_tokens": 8, "hang_after": 7}) as (provider, host):
        call = host.start("anthropic", stream=True)
        call.read_until(b"message_stop")
        answer = call.finish()
        assert answer.whole, answer
        check_books(provider, host)


def a_client_that_hangs_up_behind_the_last_event_has_had_all():
    """As Codex does, which waits for no end of the connection."""
    with world({"reply_tokens": 8, "hang_after": 9}) as (provider, host):
        call = host.start("responses", stream=True)
        call.read_until(b"event: response.completed")
        call.read_until(b"\n\n")
        call.hang_up()
        while host.state()["in_flight"] > 0:
            pass
        check_books(provider, host)
        assert _ends(host) == [("COMMIT", "complete")], _ends(host)


def a_ceiling_that_is_ignored_ends_in_a_cut():
    """A provider that streams on and on is stopped; all of it is booked; nothing more goes out.

    What shows first, that no text has so few tokens or that the cap is used up, is the timing's."""
    with world({"reply_tokens": 60_000, "ignore_max": True, "tokens_per_event": 400},
               usd=USD // 20) as (provider, host):
        answer = host.call("anthropic", stream=True, max_tokens=300)
        said = answer.error["message"]
        assert answer.whole and ("beyond the ceiling" in said or "budget spent" in said), said
        host.settle()
        state = host.state()
        assert state["overshoot"] > 0 or state["USD_MICROCENTS"]["remaining"] >= 0, state
        assert provider.ledger()["calls"][0]["complete"] is False


def what_was_answered_survives_a_kill():
    """kill -9 right after 200 OK: the spend is there, as a commit or as its hold."""
    with scripted.Provider() as provider, tempfile.TemporaryDirectory() as folder:
        provider.control(prices=harness.PRICES, default={"reply_tokens": 300})
        for round_number in range(1, 4):
            with Host(provider, folder, usd=USD) as host:
                before = host.state()["USD_MICROCENTS"]
                assert host.call("anthropic").status == 200
                host.kill()
            with Host(provider, folder, usd=USD) as host:
                after = host.state()["USD_MICROCENTS"]
                used = after["spent"] + after["held"]
                billed = provider.ledger()["total"]["microcents"]
                assert used >= billed, (round_number, before, after, billed)
                assert used <= billed + round_number * 2_000_000, (after, billed)


def a_kill_in_mid_stream_leaves_the_hold():
    """What was under way is still held when the next process opens the journal."""
    with scripted.Provider() as provider, tempfile.TemporaryDirectory() as folder:
        provider.control(prices=harness.PRICES, default={"reply_tokens": 300, "pace_ms": 5})
        with Host(provider, folder, usd=USD) as host:
            calls = [host.start(dialect, stream=True) for dialect in DIALECTS]
            for call in calls:
                call.read_until(b"content")
            held = host.state()["USD_MICROCENTS"]["held"]
            assert held > 0
            host.kill()
        with Host(provider, folder, usd=USD) as host:
            state = host.state()
            assert state["USD_MICROCENTS"]["held"] == held, state
            assert provider.ledger()["total"]["microcents"] <= held
        assert (pathlib.Path(folder) / "journal").is_dir()
