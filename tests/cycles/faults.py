# SPDX-License-Identifier: Apache-2.0
"""The official client's real lifecycles through a proxy that loses, repeats and garbles answers,
over servers that are killed, and from processes that are. However often a word had to be said, the
ledger's total is the sum of what the work cost.
"""
import json
import pathlib
import random
import threading
import time

import packages_of_clients
from proxy import Proxy
from tenants import DOLLAR
from world import patience

LIFECYCLES = 25
KINDS = ("drop", "error", "refuse", "duplicate", "slow")
KILLS = 3
# Attempts that come soon, and enough of them.
EAGER = {"CYCLES_READ_TIMEOUT": "1", "CYCLES_RETRY_INITIAL_DELAY": "0.05",
         "CYCLES_RETRY_FLUSH_TIMEOUT": "60", "CYCLES_RETRY_MAX_ATTEMPTS": "8"}


class Plan:
    """Which requests meet a fault. No request meets two, so that the client, which tries a reserve
    twice, gets through; the draws are repeatable."""

    def __init__(self, kinds, seed, share):
        self.kinds, self.share = kinds, share
        self.draw, self.lock, self.met = random.Random(seed), threading.Lock(), set()

    def __call__(self, method, path, body):
        key = (path, json.loads(body)["idempotency_key"])
        with self.lock:
            if key in self.met or self.draw.random() >= self.share:
                return None
            self.met.add(key)
            return self.draw.choice(self.kinds)


def settled(tenant, spent, *more):
    stands = tenant.balance()
    assert stands["spent"] == spent and stands["reserved"] == 0, (stands, spent, *more)


def through(official, server, name, plan):
    tenant = server.tenant(name, 10 * DOLLAR)
    with Proxy(server.port, plan) as proxy:
        said = official.ask("agents", "lifecycles", tenant, proxy.url, LIFECYCLES=str(LIFECYCLES),
                            **EAGER)
    assert said["calls"] == LIFECYCLES and said["failed"] == 0, (said, proxy.counts)
    met = {fault for fault, times in proxy.counts.items() if fault and times}
    assert met == set(plan.kinds), proxy.counts
    settled(tenant, said["spent"], proxy.counts)


def expired(official, server):
    """Every extension is lost, so the lease ends under the work: the commit is 410, and the client
    books the same spend as an event, under the commit's key."""
    tenant = server.tenant("fault-expired", DOLLAR)

    def lost(method, path, body):
        return "refuse" if path.endswith("/extend") else None

    with Proxy(server.port, lost) as proxy:
        said = official.ask("features", "heartbeat", tenant, proxy.url, TTL_MS="1000",
                            WORK_MS="2000", **EAGER)
    settled(tenant, 1000)
    tenant.kept.get(f"/v1/reservations/{said['reservation']}").want(410)


def killed_client(official, server, name, fault, ttl_ms=60_000, awaits_end=False):
    """The process that did the work dies before its commit is answered, which was applied or not;
    the next one, with another of the tenant's keys, replays its journal."""
    tenant = server.tenant(name, DOLLAR)

    def plan(_, path, body):
        return fault if path.endswith("/commit") else None

    with Proxy(server.port, plan) as proxy:
        with official.start([official.program("agents"), "dies"], tenant, proxy.url,
                            TTL_MS=str(ttl_ms)) as process, patience("the commit") as tick:
            while not proxy.counts.get(fault):
                tick()
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)  # lets the proxy run; what is waited for is its count
            process.kill()
        with patience("the end of the lease") as tick:
            while awaits_end and tenant.balance()["reserved"]:
                tick()
        proxy.fault = None
        said = official.ask("agents", "comes_back", tenant.renewed(), proxy.url)
    settled(tenant, said["spent"])
    left = list(pathlib.Path(official.home, ".runcycles").rglob("v2-*.json"))
    assert not left, ("the client has still to say", left)


def killed_server(official, server, seed):
    """kill -9 under the client's lifecycles. A reserve is tried twice within milliseconds, so some
    fail; what was held under those comes back when its lease ends. Commits are tried until they
    are answered."""
    tenant, said, draw = server.tenant("killed-server", 10 * DOLLAR), [], random.Random(seed)

    def work():
        said.append(official.ask("agents", "lifecycles", tenant, LIFECYCLES="300",
                                 TTL_MS="2000", **EAGER))

    client = threading.Thread(target=work)
    client.start()
    with patience("the client's work") as tick:
        for kill in range(KILLS):
            wanted = (kill + 1) * draw.randrange(7_000, 15_000)  # all of it is some 75,000
            while tenant.balance()["spent"] < wanted:
                assert client.is_alive(), said
                tick()
            server.kill()
            server.start()
    client.join()
    assert said and said[0]["calls"] > 100, said
    with patience("the end of lost leases") as tick:
        while tenant.balance()["reserved"]:
            tick()
    settled(tenant, said[0]["spent"], said)


def run(count, options):
    with packages_of_clients.surroundings(count, options, "faults") as (official, server):
        if official is None:
            return
        for kind in KINDS:
            share = 0.1 if kind == "slow" else 0.4
            with count.test(f"faults: {kind}: the ledger's total is what the work cost"):
                through(official, server, f"fault-{kind}",
                        Plan((kind,), f"{options.seed} {kind}", share))
        with count.test("faults: all at once: the ledger's total is what the work cost"):
            through(official, server, "fault-mixed",
                    Plan(KINDS[:4], f"{options.seed} mixed", 0.6))
        with count.test("faults: a hold that expired under the work is booked as an event"):
            expired(official, server)
        with count.test("faults: a client dies before its commit arrived, and says it later"):
            killed_client(official, server, "dies-before", "refuse")
        with count.test("faults: a client dies after its commit was applied, and says it again"):
            killed_client(official, server, "dies-after", "slow")
        with count.test("faults: a client dies, its lease ends, and it books an event later"):
            killed_client(official, server, "dies-late", "refuse", 1000, True)
        with count.test(f"faults: a server that is killed {KILLS} times under a client's work"):
            killed_server(official, server, options.seed)
