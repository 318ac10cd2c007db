# SPDX-License-Identifier: Apache-2.0
"""Live runs as others see them: `pawl status`, `pawl statusline`, `pawl top`."""
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from control import ask
from shared import limits
from world import PATIENCE_S, expect_line, finish


def statusline(world, *words, cwd=None, stdin=subprocess.DEVNULL, **environment):
    arguments = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    done = subprocess.run([world.pawl, "statusline", "--data-dir", world.data, *words], text=True,
                          check=False, capture_output=True, timeout=PATIENCE_S, cwd=cwd,
                          env=world.environment(**environment), **arguments)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def booked(world):
    """The run's status once its calls are durable: the agent may have its answer before that."""
    while True:
        code, run = ask(world, "GET")
        assert code == 200, run
        if run["in_flight"] == 0:
            return run


def live_status(world):
    """What the socket tells of the last calls is what the history has later."""
    process = world.start(["--name", "watched", "--max-usd", "0.50", "--policy", "team"],
                          "call:100", "call:900", "call:100", "say:ready", "listen")
    expect_line(process, "ready")
    run = booked(world)
    assert (run["policy"], run["attended"], run["cwd"]) == ("team", False, os.getcwd()), run
    assert [call["call"] for call in run["last"]] == sorted(
        (call["call"] for call in run["last"]), reverse=True) and len(run["last"]) == 3, run
    usd = run["caps"][0]
    assert usd["spent"] == sum(call["microcents"] for call in run["last"]), run
    assert run["pace_ms"] >= 60_000 and usd["per_minute"] <= usd["spent"], run
    assert usd["left_ms"] > 0 and "per_minute" not in run["caps"][4], run
    listing = world.tell("status", "--json")
    assert listing.returncode == 0, listing
    [row] = [json.loads(line) for line in listing.stdout.splitlines()]
    assert row["run"] == run["run"] and row["last"] == run["last"], row
    table = world.tell("status").stdout.splitlines()
    assert len(table) == 2 and "running" in table[1] and "watched" in table[1], table
    one = world.tell("status", "watched")
    assert one.returncode == 0 and "policy team, unattended" in one.stdout, one
    for word in ("dollars", "tokens", "tool calls", "model calls", "time", "dearest"):
        assert f"\n{word}" in one.stdout, one.stdout
    assert finish(process, "go\n")[0] == 0
    calls = {call["call"]: call for call in world.history().calls}
    for call in [*run["last"], run["dearest"]]:
        kept = calls[call["call"]]
        assert call["microcents"] == kept["spent"]["usd"]["amount"], (call, kept)
        assert call["tokens"] == kept["spent"]["tokens"]["amount"], (call, kept)
        assert call["model"] == kept["model"], (call, kept)
    shown = world.tell("show", "watched").stdout
    for call in run["last"]:
        assert f"#{call['call']} " in one.stdout, one.stdout
        assert re.search(rf"(?m)^ *{call['call']} +\d.* settled$", shown), shown
    assert "to go on" not in shown, shown
    assert run["dearest"]["microcents"] == max(c["spent"]["usd"]["amount"] for c in calls.values())


def nothing_live(world):
    """Without a run there is a sentence, or nothing at all, and both are status 0."""
    for _ in range(2):  # without a data directory, and with a run that has ended
        done = world.tell("status")
        assert (done.returncode, done.stdout) == (0, "no run is live\n"), done
        assert world.tell("status", "--json").stdout == ""
        assert statusline(world) == ""
        assert world.run([], "exit:0")[0] == 0
    done = world.tell("status", "last")
    assert done.returncode == 1 and "is not running: see 'pawl show" in done.stderr, done


def killed(world):
    """A run whose pawl was killed leaves a socket that nobody listens on."""
    process = world.start([], "say:ready", "wait")
    expect_line(process, "ready")
    process.kill()
    process.wait()
    world.await_unlocked()
    assert world.tell("status").stdout == "no run is live\n"
    assert statusline(world) == ""


def whose_line(world):
    """$PAWL_RUN_ID, then the directory, then the repository, then the newest."""
    repo, other = (pathlib.Path(world.folder.name, name) for name in ("repo", "other"))
    for folder in (repo / "sub", other):
        folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    processes = []
    for name, folder in (("in-sub", repo / "sub"), ("in-repo", repo), ("newest", other)):
        processes.append(world.start(["--name", name], "say:ready", "listen", cwd=str(folder)))
        expect_line(processes[-1], "ready")
    ids = {row["name"]: row["run"] for row in world.runs()}
    form = ("--format", "{name}")
    (repo / "deep").mkdir()
    assert statusline(world, *form, cwd=repo) == "in-repo\n"
    assert statusline(world, *form, cwd=repo / "sub") == "in-sub\n"
    assert statusline(world, *form, cwd=repo / "deep") == "in-repo\n"
    assert statusline(world, *form, cwd="/") == "newest\n"
    assert statusline(world, *form, cwd="/", PAWL_RUN_ID=ids["in-sub"]) == "in-sub\n"
    assert statusline(world, *form, cwd="/", PAWL_RUN_ID="run_0123456789abcdef") == ""
    told = json.dumps({"workspace": {"current_dir": str(repo / "sub")}, "cwd": "/"})
    assert statusline(world, *form, cwd="/", stdin=told) == "in-sub\n"
    assert statusline(world, *form, cwd=repo, stdin="what is no JSON") == "in-repo\n"
    for process in processes:
        assert finish(process, "go\n")[0] == 0


def never_waits(world):
    """Whatever stdin is, the line comes: a pipe that stays open, a socket, none at all."""
    process = world.start(["--name", "one"], "say:ready", "listen")
    expect_line(process, "ready")
    read_fd, write_fd = os.pipe()
    ours, theirs = socket.socketpair()
    try:
        for stdin in (read_fd, ours.fileno()):
            assert statusline(world, "--format", "{name}", stdin=stdin) == "one\n"
    finally:
        for fd in (read_fd, write_fd):
            os.close(fd)
        ours.close()
        theirs.close()
    plain = statusline(world, LC_ALL="C")
    assert plain.isascii() and plain.startswith("$0.00/$1.50 0% - "), plain
    assert "·" in statusline(world, LC_ALL="C.UTF-8")
    assert finish(process, "go\n")[0] == 0


def across_runs(world):
    """Below the live runs stand the windows of subscriptions and the limits."""
    window = {"anthropic-ratelimit-unified-5h-utilization": "0.42",
              "anthropic-ratelimit-unified-5h-status": "allowed",
              "anthropic-ratelimit-unified-5h-reset": str(int(time.time()) + 4500)}
    world.provider.control(default={"reply_tokens": 5, "headers": window})
    process = world.start(["--name", "one"], "call", "say:ready", "listen")
    expect_line(process, "ready")
    booked(world)
    with limits(world, ["--usd", "20", "--per", "day", "--timezone", "UTC"]):
        shown = world.tell("status")
        assert shown.returncode == 0 and not shown.stderr, shown
        for words in ("\nACCOUNT", " 5h ", "42.0%", "\n#", "$20.00"):
            assert words in shown.stdout, shown.stdout
        assert finish(process, "go\n")[0] == 0


class Screen:
    """`pawl top` on a terminal of its own; what it draws is read as it comes."""

    def __init__(self, world, columns=100, lines=30, **environment):
        self.master, slave = os.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.text = ""
        self.process = subprocess.Popen(
            [world.pawl, "top", "--data-dir", world.data], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            env=world.environment(**{"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}))
        world.started.append(self.process)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def expect(self, *words):
        """Until all of them have been drawn since the last call."""
        while not all(word in self.text for word in words):
            ready, _, _ = select.select([self.master], [], [], PATIENCE_S)
            assert ready, (words, self.text)
            self.text += os.read(self.master, 65536).decode(errors="replace")
        self.text = ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def end(self, painted=True):
        """Its status, with everything it still has to say read; the terminal is as it was."""
        while self.process.poll() is None or select.select([self.master], [], [], 0)[0]:
            if select.select([self.master], [], [], 0.01)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is put back"
        assert ("\x1b[?1049l" in self.text) == painted, self.text
        os.close(self.master)
        os.close(self.slave)
        return self.process.returncode


def top(world):
    """Selects, shows one, stops it after a question, and leaves the terminal as it was."""
    first = world.start(["--name", "first"], "call", "say:ready", "wait")
    expect_line(first, "ready")
    second = world.start(["--name", "second"], "call", "say:ready", "listen")
    expect_line(second, "ready")
    screen = Screen(world)
    screen.expect("2 live", "first", "second", "dearest", "q quit")
    screen.resize(40, 10)
    os.kill(screen.process.pid, signal.SIGWINCH)
    screen.expect("second")
    screen.resize(100, 30)
    os.kill(screen.process.pid, signal.SIGWINCH)
    screen.expect("dearest")
    screen.type("\x1bOB\r")  # down, Enter
    screen.expect("unattended")
    screen.type("k")
    screen.expect("stop first")
    screen.type("n")
    screen.expect("q quit")
    screen.type("ky")
    screen.expect("is being ended")
    assert finish(first)[0] == 124
    assert world.tell("status").stdout.count("second") == 1
    screen.type("q")
    assert screen.end() == 0
    assert finish(second, "go\n")[0] == 0


def top_ends(world):
    """However it ends, the terminal is as it was, and the status is the signal's."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT):
        screen = Screen(world)
        screen.expect("no run is live")
        os.kill(screen.process.pid, number)
        assert screen.end() == -number, number


def top_cannot_paint(world):
    """A terminal on which nothing can be put anywhere, or that nobody knows, is told of as that."""
    for name in ("dumb", "no-such-terminal"):
        screen = Screen(world, TERM=name)
        screen.expect(f"cannot be painted on (TERM={name}); pawl top --once")
        assert screen.end(painted=False) == 1


def top_as_text(world):
    """Without a terminal it is one look, with the same columns; colours go with NO_COLOR."""
    process = world.start(["--name", "one"], "call", "say:ready", "listen")
    expect_line(process, "ready")
    for words in (("top",), ("top", "--once", "--sort", "rate")):
        done = world.tell(*words)
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and len(lines) == 3, done
        assert lines[1].split()[:3] == ["RUN", "STATE", "DOLLARS"] and "one" in lines[2], done
    assert world.tell("top", "--sort", "name").returncode == 2
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = Screen(world, **environment)
        while "dearest" not in screen.text:
            screen.text += os.read(screen.master, 65536).decode(errors="replace")
        assert ("\x1b[32m" in screen.text) == coloured, screen.text
        screen.type("q")
        assert screen.end() == 0
    assert finish(process, "go\n")[0] == 0


def tests(world):
    yield "a live run tells its last calls and its pace", live_status
    yield "where nothing is live nothing is shown", nothing_live
    yield "a run that was killed is not live", killed
    yield "the line is of the run that is nearest", whose_line
    yield "the line waits for nobody", never_waits
    yield "what holds across runs stands below them", across_runs
    yield "pawl top selects, shows and stops", top
    yield "pawl top puts the terminal back", top_ends
    yield "pawl top cannot paint", top_cannot_paint
    yield "pawl top without a terminal is text", top_as_text
