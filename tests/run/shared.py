# SPDX-License-Identifier: Apache-2.0
"""Limits across runs, with real processes: runs that share, deaths on either side, the reset, and
limits that change while runs work.

No authority outlives its test: it is told to end, or was killed.
"""
import contextlib
import datetime
import json
import math
import os
import pathlib
import re
import select
import signal
import socket
import struct
import threading
import time

from world import MODEL, PATIENCE_S, await_line, expect_line, finish

USD = 100_000_000


def authority_pid(world):
    """Who listens on the authority's socket, or None."""
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            folder = os.open(os.path.join(world.data, "authority"), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            peer.connect(f"/proc/self/fd/{folder}/authority.sock")
        except OSError:
            return None
        finally:
            os.close(folder)
        return struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def end_authority(world, number=signal.SIGTERM):
    """Signals it and waits until it has gone. False: there was none."""
    pid = authority_pid(world)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as process:
        signal.pidfd_send_signal(process.fileno(), number)
        assert select.select([process], [], [], PATIENCE_S)[0], "the authority does not go"
    return True


@contextlib.contextmanager
def limits(world, *options):
    """Limits that are set, one for each list of options; the authority is gone afterwards."""
    try:
        for words in options:
            done = world.tell("limit", *words)
            assert done.returncode == 0, done.stderr
        yield
    finally:
        end_authority(world)


def stand(world, name=None):
    done = world.tell("limit", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return rows[0] if name is None else next(row for row in rows if row["name"] == name)


def spent_by_runs(world):
    return sum(run["spent"]["usd"]["amount"] for run in world.runs())


def one_run(world):
    """A run that reaches the limit is stopped as at a cap of its own, with the limit's words."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.05", "--per", "day"]):
        status, stdout, card, lines = world.card(["--max-usd", "1"], "until")
        assert status == 124 and card["why"] == "cap" and card["unit"] == "USD_MICROCENTS", card
        spent = card["consumed"]["USD_MICROCENTS"]
        assert spent == world.bill() <= USD // 20 and spent >= USD // 20 * 9 // 10, spent
        assert re.search(r"refused 402 pawl: the day's limit of \$0\.05 on this machine is spent: "
                         r"\$0\.0\d+ used, and this call needs \$0\.0\d+ at least\. It resets at "
                         r"(\d{4}-\d\d-\d\d )?\d\d:\d\d \(in [^)]+\)\. Run run_\w+ is stopped",
                         stdout), stdout
        assert any("limits      $0.05 per day on this machine" in line for line in lines), lines
        row = stand(world)
        assert row["spent"] == spent and row["held"] == 0, row
        assert card["limit"] == "usd-per-day", card
        assert "capped: limit usd-per-day" in world.tell("runs").stdout, world.tell("runs").stdout
        assert json.loads(world.tell("runs", "--breaches", "--json").stdout or "null") is None
        # Its own caps have room: it goes on without more.
        status, _, stderr = world.run(["--resume", "last", "--no-card"], ["true"])
        assert status == 0, stderr
        # The next one gets nothing at all.
        status, _, stderr = world.run(["--max-usd", "1"], "call")
        assert status == 124 and "HARD STOP: the day's limit of $0.05 on this" in stderr, stderr
        assert "when usd-per-day has reset or is raised: see pawl limit" in stderr, stderr
        assert world.runs()[0]["calls"] == 0


def gave_up(world):
    """A limit that allows more again after the agent was refused, which then asks no more: one that
    fails was stopped by the limit, one that ends well was not, and one that calls again goes on."""
    for amount, (steps, expected) in enumerate(((["exit:3"], 124), (["exit:0"], 0),
                                                (["call", "exit:3"], 3)), 1):
        with limits(world, ["--iterations", str(3 * amount), "--per", "day"]):
            run = world.start([], *["call"] * 4, "say:ready", "listen", *steps)
            while not run.stdout.readline().startswith("ready"):
                pass
            assert world.tell("limit", "--iterations", "100", "--per", "day").returncode == 0
            await_line(run, "the limit allows more again; calls go on")
            status, _, stderr = finish(run, "go\n")
            assert status == expected, (steps, status, stderr)
            assert ("HARD STOP" in stderr) == (expected == 124), stderr
            assert world.runs()[0]["reason"] == ("capped" if expected == 124 else
                                                 "completed" if expected == 0 else "failed")


def own_cap_first(world):
    """Where its own cap is the nearer one, nothing is different but that it counts."""
    with limits(world, ["--usd", "5", "--per", "day"]):
        status, stdout, card, _ = world.card(["--max-usd", "0.02"], "until")
        assert status == 124 and "pawl: budget spent" in stdout, stdout
        assert stand(world)["spent"] == card["consumed"]["USD_MICROCENTS"] == world.bill()


def too_big_for_the_limit(world):
    """It is the limit that is named, and nobody is asked for what would not help."""
    with limits(world, ["--usd", "0.10", "--per", "day"]):
        for mode in ("halt", "ask"):
            status, stdout, card, lines = world.card(["--attended", "--on-limit", mode],
                                                     "prompt:100", "call", "prompt:0", "call")
            assert "too big for what the day's limit of $0.10 on this machine has left" in stdout
            assert "--add-usd" not in stdout and "see pawl limit" in stdout, stdout
            assert stdout.count("refused 402") == 1 and status == 1, (stdout, lines)
            assert not card["hard_stop"] and card["approvals_asked"] == 0, card
        status, _, stderr = world.run(["--on-limit", "ask", "--attended"], "prompt:100", "call")
        assert status == 124 and "HARD STOP: this call is too big for what the day's" in stderr
        assert ", when usd-per-day has reset or is raised: see pawl limit\n" in stderr, stderr


def two_runs(world):
    """Two at once spend what one would, and no cent more."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.4", "--per", "day"]):
        runs = [world.start(["--max-usd", "5"], "until") for _ in range(2)]
        ends = [finish(run) for run in runs]
        assert [end[0] for end in ends] == [124, 124], ends
        assert spent_by_runs(world) == world.bill() == stand(world)["spent"], stand(world)
        assert USD * 2 // 5 * 98 // 100 <= world.bill() <= USD * 2 // 5, world.bill()
        assert stand(world)["held"] == 0


def run_dies(world):
    """kill -9 of a run: what it held stays off the limit until somebody settles the run, and then
    the limit knows what was spent."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        run = world.start(["--max-usd", "0.2"], "until")
        world.provider.request("/wait?calls=6")
        run.kill()
        assert finish(run)[0] == -9
        row = stand(world)
        assert row["held"] > 0 and row["spent"] + row["held"] >= world.bill(), row
        spent = spent_by_runs(world)
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == spent >= world.bill(), (row, spent)
        # The rest is there for others, to the end.
        status, _, card, _ = world.card(["--max-usd", "5"], "until")
        assert status == 124, card
        assert spent + card["consumed"]["USD_MICROCENTS"] == stand(world)["spent"] <= USD * 3 // 10


def run_dies_and_nobody_looks(world):
    """Another run that needs what a dead one holds gets it within a heartbeat or so."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        run = world.start(["--max-usd", "5"], "until")
        world.provider.request("/wait?calls=6")
        run.kill()
        assert finish(run)[0] == -9
        status, stdout, card, _ = world.card(["--max-usd", "5"], "until")
        assert status == 124 and "the day's limit of $0.30 on this machine" in stdout, stdout
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == spent_by_runs(world), row
        assert USD * 3 // 10 * 97 // 100 <= row["spent"] <= USD * 3 // 10, row
        assert world.bill() <= row["spent"], row


def both_die(world):
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        for calls in range(3, 15, 3):
            run = world.start(["--max-usd", "0.2"], "until")
            world.provider.request(f"/wait?calls={calls}")
            killer = threading.Thread(target=end_authority, args=(world, signal.SIGKILL))
            killer.start()
            run.kill()
            assert finish(run)[0] == -9
            killer.join()
        spent = spent_by_runs(world)
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == spent >= world.bill(), (row, spent)
        assert spent <= USD * 3 // 10, spent


def just_before_midnight(world):
    """A time zone in which the day ends soon, after four times as long as so many calls take as
    these tests make before it."""
    folder, began = world.data, time.monotonic()
    world.data = os.path.join(world.folder.name, "measured")
    world.run([], *["call"] * 16)
    world.provider.reset()
    world.provider.control(prices={MODEL: world.prices})
    world.data = folder
    seconds = min(40, max(5, math.ceil(4 * (time.monotonic() - began))))
    now = datetime.datetime.now(datetime.timezone.utc)
    left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second) - seconds
    sign = "-" if left <= 43200 else ""
    left = left if left <= 43200 else 86400 - left
    return f"XYZ{sign}{left // 3600:02}:{left // 60 % 60:02}:{left % 60:02}"


def reset(world):
    """The run that is stopped at the limit goes on when the day has ended."""
    zone = just_before_midnight(world)
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.05", "--per", "day", "--timezone", zone]):
        run = world.start(["--max-usd", "1", "--attended"], "until", "listen", "call", "say:called")
        expect_line(run, "refused 402 pawl: the day's limit of $0.05")
        assert stand(world)["left"] < USD // 100
        await_line(run, "calls go on")
        row = stand(world)
        assert row["spent"] == 0 and row["held"] <= row["limit"], row
        status, stdout, _ = finish(run, "go\n")
        assert "heard go\ncalled" in stdout and status == 1, (status, stdout)
        assert 0 < stand(world)["spent"] < world.bill()


def paused(world):
    """With --on-limit pause --auto-resume the call itself waits for midnight, and is answered."""
    zone = just_before_midnight(world)
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.05", "--per", "day", "--timezone", zone]):
        status, stdout, card, lines = world.card(
            ["--max-usd", "1", "--max-iterations", "16", "--on-limit", "pause", "--auto-resume"],
            "until")
        assert any("across runs it waits until that begins anew, and goes on by itself" in line
               for line in lines), lines
        assert any(re.match(r"pawl: the limit \S+ is spent: \$0\.0\d+ of \$0\.05 used\. The agent "
                            r"waits until \d\d:\d\d:\d\d \(in \d+s\) and goes on by itself", line)
                   for line in lines), lines
        assert "pawl: the wait is over; the agent goes on" in lines, lines
        # One window holds fewer calls than that, so it went through the end of a day.
        assert status == 124 and card["unit"] == "ITERATIONS" and card["calls"] == 16, card
        assert "model calls used" in stdout, stdout
        assert 0 < stand(world)["spent"] < world.bill()


def paused_too_big(world):
    """So does one that is too big for what is left until then, and would fit into all of it;
    nothing waits for what never fits."""
    zone = just_before_midnight(world)
    world.provider.control(default={"reply_tokens": 2000})
    pausing = ["--max-usd", "1", "--on-limit", "pause", "--auto-resume"]
    with limits(world, ["--usd", "0.10", "--per", "day", "--timezone", zone]):
        steps = ["call:2000", "call:2000", "prompt:9", "call:200"]
        status, stdout, card, lines = world.card(pausing, *steps)
        assert status == 0 and not card["refusals"] and card["calls"] == 3, (stdout, lines)
        assert any(re.match(r"pawl: the limit \S+ has too little left: \$0\.0\d+ of \$0\.10 used\. "
                            r"The agent waits until ", line) for line in lines), lines
        assert "pawl: the wait is over; the agent goes on" in lines, lines
        status, stdout, _, lines = world.card(pausing, "prompt:100", "call:200")
        assert "it is more than all of the limit. Raise the limit" in stdout, stdout


def raised(world):
    """Raising the limit lets the run go on, as it is."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.05", "--per", "month"]):
        run = world.start(["--max-usd", "1", "--attended"], "until", "listen", "call", "say:called")
        expect_line(run, "refused 402 pawl: the month's limit of $0.05")
        assert world.tell("limit", "--usd", "0.5", "--per", "month").returncode == 0
        await_line(run, "calls go on")
        status, stdout, _ = finish(run, "go\n")
        assert "heard go\ncalled" in stdout and status == 1, (status, stdout)
        assert stand(world)["spent"] == world.bill()


def removed(world):
    """A limit that is removed binds nobody any more, runs under way included."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.05", "--per", "day"]):
        run = world.start(["--max-usd", "0.1", "--attended"], "until", "listen", "until")
        expect_line(run, "refused 402 pawl: the day's limit")
        assert world.tell("limit", "remove", "usd-per-day").returncode == 0
        await_line(run, "calls go on")
        status, stdout, _ = finish(run, "go\n")
        assert status == 124 and "pawl: budget spent" in stdout, (status, stdout)
        assert spent_by_runs(world) == world.bill() <= USD // 10
        assert not pathlib.Path(world.data, "authority/limits").exists()


def set_later(world):
    """A run that began without any limit is bound by one that is set while it works, from its next
    call on, also where it is one of a directory that comes first, and is none of its business."""
    world.provider.control(default={"reply_tokens": 150})
    run = world.start(["--max-usd", "5"], "call", "say:first", "listen", "call", "say:second",
                      "listen", "until")
    expect_line(run, "first")
    before = world.bill()
    with limits(world, ["--usd", "1", "--per", "day", f"--dir={world.data}", "--name", "there"]):
        run.stdin.write("go\n")
        run.stdin.flush()
        expect_line(run, "heard")
        expect_line(run, "second")
        done = world.tell("limit", "--usd", "0.05", "--per", "day", "--name", "here")
        assert done.returncode == 0, done
        between = world.bill()
        status, stdout, stderr = finish(run, "go\n")
        assert status == 124 and "refused 402 pawl: the day's limit of $0.05" in stdout, stdout
        assert "limits across runs have changed: within $0.05 per day on this" in stderr, stderr
        assert 0 < before < between
        assert stand(world, "here")["spent"] == world.bill() - between <= USD // 20
        assert stand(world, "there")["spent"] == 0
        assert spent_by_runs(world) == world.bill()


def set_beside_another(world):
    """What a run was lent before a limit was set is no way around it, and what it spent before does
    not count in it."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "20", "--per", "day", "--name", "day"]):
        run = world.start(["--max-usd", "5", "--attended"], "call", "say:first", "listen", "until")
        expect_line(run, "first")
        assert stand(world)["held"] > USD // 10, stand(world)
        before = world.bill()
        done = world.tell("limit", "--usd", "0.05", "--per", "month", "--name", "month")
        assert done.returncode == 0, done
        status, stdout, stderr = finish(run, "go\n")
        assert status == 124 and "the month's limit of $0.05" in stdout, (status, stdout, stderr)
        spent = world.bill() - before
        assert stand(world, "month")["spent"] == spent <= USD // 20, (stand(world, "month"), spent)
        assert spent >= USD // 20 * 9 // 10 and f"${spent / USD:.4f} used" in stdout, stdout
        assert stand(world, "day")["spent"] == world.bill() == spent_by_runs(world)
        assert stand(world, "day")["held"] == stand(world, "month")["held"] == 0


def set_beside_another_during_a_call(world):
    """Likewise while a call is under way, which goes on; the next ones are bound."""
    world.provider.control(default={"reply_tokens": 150},
                           queue=[{"reply_tokens": 150}, {"reply_tokens": 150, "pace_ms": 20}])
    with limits(world, ["--usd", "20", "--per", "day", "--name", "day"]):
        run = world.start(["--max-usd", "5", "--attended"], "call", "part:150", "say:open",
                          "listen", "until")
        expect_line(run, "first")
        expect_line(run, "open")
        done = world.tell("limit", "--usd", "0.05", "--per", "month", "--name", "month")
        assert done.returncode == 0, done
        status, stdout, stderr = finish(run, "go\n")
        assert status == 124 and "the month's limit of $0.05" in stdout, (status, stdout, stderr)
        bills = [call["microcents"] for call in world.provider.ledger()["calls"]]
        spent = stand(world, "month")["spent"]
        assert sum(bills[2:]) <= spent <= USD // 20, (spent, bills)
        assert stand(world, "day")["spent"] == sum(bills) == spent_by_runs(world), bills
        assert stand(world, "day")["held"] == stand(world, "month")["held"] == 0


def set_again(world):
    """What was spent while there was no limit does not count in the one that is set after it, while
    a call is under way or not."""
    world.provider.control(default={"reply_tokens": 150})
    for steps in (["call"] * 30, ["part:150", *["call"] * 30]):
        with limits(world, ["--usd", "20", "--per", "day", "--name", "first"]):
            run = world.start(["--max-usd", "5", "--attended"], "call", "say:ready", "listen",
                              *steps, "say:then", "listen", "until")
            expect_line(run, "ready")
            assert world.tell("limit", "remove", "first").returncode == 0
            run.stdin.write("go\n")
            run.stdin.flush()
            expect_line(run, "heard")
            expect_line(run, "first" if steps[0] != "call" else "then")
            if steps[0] != "call":
                expect_line(run, "then")
            before = world.bill_so_far()
            done = world.tell("limit", "--usd", "0.05", "--per", "day", "--name", "second")
            assert done.returncode == 0, done
            status, stdout, stderr = finish(run, "go\n")
            assert "the day's limit of $0.05" in stdout, (status, stdout, stderr)
            assert "not given back" not in stderr, stderr
            row = stand(world, "second")
            spent = world.bill() - before
            assert USD // 20 * 9 // 10 <= row["spent"] <= USD // 20, (row, spent)
            assert row["held"] == 0 and row["spent"] >= spent - USD // 100, (row, spent)
            assert world.tell("limit", "remove", "second").returncode == 0


def set_later_and_nobody_answers(world):
    """Where a limit was set and cannot be asked, no call goes out until it can."""
    run = world.start(["--max-usd", "5"], "call", "say:first", "listen", "timeout:12", "call",
                      "say:asked", "listen", "until")
    expect_line(run, "first")
    with limits(world, ["--usd", "0.05", "--per", "day"]):
        lock = pathlib.Path(world.data, "authority/lock")
        end_authority(world, signal.SIGKILL)
        lock.rename(lock.with_name("away"))
        lock.mkdir()
        run.stdin.write("go\n")
        run.stdin.flush()
        expect_line(run, "heard")
        line = expect_line(run, "refused")
        assert "whether they allow the call cannot be found out" in line, line
        expect_line(run, "asked")
        lock.rmdir()
        lock.with_name("away").rename(lock)
        status, stdout, _ = finish(run, "go\n")
        assert status == 124 and "refused 402 pawl: the day's limit of $0.05" in stdout, stdout
        assert 0 < stand(world)["spent"] < world.bill()


def lowered(world):
    """Lowering a limit below what is spent and lent stops a run with a slice at its next call,
    though a call of its own is under way and keeps the slice from going back."""
    world.provider.control(default={"reply_tokens": 150},
                           queue=[{"reply_tokens": 150}, {"reply_tokens": 150, "pace_ms": 100}])
    with limits(world, ["--usd", "20", "--per", "day"]):
        run = world.start(["--max-usd", "5", "--attended"], "call", "part:150", "say:open",
                          "listen", "until")
        expect_line(run, "first")
        expect_line(run, "open")
        row = stand(world)
        assert row["held"] > USD // 10, row
        done = world.tell("limit", "--usd", "0.01", "--per", "day")
        assert done.returncode == 0 and "the rest is lent to runs" in done.stdout, done
        bill = world.bill()
        status, stdout, stderr = finish(run, "go\n")
        assert "refused" in stdout and "day's limit of $0.01 on this machine" in stdout, stdout
        assert world.bill() - bill <= row["held"] // 10, (bill, world.bill())
        assert len(world.provider.ledger()["calls"]) == 2, stdout
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == world.bill() == spent_by_runs(world), row


def summary_is_kept(world):
    """What a run keeps for its summary other runs do not get, whatever is left of the limit."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.1", "--per", "day"]):
        run = world.start(["--max-usd", "5", "--on-limit", "summary"], "call", "say:first",
                          "listen", "until")
        expect_line(run, "first")
        status, stdout, _, _ = world.card(["--max-usd", "5", "--attended"], "timeout:11", "until")
        assert "refused" in stdout, stdout
        bill = world.bill()
        status, stdout, stderr = finish(run, "go\n")
        assert status == 124 and "one more call sums up" in stderr, (stdout, stderr)
        folder, = {path.parent for path in pathlib.Path(world.data, "runs").glob("*/summary.txt")}
        assert (folder / "summary.txt").read_text(), stdout
        last = world.provider.bodies()[-1]
        assert "the last answer that it pays for" in json.dumps(last["messages"][-1]), last
        assert bill < world.bill() == stand(world)["spent"] <= USD // 10, stand(world)


def summaries_of_several(world):
    """Runs that each keep a part of one limit for their last words do not wait for each other for
    ever: each sums up, and the limit holds."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.15", "--per", "day"]):
        runs = [world.start(["--max-usd", "5", "--on-limit", "summary"], "timeout:12", "call",
                            "say:ready", "listen", "until") for _ in range(3)]
        for run in runs:
            expect_line(run, "ready")  # It has called: from here on it keeps its part.
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        ends = [finish(run) for run in runs]
        assert [status for status, _, _ in ends] == [124] * 3, ends
        assert not any("history is behind" in stderr for _, _, stderr in ends), ends
        texts = list(pathlib.Path(world.data, "runs").glob("*/summary.txt"))
        assert len(texts) == 3, ends
        row = stand(world)
        assert row["spent"] == world.bill() <= USD * 15 // 100 and row["held"] == 0, row


def tool_calls(world):
    world.provider.control(default={"tool_calls": 2})
    with limits(world, ["--tool-calls", "5", "--per", "day"]):
        status, stdout, card, _ = world.card([], "until")
        assert status == 124 and card["unit"] == "TOOL_CALLS", card
        assert "the day's limit of 5 tool calls on this machine is spent: 4 used" in stdout, stdout
        assert stand(world)["spent"] == 4


def tests(_world):
    return (
        ("one run reaches a limit", one_run),
        ("a limit allows more again too late", gave_up),
        ("a run's own cap comes first", own_cap_first),
        ("a call too big for a limit names it", too_big_for_the_limit),
        ("two runs share a limit", two_runs),
        ("a run is killed", run_dies),
        ("a run is killed, and nobody looks", run_dies_and_nobody_looks),
        ("both are killed", both_die),
        ("a stopped run goes on after midnight", reset),
        ("a call waits for midnight", paused),
        ("a call that is too big waits for midnight", paused_too_big),
        ("a stopped run goes on when the limit is raised", raised),
        ("a stopped run goes on when the limit is removed", removed),
        ("a limit that is set while a run works", set_later),
        ("a limit that is set beside another", set_beside_another),
        ("a limit is set beside another during a call", set_beside_another_during_a_call),
        ("a limit that is removed and set again", set_again),
        ("a limit is set and nobody can say of it", set_later_and_nobody_answers),
        ("a limit that is lowered while a run works", lowered),
        ("a summary has its part of a limit", summary_is_kept),
        ("summaries of several runs", summaries_of_several),
        ("a limit of tool calls", tool_calls),
    )
