# SPDX-License-Identifier: Apache-2.0
"""policies.py: `pawl policy`, and `pawl run` under one."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile

from expect import expect


@contextlib.contextmanager
def policy_file(text, name="ours.yaml"):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        path.write_text(text, encoding="utf-8")
        yield str(path)


def fields(done):
    """What `pawl policy show --json` says, by field."""
    expect(done, 0)
    return {row["field"]: row for row in map(json.loads, done.stdout.splitlines())}


def a_file_is_checked_with_line_and_field(cli):
    with policy_file("caps:\n  usd: 1.5O\n  tokens: 20M\nunattended: never\n") as path:
        done = cli("policy", "check", path)
        expect(done, 1, out=rf"(?m)^{path}:2: error: caps\.usd: takes dollars above 0")
        expect(done, 1, out=rf"(?m)^{path}:3: warning: caps\.tokens: 20,000,000 is more than")
        expect(done, 1, out=rf"(?m)^{path}:4: error: unattended: takes allow or forbid, not "
               "'never'")
        rows = [json.loads(line) for line in
                cli("policy", "check", "--json", path).stdout.splitlines()]
        assert [(row["line"], row["severity"]) for row in rows] == [
            (2, "error"), (4, "error"), (3, "warning")], rows
        expect(cli("run", "--policy", path, "--", "true"), 125, err=rf"{path}:2: caps\.usd: takes "
               "dollars .*; pawl policy check tells 1 more")
    with policy_file("caps: {tokens: 20M}\n") as path:
        expect(cli("policy", "check", path), 0, out="fine, with warnings")
    expect(cli("policy", "check", "/nowhere/x.yaml"), 1, err="/nowhere/x.yaml: No such file")


def each_value_says_where_it_comes_from(cli):
    with policy_file("extends: team\ncaps:\n  usd: 2\n") as path:
        rows = fields(cli("policy", "show", path, "--json", "--max-time", "5m"))
        assert rows["caps.usd"]["from"] == f"{path}:3", rows
        assert rows["caps.tool_calls"]["from"] == "built-in team"
        flagged = fields(cli("policy", "show", "--json", "--attended", "--escalation", "forbid",
                             "--idle-pause", "off", "--on-limit", "ask"))
        for field, value, flag in (("attendance", "attended", "--attended"),
                                   ("escalation", "forbid", "--escalation"),
                                   ("idle.pause_after", "off", "--idle-pause"),
                                   ("on_limit.action", "ask", "--on-limit")):
            assert flagged[field] == {"field": field, "value": value, "from": flag}, flagged
        assert rows["caps.time"] == {"field": "caps.time", "value": "5m", "from": "--max-time"}
    several = fields(cli("policy", "show", "-p", "team", "--json", "--phase",
                         "verification=$0.40,10m,on_limit=halt", "--phase=docs=20K", "--degrade",
                         "gpt-5-nano@90%", "--degrade", "claude-haiku-4-5@75%", "--summary-usd",
                         "8%", "--auto-resume", "--approver", "true"))
    for field, value, flag in (("phases.verification.usd", "$0.40", "--phase"),
                               ("phases.verification.time", "10m", "--phase"),
                               ("phases.verification.on_limit", "halt", "--phase"),
                               ("phases.docs.tokens", "20K", "--phase"),
                               ("on_limit.degrade", "gpt-5-nano@90%, claude-haiku-4-5@75%",
                                "--degrade"),
                               ("on_limit.summary", "8%", "--summary-usd"),
                               ("on_limit.auto_resume", "yes", "--auto-resume"),
                               ("approver", "true", "--approver"),
                               ("caps.tool_calls", "500", "built-in team")):
        assert several[field] == {"field": field, "value": value, "from": flag}, several[field]
    derived = cli("policy", "show", "--max-tokens", "200K", "-m", "claude-haiku-4-5")
    expect(derived, 0, out=r"(?m)^caps\.usd +\$1\.00 \(200K tokens of claude-haiku-4-5 cost that "
           r"at most\) +--max-tokens$")
    for more in (("-m", "nobody-knows"), ("-m", "claude-haiku-4-5", "--max-usd", "2")):
        assert "cost that" not in cli("policy", "show", "--max-tokens", "200K", *more).stdout
    expect(cli("policy", "show", "--phase", "v=x"), 2, err="--phase: v takes ceilings such as")
    expect(cli("policy", "show", "--degrade", "x"), 2, err="takes a model and a share")
    expect(cli("policy", "show", "--on-limit", "degrade"), 2, err="degrade needs models to go to")
    expect(cli("policy", "show", "--attended", "--unattended"), 2, err="exclude each other")
    expect(cli("policy", "show", "team", "-p", "individual"), 2, err="are two policies: name one")
    expect(cli("policy", "show", "--max-usd", "x"), 2, err="--max-usd takes dollars above 0")
    expect(cli("policy", "show", "--json", "--yaml"), 2, err="exclude each other")
    expect(cli("policy", "show", "nobody"), 1, err="no built-in policy 'nobody'.*\\./nobody")


def a_shown_policy_is_a_file_to_begin_with(cli):
    for name in ("individual", "team", "high-sensitivity"):
        shown = cli("policy", "show", name, "--yaml")
        expect(shown, 0, out=r"\Aname: ")
        with policy_file(shown.stdout) as path:
            expect(cli("policy", "check", path), 0, out="fine$")
            assert cli("policy", "show", path, "--yaml").stdout == shown.stdout
        expect(cli("policy", "list"), 0, out=rf"(?m)^{name} ")
    names = [json.loads(line)["policy"] for line in
             cli("policy", "list", "--json").stdout.splitlines()]
    assert names == ["individual", "team", "high-sensitivity"], names


def flag_environment_and_file_have_their_order(cli):
    config = pathlib.Path(cli.home) / ".config/pawl"
    config.mkdir(parents=True)
    own = config / "policy.yaml"
    with policy_file("name: theirs\n") as path:
        assert fields(cli("policy", "show", "--json"))["name"]["from"] == "default"
        own.write_text("name: mine\n", encoding="utf-8")
        try:
            assert fields(cli("policy", "show", "--json"))["name"]["value"] == "mine"
            expect(cli("policy", "list"), 0, out=rf"{own} +your own")
            shown = cli("policy", "show", "--json", PAWL_POLICY=path)
            assert fields(shown)["name"]["value"] == "theirs"
            shown = cli("policy", "show", "--json", "team", PAWL_POLICY=path)
            assert fields(shown)["name"]["value"] == "team"
            expect(cli("run", "--", "true", PAWL_POLICY="nobody"), 125,
                   err="PAWL_POLICY: there is no built-in policy 'nobody'")
            done = cli("run", "--", "true")
            expect(done, 0, err="policy      mine\n")
        finally:
            own.unlink()


def a_policy_gives_a_run_its_caps_and_flags_stand_above(cli):
    with policy_file("caps: {usd: 0.70, iterations: 7}\n") as path:
        done = cli("run", "--policy", path, "--max-iterations", "3", "--json-card", "--", "true")
        expect(done, 0)
        card = json.loads(done.stderr.splitlines()[-1])
        limits = card["requested"]
        assert limits["USD_MICROCENTS"] == 70000000, limits
        assert limits["ITERATIONS"] == 3 and limits["TOOL_CALLS"] == 300, limits


def a_computed_cap_follows_the_repository(cli):
    with tempfile.TemporaryDirectory() as folder:
        for name in range(400):
            (pathlib.Path(folder) / f"f{name}").touch()
        for command in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
        shown = subprocess.run([cli.pawl, "policy", "show", "team"], cwd=folder, check=True,
                               capture_output=True, text=True, env=os.environ | {"HOME": cli.home})
        assert "auto: $1.50 (400 tracked files" in shown.stdout, shown.stdout
        done = subprocess.run([cli.pawl, "run", "--policy", "team", "--", "true"], cwd=folder,
                              check=True, capture_output=True, text=True,
                              env=os.environ | {"HOME": cli.home})
        assert "may spend $1.50 (400 tracked files" in done.stderr, done.stderr
        assert "  policy      team\n" in done.stderr, done.stderr


def a_policy_says_what_happens_at_the_limit(cli):
    text = "on_limit:\n  action: summary\n  degrade: {}\n"
    with policy_file(text.format("claude-haiku-4-5@75%, gpt-5-nano@90%")) as path:
        done = cli("run", "--policy", path, "--", "true")
        expect(done, 0, err="from 75 % on claude-haiku-4-5; from 90 % on gpt-5-nano")
        expect(done, 0, err="one more call sums up")
        done = cli("run", "--policy", path, "--on-limit", "halt", "--", "true")
        assert "sums up" not in done.stderr, done.stderr
    for wrong in ("claude-haiku-4-5", "x@100%", "@5%", "x@5%,,y@6%"):
        with policy_file(text.format(f'"{wrong}"')) as path:
            expect(cli("policy", "check", path), 1,
                   out=rf"{path}:3: error: on_limit\.degrade: takes a model and a share")
    with policy_file("on_limit:\n  degrade: nosuch@75%\n") as path:
        expect(cli("policy", "check", path), 0,
               out=r":2: warning: on_limit\.degrade: no price is known for nosuch, so no run")
        expect(cli("run", "--policy", path, "--", "true"), 125, err="no price is known for nosuch")
    with policy_file("on_limit:\n  action: degrade\n") as path:
        expect(cli("policy", "check", path), 1, out=r":2: error: on_limit\.action: degrade needs")
    with policy_file("on_limit: {action: degrade, degrade: claude-haiku-4-5@75%}\n") as path:
        expect(cli("policy", "check", path), 0, out="fine")
        expect(cli("run", "--policy", path, "--", "true"), 0, err="from 75 % on claude-haiku-4-5\n")
    with policy_file("on_limit: {summary: 60%}\n") as path:
        expect(cli("policy", "check", path), 1, out=r":1: error: on_limit\.summary: takes dollars")


def a_policy_may_want_a_person(cli):
    done = cli("run", "--policy", "high-sensitivity", "--", "true")
    expect(done, 125, err="the policy high-sensitivity wants a person beside the run")
    expect(cli("run", "--policy", "high-sensitivity", "--attended", "--", "true"), 0)


TESTS = (a_file_is_checked_with_line_and_field, each_value_says_where_it_comes_from,
         a_shown_policy_is_a_file_to_begin_with, flag_environment_and_file_have_their_order,
         a_policy_gives_a_run_its_caps_and_flags_stand_above,
         a_computed_cap_follows_the_repository, a_policy_says_what_happens_at_the_limit,
         a_policy_may_want_a_person)
