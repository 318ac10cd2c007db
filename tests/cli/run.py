#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [--only WORDS]: the command line as a person meets it.

Help, errors, exit statuses, JSON, completions and the manual page of every command. What runs do
is in tests/run and tests/sdk.
"""
import argparse
import fcntl
import json
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unicodedata
import termios

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(pathlib.Path(__file__).resolve().parent)]
sys.dont_write_bytecode = True
import count as counting  # noqa: E402
import completions  # noqa: E402
import policies  # noqa: E402
import servers  # noqa: E402
from expect import expect  # noqa: E402

SECONDS_MAX = 120
# Empty variables count as unset.
UNSET = dict.fromkeys(("XDG_STATE_HOME", "PAWL_DATA_DIR", "PAWL_SERVE_DATA_DIR", "PAWL_SERVER",
                       "PAWL_KEY", "PAWL_ADMIN_KEY", "CYCLES_BASE_URL", "CYCLES_API_KEY",
                       "CYCLES_TENANT"), "")


class Cli:
    def __init__(self, pawl, home):
        self.pawl, self.home = pawl, home

    def __call__(self, *arguments, **environment):
        return subprocess.run([self.pawl, *arguments], capture_output=True, text=True, check=False,
                              timeout=SECONDS_MAX, stdin=subprocess.DEVNULL,
                              env={**os.environ, "HOME": self.home, **UNSET, **environment})

    def commands(self):
        listing = self("help").stdout.split("Commands:\n", 1)[1].split("\n\n", 1)[0]
        return [line.split()[0] for line in listing.splitlines()]


def every_command_has_help(cli):
    commands = cli.commands() + ["policy show", "policy check", "policy list", "limit remove",
                                 "accounts add", "accounts set", "accounts forget"]
    commands += [f"{noun} {verb}" for noun, verbs in (
        ("tenant", "create list show update suspend resume close"),
        ("key", "create list show update revoke"),
        ("budget", "create list show update fund freeze unfreeze"),
        ("rule", "create list update disable enable"),
        ("reservation", "create commit release extend list show")) for verb in verbs.split()]
    assert len(commands) >= 9, commands
    for command in commands:
        words = command.split()
        for done in (cli(*words, "--help"), cli(*words, "-h"), cli("help", *words)):
            expect(done, 0, out=rf"\AUsage: pawl {command}\b")
            assert "--help" in done.stdout
            assert not done.stderr
            assert command == "version" or "\nExamples:\n" in done.stdout, done.stdout
            assert max(map(len, done.stdout.splitlines())) <= 100, done.stdout
            assert done.stdout.isascii(), "a terminal without UTF-8 shows it as well"


def the_version_says_by_which_rules_it_answers(cli):
    header = pathlib.Path(__file__).resolve().parents[2] / "src/core/core.h"
    rules = re.search(r"PAWL_RULES_VERSION (\d+)u", header.read_text(encoding="utf-8")).group(1)
    for words in (("version",), ("--version",), ("-V",)):
        expect(cli(*words), 0, out=rf"\Apawl [0-9.]+ \(rules {rules}\)\n\Z")


def mistakes_are_told_with_the_way_out(cli):
    expect(cli(), 2, err="Commands:")
    expect(cli("rums"), 2, err="no command 'rums'; did you mean 'runs'\\?\nSee 'pawl help'")
    expect(cli("help", "rums"), 2, err="no command 'rums'; did you mean 'runs'\\?\n")
    expect(cli("frobnicate"), 2, err="there is no command 'frobnicate'\nSee 'pawl help'")
    expect(cli("--verson"), 2, err="no option --verson; did you mean --version\\?\n")
    expect(cli("--max-usd", "1", "--", "true"), 2, err="--max-usd stands where the command should")
    expect(cli("runs", "--frob"), 2, err="no option --frob.*\nSee 'pawl runs --help'")
    expect(cli("run", "--maxusd=1", "--", "true"), 2, err="--maxusd; did you mean --max-usd\\?\n")
    expect(cli("runs", "-x"), 2, err="no option -x")
    expect(cli("runs", "--limit"), 2, err="--limit needs a value")
    expect(cli("runs", "--json=1"), 2, err="takes no value")
    expect(cli("run", "--max=1", "--", "true"), 2, err="--max=1 could be --max-usd, --max-tokens")
    expect(cli("run", "--max-u", "0", "--", "true"), 2, err="--max-usd takes")
    expect(cli("run", "--escalation", "no", "--", "true"), 2, err="--escalation takes ask, forbid")
    expect(cli("run", "--idle-pause", "x", "--", "true"), 2, err="--idle-pause takes a time")
    expect(cli("runs", "extra"), 2, err="unexpected argument 'extra'")
    expect(cli("accounts", "foo"), 2, err="there is no 'foo', only add")
    expect(cli("limit", "remov"), 2, err="there is no 'remov'; did you mean 'remove'")
    expect(cli("run", "--max-dollars", "3", "--", "true"), 2,
           err="there is no option --max-dollars; near it: --max-usd, --max-tokens, ")
    expect(cli("run", "--dollars", "3", "--", "true"), 2, err="there is no option --dollars\n")
    expect(cli("show"), 2, err=r"an argument is missing. Usage: pawl show \[options\] RUN\n")
    expect(cli("completion", "tcsh"), 2, err="bash, zsh and fish, not for 'tcsh'")


def caps_are_read_strictly(cli):
    for option, bad in (("--max-usd", ("0", "-1", "1e3", "1.2.3", "", "0.000000001", "x", "1,5")),
                        ("--max-tokens", ("0", "1.5", "10Q", "-4", "1e6", "")),
                        ("--max-tool-calls", ("0", "many")),
                        ("--max-iterations", ("0", "3.5")),
                        ("--max-time", ("0", "5", "10x", "-3m", "", "99999999h"))):
        for value in bad:
            expect(cli("run", f"{option}={value}", "--", "true"), 2,
                   err=rf"{option} takes .*\nSee 'pawl run --help'")
    for option, good in (("--max-usd", ("1", "$0.75", "1.50", "0.00000001")),
                         ("--max-tokens", ("60K", "10M", "5000", "2.5M", "1g")),
                         ("--max-time", ("90s", "30m", "2h", "1h30m"))):
        for value in good:
            expect(cli("run", "--quiet", "--no-card", f"{option}={value}", "--", "true"), 0)


def names_of_limits_are_words(cli):
    for name in ("a b", "12", "", "x" * 200):
        expect(cli("limit", "--usd", "1", "--per", "day", "--name", name), 2,
               err="--name takes up to [0-9]+ letters, digits")


def run_needs_a_command(cli):
    expect(cli("run"), 2, err=r"an argument is missing. Usage: pawl run \[options\] -- COMMAND")
    expect(cli("run", "--max-usd", "1", "--"), 2, err="an argument is missing")


def options_that_exclude_each_other_are_refused(cli):
    expect(cli("run", "--attended", "--unattended", "--", "true"), 2, err="exclude each other")
    expect(cli("run", "--no-card", "--json-card", "--", "true"), 2, err="exclude each other")


def options_behind_the_command_are_its_own(cli):
    done = cli("run", "--no-card", "--quiet", "echo", "--max-usd", "--help")
    expect(done, 0, out=r"\A--max-usd --help\n\Z")


def an_empty_history_is_no_error(cli):
    with tempfile.TemporaryDirectory() as data:
        expect(cli("runs", "--data-dir", data + "/none"), 0, out=r"\A\Z", err="No runs in")
        expect(cli("runs", "--json", "--data-dir", data + "/none"), 0, out=r"\A\Z", err=r"\A\Z")
        expect(cli("show", "last", "--data-dir", data + "/none"), 1, err="no run was ever made")
        assert not os.path.exists(data + "/none")


def the_data_directory_has_its_precedence(cli):
    with tempfile.TemporaryDirectory() as top:
        quiet = ("run", "--no-card", "--quiet")
        expect(cli(*quiet, "--data-dir", f"{top}/flag", "--", "true", PAWL_DATA_DIR=f"{top}/env",
                   XDG_STATE_HOME=f"{top}/xdg"), 0)
        expect(cli(*quiet, "--", "true", PAWL_DATA_DIR=f"{top}/env",
                   XDG_STATE_HOME=f"{top}/xdg"), 0)
        expect(cli(*quiet, "--", "true", XDG_STATE_HOME=f"{top}/xdg"), 0)
        expect(cli(*quiet, "--", "true", HOME=f"{top}/home"), 0)
        for place in ("flag", "env", "xdg/pawl", "home/.local/state/pawl"):
            folder = pathlib.Path(top, place)
            assert (folder / "FORMAT").read_text() == "pawl 1\n"
            assert folder.stat().st_mode & 0o777 == 0o700
            assert len(list((folder / "runs").iterdir())) == 1


def runs_are_listed_found_and_shown(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        for status in (0, 3):
            expect(cli("run", "--no-card", "--quiet", "--", "sh", "-c", f"exit {status}", **here),
                   status)
        ids = cli("runs", "--ids", **here).stdout.split()
        assert len(ids) == 2 and ids == sorted(ids, reverse=True), ids
        expect(cli("runs", **here), 0, out=rf"{ids[0]}.*failed \(3\)[^\n]*sh -c 'exit 3'\n{ids[1]}")
        rows = [json.loads(line) for line in cli("runs", "--json", **here).stdout.splitlines()]
        assert [row["run"] for row in rows] == ids
        assert rows[0]["limits"]["usd"] == {"unit": "USD_MICROCENTS", "amount": 150_000_000}
        assert rows[0]["status"] == 3 and rows[0]["argv"] == ["sh", "-c", "exit 3"]
        assert len(cli("runs", "-n", "1", **here).stdout.splitlines()) == 2
        assert len(cli("runs", "--since", "1h", "--ids", **here).stdout.splitlines()) == 2
        for name in (ids[1], ids[1][:-1], ids[1][4:]):
            expect(cli("show", name, **here), 0, out=rf"\A{ids[1]}  completed\n")
        expect(cli("show", "last", **here), 0, out=rf"\A{ids[0]}  failed \(3\)\n")
        expect(cli("show", "run_0", **here), 1, err="run_0")
        expect(cli("show", "run_zz", **here), 1, err="run_zz")
        expect(cli("verify", **here), 0, out="2 verified, 0 running")


def a_run_is_found_by_its_name(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        for name in (["-n", "nightly"], ["--name", "nightly"], []):
            expect(cli("run", "--no-card", "--quiet", *name, "--", "true", **here), 0)
        rows = [json.loads(line) for line in cli("runs", "--json", **here).stdout.splitlines()]
        assert [row.get("name") for row in rows] == [None, "nightly", "nightly"]
        table = cli("runs", **here)
        expect(table, 0, out=r"REFUSED  NAME     COMMAND\n.* 0 +true\n.*nightly +true")
        shown = cli("show", "nightly", **here)
        expect(shown, 0, out=rf"\A{rows[1]['run']}  completed\nnightly: true\n")
        expect(cli("verify", "nightly", **here), 0, out=rf"\A{rows[1]['run']}")


def a_run_that_there_is_not_names_those_near_it(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        expect(cli("run", "--no-card", "--quiet", "-n", "nightly", "--", "true", **here), 0)
        run = cli("runs", "--ids", **here).stdout.strip()
        slip = run[:-1] + ("0" if run[-1] != "0" else "1")
        for command in (["show"], ["verify"], ["approve"], ["stop"], ["status"],
                        ["run", "--add-usd", "1", "--resume"]):
            for word, meant in (("nihgtly", "nightly"), (slip, run), ("else", None)):
                hint = f", did you mean '{meant}'\\?" if meant else ""
                expect(cli(*command, word, **here), 1,
                       err=f"there is no run '{word}'{hint}; 'pawl runs' lists them\n")


def how_a_stopped_run_goes_on_is_shown(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        script = ["--", "sh", "-c", "sleep 30"]
        expect(cli("run", "--no-card", "--quiet", "--max-time", "1s", *script, **here), 124)
        run = cli("runs", "--ids", **here).stdout.strip()
        command = f"pawl run --resume {run} --add-time 1s"
        expect(cli("show", "last", **here), 0, out=f"\nto go on: {command}\n")
        rows = [json.loads(line) for line in cli("show", run, "--json", **here).stdout.splitlines()]
        assert rows[-1] == {"type": "go_on", "command": command,
                            "more": {"unit": "WALL_CLOCK_MS", "amount": 1000}}, rows[-1]
        expect(cli("run", "--no-card", "--quiet", "--resume", run, "--add-time", "1m", "--", "true",
                   **here), 0)
        rows = [json.loads(line) for line in cli("show", run, "--json", **here).stdout.splitlines()]
        last = cli("runs", "--ids", "-n", "1", **here).stdout.strip()
        assert rows[-1] == {"type": "went_on", "run": last}, rows[-1]


def a_run_says_how_it_stands(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        expect(cli("run", "--no-card", "--quiet", "--", "sh", "-c", "kill -TERM $$", **here), 143)
        expect(cli("runs", **here), 0, out=r"killed \(signal 15\)")
        command = [cli.pawl, "run", "--no-card", "--quiet", "--", "sh", "-c", "echo here; sleep 60"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **here}) as live:
            try:
                assert live.stdout.readline() == b"here\n"
                shown = cli("show", "last", **here)
            finally:
                live.kill()
        expect(shown, 0, out=r"(?s)  running\n.*, running for \d.*\ntime +[1-9].* 1h\n")
        expect(cli("show", "last", **here), 0,
               out=r"  killed\n.*\n.*, last heard of after \d.*\npawl itself was killed: ")


def columns_that_no_row_needs_are_left_out(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        expect(cli("run", "--no-card", "--quiet", "--", "true", **here), 0)
        assert "NAME" not in cli("runs", **here).stdout


def a_table_is_cut_to_the_width_of_the_terminal(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        expect(cli("run", "--no-card", "--quiet", "--", "true", "x" * 80, **here), 0)
        widths, titles = {}, {}
        for columns in (300, 110, 80, 60):
            master, slave = os.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
            subprocess.run([cli.pawl, "runs"], stdout=slave, check=True, timeout=SECONDS_MAX,
                           env={**os.environ, **here})
            os.close(slave)
            lines = os.read(master, 4096).decode().split("\r\n")
            widths[columns] = max(map(len, lines))
            titles[columns] = lines[0].split()
            os.close(master)
        assert 110 < widths[300] < 300 and widths[110] == 110, widths
        assert widths[80] <= 80 and widths[60] <= 60, widths
        assert {"RUN", "STARTED", "STATE", "SPENT", "COMMAND"} <= set(titles[80]), titles
        assert {"RUN", "STATE", "SPENT", "COMMAND"} == set(titles[60]), titles


def columns_of(text):
    """As a terminal counts them."""
    return sum(0 if unicodedata.combining(char) else
               2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def wide_characters_take_two_columns(cli):
    """Chinese, Korean, an emoji, and a letter with its accent behind it: columns stay columns."""
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        names = ("plain", "\u5408\u7ea6\u5ba1\u67e5", "\ud55c\uad6d", "go \U0001f680", "cafe\u0301")
        for name in names:
            expect(cli("run", "--no-card", "--quiet", "--name", name, "--", "true", name * 30,
                       **here), 0)
        lines = cli("runs", **here).stdout.rstrip("\n").split("\n")
        at = lines[0].index("COMMAND")
        for line in lines[1:]:
            assert columns_of(line[:line.index("true ")]) == at, lines
        ends = {columns_of(line) for line in lines[1:]}
        assert max(ends) - min(ends) <= 1, lines  # half of a character is not shown


def what_a_terminal_might_obey_is_not_shown(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        word = "a\x1b[2Jb\nc\u009bd\u202ee\u2066f"
        expect(cli("run", "--no-card", "--quiet", "--", "true", word, **here), 0)
        for done in (cli("runs", **here), cli("show", "last", **here)):
            expect(done, 0, out=r"true '?a\?\[2Jb c\?\?d\?{3}e\?{3}f")
        row = json.loads(cli("runs", "--json", **here).stdout)
        assert row["argv"][1] == word, row


def a_history_that_lost_rows_comes_back(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        for _ in range(3):
            expect(cli("run", "--no-card", "--quiet", "--", "true", **here), 0)
        before = cli("runs", "--json", **here).stdout
        file = pathlib.Path(data, "history.db")
        def grow_old():
            with sqlite3.connect(file) as history:
                history.executescript("ALTER TABLE runs DROP COLUMN name; PRAGMA user_version=1;")
            history.close()

        for damage in (file.unlink, lambda: os.truncate(file, 0), grow_old):
            damage()
            for rest in ("-wal", "-shm"):
                pathlib.Path(f"{file}{rest}").unlink(missing_ok=True)
            assert cli("runs", "--json", **here).stdout == before
        file.write_bytes(b"This is no database. " * 400)
        expect(cli("runs", **here), 4, err="damaged.*Delete .*history.db: .*from the journals")


def a_journal_is_proved_and_damage_is_found(cli):
    with tempfile.TemporaryDirectory() as data:
        here = {"PAWL_DATA_DIR": data}
        expect(cli("verify", **here), 1,
               err=f"no run was ever made in {data}, and no server keeps its ledger there$")
        expect(cli("run", "--no-card", "--quiet", "--", "true", **here), 0)
        anchor = cli("verify", "last", **here).stdout.split()[-1]
        expect(cli("verify", "last", "--expect", anchor, **here), 0)
        other = anchor[:-1] + ("0" if anchor[-1] != "0" else "1")
        expect(cli("verify", "last", "--expect", other, **here), 4)
        expect(cli("verify", "--expect", anchor, **here), 2,
               err="--expect needs a RUN, or 'server'")
        expect(cli("verify", "last", "--expect", "nonsense", **here), 2, err="OP:HASH")
        row = json.loads(cli("verify", "last", "--json", **here).stdout)
        assert row["ok"] is True and f"{row['last_op']}:{row['hash']}" == anchor
        damaged = 0
        for file in pathlib.Path(data).glob("runs/*/journal/*"):
            raw = bytearray(file.read_bytes())
            place = raw.find(b"local")
            if place >= 0:
                raw[place] ^= 1
                file.write_bytes(raw)
                damaged += 1
        assert damaged > 0
        done = cli("verify", "last", **here)
        expect(done, 4, err="run_")


def prices_are_found_listed_and_suggested(cli):
    expect(cli("prices", "claude-sonnet-4-5"), 0,
           out=r"anthropic/claude-sonnet-4-5 +4 +\$3\.00 +\$15\.00")
    expect(cli("prices"), 0, out="openai/gpt-4o")
    assert "mistral" not in cli("prices").stdout and "mistral" in cli("prices", "--all").stdout
    done = cli("prices", "claude-sonet-4-5")
    expect(done, 1, err="no price is known.*\nNear it: .*claude-sonnet-4-5")
    assert ".local/state/pawl/prices.json, as in\n" in done.stderr
    json.loads(done.stderr.splitlines()[-1])
    expect(cli("prices", "claude-opus-5"), 0, out=r"anthropic/claude-opus-5 ")
    expect(cli("prices", "claude-opus-5"), 0,
           out=r"an hour of a container \$0\.05\.\nFees as of \d{4}-\d\d-\d\d \(platform")
    expect(cli("prices", "gpt-6.1-sol"), 0, out=r"priority 2\.00x, ultrafast 6\.00x, flex 0\.50x")
    expect(cli("prices", "gemini-3.5-flash"), 0,
           out=r"a web search \$0\.014\.\nFees as of [-0-9]+ \(ai\.google")
    assert "Tools" not in cli("prices", "llama-3.3-70b-versatile").stdout
    told = json.loads(cli("prices", "--json", "gpt-6.1-sol").stdout)
    assert told["fees"] == {"per_1000_web_searches": 1_000_000_000,
                            "per_1000_file_searches": 250_000_000,
                            "per_1000_container_minutes": 150_000_000}, told
    assert told["service_tiers"]["flex"] == 500, told
    for line in cli("prices", "--all", "--json").stdout.splitlines():
        assert 1 <= json.loads(line)["tier"] <= 6, line
    with tempfile.TemporaryDirectory() as data:
        file = pathlib.Path(data, "prices.json")
        file.write_text('{"models":[{"match":"my-model*","input_usd_per_mtok":"1.25",'
                        '"output_usd_per_mtok":"2"}]}')
        expect(cli("prices", "my-model-7", PAWL_DATA_DIR=data), 0, out=r"\$1\.25 +\$2\.00")
        expect(cli("prices", "my-model-7", "--prices", str(file)), 0, out=r"\$1\.25")
        file.write_text('{"models":[{"match":"my-model*","input_usd_per_mtok":1.25}]}')
        expect(cli("prices", "my-model-7", PAWL_DATA_DIR=data), 1, err=r"prices\.json.*:1:")


def the_manual_page_has_every_option(cli):
    page = cli("man")
    expect(page, 0, out=r"\A\.TH PAWL 1\n")
    plain = page.stdout.replace("\\-", "-")
    for command in cli.commands():
        assert f".SS pawl {command}" in plain, command
        for option in re.findall(r"--[a-z-]+", cli(command, "--help").stdout.split("Examples:")[0]):
            assert option in plain or option == "--help", option


def a_broken_pipe_is_no_crash(cli):
    shell = f"'{cli.pawl}' prices --all | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False,
                          timeout=SECONDS_MAX)
    assert done.stdout.splitlines()[0].startswith("MODEL"), done.stdout
    full = subprocess.run(["bash", "-c", f"'{cli.pawl}' help >/dev/full"], capture_output=True,
                          text=True, check=False, timeout=SECONDS_MAX)
    assert full.returncode == 1 and "could not be written" in full.stderr, full


def a_noun_tells_its_verbs(cli):
    expect(cli("policy"), 2, err="say what to do: show, check or list")
    expect(cli("policy", "chek"), 2, err="there is no 'chek'; did you mean 'check'")
    expect(cli("policy", "sing"), 2, err="there is no 'sing', only show, check or list")
    for done in (cli("policy", "--help"), cli("help", "policy")):
        expect(done, 0, out=r"pawl policy check \[options\] FILE")
        expect(done, 0, out=r"\n  list +the policies there are\n")
    for done in (cli("policy", "show", "--help"), cli("help", "policy", "show")):
        expect(done, 0, out=r"\AUsage: pawl policy show \[options\] \[POLICY\]")
    expect(cli("help", "policy", "sing"), 2, err="there is no command 'policy sing'")
    expect(cli("man"), 0, out=r"\.SS pawl policy check FILE")


TESTS = (every_command_has_help, the_version_says_by_which_rules_it_answers,
         mistakes_are_told_with_the_way_out, caps_are_read_strictly,
         names_of_limits_are_words, run_needs_a_command,
         options_that_exclude_each_other_are_refused,
         options_behind_the_command_are_its_own, an_empty_history_is_no_error,
         the_data_directory_has_its_precedence, runs_are_listed_found_and_shown,
         a_run_is_found_by_its_name, a_run_says_how_it_stands,
         columns_that_no_row_needs_are_left_out, wide_characters_take_two_columns,
         a_table_is_cut_to_the_width_of_the_terminal,
         what_a_terminal_might_obey_is_not_shown, a_history_that_lost_rows_comes_back,
         a_journal_is_proved_and_damage_is_found, prices_are_found_listed_and_suggested,
         the_manual_page_has_every_option, a_broken_pipe_is_no_crash,
         a_noun_tells_its_verbs, *policies.TESTS, *completions.TESTS, *servers.TESTS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="part of the names of the tests to run")
    parser.add_argument("--pawl", default=str(ROOT / "build/werror/bin/pawl"))
    options = parser.parse_args()
    count = counting.Count()
    with tempfile.TemporaryDirectory() as home:
        cli = Cli(os.path.abspath(options.pawl), home)
        for test in (one for one in TESTS if options.only.replace(" ", "_") in one.__name__):
            with count.test(test.__name__.replace("_", " ")):
                test(cli)
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
