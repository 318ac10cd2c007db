# SPDX-License-Identifier: Apache-2.0
"""The machine sleeps: what became due meanwhile is over when it wakes up, and does not go on for as
long as it still had before.
"""
import json
import os
import pathlib
import subprocess
import time

from authorities import ask
from shared import authority_pid, end_authority, limits
from sleeps import Machine
from world import PATIENCE_S, expect_line

HOUR = 3600


def machine(world):
    return Machine(world.pawl, os.path.join(world.folder.name, "ahead"))


def settle_down(folder):
    """Until the journal's witness is written, a second after the last operation: then the process
    waits for what is due by the ledger alone. Where it was written before, nothing comes."""
    witness = pathlib.Path(folder, "journal/witness")
    began = time.time()
    while time.time() < began + 3 and not (witness.exists() and witness.stat().st_mtime > began):
        time.sleep(0.05)


def lease_of_a_call(world):
    """A call that is under way: its lease is over, so its hold is booked, whoever looks first."""
    asleep = machine(world)
    world.provider.control(default={"hang_after": 6})
    run = world.start(["--max-time", "100h"], "part", "say:ready", "wait", env=asleep.environment)
    expect_line(run, "first")
    expect_line(run, "ready")
    held = json.loads(world.tell("status", "--json").stdout)["caps"][0]["held"]
    assert held > 0
    [folder] = pathlib.Path(world.data, "runs").iterdir()
    settle_down(folder)
    asleep.sleep(HOUR)
    usd = {"held": held}
    end = time.monotonic() + PATIENCE_S
    while usd["held"] > 0 and time.monotonic() < end:
        usd = json.loads(world.tell("status", "--json").stdout)["caps"][0]
    assert (usd["held"], usd["spent"]) == (0, held), usd


def slice_of_a_dead_run(world):
    """What a run had drawn and will not give back: the authority, which waits for nothing else,
    ends."""
    asleep = machine(world)
    with limits(world, ["--usd", "1", "--per", "day"]):
        run = world.start([], "call", "say:done", "wait", env=asleep.environment)
        expect_line(run, "done")
        run.kill()
        run.wait()
        end_authority(world)
        command = [world.pawl, "authority", "--data-dir", world.data, "--idle", "200ms"]
        authority = subprocess.Popen(command, env=world.environment(**asleep.environment))
        world.started.append(authority)
        while authority_pid(world) is None:
            assert authority.poll() is None
        [limit] = ask(world, "/v1/x-pawl/limits")["limits"]
        assert limit["held"] > 0, limit
        settle_down(os.path.join(world.data, "authority"))
        asleep.sleep(HOUR)
        assert authority.wait(PATIENCE_S) == 0


def tests(_world):
    return (
        ("the lease of a call", lease_of_a_call),
        ("the slice of a run that died", slice_of_a_dead_run),
    )
