# SPDX-License-Identifier: Apache-2.0
"""Limits across runs, with real processes: runs that share, deaths on either side, the reset.

No authority outlives its test: it is told to end, or was killed.
"""
import contextlib
import datetime
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import threading

from world import PATIENCE_S, expect_line, finish

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
        assert "$0.05 per day on this machine" in lines[0], lines
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


def own_cap_first(world):
    """Where its own cap is the nearer one, nothing is different but that it counts."""
    with limits(world, ["--usd", "5", "--per", "day"]):
        status, stdout, card, _ = world.card(["--max-usd", "0.02"], "until")
        assert status == 124 and "pawl: budget spent" in stdout, stdout
        assert stand(world)["spent"] == card["consumed"]["USD_MICROCENTS"] == world.bill()


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


def many_at_once(world):
    """Eight who all find nobody there start one authority between them."""
    world.provider.control(default={"reply_tokens": 20})
    with limits(world, ["--usd", "1", "--per", "day"]):
        end_authority(world)
        runs = [world.start(["--max-usd", "0.1"], "call", "say:done", "listen") for _ in range(8)]
        for run in runs:
            expect_line(run, "done")
        pid = authority_pid(world)
        ends = [finish(run, "end\n") for run in runs]
        assert [end[0] for end in ends] == [0] * 8, ends
        assert authority_pid(world) == pid
        assert stand(world)["spent"] == world.bill() == spent_by_runs(world)
        log = pathlib.Path(world.data, "authority/log").read_text(encoding="utf-8")
        assert log == "", log


def authority_dies(world):
    """kill -9 of the authority between and during calls: the runs go on, nothing is lost, and the
    limit holds."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        runs = [world.start(["--max-usd", "5"], "until") for _ in range(2)]
        kills = 0
        for calls in range(4, 40, 4):
            world.provider.request(f"/wait?calls={calls}")
            kills += end_authority(world, signal.SIGKILL)
        ends = [finish(run) for run in runs]
        assert [end[0] for end in ends] == [124, 124], ends
        assert kills >= 3, kills
        assert spent_by_runs(world) == world.bill() == stand(world)["spent"], stand(world)
        assert USD * 3 // 10 * 97 // 100 <= world.bill() <= USD * 3 // 10, world.bill()


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


def no_authority_at_the_end(world):
    """A run that cannot give back is settled by the next reader."""
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        run = world.start(["--max-usd", "0.2"], "call", "say:done", "listen")
        expect_line(run, "done")
        lock = pathlib.Path(world.data, "authority/lock")
        end_authority(world, signal.SIGKILL)
        lock.rename(lock.with_name("away"))
        lock.mkdir()
        status, _, stderr = finish(run, "end\n")
        assert status == 0 and "not given back yet" in stderr, stderr
        # Nothing starts as long as nobody can say what the limits allow.
        status, stdout, stderr = world.run([], "say:started")
        assert status == 125 and stdout == "" and "limits are set for this run" in stderr, stderr
        lock.rmdir()
        lock.with_name("away").rename(lock)
        assert spent_by_runs(world) == world.bill()
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == world.bill(), row


def just_before_midnight(seconds):
    """A time zone in which the day ends that soon."""
    now = datetime.datetime.now(datetime.timezone.utc)
    left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second) - seconds
    sign = "-" if left <= 43200 else ""
    left = left if left <= 43200 else 86400 - left
    return f"XYZ{sign}{left // 3600:02}:{left // 60 % 60:02}:{left % 60:02}"


def await_line(process, words):
    """Reads stderr up to a line that has these words."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"no line with {words!r}: {lines}")


def reset(world):
    """The run that is stopped at the limit goes on when the day has ended."""
    world.provider.control(default={"reply_tokens": 150})
    zone = just_before_midnight(5)
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
    world.provider.control(default={"reply_tokens": 150})
    zone = just_before_midnight(5)
    with limits(world, ["--usd", "0.05", "--per", "day", "--timezone", zone]):
        status, stdout, card, _ = world.card(
            ["--max-usd", "1", "--max-iterations", "16", "--on-limit", "pause", "--auto-resume"],
            "until")
        # One window holds fewer calls than that, so it went through the end of a day.
        assert status == 124 and card["unit"] == "ITERATIONS" and card["calls"] == 16, card
        assert "model calls used" in stdout, stdout
        assert 0 < stand(world)["spent"] < world.bill()


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


def places(world):
    """A limit on a directory or a repository binds the runs in it, and no others."""
    top = pathlib.Path(world.folder.name, "repo")
    inside = top / "a" / "b"
    inside.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    subprocess.run(["git", "-C", str(top), "-c", "user.name=x", "-c", "user.email=x@x", "commit",
                    "-q", "--allow-empty", "-m", "x"], check=True)
    tree = pathlib.Path(world.folder.name, "tree")
    subprocess.run(["git", "-C", str(top), "worktree", "add", "-q", str(tree)], check=True)
    with limits(world, ["--usd", "0.5", "--per", "day", f"--repo={inside}", "--name", "repo"],
                ["--iterations", "2", "--per", "1h", f"--dir={top / 'a'}", "--name", "dir"]):
        for folder in (inside, tree, world.folder.name):
            world.card(["--max-usd", "0.1"], "call", cwd=str(folder))
        bills = [call["microcents"] for call in world.provider.ledger()["calls"]]
        assert stand(world, "repo")["spent"] == sum(bills[:2]), (stand(world, "repo"), bills)
        assert stand(world, "dir")["spent"] == 1, stand(world, "dir")
        status, stdout, card, _ = world.card(["--max-usd", "0.1"], "until", cwd=str(inside))
        assert status == 124 and card["unit"] == "ITERATIONS" and card["calls"] == 1, card
        assert f"the 1h limit of 2 model calls in {top / 'a'} is spent" in stdout, stdout


def places_by_other_names(world):
    """Links lead to the same place, a repository in another is one of its own, and so is what only
    begins with the same letters."""
    top = pathlib.Path(world.folder.name).resolve() / "work"
    inner = top / "inner"
    other = top.with_name("workshop")
    link = top.with_name("link")
    for folder in (inner / "deep", other):
        folder.mkdir(parents=True)
    link.symlink_to(top)
    for repo in (top, inner):
        subprocess.run(["git", "init", "-q", str(repo)], check=True)
    with limits(world, ["--iterations", "100", "--per", "day", f"--dir={link}", "--name", "dir"],
                ["--iterations", "100", "--per", "day", f"--repo={link}", "--name", "outer"],
                ["--iterations", "100", "--per", "day", f"--repo={inner / 'deep'}",
                 "--name", "inner"]):
        for folder, counts in ((top, (1, 1, 0)), (link / "inner/deep", (2, 1, 1)),
                               (other, (2, 1, 1)), (link, (3, 2, 1))):
            status, _, _ = world.run(["--no-card"], "call", cwd=str(folder))
            assert status == 0, folder
            spent = tuple(stand(world, name)["spent"] for name in ("dir", "outer", "inner"))
            assert spent == counts, (folder, spent)
        # A bare repository is one, too, and so are the worktrees that hang on it.
        bare, tree = top.with_name("bare.git"), top.with_name("tree")
        subprocess.run(["git", "-C", str(top), "-c", "user.name=x", "-c", "user.email=x@x",
                        "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(top), str(bare)], check=True)
        subprocess.run(["git", "-C", str(bare), "worktree", "add", "-q", str(tree)], check=True,
                       stderr=subprocess.DEVNULL)
        done = world.tell("limit", "--iterations", "9", "--per", "day", f"--repo={bare}",
                          "--name", "bare")
        assert done.returncode == 0 and f"in the repository {bare}" in done.stdout, done
        for folder, count in ((tree, 1), (bare / "refs", 2), (top, 2)):
            status, _, _ = world.run(["--no-card"], "call", cwd=str(folder))
            assert status == 0 and stand(world, "bare")["spent"] == count, folder
        done = world.tell("limit", "--usd", "1", "--per", "day", f"--dir={top / 'nowhere'}")
        assert done.returncode in (1, 2) and "nowhere" in done.stderr, done


def tool_calls(world):
    world.provider.control(default={"tool_calls": 2})
    with limits(world, ["--tool-calls", "5", "--per", "day"]):
        status, stdout, card, _ = world.card([], "until")
        assert status == 124 and card["unit"] == "TOOL_CALLS", card
        assert "the day's limit of 5 tool calls on this machine is spent: 4 used" in stdout, stdout
        assert stand(world)["spent"] == 4


def nobody_is_started(world):
    """Without limits there is no authority, and nothing of it on disk."""
    status, _, _, _ = world.card([], "call")
    assert status == 0
    assert not pathlib.Path(world.data, "authority").exists()
    done = world.tell("limit")
    assert done.returncode == 0 and "no limits" in done.stdout
    assert not pathlib.Path(world.data, "authority").exists()


def not_to_be_seen(world):
    """Who cannot look whether there are limits does not take it that there are none, and is told
    what is in the way."""
    authority = pathlib.Path(world.data, "authority")

    def expect_failure(words):
        done = world.tell("limit")
        status, _, stderr = world.run([], ["true"])
        assert (done.returncode, status) == (3, 125), (done, stderr)
        for text in (done.stderr, stderr):
            assert "the authority did not start: " in text and words in text, (done, stderr)

    with limits(world, ["--usd", "0.5", "--per", "day"]):
        end_authority(world)
        sock = authority / "authority.sock"
        sock.write_text("", encoding="utf-8")  # it went with the authority
        expect_failure(f"{sock} is no socket")
        sock.unlink()
        authority.rename(authority.with_name("away"))
        authority.symlink_to("authority")
        expect_failure("/lock: ")
        authority.unlink()
        authority.with_name("away").rename(authority)
        assert stand(world)["spent"] == 0


def hangs(world):
    """An authority that is there and hears nothing is told of, with what to do about it, and nobody
    waits for it for ever, also where as many wait as can."""
    with limits(world, ["--usd", "0.5", "--per", "day"]), contextlib.ExitStack() as stack:
        pid = authority_pid(world)
        process = stack.enter_context(os.fdopen(os.pidfd_open(pid)))
        signal.pidfd_send_signal(process.fileno(), signal.SIGSTOP)
        folder = os.open(os.path.join(world.data, "authority"), os.O_RDONLY)
        stack.callback(os.close, folder)
        with contextlib.suppress(BlockingIOError):
            while True:
                peer = stack.enter_context(socket.socket(socket.AF_UNIX))
                peer.setblocking(False)
                peer.connect(f"/proc/self/fd/{folder}/authority.sock")
        run = world.start([], "say:started")
        done = world.tell("limit")
        status, stdout, stderr = finish(run)
        assert (done.returncode, status, stdout) == (3, 125, ""), (done, status, stderr)
        for text in (done.stderr, stderr):
            assert f"process {pid}, does not answer" in text and f"kill -9 {pid}" in text, text
        signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)  # as it says
        assert stand(world)["limit"] == USD // 2


def verified_alive(world):
    """Its ledger is verified while it lends, from a copy that is gone afterwards."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.2", "--per", "day"]):
        run = world.start(["--max-usd", "5"], "until", "say:end")
        ops = []
        for calls in (2, 6, 10):
            world.provider.request(f"/wait?calls={calls}")
            done = world.tell("verify", "authority", "--json")
            row = json.loads(done.stdout)
            assert done.returncode == 0 and row["ok"] and row["results_compared"], done
            ops.append(row["last_op"])
            anchor = f"{row['last_op']}:{row['hash']}"
        assert ops == sorted(ops) and ops[0] < ops[-1], ops
        assert finish(run)[0] == 124
        done = world.tell("verify", "authority", "--expect", anchor)
        assert done.returncode == 0, done
        done = world.tell("verify")
        assert done.returncode == 0 and "2 verified, 0 running" in done.stdout, done
        left = [path.name for path in pathlib.Path(world.data, "authority").glob("copy-*")]
        assert left == [], left
        # What a verify that was killed left behind goes with the next authority.
        left = pathlib.Path(world.data, "authority/copy-1-1")
        left.mkdir()
        (left / "journal.lock").touch()
        end_authority(world)
        assert stand(world)["held"] == 0
        assert not left.exists()


def ask(world, path):
    """What the authority says, as it says it."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.path.join(world.data, "authority/authority.sock"))
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return json.loads(peer.makefile("rb").read().partition(b"\r\n\r\n")[2])


@contextlib.contextmanager
def made_up(world, status, body, times=1):
    """Something that answers so in the place of an authority."""
    def answer():
        for _ in range(times):
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as lines:
                while lines.readline() not in (b"\r\n", b""):
                    pass
                peer.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
                             f"{body}".encode())

    path = os.path.join(world.data, "authority/authority.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        server = threading.Thread(target=answer)
        server.start()
        yield
        server.join()
    os.unlink(path)


def clock_was_ahead(world):
    """A ledger that was written while the clock stood ahead ends its windows too late: `pawl limit`
    says so, and what to do."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        now_ms = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000
        told = ask(world, "/v1/x-pawl/limits")
        assert abs(told["now_ms"] - now_ms) < PATIENCE_S * 1000 and len(told["limits"]) == 1, told
        assert world.tell("limit").stderr == ""
        end_authority(world)
        told["now_ms"] += 400 * 86400 * 1000
        with made_up(world, 200, json.dumps(told)):
            done = world.tell("limit")
        assert done.returncode == 0 and "usd-per-day" in done.stdout, done
        assert "ahead of this machine's clock" in done.stderr and "mv " in done.stderr, done
        assert re.search(r"ledger is (400d|399d 23h) ", done.stderr), done.stderr


def other_version(world):
    """Answers that this pawl cannot read are told as what they are, and nothing starts."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        assert "'kill -9 " in ask(world, "/v1/x-pawl/loans")["message"]
        end_authority(world)
        for status, body in ((200, "{}"), (200, "hello"), (500, "")):
            with made_up(world, status, body, times=3):
                changed = world.tell("limit", "--usd", "1", "--per", "day")
                done = world.tell("limit")
                started, stdout, stderr = world.run([], "say:started")
            assert (changed.returncode, done.returncode, started) == (3, 3, 125), (done, stderr)
            for text in (changed.stderr, done.stderr, stderr):
                assert "is of another version of pawl; ending that process" in text, text
            assert stdout == ""
        assert stand(world)["limit"] == USD // 2


def idle(world):
    """It goes by itself when nobody has asked for a while, and its ledger is sound then."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        end_authority(world)
        done = world.tell("authority", "--idle", "200ms")
        assert done.returncode == 0 and done.stderr == "", done
        done = world.tell("verify", "authority")
        assert done.returncode == 0 and "authority  ok: operations 1 to" in done.stdout, done
        assert stand(world)["limit"] == USD // 2
        second = world.tell("authority")
        assert second.returncode == 1 and "is running" in second.stderr, second


def tests(_world):
    return (
        ("one run reaches a limit", one_run),
        ("a run's own cap comes first", own_cap_first),
        ("two runs share a limit", two_runs),
        ("eight runs at once start one authority", many_at_once),
        ("the authority is killed again and again", authority_dies),
        ("a run is killed", run_dies),
        ("a run is killed, and nobody looks", run_dies_and_nobody_looks),
        ("both are killed", both_die),
        ("a run ends and the authority cannot be had", no_authority_at_the_end),
        ("a stopped run goes on after midnight", reset),
        ("a call waits for midnight", paused),
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
        ("limits of places", places),
        ("places by other names", places_by_other_names),
        ("a limit of tool calls", tool_calls),
        ("without limits nobody is started", nobody_is_started),
        ("limits that cannot be seen", not_to_be_seen),
        ("an authority that hangs", hangs),
        ("its ledger is verified while it works", verified_alive),
        ("a clock that was ahead", clock_was_ahead),
        ("an authority of another version", other_version),
        ("an idle authority ends", idle),
    )
