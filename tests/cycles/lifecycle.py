# SPDX-License-Identifier: Apache-2.0
"""docs/LIFECYCLE.md, walked: each of its sentences about money is asked of a server."""
from tenants import DOLLAR, Server, usd
from world import patience

ESTIMATE, ACTUAL = 1000, 600


def stands(tenant, **levels):
    """A budget's row, after a look that its numbers add up."""
    row = tenant.balance(**levels)
    assert row["remaining"] == (row["allocated"] - row["spent"] - row["reserved"]
                                - row["debt"]), row
    return row


def moves(tenant, act, **levels):
    """What `act` answers, and by how much each number of the budget moves."""
    before = stands(tenant, **levels)
    answer = act()
    after = stands(tenant, **levels)
    return answer, {name: after[name] - before[name] for name in after
                    if after[name] != before[name]}


def hold(tenant, amount=ESTIMATE, status=200, **more):
    levels = more.pop("levels", {})
    return tenant.kept.post("/v1/reservations", tenant.reserve_body(
        amount, subject=tenant.subject(**levels), **more)).want(status)


def act(tenant, reservation, word, key="k", **more):
    return tenant.kept.post(f"/v1/reservations/{reservation}/{word}",
                            {"idempotency_key": key, **more})


def commit(tenant, reservation, amount, key="k"):
    return act(tenant, reservation, "commit", key, actual=usd(amount))


def event(tenant, amount, key, **more):
    return tenant.kept.post("/v1/events", {
        "idempotency_key": key, "subject": tenant.subject(**more.pop("levels", {})),
        "action": {"kind": "tool.call", "name": "a-tool"}, "actual": usd(amount), **more})


def gone(tenant, before):
    with patience("the end of a lease") as tick:
        while stands(tenant)["reserved"] > before:
            tick()


def the_table(server):
    tenant = server.tenant("table", DOLLAR)
    made, moved = moves(tenant, lambda: hold(tenant))
    assert moved == {"reserved": ESTIMATE, "remaining": -ESTIMATE}, moved
    _, moved = moves(tenant, lambda: commit(tenant, made["reservation_id"], ACTUAL).want(200))
    assert moved == {"reserved": -ESTIMATE, "spent": ACTUAL, "remaining": ESTIMATE - ACTUAL}, moved
    made = hold(tenant)
    _, moved = moves(tenant, lambda: act(tenant, made["reservation_id"], "release").want(200))
    assert moved == {"reserved": -ESTIMATE, "remaining": ESTIMATE}, moved
    hold(tenant, ttl_ms=1000, grace_period_ms=0)
    _, moved = moves(tenant, lambda: gone(tenant, 0))
    assert moved == {"reserved": -ESTIMATE, "remaining": ESTIMATE}, moved


def all_or_none(server):
    tenant = server.tenant("way", DOLLAR)
    server.budget("way", "tenant:way/workspace:eng", 5000)
    levels = {"workspace": "eng", "agent": "bot"}
    made = hold(tenant, 3000, levels=levels)
    assert stands(tenant)["reserved"] == stands(tenant, workspace="eng")["reserved"] == 3000
    refused, moved = moves(tenant, lambda: hold(tenant, 2001, 409, levels=levels))
    assert moved == {}, moved
    details = refused["details"]
    assert details["scope"] == "tenant:way/workspace:eng" and details["limit"] == 5000, refused
    assert details["held"] == 3000 and details["fits"] == 2000, refused
    server.budget("way", "tenant:way/workspace:eng/agent:bot", 5000)
    commit(tenant, made["reservation_id"], 3000).want(200)
    assert stands(tenant, **levels)["spent"] == 0, "it has no share in a hold from before it"
    assert stands(tenant, workspace="eng")["spent"] == 3000


def questions_hold_nothing(server):
    tenant = server.tenant("asked", DOLLAR)
    _, moved = moves(tenant, lambda: hold(tenant, dry_run=True))
    decide = {"idempotency_key": "d", "subject": tenant.subject(),
              "action": {"kind": "k", "name": "n"}, "estimate": usd(2 * DOLLAR)}
    said, more = moves(tenant, lambda: tenant.kept.post("/v1/decide", decide).want(200))
    assert said["decision"] == "DENY" and moved == more == {}, (said, moved, more)


def the_lease(server):
    tenant = server.tenant("lease", DOLLAR, max_reservation_extensions=1)
    made = hold(tenant, ttl_ms=1000, grace_period_ms=60_000)
    longer = act(tenant, made["reservation_id"], "extend", extend_by_ms=500).want(200)
    assert longer["expires_at_ms"] == made["expires_at_ms"] + 500, (made, longer)
    over = act(tenant, made["reservation_id"], "extend", "l", extend_by_ms=500).want(409)
    assert over["error"] == "MAX_EXTENSIONS_EXCEEDED", over
    # The same refusal until the lease is over, which refuses for another reason.
    with patience("the end of the lease") as tick:
        while (late := act(tenant, made["reservation_id"], "extend", "m",
                           extend_by_ms=1)).status != 410:
            tick()
    assert late.json["message"].startswith("the lease has ended; it can still be settled until 2")
    commit(tenant, made["reservation_id"], ACTUAL).want(200)


def the_lease_where_nobody_says_anything(server):
    """A minute, an hour at most, ten extensions: docs/CYCLES.md, docs/API.md."""
    tenant = server.tenant("plain", DOLLAR)

    def lasts(**more):
        made = hold(tenant, **more)
        row = tenant.kept.get(f"/v1/reservations/{made['reservation_id']}").want(200)
        return made["reservation_id"], row["expires_at_ms"] - row["created_at_ms"]

    assert lasts()[1] == 60_000
    made, ms = lasts(ttl_ms=24 * 3600 * 1000)
    assert ms == 3600 * 1000, ms
    for number in range(10):
        act(tenant, made, "extend", f"e{number}", extend_by_ms=1000).want(200)
    over = act(tenant, made, "extend", "e10", extend_by_ms=1000).want(409)
    assert over["error"] == "MAX_EXTENSIONS_EXCEEDED", over


def more_than_was_held(server):
    """Holds of 100 that cost 150, where 120 are allocated."""
    tenant = server.tenant("overage")

    def costs_more(policy, status, **more):
        name = f"{policy.lower()}-{status}"
        server.budget("overage", f"tenant:overage/agent:{name}", 120, **more)
        made = hold(tenant, 100, levels={"agent": name}, overage_policy=policy)
        answer = commit(tenant, made["reservation_id"], 150).want(status)
        row = stands(tenant, agent=name)
        return made["reservation_id"], answer, name, (row["spent"], row["debt"], row["reserved"])

    made, answer, name, row = costs_more("REJECT", 409)
    assert answer["error"] == "BUDGET_EXCEEDED" and row == (0, 0, 100), (answer, row)
    details = answer["details"]
    assert (details["limit_kind"], details["asked"], details["fits"]) == ("hold", 150, 100), answer
    assert answer["message"].startswith("the hold is 100 USD_MICROCENTS and its overage policy is "
                                        "REJECT"), answer
    commit(tenant, made, 90, "less").want(200)
    _, answer, name, row = costs_more("ALLOW_IF_AVAILABLE", 200)
    assert answer["charged"]["amount"] == 120 and row == (120, 0, 0), (answer, row)
    said = hold(tenant, 0, 409, levels={"agent": name})
    assert said["error"] == "OVERDRAFT_LIMIT_EXCEEDED", said
    server.admin().post(f"/v1/admin/budgets/fund?scope=tenant:overage/agent:{name}"
                        "&unit=USD_MICROCENTS&tenant_id=overage",
                        {"operation": "CREDIT", "amount": usd(10), "idempotency_key": "f"}
                        ).want(200)
    hold(tenant, 10, levels={"agent": name})
    _, answer, name, row = costs_more("ALLOW_WITH_OVERDRAFT", 200, overdraft_limit=usd(30))
    assert answer["charged"]["amount"] == 150 and row == (120, 30, 0), (answer, row)
    made, answer, name, row = costs_more("ALLOW_WITH_OVERDRAFT", 409, overdraft_limit=usd(29))
    assert answer["error"] == "OVERDRAFT_LIMIT_EXCEEDED" and row == (0, 0, 100), (answer, row)
    details = answer["details"]
    assert (details["limit_kind"], details["asked"], details["fits"]) == ("overdraft", 150, 149)
    commit(tenant, made, 149, "fits").want(200)
    for agent, more in {"default": {}, "zero": {"overdraft_limit": usd(0)}}.items():
        server.budget("overage", f"tenant:overage/agent:{agent}", 120, **more)
        made = hold(tenant, 100, levels={"agent": agent}, overage_policy="ALLOW_WITH_OVERDRAFT")
        answer = commit(tenant, made["reservation_id"], 150).want(200)
        row = stands(tenant, agent=agent)
        assert answer["charged"]["amount"] == row["spent"] == 120 and row["debt"] == 0, row
        said = hold(tenant, 0, 409, levels={"agent": agent})
        assert said["error"] == "OVERDRAFT_LIMIT_EXCEEDED", said


def too_many_a_minute(server):
    """The refusal says which policy it was, its number, and when there may be more."""
    tenant = server.tenant("rated", DOLLAR)
    policy = server.admin().post("/v1/admin/policies", {
        "tenant_id": "rated", "name": "two", "scope_pattern": "tenant:rated",
        "rate_limits": {"max_reservations_per_minute": 2}}).want(201)["policy_id"]

    def ask(key):
        return tenant.kept.post("/v1/reservations", tenant.reserve_body(1, key))

    answers = []
    while not answers or answers[-1].status != 429:  # a minute may end in between
        assert len(answers) < 6, answers
        answers.append(ask(f"r{len(answers)}"))
    said = answers[-1].json
    assert (said["error"], said["details"]["limit_kind"]) == ("LIMIT_EXCEEDED", "rate"), said
    details = said["details"]
    assert details["policy_id"] == policy and details["limit_per_minute"] == 2, said
    assert details["taken"] == 2 and details["resets_at_ms"] % 60_000 == 0, said
    assert said["message"].startswith(f"policy {policy} takes at most 2 holds a minute; again in ")


def expired_and_over(server):
    tenant = server.tenant("over", DOLLAR)
    made = hold(tenant, ttl_ms=1000, grace_period_ms=0)["reservation_id"]
    gone(tenant, 0)
    assert commit(tenant, made, ACTUAL, "same").want(410)["error"] == "RESERVATION_EXPIRED"
    _, moved = moves(tenant, lambda: event(tenant, ACTUAL, "same").want(201))
    assert moved == {"spent": ACTUAL, "remaining": -ACTUAL}, moved
    made = hold(tenant)["reservation_id"]
    first = commit(tenant, made, ACTUAL)
    second, moved = moves(tenant, lambda: commit(tenant, made, ACTUAL))
    assert second.text == first.text and moved == {}, (first, second)
    other = commit(tenant, made, ACTUAL, "other").want(409)
    assert other["error"] == "RESERVATION_FINALIZED", other


def events(server):
    tenant = server.tenant("events")

    def debit(agent, amount, policy, status, **more):
        server.budget("events", f"tenant:events/agent:{agent}", 100, **more)
        answer = event(tenant, amount, agent, levels={"agent": agent}, overage_policy=policy)
        row = stands(tenant, agent=agent)
        return answer.want(status), (row["spent"], row["debt"])

    said, row = debit("strict", 101, "REJECT", 409)
    assert said["error"] == "BUDGET_EXCEEDED" and row == (0, 0), (said, row)
    said, row = debit("capped", 150, "ALLOW_IF_AVAILABLE", 201)
    assert said["charged"]["amount"] == 100 and row == (100, 0), (said, row)
    said, row = debit("owing", 150, "ALLOW_WITH_OVERDRAFT", 201, overdraft_limit=usd(50))
    assert row == (100, 50), (said, row)
    event(tenant, 0, "again", levels={"agent": "capped"}).want(201)
    said, row = debit("beyond", 151, "ALLOW_WITH_OVERDRAFT", 409, overdraft_limit=usd(50))
    assert said["error"] == "OVERDRAFT_LIMIT_EXCEEDED" and row == (0, 0), (said, row)
    for agent, more in {"default": {}, "zero": {"overdraft_limit": usd(0)}}.items():
        said, row = debit(agent, 150, "ALLOW_WITH_OVERDRAFT", 201, **more)
        assert said["charged"]["amount"] == 100 and row == (100, 0), (said, row)


def keys(server):
    tenant = server.tenant("keys-of", DOLLAR)
    body = tenant.reserve_body(ESTIMATE, "one")
    first = tenant.kept.post("/v1/reservations", body).want(200)
    server.kill()
    server.start()
    again, moved = moves(tenant, lambda: tenant.renewed().kept.post("/v1/reservations", body))
    assert again.want(200)["reservation_id"] == first["reservation_id"] and moved == {}, moved
    said = tenant.kept.post("/v1/reservations", {**body, "estimate": usd(1)}).want(409)
    assert said["error"] == "IDEMPOTENCY_MISMATCH", said
    hold(tenant, 2 * DOLLAR, 409, key="two")
    hold(tenant, ESTIMATE, key="two")
    commit(tenant, first["reservation_id"], 1, "one").want(200)


def changes_under_a_hold(server):
    tenant, admin = server.tenant("under", DOLLAR), server.admin()
    holds = [hold(tenant)["reservation_id"] for _ in range(8)]
    at = "?scope=tenant:under&unit=USD_MICROCENTS&tenant_id=under"

    def settles(three):
        act(tenant, three[0], "extend", extend_by_ms=1000).want(200)
        commit(tenant, three[1], 1).want(200)
        act(tenant, three[2], "release").want(200)

    admin.post(f"/v1/admin/budgets/freeze{at}", {}).want(200)
    assert hold(tenant, 1, 409)["error"] == "BUDGET_FROZEN"
    assert event(tenant, 1, "frozen").want(409)["error"] == "BUDGET_FROZEN"
    settles(holds[:3])
    admin.post(f"/v1/admin/budgets/unfreeze{at}", {}).want(200)
    for name in ("CREDIT", "DEBIT", "RESET", "RESET_SPENT", "REPAY_DEBT"):
        _, moved = moves(tenant, lambda name=name: admin.post(
            f"/v1/admin/budgets/fund{at}", {"operation": name, "amount": usd(DOLLAR // 2),
                                            "idempotency_key": name}).want(200))
        assert "reserved" not in moved, (name, moved)
    one = "/v1/admin/tenants/under"
    admin.call("PATCH", one, {"status": "SUSPENDED"}).want(200)
    hold(tenant, 1, 403)
    event(tenant, 1, "suspended").want(201)
    settles(holds[3:6])
    admin.call("PATCH", one, {"status": "ACTIVE"}).want(200)
    rows = admin.get("/v1/admin/api-keys?tenant_id=under").want(200)["keys"]
    other = tenant.renewed()
    admin.call("DELETE", f"/v1/admin/api-keys/{rows[0]['key_id']}").want(200)
    assert commit(tenant, holds[6], 1).status == 401
    commit(other, holds[6], 1).want(200)
    admin.call("PATCH", one, {"status": "CLOSED"}).want(200)
    gone(other, 0)
    assert commit(other, holds[7], 1).want(409)["error"] == "TENANT_CLOSED"
    assert event(other, 1, "closed").want(409)["error"] == "TENANT_CLOSED"


TESTS = {"each step moves a budget as the table says": the_table,
         "a step touches all budgets on the way, or none": all_or_none,
         "a dry run and a decision hold nothing": questions_hold_nothing,
         "a lease is prolonged as often as allowed, and settled in its grace": the_lease,
         "a lease where nobody says anything": the_lease_where_nobody_says_anything,
         "what costs more than its hold, by overage policy": more_than_was_held,
         "holds beyond a policy's rate": too_many_a_minute,
         "an expired hold, a second commit": expired_and_over,
         "an event, by overage policy": events,
         "keys, over a kill and with another API key": keys,
         "a budget, a tenant or a key changes under a hold": changes_under_a_hold}


def run(count, options):
    with Server(options.pawl) as server:
        for title, body in TESTS.items():
            with count.test(f"lifecycle: {title}"):
                body(server)
