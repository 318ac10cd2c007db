# SPDX-License-Identifier: Apache-2.0
"""Recorded histories are linearizable: some order of the operations, in which none stands before
one that had ended when it began, gives on a budget of plain arithmetic exactly the answers that
were given. Of an operation that was cut off by kill -9 the order may have it at any time, or never.

The search is the one of Wing and Gong, with Lowe's memory of what was tried: a set of operations
done, and the state that they led to. Histories are short and wide: a few clients, many of them.
"""
import http.client
import math
import random
import threading
import time

from tenants import Server, usd

CLIENTS, OPERATIONS = 6, 14
COMMITS = ("inline", "thread")  # whichever thread makes a batch durable
SHARE = 0.125  # of the seconds that are given, for each of these with and without kills
ALLOCATED = 1000
CUT_OFF = "cut off"  # by a kill: what came of it was not told


class Budget:
    """What the ledger should do, in a few lines of its own. A state is (spent, reserved, holds)."""

    EMPTY = (0, 0, frozenset())

    @staticmethod
    def apply(state, kind, amount, name):
        """(what is answered, the state after it)."""
        spent, reserved, holds = state
        fits = amount <= ALLOCATED - spent - reserved
        if kind == "read":
            return (spent, reserved), state
        if kind == "event":
            return fits, (spent + amount, reserved, holds) if fits else state
        if kind == "reserve":
            after = (spent, reserved + amount, holds | {(name, amount)})
            return fits, after if fits else state
        held = next((hold for hold in holds if hold[0] == name), None)
        if held is None:
            return CUT_OFF, state  # nobody was told of it yet
        spent += amount if kind == "commit" else 0
        after = (spent, reserved - held[1], holds - {held})
        return after[:2] if kind == "commit" else None, after

    @classmethod
    def steps(cls, state, did):
        """The states after the operation: none where it would have been answered otherwise."""
        kind, amount, name, said = did
        answer, after = cls.apply(state, kind, amount, name)
        if said == CUT_OFF:
            return {state, after}
        return {after} if answer == said else set()


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
            for after in Budget.steps(state, history[index][2]):
                stack.append((done | 1 << index, after))
    return False


def balances_of(body, path):
    row = next(row for row in body["balances"] if row["scope_path"] == path)
    return row["spent"]["amount"], row["reserved"]["amount"]


class Client(threading.Thread):
    """Does its operations one after the other, whichever server there is."""

    def __init__(self, tenant, seed, alive):
        super().__init__()
        self.tenant, self.caller, self.alive = tenant, tenant.caller(), alive
        self.draw, self.mine, self.rows, self.broken = random.Random(seed), [], [], None

    def draw_one(self):
        """(kind, amount, name, the way, its body)."""
        kind = self.draw.choice(("reserve", "reserve", "settle", "settle", "read", "event"))
        amount, key = self.draw.randrange(1, ALLOCATED // 3), f"{self.draw.getrandbits(64):x}"
        if kind == "read":
            return kind, 0, None, f"/v1/balances?tenant={self.tenant.name}", None
        if kind == "event":
            return kind, amount, None, "/v1/events", {
                "idempotency_key": key, "subject": self.tenant.subject(), "actual": usd(amount),
                "action": {"kind": "k", "name": "n"}, "overage_policy": "REJECT"}
        if kind == "reserve" or not self.mine:
            # No hold ends by itself, however long the machine stands still.
            return "reserve", amount, key, "/v1/reservations", self.tenant.reserve_body(
                amount, key, ttl_ms=24 * 3600 * 1000)
        key, reservation, held = self.mine.pop(self.draw.randrange(len(self.mine)))
        way, body = f"/v1/reservations/{reservation}", {"idempotency_key": key}
        if self.draw.random() < 0.3:
            return "release", 0, key, f"{way}/release", body
        amount = self.draw.randrange(0, held + 1)
        return "commit", amount, key, f"{way}/commit", {**body, "actual": usd(amount)}

    def say(self, kind, amount, name, way, body):
        """What the answer says, as the plain budget would."""
        answer = self.caller.get(way) if body is None else self.caller.post(way, body)
        if kind in ("reserve", "event"):
            assert answer.status in (200, 201) or answer.json["error"] == "BUDGET_EXCEEDED", answer
            if kind == "reserve" and answer.status == 200:
                self.mine.append((name, answer.json["reservation_id"], amount))
            return answer.status != 409
        body = answer.want(200)
        return None if kind == "release" else balances_of(body, f"tenant:{self.tenant.name}")

    def once(self):
        one = self.draw_one()
        self.alive.wait()
        begun = time.monotonic_ns()
        try:
            said = self.say(*one)
            ended = time.monotonic_ns()
        except (OSError, http.client.HTTPException):
            said, ended = CUT_OFF, math.inf
        self.rows.append((begun, ended, (*one[:3], said)))

    def run(self):
        try:
            for _ in range(OPERATIONS):
                self.once()
        except Exception as why:  # It is raised again by who waits.
            self.broken = why


def record(server, name, seed, kills):
    """What some clients did and heard; with one kill -9 among it where that is wanted."""
    tenant, alive = server.tenant(name, ALLOCATED), threading.Event()
    clients = [Client(tenant, f"{seed} {name} {index}", alive) for index in range(CLIENTS)]
    alive.set()
    for one in clients:
        one.start()
    if kills:
        while sum(len(one.rows) for one in clients) < CLIENTS * OPERATIONS // 3:
            time.sleep(0.0005)  # lets the clients run; what is waited for is the count
        alive.clear()
        server.kill()
        server.start()
        alive.set()
    for one in clients:
        one.join()
        if one.broken:
            raise one.broken
    history = [row for one in clients for row in one.rows]
    begun = time.monotonic_ns()
    last = balances_of(tenant.kept.get(f"/v1/balances?tenant={name}").want(200), f"tenant:{name}")
    return history + [(begun, time.monotonic_ns(), ("read", 0, None, last))]


def check_the_checker():
    """It must be able to say no: two grants of the same last money, a read from the past, and
    something acknowledged that a later read does not know."""
    grant, again = ("reserve", ALLOCATED, "a", True), ("reserve", ALLOCATED, "b", True)
    nothing, all_held = ("read", 0, None, (0, 0)), ("read", 0, None, (0, ALLOCATED))
    cut = ("reserve", ALLOCATED, "a", CUT_OFF)
    assert linearizes([(0, 5, grant), (1, 6, nothing)])
    assert not linearizes([(0, 5, grant), (1, 6, again)])
    assert not linearizes([(0, 1, grant), (2, 3, nothing)])
    assert linearizes([(0, math.inf, cut), (2, 3, nothing), (4, 5, all_held)])
    assert not linearizes([(0, math.inf, cut), (2, 3, all_held), (4, 5, nothing)])


def have_orders(server, options, kills):
    index, cut, ends = 0, 0, time.monotonic() + options.seconds * SHARE
    # A kill that comes late cuts nothing off; among so many some come in time.
    while index < 2 or time.monotonic() < ends or (kills and not cut and index < 50):
        history = record(server, f"history-{kills}-{index}".lower(), options.seed, kills)
        assert linearizes(history), (f"history {index}, seed {options.seed}", history)
        index, cut = index + 1, cut + sum(row[1] == math.inf for row in history)
    print(f"{index} histories of {CLIENTS * OPERATIONS} operations, {cut} cut off", flush=True)
    assert bool(cut) == kills, "kills cut something off, and nothing else does"


def run(count, options):
    with count.test("histories: the checker refuses what cannot have been"):
        check_the_checker()
    for commit in COMMITS:
        with Server(options.pawl, "--commit", commit) as server:
            for kills, what in ((False, "saw at once"), (True, "saw over a kill -9")):
                with count.test(f"histories: what {CLIENTS} clients {what} has an order, {commit}"):
                    have_orders(server, options, kills)
