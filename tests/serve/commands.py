# SPDX-License-Identifier: Apache-2.0
"""`pawl tenant`, `key`, `budget`, `rule`, `reservation`, `decide` and `debit` against a real
server: what is said on a command line is what the ledger has afterwards. How options are read is in
tests/cli/servers.py.
"""
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

from doors import make_certificate
from world import ADMIN, USD


class Shell:
    """Commands in one environment: `shell(words)` says that the status is as expected."""

    def __init__(self, world, **env):
        self.world, self.env = world, env

    def __call__(self, words, *more, status=0, err="", **env):
        done = self.world.tell(*words.split(), *more, env={**self.env, **env})
        assert done.returncode == status, (words, more, done)
        assert re.search(err, done.stderr), (words, done.stderr)
        return done.stdout

    def rows(self, words, *more, **env):
        return [json.loads(line) for line in self(words, "--json", *more, **env).splitlines()]


def usd(dollars):
    return {"unit": "USD_MICROCENTS", "amount": round(dollars * USD)}


def local(world):
    """A server whose socket is found by itself, a tenant with $10, and its key."""
    server = world.start()
    shell = Shell(world, PAWL_SERVE_DATA_DIR=world.data)
    shell("tenant create acme")
    shell("budget create acme --usd 10")
    shell.env["PAWL_KEY"] = shell("key create acme --name test").strip()
    return server, shell


def a_server_is_set_up_and_spent_from(world):
    """From nothing to a spend, as the page about the commands has it."""
    server, shell = local(world)
    shell("budget create tenant:acme/agent:bot --usd 5")
    held = shell("reservation create --quiet --usd 0.50 --agent bot").strip()
    assert re.fullmatch(r"rsv_\w+", held), held
    budget, = shell.rows("budget show acme")
    assert (budget["reserved"], budget["remaining"]) == (usd(0.5), usd(9.5)), budget
    assert "$0.42 is charged, $0.08 of the hold goes back\n" in shell(
        f"reservation commit {held} --usd 0.42 --tokens-in 12K --model m")
    assert "$1.30 is charged to tenant:acme/agent:bot\n" in shell("debit --usd 1.30 --agent bot")
    rows = {row["scope"]: row for row in shell.rows("budget list --tenant acme")}
    for scope, allocated in (("tenant:acme", 10), ("tenant:acme/agent:bot", 5)):
        assert rows[scope]["spent"] == usd(1.72), rows
        assert rows[scope]["remaining"] == usd(allocated - 1.72), rows
    row, = shell.rows("reservation list")
    assert (row["reservation_id"], row["status"], row["committed"]) == (
        held, "COMMITTED", usd(0.42)), row
    assert f"{held}  COMMITTED\n" in shell(f"reservation show {held}")
    table = shell("budget list --sort scope")
    assert re.search(r"tenant:acme +dollars +\$10\.00 +\$1\.72 +\$8\.28 ", table), table
    shell(f"reservation commit {held} --usd 0.42", status=1, err=r"\(RESERVATION_FINALIZED\)")
    assert server.ask("GET", "/v1/reservations", key=shell.env["PAWL_KEY"]).json["reservations"]


def what_would_fit_is_told_to_the_last_digit(world):
    _, shell = local(world)
    shell("budget create tenant:acme/agent:thin --usd 0.00019999")
    shell("reservation create --usd 0.0002 --agent thin", status=1,
          err=r"\$0\.0002 asked for, \$0\.00019999 would fit\n")
    assert "left         $0.00019999\n" in shell("budget show tenant:acme/agent:thin")
    shell("reservation create --usd 0.00019999 --agent thin")


def a_refusal_has_its_numbers_and_its_status(world):
    _, shell = local(world)
    shell("debit --usd 9.20")
    shell("reservation create --usd 0.50")
    told = (r"too little is left \(BUDGET_EXCEEDED\)\n  tenant:acme: \$10\.00 in all, "
            r"\$9\.20 spent, \$0\.50 held, \$1\.00 asked for, \$0\.30 would fit\n")
    shell("reservation create --usd 1", status=1, err=told)
    assert shell("decide --usd 1", status=1) == (
        "DENY: BUDGET_EXCEEDED\n"
        "  tenant:acme: $10.00 in all, $9.20 spent, $0.50 held, $0.30 left\n")
    assert shell("decide --usd 1 --quiet", status=1) == "DENY\n"
    assert shell("decide --usd 0.30").startswith("ALLOW")
    assert shell("reservation create --dry-run --usd 1", status=1).startswith("DENY")
    strict = shell("reservation create -q --usd 0.20 --overage reject").strip()
    shell(f"reservation commit {strict} --usd 0.21", status=1,
          err=r"the hold is \$0\.20 and its overage policy is REJECT \(BUDGET_EXCEEDED\)")
    shell(f"reservation release {strict}")
    shell("debit --usd 1 --overage reject", status=1, err="BUDGET_EXCEEDED")
    assert "$0.30 of $1.00 is charged" in shell("debit --usd 1 --overage available")
    shell("reservation create --tokens 5", status=1,
          err=r"UNIT_MISMATCH\)\n  tenant:acme counts dollars, not tokens")
    shell("reservation create --usd 1 --tenant other", status=1, err="FORBIDDEN; with the key cyc_")
    shell("budget show nobody", status=1, err="tenant:nobody has no budget")
    shell("tenant show nobody", status=1, err="TENANT_NOT_FOUND|NOT_FOUND")
    shell("key show key_none", status=1, err="there is no key")
    shell("reservation release rsv_none", status=1, err="NOT_FOUND")


def holds_are_lengthened_and_given_back(world):
    _, shell = local(world)
    brief = shell("reservation create -q --usd 1 --ttl 1s --grace 0s --metadata n=1").strip()
    assert "metadata     n=1\n" in shell(f"reservation show {brief}")
    shell(f"reservation release {brief}", PAWL_KEY="")
    done = shell("reservation create -q --usd 1").strip()
    shell(f"reservation commit {done} --usd 0 --metadata step=2")
    assert "at commit    step=2\n" in shell(f"reservation show {done}")
    first, second = (shell("reservation create -q --usd 1 --ttl 1m").strip() for _ in range(2))
    before, = shell.rows(f"reservation show {first}")
    assert "held until " in shell(f"reservation extend {first} --by 30s")
    after, = shell.rows(f"reservation show {first}")
    assert after["expires_at_ms"] == before["expires_at_ms"] + 30_000, (before, after)
    assert "$1.00 goes back\n" in shell(f"reservation release {first} --reason no")
    # The administrator may give back what a tenant holds.
    assert "$1.00 goes back\n" in shell(f"reservation release {second}", PAWL_KEY="")
    budget, = shell.rows("budget show acme")
    assert budget["remaining"] == usd(10), budget
    states = shell.rows("reservation list --status released --since 1h")
    assert {row["reservation_id"] for row in states} == {brief, first, second}, states
    assert shell("reservation list --tenant acme -q --status active", PAWL_KEY="") == ""


def what_is_said_twice_with_one_key_is_done_once(world):
    _, shell = local(world)
    debits = {shell("debit -q --usd 1 --idempotency-key one") for _ in range(3)}
    assert len(debits) == 1, debits
    for _ in range(2):
        shell("budget fund acme --credit --usd 5 --idempotency-key two")
    shell("debit --usd 2 --idempotency-key one", status=1, err="IDEMPOTENCY_MISMATCH")
    budget, = shell.rows("budget show acme")
    assert (budget["allocated"], budget["spent"]) == (usd(15), usd(1)), budget


def budgets_are_funded_frozen_and_changed(world):
    server, shell = local(world)
    shell("budget create acme --tokens 1M --overage reject")
    shell("budget freeze acme", status=2, err="has 2 budgets")
    shell("debit --usd 4")
    for words, allocated, spent in (("--credit --usd 5", 15, 4), ("--debit --usd 1", 14, 4),
                                    ("--reset --usd 20", 20, 4),
                                    ("--reset-spent --usd 30 --spent 1.50", 30, 1.5)):
        row, = shell.rows(f"budget fund acme {words} --reason test")
        assert (row["new_allocated"], row["new_spent"]) == (usd(allocated), usd(spent)), row
    assert "-> $31.00" in shell("budget fund acme --credit --usd 1")
    shell("budget fund acme --debit --usd 99", status=1, err="BUDGET_EXCEEDED")
    shell("budget update acme -u usd --overdraft 2 --overage overdraft --metadata team=web")
    row, = shell.rows("budget show acme --unit usd")
    assert (row["overdraft_limit"], row["commit_overage_policy"]) == (
        usd(2), "ALLOW_WITH_OVERDRAFT"), row
    held = shell("reservation create -q --usd 1 --overage overdraft").strip()
    shell(f"reservation commit {held} --usd 31")
    row, = shell.rows("budget list --debt")
    assert row["debt"] == usd(1.5), row
    shell("budget fund acme --repay-debt --usd 1.50")
    assert shell.rows("budget list --debt") == []
    for verb in ("freeze", "unfreeze", "update --overdraft 1"):
        shell(f"budget {verb} acme -u usd --server", server.url, status=1,
              err=r"asks for the administrator's key: .*; the key cyc_.* of \$PAWL_KEY is a ten")
    shell("budget freeze acme -u usd --reason stop")
    shell("reservation create --usd 0.01", status=1, err="the budget is frozen")
    assert [row["unit"] for row in shell.rows("budget list --status frozen")] == ["USD_MICROCENTS"]
    shell("budget unfreeze acme -u usd")
    assert shell("budget list --status frozen -q") == ""
    assert shell("budget list --unit usd -q") == "tenant:acme\n"
    assert shell("budget list -q").splitlines() == ["tenant:acme"], "two budgets of one scope"
    assert re.search(r"metadata +team=web\n", shell("budget show acme -u usd"))
    row, = shell.rows("budget show acme -u usd")
    assert row["metadata"] == {"team": "web"}, row
    for words in ("--search zzz", "--debt", "--status frozen", "--unit credits", "--tenant nobody"):
        shell(f"budget list {words}", err=r"\ANo budget is like that\.\n\Z")
    shell("rule list nobody", err=r"\ANo rule is like that\.\n\Z")
    shell("key list nobody", err=r"\ANo key is like that\.\n\Z")
    shell("budget create acme --usd 100000000", status=2, err=r"90,071,992\.54 at most")


def what_is_used_is_what_is_spent(world):
    """The column, the filter and the order have one share: spent of allocated, without what is
    held, and rounded down: 79.5 % is not 80 %."""
    _, shell = local(world)
    for agent, spent, held in (("a", 3, 1), ("b", 0, 9), ("c", 7.95, 0), ("d", 8, 0)):
        shell(f"budget create tenant:acme/agent:{agent} --usd 10")
        shell("budget fund acme --credit --usd 20")
        if spent:
            shell(f"debit --usd {spent} --agent {agent}")
        if held:
            shell(f"reservation create --usd {held} --agent {agent}")
    shown = {scope[-1]: (bar, int(percent)) for scope, bar, percent in re.findall(
        r"^(\S+agent:\w) .* ([#=.]{10}) +(\d+)%", shell("budget list", LC_ALL="C"), re.M)}
    assert shown == {"a": ("###=......", 30), "b": ("=========.", 0), "c": ("#######...", 79),
                     "d": ("########..", 80)}, shown
    for percent in (1, 30, 31, 79, 80, 81):
        listed = shell(f"budget list -q --used {percent} --search agent:")
        assert {scope[-1] for scope in listed.split()} == {
            agent for agent, (_, used) in shown.items() if used >= percent}, (percent, listed)
    order = shell("budget list -q --search agent: --sort utilization --desc").split()
    assert [scope[-1] for scope in order] == ["d", "c", "a", "b"], order


def keys_do_what_they_may_and_end(world):
    _, shell = local(world)
    reader = shell("key create acme --name reader -p balances:read -p reservations:list").strip()
    shell("reservation list", PAWL_KEY=reader)
    shell("reservation create --usd 1", PAWL_KEY=reader, status=1, err="FORBIDDEN; with the key")
    ids = {row["name"]: row["key_id"] for row in shell.rows("key list acme")}
    shell(f"key update {ids['reader']} -p reservations:create --description more")
    shell("reservation create --usd 1", PAWL_KEY=reader)
    shown = shell(f"key show {ids['reader']}")
    assert "may          reservations:create\n" in shown and reader not in shown, shown
    shell(f"key update {ids['test']} --scope-filter agent:bot")
    shell("reservation create --usd 1", status=1, err="FORBIDDEN")
    shell(f"key update {ids['test']}", "--scope-filter", "")
    shell("reservation create --usd 1")
    shell(f"key revoke {ids['reader']}", status=2, err="say --yes")
    shell(f"key revoke {ids['reader']} --yes --reason lost")
    again = shell(f"key revoke {ids['reader']} --yes --reason again")
    assert again == f"{ids['reader']} was revoked already\n", again
    row, = shell.rows(f"key revoke {ids['reader']} --yes")
    assert row["revoked_reason"] == "lost", row
    shell("reservation list", PAWL_KEY=reader, status=1, err="of .PAWL_KEY: .*was revoked")
    assert shell("key list --status revoked -q").strip() == ids["reader"]
    told = shell("key create --help").split("The usual permissions are ")[1]
    names = {"decide", *re.findall(r"[a-z]+(?::[a-z]+)+", told.split("Options:")[0])}
    assert len(names) == 29, names
    every = [word for name in sorted(names) for word in ("-p", name)]
    shell("key create acme --name every", *every)
    row, = shell.rows("key list --search every")
    assert set(row["permissions"]) == names, row
    shell("key create acme --name odd -p nothing", status=2,
          err=r"'nothing' is no permission\. The usual permissions are reservations:create, (.|\n)*"
              r"admin:audit:read, decide and events:create")
    some = shell("key create acme --name some -p balances:read --metadata of=test").strip()
    shell("reservation create --usd 1", PAWL_KEY=some, status=1,
          err="has no permission reservations:create")
    some = shell("key list --search some -q").strip()
    assert "metadata     of=test\n" in shell(f"key show {some}")


def hold_until_refused(shell, per_minute):
    """Under a rule that takes so many holds a minute: their ids, and the refusal. In which of its
    minutes each was taken the ledger says itself, so it does not matter when one ends."""
    held, minutes = [], []
    while (done := shell.world.tell("reservation", "create", "--json", "--usd", "0.01",
                                    env=shell.env)).returncode == 0:
        held.append(json.loads(done.stdout)["reservation_id"])
        row, = shell.rows(f"reservation show {held[-1]}")
        minutes.append(row["created_at_ms"] // 60_000)
        assert minutes.count(minutes[-1]) <= per_minute, minutes
    assert minutes.count(minutes[-1]) == per_minute, (minutes, done.stderr)
    return held, done.stderr


def rules_bind_holds(world):
    _, shell = local(world)
    rule = shell("rule create -q", "tenant:acme/agent:*", "--max-tokens", "4096", "--max-ttl",
                 "10s").strip()
    assert re.search(r"ALLOW_WITH_CAPS\n  max tokens +4,096\n",
                     shell("decide --usd 1 --agent bot"))
    row, = shell.rows("reservation create --usd 1 --agent bot --ttl 1h")
    assert row["remaining_ttl_ms"] <= 10_000, row
    shell(f"rule disable {rule}")
    assert shell("decide --usd 1 --agent bot").startswith("ALLOW\n")
    shell(f"rule enable {rule}")
    shell(f"rule update {rule} --max-tokens 7 --priority 3")
    assert "max tokens 7" in shell("rule list acme")
    slow = shell("rule create -q tenant:acme --holds-per-minute 1 --priority 9").strip()
    _, refusal = hold_until_refused(shell, 1)
    assert re.search(rf"policy {slow} takes at most 1 hold a minute; again in \d+[ms] "
                     r"\(LIMIT_EXCEEDED\)", refusal), refusal
    shell(f"rule disable {slow}")
    bare = shell.rows("rule create acme --name slow --commits-per-minute 2 --priority 9")[0]
    assert bare["scope_pattern"] == "tenant:acme", bare
    held, refusal = hold_until_refused(shell, 2)
    assert "takes at most 2 holds a minute" in refusal, refusal
    for one in held:
        shell(f"reservation commit {one} --usd 0.01")
    shell(f"rule disable {bare['policy_id']}")
    row, = shell.rows("rule create", "acme/agent:*", "--max-tokens", "1", "--name", "brief")
    assert row["scope_pattern"] == "tenant:acme/agent:*", row
    shell("tenant frob --help", status=2, err="there is no 'frob', only create")


def tenants_pause_and_end(world):
    _, shell = local(world)
    held = shell("reservation create -q --usd 1").strip()
    shell("tenant suspend acme")
    shell("reservation create --usd 1", status=1)
    shell(f"reservation commit {held} --usd 0.50")
    shell("tenant resume acme")
    shell("reservation create --usd 1")
    shell("tenant update acme --ttl 5m --max-extensions 3 --overage reject --metadata team=web")
    assert re.search(r"ttl +5m\n.*extensions +3\n.*metadata +team=web\n",
                     shell("tenant show acme"), re.S)
    shell("tenant update acme --max-ttl 4m", status=1, err="the largest lease would be 240000")
    shell("tenant create sub --parent nosuch", status=1, err="parent_tenant_id: there is no tenant")
    shell("tenant close acme", status=2, err="say --yes")
    shell("tenant close acme --yes")
    assert "acme  CLOSED\n" in shell("tenant show acme")
    assert [row["status"] for row in shell.rows("budget list --tenant acme")] == ["CLOSED"]
    shell("budget fund acme --credit --usd 1", status=1, err="CLOSED")
    assert shell("tenant list -q --status active") == ""


def lists_come_whole_and_in_order(world):
    server, shell = local(world)
    def make(i):
        body = {"tenant_id": "acme", "scope": f"tenant:acme/agent:a{i:03}", "unit": "TOKENS",
                "allocated": {"unit": "TOKENS", "amount": i}}
        assert server.ask("POST", "/v1/admin/budgets", body, admin=ADMIN).status == 201

    def hold(i):
        body = {"idempotency_key": f"k{i}", "subject": {"tenant": "acme"},
                "action": {"kind": "k", "name": f"n{i}"}, "estimate": usd(0.01)}
        assert server.ask("POST", "/v1/reservations", body,
                          key=shell.env["PAWL_KEY"]).status == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(230)))
        list(pool.map(hold, range(430)))
    scopes = shell("budget list --unit tokens --sort scope --json")
    names = [json.loads(line)["scope"] for line in scopes.splitlines()]
    assert names == [f"tenant:acme/agent:a{i:03}" for i in range(230)], names[:3]
    assert [row["scope"] for row in shell.rows("budget list -u tokens --sort scope --desc -n 2")
            ] == ["tenant:acme/agent:a229", "tenant:acme/agent:a228"]
    ids = shell("reservation list -q").split()
    assert len(ids) == len(set(ids)) == 430, len(ids)
    assert len(shell("reservation list -q --limit 201").split()) == 201
    assert len(shell("reservation list").splitlines()) == 431
    row, = shell.rows("reservation list --idempotency-key k7")
    assert row["action"]["name"] == "n7", row


def a_refusal_is_an_object_for_scripts(world):
    """With --json the server's own object stands on stdout, beside the words for people."""
    _, shell = local(world)
    for words, code in (("reservation create --usd 50 --agent b", "BUDGET_EXCEEDED"),
                        ("reservation commit rsv_nobodys --usd 1", "NOT_FOUND"),
                        ("budget create acme --usd 1", "DUPLICATE_RESOURCE"),
                        ("budget unfreeze acme", "INVALID_REQUEST"),
                        ("tenant show nobody", "TENANT_NOT_FOUND")):
        told = json.loads(shell(words, "--json", status=1, err=code))
        assert told["error"] == code and told["request_id"], (words, told)
        assert shell(words, status=1, err=code) == "", words
    told = json.loads(shell("reservation create --usd 50 --json", status=1, err="would fit"))
    assert told["details"]["fits"] == round(10 * USD), told
    assert shell("reservation create --json", status=2, err="say how much") == ""


def the_way_to_a_server_is_said_in_many_ways(world):
    cert, key = make_certificate(world, "pawl")
    clients = world.path("clients.sock")
    server = world.start("--tls-cert", cert, "--tls-key", key, "--listen", "unix:" + clients)
    shell = Shell(world)
    url = next(url for url in server.addresses if url.startswith("https:"))
    shell("tenant create acme --data-dir", world.data)
    told = shell("tenant list -q --ca-file", cert, "--server", url, PAWL_ADMIN_KEY=ADMIN)
    assert told == "acme\n", told
    shell("tenant list --server", url, PAWL_ADMIN_KEY=ADMIN, status=3,
          err="certificate.*; --ca-file FILE says who vouches for it")
    there = {"PAWL_SERVER": "unix:" + clients}
    shell("tenant list", status=1, err="asks for the administrator's key", **there)
    shell("tenant list", status=1, err=r"key wro\.\.\. of .PAWL_ADMIN_KEY|key \.\.\. of",
          PAWL_ADMIN_KEY="wrong-key-of-somebody-else", **there)
    assert shell("tenant list -q", PAWL_ADMIN_KEY=ADMIN, **there) == "acme\n"
    file = world.path("admin.key")
    with open(file, "w", encoding="utf-8") as out:
        out.write(ADMIN + "\n")
    assert shell("tenant list -q --key-file", file, **there) == "acme\n"
    # A key in the environment that is another server's does no harm at one's own socket.
    assert shell("tenant list -q", PAWL_SERVE_DATA_DIR=world.data, PAWL_ADMIN_KEY="x") == "acme\n"
    shell("tenant list", status=3, err="no server answers on this machine")
    assert "acme\tacme" in shell("complete -- tenant show", "", PAWL_SERVE_DATA_DIR=world.data)


def many_at_once_spend_no_more_than_there_is(world):
    """A budget for 30 holds, asked for by 80 commands, 8 at a time: exactly 30 are let through."""
    _, shell = local(world)
    shell("budget create tenant:acme/agent:race --usd 0.30")
    counts, lock = {0: 0, 1: 0}, threading.Lock()

    def spend(i):
        done = world.tell("reservation", "create", "-q", "--usd", "0.01", "--agent", "race",
                          "--tenant", "acme", "--idempotency-key", f"race-{i}", env=shell.env)
        with lock:
            counts[done.returncode] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(80)))
    assert counts == {0: 30, 1: 50}, counts
    budget, = shell.rows("budget show tenant:acme/agent:race")
    assert (budget["reserved"], budget["remaining"]) == (usd(0.3), usd(0)), budget


TESTS = {function.__name__.replace("_", " "): function for function in (
    what_would_fit_is_told_to_the_last_digit,
    a_server_is_set_up_and_spent_from, a_refusal_has_its_numbers_and_its_status,
    a_refusal_is_an_object_for_scripts,
    holds_are_lengthened_and_given_back, what_is_said_twice_with_one_key_is_done_once,
    budgets_are_funded_frozen_and_changed, keys_do_what_they_may_and_end, rules_bind_holds,
    what_is_used_is_what_is_spent, tenants_pause_and_end, lists_come_whole_and_in_order,
    the_way_to_a_server_is_said_in_many_ways, many_at_once_spend_no_more_than_there_is)}
