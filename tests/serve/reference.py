# SPDX-License-Identifier: Apache-2.0
"""docs/API.md against a running server: each operation that it documents is asked once, and its
answer has the documented status, every field that is always there, none that is not documented, of
the documented types; each documented path refuses every method that is not documented for it.
"""
import pathlib
import re

from world import ADMIN, USD, quick_start, reserve_body

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "API.md"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCOPE = "scope=tenant:quickstart&unit=USD_MICROCENTS"
SCALARS = {"string": str, "boolean": bool, "integer": int, "object": dict, "time": str}


def cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def tables(text, heading):
    """{title: rows} of the tables under `### title`, from a section on."""
    found, title = {}, None
    for line in text.split(heading, 1)[1].split("\n## ", 1)[0].splitlines():
        if line.startswith("### "):
            title = line[4:]
            found[title] = []
        elif title and line.startswith("| `"):
            found[title].append(cells(line))
    return found


def documented():
    """(operations, objects) of the page."""
    text = PAGE.read_text(encoding="utf-8")
    operations = {}
    overview = text.split("## Operations", 1)[1].split("\n## ", 1)[0]
    for line in overview.splitlines():
        if not line.startswith("| `"):
            continue
        name, place, who, permission, answer = cells(line)
        method, path = place.strip("`").split(" ")
        statuses = [int(number) for number in re.findall(r"\b[1-5]\d\d\b", answer.split("[")[0])]
        operations[name.strip("`")] = (method, path, statuses, re.search(r"\[(\w+)\]",
                                                                         answer).group(1))
        assert who and re.fullmatch(r"(`[a-z]+(:[a-z]+)?`)?", permission), line
    return operations, tables(text, "## Objects of answers")


def fits(value, kind, objects):
    """Whether a value is of a type as the page writes it."""
    if kind.startswith("list of "):
        return isinstance(value, list) and all(fits(item, kind[8:], objects) for item in value)
    for word in kind.split(" or "):
        name = re.fullmatch(r"\[(\w+)\]\(#\w+\)", word)
        if name:
            if isinstance(value, dict) and not wrong_with(value, name.group(1), objects):
                return True
        elif word.startswith("`"):
            if value == word.strip("`"):
                return True
        elif isinstance(value, SCALARS[word]) and (word == "boolean") == isinstance(value, bool):
            return True
    return False


def wrong_with(value, shape, objects):
    """What is wrong with an object, or nothing."""
    fields = {row[0].strip("`"): row for row in objects[shape]}
    for name in value:
        if name not in fields:
            return f"{shape} has no field {name} in the documents"
        if not fits(value[name], fields[name][2], objects):
            return f"{shape}.{name} is {value[name]!r} and not {fields[name][2]}"
    missing = [name for name, row in fields.items() if row[1] == "yes" and name not in value]
    return f"{shape} lacks {missing}" if missing else ""


def walk(server, key):
    """Each operation's request: yields (operation, path, query, body, admin) and is sent the
    answer, from which the next ones are made."""
    amount = {"unit": "USD_MICROCENTS", "amount": USD // 100}
    event = {**reserve_body("e1"), "actual": amount}
    del event["estimate"]
    made = yield "createReservation", "", "", reserve_body("r1"), False
    held = {"id": made.json["reservation_id"]}
    other = server.ask("POST", "/v1/reservations", reserve_body("r2"), key=key).json
    yield "extendReservation", held, "", {"idempotency_key": "x", "extend_by_ms": 1000}, False
    yield "commitReservation", held, "", {"idempotency_key": "c", "actual": {
        "unit": "USD_MICROCENTS", "amount": 1}, "metadata": {"a": 1}}, False
    yield ("releaseReservation", {"id": other["reservation_id"]}, "", {"idempotency_key": "r"},
           False)
    yield "getReservation", held, "", None, False
    yield "listReservations", "", "?include=metadata,committed_metadata&limit=1", None, False
    yield "decide", "", "", reserve_body("d"), False
    yield "createEvent", "", "", event, False
    yield "getBalances", "", "?tenant=quickstart", None, False
    yield "introspectAuth", "", "", None, False
    yield "createTenant", "", "", {"tenant_id": "other", "name": "Other", "metadata": {"a": "b"},
                                   "default_reservation_ttl_ms": 5000}, True
    yield "listTenants", "", "?limit=1", None, True
    tenant = {"tenant_id": "other"}
    yield "getTenant", tenant, "", None, True
    yield "updateTenant", tenant, "", {"status": "SUSPENDED"}, True
    yield "createBudget", "", "", {"scope": "tenant:quickstart/agent:a", "unit": "TOKENS",
                                   "allocated": {"unit": "TOKENS", "amount": 5},
                                   "rollover_policy": "NONE", "metadata": {"a": 1},
                                   "period_start": "2026-01-01T00:00:00Z"}, False
    yield "listBudgets", "", "?include=metadata&limit=1", None, False
    yield "lookupBudget", "", "?" + SCOPE, None, False
    yield "updateBudget", "", "?include=metadata&" + SCOPE, {"metadata": {"b": 2}}, True
    yield "freezeBudget", "", "?" + SCOPE, {"reason": "looked at"}, True
    yield "unfreezeBudget", "", "?" + SCOPE, None, True
    yield "fundBudget", "", "?" + SCOPE, {"operation": "CREDIT", "amount": amount}, False
    made = yield "createPolicy", "", "", {
        "name": "p", "scope_pattern": "*", "caps": {"max_tokens": 5, "tool_denylist": ["rm"]},
        "reservation_ttl_override": {"max_ttl_ms": 5000},
        "rate_limits": {"max_reservations_per_minute": 50}}, False
    yield "listPolicies", "", "?limit=1", None, False
    yield "updatePolicy", {"policy_id": made.json["policy_id"]}, "", {"priority": 3}, False
    made = yield "createApiKey", "", "", {"tenant_id": "quickstart", "name": "k",
                                          "scope_filter": ["agent:a"]}, True
    own = {"key_id": made.json["key_id"]}
    yield "validateApiKey", "", "", {"key_secret": made.json["key_secret"]}, True
    yield "listApiKeys", "", "?limit=1", None, True
    yield "updateApiKey", own, "", {"description": "d", "metadata": {"a": 1}}, True
    yield "revokeApiKey", own, "?reason=done", None, True
    for probe in ("health", "healthLiveness", "healthReadiness"):
        yield probe, "", "", None, False


def each_operation_answers_as_documented(world):
    operations, objects = documented()
    server, key = quick_start(world)
    assert len(operations) > 30 and len(objects) > 20, (operations, objects)
    asked, steps, answer = set(), walk(server, key), None
    while True:
        try:
            name, params, query, body, admin = steps.send(answer)
        except StopIteration:
            break
        method, path, statuses, shape = operations[name]
        for word, value in (params or {}).items():
            path = path.replace("{" + word + "}", value)
        answer = server.ask(method, path + query, body, key=None if admin else key,
                            admin=ADMIN if admin else None)
        assert answer.status in statuses, (name, answer)
        wrong = wrong_with(answer.json, shape, objects)
        assert not wrong, (name, wrong, answer)
        asked.add(name)
    assert asked == set(operations), set(operations) ^ asked


def nothing_else_is_served_there(world):
    operations, objects = documented()
    server, key = quick_start(world)
    paths = {}
    for method, path, _, _ in operations.values():
        paths.setdefault(re.sub(r"\{\w+\}", "x", path), set()).add(method)
    for path, served in sorted(paths.items()):
        for method in METHODS:
            answer = server.ask(method, path, {} if method != "GET" else None, key=key)
            if method in served:
                assert answer.status != 405, (method, path, answer)
                continue
            assert answer.status == 405, (method, path, answer)
            assert set(answer.headers["allow"].split(", ")) == served, (path, answer.headers)
            assert not wrong_with(answer.json, "Error", objects), answer
    answer = server.ask("GET", "/v1/nowhere", key=key)
    assert answer.status == 404 and not wrong_with(answer.json, "Error", objects), answer


TESTS = {
    "each documented operation answers as documented": each_operation_answers_as_documented,
    "nothing else is served at a documented path": nothing_else_is_served_there,
}
