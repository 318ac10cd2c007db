# SPDX-License-Identifier: Apache-2.0
"""Deaths by lot under a limit across runs: kill -9 of whoever takes part, at moments that a seed
draws. The seed is printed first, with the command that repeats it.
"""
import contextlib
import os
import random
import select
import signal

from shared import USD, end_authority, limits, spent_by_runs, stand
from world import Witness, finish

RUNS = 3
DEATHS = 12
LIMIT_USD = 2
VICTIMS = ("authority", "pawl", "keeper", "agent", "group", "authority and pawl",
           "authority and keeper", "everybody")


def seed():
    drawn = int(os.environ.get("PAWL_SEED") or random.SystemRandom().randrange(1 << 31))
    print(f"reproduce: PAWL_SEED={drawn} tests/run/run.py deaths", flush=True)
    return drawn


def children(pid):
    """Of all threads; none where it has gone."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    return found


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Runs:
    """So many runs at a time, each in a process group of its own, each with a witness."""

    def __init__(self, world):
        self.world = world
        self.live = []
        self.stack = contextlib.ExitStack()

    def begin(self):
        witness = self.stack.enter_context(Witness())
        process = self.world.start(["--max-usd", "5", "--max-iterations", "100000"], "until",
                                   start_new_session=True, **witness.arguments())
        witness.let_go()
        self.live.append((process, witness))

    def fill(self):
        while len(self.live) < RUNS:
            self.begin()

    def end(self, process, witness):
        """Whoever of it is left must go by itself."""
        status, stdout, stderr = finish(process)
        witness.await_nobody()
        self.live.remove((process, witness))
        return status, stdout, stderr


def strike(world, runs, victim, index):
    """Kills; true where a run cannot go on."""
    process, _ = runs.live[index]
    keepers = children(process.pid)
    agents = [pid for keeper in keepers for pid in children(keeper)]
    if "authority" in victim or victim == "everybody":
        end_authority(world, signal.SIGKILL)
    if victim == "everybody":
        for other, _ in runs.live:
            os.killpg(other.pid, signal.SIGKILL)
    elif "group" in victim:
        os.killpg(process.pid, signal.SIGKILL)
    elif "pawl" in victim:
        process.kill()
    elif "keeper" in victim:
        kill(keepers)
    elif "agent" in victim:
        kill(agents)
    return victim != "authority"


def check_books(world, died):
    spent = spent_by_runs(world)  # which settles those that died
    row = stand(world)
    bill = world.bill()
    assert row["held"] == 0 and row["spent"] == spent <= LIMIT_USD * USD, (row, spent, bill)
    assert spent >= bill, (spent, bill)
    assert died or spent == bill, (spent, bill)


def by_lot(world):
    """Nothing acknowledged is lost, nothing is let through, what lives goes on, and what is left of
    a run that died goes with it."""
    dice = random.Random(seed())
    world.provider.control(default={"reply_tokens": {"low": 20, "high": 200}})
    runs = Runs(world)
    with limits(world, ["--usd", str(LIMIT_USD), "--per", "day"]), runs.stack:
        calls = 0
        for _ in range(DEATHS):
            runs.fill()
            calls += dice.randrange(1, 16)
            victim = dice.choice(VICTIMS)
            index = dice.randrange(RUNS)
            moment_s = dice.random() / 20
            world.provider.request(f"/wait?calls={calls}")
            select.select([], [], [], moment_s)  # whatever that hits
            if strike(world, runs, victim, index):
                hit = list(runs.live) if victim == "everybody" else [runs.live[index]]
                for process, witness in hit:
                    runs.end(process, witness)
            if dice.random() < 0.3:
                check_books_alive(world)
        runs.fill()
        ends = [runs.end(process, witness) for process, witness in list(runs.live)]
        assert [end[0] for end in ends] == [124] * RUNS, ends
        assert all(f"limit of ${LIMIT_USD}" in end[1] for end in ends), ends
        check_books(world, True)
        assert world.bill() >= LIMIT_USD * USD * 9 // 10, world.bill()
        end_authority(world)
        done = world.tell("verify")
        assert done.returncode == 0 and "authority  ok" in done.stdout, done


def check_books_alive(world):
    """While runs work: what is booked and lent covers what was billed, within the limit."""
    bill = world.bill_so_far()
    row = stand(world)
    assert bill <= row["spent"] + row["held"] <= LIMIT_USD * USD, (row, bill)


def tests(_world):
    yield "deaths by lot", by_lot
