# SPDX-License-Identifier: Apache-2.0
"""One run of an agent in a home of its own: what it is started with, what it said, what pawl says
of it, and whom it left behind.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/lib"))
import scripted  # noqa: E402

SECONDS_MAX = 120
SOON_S = 120  # for what happens at once on a machine that has time


class Done(typing.NamedTuple):
    """How a run ended."""

    status: int
    stdout: str
    stderr: str  # without the card
    card: dict
    history: typing.Any

    @property
    def said(self):
        return self.stdout + self.stderr

    @property
    def agent_said(self):
        """Without pawl's own lines."""
        return "\n".join(line for line in self.said.splitlines() if not line.startswith("pawl: "))


class Unprivileged(str):
    """pawl's path, to be started as anybody but root."""


class World:
    """A home, a project, and a data directory, all gone with the block."""

    def __init__(self, pawl, agent, model):
        self.pawl, self.agent, self.model = pawl, agent, model

    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="pawl-agent-"))
        self.home, self.project = self.root / "home", self.root / "home/project"
        self.data = self.root / "data"
        self.project.mkdir(parents=True)
        self.process = None
        self.agent.prepare(self)
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def has(self, name):
        return (self.project / name).exists()

    def await_file(self, name):
        give_up = time.monotonic() + SOON_S
        while not self.has(name):
            assert time.monotonic() < give_up, f"{name} was not made"
            time.sleep(0.02)

    def environment(self, **more):
        path = f"{pathlib.Path(self.agent.node).parent}:/usr/local/bin:/usr/bin:/bin"
        return {"HOME": str(self.home), "PATH": path, "TERM": "dumb", "LANG": "C.UTF-8",
                **self.agent.environment(self.model.url), **more}

    def start(self, options, command, resume=(), **environment):
        """pawl run, with the card as JSON behind everything else on stderr; a command, or what
        goes on with another run."""
        around = ["unshare", "--user"] if isinstance(self.pawl, Unprivileged) else []
        command = [*around, self.pawl, "run", "--data-dir", str(self.data), "--json-card",
                   *options, *(resume or ["--", *command])]
        self.process = subprocess.Popen(
            command, cwd=self.project, env=self.environment(**environment), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self.process

    def finish(self):
        stdout, stderr = self.process.communicate(timeout=SECONDS_MAX)
        lines = stderr.splitlines()
        card = json.loads(lines[-1]) if lines and lines[-1].startswith('{"run"') else {}
        if card:
            stderr = "\n".join(lines[:-1])
        history = scripted.read_history(self.pawl, str(self.data)) if card else None
        return Done(self.process.returncode, stdout, stderr, card, history)

    def run(self, options=(), command=None, **environment):
        self.start(options, command or self.agent.command(), **environment)
        return self.finish()

    def status(self):
        """What the live run says of itself."""
        path = next((self.data / "runs").glob("*/run.sock"))
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(f"/proc/self/fd/{directory}/run.sock")
                connection.sendall(b"GET /v1/x-pawl/run HTTP/1.1\r\nHost: pawl\r\n"
                                   b"Connection: close\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        finally:
            os.close(directory)
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    def await_latch(self):
        give_up = time.monotonic() + SOON_S
        while not self.is_latched():
            assert time.monotonic() < give_up, "the run was not stopped"
            assert self.process.poll() is None, self.finish()
            time.sleep(0.02)

    def await_question(self, about):
        """Until the run asks about it."""
        give_up = time.monotonic() + SOON_S
        while not self.asks(about):
            assert time.monotonic() < give_up, f"no question about a {about}"
            assert self.process.poll() is None, self.finish()
            time.sleep(0.02)

    def asks(self, about):
        try:
            return self.status().get("question") == about
        except (OSError, StopIteration, ValueError):
            return False  # It does not answer yet.

    def tell(self, command, *words):
        """A person's word to the run, from another terminal."""
        return subprocess.run([self.pawl, command, *words, "--data-dir", str(self.data)], text=True,
                              capture_output=True, timeout=SECONDS_MAX, check=True).stdout

    def is_latched(self):
        try:
            return self.status()["latched"] is not None
        except (OSError, StopIteration, ValueError):
            return False  # It does not answer yet, or any more.

    def ask_as_hook(self, tool_id):
        """What a hook of this agent says to a tool call that nobody has made."""
        run = next((self.data / "runs").glob("*")).name
        asked = subprocess.run(
            [self.pawl, "hook", self.agent.name, "--run", run, "--data-dir", str(self.data)],
            input=json.dumps({"tool_name": "Other", "tool_use_id": tool_id}), text=True,
            capture_output=True, timeout=SECONDS_MAX, check=True)
        return asked.stdout

    # --- Whom it left behind ---

    def left(self):
        """Processes that have this home in their environment."""
        mark = f"HOME={self.home}".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (OSError, ValueError):
                pass  # It has gone, or is another user's.
        return found

    def await_command(self, words):
        """Until one of them runs that; what is about to run something has none for a moment."""
        give_up = time.monotonic() + SOON_S
        while not any(words in command for command in self.left()):
            assert time.monotonic() < give_up, self.left()
            time.sleep(0.02)

    def await_nobody(self):
        give_up = time.monotonic() + SOON_S
        while self.left():
            assert time.monotonic() < give_up, self.left()
            time.sleep(0.02)

    def kill(self, number=signal.SIGKILL):
        os.kill(self.process.pid, number)
