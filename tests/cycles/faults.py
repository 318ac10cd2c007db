# SPDX-License-Identifier: Apache-2.0
"""The official client's real lifecycles through a proxy that loses, repeats and garbles answers.
However often a word had to be said, the ledger's total is the sum of what the work cost.
"""
import json
import random
import tempfile
import threading

import packages
import packages_of_clients as official
from proxy import Proxy
from world import DOLLAR, Server

LIFECYCLES = 40
KINDS = ("drop", "error", "refuse", "duplicate", "slow")


class Plan:
    """Which requests meet a fault. No request of one key meets two in a row, so that the client,
    which tries a reserve twice, gets through; the draws are repeatable."""

    def __init__(self, kinds, seed, share, only=None):
        self.kinds, self.share, self.only = kinds, share, only
        self.draw, self.lock, self.met = random.Random(seed), threading.Lock(), set()

    def __call__(self, method, path, body):
        if method != "POST" or (self.only and not path.endswith(self.only)):
            return None
        key = (path, json.loads(body).get("idempotency_key"))
        with self.lock:
            if key in self.met or self.draw.random() >= self.share:
                return None
            self.met.add(key)
            return self.draw.choice(self.kinds)


def through(interpreter, server, home, name, plan, **env):
    tenant = server.tenant(name, usd=10 * DOLLAR)
    proxy = Proxy(server.port, plan)
    try:
        said = json.loads(official.scenario(
            interpreter, "lifecycles", tenant, proxy.url, home, LIFECYCLES=str(LIFECYCLES),
            CYCLES_READ_TIMEOUT="1", CYCLES_RETRY_INITIAL_DELAY="0.05",
            CYCLES_RETRY_FLUSH_TIMEOUT="60", CYCLES_RETRY_MAX_ATTEMPTS="8", **env))
    finally:
        proxy.close()
    assert said["calls"] == LIFECYCLES and said["failed"] == 0, (said, proxy.counts)
    assert sum(times for fault, times in proxy.counts.items() if fault) > 0, proxy.counts
    stands = tenant.balance()
    assert stands["spent"] == said["spent"] and stands["reserved"] == 0, (
        stands, said, proxy.counts)


def expired(interpreter, server, home):
    """Every extension is lost, so the lease ends under the work: the commit is 410, and the client
    books the same spend as an event, under the commit's key."""
    tenant = server.tenant("fault-expired", usd=DOLLAR)
    proxy = Proxy(server.port, lambda method, path, body: "refuse" if path.endswith("/extend")
                  else None)
    try:
        official.scenario(interpreter, "heartbeat", tenant, proxy.url, home, TTL_MS="1000",
                          WORK_S="2.5", CYCLES_RETRY_FLUSH_TIMEOUT="60")
    finally:
        proxy.close()
    stands = tenant.balance()
    assert stands["spent"] == 1000 and stands["reserved"] == 0, stands


def run(count, options):
    try:
        interpreter = official.python()
    except packages.Unreachable as why:
        count.skip("faults: the official Python client", f"its registry cannot be reached: {why}")
        return
    with Server(options.pawl) as server, tempfile.TemporaryDirectory() as home:
        for kind in KINDS:
            share = 0.1 if kind == "slow" else 0.4
            with count.test(f"faults: {kind}: the ledger's total is what the work cost"):
                through(interpreter, server, home, f"fault-{kind}",
                        Plan((kind,), f"{options.seed} {kind}", share))
        with count.test("faults: all at once: the ledger's total is what the work cost"):
            through(interpreter, server, home, "fault-mixed",
                    Plan(KINDS[:4], f"{options.seed} mixed", 0.6))
        with count.test("faults: a hold that expired under the work is booked as an event"):
            expired(interpreter, server, home)
