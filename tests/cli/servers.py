# SPDX-License-Identifier: Apache-2.0
"""Commands that speak to a server, in front of one that says what a test wants and remembers what
it was asked. What the real one makes of such requests is tests/serve/commands.py."""
import contextlib
import http.server
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading

from completions import offered
from expect import expect

TENANT_KEY = "cyc_live_aB3dEf6hIj9lMn2pQr5tUv8xYz1cDe4f"
ADMIN_KEY = "adm_0123456789abcdef0123456789abcdef"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "a client"

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        path, _, query = self.path.partition("?")
        asked = {"method": self.command, "path": path, "query": query, "body": body,
                 "headers": {k.lower(): v for k, v in self.headers.items()}}
        self.server.asked.append(asked)
        told = self.server.say(asked)
        if told is None:  # it is gone in the middle of the exchange
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, answer, *headers = told
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("X-Request-Id", "req_7")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = do_DELETE = answer


class Tcp(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def server(say, path=None):
    """`say` gets a request and returns (status, body, header...); None breaks the connection."""
    if path:
        # A long path is no socket's address; one in the present directory is short.
        with contextlib.chdir(os.path.dirname(path)):
            held = Unix(os.path.basename(path), Handler)
    else:
        held = Tcp(("127.0.0.1", 0), Handler)
    held.asked, held.say = [], say if callable(say) else lambda _: say
    held.url = f"unix:{path}" if path else f"http://127.0.0.1:{held.server_address[1]}"
    thread = threading.Thread(target=held.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield held
    finally:
        held.shutdown()
        thread.join()
        held.server_close()


def usd(dollars):
    return {"unit": "USD_MICROCENTS", "amount": round(dollars * 100_000_000)}


def error(code, message, **details):
    return {"error": code, "message": message, "request_id": "req_7", "trace_id": "0" * 32,
            "details": details}


TENANT = {"tenant_id": "acme", "name": "Acme", "status": "ACTIVE",
          "created_at": "2026-11-01T10:00:00Z"}
BUDGET = {"ledger_id": "bud_1", "tenant_id": "acme", "scope": "tenant:acme",
          "unit": "USD_MICROCENTS", "allocated": usd(100), "remaining": usd(57.5),
          "reserved": usd(0.5), "spent": usd(42), "status": "ACTIVE",
          "created_at": "2026-11-01T10:00:00Z"}


# --- Where the server is, and with which key ------------------------------------------------------

def the_server_is_found(cli):
    say = (200, {"tenants": [TENANT], "has_more": False})
    with server(say) as one, server(say) as other:
        done = cli("tenant", "list", "-q", PAWL_SERVER=one.url + "/v1/", CYCLES_BASE_URL=other.url)
        expect(done, 0, out=r"\Aacme\n\Z")
        expect(cli("tenant", "list", "-q", CYCLES_BASE_URL=other.url), 0, out="acme")
        expect(cli("tenant", "list", "-q", "--server", other.url, PAWL_SERVER=one.url), 0)
        assert (len(one.asked), len(other.asked)) == (1, 2)
        assert one.asked[0]["path"] == "/v1/admin/tenants", one.asked
    with tempfile.TemporaryDirectory() as top:
        folder = pathlib.Path(top, "d" * 120, "server")
        folder.mkdir(parents=True)
        with server(say, str(folder / "pawl.sock")) as local:
            expect(cli("tenant", "list", "-q", PAWL_DATA_DIR=str(folder.parent)), 0, out="acme")
            expect(cli("tenant", "list", "-q", "--data-dir", str(folder)), 0, out="acme")
            expect(cli("tenant", "list", "-q", PAWL_SERVE_DATA_DIR=str(folder)), 0, out="acme")
            expect(cli("tenant", "list", "-q", "--server", local.url), 0, out="acme")
            assert len(local.asked) == 4
            for asked in local.asked:
                assert not {"x-admin-api-key", "x-cycles-api-key"} & set(asked["headers"])


def a_server_that_does_not_say_whose_a_key_is(cli):
    """Others have introspection at another port than what is spent: the tenant is asked for."""
    def say(asked):
        return (404, {}) if asked["path"] == "/v1/auth/introspect" else (200, {"decision": "ALLOW"})
    with server(say) as there:
        env = {"PAWL_SERVER": there.url, "PAWL_KEY": TENANT_KEY}
        expect(cli("decide", "--usd", "1", **env), 2, err="say whose: --tenant or --scope")
        expect(cli("decide", "--usd", "1", CYCLES_TENANT="acme", **env), 0, out="ALLOW")


def a_server_that_is_not_there_is_told(cli):
    expect(cli("tenant", "list"), 3, err=r"no server answers on this machine \(.*pawl\.sock\)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        expect(cli("budget", "list", "--server", url), 3, err=rf"no server answers at {url}")
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as left:
        left.bind(folder + "/left.sock")
        for name, why in (("none", "No such file or directory"),
                          ("left", "nobody listens at the socket")):
            expect(cli("tenant", "list", "--server", f"unix:{folder}/{name}.sock"), 3,
                   err=rf"no server answers at {folder}/{name}\.sock \(--server\): {why}\n")
    for bad in ("localhost:7878", "ftp://host", "http://", "unix:", "/run/pawl.sock", ""):
        expect(cli("budget", "list", "--server", bad), 2, err=r"--server takes|socket is empty")
    expect(cli("budget", "list", "--server", "localhost:7878"), 2,
           err=r"did you mean http://localhost:7878\?")
    expect(cli("budget", "list", PAWL_SERVER="nonsense"), 2, err=r"\$PAWL_SERVER takes")


def what_is_no_such_server_is_told(cli):
    for status, body in ((200, b"<html>"), (404, b"<html>"), (200, b"[]"), (200, b"{}"),
                         (500, {"oops": 1})):
        with server((status, body)) as held:
            expect(cli("tenant", "list", "--server", held.url), 3,
                   err=rf"no server of this kind \(HTTP {status}\)")


def keys_come_from_the_environment_or_a_file(cli):
    say = (200, {"tenants": [], "ledgers": [], "reservations": [], "has_more": False})
    both = {"PAWL_KEY": TENANT_KEY, "PAWL_ADMIN_KEY": ADMIN_KEY, "CYCLES_API_KEY": "cyc_live_other"}
    with server(say) as held, tempfile.TemporaryDirectory() as folder:
        def shown(*command, **environment):
            held.asked.clear()
            expect(cli(*command, "--server", held.url, **environment), 0)
            headers = held.asked[0]["headers"]
            return headers.get("x-admin-api-key"), headers.get("x-cycles-api-key")

        assert shown("tenant", "list", **both) == (ADMIN_KEY, None)
        assert shown("budget", "list", **both) == (ADMIN_KEY, None)
        assert shown("budget", "list", PAWL_KEY=TENANT_KEY) == (None, TENANT_KEY)
        assert shown("reservation", "list", **both) == (None, TENANT_KEY)
        assert shown("reservation", "list", CYCLES_API_KEY="cyc_live_x") == (None, "cyc_live_x")
        assert shown("reservation", "list", "--tenant", "a", PAWL_ADMIN_KEY=ADMIN_KEY) == (
            ADMIN_KEY, None)
        file = pathlib.Path(folder, "key")
        for key, want in ((TENANT_KEY, (None, TENANT_KEY)), (ADMIN_KEY, (ADMIN_KEY, None))):
            file.write_text(f"  {key}\n")
            command = ("budget", "list", "--key-file", str(file))
            assert shown(*command, **both) == want
        file.write_text("two words\n")
        expect(cli("budget", "list", "--key-file", str(file)), 1, err="that is no key")
        expect(cli("budget", "list", "--key-file", str(file) + "x"), 1, err="No such file")
        held.asked.clear()
        for secret in (("--key=" + TENANT_KEY,), ("--key", TENANT_KEY)):
            done = cli("budget", "list", "--server", held.url, *secret)
            expect(done, 2, err="list of processes")
            assert TENANT_KEY not in done.stderr and not held.asked
    assert "--key " not in cli("budget", "list", "--help").stdout


def a_key_that_is_not_taken_is_named_by_its_beginning(cli):
    with server((401, error("UNAUTHORIZED", "this key is not known"))) as held:
        where = ("--server", held.url)
        done = cli("reservation", "list", *where, PAWL_KEY=TENANT_KEY)
        expect(done, 1, err=r"tenant's key cyc_live_aB3\.\.\. of \$PAWL_KEY: this key is not known")
        assert TENANT_KEY not in done.stderr
        done = cli("tenant", "list", *where, PAWL_ADMIN_KEY=ADMIN_KEY)
        expect(done, 1, err=r"administrator's key adm\.\.\. of \$PAWL_ADMIN_KEY")
        expect(cli("tenant", "list", *where), 1,
               err=r"asks for the administrator's key: --key-file FILE, \$PAWL_ADMIN_KEY "
                   r"\(on its own machine --data-dir DIR needs none\)\n")
        expect(cli("tenant", "list", *where, CYCLES_API_KEY=TENANT_KEY), 1,
               err=r"asks for the administrator's key: --key-file FILE, \$PAWL_ADMIN_KEY "
                   r"\(on its own machine --data-dir DIR needs none\); the key "
                   r"cyc_live_aB3\.\.\. of \$CYCLES_API_KEY is a tenant's\n")
        expect(cli("decide", "--usd", "1", "--tenant", "a", *where), 1,
               err=r"asks for a tenant's key: --key-file FILE, \$PAWL_KEY or \$CYCLES_API_KEY\n")
    with server((403, error("FORBIDDEN", "not yours"))) as held:
        expect(cli("reservation", "show", "rsv_1", "--server", held.url, PAWL_KEY=TENANT_KEY), 1,
               err=r"not yours \(FORBIDDEN; with the key cyc_live_aB3\.\.\. of \$PAWL_KEY\)")


def a_key_that_is_another_tenants_is_told(cli):
    """A list of budgets or rules is the key's own, whatever tenant is asked for: the protocol has
    it so. Shown as the other's it would mislead."""
    whose = [("X-Cycles-Tenant", "other")]

    def say(asked):
        rows = {"ledgers": [{**BUDGET, "tenant_id": "other", "scope": "tenant:other"}],
                "policies": [], "has_more": False}
        return 200, rows, *(whose if "x-cycles-api-key" in asked["headers"] else ())

    told = (r": the key cyc_live_aB3\.\.\. of \$PAWL_KEY is of tenant other, which sees nothing of "
            r"acme\n\Z")
    with server(say) as held:
        key, admin = {"PAWL_KEY": TENANT_KEY}, {"PAWL_ADMIN_KEY": ADMIN_KEY}
        for words in (("budget", "list", "--tenant", "acme"), ("rule", "list", "acme")):
            expect(cli(*words, "--server", held.url, **key), 1, out=r"\A\Z", err=told)
            expect(cli(*words, "--server", held.url, **admin), 0)
        expect(cli("budget", "list", "--server", held.url, **key), 0, out="tenant:other")
        expect(cli("budget", "list", "--tenant", "Other", "--server", held.url, **key), 0)
        expect(cli("rule", "list", "--server", held.url, **key), 0)
        whose.clear()  # another server need not say it
        expect(cli("budget", "list", "--tenant", "acme", "--server", held.url, **key), 0)
        done = cli("tenant", "list", "--server", held.url.replace("http:", "https:"), **admin)
        expect(done, 3, err="no TLS is spoken there, so its address may begin with http://")


# --- Refusals -------------------------------------------------------------------------------------

def refusals_are_told_in_dollars(cli):
    spent = error("BUDGET_EXCEEDED", "100000000 ...", limit_kind="spent", scope="tenant:acme",
                  unit="USD_MICROCENTS", limit=100_000_000, spent=80_000_000, held=15_000_000,
                  asked=10_000_000, fits=5_000_000, resets_at_ms=0)
    with server((409, spent)) as held:
        done = cli("reservation", "create", "--usd", "0.10", "--tenant", "acme",
                   "--server", held.url)
        expect(done, 1, err=r"\Apawl reservation create: too little is left \(BUDGET_EXCEEDED\)\n"
                            r"  tenant:acme: \$1\.00 in all, \$0\.80 spent, \$0\.15 held, "
                            r"\$0\.10 asked for, \$0\.05 would fit\n\Z")
    unit = error("UNIT_MISMATCH", "the unit is not the budget's", scope="tenant:acme",
                 requested_unit="USD_MICROCENTS", expected_units=["TOKENS", "CREDITS"])
    with server((400, unit)) as held:
        expect(cli("debit", "--usd", "1", "--tenant", "acme", "--server", held.url), 1,
               err=r"\n  tenant:acme counts tokens and credits, not dollars\n")
    del unit["details"]["scope"]  # of a reservation
    with server((400, unit)) as held:
        expect(cli("reservation", "commit", "rsv_1", "--usd", "1", "--server", held.url), 1,
               err=r"\n  it counts tokens and credits, not dollars\n")
    with server((429, error("LIMIT_EXCEEDED", "too many"), ("Retry-After", "7"))) as held:
        expect(cli("decide", "--usd", "1", "--tenant", "a", "--server", held.url), 1,
               err=r"too many \(LIMIT_EXCEEDED\)\n  again in 7 s\n")
    with server((500, error("INTERNAL_ERROR", "a bug"))) as held:
        expect(cli("tenant", "show", "a", "--server", held.url), 1, err=r"request req_7\n")
    with server((503, error("INTERNAL_ERROR", "it ends"))) as held:
        expect(cli("tenant", "show", "a", "--server", held.url), 3, err="it ends")
    with server((409, error("TENANT_CLOSED", "a\x1b[2Jb\nc"))) as held:
        expect(cli("tenant", "show", "a", "--server", held.url), 1, err=r"a\?\[2Jb c \(TENANT_C")


def a_number_that_is_refused_is_told_by_its_option(cli):
    """As it was typed, and in the unit that it was typed in."""
    def refuse(field, least, most):
        return 400, error("INVALID_REQUEST", f"{field} is 5; it must be …", field=field,
                          must_be=f"an integer from {least} to {most}", received="5")
    for words, field, least, most, told in (
            (("reservation", "extend", "rsv_1", "--by", "3d"), "extend_by_ms", 1, 86400000,
             "--by takes a time from 1ms to 1d, not '3d'"),
            (("rule", "create", "acme", "--ttl", "100ms"),
             "reservation_ttl_override.default_ttl_ms", 1000, 86400000,
             "--ttl takes a time from 1s to 1d, not '100ms'"),
            (("rule", "create", "acme", "--holds-per-minute", "0"),
             "rate_limits.max_reservations_per_minute", 1, 1000,
             "--holds-per-minute takes an integer from 1 to 1000, not '0'"),
            (("tenant", "create", "acme", "--max-extensions", "5"), "tenant_id", 1, 2,
             "tenant_id is 5; it must be …")):  # no option says it
        with server(refuse(field, least, most)) as held:
            done = cli(*words, "--server", held.url)
            expect(done, 1, err=re.escape(f": {told} (INVALID_REQUEST)") + r"\n\Z")


def a_denial_is_a_status(cli):
    command = ("decide", "--usd", "1", "--scope", "tenant:acme/agent:bot")
    caps = {"decision": "ALLOW_WITH_CAPS", "caps": {"max_tokens": 4096, "tool_denylist": ["sh"]}}
    with server((200, caps)) as held:
        expect(cli(*command, "--server", held.url), 0,
               out=r"\AALLOW_WITH_CAPS\n  max tokens +4,096\n  not tools +sh\n\Z")
    denied = {"decision": "DENY", "reason_code": "BUDGET_EXCEEDED", "affected_scopes": []}
    with server((200, denied)) as held:
        expect(cli(*command, "--server", held.url), 1, out=r"\ADENY: BUDGET_EXCEEDED\n\Z")
        expect(cli(*command, "-q", "--server", held.url), 1, out=r"\ADENY\n\Z")
        done = cli(*command, "--json", "--server", held.url)
        expect(done, 1)
        assert json.loads(done.stdout) == denied
        dry = ("reservation", "create", "--dry-run", "--usd", "1", "--tenant", "acme")
        expect(cli(*dry, "--server", held.url), 1, out=r"\ADENY: BUDGET_EXCEEDED\n\Z")
        assert held.asked[-1]["body"]["dry_run"] is True
    balance = {"scope": "tenant:acme", "scope_path": "tenant:acme", "allocated": usd(11),
               "spent": usd(10), "reserved": usd(0), "remaining": usd(0.5), "debt": usd(0.5)}
    denied["affected_scopes"] = ["tenant:acme"]
    with server(lambda asked: (200, denied if asked["method"] == "POST" else
                               {"balances": [balance], "has_more": False})) as held:
        expect(cli(*command, "--server", held.url), 1, out=(
            r"\n  tenant:acme: \$11.00 in all, \$10.00 spent, \$0.00 held, \$0.50 of debt, "
            r"\$0.50 left\n\Z"))
        del balance["debt"]
        expect(cli(*command, "--server", held.url), 1, out=r"\$0.00 held, \$0.50 left\n\Z")


# --- What is sent ---------------------------------------------------------------------------------

def a_broken_connection_repeats_with_the_same_key(cli):
    hold = {"decision": "ALLOW", "reservation_id": "rsv_1", "reserved": usd(0.5),
            "scope_path": "tenant:acme", "expires_at_ms": 1_900_000_000_000}
    state = {"left": 1}

    def once(_):
        state["left"] -= 1
        return None if state["left"] >= 0 else (200, hold)

    with server(once) as held:
        done = cli("reservation", "create", "-q", "--usd", "0.50", "--tenant", "acme", "--server",
                   held.url)
        expect(done, 0, out=r"\Arsv_1\n\Z")
        first, second = held.asked
        assert first["body"] == second["body"]
        key = first["body"]["idempotency_key"]
        assert key == first["headers"]["x-idempotency-key"] and len(key) > 20, key
    with server(lambda _: None) as held:
        done = cli("reservation", "commit", "rsv_1", "--usd", "1", "--idempotency-key", "mine",
                   "--server", held.url)
        expect(done, 3, err="broke.*may have been done")
        assert [asked["body"]["idempotency_key"] for asked in held.asked] == ["mine", "mine"]
        held.asked.clear()
        # Another key would be made: that is not said twice.
        expect(cli("key", "create", "acme", "--name", "x", "--server", held.url), 3,
               err="may have been done")
        assert len(held.asked) == 1


def amounts_and_subjects_are_sent_as_the_protocol_has_them(cli):
    told = (201, {"status": "APPLIED", "event_id": "evt_1"})
    with server(told) as held:
        expect(cli("debit", "--usd", "$12.50", "--scope", "tenant:acme/workspace:web", "--agent",
                   "bot", "--dimension", "run=7", "--dimension", "user=ann", "--action",
                   "llm.completion", "--name", "gpt-5", "--tag", "night", "--overage", "reject",
                   "--tokens-in", "12K", "--latency", "2s", "--metadata", "a=b=c",
                   "--idempotency-key", "k", "--server", held.url), 0,
               out=r"\Aevt_1: \$12\.50 is charged to tenant:acme/workspace:web/agent:bot\n\Z")
        assert held.asked[0]["body"] == {
            "idempotency_key": "k",
            "subject": {"tenant": "acme", "workspace": "web", "agent": "bot",
                        "dimensions": {"run": "7", "user": "ann"}},
            "action": {"kind": "llm.completion", "name": "gpt-5", "tags": ["night"]},
            "actual": {"unit": "USD_MICROCENTS", "amount": 1_250_000_000},
            "overage_policy": "REJECT", "metadata": {"a": "b=c"},
            "metrics": {"tokens_input": 12000, "latency_ms": 2000}}, held.asked
        for flags, unit, amount in ((("--tokens", "1.5M"), "TOKENS", 1_500_000),
                                    (("--credits", "3"), "CREDITS", 3),
                                    (("--risk-points", "0"), "RISK_POINTS", 0)):
            expect(cli("debit", *flags, "--tenant", "acme", "--server", held.url), 0)
            assert held.asked[-1]["body"]["actual"] == {"unit": unit, "amount": amount}
    for bad in ((), ("--usd", "1", "--tokens", "1"), ("--usd", "1e3"), ("--tokens", "1.5"),
                ("--usd", "1", "--overage", "maybe"), ("--usd", "1", "--scope", "tenat:acme"),
                ("--usd", "1", "--scope", "agent:a/tenant:b"), ("--usd", "1", "--scope", "a//b"),
                ("--usd", "1", "--scope", "a", "--tenant", "b"),
                ("--usd", "1", "--dimension", "x"), ("--usd", "1", "--timeout", "0s"),
                ("--usd", "1", "--dimension", "x=1", "--dimension", "x=2"),
                ("--usd", "1", "--json", "--quiet")):
        expect(cli("debit", "--tenant", "acme", *bad), 2)
    expect(cli("debit", "--usd", "1", "--scope", "tenat:acme"), 2, err="did you mean 'tenant'")
    expect(cli("debit", "--usd", "1", "--tenant", "acme", "--tag", "a", "--metadata", "a=1",
               "--dimension", "x=1", "--metadata", "a=2"), 2, err="--metadata has a twice\n")
    for words in ("reservation commit {} --usd 1", "tenant show {}", "key revoke {} --yes",
                  "budget fund {} --credit --usd 1"):
        expect(cli(*(word.replace("{}", "") for word in words.split())), 2,
               err="an argument is empty: (RESERVATION|TENANT|KEY|SCOPE)\n")


def a_tenants_own_key_says_whose(cli):
    def say(asked):
        if asked["path"] == "/v1/auth/introspect":
            return 200, {"authenticated": True, "auth_type": "tenant", "tenant_id": "acme"}
        return 200, {"decision": "ALLOW"}

    with server(say) as held:
        there = {"PAWL_SERVER": held.url}
        expect(cli("decide", "--usd", "1", "--agent", "bot", PAWL_KEY=TENANT_KEY, **there), 0)
        assert held.asked[-1]["body"]["subject"] == {"tenant": "acme", "agent": "bot"}
        expect(cli("decide", "--usd", "1", CYCLES_TENANT="other", PAWL_KEY=TENANT_KEY, **there), 0)
        assert held.asked[-1]["body"]["subject"] == {"tenant": "other"}
        expect(cli("decide", "--usd", "1", PAWL_ADMIN_KEY=ADMIN_KEY, **there), 2,
               err="say whose: --tenant or --scope\n")
        expect(cli("budget", "create", "agent:bot", "--usd", "1", PAWL_ADMIN_KEY=ADMIN_KEY,
                   **there), 2, err="say whose: a scope begins with its tenant, as in tenant:acme/")


# --- Tenants, keys, budgets, rules ----------------------------------------------------------------

def tenants_are_made_changed_and_closed(cli):
    with server((201, TENANT)) as held:
        there = {"PAWL_SERVER": held.url}
        expect(cli("tenant", "create", "acme", "--max-ttl", "2h", "--overage", "overdraft",
                   **there), 0, out=r"\Aacme is made\n\Z")
        assert held.asked[-1]["body"] == {
            "tenant_id": "acme", "name": "acme", "max_reservation_ttl_ms": 7_200_000,
            "default_commit_overage_policy": "ALLOW_WITH_OVERDRAFT"}
    with server((200, TENANT)) as held:
        there = {"PAWL_SERVER": held.url}
        expect(cli("tenant", "create", "acme", **there), 0, out="is there already")
        expect(cli("tenant", "show", "acme", **there), 0, out=r"\Aacme  ACTIVE\n  name +Acme\n")
        expect(cli("tenant", "update", "acme", **there), 2, err="say what is to change")
        for verb, state in (("suspend", "SUSPENDED"), ("resume", "ACTIVE")):
            expect(cli("tenant", verb, "a/b", **there), 0)
            assert held.asked[-1]["method"] == "PATCH"
            assert held.asked[-1]["path"] == "/v1/admin/tenants/a%2Fb"
            assert held.asked[-1]["body"] == {"status": state}
        before = len(held.asked)
        expect(cli("tenant", "close", "acme", **there), 2, err="cannot be undone: say --yes")
        assert len(held.asked) == before
        expect(cli("tenant", "close", "acme", "--yes", **there), 0, out="acme is closed")
        assert held.asked[-1]["body"] == {"status": "CLOSED"}


def output_that_cannot_be_written_is_told(cli):
    """A stdout that is full or closed is an error; a reader that has had enough is none."""
    def tell(words, where):
        return subprocess.run(["bash", "-c", f'"$@" {where}', "bash", cli.pawl, *words.split()],
                              capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "HOME": cli.home, "PAWL_SERVER": held.url})

    with server((200, {"tenants": [TENANT], "has_more": False})) as held:
        for words in ("tenant list", "tenant list --json", "tenant list --quiet", "help"):
            for where in (">/dev/full", ">&-", "<&- >&-"):
                expect(tell(words, where), 1, err=r"\Apawl: the output could not be written\n\Z")
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([cli.pawl, *words.split()], stdout=writer, check=False,
                                  stderr=subprocess.PIPE, timeout=60,
                                  env={**os.environ, "HOME": cli.home, "PAWL_SERVER": held.url})
            os.close(writer)
            assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b""), (words, done)
        expect(tell("tenant list -q", "<&- 2>&-"), 0, out=r"\Aacme\n\Z")


def what_cannot_be_undone_is_asked_for_on_a_terminal(cli):
    for answer, status, requests in (("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0)):
        with server((200, {**TENANT, "status": "CLOSED"})) as held:
            pid, fd = pty.fork()
            if pid == 0:
                os.execve(cli.pawl, [cli.pawl, "tenant", "close", "acme"],
                          {**os.environ, "HOME": cli.home, "PAWL_SERVER": held.url})
            try:
                seen = ""
                while "[y/N] " not in seen:
                    assert select.select([fd], [], [], 60)[0], seen
                    seen += os.read(fd, 4096).decode()
                os.write(fd, answer.encode())
                ended = os.waitpid(pid, 0)[1]
                pid = 0
            finally:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                os.close(fd)
            assert os.waitstatus_to_exitcode(ended) == status, (answer, seen)
            assert len(held.asked) == requests, held.asked


def the_secret_of_a_key_stands_alone(cli):
    made = {"key_id": "key_1", "key_secret": TENANT_KEY, "key_prefix": TENANT_KEY[:14],
            "tenant_id": "acme", "created_at": "2026-11-01T10:00:00Z",
            "expires_at": "2027-01-30T10:00:00Z"}
    with server((201, made)) as held:
        there = {"PAWL_SERVER": held.url}
        done = cli("key", "create", "acme", "--name", "ci", "-p", "balances:read", "-p",
                   "reservations:list", "--scope-filter", "agent:*", "--expires", "2027-01-31",
                   TZ="UTC", **there)
        expect(done, 0, out=rf"\A{TENANT_KEY}\n\Z", err="key_1, a key of acme until 2027-01-30")
        assert TENANT_KEY not in done.stderr
        assert held.asked[-1]["body"] == {
            "tenant_id": "acme", "expires_at": "2027-01-31T00:00:00Z", "name": "ci",
            "permissions": ["balances:read", "reservations:list"], "scope_filter": ["agent:*"]}
        done = cli("key", "create", "acme", "--name", "ci", "--json", **there)
        assert json.loads(done.stdout) == made and not done.stderr
        expect(cli("key", "create", "acme", **there), 2, err="say what the key is for")
        expect(cli("key", "create", "acme", "--name", "ci", "--scope-filter", "", **there), 2,
               err="--scope-filter is empty")
        expect(cli("rule", "create", "acme", "--allow-tool", "", **there), 2,
               err="--allow-tool is empty")
    row = {**made, "status": "ACTIVE", "name": "ci"}
    del row["key_secret"]
    with server((200, {"keys": [{**row, "key_id": "key_10"}, row], "has_more": False})) as held:
        there = {"PAWL_SERVER": held.url}
        expect(cli("key", "show", "key_1", **there), 0, out=r"\Akey_1  ACTIVE\n")
        expect(cli("key", "show", "key_2", **there), 1, err="there is no key 'key_2'")
        deep = {**row, "metadata": json.loads('{"a":' * 63 + "{}" + "}" * 63)}
        held.say = lambda _: (200, {"keys": [deep, {**row}], "has_more": False})
        assert len(cli("key", "list", "--json", **there).stdout.splitlines()) == 2
        expect(cli("key", "list", **there), 0, out=r"KEY +TENANT +STATUS +NAME +BEGINS +EXPIRES\n")
        expect(cli("key", "update", "key_1", **there), 2, err="say what is to change")
    with server((200, row)) as held:
        there = {"PAWL_SERVER": held.url}
        expect(cli("key", "update", "key_1", "--scope-filter", "", **there), 0)
        assert held.asked[-1]["body"] == {"scope_filter": []}
        expect(cli("key", "revoke", "key_1", **there), 2, err="say --yes")
        expect(cli("key", "revoke", "key_1", "-y", "--reason", "a b", **there), 0)
        assert (held.asked[-1]["method"], held.asked[-1]["query"]) == ("DELETE", "reason=a%20b")


def a_key_that_is_revoked_already_is(cli):
    """As whoever says it again finds it, and the command itself when the first answer was lost."""
    row = {"key_id": "key_1", "tenant_id": "acme", "status": "REVOKED", "name": "ci"}
    refused = {"error": "KEY_REVOKED", "message": "the key is revoked already", "request_id": "r"}
    lost = []

    def say(asked):
        if asked["method"] == "GET":
            assert asked["query"] == "search=key_1&limit=100", asked
            return 200, {"keys": [{**row, "key_id": "key_10"}, row], "has_more": False}
        return None if lost and lost.pop() else (409, refused)

    with server(say) as held:
        there = {"PAWL_SERVER": held.url}
        command = ("key", "revoke", "key_1", "--yes")
        for breaks in (False, True):
            lost[:] = [True] * breaks
            expect(cli(*command, **there), 0, out=r"\Akey_1 was revoked already\n\Z", err=r"\A\Z")
            assert not lost
        expect(cli(*command, "-q", **there), 0, out=r"\Akey_1\n\Z")
        assert json.loads(cli(*command, "--json", **there).stdout) == row
        refused["error"] = "TENANT_CLOSED"
        expect(cli(*command, **there), 1, err="TENANT_CLOSED")
        row["key_id"] = "key_2"
        refused["error"] = "KEY_REVOKED"
        expect(cli(*command, **there), 1, err="there is no key 'key_1'")


def budgets_are_made_found_and_shown(cli):
    tokens = {**BUDGET, "unit": "TOKENS", **{k: {"unit": "TOKENS", "amount": n} for k, n in (
        ("allocated", 5000), ("remaining", -10), ("spent", 5010), ("reserved", 0))}}
    state = {"units": {"USD_MICROCENTS": BUDGET}}

    def say(asked):
        found = re.fullmatch(r"scope=tenant%3Aacme&unit=(\w+)(?:&include=metadata)?"
                             r"(?:&tenant_id=acme)?", asked["query"])
        if asked["path"].endswith("/lookup"):
            budget = state["units"].get(found.group(1))
            return (200, budget) if budget else (404, error("BUDGET_NOT_FOUND", "none"))
        if asked["path"].endswith("/fund"):
            return 200, {"operation": "CREDIT", "previous_allocated": usd(1),
                         "new_allocated": usd(3), "previous_remaining": usd(1),
                         "new_remaining": usd(3), "previous_debt": usd(0), "new_debt": usd(0),
                         "previous_spent": usd(0), "new_spent": usd(0)}
        return 201 if asked["method"] == "POST" else 200, BUDGET

    with server(say) as held:
        there = {"PAWL_SERVER": held.url, "PAWL_ADMIN_KEY": ADMIN_KEY, "LC_ALL": "C"}
        expect(cli("budget", "create", "acme", "--usd", "100", "--overdraft", "5", **there), 0,
               out=r"\Atenant:acme  dollars  ACTIVE\n  allocated +\$100\.00\n  spent +\$42\.00\n"
                   r"  held +\$0\.50\n  left +\$57\.50\n  used +####=\.{5}  42%\n")
        assert held.asked[-1]["body"] == {
            "tenant_id": "acme", "scope": "tenant:acme", "unit": "USD_MICROCENTS",
            "allocated": usd(100), "overdraft_limit": usd(5)}
        scope = "/".join(f"{level}:{level[0] * 128}" for level in
                         ("workspace", "app", "workflow", "agent", "toolset"))
        expect(cli("budget", "create", scope, "--usd", "1", CYCLES_TENANT="a" * 64, **there), 0)
        assert held.asked[-1]["body"]["scope"] == f"tenant:{'a' * 64}/{scope}", held.asked[-1]
        expect(cli("budget", "create", "acme", "--tokens", "5K", "--overdraft", "1.5", **there), 2,
               err="--overdraft takes a whole number")
        expect(cli("budget", "show", "acme", **there), 0, out=r"\Atenant:acme  dollars")
        expect(cli("budget", "show", "acme", "-u", "tokens", **there), 1, err="no budget of tokens")
        expect(cli("budget", "freeze", "acme", "--reason", "x", **there), 0)
        assert held.asked[-1]["path"] == "/v1/admin/budgets/freeze"
        assert held.asked[-1]["body"] == {"reason": "x"}
        state["units"]["TOKENS"] = tokens
        expect(cli("budget", "freeze", "acme", **there), 2, err="has 2 budgets: say which one")
        expect(cli("budget", "update", "acme", "-u", "usd", "--overage", "reject", **there), 0)
        assert held.asked[-1]["body"] == {"commit_overage_policy": "REJECT"}
        done = cli("budget", "show", "acme", **there)
        expect(done, 0, out=r"left +-10 tokens\n  used +##########  ?100%")
        rows = cli("budget", "show", "acme", "--json", **there).stdout.splitlines()
        assert [json.loads(row) for row in rows] == [BUDGET, tokens]
        expect(cli("budget", "fund", "acme", "--credit", "--usd", "2", **there), 0,
               out=r"\Atenant:acme  \$3\.00 left\n  allocated +\$1\.00 -> \$3\.00\n  left .*\n\Z")
        body = held.asked[-1]["body"]
        assert body.pop("idempotency_key") and body == {"operation": "CREDIT", "amount": usd(2)}
        assert held.asked[-1]["query"].endswith("&tenant_id=acme")
        expect(cli("budget", "fund", "acme", "--reset-spent", "--usd", "9", "--spent", "1",
                   **there), 0)
        assert held.asked[-1]["body"]["spent"] == usd(1)
        for bad in ((), ("--credit", "--debit"), ("--credit", "--spent", "1")):
            expect(cli("budget", "fund", "acme", "--usd", "2", *bad, **there), 2)


def rules_are_made_of_what_was_said(cli):
    rule = {"policy_id": "pol_1", "name": "n", "scope_pattern": "tenant:acme/*", "priority": 3,
            "status": "ACTIVE", "caps": {"max_tokens": 4096},
            "rate_limits": {"max_reservations_per_minute": 60},
            "created_at": "2026-11-01T10:00:00Z"}
    with server((201, rule)) as held:
        there = {"PAWL_SERVER": held.url, "PAWL_ADMIN_KEY": ADMIN_KEY}
        expect(cli("rule", "create", "tenant:acme/*", "--max-tokens", "4096", "--deny-tool", "sh",
                   "--deny-tool", "rm", "--holds-per-minute", "60", "--max-ttl", "5m", **there), 0,
               out=r"\Apol_1  ACTIVE\n.*\n  scopes +tenant:acme/\*\n"
                   r"  sets +max tokens 4,096, holds a minute 60\n")
        assert held.asked[-1]["body"] == {
            "tenant_id": "acme", "name": "tenant:acme/*", "scope_pattern": "tenant:acme/*",
            "caps": {"max_tokens": 4096, "tool_denylist": ["sh", "rm"]},
            "reservation_ttl_override": {"max_ttl_ms": 300_000},
            "rate_limits": {"max_reservations_per_minute": 60}}
        expect(cli("rule", "create", "agent:*", "--priority", "1", **there), 2, err="say whose")
        expect(cli("rule", "disable", "pol_1", **there), 0)
        assert held.asked[-1]["body"] == {"status": "DISABLED"}
        expect(cli("rule", "update", "pol_1", **there), 2, err="say what is to change")
    with server((200, {"policies": [rule], "has_more": False})) as held:
        there = {"PAWL_SERVER": held.url, "PAWL_ADMIN_KEY": ADMIN_KEY}
        expect(cli("rule", "list", **there), 2, err="pawl rule list acme")
        expect(cli("rule", "list", "--tenant", "acme", **there), 0, out="max tokens 4,096, holds")
    expect(cli("policy", "--help"), 0, out="`pawl rule`")


# --- Lists ----------------------------------------------------------------------------------------

def lists_are_fetched_page_by_page(cli):
    rows = [{**TENANT, "tenant_id": f"t{i:03}"} for i in range(250)]

    def say(asked):
        query = dict(pair.split("=") for pair in asked["query"].split("&"))
        start, size = int(query.get("cursor", "0")), int(query["limit"])
        told = {"tenants": rows[start:start + size], "has_more": start + size < len(rows)}
        if told["has_more"]:
            told["next_cursor"] = str(start + size)
        return 200, json.dumps(told, indent=2).encode()

    with server(say) as held:
        there = {"PAWL_SERVER": held.url}
        for limit, pages in ((None, 3), (150, 2), (100, 1), (7, 1), (9999, 3)):
            held.asked.clear()
            flags = ("--limit", str(limit)) if limit else ()
            done = cli("tenant", "list", "-q", *flags, **there)
            expect(done, 0, err=r"\A\Z")
            assert done.stdout.split() == [row["tenant_id"] for row in rows[:limit]], limit
            assert len(held.asked) == pages, (limit, len(held.asked))
        lines = cli("tenant", "list", "--json", **there).stdout.splitlines()
        told = [json.loads(line) for line in lines]
        assert told == rows, "an object a line, however the server laid it out"
        table = cli("tenant", "list", "--sort", "name", "--desc", "--status", "active", "--search",
                    "a b", **there)
        expect(table, 0, out=r"\ATENANT +STATUS +NAME +CREATED\nt000 ")
        assert held.asked[-3]["query"] == ("sort_by=name&sort_dir=desc&status=ACTIVE&search=a%20b"
                                           "&limit=100"), held.asked[-3]
        expect(cli("tenant", "list", "--sort", "colour", **there), 2,
               err="--sort takes tenant_id, name, status or created_at, not 'colour'")
        expect(cli("tenant", "list", "--desc", **there), 2, err="goes with --sort")
        expect(cli("tenant", "list", "--limit", "0", **there), 2, err="--limit takes")
    with server((200, {"reservations": [], "has_more": False})) as held:
        there = {"PAWL_SERVER": held.url, "PAWL_KEY": TENANT_KEY}
        expect(cli("reservation", "list", "--since", "2h", "--agent", "bot", **there), 0,
               out=r"\A\Z", err="No reservations")
        assert re.match(r"agent=bot&from=20\d\d-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ&limit=200$",
                        held.asked[0]["query"]), held.asked
        expect(cli("reservation", "list", "--since", "1970-01-01", TZ="UTC", **there), 0)
        assert "from=1970-01-01T00%3A00%3A00Z&" in held.asked[-1]["query"], held.asked
        expect(cli("reservation", "list", PAWL_SERVER=held.url, PAWL_ADMIN_KEY=ADMIN_KEY), 2,
               err="--tenant acme")


def holds_are_made_and_settled(cli):
    hold = {"decision": "ALLOW", "reservation_id": "rsv_1", "reserved": usd(0.5),
            "scope_path": "tenant:acme", "expires_at_ms": 1_900_000_000_000,
            "remaining_ttl_ms": 60000, "affected_scopes": ["tenant:acme"],
            "balances": [{"scope": "tenant:acme", "scope_path": "tenant:acme",
                          "remaining": usd(9.5)}]}

    def say(asked):
        return 200, {
            "/v1/reservations": hold,
            "/v1/reservations/rsv_1/commit": {"status": "COMMITTED", "charged": usd(0.4),
                                              "released": usd(0.1)},
            "/v1/reservations/rsv_1/release": {"status": "RELEASED", "released": usd(0.5)},
            "/v1/reservations/rsv_1/extend": {"status": "ACTIVE", "remaining_ttl_ms": 90000,
                                              "expires_at_ms": 1_900_000_030_000}}[asked["path"]]

    with server(say) as held:
        there = {"PAWL_SERVER": held.url, "PAWL_KEY": TENANT_KEY}
        expect(cli("reservation", "create", "--usd", ".5", "--tenant", "acme", **there), 2)
        expect(cli("reservation", "create", "--usd", "0.5", "--tenant", "acme", "--ttl", "1m",
                   **there), 0, out=r"\Arsv_1 holds \$0\.50 for tenant:acme until 2030-03-17 .* "
                                    r"\(1m\)\n  \$9\.50 left in tenant:acme\n\Z")
        assert held.asked[-1]["body"]["ttl_ms"] == 60000
        expect(cli("reservation", "commit", "rsv_1", "--usd", "0.40", **there), 0,
               out=r"\A\$0\.40 is charged, \$0\.10 of the hold goes back\n\Z")
        expect(cli("reservation", "commit", "rsv_1", "--usd", "0.70", **there), 0,
               out="that is all that was left")
        expect(cli("reservation", "release", "rsv_1", "--reason", "no", **there), 0,
               out=r"\A\$0\.50 goes back\n\Z")
        expect(cli("reservation", "extend", "rsv_1", "--by", "30s", **there), 0,
               out=r"\Aheld until 2030-03-17 .* \(1m 30s\)\n\Z")
        assert held.asked[-1]["body"]["extend_by_ms"] == 30000
        expect(cli("reservation", "extend", "rsv_1", **there), 2, err="say how much longer")


def ids_are_completed_where_a_server_answers(cli):
    with tempfile.TemporaryDirectory() as data:
        os.mkdir(f"{data}/server")
        here = {"PAWL_DATA_DIR": data}
        assert offered(cli, "tenant", "show", "", **here) == (":words", [])

        def say(asked):
            return 200, {"tenants": [TENANT, {"tenant_id": "zeta"}], "ledgers": [BUDGET],
                         "keys": [{"key_id": "key_1"}]}

        with server(say, f"{data}/server/pawl.sock"):
            assert offered(cli, "tenant", "show", "", **here)[1] == ["acme", "zeta"]
            assert offered(cli, "tenant", "create", "", **here)[1] == []
            assert offered(cli, "key", "list", "--tenant=a", **here)[1] == ["--tenant=acme"]
            assert offered(cli, "budget", "show", "tenant:", **here)[1] == ["tenant:acme"]
            assert offered(cli, "key", "revoke", "k", **here)[1] == ["key_1"]
            there = ("--data-dir", f"{data}/server")
            assert offered(cli, "tenant", "show", *there, "z")[1] == ["zeta"]
    assert offered(cli, "rule", "disable", "")[1] == []
    assert offered(cli, "key", "create", "x", "-p", "a", "-p", "balances")[1] == ["balances:read"]
    assert offered(cli, "budget", "list", "--status", "")[1] == ["active", "frozen", "closed"]
    assert "--key" not in offered(cli, "budget", "list", "--k")[1]


TESTS = (the_server_is_found, a_server_that_is_not_there_is_told, what_is_no_such_server_is_told,
         a_server_that_does_not_say_whose_a_key_is,
         keys_come_from_the_environment_or_a_file,
         a_key_that_is_not_taken_is_named_by_its_beginning,
         a_key_that_is_another_tenants_is_told, refusals_are_told_in_dollars,
         a_number_that_is_refused_is_told_by_its_option,
         a_denial_is_a_status, a_broken_connection_repeats_with_the_same_key,
         amounts_and_subjects_are_sent_as_the_protocol_has_them, a_tenants_own_key_says_whose,
         tenants_are_made_changed_and_closed, output_that_cannot_be_written_is_told,
         what_cannot_be_undone_is_asked_for_on_a_terminal,
         the_secret_of_a_key_stands_alone, a_key_that_is_revoked_already_is,
         budgets_are_made_found_and_shown,
         rules_are_made_of_what_was_said, lists_are_fetched_page_by_page,
         holds_are_made_and_settled, ids_are_completed_where_a_server_answers)
