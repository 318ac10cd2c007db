# SPDX-License-Identifier: Apache-2.0
"""Every answer conforms to the protocol's own description: those of a walk through all operations
and their outcomes, and those to whatever a fuzzer draws from it.
"""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

import packages_of_clients
from tenants import DOLLAR, ROOT, Caller, usd
from world import ADMIN

DESCRIPTIONS = ROOT / "tests/fixtures/cycles"
RUNTIME = DESCRIPTIONS / "cycles-protocol-v0.yaml"
GOVERNANCE = DESCRIPTIONS / "cycles-governance-admin-v0.1.25.yaml"
CHECKS = ("not_a_server_error,content_type_conformance,response_headers_conformance,"
          "response_schema_conformance")
# Held against the runtime plane only. Of a governed tenant that is closed the description has a
# 409 in its prose and not in its list, and the fuzzer does not know two keys from one.
CHECKS_RUNTIME = f"{CHECKS},status_code_conformance,ignored_auth,unsupported_method"
# Not served: signed evidence, which the protocol leaves open, and what is planned of governance.
NOT_SERVED = (r"/v1/(evidence|\.well-known|webhooks|events$|balances|admin/"
              r"(webhooks|events|audit|overview|config|.*/bulk-action))")
# What the fuzzer draws of an operation, for each second that is given: its work is counted, since a
# busy machine would do too little of it in a time.
EXAMPLES_PER_SECOND = 2
NOT_SERVED_RUNTIME = r"/v1/(evidence|\.well-known)"


class Walk:
    """A caller whose exchanges are kept, by the description's path."""

    def __init__(self, caller, exchanges):
        self.caller, self.exchanges = caller, exchanges

    def __call__(self, status, method, path, body=None, described=None):
        answer = self.caller.call(method, path, body)
        where = described or re.sub(r"/reservations/[^/?]+", "/reservations/{reservation_id}",
                                    path.split("?")[0])
        self.exchanges.append({"method": method, "path": where, "status": answer.status,
                               "body": answer.json})
        for header in ("X-Request-Id", "X-Cycles-Trace-Id"):
            assert answer.headers[header.lower()], (path, header)
        return answer.want(status)


def walk_runtime(server, exchanges):
    tenant = server.tenant("walk", DOLLAR)
    server.budget("walk", "tenant:walk/agent:frozen", DOLLAR)
    server.budget("walk", "tenant:walk/agent:owing", 100, overdraft_limit=usd(1000))
    walk = Walk(tenant.caller(), exchanges)
    body = tenant.reserve_body
    bad = Walk(server.tenant("walk-other").caller(), exchanges)

    made = walk(200, "POST", "/v1/reservations", body(100, "a", metadata={"x": {"y": [1]}}))
    way = f"/v1/reservations/{made['reservation_id']}"
    walk(200, "POST", "/v1/reservations", body(100, "a", metadata={"x": {"y": [1]}}))
    walk(409, "POST", "/v1/reservations", body(101, "a"))
    walk(200, "GET", way)
    bad(403, "GET", way)
    walk(404, "GET", "/v1/reservations/rsv_nothing")
    walk(200, "POST", f"{way}/extend", {"idempotency_key": "e", "extend_by_ms": 1000})
    walk(400, "POST", f"{way}/commit", {"idempotency_key": "c",
                                        "actual": {"unit": "TOKENS", "amount": 1}})
    walk(200, "POST", f"{way}/commit", {"idempotency_key": "c", "actual": usd(90),
                                        "metrics": {"tokens_input": 1, "custom": {"a": 1}},
                                        "metadata": {"m": 1}})
    walk(409, "POST", f"{way}/commit", {"idempotency_key": "d", "actual": usd(90)})
    walk(200, "GET", way)
    for more in ("dry_run", "live"):
        for amount, agent in ((1, "any"), (2 * DOLLAR, "any"), (1, "any")):
            walk(200 if more == "dry_run" or amount == 1 else 409, "POST", "/v1/reservations",
                 body(amount, subject=tenant.subject(agent=agent), dry_run=more == "dry_run"))
    given = walk(200, "POST", "/v1/reservations", body(50))["reservation_id"]
    walk(200, "POST", f"/v1/reservations/{given}/release", {"idempotency_key": "r", "reason": "x"})
    walk(409, "POST", f"/v1/reservations/{given}/extend", {"idempotency_key": "x",
                                                          "extend_by_ms": 1})
    short = walk(200, "POST", "/v1/reservations", body(5, ttl_ms=1000))["reservation_id"]
    for _ in range(10):
        walk(200, "POST", f"/v1/reservations/{short}/extend",
             {"idempotency_key": os.urandom(4).hex(), "extend_by_ms": 1000})
    walk(409, "POST", f"/v1/reservations/{short}/extend", {"idempotency_key": "over",
                                                          "extend_by_ms": 1000})
    over = walk(200, "POST", "/v1/reservations", body(5, subject=tenant.subject(agent="owing")))
    walk(200, "POST", f"/v1/reservations/{over['reservation_id']}/commit", {
        "idempotency_key": "o", "actual": usd(300)})
    decide = {"subject": tenant.subject(), "action": {"kind": "k", "name": "n"}}
    for key, estimate in (("1", usd(1)), ("2", usd(DOLLAR)), ("1", usd(1))):
        walk(200, "POST", "/v1/decide", {**decide, "idempotency_key": key, "estimate": estimate})
    walk(400, "POST", "/v1/decide", {**decide, "idempotency_key": "3",
                                     "estimate": {"unit": "CREDITS", "amount": 1}})
    walk(201, "POST", "/v1/events", {**decide, "idempotency_key": "1", "actual": usd(3)})
    walk(409, "POST", "/v1/events", {**decide, "idempotency_key": "2", "actual": usd(2 * DOLLAR),
                                     "overage_policy": "REJECT"})
    walk(400, "POST", "/v1/events", {**decide, "idempotency_key": "2"})
    for query in ("tenant=walk", "tenant=walk&agent=owing", "tenant=walk&include_children=true",
                  "agent=none", "tenant=walk&limit=1"):
        walk(200, "GET", f"/v1/balances?{query}")
    walk(400, "GET", "/v1/balances")
    walk(403, "GET", "/v1/balances?tenant=walk-other")
    for query in ("", "?status=COMMITTED", "?limit=2", "?sort_by=reserved&sort_dir=asc",
                  "?include=metadata,committed_metadata", "?idempotency_key=a",
                  "?from=2020-01-01T00:00:00Z&expires_from="):
        walk(200, "GET", f"/v1/reservations{query}")
    walk(400, "GET", "/v1/reservations?limit=0")
    Walk(Caller(server), exchanges)(401, "GET", "/v1/balances?tenant=walk")


def walk_governance(server, exchanges):
    walk = Walk(server.admin(), exchanges)
    tenant = {"tenant_id": "gov", "name": "Governed", "metadata": {"a": "b"},
              "default_reservation_ttl_ms": 30000, "max_reservation_extensions": 3}
    walk(201, "POST", "/v1/admin/tenants", tenant)
    walk(200, "POST", "/v1/admin/tenants", tenant)
    one = "/v1/admin/tenants/{tenant_id}"
    walk(200, "GET", "/v1/admin/tenants/gov", described=one)
    walk(404, "GET", "/v1/admin/tenants/none", described=one)
    walk(200, "PATCH", "/v1/admin/tenants/gov", {"name": "New"}, described=one)
    walk(200, "PATCH", "/v1/admin/tenants/gov", {"status": "SUSPENDED"}, described=one)
    walk(200, "PATCH", "/v1/admin/tenants/gov", {"status": "ACTIVE"}, described=one)
    walk(200, "GET", "/v1/admin/tenants?limit=1000&search=gov")
    budgets = "/v1/admin/budgets"
    ledger = {"tenant_id": "gov", "scope": "tenant:gov/workspace:eng", "unit": "USD_MICROCENTS",
              "allocated": usd(DOLLAR), "overdraft_limit": usd(10), "metadata": {"a": "b"},
              "commit_overage_policy": "REJECT", "rollover_policy": "NONE"}
    walk(201, "POST", budgets, ledger)
    walk(409, "POST", budgets, ledger)
    at = "?scope=tenant:gov/workspace:eng&unit=USD_MICROCENTS"
    walk(200, "GET", f"{budgets}/lookup{at}")
    walk(404, "GET", f"{budgets}/lookup?scope=tenant:gov&unit=USD_MICROCENTS")
    walk(200, "PATCH", f"{budgets}{at}", {"overdraft_limit": usd(20)})
    walk(200, "POST", f"{budgets}/freeze{at}", {"reason": "a test"})
    walk(409, "POST", f"{budgets}/freeze{at}", {})
    walk(200, "POST", f"{budgets}/unfreeze{at}", {})
    for operation in ("CREDIT", "DEBIT", "RESET", "RESET_SPENT", "REPAY_DEBT"):
        for _ in range(2):
            walk(200, "POST", f"{budgets}/fund{at}&tenant_id=gov",
                 {"operation": operation, "amount": usd(1000), "idempotency_key": operation})
    walk(409, "POST", f"{budgets}/fund{at}&tenant_id=gov",
         {"operation": "DEBIT", "amount": usd(5 * DOLLAR), "idempotency_key": "too much"})
    for query in ("", "?tenant_id=gov", "?limit=2000", "?sort_by=utilization&sort_dir=asc"):
        walk(200, "GET", f"{budgets}{query}")
    policy = {"tenant_id": "gov", "name": "p", "scope_pattern": "tenant:gov/*", "priority": 3,
              "caps": {"max_tokens": 10}, "commit_overage_policy": "REJECT",
              "reservation_ttl_override": {"default_ttl_ms": 5000, "max_extensions": 1},
              "rate_limits": {"max_reservations_per_minute": 5},
              "effective_from": "2020-01-01T00:00:00Z"}
    made = walk(201, "POST", "/v1/admin/policies", policy)
    walk(409, "POST", "/v1/admin/policies", policy)
    walk(200, "GET", "/v1/admin/policies?tenant_id=gov")
    walk(200, "PATCH", f"/v1/admin/policies/{made['policy_id']}", {"status": "DISABLED"},
         described="/v1/admin/policies/{policy_id}")
    keys, one_key = "/v1/admin/api-keys", "/v1/admin/api-keys/{key_id}"
    key = walk(201, "POST", keys, {"tenant_id": "gov", "name": "k", "scope_filter": ["agent:*"],
                                   "metadata": {"a": "b"}})
    walk(200, "GET", f"{keys}?tenant_id=gov")
    walk(200, "PATCH", f"{keys}/{key['key_id']}", {"name": "l"}, described=one_key)
    walk(200, "GET", "/v1/auth/introspect")
    Walk(Caller(server, key=key["key_secret"]), exchanges)(200, "GET", "/v1/auth/introspect")
    walk(200, "DELETE", f"{keys}/{key['key_id']}?reason=done", described=one_key)
    walk(200, "PATCH", "/v1/admin/tenants/gov", {"status": "CLOSED"}, described=one)
    walk(409, "POST", f"{budgets}/fund{at}&tenant_id=gov",
         {"operation": "CREDIT", "amount": usd(1), "idempotency_key": "late"})


def conform(official, description, exchanges):
    lines = "\n".join(json.dumps(row) for row in exchanges)
    done = subprocess.run([official.interpreter, official.program("conform"), description],
                          input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout[:6000] + done.stderr


class Fuzz(threading.Thread):
    """A fuzzer at work on one of the planes."""

    def __init__(self, official, server, options, name, *more):
        super().__init__()
        tenant = server.tenant(f"fuzzed-{name}", 1_000_000 * DOLLAR)
        server.budget(tenant.name, f"tenant:{tenant.name}", 1 << 50, unit="TOKENS")
        self.official = packages_of_clients.Official(official.folder,
                                                     tempfile.mkdtemp(dir=official.home))
        self.tenant, self.more, self.broken = tenant, more, None
        self.seed, self.examples = options.seed, int(options.seconds * EXAMPLES_PER_SECOND) + 1
        self.start()

    def run(self):
        try:
            self.fuzz(*self.more)
        except Exception as why:  # It is raised again by who waits.
            self.broken = why

    def fuzz(self, description, checks, without, key=None):
        python = packages_of_clients.HERE / "python"
        self.official.run([
            "-m", "schemathesis.cli", "--config-file", python / "schemathesis.toml", "run",
            description, "--url", self.tenant.server.url,
            "--header", key or f"X-Cycles-API-Key: {self.tenant.key}", "--checks", checks,
            "--exclude-path-regex", without, "--seed", str(self.seed),
            "--max-examples", str(self.examples), "--phases", "coverage,fuzzing",
            "--continue-on-failure", "--warnings", "off", "--generation-database", "none",
            "--request-timeout", "10", "--no-color"], self.tenant,
            seconds=300 + 5 * self.examples, PAWL_SEED=str(self.seed),
            SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=str(python))

    def check(self):
        self.join()
        if self.broken:
            raise self.broken
        path = pathlib.Path(self.official.home, "answers.json")
        answers = json.loads(path.read_text(encoding="utf-8"))
        good = {where: times for where, times in answers.items() if where.split()[2][0] == "2"}
        print(f"{sum(answers.values())} requests, {sum(good.values())} of {len(good)} operations "
              "done", flush=True)
        assert len(good) > 4 and sum(good.values()) > 10, answers


def run(count, options):
    with packages_of_clients.surroundings(count, options, "schema") as (official, server):
        if official is None:
            return
        for name, walk, description in (("runtime", walk_runtime, RUNTIME),
                                        ("governance", walk_governance, GOVERNANCE)):
            with count.test(f"schema: every answer of a walk through the {name} plane conforms"):
                exchanges = []
                walk(server, exchanges)
                conform(official, description, exchanges)
        runtime = Fuzz(official, server, options, "runtime", RUNTIME, CHECKS_RUNTIME,
                       NOT_SERVED_RUNTIME)
        governance = Fuzz(official, server, options, "governance", GOVERNANCE, CHECKS, NOT_SERVED,
                          f"X-Admin-API-Key: {ADMIN}")
        with count.test("schema: what the runtime plane's description allows is answered by it"):
            runtime.check()
        with count.test("schema: what the governance plane's allows is answered by it"):
            governance.check()
