# SPDX-License-Identifier: Apache-2.0
"""A `pawl serve` of a test's own: started on a free port, spoken to over HTTP, killed and started
again on the same data directory.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import selectors
import signal
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADMIN_KEY = "administrator-of-a-test"
START_SECONDS_MAX = 60
TIMEOUT_S = 30
DOLLAR = 100_000_000  # microcents
LISTENING = re.compile(rb"(?:http://)?(127\.0\.0\.1|\[::1\]):(\d+)")


class Refused(AssertionError):
    """An answer of another status than was wanted."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        self.body = json.loads(body) if body else None

    def want(self, status):
        if self.status != status:
            raise Refused(f"{self.status} instead of {status}: {self.body}")
        return self.body


class Caller:
    """One connection that is kept, with the key that it sends."""

    def __init__(self, port, headers):
        self.port, self.headers = port, headers
        self.connection = None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def call(self, method, path, body=None, headers=None):
        """One exchange; an exception when the connection breaks."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                         timeout=TIMEOUT_S)
        sent = {**self.headers, **(headers or {})}
        text = None
        if body is not None:
            text = json.dumps(body)
            sent["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, text, sent)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, body)


class Server:
    """`with Server(pawl) as server:`; its data directory goes with it."""

    def __init__(self, pawl, *options):
        self.pawl, self.options = pathlib.Path(pawl), options
        self.folder = tempfile.TemporaryDirectory(prefix="pawl-cycles-")
        self.data = pathlib.Path(self.folder.name) / "data"
        self.log = pathlib.Path(self.folder.name) / "log"
        self.process, self.port = None, 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *why):
        self.kill()
        self.folder.cleanup()

    def start(self):
        """Returns when it says where it listens. It keeps its port over a restart."""
        env = {**os.environ, "PAWL_ADMIN_KEY": ADMIN_KEY}
        log = open(self.log, "ab")
        with log:
            self.process = subprocess.Popen(
                [self.pawl, "serve", "--data-dir", self.data, "--listen",
                 f"127.0.0.1:{self.port}", *self.options],
                env=env, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        found = self.first_words()
        assert found, f"it does not listen: {self.words()}"
        self.port = int(found.group(2))

    def first_words(self):
        """What it says on its standard output until it names its port."""
        said, ends = b"", time.monotonic() + START_SECONDS_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < ends:
                if not selector.select(ends - time.monotonic()):
                    return None
                some = os.read(self.process.stdout.fileno(), 65536)
                if not some:
                    return None
                said += some
                found = LISTENING.search(said)
                if found and b"\n" in said[found.end():]:
                    return found
        return None

    def words(self):
        return self.log.read_text(errors="replace")[-4000:]

    def kill(self):
        """kill -9, as a machine would be switched off; waits until it is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def stop(self):
        """A drain; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(TIMEOUT_S)
        self.process.stdout.close()
        self.process = None
        return status

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def admin(self):
        return Caller(self.port, {"X-Admin-API-Key": ADMIN_KEY})

    def tenant(self, name, usd=None, **settings):
        """Makes a tenant with a key and, where `usd` is given, a budget of so many microcents."""
        admin = self.admin()
        admin.post("/v1/admin/tenants", {"tenant_id": name, "name": name, **settings}).want(201)
        made = admin.post("/v1/admin/api-keys", {"tenant_id": name, "name": "of a test"}).want(201)
        if usd is not None:
            self.budget(name, f"tenant:{name}", usd)
        admin.close()
        return Tenant(self, name, made["key_secret"])

    def budget(self, tenant, scope, amount, unit="USD_MICROCENTS", **more):
        admin = self.admin()
        made = admin.post("/v1/admin/budgets", {
            "tenant_id": tenant, "scope": scope, "unit": unit,
            "allocated": {"unit": unit, "amount": amount}, **more}).want(201)
        admin.close()
        return made


class Tenant:
    """A tenant's side of the protocol."""

    def __init__(self, server, name, key):
        self.server, self.name, self.key = server, name, key
        self.own = None

    def caller(self):
        return Caller(self.server.port, {"X-Cycles-API-Key": self.key})

    @property
    def kept(self):
        if self.own is None:
            self.own = self.caller()
        self.own.port = self.server.port
        return self.own

    def subject(self, **levels):
        return {"tenant": self.name, **levels}

    def reserve_body(self, amount, key=None, **more):
        return {"idempotency_key": key or str(uuid.uuid4()),
                "subject": more.pop("subject", self.subject()),
                "action": {"kind": "llm.completion", "name": "a-model"},
                "estimate": {"unit": "USD_MICROCENTS", "amount": amount}, **more}

    def reserve(self, amount, key=None, **more):
        return self.kept.post("/v1/reservations", self.reserve_body(amount, key, **more))

    def commit(self, reservation, amount, key=None, **more):
        return self.kept.post(f"/v1/reservations/{reservation}/commit", {
            "idempotency_key": key or str(uuid.uuid4()),
            "actual": {"unit": "USD_MICROCENTS", "amount": amount}, **more})

    def release(self, reservation, key=None):
        return self.kept.post(f"/v1/reservations/{reservation}/release",
                              {"idempotency_key": key or str(uuid.uuid4())})

    def event(self, amount, key=None, **more):
        return self.kept.post("/v1/events", {
            "idempotency_key": key or str(uuid.uuid4()),
            "subject": more.pop("subject", self.subject()),
            "action": {"kind": "llm.completion", "name": "a-model"},
            "actual": {"unit": "USD_MICROCENTS", "amount": amount}, **more})

    def balance(self, **levels):
        """The row of the tenant's own scope, or of a deeper one, with plain numbers."""
        query = "&".join(f"{name}={value}" for name, value in self.subject(**levels).items())
        path = "/".join(f"{name}:{value}" for name, value in self.subject(**levels).items())
        rows = self.kept.get(f"/v1/balances?{query}").want(200)["balances"]
        row = next(row for row in rows if row["scope_path"] == path)
        return {name: row[name]["amount"] if name in row else 0
                for name in ("allocated", "spent", "reserved", "remaining", "debt")}
