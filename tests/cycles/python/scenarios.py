# SPDX-License-Identifier: Apache-2.0
"""What the official Python client does, one scenario a name, against $CYCLES_BASE_URL. Each prints
a line of JSON with what the client knows; the test compares it with the ledger.
"""
import asyncio
import json
import logging
import os
import sys
import threading

import runcycles
from runcycles import (
    Action, Amount, AsyncCyclesClient, BudgetExceededError, CommitRequest, CyclesClient,
    CyclesConfig, CyclesMetrics, DecisionRequest, EventCreateRequest, ReservationCreateRequest,
    ReservationExtendRequest, Subject, Unit, cycles, get_cycles_context)

TENANT = os.environ["CYCLES_TENANT"]
USD = Unit.USD_MICROCENTS


def amount(value):
    return Amount(unit=USD, amount=value)


def client():
    return CyclesClient(CyclesConfig.from_env())


def good(response):
    assert response.is_success, (response.status, response.body)
    return response.body


def runaway():
    """An agent that never stops by itself, a cent a call."""
    calls = 0

    @cycles(estimate=1_000_000, action_kind="llm.completion", action_name="loop", client=client())
    def call():
        nonlocal calls
        calls += 1

    try:
        while calls < 1000:
            call()
    except BudgetExceededError as why:
        return {"calls": calls, "error": str(why)}
    return {"calls": calls}


def decorator():
    spent, seen = 0, []

    @cycles(estimate=lambda tokens: tokens * 10, actual=lambda result: len(result) * 5,
            action_kind="llm.completion", action_name="gpt-4", agent="decorated", client=client())
    def call(tokens):
        context = get_cycles_context()
        seen.append(context.reservation_id)
        context.metrics = CyclesMetrics(tokens_input=tokens, tokens_output=7)
        return "x" * tokens

    for tokens in (10, 20, 30):
        spent += len(call(tokens)) * 5

    @cycles(estimate=500, client=client())
    def fails():
        raise KeyError("on purpose")

    try:
        fails()
        raise AssertionError("it did not fail")
    except KeyError:
        pass
    assert len(set(seen)) == 3
    return {"spent": spent}


def caps():
    """What the policy says reaches the function."""
    found = {}

    @cycles(estimate=100, agent="capped", client=client())
    def call():
        context = get_cycles_context()
        found["caps"] = context.has_caps()
        found["max_tokens"] = context.caps.max_tokens
        found["tool"] = context.caps.is_tool_allowed("forbidden")

    call()
    return found


def streaming():
    with client() as here, here.stream_reservation(
            action=Action(kind="llm.completion", name="gpt-4o"), estimate=amount(100_000),
            cost_fn=lambda usage: usage.tokens_input * 250 + usage.tokens_output * 1000,
            raise_on_commit_failure=True) as reservation:
        reservation.usage.tokens_input = 100
        for _ in range(20):
            reservation.usage.add_output_tokens(1)
    return {"spent": 100 * 250 + 20 * 1000}


def heartbeat():
    """A lease of two seconds under work of five: the client's heartbeat keeps it."""
    done = threading.Event()

    @cycles(estimate=1000, ttl_ms=int(os.environ.get("TTL_MS", "2000")), grace_period_ms=0,
            client=client())
    def work():
        done.wait(float(os.environ.get("WORK_S", "5")))

    work()
    return {"spent": 1000}


def programmatic():
    with client() as here:
        made = good(here.create_reservation(ReservationCreateRequest(
            idempotency_key="prog-1", subject=Subject(tenant=TENANT, agent="support-bot"),
            action=Action(kind="llm.completion", name="gpt-4", tags=["a"]),
            estimate=amount(500_000), ttl_ms=30_000)))
        name = made["reservation_id"]
        good(here.extend_reservation(name, ReservationExtendRequest(idempotency_key="prog-2",
                                                                    extend_by_ms=10_000)))
        shown = good(here.get_reservation(name))
        listed = good(here.list_reservations(tenant=TENANT, idempotency_key="prog-1"))
        good(here.commit_reservation(name, CommitRequest(
            idempotency_key="prog-3", actual=amount(420_000),
            metrics=CyclesMetrics(tokens_input=1200, tokens_output=800))))
        decided = good(here.decide(DecisionRequest(
            idempotency_key="prog-4", subject=Subject(tenant=TENANT),
            action=Action(kind="llm.completion", name="gpt-4"), estimate=amount(10))))
        event = good(here.create_event(EventCreateRequest(
            idempotency_key="prog-5", subject=Subject(tenant=TENANT),
            action=Action(kind="tool.call", name="search"), actual=amount(7))))
        balances = good(here.get_balances(tenant=TENANT))
        return {"status": shown["status"], "listed": len(listed["reservations"]),
                "decision": decided["decision"], "event": event["status"],
                "balances": len(balances["balances"]), "spent": 420_007}


def asynchronous():
    async def main():
        async with AsyncCyclesClient(CyclesConfig.from_env()) as here:
            @cycles(estimate=1000, actual=lambda _: 900, client=here)
            async def call(number):
                await asyncio.sleep(0)
                return number

            return await asyncio.gather(*(call(number) for number in range(20)))

    assert asyncio.run(main()) == list(range(20))
    return {"spent": 20 * 900}


def lifecycles():
    """Many of them, each of known cost, through whatever lies between. What the function did is
    spent, whatever became of the words about it."""
    wanted = int(os.environ.get("LIFECYCLES", "60"))
    did = []

    @cycles(estimate=1000, actual=lambda result: result, client=client())
    def call(number):
        cost = 100 + number
        did.append(cost)
        return cost

    failed = 0
    for number in range(wanted):
        try:
            call(number)
        except runcycles.CyclesProtocolError:
            failed += 1
    return {"spent": sum(did), "calls": len(did), "failed": failed}


SCENARIOS = {"runaway": runaway, "decorator": decorator, "caps": caps, "streaming": streaming,
             "heartbeat": heartbeat, "programmatic": programmatic, "async": asynchronous,
             "lifecycles": lifecycles}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(SCENARIOS[sys.argv[1]]()))
