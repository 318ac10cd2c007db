# SPDX-License-Identifier: Apache-2.0
"""Lists of reservations over HTTP: each order with each filter is what sorting and filtering all
there are comes to, page by page, also while others reserve and commit.
"""
import datetime
import itertools
import os
import random
import threading

from governance import make, reserve, until, usd
from world import ADMIN, patience

SORTS = {"created_at_ms": lambda row: 0, "reservation_id": lambda row: 0, "tenant": lambda row: 0,
         "expires_at_ms": lambda row: row["expires_at_ms"],
         "reserved": lambda row: row["reserved"]["amount"],
         "scope_path": lambda row: row["scope_path"].encode(),
         "status": lambda row: row["status"]}
SEED = int(os.environ.get("PAWL_SEED", "20261129"))
MANY = 240


def pages(server, query, limits, **who):
    """All rows of a list, page by page; each page as it comes."""
    cursor = ""
    while cursor is not None:
        way = f"/v1/reservations?limit={next(limits)}{query}{cursor}"
        with patience("the archive") as tick:
            while "ask again" in (answer := server.ask("GET", way, **who)).text:
                tick()  # on a busy machine it may be seconds behind the ledger
        page = answer.want(200)
        assert page["has_more"] == ("next_cursor" in page), answer
        yield page["reservations"]
        cursor = f"&cursor={page['next_cursor']}" if page["has_more"] else None


def walk(server, query, limits, **who):
    return list(itertools.chain.from_iterable(pages(server, query, limits, **who)))


def limits_of(drawn):
    while True:
        yield drawn.choice((1, 3, 7, 50, 200))


def settle(server, key, drawn, held, number, connection):
    """Commits or releases it, or leaves it open. What it becomes."""
    becomes = drawn.choice(("COMMITTED", "COMMITTED", "RELEASED", "ACTIVE"))
    body = {"idempotency_key": f"s{number}"}
    if becomes != "ACTIVE":
        word = "commit" if becomes == "COMMITTED" else "release"
        body.update({"actual": usd(1)} if word == "commit" else {})
        server.ask("POST", f"/v1/reservations/{held}/{word}", body, key=key,
                   connection=connection).want(200)
    return becomes


def fill(server, key, drawn):
    """MANY reservations of all kinds, the last of which expire: ids in order, and their states."""
    connection, made = server.connect(), {}
    for number in range(MANY):
        ttl = 1000 if number >= MANY - 20 else drawn.randrange(60_000, 600_000)
        body = {"idempotency_key": f"k{number}", "ttl_ms": ttl,
                "subject": {"tenant": "acme", "agent": drawn.choice(("one", "Two", "three")),
                            **({"app": drawn.choice("abc")} if number % 3 else {})},
                "action": {"kind": "llm.completion", "name": "m"},
                "estimate": usd(drawn.randrange(1, 30)), "grace_period_ms": 0}
        held = server.ask("POST", "/v1/reservations", body, key=key,
                          connection=connection).want(200)["reservation_id"]
        made[held] = "EXPIRED" if ttl == 1000 else settle(server, key, drawn, held, number,
                                                          connection)
    connection.close()
    until(lambda: len(server.ask("GET", "/v1/reservations?status=EXPIRED&limit=200", key=key)
                      .want(200)["reservations"]) == 20)
    return made


def time_of(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(
        timespec="milliseconds").replace("+00:00", "Z")


def filters_of(rows):
    """Query and what it lets through."""
    def between(name, low, high):
        return lambda row: low <= row.get(name, 0) <= high
    middle = rows[MANY // 2]["created_at_ms"]
    expiry = sorted(row["expires_at_ms"] for row in rows)[MANY // 2]
    final = sorted(row.get("finalized_at_ms", 0) for row in rows)[MANY // 2]
    never = 1 << 50
    return {
        "": lambda row: True,
        "&status=ACTIVE": lambda row: row["status"] == "ACTIVE",
        "&status=EXPIRED": lambda row: row["status"] == "EXPIRED",
        "&agent=two": lambda row: "agent:two" in row["scope_path"],
        "&app=b&agent=one": lambda row: row["scope_path"].endswith("app:b/agent:one"),
        "&app=nobody": lambda row: False,
        "&idempotency_key=k7": lambda row: row.get("idempotency_key") == "k7",
        f"&from={time_of(middle)}": between("created_at_ms", middle, never),
        f"&to={time_of(middle)}&status=COMMITTED":
            lambda row: row["created_at_ms"] <= middle and row["status"] == "COMMITTED",
        f"&expires_from={time_of(expiry)}&agent=one":
            lambda row: row["expires_at_ms"] >= expiry and "agent:one" in row["scope_path"],
        f"&expires_to={time_of(expiry)}": between("expires_at_ms", 0, expiry),
        f"&finalized_from={time_of(final)}": between("finalized_at_ms", final, never),
        f"&finalized_to={time_of(final)}&status=RELEASED":
            lambda row: row["status"] == "RELEASED" and row["finalized_at_ms"] <= final,
    }


def every_order_and_filter(world):
    print(f"reproduce: PAWL_SEED={SEED} tests/serve/run.py lists")
    drawn = random.Random(SEED)
    server = world.start()
    key = make(server)
    made = fill(server, key, drawn)
    limits, connection = limits_of(drawn), server.connect()
    rows = walk(server, "&sort_dir=asc&include=metadata", limits, key=key, connection=connection)
    assert [row["reservation_id"] for row in rows] == list(made), "the order of creation"
    assert [row["status"] for row in rows] == list(made.values())
    filters = filters_of(rows)
    for (name, number), ascending, (query, passes) in itertools.product(
            SORTS.items(), (True, False), filters.items()):
        wanted = sorted((row for row in rows if passes(row)), key=number)
        if not ascending:
            wanted = sorted((row for row in reversed(rows) if passes(row)), key=number,
                            reverse=True)
        full = f"&sort_by={name}&sort_dir={'asc' if ascending else 'desc'}{query}"
        who = {"key": key} if drawn.random() < 0.5 else {"admin": ADMIN}
        seen = walk(server, full + ("&tenant=acme" if "admin" in who else ""), limits,
                    connection=connection, **who)
        assert [row["reservation_id"] for row in seen] == \
            [row["reservation_id"] for row in wanted], full
    connection.close()


def pages_under_inserts(world):
    """Nothing comes twice and nothing that was there is lost while others reserve and commit."""
    print(f"reproduce: PAWL_SEED={SEED} tests/serve/run.py lists")
    drawn = random.Random(SEED)
    server = world.start()
    key = make(server)
    fill(server, key, drawn)
    done, failures = threading.Event(), []

    def spend(name):
        own, own_drawn = server.connect(), random.Random(name)
        try:
            for number in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
                held = server.ask("POST", "/v1/reservations",
                                  {"idempotency_key": f"{name}-{number}",
                                   "subject": {"tenant": "acme", "agent": "busy"},
                                   "action": {"kind": "llm.completion", "name": "m"},
                                   "estimate": usd(own_drawn.randrange(1, 30))}, key=key,
                                  connection=own).want(200)["reservation_id"]
                settle(server, key, own_drawn, held, f"{name}-{number}", own)
        except (AssertionError, OSError) as failure:
            failures.append(failure)
        own.close()

    spenders = [threading.Thread(target=spend, args=(name,)) for name in ("x", "y")]
    for one in spenders:
        one.start()
    own = server.connect()
    try:
        before = {row["reservation_id"] for row in
                  walk(server, "", limits_of(drawn), key=key, connection=own)
                  if row["status"] not in ("ACTIVE", "EXPIRED")}
        assert len(before) > MANY // 4
        for name, direction in itertools.product(SORTS, ("asc", "desc")):
            last, seen, limit = None, [], itertools.repeat(drawn.choice((11, 40, 90)))
            query = f"&sort_by={name}&sort_dir={direction}"
            for page in pages(server, query, limit, key=key, connection=own):
                seen += [row["reservation_id"] for row in page]
                numbers = [last] * (last is not None) + [SORTS[name](row) for row in page]
                assert numbers == sorted(numbers, reverse=direction == "desc"), query
                last = numbers[-1] if numbers else last
                if before <= set(seen):
                    break  # what comes behind is new, and upwards it does not end
            if name != "status":
                assert len(seen) == len(set(seen)), query
            assert before <= set(seen), (query, len(before - set(seen)))
    finally:
        done.set()
        for one in spenders:
            one.join()
        own.close()
    assert not failures, failures


def a_cursor_is_its_lists(world):
    server = world.start()
    key, other = make(server), make(server, "globex")
    for number in range(3):
        assert reserve(server, key, f"r{number}").status == 200
        assert reserve(server, other, f"r{number}", tenant="globex").status == 200
    first = server.ask("GET", "/v1/reservations?limit=1&sort_by=reserved", key=key).want(200)
    again = f"/v1/reservations?limit=2&cursor={first['next_cursor']}"
    rows = server.ask("GET", again + "&sort_by=reserved", key=key).want(200)
    assert len(rows["reservations"]) == 2 and not rows["has_more"], rows
    for wrong, who in ((again, key), (again + "&sort_by=status", key),
                       (again + "&sort_by=reserved&sort_dir=asc", key),
                       (again + "&sort_by=reserved&status=ACTIVE", key),
                       (again + "&sort_by=reserved", other),
                       (again[:-2] + "&sort_by=reserved", key)):
        answer = server.ask("GET", wrong, key=who)
        assert answer.want(400)["error"] == "INVALID_REQUEST", (wrong, answer)


TESTS = {"every order with every filter": every_order_and_filter,
         "pages while others reserve and commit": pages_under_inserts,
         "a cursor is its list's": a_cursor_is_its_lists}
