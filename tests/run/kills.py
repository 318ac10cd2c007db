# SPDX-License-Identifier: Apache-2.0
"""kill -9 of pawl, and a disk that is full: what was acknowledged is there, and what the provider
billed is covered by what is booked.
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import resource
import shutil
import sqlite3
import subprocess
import sys

import scripted
from world import AGENT, MODEL, PATIENCE_S, Witness, await_line, expect_line, finish


def check_books(world, settled_min):
    """Every bill is covered; what was settled is exact; the rest is booked at its hold."""
    history = world.history()
    bills = world.provider.ledger()["calls"]
    assert history.run["state"] == "ended" and history.run["reason"] == "killed", history.run
    calls = [call for call in history.calls if call["state"] != "refused"]
    settled = [call for call in calls if call["state"] == "settled"]
    open_ones = [call for call in calls if call["state"] == "unconfirmed"]
    assert len(settled) + len(open_ones) == len(calls) >= len(bills), (len(calls), len(bills))
    assert len(settled) >= settled_min, history
    for call, bill in zip(calls, bills):
        booked, billed = call["spent"]["usd"]["amount"], bill.get("microcents", 0)
        exact = call["state"] == "settled"
        assert booked == billed if exact else booked >= billed, (call, bill)
    assert history.spent == sum(call["spent"]["usd"]["amount"] for call in calls), history
    limit = history.run["limits"]["usd"]["amount"]
    assert history.spent <= limit, history.run
    return history


def in_mid_stream(world):
    world.provider.control(default={"reply_tokens": 600, "pace_ms": 20})
    with Witness() as witness:
        process = world.start([], "call", "call", "part:2000", "say:open", "wait",
                              **witness.arguments())
        witness.let_go()
        for word in ("first", "open"):
            expect_line(process, word)
        process.kill()
        assert finish(process)[0] == -9
        witness.await_nobody()
    check_books(world, 2)
    # Settled once and for all: the next reader has nothing to do.
    run = next(pathlib.Path(world.data, "runs").iterdir())
    assert (run / "lock").read_text(encoding="utf-8").startswith("ended ")
    assert not (run / "run.sock").exists()


def before_the_answer(world):
    """The provider has the call, and nothing of an answer has come."""
    world.provider.control(default={"hang_head": True, "bill": "full", "reply_tokens": 150})
    process = world.start([], "call")
    world.provider.request("/wait?calls=1")
    process.kill()
    assert finish(process)[0] == -9
    check_books(world, 0)


def at_any_moment(world):
    """Killed when the provider has seen the Nth call, for N from 1 on: wherever that finds pawl."""
    world.provider.control(default={"reply_tokens": 40})
    for count in range(1, 9):
        world.provider.reset()
        world.provider.control(prices={"claude-sonnet-4-5": world.prices},
                               default={"reply_tokens": 40})
        process = world.start(["--max-iterations", "1000"], "until")
        world.provider.request(f"/wait?calls={count}")
        process.kill()
        assert finish(process)[0] == -9
        check_books(world, count - 2)
    assert len(world.runs()) == 8


def before_any_call(world):
    process = world.start([], "say:ready", "wait")
    expect_line(process, "ready")
    process.kill()
    assert finish(process)[0] == -9
    assert check_books(world, 0).spent == 0


def before_the_session(world):
    """What a kill leaves behind between the run's directory and the session's commit: nothing was
    promised yet, and no agent was started, so there is no run to show."""
    assert world.run([], ["true"])[0] == 0
    runs = pathlib.Path(world.data, "runs")
    whole = next(runs.iterdir())
    run_id = whole.name[:-6] + "000000"
    for what in ("no journal", "an empty journal"):
        cut = runs / run_id
        shutil.copytree(whole, cut)
        (cut / "lock").write_text("open\n", encoding="utf-8")
        (cut / "journal/witness").unlink()
        if what == "no journal":
            shutil.rmtree(cut / "journal")
            (cut / "journal").mkdir()
        else:
            with contextlib.closing(sqlite3.connect(cut / "journal/journal-000001.db")) as segment:
                segment.execute("DELETE FROM batch")
                segment.commit()
        assert world.tell("verify").returncode == 0, what
        assert [row["run"] for row in world.runs()] == [whole.name], what
        assert not cut.exists(), what
    # With a witness of more it is damage, and nothing is removed.
    shutil.copytree(whole, cut)
    (cut / "lock").write_text("open\n", encoding="utf-8")
    (cut / "journal/journal-000001.db").unlink()
    assert world.tell("verify").returncode == 4
    listed = world.tell("runs")
    assert run_id in listed.stderr and cut.exists(), listed


HAIKU = "claude-haiku-4-5"

# Flags, what the agent does, and the word on pawl's stderr behind which it is killed; without one
# that is when the agent says "ready".
MODES = (
    ("a limit across runs", [], ["call", "say:ready", "wait"], None),
    ("a summary that was made", ["--on-limit", "summary", "--max-iterations", "2", "--attended"],
     ["call", "call", "say:ready", "wait"], None),
    ("a question that is open", ["--on-limit", "ask", "--max-iterations", "1", "--attended"],
     ["call", "call"], "waits for more"),
    ("an approver that was told", ["--on-limit", "ask", "--max-iterations", "1", "--approver",
                                   "sleep 600"], ["call", "call"], "waits for more"),
    ("a model that was switched", ["--degrade", f"{HAIKU}@1%", "--max-tokens", "9000"],
     ["call", "call", "say:ready", "wait"], None),
    ("a phase", ["--phase", "verification=$0.40,10m"], ["call", "say:ready", "wait"], None),
    ("a stop", ["--max-iterations", "1", "--attended"], ["call", "call", "say:ready", "wait"],
     None),
)


def in_every_mode(world):
    """Killed in each of its modes: nobody is left, the books cover the bills, the limit across runs
    has what was spent and lends nothing, and a run goes on with what was left."""
    prices = {model: scripted.prices(world.pawl, model) for model in (HAIKU, MODEL)}
    world.provider.control(prices=prices)
    assert world.tell("limit", "--usd", "20", "--per", "day").returncode == 0
    spent = 0
    try:
        for what, flags, steps, words in MODES:
            with Witness() as witness:
                process = world.start(flags, *steps, **witness.arguments())
                witness.let_go()
                if words:
                    await_line(process, words)
                else:
                    while "ready" not in process.stdout.readline():
                        assert process.poll() is None, what
                process.kill()
                finish(process)
                witness.await_nobody()
            shown = world.tell("show", "last", "--json")
            assert shown.returncode == 0, (what, shown.stderr)
            run = world.runs()[0]
            assert run["state"] == "ended" and run["reason"] == "killed", (what, run)
            assert world.tell("verify", "last").returncode == 0, what
            spent += run["spent"]["usd"]["amount"]
            assert world.bill() <= spent, (what, world.bill(), spent)
            limit = json.loads(world.tell("limit", "--json").stdout)
            assert limit["spent"] == spent and limit["held"] == 0, (what, limit, spent)
            status = world.tell("status")
            assert status.returncode == 0 and "no run is live" in status.stdout, (what, status)
        resumed = subprocess.run([world.pawl, "run", "--data-dir", world.data, "--resume", "last",
                                  "--add-iterations", "3", "--", sys.executable, AGENT, "call"],
                                 env=world.environment(), capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL, check=False, timeout=PATIENCE_S)
        assert resumed.returncode == 0, resumed
    finally:
        scripted.end_authority(world.data)


def readers_at_once(world):
    """Eight readers find the same abandoned run; one settles it, all show the same."""
    process = world.start([], "call", "part:500", "say:ready", "wait")
    expect_line(process, "first")
    expect_line(process, "ready")
    process.kill()
    assert finish(process)[0] == -9
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda _: world.runs(), range(8)))
    assert all(rows == shown[0] for rows in shown), shown
    assert shown[0][0]["reason"] == "killed", shown[0]
    check_books(world, 1)
    assert world.tell("verify").returncode == 0


def reader_killed(world):
    """A reader that dies while it settles is made up for by the next one."""
    process = world.start([], "call", "part:500", "say:ready", "wait")
    expect_line(process, "first")
    expect_line(process, "ready")
    process.kill()
    finish(process)
    for milliseconds in (1, 3, 5, 8, 12, 20):
        world.tell_and_kill(milliseconds / 1000, "runs")
    check_books(world, 1)
    assert world.tell("verify").returncode == 0


def history_behind(world):
    """An ended run of which the history lost the last records, as with the power, is made whole."""
    assert world.run([], "call", "call", "call")[0] == 0
    whole = world.history()
    database = os.path.join(world.data, "history.db")
    with contextlib.closing(sqlite3.connect(database)) as history:
        newest = whole.calls[-1]["call"]
        spent = whole.calls[-1]["spent"]["usd"]["amount"]
        history.execute("DELETE FROM calls WHERE id >= ?", (newest,))
        history.execute("UPDATE runs SET watermark = ?, state = 'active', reason = NULL,"
                        " ended_us = 0, calls = calls - 1, spent0 = spent0 - ?,"
                        " spent1 = spent1 - ?, spent3 = spent3 - 1", (
                            newest - 1, spent, whole.calls[-1]["spent"]["tokens"]["amount"]))
        history.commit()
    assert world.history() == whole


def disk_full(world):
    """A commit that fails ends the run at once, with the reason; the tree goes with it, and what
    was acknowledged before stands."""
    def small_disk():
        # Writes beyond this size fail, as they do on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    with Witness() as witness:
        process = world.start(["--max-iterations", "100000", "--max-usd", "1000", "--max-tokens",
                               "1G"], "deaf", "tool", "until", "wait", preexec_fn=small_disk,
                              **witness.arguments())
        witness.let_go()
        status, _, stderr = finish(process)
        witness.await_nobody()
    assert status == 125 and "journal cannot be written" in stderr, (status, stderr)
    history = check_books(world, 1)
    assert len(history.calls) > 5, history


def tests(world):
    yield "kill -9 in mid-stream", in_mid_stream
    yield "kill -9 before the answer", before_the_answer
    yield "kill -9 at any moment", at_any_moment
    yield "kill -9 before any call", before_any_call
    yield "kill -9 in every mode", in_every_mode
    yield "kill -9 before the session", before_the_session
    yield "eight readers of an abandoned run", readers_at_once
    yield "a reader that is killed", reader_killed
    yield "a history that lost the end of a run", history_behind
    yield "a full disk", disk_full
