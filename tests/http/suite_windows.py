# SPDX-License-Identifier: Apache-2.0
"""Windows of a subscription: what the provider tells of them, and what follows."""
import time

import harness
from harness import world

STOP, WAIT = 1, 2


def _windows(used, status, resets_in_s):
    return {"anthropic-ratelimit-unified-5h-utilization": used,
            "anthropic-ratelimit-unified-5h-status": status,
            "anthropic-ratelimit-unified-5h-reset": str(int(time.time()) + resets_in_s)}


def _refusal(status, headers):
    return {"status": status, "headers": headers}


def _call(host, key="one"):
    return host.post(harness.PATH["anthropic"], harness.request("anthropic"), x_api_key=key)


def a_window_that_is_used_up_stops_the_run():
    """One refusal by the provider, then pawl's own words, with the time that it takes."""
    with world(at_window=STOP) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 4500))])
        assert _call(host).status == 429
        error = _call(host)
        assert error.status == 402, error.body
        words = error.error["message"]
        assert "the 5h window of this subscription is used up" in words, words
        assert "in 1h 1" in words, words
        assert _call(host).status == 402
        assert len(provider.ledger()["calls"]) == 1
        assert [note["reason"] for note in host.notes()] == ["window"]


def a_window_that_has_begun_anew_stops_nothing():
    """Its reset is past."""
    with world({"reply_tokens": 5}, at_window=STOP) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", -5))])
        assert _call(host).status == 429
        assert _call(host).status == 200


def a_window_that_the_provider_still_serves_stops_nothing():
    """All of it is used, and calls are allowed: they go on at a price."""
    with world({"reply_tokens": 5}, at_window=STOP) as (provider, host):
        provider.control(queue=[_refusal(529, _windows("1.2", "allowed_warning", 4500))])
        assert _call(host).status == 529
        assert _call(host).status == 200


def _learned(provider, host):
    """The window at 99 %, of which a call like the next one is known to be more than what is left:
    one such call is a whole percent."""
    provider.control(queue=[{"headers": _windows("0.98", "allowed", 4500)},
                            {"headers": _windows("0.99", "allowed", 4500)}, {}])
    assert [_call(host).status for _ in range(3)] == [200] * 3


def what_pawl_counted_full_is_asked_about_by_one_call_at_a_time():
    """No answer said so yet: one call goes out and brings the truth, the others wait for it."""
    with world({"reply_tokens": 50}, at_window=STOP, drain=10) as (provider, host):
        _learned(provider, host)
        provider.control(queue=[{"hang_head": True}, {"headers": _windows("0.5", "allowed", 4500)}])
        first = host.open(harness.PATH["anthropic"], harness.request("anthropic"),
                          x_api_key="one")
        provider.request("/wait?calls=4")
        second = host.open(harness.PATH["anthropic"], harness.request("anthropic"),
                           x_api_key="one")
        assert _call(host, "two").status == 200, "another account's do not wait"
        assert len(provider.bodies()) == 5, "the second is held"
        first.hang_up()
        assert second.finish().status == 200
        assert _call(host).status == 200, "the answer corrected the count down"


def a_count_that_was_right_stops_the_run():
    """The one call that went out brought a refusal: no other goes out."""
    with world({"reply_tokens": 50}, at_window=STOP) as (provider, host):
        _learned(provider, host)
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 4500))])
        assert [_call(host).status for _ in range(3)] == [429, 402, 402]
        assert len(provider.ledger()["calls"]) == 4


def a_refusal_without_a_share_stops_the_run():
    """It names its window by a word, and when it begins anew."""
    told = {"anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-representative-claim": "seven_day",
            "anthropic-ratelimit-unified-reset": str(int(time.time()) + 90000)}
    with world(at_window=STOP) as (provider, host):
        provider.control(queue=[_refusal(429, told)])
        assert _call(host).status == 429
        words = _call(host).error["message"]
        assert "the 7d window of this subscription is used up" in words, words


def windows_of_openai_stop_the_run():
    """ChatGPT's accounts tell shares alone: a whole one is used up."""
    told = {"x-codex-primary-used-percent": "100", "x-codex-primary-window-minutes": "300",
            "x-codex-primary-reset-after-seconds": "4500"}
    with world({"reply_tokens": 5}, at_window=STOP) as (provider, host):
        provider.control(queue=[{"headers": told}])
        for status in (200, 402):
            answer = host.post(harness.PATH["responses"], harness.request("responses"),
                               authorization="Bearer eyJh.eyJi.c")
            assert answer.status == status, answer.body


def another_account_is_another_window():
    """Accounts are told apart by their credentials."""
    with world({"reply_tokens": 5}, at_window=STOP) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 4500))])
        assert _call(host, "one").status == 429
        assert _call(host, "two").status == 200


def a_policy_may_let_them_pass():
    """Then the provider's own refusals go to the agent."""
    with world({"reply_tokens": 5}) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 4500))] * 2)
        assert [_call(host).status for _ in range(3)] == [429, 429, 200]


def a_call_may_wait_for_a_window_to_begin_anew():
    """As long as its client waits; where that is too short it is refused, and nothing latches."""
    with world({"reply_tokens": 5}, at_window=WAIT) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 2)),
                                {"reply_tokens": 5, "headers": _windows("0.0", "allowed", 9000)}])
        assert _call(host).status == 429
        assert _call(host).status == 200
        assert len(provider.ledger()["calls"]) == 2 and host.notes() == []
    with world({"reply_tokens": 5}, at_window=WAIT, patience=1000) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 4500))])
        assert _call(host).status == 429
        for _ in range(2):
            error = _call(host).error["message"]
            assert "Ask again after that" in error, error
        assert [note["latched"] for note in host.notes()] == [False, False]


def a_call_that_waited_is_judged_like_any_other():
    """What may not be asked is refused before the wait, and never let through after it."""
    with world({"reply_tokens": 5}, at_window=WAIT) as (provider, host):
        provider.control(queue=[_refusal(429, _windows("1.0", "rejected", 2))])
        assert _call(host).status == 429
        error = host.post(harness.PATH["anthropic"],
                          harness.request("anthropic", model="nobody-knows-this"),
                          x_api_key="one")
        assert error.status == 402 and "nobody-knows-this" in error.error["message"], error.body
        assert len(provider.ledger()["calls"]) == 1
