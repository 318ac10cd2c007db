# SPDX-License-Identifier: Apache-2.0
"""The two figures that a hard cap is judged by: overshoot and utilisation, measured together.

Every worker asks for far more output than it gets, as agents do, and goes on until the cap says
that nothing useful fits any more. Then: nothing was overshot, pawl and the provider agree to the
microcent, and at least 95 % of the cap was usable.
"""
import random
import threading
import time

import harness
from harness import USD, check_books, world

FINAL = ("spent", "latched", "stopped")
USABLE_PERMILLE = 950


class _Worker(threading.Thread):
    """Calls until it is told that all is spent."""

    def __init__(self, host, seed, dialects, streams, hang_up_share=0.0):
        super().__init__()
        self.host, self.rng = host, random.Random(seed)
        self.dialects, self.streams, self.hang_up_share = dialects, streams, hang_up_share
        self.answered, self.reasons, self.error = 0, [], None

    def run(self):
        try:
            while not self.reasons or self.reasons[-1] not in FINAL:
                self.step()
        except Exception as error:  # Told by the thread that joins.
            self.error = error

    def step(self):
        dialect = self.rng.choice(self.dialects)
        stream = self.rng.choice(self.streams)
        limit = "max_tokens" if dialect == "anthropic" else "max_completion_tokens"
        text = "look at this: " + "code " * self.rng.randint(1, 200)
        call = self.host.start(dialect, stream=stream, text=text,
                               **{limit: self.rng.choice((4096, 32_000, 128_000))})
        if stream and self.rng.random() < self.hang_up_share:
            call.read_some(600)
            if call.received.startswith(b"HTTP/1.1 200"):
                call.hang_up()
                return
        answer = call.finish()
        assert answer.whole and answer.status in (200, 402), answer
        if answer.status == 402:
            self.reasons.append(answer.reason)
        else:
            self.answered += 1


def _run(count, script, cap=USD, dialects=("anthropic",), streams=(True, False), hang_up=0.0,
         **options):
    with world(script, usd=cap, **options) as (provider, host):
        workers = [_Worker(host, f"{harness.SEED}/{i}", dialects, streams, hang_up)
                   for i in range(count)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(harness.SECONDS_MAX)
            assert worker.error is None, worker.error
            assert not worker.is_alive(), "a worker was never told to stop"
        booked, billed = harness.settled_books(provider, host)
        state, peak = host.state(), provider.ledger()["peak"]
        answered = sum(worker.answered for worker in workers)
        print(f"   {count} at once (peak {peak}): {answered} answers, used "
              f"{booked * 1000 / cap / 10:.2f} %, overshoot {state['overshoot']}", flush=True)
        assert booked == billed, (booked, billed)
        assert state["overshoot"] == 0 and booked <= cap, state
        assert booked * 1000 >= cap * USABLE_PERMILLE, (booked, cap)
        assert len(host.latches) == 1, host.latches
        return host, peak


def one_client_with_short_answers():
    """The simplest loop: constant answers, one at a time."""
    _run(1, {"reply_tokens": 300})


def one_client_with_skewed_answers():
    """Most answers short, some very long, every ceiling far above."""
    _run(1, {"reply_tokens": {"median": 300, "sigma": 1.2}})


def one_client_with_long_answers():
    """A few answers are the whole budget."""
    _run(1, {"reply_tokens": {"low": 2000, "high": 12_000}, "tokens_per_event": 64})


def eight_clients_with_skewed_answers():
    """Streams and answers in one piece, mixed, at once."""
    _, peak = _run(8, {"reply_tokens": {"median": 300, "sigma": 1.2}, "pace_ms": 1})
    assert peak >= 4, "they did not run at once"


def eight_streams_with_skewed_answers():
    """Only streams, paced as real ones are."""
    _run(8, {"reply_tokens": {"median": 400, "sigma": 1}, "pace_ms": 2, "tokens_per_event": 16},
         streams=(True,))


def eight_streams_that_arrive_in_one_burst():
    """A provider that sends all at once is the worst that can happen to a growing hold."""
    _run(8, {"reply_tokens": {"median": 400, "sigma": 1}, "chunking": "joined"}, streams=(True,))


def eight_clients_with_long_answers():
    """Each answer is a good part of what is left."""
    _run(8, {"reply_tokens": {"low": 1000, "high": 8000}, "tokens_per_event": 64, "first_ms": 3},
         cap=2 * USD)


def eight_clients_of_both_dialects_some_hanging_up():
    """A tenth of the streams is left early, and booked for the true bill all the same."""
    _run(8, {"reply_tokens": {"median": 300, "sigma": 1}, "tokens_per_event": 32},
         dialects=("anthropic", "openai"), hang_up=0.1)


def growing_holds_let_many_long_streams_share_a_cap():
    """When a model is known, streams hold what they use; nothing is overshot when all run long."""
    limits = {"max_tokens": 60_000, "stream": True}
    with world({"reply_tokens": 120, "pace_ms": 10, "tokens_per_event": 4},
               usd=4 * USD) as (provider, host):
        for _ in range(5):
            calls = [host.start("anthropic", text=f"lesson {i}", **limits) for i in range(8)]
            assert all(call.finish().whole for call in calls)
        provider.control(default={"reply_tokens": 900, "pace_ms": 10, "tokens_per_event": 20})
        calls = [host.start("anthropic", text=f"long {i}", **limits) for i in range(8)]
        assert all(len(call.finish().text) == 3600 for call in calls)
        host.settle()
        modes = [row["metadata"]["mode"] for row in host.records("RESERVE")[-8:]]
        grown = host.records("GROW")
        print(f"   the long ones: {modes.count('extend')} in extend mode, {len(grown)} times grown")
        assert "extend" in modes and grown, modes
        booked, billed = harness.settled_books(provider, host)
        assert booked == billed and host.state()["overshoot"] == 0, (booked, billed)


def eight_clients_of_a_provider_with_instructions_of_its_own():
    """Thousands of tokens in each prompt that no byte of the request explains."""
    _run(8, {"reply_tokens": 200, "input_tokens": 3000})


def eight_clients_under_a_token_cap():
    """Tokens bind before dollars do."""
    with world({"reply_tokens": {"median": 300, "sigma": 1}}, usd=None, tokens=100_000) \
            as (provider, host):
        workers = [_Worker(host, f"{harness.SEED}/{i}", ("anthropic",), (True, False))
                   for i in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(harness.SECONDS_MAX)
            assert worker.error is None and not worker.is_alive(), worker.error
        host.settle()
        tokens = host.state()["TOKENS"]
        assert tokens["spent"] == provider.ledger()["total"]["tokens"], tokens
        assert tokens["remaining"] >= 0 and tokens["spent"] >= 95_000, tokens


def _streams_at_once(host, count, output):
    """So many streams that ask for so much, all begun before one is answered: their statuses."""
    calls = [host.start("anthropic", stream=True, max_tokens=output, text=f"stream {i}")
             for i in range(count)]
    return [call.finish().status for call in calls]


def _bursts_after_slow_streams(count, output):
    """Forty slow streams teach a pace; then the provider answers in bursts up to each ceiling.

    A hold that grows would come too late: what a stream was promised must have been its own."""
    slow = {"reply_tokens": 300, "pace_ms": 5, "tokens_per_event": 30}
    with world(slow, usd=USD) as (provider, host):
        for _ in range(10):
            assert _streams_at_once(host, 4, 400) == [200] * 4
        provider.control(default={"reply_tokens": output, "pace_ms": 0, "tokens_per_event": 500})
        statuses = _streams_at_once(host, count, output)
        booked, billed = harness.settled_books(provider, host)
        state = host.state()
        modes = [row["metadata"]["mode"] for row in host.records("RESERVE")[40:]]
        print(f"   {count} bursts of {output}: {statuses.count(200)} answers, used "
              f"{billed * 100 / USD:.2f} %, overshoot {state['overshoot']}", flush=True)
        assert "extend" in modes, modes
        assert set(statuses) <= {200, 402}, statuses
        assert booked == billed <= USD, (booked, billed)
        assert state["overshoot"] == 0, state


def two_bursts_after_slow_streams():
    """Each of them could buy all that is left; together they must not."""
    _bursts_after_slow_streams(2, 60_000)


def eight_bursts_after_slow_streams():
    """Eight at once share what is left and never spend more than it."""
    _bursts_after_slow_streams(8, 16_000)


def _until_refused(host, text="look at this", **fields):
    """One call after another, each with a text of its own: how many were answered."""
    for number in range(1000):
        answer = host.call("anthropic", text=f"{number} {text}", **fields)
        assert answer.whole, answer
        if answer.status == 402:
            return number
    raise AssertionError("the cap was never reached")


def a_provider_that_ignores_ceilings_is_trusted_once():
    """After the first answer of three times its ceiling the holds cover that.

    What is left behind the last one is a fifth of an answer at least, so that its text may be
    counted at its most: then no stream is cut, whether its events come at once or one by one."""
    for pace_ms in (0, 1):
        script = {"reply_tokens": 3000, "ignore_max": True, "tokens_per_event": 100,
                  "pace_ms": pace_ms}
        for cap in (USD // 10, USD // 8, USD * 33 // 100):
            with world(script, usd=cap) as (provider, host):
                answered = _until_refused(host, stream=True, max_tokens=1000)
                booked, billed = harness.settled_books(provider, host)
                assert answered >= 2 and booked == billed <= cap, (answered, booked, billed)
                assert host.state()["overshoot"] == 0


def what_streams_have_beyond_their_ceilings_nobody_else_gets():
    """Eight answers of five times their ceilings, cold: their holds follow, and a ninth is refused.

    The provider stops in the middle of all of them, so that what they hold then is known: at least
    1.5 tokens for each that was sent, behind which the cap has room for no ninth."""
    script = {"reply_tokens": 2000, "ignore_max": True, "stop_after": [2, 243],
              "bytes_per_token": 0}
    cap = USD * 400 // 1000
    with world(script, usd=cap) as (provider, host):
        calls = [host.start("anthropic", stream=True, max_tokens=400, text=f"{i}")
                 for i in range(8)]
        provider.request("/wait?calls=8")
        provider.control(go=1)
        for call in calls:
            while call.received.count(b"event: content_block_delta") < 240:
                assert call.read_some(65536), call.received[-400:]
        until = time.monotonic() + harness.SECONDS_MAX
        while host.state()["USD_MICROCENTS"]["held"] < 8 * 1920 * 3 // 2 * 1500:
            assert time.monotonic() < until, host.state()
        ninth = host.post(harness.PATH["anthropic"], harness.request("anthropic", max_tokens=4000),
                          x_stainless_timeout="11")
        assert ninth.status == 402 and ninth.reason == "held", ninth
        provider.control(go=2)
        assert all(call.finish().whole for call in calls)
        booked, billed = harness.settled_books(provider, host)
        state = host.state()
        assert provider.ledger()["total"]["calls"] == 8, provider.ledger()
        assert booked == billed <= cap and state["overshoot"] == 0, (booked, billed, state)
        assert len(host.records("GROW")) >= 8


def a_stream_is_cut_when_nothing_pays_for_what_it_has_beyond_its_ceiling():
    """Once a model's text is known, the cut comes soon, and takes no more than a few cents."""
    with world({"reply_tokens": 500}, usd=USD // 2) as (provider, host):
        for number in range(10):
            assert host.call("anthropic", text=f"{number}").status == 200
        provider.control(default={"reply_tokens": 60_000, "ignore_max": True, "pace_ms": 4,
                                  "tokens_per_event": 20})
        answer = host.call("anthropic", stream=True, max_tokens=40_000)
        assert answer.whole and "pawl" in answer.error["message"], answer.body[-300:]
        booked, billed = harness.settled_books(provider, host)
        assert USD * 499 // 1000 < booked <= billed * 108 // 100, (booked, billed)
        assert billed <= USD * 53 // 100, billed  # a busy machine reads half a second at once
        assert host.call("anthropic").status == 402


def a_stream_that_nobody_is_in_the_way_of_is_not_told_of_others():
    """The input was far smaller than its bound and all there is was held for it, so a call
    that is smaller fits once the stream is cut; nobody else is under way, and no words say so."""
    script = {"reply_tokens": 60_000, "ignore_max": True, "pace_ms": 10, "tokens_per_event": 20,
              "input_tokens": 100}
    with world(script, usd=USD // 10) as (provider, host):
        answer = host.call("anthropic", stream=True, max_tokens=60_000, text="some words " * 4000)
        assert answer.whole, answer.body[-300:]
        assert "other calls" not in answer.error["message"], answer.error
        assert "A call that is smaller fits" in answer.error["message"], answer.error
        provider.control(default={"reply_tokens": 10})
        assert host.call("anthropic", max_tokens=300).status == 200


def the_first_stream_of_a_model_ends_within_the_cap_though_nothing_is_known():
    """It has no end, and two fifths more tokens than o200k_base makes of its text."""
    script = {"reply_tokens": 200_000, "ignore_max": True, "pace_ms": 2, "tokens_per_event": 50,
              "bytes_per_token": 3}
    for dialect, fields in (("anthropic", {"max_tokens": 8000}),
                            ("openai", {"model": "gpt-4-turbo", "max_tokens": 8000})):
        with world(script, usd=USD // 2) as (provider, host):
            answer = host.call(dialect, stream=True, **fields)
            assert answer.whole and "pawl" in answer.error["message"], answer.body[-300:]
            booked, billed = harness.settled_books(provider, host)
            assert billed <= USD // 2 and booked >= billed, (booked, billed)
            assert USD * 499 // 1000 <= booked <= USD * 502 // 1000, booked
            assert host.call(dialect, **fields).status == 402


def the_first_stream_of_a_model_comes_to_its_ceiling_at_a_caps_end():
    """It keeps to it, so it is not cut, however its text is counted."""
    for width in (0, 3):
        script = {"reply_tokens": 60_000, "tokens_per_event": 50, "bytes_per_token": width}
        for dialect in ("anthropic", "openai", "responses"):
            with world(script, usd=USD // 5) as (provider, host):
                answer = host.call(dialect, stream=True)
                call, = provider.ledger()["calls"]
                assert answer.whole and b"pawl" not in answer.body, (width, dialect, answer.body)
                assert call["billed"]["output"] == call["ceiling"] < 60_000, call
                check_books(provider, host)


def a_stream_that_tells_its_tokens_is_cut_by_what_it_tells():
    """Gemini's do in each event: where nothing else is known of the model, all of a cap is used."""
    script = {"reply_tokens": 400_000, "ignore_max": True, "pace_ms": 4, "tokens_per_event": 50,
              "bytes_per_token": 0}
    with world(script, usd=USD // 4) as (provider, host):
        answer = host.post(harness.gemini_path(True), harness.gemini_request(
            generationConfig={"maxOutputTokens": 20_000}))
        assert b"pawl" in answer.body, answer.body[-300:]
        booked, billed = harness.settled_books(provider, host)
        assert USD // 4 * 99 // 100 <= billed, (booked, billed)
        # A busy machine reads events of four tenths of a second at once: 5 % of them.
        assert booked <= USD // 4 * 105 // 100, (booked, billed)


def a_cost_above_its_hold_waits_for_what_others_give_back():
    """With the rest held by a slow call nothing is free for a while; that is no overshoot yet."""
    with world({"reply_tokens": 100}, usd=USD // 5) as (provider, host):
        provider.control(queue=[{"reply_tokens": 400, "tokens_per_event": 1, "pace_ms": 5},
                                {"reply_tokens": 10, "usage": {"output": 1800}}])
        slow = host.start("anthropic", stream=True, max_tokens=5000)
        slow.read_until(b"content_block_delta")
        other = host.call("anthropic", model="claude-opus-4-1", max_tokens=600)
        assert other.status == 200, other
        left = host.state()["USD_MICROCENTS"]["remaining"]
        third = host.start("anthropic", max_tokens=1000)
        assert left < 0 and slow.finish().whole
        answer = third.finish()
        assert answer.status == 200, answer
        check_books(provider, host)


def a_dearer_rate_is_held_for_once_it_was_seen():
    """Another model answers, or a dearer tier: after the first answer the holds know."""
    for dialect, script in (("openai", {"service_tier": "priority"}),
                            ("openai", {"answer_model": "gpt-4-turbo"}),
                            ("anthropic", {"answer_model": "claude-opus-4-1"})):
        script = {"reply_tokens": 20_000, "tokens_per_event": 500, **script}
        with world({**script, "reply_tokens": 100}, usd=USD // 10) as (provider, host):
            assert host.call(dialect, text="first").status == 200
            provider.control(default=script)
            answer = host.call(dialect, text="second", max_tokens=8000)
            assert answer.status == 200, answer
            booked, billed = harness.settled_books(provider, host)
            assert billed == booked <= USD // 10, (booked, billed, script)
            assert booked > USD * 95 // 1000 and host.state()["overshoot"] == 0, (booked, script)


def dense_text_is_bounded_before_it_was_seen():
    """Two thirds of a token a byte, cold and after English: refused, or paid for."""
    dense = "\u6f22\u5b57\u304b\u306a" * 8000
    tokens = len(dense.encode()) * 2 // 3
    cost = tokens * 300 + 100 * 1500
    for english, cap in ((0, cost - 1), (12, cost * 2 // 3), (12, cost * 2)):
        with world({"reply_tokens": 100}, usd=cap) as (provider, host):
            for number in range(english):
                assert host.call("anthropic", text=f"{number} hello {'word ' * 100}").status == 200
            provider.control(default={"reply_tokens": 100, "input_tokens": tokens})
            status = host.call("anthropic", text=dense, max_tokens=1000).status
            assert status == (200 if cap > cost else 402), status
            booked, billed = harness.settled_books(provider, host)
            assert booked == billed <= cap, (booked, billed, cap)
            assert host.state()["overshoot"] == 0


def counts_that_follow_a_script_stay_within_the_cap():
    """Figures that have nothing to do with what was sent, as doubles of providers give them."""
    rng = random.Random(harness.SEED)
    for figures in ([2000] * 200, [1000 + 50 * i for i in range(200)],
                    [500, 9000] + [rng.randint(500, 9000) for _ in range(200)]):
        with world(usd=USD // 5) as (provider, host):
            provider.control(queue=[{"reply_tokens": 100, "input_tokens": n} for n in figures])
            assert _until_refused(host, max_tokens=1000) >= 5
            booked, billed = harness.settled_books(provider, host)
            assert booked == billed <= USD // 5, (booked, billed)
            assert host.state()["overshoot"] == 0
