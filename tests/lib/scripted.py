# SPDX-License-Identifier: Apache-2.0
"""Starts the scripted provider and pawl for Python suites, and reads what both have to say.

    with Provider() as provider, tempfile.TemporaryDirectory() as data:
        provider.control(default={"reply_tokens": 50})
        run = pawl_run(PAWL, data, ["--max-usd", "0.10"], ["python3", "agent.py"], provider)
        assert run.status == 0 and run.history.spent == provider.ledger()["total"]["microcents"]
"""
import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import typing
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_SECONDS_MAX = 120


class Provider:
    """The process of provider.py, gone with the block."""

    def __init__(self, seed=1):
        self.seed = seed

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tests/lib/provider.py", "--seed", str(self.seed)],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(" ", 1)[1])
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", data,
                         timeout=RUN_SECONDS_MAX) as answer:
            return json.load(answer)

    def control(self, **script):
        self.request("/control", script)

    def reset(self):
        self.request("/reset", {})

    def ledger(self):
        """Once nothing is open any more."""
        self.request("/wait?open=0")
        return self.request("/ledger")

    def bodies(self):
        """What was asked, call by call."""
        return self.request("/bodies")["bodies"]

    def environment(self):
        return {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.port}",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{self.port}/v1",
                "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{self.port}",
                "ANTHROPIC_API_KEY": "sk-ant-test", "OPENAI_API_KEY": "sk-test",
                "GEMINI_API_KEY": "gem-test"}


class History(typing.NamedTuple):
    """What `pawl show last --json` tells."""

    run: dict
    calls: list
    estimates: list

    @property
    def spent(self):
        return self.run["spent"]["usd"]["amount"]

    @property
    def refusals(self):
        return [call for call in self.calls if call["state"] == "refused"]


class Run(typing.NamedTuple):
    status: int
    stdout: str
    stderr: str
    history: History


def read_history(pawl, data_dir):
    shown = subprocess.run([pawl, "show", "last", "--json", "--data-dir", data_dir],
                           capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=True)
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    return History(rows[0], [row for row in rows if row["type"] == "call"],
                   [row for row in rows if row["type"] == "estimate"])


def prices(pawl, model):
    """The first row of a model's prices, as the scripted provider takes it."""
    shown = subprocess.run([pawl, "prices", model, "--json"], capture_output=True, text=True,
                           timeout=RUN_SECONDS_MAX, check=True)
    row = json.loads(shown.stdout.splitlines()[0])["rows"][0]
    row.setdefault("cache_write", row["input"])
    row.setdefault("cache_write_long", row["cache_write"])
    return row


def pawl_run(pawl, data_dir, options, command, provider):
    """Runs a command under pawl to its end, without a terminal."""
    done = subprocess.run([pawl, "run", "--data-dir", data_dir, *options, "--", *command],
                          env={**os.environ, **provider.environment()}, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=RUN_SECONDS_MAX,
                          check=False)
    return Run(done.returncode, done.stdout, done.stderr, read_history(pawl, data_dir))


def end_authority(data):
    """It would go by itself, a minute later; the next run starts it again."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.path.join(data, "authority/authority.sock"))
        who = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    with os.fdopen(os.pidfd_open(who)) as process:
        signal.pidfd_send_signal(process.fileno(), signal.SIGTERM)
        select.select([process], [], [], 60)
