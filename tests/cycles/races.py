# SPDX-License-Identifier: Apache-2.0
"""Many clients, one budget: what is granted is never more than there is, and the last cent can be
had.
"""
import random
import threading

from tenants import DOLLAR, Server

CLIENTS = 200


def together(count, work):
    """Runs work(i) on so many threads that begin at once; their results, or the first exception."""
    gate, results, broken = threading.Barrier(count), [None] * count, []

    def body(index):
        try:
            gate.wait()
            results[index] = work(index)
        except Exception as why:  # It is raised again below.
            broken.append(why)

    threads = [threading.Thread(target=body, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return results


def race_for_one(server):
    """Each tries until it is refused; no two have the same cent."""
    tenant = server.tenant("race-one", DOLLAR)
    amount = 700_001

    def work(_):
        caller, granted = tenant.caller(), 0
        while True:
            answer = caller.post("/v1/reservations", tenant.reserve_body(amount))
            if answer.status == 409:
                assert answer.json["error"] == "BUDGET_EXCEEDED", answer.json
                return granted
            answer.want(200)
            granted += 1

    granted = sum(together(CLIENTS, work))
    stands = tenant.balance()
    assert granted == DOLLAR // amount, (granted, stands)
    assert stands["reserved"] == granted * amount and stands["remaining"] >= 0, stands


def race_and_settle(server, seed):
    """Reserve, commit another amount, release or debit, all at once, over a shared parent and
    children: no balance falls below zero and every sum is what the answers said."""
    tenant = server.tenant("race-all", 20 * DOLLAR)
    names = [f"agent-{index}" for index in range(8)]
    for name in names:
        server.budget(tenant.name, f"tenant:{tenant.name}/agent:{name}", 3 * DOLLAR)

    def work(index):
        draw, caller = random.Random(f"{seed} {index}"), tenant.caller()
        spent = {name: 0 for name in names}
        for _ in range(12):
            name = draw.choice(names)
            subject = tenant.subject(agent=name)
            hold = draw.randrange(1, DOLLAR // 10)
            if draw.random() < 0.2:
                answer = caller.post("/v1/events", {
                    "idempotency_key": str(draw.getrandbits(64)), "subject": subject,
                    "action": {"kind": "tool.call", "name": "a-tool"},
                    "actual": {"unit": "USD_MICROCENTS", "amount": hold},
                    "overage_policy": "REJECT"})
                assert answer.status in (201, 409), answer.json
                spent[name] += hold if answer.status == 201 else 0
                continue
            answer = caller.post("/v1/reservations", tenant.reserve_body(hold, subject=subject))
            if answer.status != 200:
                assert answer.status == 409, answer.json
                continue
            way = f"/v1/reservations/{answer.json['reservation_id']}"
            if draw.random() < 0.2:
                caller.post(f"{way}/release", {"idempotency_key": "r"}).want(200)
                continue
            actual = draw.randrange(0, hold + 1)
            charged = caller.post(f"{way}/commit", {
                "idempotency_key": "c", "actual": {"unit": "USD_MICROCENTS", "amount": actual}
            }).want(200)["charged"]["amount"]
            assert charged == actual
            spent[name] += charged
        return spent

    totals = {name: 0 for name in names}
    for spent in together(64, work):
        for name, amount in spent.items():
            totals[name] += amount
    whole = tenant.balance()
    assert whole["spent"] == sum(totals.values()) and whole["reserved"] == 0, (whole, totals)
    for name, amount in totals.items():
        stands = tenant.balance(agent=name)
        assert stands["spent"] == amount and stands["reserved"] == 0, (name, stands, amount)
        assert stands["remaining"] >= 0, stands


def race_for_a_key(server):
    """One key from many at once: one hold, and the same answer for all."""
    tenant = server.tenant("race-key", DOLLAR)

    def work(_):
        return tenant.caller().post("/v1/reservations",
                                    tenant.reserve_body(1000, key="the one key")).want(200)

    answers = together(CLIENTS, work)
    for answer in answers:
        answer.pop("remaining_ttl_ms")
    assert all(answer == answers[0] for answer in answers)
    assert tenant.balance()["reserved"] == 1000


def run(count, options):
    with Server(options.pawl) as server:
        with count.test(f"races: {CLIENTS} clients for one budget, and no cent too much"):
            race_for_one(server)
        with count.test("races: holds, settlements and debits at once add up"):
            race_and_settle(server, options.seed)
        with count.test(f"races: one key from {CLIENTS} clients is one hold"):
            race_for_a_key(server)
