# SPDX-License-Identifier: Apache-2.0
"""What the official Python client can do, one scenario a name, against $CYCLES_BASE_URL. Each
prints what the client believes; `spent` is what it did, which the test compares with the ledger.
"""
import asyncio
import json
import os
import threading

from common import TENANT, amount, client, good, main, number
from runcycles import (
    Action, AsyncCyclesClient, BalanceResponse, CommitRequest, CommitResponse,
    CyclesConfig, CyclesMetrics, CyclesProtocolError, Decision, DecisionRequest, DecisionResponse,
    EventCreateRequest, EventCreateResponse, ReleaseRequest, ReleaseResponse,
    ReservationCreateRequest, ReservationCreateResponse, ReservationDetail,
    ReservationExtendRequest, ReservationExtendResponse, ReservationListResponse, Subject, cycles,
    get_cycles_context)


def parsed(model, response):
    """The client's own model of an answer, without any of pydantic's leniency."""
    return model.model_validate_json(json.dumps(good(response)), strict=True)


def decorator():
    spent, seen = 0, []

    @cycles(estimate=lambda tokens: tokens * 10, actual=lambda result: len(result) * 5,
            action_kind="llm.completion", action_name="gpt-4", agent="decorated",
            dimensions={"run_id": "r-1"}, action_tags=["a", "b"], client=client())
    def call(tokens):
        context = get_cycles_context()
        seen.append(context.reservation_id)
        context.metrics = CyclesMetrics(tokens_input=tokens, tokens_output=7)
        context.commit_metadata = {"note": "of the function"}
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
    return {"spent": spent, "reservation": seen[0]}


def more_than_was_held():
    """What a function costs beyond its estimate, under each overage policy."""
    told = {}
    for policy in ("ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT", "REJECT"):
        @cycles(estimate=100, actual=lambda _: 150, overage_policy=policy, agent=policy.lower(),
                client=client())
        def call():
            return get_cycles_context().reservation_id

        told[policy] = call()
    return told


def dry_run():
    """Nothing is held, and the function is not called."""
    @cycles(estimate=lambda cost: cost, dry_run=True, client=client())
    def call(cost):
        raise AssertionError("a dry run called the function")

    yes = call(10)
    try:
        call(1 << 50)
        raise AssertionError("a dry run allowed what nobody has")
    except CyclesProtocolError as why:
        return {"spent": 0, "decision": yes.decision.value, "scopes": yes.affected_scopes,
                "refused": why.reason_code}


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
    with client() as here:
        with here.stream_reservation(
                action=Action(kind="llm.completion", name="gpt-4o"), estimate=amount(100_000),
                cost_fn=lambda usage: usage.tokens_input * 250 + usage.tokens_output * 1000,
                raise_on_commit_failure=True) as reservation:
            reservation.usage.tokens_input = 100
            for _ in range(20):
                reservation.usage.add_output_tokens(1)
        assert reservation.settlement_error is None
        try:
            with here.stream_reservation(action=Action(kind="llm.completion", name="gpt-4o"),
                                         estimate=amount(100_000)) as broken:
                raise ConnectionError("the model hung up")
        except ConnectionError:
            assert broken.release_error is None
        return {"spent": 100 * 250 + 20 * 1000, "reservation": broken.reservation_id}


def asynchronous():
    async def work(here):
        @cycles(estimate=1000, actual=lambda _: 900, client=here)
        async def call(number):
            await asyncio.sleep(0)
            return number

        async with here.stream_reservation(action=Action(kind="llm.completion", name="gpt-4o"),
                                           estimate=amount(5000),
                                           raise_on_commit_failure=True) as reservation:
            reservation.usage.set_actual_cost(4321)
        numbers = await asyncio.gather(*(call(number) for number in range(20)))
        assert numbers == list(range(20))
        parsed(BalanceResponse, await here.get_balances(tenant=TENANT))

    async def all_of_it():
        async with AsyncCyclesClient(CyclesConfig.from_env()) as here:
            await work(here)

    asyncio.run(all_of_it())
    return {"spent": 20 * 900 + 4321}


def programmatic():
    """Every call that the client has, each answer read by the client's own strict model."""
    action = Action(kind="llm.completion", name="gpt-4", tags=["a"])
    subject = Subject(tenant=TENANT, agent="support-bot")
    with client() as here:
        def create(key, value):
            return here.create_reservation(ReservationCreateRequest(
                idempotency_key=key, subject=subject, action=action, estimate=amount(value),
                ttl_ms=30_000, metadata={"x": [1, {"y": None}]}))

        made = parsed(ReservationCreateResponse, create("prog-1", 500_000))
        name = made.reservation_id
        assert made.decision is Decision.ALLOW and made.reserved.amount == 500_000
        longer = parsed(ReservationExtendResponse, here.extend_reservation(
            name, ReservationExtendRequest(idempotency_key="prog-2", extend_by_ms=10_000)))
        assert longer.expires_at_ms == made.expires_at_ms + 10_000
        assert parsed(ReservationDetail, here.get_reservation(name)).status.value == "ACTIVE"
        listed = parsed(ReservationListResponse, here.list_reservations(
            tenant=TENANT, idempotency_key="prog-1"))
        assert [row.reservation_id for row in listed.reservations] == [name]
        done = parsed(CommitResponse, here.commit_reservation(name, CommitRequest(
            idempotency_key="prog-3", actual=amount(420_000),
            metrics=CyclesMetrics(tokens_input=1200, tokens_output=800, custom={"z": 1.5}))))
        assert done.charged.amount == 420_000 and done.released.amount == 80_000
        other = parsed(ReservationCreateResponse, create("prog-4", 5)).reservation_id
        gone = parsed(ReleaseResponse, here.release_reservation(
            other, ReleaseRequest(idempotency_key="prog-5", reason="of no use")))
        assert gone.released.amount == 5
        decided = parsed(DecisionResponse, here.decide(DecisionRequest(
            idempotency_key="prog-6", subject=subject, action=action, estimate=amount(10))))
        assert decided.decision is Decision.ALLOW
        event = parsed(EventCreateResponse, here.create_event(EventCreateRequest(
            idempotency_key="prog-7", subject=subject, action=action, actual=amount(7))))
        assert event.status.value == "APPLIED" and event.event_id
        balances = parsed(BalanceResponse, here.get_balances(tenant=TENANT))
        assert [row.scope_path for row in balances.balances] == [f"tenant:{TENANT}"]
        return {"spent": 420_007, "remaining": balances.balances[0].remaining.amount}


def refusals():
    """Each refusal as the exception and the code that the client makes of it."""
    told = {}

    def reserve(here, **more):
        return here.create_reservation(ReservationCreateRequest(
            **{"idempotency_key": os.urandom(8).hex(), "subject": Subject(tenant=TENANT),
               "action": Action(kind="k", name="n"), "estimate": amount(1), **more}))

    def code(response):
        # Not by the client's model of an error: it does not know the trace_id that the protocol
        # wants there, and reads nothing of an error that has one.
        assert response.body["request_id"] and response.body["message"], response.body
        return [response.status, response.body["error"]]

    @cycles(estimate=lambda agent: 1 << 50, agent=lambda agent: agent, client=client())
    def call(agent):
        raise AssertionError("it was called")

    for agent in ("none", "owing"):
        try:
            call(agent)
        except CyclesProtocolError as why:
            told[agent] = [type(why).__name__, why.status, why.error_code, str(why)]
    with client() as here:
        name = good(reserve(here))["reservation_id"]
        body = CommitRequest(idempotency_key="c", actual=amount(1))
        good(here.commit_reservation(name, body))
        assert good(here.commit_reservation(name, body))["charged"]["amount"] == 1
        told["mismatch"] = code(here.commit_reservation(
            name, CommitRequest(idempotency_key="c", actual=amount(0))))
        told["finalized"] = code(here.release_reservation(
            name, ReleaseRequest(idempotency_key="r")))
        told["unit"] = code(reserve(here, estimate={"unit": "RISK_POINTS", "amount": 1}))
        told["other tenant"] = code(reserve(here, subject=Subject(tenant="somebody")))
        told["unknown"] = code(here.get_reservation("rsv_nothing"))
        told["frozen"] = code(reserve(here, subject=Subject(tenant=TENANT, agent="frozen")))
    return {"spent": 1, "told": told}


def heartbeat():
    """Work that is longer than the lease. With these timeouts the client's heartbeat prolongs a
    lease of 13 s after about a second and a half, and again before the work ends."""
    told = {}

    @cycles(estimate=1000, ttl_ms=number("TTL_MS", "13000"), grace_period_ms=0, client=client())
    def work():
        threading.Event().wait(number("WORK_MS", "16000") / 1000)
        context = get_cycles_context()
        told.update(reservation=context.reservation_id, expires_at_ms=context.expires_at_ms)

    work()
    return {"spent": 1000, **told}


if __name__ == "__main__":
    main({"decorator": decorator, "more": more_than_was_held, "dry_run": dry_run, "caps": caps,
          "streaming": streaming, "async": asynchronous, "programmatic": programmatic,
          "refusals": refusals, "heartbeat": heartbeat})
