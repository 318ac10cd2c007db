# SPDX-License-Identifier: Apache-2.0
"""What the tests of `pawl run` share: a data directory, the scripted provider, and processes that
are waited for by what they say, never by time.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading

import scripted

AGENT = str(pathlib.Path(__file__).resolve().parent / "agent.py")
MODEL = "claude-sonnet-4-5"
PATIENCE_S = 120


class World:
    """One test's surroundings; the provider is shared and forgets between tests."""

    def __init__(self, pawl, provider):
        self.pawl = str(pathlib.Path(pawl).resolve())
        self.provider = provider
        self.prices = scripted.prices(self.pawl, MODEL)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pawl-test-")
        self.data = os.path.join(self.folder.name, "data")
        self.started = []
        self.provider.reset()
        self.provider.control(prices={MODEL: self.prices})
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        self.folder.cleanup()

    def environment(self, **extra):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("PAWL_")}
        return {**plain, **self.provider.environment(), **extra}

    def command(self, options, steps):
        """Steps are words for agent.py, or a whole command if the first is a list."""
        command = steps[0] if steps and isinstance(steps[0], list) else [
            sys.executable, AGENT, *steps]
        return [self.pawl, "run", "--data-dir", self.data, *options, "--", *command]

    def start(self, options, *steps, env=None, **arguments):
        """Begins a run; its standard streams are pipes unless told otherwise."""
        arguments = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                     "stderr": subprocess.PIPE, **arguments}
        process = subprocess.Popen(self.command(options, steps), text=True,
                                   env=self.environment(**(env or {})), **arguments)
        self.started.append(process)
        return process

    def run(self, options, *steps, **arguments):
        """A run from its beginning to its end: status, stdout, stderr."""
        process = self.start(options, *steps, **{"stdin": subprocess.DEVNULL, **arguments})
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        return process.returncode, stdout, stderr

    def card(self, options, *steps, **arguments):
        """The same with the card as JSON: status, stdout, card, the other lines of stderr."""
        status, stdout, stderr = self.run([*options, "--json-card"], *steps, **arguments)
        lines = stderr.splitlines()
        return status, stdout, json.loads(lines[-1]), lines[:-1]

    def tell(self, *words, **arguments):
        """Another pawl command on the same data directory."""
        return subprocess.run([self.pawl, *words, "--data-dir", self.data], text=True, check=False,
                              capture_output=True, timeout=PATIENCE_S, **arguments)

    def tell_and_kill(self, seconds, *words):
        """The same, killed after a while unless it is done by then: any moment will do."""
        try:
            subprocess.run([self.pawl, *words, "--data-dir", self.data], capture_output=True,
                           check=False, timeout=seconds)
        except subprocess.TimeoutExpired:
            pass

    def named(self, run):
        """A run in a command that pawl offers."""
        return f"{run} --data-dir {self.data}"

    def runs(self):
        """What `pawl runs --json` lists, newest first."""
        done = self.tell("runs", "--json", "--all")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def await_unlocked(self):
        """Until the newest run's pawl has gone: it holds the lock to its end."""
        folder = max(pathlib.Path(self.data, "runs").glob("run_*"))
        with open(folder / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def history(self):
        return scripted.read_history(self.pawl, self.data)

    def bill(self):
        """What the provider billed, in microcents."""
        return self.provider.ledger()["total"]["microcents"]

    def bill_so_far(self):
        """The same while calls are under way, without them."""
        return self.provider.request("/ledger")["total"]["microcents"]


@contextlib.contextmanager
def patience(process):
    """What is read from a run's pipes meanwhile ends after a while: the run is killed then, and
    with it all that holds them. Yields whether that was so."""
    gone = threading.Event()

    def give_up():
        gone.set()
        process.kill()
    timer = threading.Timer(PATIENCE_S, give_up)
    timer.start()
    try:
        yield gone
    finally:
        timer.cancel()


def await_line(process, words):
    """pawl's next line on stderr that has the words."""
    seen = []
    with patience(process) as gone:
        for line in process.stderr:
            seen.append(line)
            if words in line:
                return line
    what = f"nothing after {PATIENCE_S} s" if gone.is_set() else "the end"
    raise AssertionError(f"no line with {words!r}, but {what} behind {''.join(seen)!r}")


def expect_line(process, word):
    """The agent's next line on stdout, which must begin with the word."""
    with patience(process) as gone:
        line = process.stdout.readline().rstrip("\n")
    what = f"nothing after {PATIENCE_S} s" if gone.is_set() else repr(line)
    assert line.startswith(word) and not gone.is_set(), f"{what} instead of {word!r}"
    return line


def finish(process, text=None):
    stdout, stderr = process.communicate(text, timeout=PATIENCE_S)
    return process.returncode, stdout, stderr


class Witness:
    """A pipe that every process of a tree holds; it reads as ended when the last one is gone."""

    def __enter__(self):
        self.read_fd, self.write_fd = os.pipe()
        os.set_inheritable(self.write_fd, True)
        return self

    def __exit__(self, *_):
        os.close(self.read_fd)
        if self.write_fd >= 0:
            os.close(self.write_fd)

    def arguments(self):
        return {"pass_fds": (self.write_fd,)}

    def let_go(self):
        """After the tree was started: only it holds the pipe from here on."""
        os.close(self.write_fd)
        self.write_fd = -1

    def await_nobody(self):
        ended, _, _ = select.select([self.read_fd], [], [], PATIENCE_S)
        assert ended and os.read(self.read_fd, 1) == b"", "somebody is left running"
