# SPDX-License-Identifier: Apache-2.0
"""A server of a suite's own, which can be killed and keeps its port, and the tenants on it. What
starts a server and asks it is `tests/serve/world.py`.
"""
import contextlib
import http.client
import pathlib
import signal
import uuid

from ports import kept_port
from world import ADMIN, USD as DOLLAR, World

ROOT = pathlib.Path(__file__).resolve().parents[2]


def usd(amount):
    """Microcents, as the protocol says them."""
    return {"unit": "USD_MICROCENTS", "amount": amount}


class Caller:
    """One connection that is kept as long as its server lives, with the key that it sends. Another
    thread has another."""

    def __init__(self, server, **who):
        self.server, self.who, self.connection, self.other_end = server, who, None, None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def call(self, method, path, body=None):
        """One exchange; an exception when the connection breaks, and the next one is a new one."""
        running = self.server.running
        if self.other_end is not running:
            self.close()
        if self.connection is None:
            self.connection, self.other_end = running.connect(), running
        try:
            return running.ask(method, path, body, connection=self.connection, **self.who)
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
        self.world, self.options, self.running = World(pawl), options, None
        self.kept = contextlib.ExitStack()

    def __enter__(self):
        self.port = self.kept.enter_context(kept_port())  # also while there is no server
        self.kept.enter_context(self.world)
        self.start()
        return self

    def __exit__(self, *why):
        self.kept.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self):
        return self.world.folder.name

    def start(self):
        """Returns when it says where it listens, which is where it did before."""
        self.running = self.world.start("--listen", f"127.0.0.1:{self.port}", "--log-file",
                                        self.world.path("log"), *self.options, listen=False)
        assert self.running.url == self.url, (self.running.url, self.url)

    def kill(self):
        self.running.signal(signal.SIGKILL)
        self.running.wait()

    def stop(self):
        """A drain; its exit status."""
        self.running.signal(signal.SIGTERM)
        return self.running.wait()[0]

    def admin(self):
        return Caller(self, admin=ADMIN)

    def tenant(self, name, allocated=None, **settings):
        """A tenant with a key and, where `allocated` is given, a budget of so many microcents."""
        admin = self.admin()
        admin.post("/v1/admin/tenants", {"tenant_id": name, "name": name, **settings}).want(201)
        admin.close()
        if allocated is not None:
            self.budget(name, f"tenant:{name}", allocated)
        return Tenant(self, name).renewed()

    def budget(self, tenant, scope, amount, unit="USD_MICROCENTS", **more):
        admin = self.admin()
        made = admin.post("/v1/admin/budgets", {
            "tenant_id": tenant, "scope": scope, "unit": unit,
            "allocated": {"unit": unit, "amount": amount}, **more}).want(201)
        admin.close()
        return made


class Tenant:
    """A tenant's side of the protocol."""

    def __init__(self, server, name, key=None):
        self.server, self.name, self.key = server, name, key
        self.kept = self.caller()

    def renewed(self):
        """The same tenant with a new key."""
        made = self.server.admin().post("/v1/admin/api-keys", {
            "tenant_id": self.name, "name": "of a test"}).want(201)
        return Tenant(self.server, self.name, made["key_secret"])

    def caller(self):
        return Caller(self.server, key=self.key)

    def subject(self, **levels):
        return {"tenant": self.name, **levels}

    def reserve_body(self, amount, key=None, **more):
        return {"idempotency_key": key or str(uuid.uuid4()),
                "subject": more.pop("subject", self.subject()),
                "action": {"kind": "llm.completion", "name": "a-model"},
                "estimate": usd(amount), **more}

    def balance(self, **levels):
        """The row of the tenant's own scope, or of a deeper one, with plain numbers."""
        query = "&".join(f"{name}={value}" for name, value in self.subject(**levels).items())
        path = "/".join(f"{name}:{value}" for name, value in self.subject(**levels).items())
        rows = self.kept.get(f"/v1/balances?{query}").want(200)["balances"]
        row = next(row for row in rows if row["scope_path"] == path)
        return {name: row[name]["amount"] if name in row else 0
                for name in ("allocated", "spent", "reserved", "remaining", "debt")}
