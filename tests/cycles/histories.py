# SPDX-License-Identifier: Apache-2.0
"""Recorded histories are linearizable: some order of the operations, in which none stands before
one that had ended when it began, gives on a budget of plain arithmetic exactly the answers that
were given.

The search is the one of Wing and Gong, with Lowe's memory of what was tried: a set of operations
done, and the state that they led to. Histories are short and wide: a few clients, many of them.
"""
import random
import threading
import time

from tenants import Server

CLIENTS, OPERATIONS = 6, 14
SHARE = 0.3  # of the seconds that are given
ALLOCATED = 1000


class Budget:
    """What the ledger should do, in a few lines of its own. A state is (spent, reserved, holds)."""

    EMPTY = (0, 0, frozenset())

    @staticmethod
    def step(state, did):
        """The state after the operation, or None where it would have been answered otherwise."""
        spent, reserved, holds = state
        kind, amount, name, said = did
        free = ALLOCATED - spent - reserved
        if kind == "reserve":
            if (amount <= free) != said:
                return None
            return (spent, reserved + amount, holds | {(name, amount)}) if said else state
        if kind == "read":
            return state if said == (spent, reserved) else None
        held = next((hold for hold in holds if hold[0] == name), None)
        if held is None:
            return None
        rest = holds - {held}
        if kind == "release":
            return (spent, reserved - held[1], rest)
        after = (spent + amount, reserved - held[1], rest)
        return after if said in (None, after[:2]) else None


def linearizes(history):
    """`history`: (begun, ended, did). Whether an order exists."""
    history = sorted(history, key=lambda row: row[0])
    everything, tried = (1 << len(history)) - 1, set()
    stack = [(0, Budget.EMPTY)]
    while stack:
        done, state = stack.pop()
        if done == everything:
            return True
        if (done, state) in tried:
            continue
        tried.add((done, state))
        left = [index for index in range(len(history)) if not done >> index & 1]
        first_end = min(history[index][1] for index in left)
        for index in left:
            if history[index][0] > first_end:
                break
            after = Budget.step(state, history[index][2])
            if after is not None:
                stack.append((done | 1 << index, after))
    return False


def balances_of(body, path):
    row = next(row for row in body["balances"] if row["scope_path"] == path)
    return row["spent"]["amount"], row["reserved"]["amount"]


def client(tenant, seed, rows):
    draw, caller, mine = random.Random(seed), tenant.caller(), []
    path = f"tenant:{tenant.name}"
    for _ in range(OPERATIONS):
        kind = draw.choice(("reserve", "reserve", "settle", "settle", "read"))
        amount, name, said = draw.randrange(1, ALLOCATED // 3), None, None
        begun = time.monotonic_ns()
        if kind == "read":
            answer = caller.get(f"/v1/balances?tenant={tenant.name}").want(200)
            said = balances_of(answer, path)
        elif kind == "reserve" or not mine:
            kind = "reserve"
            answer = caller.post("/v1/reservations", tenant.reserve_body(amount))
            assert answer.status in (200, 409), answer.json
            said = answer.status == 200
            if said:
                name = answer.json["reservation_id"]
                mine.append((name, amount))
        else:
            name, held = mine.pop(draw.randrange(len(mine)))
            way = f"/v1/reservations/{name}"
            if draw.random() < 0.3:
                kind = "release"
                caller.post(f"{way}/release", {"idempotency_key": "r"}).want(200)
            else:
                kind, amount = "commit", draw.randrange(0, held + 1)
                answer = caller.post(f"{way}/commit", {
                    "idempotency_key": "c",
                    "actual": {"unit": "USD_MICROCENTS", "amount": amount}}).want(200)
                said = balances_of(answer, path) if "balances" in answer else None
        rows.append((begun, time.monotonic_ns(), (kind, amount, name, said)))


def record(server, name, seed):
    tenant = server.tenant(name, ALLOCATED)
    rows, threads = [[] for _ in range(CLIENTS)], []
    for index in range(CLIENTS):
        threads.append(threading.Thread(target=client,
                                        args=(tenant, f"{seed} {name} {index}", rows[index])))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = [row for part in rows for row in part]
    assert len(history) == CLIENTS * OPERATIONS, "a client failed"
    return history


def check_the_checker():
    """It must be able to say no: two grants of the same last money, and a read from the past."""
    grant = ("reserve", ALLOCATED, "a", True)
    again = ("reserve", ALLOCATED, "b", True)
    assert linearizes([(0, 5, grant), (1, 6, ("read", 0, None, (0, 0)))])
    assert not linearizes([(0, 5, grant), (1, 6, again)])
    assert not linearizes([(0, 1, grant), (2, 3, ("read", 0, None, (0, 0)))])


def run(count, options):
    with count.test("histories: the checker refuses what cannot have been"):
        check_the_checker()
    with Server(options.pawl) as server, \
            count.test(f"histories: what {CLIENTS} clients saw at once has an order"):
        index, ends = 0, time.monotonic() + options.seconds * SHARE
        while index < 2 or time.monotonic() < ends:
            history = record(server, f"history-{index}", options.seed)
            assert linearizes(history), (f"history {index} of seed {options.seed}", history)
            index += 1
        print(f"{index} histories of {CLIENTS * OPERATIONS} operations", flush=True)
