# SPDX-License-Identifier: Apache-2.0
"""What the tests of `pawl serve` share: a data directory, servers on free ports that are waited for
by their first line, and requests with the standard library alone.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 120
USD = 100_000_000
ADMIN = "an-administrators-key"


class Answer:
    """Status, headers, and the body as JSON where it is JSON."""

    def __init__(self, reply):
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        self.text = reply.read().decode()
        self.json = json.loads(self.text) if self.text[:1] in "{[" and self.text else None

    def __repr__(self):
        return f"{self.status} {self.text}"

    def want(self, status):
        """The body, of an answer that has this status."""
        assert self.status == status, f"{self} instead of {status}"
        return self.json


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.path)


class Server:
    """A server that has said where it listens."""

    def __init__(self, process, patience_s=PATIENCE_S):
        self.process, self.read = process, b""
        line = self.line(patience_s)
        assert line, f"no first line; {process.stderr.read()}"
        self.first = json.loads(line)
        self.addresses = self.first["addresses"]
        self.url = self.addresses[0]

    def line(self, patience_s=PATIENCE_S):
        """The next line of stdout; empty at its end."""
        while b"\n" not in self.read:
            ready, _, _ = select.select([self.process.stdout], [], [], patience_s)
            assert ready, "nothing was said"
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return ""
            self.read += more
        line, self.read = self.read.split(b"\n", 1)
        return line.decode() + "\n"

    def connect(self, url=None):
        url = url or self.url
        if url.startswith("unix:"):
            return UnixConnection(url[5:])
        host, port = re.fullmatch(r"https?://(.*):(\d+)", url).groups()
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE_S)

    def ask(self, method, path, body=None, key=None, admin=None, url=None, connection=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["X-Cycles-API-Key"] = key
        if admin:
            headers["X-Admin-API-Key"] = admin
        own = connection or self.connect(url)
        own.request(method, path, None if body is None else json.dumps(body), headers)
        answer = Answer(own.getresponse())
        if not connection:
            own.close()
        return answer

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """An orderly end."""
        self.signal(signal.SIGTERM)
        status, _, err = self.wait()
        assert status == 0, err

    def wait(self):
        """Its exit status, what it still said, and its log."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, self.read.decode() + out, err


class World:
    """One test's surroundings."""

    def __init__(self, pawl):
        self.pawl = str(pathlib.Path(pawl).resolve())

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pawl-serve-")
        self.data = os.path.join(self.folder.name, "data")
        self.started = []
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

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def environment(self, **extra):
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("PAWL_", "CYCLES_"))}
        return {**plain, "PAWL_ALLOW_ANY_FS": "1", "HOME": self.folder.name,
                "XDG_STATE_HOME": "", **extra}

    def command(self, options, listen=True, data=None):
        where = ["--listen", "127.0.0.1:0"] if listen else []
        return [self.pawl, "serve", "--data-dir", data or self.data, *where, *options]

    def start(self, *options, env=None, listen=True, data=None, **arguments):
        process = subprocess.Popen(
            self.command(options, listen, data), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env=self.environment(**{"PAWL_ADMIN_KEY": ADMIN, **(env or {})}), **arguments)
        self.started.append(process)
        return Server(process)

    def fail(self, *options, env=None, listen=True, data=None, **arguments):
        """A start that comes to nothing: exit status and stderr."""
        done = subprocess.run(self.command(options, listen, data), capture_output=True, text=True,
                              check=False, timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
                              env=self.environment(**(env or {})), **arguments)
        return done.returncode, done.stderr

    def tell(self, *words, env=None):
        """Another pawl command."""
        return subprocess.run([self.pawl, *words], capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
                              env=self.environment(**(env or {})))


def reserve_body(key, amount=500_000, tenant="quickstart", **more):
    return {"idempotency_key": key, "subject": {"tenant": tenant},
            "action": {"kind": "llm.completion", "name": "gpt-4o"},
            "estimate": {"unit": "USD_MICROCENTS", "amount": amount}, **more}


def commit_body(key, amount):
    return {"idempotency_key": key, "actual": {"unit": "USD_MICROCENTS", "amount": amount}}


def quick_start(world, *options, **arguments):
    """A server with its quick start: (server, key)."""
    server = world.start("--quickstart", *options, **arguments)
    text = ""
    while "curl" not in text:
        line = server.line()
        assert line, text
        text += line
    server.quick = text
    key = re.search(r"export CYCLES_API_KEY=(\S+)", text).group(1)
    return server, key


def balance(server, key, tenant="quickstart"):
    """What the tenant's budget in dollars has: the row of /v1/balances."""
    answer = server.ask("GET", f"/v1/balances?tenant={tenant}", key=key)
    assert answer.status == 200, answer
    rows = [row for row in answer.json["balances"] if row["scope"] == f"tenant:{tenant}"]
    assert len(rows) == 1, answer
    return rows[0]


@contextlib.contextmanager
def patience(what):
    """For loops that wait for something to become so: tick() until it is, or fail."""
    end = time.monotonic() + PATIENCE_S

    def tick():
        assert time.monotonic() < end, f"{what} did not come"
    yield tick
