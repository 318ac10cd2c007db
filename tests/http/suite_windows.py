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
            assert "goes on: ask again after that" in error, error
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
