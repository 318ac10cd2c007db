# SPDX-License-Identifier: Apache-2.0
"""Agents that do nothing but spend, with the official client: one that never stops by itself, and
many short lives through whatever lies between them and the server.
"""
import threading

from common import client, main, number
from runcycles import BudgetExceededError, CyclesProtocolError, cycles

CENT = 1_000_000


def runaway():
    """Workers of one client, a cent a call, none of which stops before it is refused."""
    lock, told = threading.Lock(), {"calls": 0, "refused": []}

    @cycles(estimate=CENT, action_kind="llm.completion", action_name="loop", client=client())
    def call():
        with lock:
            told["calls"] += 1

    def worker():
        try:
            for _ in range(1000):
                call()
        except BudgetExceededError as why:
            with lock:
                told["refused"].append([why.status, why.error_code, str(why)])

    workers = [threading.Thread(target=worker) for _ in range(number("WORKERS", "1"))]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return told


def lifecycles():
    """What the function did is spent, whatever became of the words about it."""
    did, failed = [], 0

    @cycles(estimate=1000, actual=lambda result: result, ttl_ms=number("TTL_MS", "60000"),
            grace_period_ms=0, client=client())
    def call(index):
        did.append(100 + index)
        return 100 + index

    wanted = number("LIFECYCLES", "60")
    while len(did) < wanted and failed < 100 * wanted:  # a server that is started refuses many
        try:
            call(len(did))
        except CyclesProtocolError:
            failed += 1
    return {"spent": sum(did), "calls": len(did), "failed": failed}


def dies():
    """Waits for its end, which comes between the work and the commit's answer: what it spent is in
    the client's journal."""
    @cycles(estimate=1000, actual=lambda _: 777, ttl_ms=number("TTL_MS", "60000"),
            grace_period_ms=0, client=client())
    def call():
        pass

    call()
    threading.Event().wait()


def comes_back():
    """The next process of the same agent: the client replays its journal when it first works."""
    @cycles(estimate=1000, actual=lambda _: 111, client=client())
    def call():
        pass

    call()
    return {"spent": 777 + 111}


if __name__ == "__main__":
    main({"runaway": runaway, "lifecycles": lifecycles, "dies": dies, "comes_back": comes_back})
