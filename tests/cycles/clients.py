# SPDX-License-Identifier: Apache-2.0
"""The official Python client, unmodified, and its guard for payments: what they believe to have
spent is what the ledger says.
"""
import re
import threading

import packages_of_clients
from tenants import DOLLAR, usd

LISTED = ("decorator", "streaming", "async", "dry_run", "programmatic")
PROCESSES, WORKERS = 3, 4
LIVE_SPENT = {"runcycles": 8000, "runcycles-ap2": 3}  # by a look at what they commit


def settled(tenant, spent):
    stands = tenant.balance()
    assert stands["spent"] == spent and stands["reserved"] == 0, (stands, spent)


def shown(tenant, reservation):
    return tenant.kept.get(f"/v1/reservations/{reservation}").want(200)


def live_suite(official, server, client):
    """The client's own integration tests. They skip themselves where no server is told to them."""
    tenant, suite = server.tenant(f"live-{client}", DOLLAR), official.live_suite(client)
    said = official.run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto",
                         suite], tenant)
    wanted = len(re.findall(r"^ *(?:async )?def test_", suite.read_text(encoding="utf-8"), re.M))
    assert wanted and f"{wanted} passed in" in said, said
    settled(tenant, LIVE_SPENT[client])


def stopped(tenant, told):
    """All the money and not a cent more: a hundred calls of a cent."""
    assert sum(one["calls"] for one in told) == 100, told
    stands = tenant.balance()
    assert stands["spent"] == DOLLAR and stands["remaining"] == stands["reserved"] == 0, stands
    for one in told:
        assert one["refused"], one
        for status, code, words in one["refused"]:
            assert (status, code) == (409, "BUDGET_EXCEEDED"), one
            assert f"tenant:{tenant.name}" in words, "the refusal names the budget"


def runaway(official, server):
    tenant = server.tenant("runaway", DOLLAR)
    stopped(tenant, [official.ask("agents", "runaway", tenant)])


def runaway_workers(official, server):
    tenant, told = server.tenant("runaway-many", DOLLAR), []

    def one():
        told.append(official.ask("agents", "runaway", tenant, WORKERS=str(WORKERS)))

    threads = [threading.Thread(target=one) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == PROCESSES and all(len(one["refused"]) == WORKERS for one in told), told
    stopped(tenant, told)


def listed(official, server, name):
    tenant = server.tenant(f"client-{name.replace('_', '-')}", 10 * DOLLAR)
    said = official.ask("features", name, tenant)
    settled(tenant, said["spent"])
    if name == "decorator":
        row = shown(tenant, said["reservation"])
        assert row["status"] == "COMMITTED" and row["committed"]["amount"] == 50, row
        assert row["subject"]["dimensions"] == {"run_id": "r-1"}, row
        assert row["action"]["tags"] == ["a", "b"], row
        assert row["committed_metadata"] == {"note": "of the function"}, row
    elif name == "streaming":
        assert shown(tenant, said["reservation"])["status"] == "RELEASED", said
    elif name == "dry_run":
        assert said["decision"] == "ALLOW" and said["scopes"] == [f"tenant:{tenant.name}"], said
        assert said["refused"] == "BUDGET_EXCEEDED", said
    elif name == "programmatic":
        assert said["remaining"] == 10 * DOLLAR - said["spent"], said


def caps(official, server):
    tenant = server.tenant("capped", DOLLAR)
    server.admin().post("/v1/admin/policies", {
        "tenant_id": tenant.name, "name": "caps", "scope_pattern": "tenant:capped/agent:*",
        "caps": {"max_tokens": 500, "tool_denylist": ["forbidden"]}}).want(201)
    said = official.ask("features", "caps", tenant)
    assert said == {"caps": True, "max_tokens": 500, "tool": False}, said


def more_than_was_held(official, server):
    """150 spent under a hold of 100, where 120 remain."""
    tenant = server.tenant("more")
    for policy in ("allow_if_available", "allow_with_overdraft", "reject"):
        server.budget(tenant.name, f"tenant:more/agent:{policy}", 120, overdraft_limit=usd(1000))
    told = official.ask("features", "more", tenant)
    left = {policy: tenant.balance(agent=policy.lower()) for policy in told}
    assert left["ALLOW_IF_AVAILABLE"]["spent"] == 120, left
    assert (left["ALLOW_WITH_OVERDRAFT"]["spent"], left["ALLOW_WITH_OVERDRAFT"]["debt"]) in (
        (120, 30), (150, 30)), left
    assert (left["REJECT"]["spent"], left["REJECT"]["reserved"]) == (0, 100), left
    assert shown(tenant, told["REJECT"])["status"] == "ACTIVE", "it waits for a smaller commit"


def refusals(official, server):
    tenant = server.tenant("refused", DOLLAR)
    server.budget(tenant.name, "tenant:refused/agent:frozen", DOLLAR)
    server.budget(tenant.name, "tenant:refused/agent:owing", 10, overdraft_limit=usd(20))
    caller = server.admin()
    caller.post("/v1/admin/budgets/freeze?scope=tenant:refused/agent:frozen&unit=USD_MICROCENTS",
                {}).want(200)
    tenant.kept.post("/v1/events", {
        "idempotency_key": "owe", "subject": tenant.subject(agent="owing"),
        "action": {"kind": "k", "name": "n"}, "actual": usd(25),
        "overage_policy": "ALLOW_WITH_OVERDRAFT"}).want(201)
    caller.call("PATCH", "/v1/admin/budgets?scope=tenant:refused/agent:owing&unit=USD_MICROCENTS",
                {"overdraft_limit": usd(0)}).want(200)
    said = official.ask("features", "refusals", tenant)
    for agent, scope in (("none", "tenant:refused"), ("owing", "tenant:refused/agent:owing")):
        assert scope in said["told"][agent].pop(), "the exception's words name the budget"
    assert said["told"] == {
        "none": ["BudgetExceededError", 409, "BUDGET_EXCEEDED"],
        "owing": ["OverdraftLimitExceededError", 409, "OVERDRAFT_LIMIT_EXCEEDED"],
        "mismatch": [409, "IDEMPOTENCY_MISMATCH"],
        "finalized": [409, "RESERVATION_FINALIZED"],
        "unit": [400, "UNIT_MISMATCH"],
        "other tenant": [403, "FORBIDDEN"],
        "unknown": [404, "NOT_FOUND"],
        "frozen": [409, "BUDGET_FROZEN"]}, said
    settled(tenant, 25 + said["spent"])


class Heartbeat(threading.Thread):
    """Mostly waits, so it runs beside the other tests."""

    def __init__(self, official, server):
        super().__init__()
        self.tenant, self.official, self.said = server.tenant("heartbeat", DOLLAR), official, None

    def run(self):
        self.said = self.official.ask("features", "heartbeat", self.tenant,
                                      CYCLES_CONNECT_TIMEOUT="0.1", CYCLES_READ_TIMEOUT="0.2")

    def check(self):
        self.join()
        assert self.said, "the client failed"
        settled(self.tenant, self.said["spent"])
        row = shown(self.tenant, self.said["reservation"])
        assert row["status"] == "COMMITTED", row
        assert row["expires_at_ms"] == self.said["expires_at_ms"], (row, self.said)
        assert row["expires_at_ms"] - row["created_at_ms"] > 20_000, "it was not prolonged"


def run(count, options):
    with packages_of_clients.surroundings(count, options, "clients") as (official, server):
        if official is None:
            return
        beating = Heartbeat(official, server)
        beating.start()
        for client in LIVE_SPENT:
            with count.test(f"clients: the live suite of {client} itself"):
                live_suite(official, server, client)
        with count.test("clients: a runaway agent stops at exactly 100 calls and $1.0000"):
            runaway(official, server)
        with count.test(f"clients: so do {PROCESSES * WORKERS} workers of {PROCESSES} processes"):
            runaway_workers(official, server)
        for name in LISTED:
            with count.test(f"clients: the client's books are the ledger's: {name}"):
                listed(official, server, name)
        with count.test("clients: a policy's caps reach the decorated function"):
            caps(official, server)
        with count.test("clients: what costs more than its hold, by overage policy"):
            more_than_was_held(official, server)
        with count.test("clients: each refusal is the exception that it should be"):
            refusals(official, server)
        with count.test("clients: the heartbeat keeps a short lease over long work"):
            beating.check()
