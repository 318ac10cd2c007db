# SPDX-License-Identifier: Apache-2.0
"""Going on with a run that was stopped, as a run of its own."""
import os
import pathlib
import re
import stat
import subprocess
import sys

import scripted
from caps import BATCH
from world import AGENT, PATIENCE_S, expect_line, finish

CENT = 1_000_000


def resume(world, *options, words=(), home=None, **arguments):
    """`pawl run --resume …` to its end: status, stdout, stderr."""
    more = {"HOME": home} if home else {}
    command = [world.pawl, "run", "--data-dir", world.data, *options]
    done = subprocess.run(command + (["--", *words] if words else []), text=True, check=False,
                          env=world.environment(**more), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE_S, **arguments)
    return done.returncode, done.stdout, done.stderr


def go_on(world):
    """An unknown command is started again: it is told so, its caps are what is left and added."""
    status, _, stderr = world.run(["--max-iterations", "2", "-n", "job", "--on-limit", "summary"],
                                  "env:PAWL_RESUME", "call", "call", "call", "exit:3")
    first = world.runs()[0]["run"]
    assert status == 124 and f"--resume {first} --add-iterations 4" in stderr, stderr
    again = [sys.executable, AGENT, "env:PAWL_RESUME", "env:PAWL_RESUMED_RUN",
             "file:PAWL_SUMMARY_FILE", "call", "call"]
    status, stdout, stderr = resume(world, "--resume", "job", "--add-iterations", "2",
                                    "--on-limit", "halt", words=again)
    assert status == 0, (status, stdout, stderr)
    assert "PAWL_RESUME 1" in stdout and f"PAWL_RESUMED_RUN {first}" in stdout, stdout
    assert "file the tes" in stdout, stdout
    assert f"goes on with {first}" in stderr and "started again, with PAWL_RESUME=1" in stderr
    new, old = world.runs()
    assert new["resumed_from"] == first and new["name"] == "job", new
    assert new["limits"]["iterations"]["amount"] == 2, new["limits"]
    assert new["limits"]["usd"]["amount"] == 150 * CENT - old["spent"]["usd"]["amount"], new
    assert new["before"]["USD_MICROCENTS"] == old["spent"]["usd"]["amount"], new
    assert new["limits"]["time"]["amount"] == 3_600_000 - old["spent"]["time"]["amount"], new
    total = old["spent"]["usd"]["amount"] + new["spent"]["usd"]["amount"]
    assert total == world.bill(), (old, new)
    assert f"goes on with {first}; " in world.tell("show", new["run"]).stdout
    assert f"it goes on in {new['run']} (completed)" in world.tell("show", first).stdout


def policy_of(world, run):
    return pathlib.Path(world.data, "runs", run, "policy.yaml").read_text()


def under_the_same(world):
    """Policy, mode and ladder go on, whatever became of the policy's file; a flag is above them,
    and the ladder's shares are of all that was spent and is left."""
    haiku, sonnet = "claude-haiku-4-5", "claude-sonnet-4-5"
    world.provider.control(prices={model: scripted.prices(world.pawl, model)
                                   for model in (haiku, sonnet)})
    path = pathlib.Path(world.folder.name, "ours.yaml")
    path.write_text(f"name: ours\nescalation: forbid\non_limit:\n  degrade: {haiku}@60%\n"
                    "phases:\n  docs:\n    match: 'mkdocs*'\n    tokens: 9K\n")
    status, _, stderr = world.run(["--policy", str(path), "--max-iterations", "1", "--max-tokens",
                                   "9000", "--attended", "--on-limit", "ask", "--idle-pause", "off",
                                   "--phase", "verification=usd=0.05,on_limit=halt"],
                                  "call", "say:through", "exit:3")
    assert status == 3, stderr
    path.unlink()
    first = world.runs()[0]
    kept = policy_of(world, first["run"])
    for line in ("name: ours", "escalation: forbid", "action: ask", f'degrade: "{haiku}@60%"',
                 "attendance: attended", "pause_after: off", "on_limit: halt", 'match: "mkdocs*"'):
        assert line in kept, (line, kept)
    checked = subprocess.run(
        [world.pawl, "policy", "check",
         os.path.join(world.data, "runs", first["run"], "policy.yaml")],
        capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked
    # Of the tokens so many are added that this run begins above 60 % of the whole.
    spent = first["spent"]["tokens"]["amount"]
    assert first["limits"]["tokens"]["amount"] == 9000 and spent > 600, first
    status, stdout, stderr = resume(world, "--resume", "last", "--add-iterations", "3",
                                    "--degrade", f"{haiku}@5%", "--on-limit", "halt",
                                    words=[sys.executable, AGENT, "call"])
    assert status == 0, (stdout, stderr)
    assert f"from 5% of the budget" in stderr or haiku in stderr, stderr
    assert [body["model"] for body in world.provider.bodies()] == [sonnet, haiku]
    new = world.runs()[0]
    again = policy_of(world, new["run"])
    assert new["policy"] == "ours", new
    differ = set(kept.splitlines()) ^ set(again.splitlines())
    assert {line.split(":")[0].strip() for line in differ} == {"action", "degrade"}, differ


HAIKU = "claude-haiku-4-5"

# What each flag of `pawl run` says in the first run, by what the second shows that it was carried
# (in the policy, meta.json or the first lines), what it says on the command line of the third, and
# by what that one shows it. None: it is not carried, and docs/LIMITS.md says why.
CARRIED = {
    "policy": ("{folder}/ours.yaml", "name: ours", None, None),
    "phase": ("docs=tokens=9K", "tokens: 9000", "docs=tokens=1K", "tokens: 10000"),
    "on-limit": ("pause", "action: pause", "ask", "action: ask"),
    "auto-resume": ("", "auto_resume: yes", "=no", "auto_resume: no"),
    "degrade": (f"{HAIKU}@60%", f'degrade: "{HAIKU}@60%"', f"{HAIKU}@70%", f"{HAIKU}@70%"),
    "escalation": ("forbid", "escalation: forbid", "allow", "escalation: allow"),
    "idle-pause": ("7m", "pause_after: 7m", "off", "pause_after: off"),
    "approver": ("true", 'approver: true', "off", "approver: off"),
    "at-window": ("wait", "at_limit: wait", "pass", "at_limit: pass"),
    "attended": ("", "attendance: attended", None, None),
    "model": (HAIKU, f"--model {HAIKU}", "claude-sonnet-4-5", '"model":"claude-sonnet-4-5"'),
    "agent": ("none", '"agent":"none"', "codex", '"agent":"codex"'),
    "name": ("job", '"name":"job"', "task", '"name":"task"'),
    "billing": ("plan", '"billing":"plan"', "api", '"billing":"api"'),
    "prices": ("{folder}/prices.json", "/prices.json (it is gone", "{folder}/other.json",
               '/other.json"'),
    "allow-batches": ("", '"allow_batches":true', "=no", "--allow-batches no"),
    "summary-usd": ("7%", 'summary: "7%"', "9%", 'summary: "9%"'),
    "unattended": ("", "attendance: unattended", None, None),
    "max-usd": ("0.75", '"USD_MICROCENTS":{"amount":75000000', None, None),
    "max-tokens": ("70K", '"TOKENS":{"amount":70000', None, None),
    "max-tool-calls": ("7", '"TOOL_CALLS":{"amount":7', None, None),
    "max-iterations": ("8", '"ITERATIONS":{"amount":8', None, None),
    "max-time": ("30m", '"WALL_CLOCK_MS":{"amount":17', None, None),
}
NOT_CARRIED = {"resume", "add-usd", "add-tokens", "add-tool-calls", "add-iterations", "add-time",
               "data-dir", "quiet", "no-card", "json-card"}
# These exclude some of the others.
APART = ("summary-usd", "unattended")


def words_of(flags, place, folder):
    """The flags as words of a command line; place 0: of the first run, 2: of the third."""
    words = []
    for name in flags:
        value = CARRIED[name][place]
        if value is not None:
            joined = value == "" or value.startswith("=")
            words += [f"--{name}{value}"] if joined else [f"--{name}",
                                                          value.format(folder=folder)]
    return words


def told(world, stderr):
    """All that shows what the newest run was told."""
    folder = max(pathlib.Path(world.data, "runs").glob("run_*"))
    plain = " ".join((folder / "policy.yaml").read_text().split())
    return (folder / "meta.json").read_text() + plain + stderr


def as_told(world):
    """Each flag of `pawl run` goes on as it was told, and one on the command line is above it."""
    done = subprocess.run([world.pawl, "run", "--help"], text=True, capture_output=True, check=True)
    flags = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", done.stdout, re.M)) - {"help"}
    assert flags == set(CARRIED) | NOT_CARRIED, flags ^ (set(CARRIED) | NOT_CARRIED)
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/LIMITS.md"
    table = page.read_text().partition("## Going on")[2].partition("\n## ")[0]
    missing = [flag for flag in flags if f"`--{flag}`" not in table]
    assert not missing, f"docs/LIMITS.md, Going on, says nothing about {missing}"
    folder = world.folder.name
    for name, multiplier in (("prices", 2), ("other", 3)):
        pathlib.Path(folder, name + ".json").write_text(
            f'{{"multiplier":"{multiplier}","models":[]}}')
    pathlib.Path(folder, "ours.yaml").write_text("name: ours\n")
    for group, more in (([f for f in CARRIED if f not in APART], []),
                        (list(APART), ["--on-limit", "summary"])):
        status, _, stderr = world.run(words_of(group, 0, folder) + more, "exit:3")
        assert status == 3, stderr
        for gone in ("prices.json", "ours.yaml"):
            pathlib.Path(folder, gone).unlink(missing_ok=True)
        status, _, stderr = resume(world, "--resume", "last")
        assert status == 3, stderr
        seen = told(world, stderr)
        for flag in group:
            # Some time has passed since, so the wall clock has less; nothing else was used.
            assert CARRIED[flag][1] in seen, (flag, CARRIED[flag][1], seen)
        status, _, stderr = resume(world, "--resume", "last", *words_of(group, 2, folder), *more)
        assert status == 3, stderr
        seen = told(world, stderr)
        for flag in group:
            expected = CARRIED[flag][3]
            assert expected is None or expected in seen, (flag, expected, seen)
            assert expected is None or f"--{flag}" in stderr.partition("as you say now")[2], stderr


def in_force(world):
    """What is carried is not only written down: prices, batches, and how accounts are billed."""
    prices = pathlib.Path(world.folder.name, "prices.json")
    prices.write_text('{"multiplier":"2","models":[]}')
    agent = [sys.executable, "-c", BATCH + "raise SystemExit(3)"]
    status, _, stderr = world.run(["--prices", str(prices), "--allow-batches", "--billing", "plan"],
                                  "call", "exit:3")
    assert status == 3 and "plan" in stderr, stderr
    once = world.runs()[0]["spent"]["usd"]["amount"]
    assert once == 2 * world.bill(), (once, world.bill())
    prices.unlink()
    status, stdout, stderr = resume(world, "--resume", "last", words=agent)
    assert status == 3 and "pawl run --allow-batches" not in stdout, (stdout, stderr)
    assert "plan as set" in stderr, stderr
    again = [sys.executable, AGENT, "call", "exit:3"]
    status, _, stderr = resume(world, "--resume", "last", words=again)
    assert status == 3 and world.runs()[0]["spent"]["usd"]["amount"] == once, stderr
    # The file is there again, with other prices: they are those of now.
    prices.write_text('{"multiplier":"3","models":[]}')
    status, _, stderr = resume(world, "--resume", "last", words=again)
    assert world.runs()[0]["spent"]["usd"]["amount"] == once * 3 // 2, stderr
    status, stdout, stderr = resume(world, "--resume", "last", "--allow-batches=no",
                                    words=agent)
    assert "pawl run --allow-batches" in stdout, (stdout, stderr)


def baseline(world):
    """What a dearer model is judged by goes on: a switch that was approved stays so."""
    opus, sonnet = "claude-opus-4-5", "claude-sonnet-4-5"
    world.provider.control(prices={model: scripted.prices(world.pawl, model)
                                   for model in (opus, sonnet)})
    again = [sys.executable, AGENT, f"model:{opus}", "call", "exit:3"]
    status, stdout, _ = world.run(["--escalation", "forbid"], "call", "call", "call",
                                  f"model:{opus}", "call", "exit:3")
    assert status == 3 and "forbids it" in stdout, stdout
    assert world.runs()[0]["baseline"] == sonnet
    status, stdout, stderr = resume(world, "--resume", "last", words=again)
    assert "forbids it" in stdout, (stdout, stderr)
    assert world.runs()[0]["baseline"] == sonnet
    assert [body["model"] for body in world.provider.bodies()] == [sonnet] * 3
    status, stdout, stderr = resume(world, "--resume", "last", "--model", opus, words=again)
    assert "forbids" not in stdout and world.runs()[0]["baseline"] == opus, (stdout, stderr)


def same_again(world):
    """Without words the same command runs in the same directory, and the chain adds up."""
    place = pathlib.Path(world.folder.name, "place")
    place.mkdir()
    steps = [sys.executable, AGENT, "call", "call", "call"]
    for turn in range(3):
        if turn == 0:
            done = subprocess.run([world.pawl, "run", "--data-dir", world.data,
                                   "--max-iterations", "1", "--", *steps],
                                  env=world.environment(), cwd=place, check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE_S)
            assert done.returncode == 124, done
        else:
            status, _, stderr = resume(world, "--resume", "last", "--add-iterations", "1", cwd="/")
            assert status == 124, stderr
    rows = world.runs()
    assert [row["cwd"] for row in rows] == [str(place)] * 3, rows
    spent = [row["spent"]["usd"]["amount"] for row in rows]
    assert rows[0]["before"]["USD_MICROCENTS"] == spent[1] + spent[2], rows
    assert rows[0]["before"]["ITERATIONS"] == 2 and sum(spent) == world.bill(), rows


def refusals(world):
    """What cannot go on says why, and what to do."""
    def refused(words, *options, status=1):
        got, _, stderr = resume(world, *options)
        assert got == status and re.search(words, stderr), (options, got, stderr)
    refused("no run was ever made", "--resume", "last")
    world.run(["--max-iterations", "1"], "call", "call")
    run = world.runs()[0]["run"]
    refused(f"at its cap: 1 of 1 model call used. Add to it: pawl run --resume {run} "
            "--add-iterations 4\n", "--resume", run, "--add-usd", "1.00")
    refused("--resume keeps the caps", "--resume", run, "--max-usd", "1", status=2)
    refused("--add-usd is for --resume", "--add-usd", "1", status=2)
    refused("--add-usd takes dollars above 0", "--resume", run, "--add-usd", "x", status=2)
    refused("nothing", "--resume", "nothing", "--add-usd", "1")
    assert resume(world, "--resume", run, "--add-iterations", "5")[0] == 0
    refused(f"{run} went on in run_.* already: pawl run --resume run_", "--resume", run,
            "--add-iterations", "1")
    refused("was completed: there is nothing to go on with", "--resume", "last", "--add-usd", "1")
    world.run(["--max-iterations", "1"], "call", "call", "say:--api-key=sk-0123456789abcdef")
    refused("not written down whole", "--resume", "last", "--add-iterations", "1")
    process = world.start([], "say:ready", "listen")
    expect_line(process, "ready")
    refused("is still running. To give it more: pawl approve run_", "--resume", "last",
            "--add-usd", "1")
    assert finish(process, "\n")[0] == 0


def only_what_was_told(world):
    """Of a policy that nobody chose nothing is said, however often a run goes on."""
    for policy, words in ([], ""), (["--policy", "individual"], "told then: --policy individual"):
        world.run(["--max-iterations", "1", *policy], "call", "call", "call")
        for _ in range(2):
            _, _, stderr = resume(world, "--resume", "last", "--add-iterations", "1")
            assert words in stderr and ("policy" in stderr) == bool(words), stderr


def one_suggestion(world):
    """What helps is said alike at the halt, on the card, in `pawl show`, by --resume and by
    `pawl approve`, whichever cap it was."""
    for caps, steps, option in (
            (["--max-tool-calls", "9"], ["stream:4000"], r"--add-tool-calls \d+"),
            (["--max-iterations", "2"], ["until"], r"--add-iterations \d+"),
            (["--max-tokens", "9000"], ["until"], r"--add-tokens \d+"),
            (["--max-usd", "0.02"], ["until"], r"--add-usd [\d.]+"),
            (["--max-time", "1s"], ["wait"], "--add-time 1m")):
        tools = 10 if "tool" in caps[0] else 0
        world.provider.control(default={"tool_calls": tools, "reply_tokens": 400})
        status, stdout, stderr = world.run(caps, *steps)
        assert status == 124, (caps, status, stdout, stderr)
        run = world.runs()[0]["run"]
        shown = world.tell("show", run).stdout
        refused = resume(world, "--resume", run)[2]
        approved = world.tell("approve", run)
        assert approved.returncode == 1 and "has ended. To go on: " in approved.stderr, approved
        said = [re.findall(rf"--resume {run} ({option})(?=[\s.]|$)", text)
                for text in (stderr, shown, refused, approved.stderr)]
        assert all(said) and len({words for found in said for words in found}) == 1, said
    assert world.run([], ["true"])[0] == 0
    done = world.tell("approve", "last")
    assert done.returncode == 1 and "was completed: it needs nothing" in done.stderr, done


def cut(world):
    """What an answer had said that was cut at the limit is kept, shown, and handed over."""
    world.provider.control(default={"tool_calls": 2, "reply_tokens": 400})
    status, stdout, _ = world.run(["--max-tool-calls", "1"], "stream:2000")
    assert status == 124 and "refused in mid-stream" in stdout, stdout
    path = max(pathlib.Path(world.data, "runs").glob("run_*")) / "partial.txt"
    text = path.read_text()
    assert text.startswith("the tes") and stat.S_IMODE(os.stat(path).st_mode) == 0o600, text
    shown = world.tell("show", "last").stdout
    assert "the answer that was cut" in shown and text[:60] in shown, shown
    assert "files: " in shown, shown
    path.write_text("x" + "é" * 2999 + "the end")
    shown = world.tell("show", "last").stdout
    assert re.search(r"\n\[4007 bytes before this: pawl show --full --data-dir \S+ run_\w+\]\n"
                     "é{996}the end\n", shown), shown
    assert "\nx" + "é" * 2999 + "the end\n" in world.tell("show", "last", "--full").stdout
    path.write_text(text)
    world.provider.control(default={"tool_calls": 0})
    words = [sys.executable, AGENT, "file:PAWL_SUMMARY_FILE", "call"]
    status, stdout, stderr = resume(world, "--resume", "last", "--add-tool-calls", "2", words=words)
    assert status == 0 and f"file {text[:40]}" in stdout, (stdout, stderr)


def killed(world):
    """A run whose pawl was killed goes on with what it had left; what was held is spent."""
    world.provider.control(default={"hang_after": 6})
    process = world.start([], "part", "say:ready", "wait")
    expect_line(process, "first")
    expect_line(process, "ready")
    process.kill()
    process.wait()
    world.provider.control(default={})
    words = [sys.executable, AGENT, "call"]
    status, _, stderr = resume(world, "--resume", "last", words=words)
    assert status == 0, stderr
    new, old = world.runs()
    assert old["reason"] == "killed" and old["unconfirmed"]["amount"] > 0, old
    assert new["limits"]["usd"]["amount"] == 150 * CENT - old["spent"]["usd"]["amount"], new


def claude(world):
    """Claude Code goes on by itself, with its session and what it was allowed to do."""
    folder = pathlib.Path(world.folder.name, "bin")
    folder.mkdir()
    program = folder / "claude"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "$0.args"\n'
                       f'exec {sys.executable} {AGENT} '
                       'header:x-claude-code-session-id:5e55-10n until\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {"HOME": world.folder.name}
    status, _, stderr = world.run(["--max-iterations", "2", "--on-limit", "summary"],
                                  [str(program), "-p", "fix the test", "--model", "sonnet",
                                   "--allowedTools", "Bash", "Edit", "--max-budget-usd", "9"],
                                  env=environment)
    assert status == 124, stderr
    done = subprocess.run([world.pawl, "run", "--data-dir", world.data, "--resume", "last",
                           "--add-iterations", "1"], text=True, check=False, capture_output=True,
                          env=world.environment(**environment), stdin=subprocess.DEVNULL,
                          timeout=PATIENCE_S)
    assert done.returncode == 124, done
    words = pathlib.Path(str(program) + ".args").read_text(encoding="utf-8")
    given = words[words.index("--model"):]
    assert given.startswith("--model\nsonnet\n--allowedTools\nBash\nEdit\n--resume\n5e55-10n\n-p\n"
                            "Continue where you left off."), words
    assert "What you said then" in given and "the tes" in given, words
    assert "fix the test" not in words and "--max-budget-usd" not in words, words
    assert "claude --model sonnet" in done.stderr, done.stderr
    assert os.environ.get("PAWL_RESUME") is None


def before_any_call(world):
    """An agent that made no call has no conversation yet: the last one is that of another run, and
    it begins anew."""
    folder = pathlib.Path(world.folder.name, "bin")
    folder.mkdir()
    environment = {"HOME": world.folder.name}
    for name, words in (("claude", ["-p", "fix the test"]), ("codex", ["exec", "fix the test"]),
                        ("gemini", ["-p", "fix the test"])):
        program = folder / name
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.args"\nexit 3\n', encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        status, _, stderr = world.run([], [str(program), *words], env=environment)
        assert status == 3, stderr
        path = pathlib.Path(str(program) + ".args")
        before = [word for word in path.read_text(encoding="utf-8").split("\n") if word in words]
        status, _, stderr = resume(world, "--resume", "last", home=world.folder.name)
        given = path.read_text(encoding="utf-8")
        assert status == 3 and before == words, (status, before, stderr)
        assert [word for word in given.split("\n") if word in words] == words, given
        for word in ("--continue", "--last", "latest", "Continue where"):
            assert word not in given, given


def tests(world):
    del world
    yield "a command goes on from its start", go_on
    yield "policy, mode and ladder go on", under_the_same
    yield "each flag is as it was told", as_told
    yield "prices, batches and billing hold", in_force
    yield "the baseline goes on", baseline
    yield "a chain of three", same_again
    yield "what cannot go on", refusals
    yield "only what was told is said to be", only_what_was_told
    yield "everything suggests the same amount", one_suggestion
    yield "what was cut is handed over", cut
    yield "a run that was killed goes on", killed
    yield "Claude Code goes on by itself", claude
    yield "an agent without a call begins anew", before_any_call
