# SPDX-License-Identifier: Apache-2.0
"""What is booked for answers that come to their end, in every form that they come in."""
import gzip
import json

import harness
from harness import check_books, request, world

DIALECTS = tuple(harness.PATH)


def answers_are_booked_as_the_provider_bills_them():
    """Every dialect, streamed and in one piece, to the microcent."""
    with world({"reply_tokens": 200}) as (provider, host):
        for dialect in DIALECTS:
            for stream in (False, True):
                answer = host.call(dialect, stream=stream)
                assert answer.status == 200 and answer.whole, answer
                assert len(answer.text) == 800, answer.text
        check_books(provider, host)
        ends = [row["metadata"]["end"] for row in host.settlements()]
        assert ends == ["complete"] * 2 * len(DIALECTS), ends


def odd_chunking_changes_nothing():
    """An event cut at every byte, glued together, with CR LF: the same bytes, the same books."""
    for chunking, newline in (("byte", "\n"), ("lines", "\r\n"), ("joined", "\n"), (3, "\r\n"),
                              (7, "\n"), ("byte", "\r\n")):
        script = {"reply_tokens": 60, "chunking": chunking, "newline": newline, "tool_calls": 1}
        with world(script, tools=10) as (provider, host):
            for dialect in DIALECTS:
                answer = host.call(dialect, stream=True)
                assert answer.whole and len(answer.text) == 240, (chunking, answer)
            check_books(provider, host)
            assert host.state()["TOOL_CALLS"]["spent"] == len(DIALECTS)


def cached_tokens_are_priced_apart():
    """Cache reads, cache writes of both lifetimes and fresh input are disjoint and add up."""
    script = {"input_tokens": 1000, "cache_read": 5000, "cache_write_5m": 300, "reply_tokens": 10}
    with world(script) as (provider, host):
        host.call("anthropic")
        host.call("anthropic", stream=True)
        provider.control(default={**script, "cache_write_1h": 200})
        mark = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
        host.call("anthropic", system=mark)
        # No vendor bills writes for this model.
        provider.control(default={**script, "cache_write_5m": 0})
        host.call("openai")
        booked, billed = harness.settled_books(provider, host)
        assert booked == billed, (booked, billed)


def the_model_that_answers_sets_the_price():
    """An alias is priced by the name in the answer."""
    with world({"reply_tokens": 100, "answer_model": "claude-sonnet-4-5"}) as (provider, host):
        answer = host.call("anthropic", model="claude-opus-4-1")
        assert answer.status == 200
        check_books(provider, host)


def the_first_bytes_say_what_an_answer_is():
    """Events called text or JSON, and JSON called events: booked as billed, delivered as sent."""
    labels = ("text/plain", "application/json", "application/octet-stream", "text/event-stream")
    with world({"reply_tokens": 150}) as (provider, host):
        for dialect in DIALECTS:
            for label in labels:
                for chunking in ("event", "byte", "joined"):
                    provider.control(queue=[{"content_type": label, "chunking": chunking}])
                    answer = host.call(dialect, stream=True)
                    assert answer.headers["content-type"] == label, answer.headers
                    assert answer.body.rstrip().startswith((b"event:", b"data:")), answer.body
                    assert b"include_usage" not in answer.body and answer.whole
                    check_books(provider, host)
                for stream in (True, False):
                    provider.control(queue=[{"content_type": label, "in_one_piece": True}])
                    answer = host.call(dialect, stream=stream)
                    assert answer.status == 200 and answer.json["model"], answer
                    check_books(provider, host)


def events_are_not_held_back_by_what_they_are_called():
    """The first event is with the client before the second is sent."""
    with world({"reply_tokens": 50, "hang_after": 4, "content_type": "text/plain"}) as (_, host):
        call = host.start("anthropic", stream=True)
        call.read_until(b"content_block_delta")
        call.hang_up()
        host.settle(1)


def usage_that_the_client_did_not_ask_for_stays_hidden():
    """It is injected for the meter and taken out again; who asks for it gets it."""
    with world({"reply_tokens": 40}) as (provider, host):
        hidden = host.call("openai", stream=True)
        assert all(data["choices"] and "usage" not in data
                   for _, data in hidden.events if data != "[DONE]"), hidden.body
        assert hidden.events[-1][1] == "[DONE]"
        shown = host.call("openai", stream=True, stream_options={"include_usage": True})
        assert shown.events[-2][1]["usage"]["completion_tokens"] == 40
        other = host.call("openai", stream=True, stream_options={"include_usage": False})
        assert all("usage" not in data for _, data in other.events if data != "[DONE]")
        check_books(provider, host)


def odd_usage_is_never_booked_too_low():
    """Missing, null, as texts, as fractions, only at the start: booked, and marked."""
    for how in ("none", "null", "strings", "float", "early"):
        with world({"reply_tokens": 100, "usage": how}) as (provider, host):
            for dialect in DIALECTS:
                for stream in (False, True):
                    answer = host.call(dialect, stream=stream)
                    assert answer.status == 200 and len(answer.text) == 400
            booked, billed = harness.settled_books(provider, host)
            assert billed <= booked <= 40 * billed, (how, booked, billed)
            assert host.state()["overshoot"] == 0
            rows = [row["metadata"] for row in host.settlements()]
            exact = how in ("strings", "float")
            assert all(row["estimated"] != exact or how == "early" for row in rows), (how, rows)


def usage_that_lies_is_booked_as_reported():
    """The provider's own figure counts, also far above the hold: the overshoot is on record."""
    lie = {"reply_tokens": 10, "usage": {"output": 500_000}}
    with world(lie, usd=harness.USD // 10) as (provider, host):
        answer = host.call("anthropic")
        assert answer.status == 200
        booked, billed = harness.settled_books(provider, host)
        assert booked == billed, (booked, billed)
        state = host.state()
        assert state["overshoot"] == booked - harness.USD // 10, state
        refused = host.call("anthropic")
        assert refused.status == 402 and refused.reason == "spent", refused


def an_answer_that_is_compressed_anyway_is_read_all_the_same():
    """Identity is asked for; gzip that comes nevertheless is undone for meter and client."""
    with world({"reply_tokens": 90, "coding": "gzip"}) as (provider, host):
        for dialect in DIALECTS:
            answer = host.call(dialect)
            assert answer.status == 200 and len(answer.text) == 360, answer
            assert "content-encoding" not in answer.headers
        check_books(provider, host)


def a_compressed_request_is_read_and_forwarded_plain():
    """gzip on the way in; the provider gets JSON without a coding."""
    with world({"reply_tokens": 30}) as (provider, host):
        body = gzip.compress(json.dumps(request("anthropic")).encode())
        answer = host.post(harness.PATH["anthropic"], body, content_encoding="gzip")
        assert answer.status == 200, answer
        check_books(provider, host)
        broken = host.post(harness.PATH["anthropic"], body[:-9], content_encoding="gzip")
        assert broken.status == 400 and broken.reason == "body", broken
        strange = host.post(harness.PATH["anthropic"], body, content_encoding="br, gzip")
        assert strange.status == 400 and strange.reason == "body", strange


def known_beginnings_are_not_estimated_again():
    """The second turn of a conversation is bounded by what the first one was counted at."""
    for how in ("normal", "strings", "float"):
        with world({"reply_tokens": 20, "usage": how}) as (provider, host):
            first = [{"role": "user", "content": "x" * 40_000}]
            host.call("anthropic", messages=first)
            host.call("anthropic", messages=[*first, {"role": "assistant", "content": "y"},
                                             {"role": "user", "content": "z"}])
            cold, warm = [row["metadata"] for row in host.records("RESERVE")]
            assert cold["input_estimate"] > 20_000 and cold["input_known"] == 0, cold
            assert warm["input_known"] > 10_000 and warm["input_estimate"] < 10_200, warm
            check_books(provider, host)


def eight_conversations_at_once_are_booked_apart():
    """Interleaved streams of all dialects; every one gets its own text and its own bill."""
    script = {"reply_tokens": {"low": 20, "high": 200}, "pace_ms": 1}
    with world(script) as (provider, host):
        names = [DIALECTS[i % len(DIALECTS)] for i in range(8)]
        open_calls = [host.start(name, stream=True, text=f"call {i}")
                      for i, name in enumerate(names)]
        answers = [call.finish() for call in open_calls]
        assert all(answer.status == 200 and answer.whole for answer in answers)
        assert provider.ledger()["peak"] > 1
        check_books(provider, host)


# Dialect, the tier that the request names, the one that the answer tells (None: it does not), and
# what the hold and the bill are beside those of the standard rate.
TIERS = (
    ("openai", None, "default", 1, 1), ("openai", "auto", "default", 1, 1),
    ("openai", "default", None, 1, 1), ("openai", "scale", "scale", 1, 1),
    ("openai", "flex", "flex", 1, 0.5), ("openai", "flex", "default", 1, 1),
    ("openai", "flex", None, 1, 1), ("openai", "priority", "priority", 2, 2),
    ("openai", "fast", "priority", 2, 2), ("openai", "priority", "default", 2, 1),
    ("openai", "ultrafast", "ultrafast", 6, 6), ("openai", "auto", "priority", 1, 2),
    ("responses", "auto", "default", 1, 1), ("responses", "flex", "flex", 1, 0.5),
    ("responses", "priority", "priority", 2, 2), ("responses", "auto", "priority", 1, 2),
    ("anthropic", "auto", "standard", 1, 1), ("anthropic", "auto", "priority", 1, 1),
    ("anthropic", "standard_only", "standard", 1, 1), ("anthropic", None, "batch", 1, 1),
    ("gemini", None, None, 1, 1), ("gemini", "flex", "flex", 1, 0.5),
    ("gemini", "SERVICE_TIER_FLEX", None, 1, 1), ("gemini", "flex", "standard", 1, 1),
    ("gemini", "priority", "priority", 2, 2), ("gemini", "SERVICE_TIER_PRIORITY", None, 2, 2),
    ("gemini", "priority", "standard", 2, 1),
)


def _tier_answer(dialect, tier):
    """100 tokens in and 10 out, served at a tier."""
    told = {} if tier is None else {"service_tier": tier}
    if dialect == "openai":
        choice = {"index": 0, "finish_reason": "stop", "message": {}}
        body = {"model": "gpt-4o", "choices": [choice],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10}, **told}
    elif dialect == "responses":
        body = {"model": "gpt-4o", "status": "completed", "output": [], **told,
                "usage": {"input_tokens": 100, "output_tokens": 10}}
    elif dialect == "anthropic":
        body = {"type": "message", "model": "claude-sonnet-4-5", "content": [],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 100, "output_tokens": 10, **told}}
    else:
        used = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
        used |= {} if tier is None else {"serviceTier": tier}
        body = {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "Done"}]}}],
                "modelVersion": harness.GEMINI, "usageMetadata": used}
    body = json.dumps(body)
    return (f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}").encode()


def _tier_call(dialect, asked, answered):
    """What was held and what was booked."""
    with harness.Upstream(_tier_answer(dialect, answered)) as upstream, \
            harness.Host(upstream, usd=20 * harness.USD) as host:
        if dialect == "gemini":
            body = {"contents": [{"role": "user", "parts": [{"text": "Go on."}]}],
                    "generationConfig": {"maxOutputTokens": 1000}}
            body |= {} if asked is None else {"serviceTier": asked}
            answer = host.post(f"gemini/v1beta/models/{harness.GEMINI}:generateContent", body)
        else:
            limit = "max_output_tokens" if dialect == "responses" else "max_tokens"
            answer = host.call(dialect, service_tier=asked, **{limit: 1000})
        assert answer.status == 200, answer
        host.settle()
        return host.records("RESERVE")[0]["asked"]["USD_MICROCENTS"], host.spent()


def service_tiers_are_held_as_asked_and_booked_as_served():
    """A dearer tier is held for when it is asked for; a cheaper one is only believed when told."""
    standard = {dialect: _tier_call(dialect, None, None) for dialect, *_ in TIERS}
    prices = {dialect: harness.PRICES[model] for dialect, model in
              (*harness.MODEL.items(), ("gemini", harness.GEMINI))}
    for dialect, asked, answered, held_as, booked_as in TIERS:
        held, booked = _tier_call(dialect, asked, answered)
        cost = (100 * prices[dialect]["input"] + 10 * prices[dialect]["output"]) // 1_000_000
        row = (dialect, asked, answered, held, booked)
        assert booked == cost * booked_as, (row, cost)
        # The few microcents of rounding in a hold are not multiplied.
        assert abs(held - standard[dialect][0] * held_as) < 200, (row, standard[dialect])
