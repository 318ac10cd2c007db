# SPDX-License-Identifier: Apache-2.0
"""The official Python client, unmodified: what it believes to have spent is what the ledger says.
"""
import json
import pathlib
import re
import tempfile

import packages
import packages_of_clients as official
from world import DOLLAR, ROOT, Server

LISTED = ("decorator", "streaming", "programmatic", "async")
QUICK_START = ROOT / "docs/QUICKSTART.md"


def ask(interpreter, name, tenant, home, **env):
    return json.loads(official.scenario(interpreter, name, tenant, tenant.server.url, home, **env))


def settled(tenant, spent):
    stands = tenant.balance()
    assert stands["spent"] == spent and stands["reserved"] == 0, (stands, spent)


def runaway(interpreter, server, home):
    tenant = server.tenant("runaway", usd=DOLLAR)
    said = ask(interpreter, "runaway", tenant, home)
    assert said["calls"] == 100, said
    stands = tenant.balance()
    assert stands["spent"] == DOLLAR and stands["remaining"] == 0, stands


def caps(interpreter, server, home):
    tenant = server.tenant("capped", usd=DOLLAR)
    admin = server.admin()
    admin.post("/v1/admin/policies", {
        "tenant_id": tenant.name, "name": "caps", "scope_pattern": "tenant:capped/agent:*",
        "caps": {"max_tokens": 500, "tool_denylist": ["forbidden"]}}).want(201)
    said = ask(interpreter, "caps", tenant, home)
    assert said == {"caps": True, "max_tokens": 500, "tool": False}, said


def listed(interpreter, server, home, name):
    tenant = server.tenant(f"client-{name}", usd=10 * DOLLAR)
    said = ask(interpreter, name, tenant, home)
    settled(tenant, said["spent"])
    return said


def programmatic(interpreter, server, home):
    said = listed(interpreter, server, home, "programmatic")
    assert said["status"] == "ACTIVE" and said["listed"] == 1, said
    assert said["decision"] == "ALLOW" and said["event"] == "APPLIED", said


def heartbeat(interpreter, server, home):
    tenant = server.tenant("heartbeat", usd=DOLLAR)
    said = ask(interpreter, "heartbeat", tenant, home)
    settled(tenant, said["spent"])


def quick_start(interpreter, server, home):
    """Each Python block of the page, in order, as one program."""
    blocks = re.findall(r"^```python\n(.*?)^```", QUICK_START.read_text(), re.M | re.S)
    assert blocks, "the page has no Python"
    program = pathlib.Path(home) / "quick_start.py"
    program.write_text("\n".join(blocks))
    tenant = server.tenant("quick-start", usd=DOLLAR)
    official.run([interpreter, program], tenant, server.url, home)
    stands = tenant.balance()
    assert stands["spent"] > 0 and stands["reserved"] == 0, stands


def run(count, options):
    try:
        interpreter = official.python()
    except packages.Unreachable as why:
        count.skip("clients: the official Python client", f"its registry cannot be reached: {why}")
        return
    with Server(options.pawl) as server, tempfile.TemporaryDirectory() as home:
        with count.test("clients: a runaway agent stops at exactly 100 calls and a dollar"):
            runaway(interpreter, server, home)
        for name in LISTED:
            with count.test(f"clients: the Python client's books are the ledger's: {name}"):
                if name == "programmatic":
                    programmatic(interpreter, server, home)
                else:
                    listed(interpreter, server, home, name)
        with count.test("clients: a policy's caps reach the decorated function"):
            caps(interpreter, server, home)
        with count.test("clients: the heartbeat keeps a short lease over long work"):
            heartbeat(interpreter, server, home)
        with count.test("clients: the quick start for Python runs as it stands"):
            quick_start(interpreter, server, home)
