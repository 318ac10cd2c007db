# SPDX-License-Identifier: Apache-2.0
"""Going on with a run that was stopped, as a run of its own."""
import os
import pathlib
import re
import stat
import subprocess
import sys

import scripted
from world import AGENT, PATIENCE_S, expect_line, finish

CENT = 1_000_000


def resume(world, *options, words=(), **arguments):
    """`pawl run --resume …` to its end: status, stdout, stderr."""
    command = [world.pawl, "run", "--data-dir", world.data, *options]
    done = subprocess.run(command + (["--", *words] if words else []), text=True, check=False,
                          env=world.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE_S, **arguments)
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
            "--add-iterations 50", "--resume", run, "--add-usd", "1.00")
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


def tests(world):
    del world
    yield "a command goes on from its start", go_on
    yield "policy, mode and ladder go on", under_the_same
    yield "the baseline goes on", baseline
    yield "a chain of three", same_again
    yield "what cannot go on", refusals
    yield "what was cut is handed over", cut
    yield "a run that was killed goes on", killed
    yield "Claude Code goes on by itself", claude
