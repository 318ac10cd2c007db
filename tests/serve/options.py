# SPDX-License-Identifier: Apache-2.0
"""What can be said to a server: flags, variables, a file; which is stronger; what is wrong."""
import os
import pathlib
import re
import subprocess

from world import ADMIN, quick_start, reserve_body

ROOT = pathlib.Path(__file__).resolve().parents[2]


def checked(world, *options, env=None, data=None):
    """What `--check` says applies: {option: (value, from)}, and its exit status."""
    done = subprocess.run(world.command(["--check", *options], listen=False, data=data),
                          capture_output=True, text=True, check=False,
                          env=world.environment(**(env or {})))
    table = {}
    for line in done.stdout.split("\n\n", 1)[0].splitlines()[1:]:
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) == 3:
            table[cells[0]] = (cells[1], cells[2])
    return table, done


def flag_variable_file_default(world):
    """A flag is stronger than a variable, that than the file, that than the default."""
    file = pathlib.Path(world.path("serve.yaml"))
    file.write_text("max-budgets: 10\nmax_scopes: 20\nmax-names: 30\n", encoding="utf-8")
    env = {"PAWL_SERVE_MAX_BUDGETS": "11", "PAWL_SERVE_MAX_SCOPES": "21"}
    table, done = checked(world, "--config", str(file), "--max-budgets", "12", env=env)
    assert done.returncode == 0 and "the configuration is good" in done.stdout, done
    assert table["max-budgets"] == ("12", "a flag"), table
    assert table["max-scopes"] == ("21", "$PAWL_SERVE_MAX_SCOPES"), table
    assert table["max-names"] == ("30", "line 3 of the file"), table
    assert table["max-reservations"] == ("4M", "default"), table
    assert not os.path.exists(world.data), "a check makes nothing"


def a_list_is_replaced_whole(world):
    file = pathlib.Path(world.path("serve.yaml"))
    file.write_text("listen:\n  - 127.0.0.1:1\n  - unix:/a\n", encoding="utf-8")
    _, done = checked(world, "--config", str(file))
    assert re.search(r"listen +127\.0\.0\.1:1 +line 1 .*\n +unix:/a +line 1 ", done.stdout), done
    _, done = checked(world, "--config", str(file), "--listen", ":2", "--listen", "[::1]:3")
    assert re.search(r"listen +:2 .*\n +\[::1\]:3 ", done.stdout), done.stdout
    assert "unix:/a" not in done.stdout


def what_is_misspelt_is_told(world):
    for options, env, words in (
            (["--lisen", ":1"], {}, "no option --lisen; did you mean --listen\\?"),
            (["--listen", "nowhere"], {}, "--listen 'nowhere' is no address"),
            (["--listen", "::1:80"], {}, "is no address"),
            (["--max-budgets", "0"], {}, "--max-budgets takes a whole number between 1 and"),
            (["--commit", "often"], {}, "--commit takes one of auto, inline, thread, not 'often'"),
            (["--keep-journal", "1h"], {}, "keep-journal must not be shorter than keep-settle"),
            (["--keep-idempotency", "8d"], {}, "keep-settlements must not be shorter than"),
            (["--segment-bytes", "12"], {},
             "--segment-bytes takes a size between 1M and 16G, such as 256M, not '12'"),
            (["--drain-timeout", "soon"], {},
             "--drain-timeout takes a time between 0ms and 1h, such as 30s, not 'soon'"),
            (["--tls-cert", "/x"], {}, "TLS needs both, tls-cert and tls-key"),
            ([], {"PAWL_SERVE_LISTN": ":1"}, r"\$PAWL_SERVE_LISTN: there is no such option; did "
                                             r"you mean \$PAWL_SERVE_LISTEN\?"),
            ([], {"PAWL_SERVE_MAX_BUDGETS": "x"}, r"\$PAWL_SERVE_MAX_BUDGETS: takes a whole"),
            (["--config", "/nowhere.yaml"], {}, "/nowhere.yaml: .*No such file")):
        status, err = world.fail(*options, env=env, listen=False)
        assert status == 2 and re.search(words, err), (options, status, err)
        assert "See 'pawl serve --help'" in err
        assert not re.search(r"'nowhere'.*'nowhere'", err), err
    assert not os.path.exists(world.data)


def a_file_is_told_by_its_line(world):
    file = pathlib.Path(world.path("serve.yaml"))
    for text, words in (
            ("listen: 127.0.0.1:0\nmax-budgts: 3\n", ":2: max-budgts: there is no such option; did "
                                                     "you mean max-budgets\\?"),
            ("log-level: loud\n", ":1: log-level: takes one of error, warn, info, debug"),
            ("metrics: off\nmetrics: open\n", ":2: metrics: is there twice"),
            ("accept-clock: yes\n", ":1: accept-clock: there is no such option"),
            ("- a\n- b\n", ":1: a list holds texts and stands behind a key"),
            ("listen: [a: 1]\n", "a list holds texts and nothing else"),
            ("max-budgets: [1, 2]\n", ":1: max-budgets: takes one value, not a list"),
            ("metrics: open\nlisten: []\nlog-level: info\n", ":2: listen: is empty"),
            ("listen: []\n", ":1: listen: is empty"),
            ("listen:\n  a: b\n", ":1: listen: takes a value, not fields of its own"),
            ("metrics: open\nlisten: {tls: {cert: a}}\n", ":2: listen: takes a value, not fields"),
            (f"listen: unix:/{'a' * 107}\n", ":1: listen: .*too long for a socket \\(107 bytes"),
            ("data-dir: ~/pawl\n", ":1: data-dir: takes a whole path: no shell"),
            ("listen: unix:~/pawl.sock\n", ":1: listen: .*takes a whole path: no shell"),
            ("metrics: [open\n", "this is no YAML")):
        file.write_text(text, encoding="utf-8")
        status, err = world.fail("--config", str(file), listen=False)
        assert status == 2 and re.search(words, err), (text, err)


def a_check_looks_at_what_will_be_needed(world):
    os.mkdir(world.data)
    pathlib.Path(world.data, "letters.txt").write_text("private", encoding="utf-8")
    _, done = checked(world)
    assert done.returncode == 1 and "is not empty ('letters.txt' is in it)" in done.stderr, done
    _, done = checked(world, data=world.path("new"), env={"PAWL_ADMIN_KEY": "short"})
    assert done.returncode == 1 and "one word of 12 to 512" in done.stderr, done
    _, done = checked(world, "--tls-cert", "/no.pem", "--tls-key", "/no.pem",
                      data=world.path("new"))
    assert done.returncode == 1 and "/no.pem" in done.stderr, done


def a_check_tells_where_nothing_can_be_made(world):
    folder = world.path("locked")
    os.mkdir(folder)
    os.chmod(folder, 0o555)
    os.chmod(world.folder.name, 0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(world.command(["--check"], data=folder + "/a/b"), capture_output=True,
                          text=True, check=False, env=world.environment(), **nobody)
    assert done.returncode == 1 and f"{folder}: Permission denied" in done.stderr, done
    assert "is good" not in done.stdout, done


def limit_of(server, table):
    text = server.ask("GET", "/metrics").text
    return int(re.search(rf'\npawl_ledger_rows_max{{table="{table}"}} (\d+)\n', text).group(1))


def make_budget(server, tenant):
    made = server.ask("POST", "/v1/admin/tenants", {"tenant_id": tenant, "name": tenant},
                      admin=ADMIN)
    assert made.status in (200, 201), made
    return server.ask("POST", "/v1/admin/budgets", {
        "tenant_id": tenant, "scope": "tenant:" + tenant, "unit": "USD_MICROCENTS",
        "allocated": {"unit": "USD_MICROCENTS", "amount": 5}}, admin=ADMIN).status


def maxima_are_raised_by_a_later_start(world):
    """What a start says is the ledger's from then on; what it does not say stays."""
    server = world.start("--max-budgets", "1")
    assert make_budget(server, "one") == 201 and make_budget(server, "two") == 503
    told = server.ask("POST", "/v1/admin/budgets", {
        "tenant_id": "two", "scope": "tenant:two", "unit": "USD_MICROCENTS",
        "allocated": {"unit": "USD_MICROCENTS", "amount": 5}}, admin=ADMIN)
    assert told.json["message"].endswith("is reached: budgets, 1 of 1 (max-budgets)"), told
    assert told.json["details"]["maximum"] == 1, told
    assert int(told.headers["retry-after"]) >= 60, told.headers
    server.stop()
    server = world.start("--max-budgets", "3")
    assert limit_of(server, "budgets") == 3
    assert make_budget(server, "two") == 201
    server.stop()
    server = world.start()
    assert limit_of(server, "budgets") == 3, "it is the ledger's"
    table, done = checked(world, "--max-scopes", "7")
    assert table["max-budgets"] == ("-", "as the ledger has it"), table
    assert table["max-scopes"] == ("7", "a flag"), table
    assert "2000000" not in done.stdout and "as the ledger in the data directory" in done.stdout
    server.signal(15)
    _, _, log = server.wait()
    assert re.search(r"as it fills: \d+ MiB if every maximum were reached, less with lower ones "
                     r"\(max-budgets 3: 0 MiB, ", log), log
    code, err = world.fail("--max-budgets", "1")
    assert code != 0 and "max-budgets 1 is less than the ledger has: 2" in err, err
    server = world.start("--max-budgets", "2")
    assert limit_of(server, "budgets") == 2 and make_budget(server, "three") == 503
    server.stop()
    done = world.tell("verify", "--data-dir", world.data)
    assert done.returncode == 0, done


def keys_are_kept_longer_by_a_later_start(world):
    server, key = quick_start(world, "--keep-idempotency", "1h")
    first = server.ask("POST", "/v1/reservations", reserve_body("k"), key=key)
    assert first.status == 200, first
    server.stop()
    code, err = world.fail("--keep-idempotency", "10m")
    assert code != 0 and "keep-idempotency is shorter than keys are remembered" in err, err
    server = world.start("--keep-idempotency", "2h")
    again = server.ask("POST", "/v1/reservations", reserve_body("k"), key=key)
    assert again.json["reservation_id"] == first.json["reservation_id"], again
    server.stop()


def what_was_granted_can_be_settled(world):
    """Of the keys as many are kept as there are open reservations."""
    server, key = quick_start(world, "--max-idempotency", "4", "--max-reservations", "2")
    reserve, commit = "/v1/reservations", "/v1/reservations/{}/commit"
    held = [server.ask("POST", reserve, reserve_body(name), key=key) for name in ("a", "b")]
    assert [answer.status for answer in held] == [200, 200], held
    estimate = reserve_body("a")["estimate"]

    def refused(words, path, body):
        answer = server.ask("POST", path, body, key=key)
        assert (answer.status, answer.json["error"]) == (503, "LIMIT_EXCEEDED"), answer
        assert answer.json["message"].endswith("is reached: " + words), answer
        assert int(answer.headers["retry-after"]) >= 1, answer.headers

    def settled(number, name):
        answer = server.ask("POST", commit.format(held[number].json["reservation_id"]),
                            {"idempotency_key": name, "actual": estimate}, key=key)
        assert answer.status == 200, answer

    kept = "idempotency keys, {} of 4 (max-idempotency), the others are kept for open reservations"
    event = reserve_body("e")
    event["actual"] = event.pop("estimate")
    refused("open reservations, 2 of 2 (max-reservations)", reserve, reserve_body("c"))
    refused(kept.format(2), "/v1/events", event)
    settled(0, "a")
    refused(kept.format(3), reserve, reserve_body("c"))
    settled(1, "b")
    refused("idempotency keys, 4 of 4 (max-idempotency)", "/v1/events", event)
    server.stop()


def times_are_compared_with_the_ledgers(world):
    """What is said is compared with what will be in force beside it."""
    world.start("--keep-settlements", "20d").stop()
    table, done = checked(world, "--keep-idempotency", "10d")
    assert done.returncode == 0 and table["keep-settlements"][1] == "as the ledger has it", done
    assert re.search(r"a start compares\swhat is said with that", done.stdout), done
    world.start("--keep-idempotency", "10d").stop()
    for option, words in (
            ("--keep-settlements=24h", "1d (a flag) and 10d (as the ledger has it)"),
            ("--keep-idempotency=21d", "20d (as the ledger has it) and 21d (a flag)"),
            ("--keep-journal=15d", "15d (a flag) and 20d (as the ledger has it)")):
        code, err = world.fail(option)
        assert code == 1 and words in err, (option, code, err)
    code, err = world.fail("--keep-idempotency", "9d", "--keep-settlements", "8d", listen=False)
    assert code == 2 and "8d (a flag) and 9d (a flag)" in err, (code, err)
    world.start().stop()


def completions_know_the_choices(world):
    """What the shells offer is what options.def takes."""
    table = (ROOT / "src/server/options.def").read_text(encoding="utf-8")
    rows = re.findall(r'^PAWL_SERVE_OPTION\(\w+, "([a-z-]+)", "\w+", CHOICE, 0, 0, "\w+", '
                      r'"([^"]+)"', table, re.M)
    assert len(rows) >= 5, rows
    for flag, choices in rows:
        done = world.tell("complete", "--", "serve", "--" + flag, "")
        offered = [line.split("\t")[0] for line in done.stdout.splitlines()[1:]]
        assert offered == choices.split("|"), (flag, done.stdout)


TESTS = {
    "completions know the choices": completions_know_the_choices,
    "a flag is stronger than a variable, a variable than the file": flag_variable_file_default,
    "a list is replaced whole": a_list_is_replaced_whole,
    "what is misspelt or out of range is told": what_is_misspelt_is_told,
    "what is wrong in a file is told by its line": a_file_is_told_by_its_line,
    "a check looks at what will be needed": a_check_looks_at_what_will_be_needed,
    "a check tells where nothing can be made": a_check_tells_where_nothing_can_be_made,
    "maxima are raised by a later start": maxima_are_raised_by_a_later_start,
    "keys are kept longer by a later start": keys_are_kept_longer_by_a_later_start,
    "what was granted can be settled": what_was_granted_can_be_settled,
    "times are compared with the ledger's": times_are_compared_with_the_ledgers,
}
