# SPDX-License-Identifier: Apache-2.0
"""Phases: told by tool calls, bounded each by itself, set by hand, and shown."""
import json
import os
import pathlib
import shlex
import subprocess
import sys

import scripted
from world import PATIENCE_S, await_line, expect_line, finish

WORKER = str(pathlib.Path(__file__).resolve().parent / "worker.py")
DIALECTS = ("anthropic", "chat", "responses", "gemini")
CENT = 1_000_000
BASE, TESTS = "implementation", "verification"


def shell(*lines):
    """An answer that runs the lines."""
    return {"tool_calls": len(lines), "tool_inputs": [{"command": line} for line in lines],
            "tool_names": ["Bash"]}


def editing():
    return {"tool_calls": 1, "tool_names": ["Edit"], "tool_inputs": [{"file_path": "a.py"}]}


def script(world, *answers):
    prices = {name: scripted.prices(world.pawl, name)
              for name in ("claude-sonnet-4-5", "gpt-4o", "gemini-2.5-flash")}
    world.provider.control(prices=prices, queue=list(answers), default={"reply_tokens": 20})


def work(world, options, *words, **arguments):
    """The worker's lines, the card, the run's status and the other lines of stderr."""
    status, stdout, card, lines = world.card(options, [sys.executable, WORKER, *words],
                                             **arguments)
    return stdout.splitlines(), card, status, lines


def of(card, phase):
    return next(stand for stand in card["phases"] if stand["phase"] == phase)


def amounts(card, phase, key="spent"):
    return {unit["unit"]: unit.get(key) for unit in of(card, phase)["units"]}


def rows(world, kind):
    done = world.tell("show", "last", "--json")
    assert done.returncode == 0, done.stderr
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == kind]


ROUND = (shell("pytest -q"), editing(), shell("ls"), shell("cat a", "cd x && npm test"),
         shell("git status"), {})
PHASES = [BASE, TESTS, BASE, BASE, TESTS, TESTS]


def by_tool_calls(dialect, *words):
    """What reads a test's output is verification, until something is edited or the turn ends."""
    def body(world):
        script(world, *ROUND)
        lines, card, status, _ = work(world, [], dialect, *words)
        assert status == 0, lines
        assert lines == [f"phase {phase}" for phase in PHASES], lines
        calls = rows(world, "call")
        assert [call["reserve"]["phase"] for call in calls] == PHASES, calls
        for phase in (BASE, TESTS):
            spent = amounts(card, phase)
            mine = [call for call in calls if call["reserve"]["phase"] == phase]
            assert spent["USD_MICROCENTS"] == sum(c["spent"]["usd"]["amount"] for c in mine)
            assert spent["TOKENS"] == sum(c["spent"]["tokens"]["amount"] for c in mine)
            assert spent["ITERATIONS"] == len(mine) == 3, card
        assert world.bill() == sum(amounts(card, p)["USD_MICROCENTS"] for p in (BASE, TESTS))
        took = sum(amounts(card, p)["WALL_CLOCK_MS"] for p in (BASE, TESTS))
        assert abs(took - card["consumed"]["WALL_CLOCK_MS"]) <= 100, card
        assert amounts(card, TESTS, "limit")["USD_MICROCENTS"] == 60 * CENT, card
        shown = rows(world, "phase")
        assert [(row["phase"], row["calls"]) for row in shown] == [(BASE, 3), (TESTS, 3)], shown
        assert "verification: 3 calls" in world.tell("show", "last").stdout
        assert world.tell("verify").returncode == 0
    return body


def beside(world):
    """Another conversation has a phase of its own, and moves nobody's."""
    script(world, *[answer for pair in zip([{}] * 6, ROUND) for answer in pair])
    lines, _, status, _ = work(world, [], "anthropic", "beside")
    assert status == 0, lines
    assert lines[1::2] == [f"phase {phase}" for phase in PHASES], lines
    assert set(lines[0::2]) == {f"phase {BASE}"}, lines


def at_the_limit(dialect, *words):
    """One test too many is not run, and what comes then goes on, in the base."""
    def body(world):
        tests = [shell("make check")] * 6
        script(world, *tests, editing(), {})
        lines, card, status, notes = work(world, ["--phase", "verification=iterations=2"], dialect,
                                          "again", *words)
        assert status == 0, (lines, notes)
        cut = [line for line in lines if not line.startswith("phase")]
        assert len(cut) == 4 and lines[:2] == [f"phase {BASE}", f"phase {TESTS}"], lines
        for line in cut:
            assert "verification has used 2 of its 2 model calls." in line or words, line
            assert "implementation has" in line and "pawl phase run_" in line, line
        assert amounts(card, TESTS)["ITERATIONS"] == 2 and of(card, TESTS)["closed"], card
        assert card["refusals"] == 4 and not card["hard_stop"] and card["why"] == "completed", card
        assert sum("verification is at its limit: 2 of 2 model calls" in n for n in notes) == 1
        refused = [row for row in rows(world, "call") if row["state"] == "refused"]
        assert {(row["reason"], row["refusal"]["phase"]) for row in refused} == {
            ("phase", TESTS)}, refused
        assert card["consumed"]["USD_MICROCENTS"] == world.bill()
    return body


def money(world):
    """Not a cent more than the phase's own dollars, and all of it where it belongs."""
    world.provider.control(default={"reply_tokens": 150})
    script(world, *[shell("pytest")] * 30)
    lines, card, _, _ = work(world, ["--phase", "verification=$0.02", "--max-iterations", "20"],
                             "anthropic", "again")
    spent = amounts(card, TESTS)["USD_MICROCENTS"]
    assert 0 < spent <= 2 * CENT, card
    assert of(card, TESTS)["closed"], card
    assert any("of its $0.02" in line for line in lines), lines


def halts(world):
    """A phase that halts ends the run as a cap does."""
    script(world, *[shell("make check")] * 6)
    lines, card, status, _ = work(
        world, ["--phase", "verification=iterations=1,on_limit=halt"], "anthropic", "again")
    assert status == 124 and card["why"] == "cap" and card["unit"] == "ITERATIONS", card
    assert "is stopped" in lines[-1], lines
    assert of(card, TESTS)["on_limit"] == "halt", card


def halted_goes_on(world):
    """The run that goes on has what the phases had and have spent; what is named is added."""
    script(world, *[shell("make check")] * 9)
    halting = ["--phase", "verification=iterations=1,$0.50,on_limit=halt", "--phase", "docs=10m"]
    lines, card, status, notes = work(world, halting, "anthropic")
    first = card["run"]
    assert status == 124 and card["phase"] == TESTS, card
    words = f"to go on: pawl run --resume {world.named(first)} --phase verification=iterations=1"
    assert words in lines[-1] and any(words in note for note in notes), lines

    def resume(*options):
        done = subprocess.run(
            [world.pawl, "run", "--data-dir", world.data, "--json-card", "--resume", "last",
             *options], text=True, capture_output=True, check=False, env=world.environment(),
            stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        return done, json.loads(done.stderr.splitlines()[-1]) if done.returncode == 124 else None
    done, _ = resume()
    assert done.returncode == 1 and (f"at the ceiling of verification. Add to it: pawl run "
                                     f"--resume {first} --phase verification=iterations=1"
                                     ) in done.stderr, done
    done, second = resume("--phase", "verification=iterations=2,usd=0.25")
    assert second is not None and second["phase"] == TESTS, done
    assert "verification up to $0.75 ($" in done.stderr and "used before)" in done.stderr, done
    assert amounts(second, TESTS, "limit") == {
        **amounts(second, TESTS, "limit"), "ITERATIONS": 3, "USD_MICROCENTS": 75 * CENT}, second
    assert amounts(second, TESTS)["ITERATIONS"] == 3, second
    assert amounts(second, BASE)["ITERATIONS"] == 2, second
    spent = [amounts(c, TESTS)["USD_MICROCENTS"] for c in (card, second)]
    assert spent[1] > spent[0] > 0, spent
    whole = sum(amounts(second, phase)["USD_MICROCENTS"] for phase in (BASE, TESTS, "docs"))
    assert whole == sum(c["consumed"]["USD_MICROCENTS"] for c in (card, second)), second
    assert amounts(second, "docs", "limit")["WALL_CLOCK_MS"] == 600_000, second
    assert of(second, TESTS)["on_limit"] == "halt" and second["consumed"]["ITERATIONS"] == 3
    assert world.tell("verify").returncode == 0


def killed_goes_on(world):
    """Also where pawl was killed in between."""
    script(world, shell("pytest"), {}, {})
    process = world.start(["--phase", "verification=iterations=5"],
                          [sys.executable, WORKER, "anthropic", "listen"])
    for phase in (BASE, TESTS):
        process.stdin.write("go\n")
        process.stdin.flush()
        assert expect_line(process, "phase") == f"phase {phase}"
    process.kill()
    process.wait()
    done = subprocess.run(
        [world.pawl, "run", "--data-dir", world.data, "--json-card", "--resume", "last", "--",
         "true"], text=True, capture_output=True, check=False, env=world.environment(),
        stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    card = json.loads(done.stderr.splitlines()[-1])
    assert amounts(card, TESTS, "limit")["ITERATIONS"] == 5, card
    assert amounts(card, TESTS)["ITERATIONS"] + amounts(card, BASE)["ITERATIONS"] == 2, card


def halted_given_more(world):
    """Where somebody is there, more for the phase lifts its stop."""
    script(world, *[shell("make check")] * 3, {})
    worker = shlex.join([sys.executable, WORKER, "anthropic"])
    process = world.start(["--attended", "--phase", "verification=iterations=1,on_limit=halt"],
                          ["sh", "-c", f"{worker}; read line; exec {worker}"])
    assert expect_line(process, "phase") == f"phase {BASE}"
    line = expect_line(process, "refused")
    assert "pawl approve run_" in line and "--phase verification --add-iterations 1" in line, line
    assert json.loads(world.tell("status", "last", "--json").stdout)["latched"] is not None
    done = world.tell("approve", "last", "--phase", TESTS, "--add-iterations", "2")
    assert done.returncode == 0, done
    status = json.loads(world.tell("status", "last", "--json").stdout)
    assert status["latched"] is None, status
    process.stdin.write("go\n")
    process.stdin.flush()
    assert [expect_line(process, "phase") for _ in range(2)][1] == f"phase {TESTS}"
    assert finish(process)[0] == 0
    assert world.tell("verify").returncode == 0


def hooks(world):
    """A hook says no to one tool, and the agent works on."""
    script(world, *[shell("make check")] * 4, editing(), {})
    hook = f"{world.pawl} hook claude --data-dir {world.data}"
    lines, card, status, _ = work(world, ["--phase", "verification=iterations=1"], "anthropic",
                                  "hook", env=world.environment(HOOK=hook))
    assert status == 0, lines
    denied = [line for line in lines if line.startswith("denied")]
    assert len(denied) == 3 and all(line.startswith("denied goes on pawl: verification has used")
                                    for line in denied), lines
    assert [line for line in lines if line.startswith("phase")] == [
        f"phase {p}" for p in (BASE, TESTS, BASE, BASE, BASE, BASE)], lines
    assert card["consumed"]["TOOL_CALLS"] == 5 and card["refusals"] == 3, card


def told(world):
    """At the hook the agent is told what its phase has left: at first, and at thresholds."""
    script(world, *[shell("pytest")] * 4, shell("ls"), {})
    hook = f"{world.pawl} hook claude --data-dir {world.data}"
    lines, _, status, _ = work(world, ["--phase", "verification=iterations=20"], "anthropic",
                               "hook", env=world.environment(HOOK=hook))
    assert status == 0 and len(lines) == 7, lines
    assert [line for line in lines if not line.startswith("phase")] == [
        "told pawl: this is verification, which has $0.60 of $0.60, 20 of 20 model calls left. "
        "When that is used up, no more of it is run."], lines
    script(world, *[shell("pytest")] * 4, {})
    lines, _, status, _ = work(world, ["--phase", "verification=iterations=4,on_limit=ask"],
                               "anthropic", "hook", env=world.environment(HOOK=hook))
    left = [line.split(", ")[2].split(" left")[0] for line in lines if line.startswith("told")]
    assert status == 0 and left == [f"{n} of 4 model calls" for n in (4, 2, 1)], lines


def prompted(world):
    """A prompt's hook says nothing and asks nothing, even where there is no run."""
    for event in ("UserPromptSubmit", "BeforeAgent", "AfterTool"):
        for run in ("run_01m8hkd2x68g1etw", "nonsense"):
            done = subprocess.run(
                [world.pawl, "hook", "claude", "--run", run, "--data-dir", world.data],
                input=json.dumps({"hook_event_name": event, "prompt": "go"}), text=True,
                capture_output=True, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (event, done)


def by_hand(world):
    """What somebody says counts for more than what the tools say, until it is taken back."""
    script(world, shell("ls"), shell("pytest"), shell("pytest"), shell("ls"), {})
    process = world.start(["--phase", "docs=$0.50"],
                          [sys.executable, WORKER, "anthropic", "listen"])

    def step():
        process.stdin.write("go\n")
        process.stdin.flush()
        return expect_line(process, "phase")
    assert step() == f"phase {BASE}"
    done = world.tell("phase", "last", "docs")
    assert done.returncode == 0 and "now, by hand" in done.stdout, done
    assert [step(), step()] == ["phase docs"] * 2
    assert json.loads(world.tell("phase", "--json").stdout)["phase"] == "docs"
    wrong = world.tell("phase", "last", "nonsense")
    assert wrong.returncode == 1 and "there is no phase 'nonsense'" in wrong.stderr, wrong
    assert world.tell("phase", "last", "auto").returncode == 0
    assert step() == f"phase {TESTS}"
    step()
    status, _, stderr = finish(process)
    assert status == 0 and "docs: $0.00" in stderr and " of $0.50" in stderr, stderr


def more(world):
    """A phase that was given more is open again."""
    script(world, *[shell("pytest")] * 3, editing(), shell("pytest"), {})
    process = world.start(["--phase", "verification=iterations=1"],
                          [sys.executable, WORKER, "anthropic", "again", "listen"])

    def step(word):
        process.stdin.write("go\n")
        process.stdin.flush()
        return expect_line(process, word)
    assert step("phase") == f"phase {BASE}"
    assert "verification has used 1 of its 1 model call." in step("refused")
    none = world.tell("phase", "last", TESTS, "--add-tool-calls", "5")
    assert none.returncode == 1 and "no ceiling of that kind" in none.stderr, none
    given = world.tell("phase", "last", TESTS, "--add-iterations", "2")
    assert given.returncode == 0 and "1 of 3" in given.stdout, given
    assert [step("phase") for _ in range(4)] == [f"phase {p}" for p in (BASE, TESTS) * 2]
    assert finish(process)[0] == 0


def time_is_up(world):
    """Time passes in a phase while its tools run; at its end no more of it is run."""
    script(world, shell("pytest"), shell("pytest"), editing(), {})
    process = world.start(["--phase", "verification=1s"],
                          [sys.executable, WORKER, "anthropic", "again", "listen"])
    process.stdin.write("go\n")
    process.stdin.flush()
    assert expect_line(process, "phase") == f"phase {BASE}"
    for line in process.stderr:
        if "verification is at its limit" in line:
            break
    assert " of 1s" in line, line
    for _ in range(8):
        process.stdin.write("go\n")
    process.stdin.flush()
    process.stdin.close()
    stdout = process.stdout.read()
    process.stdin = None
    assert stdout.splitlines()[0].startswith("refused 402 pawl: verification has used 1"), stdout
    assert process.wait(PATIENCE_S) == 0, stdout


def killed(world):
    """pawl killed in the middle of a phase: what was acknowledged stays, phase by phase."""
    script(world, shell("pytest"), {"hang_head": True})
    process = world.start([], [sys.executable, WORKER, "anthropic"])
    assert expect_line(process, "phase") == f"phase {BASE}"
    world.provider.request("/wait?calls=2")
    process.kill()
    process.wait()
    world.await_unlocked()
    calls = rows(world, "call")
    assert [(call["reserve"]["phase"], call["state"]) for call in calls] == [
        (BASE, "settled"), (TESTS, "unconfirmed")], calls
    assert world.tell("verify").returncode == 0


def asking(world, words, flags="iterations=1"):
    return world.start(["--attended", "--phase", f"verification={flags},on_limit=ask"],
                       [sys.executable, WORKER, *words])


def ask_and_answer(dialect, *words):
    """What reads the test waits for a yes; a no lets it go on in the base, and ends the phase."""
    def body(world):
        script(world, *[shell("pytest")] * 5, editing(), {})
        process = asking(world, [dialect, "again", *words])
        await_line(process, "phases      verification up to $0.60, 1 model call (then it asks)")
        line = await_line(process, "verification has used 1 of its 1 model call")
        run = line.split("pawl approve ")[1].split()[0]
        named = world.named(run)
        assert f"Yes: pawl approve {named} --phase verification --add-iterations 1 " in line, line
        assert f"pawl deny {named} --phase verification" in line, line
        status = json.loads(world.tell("status", run, "--json").stdout)
        assert (status["question"], status["question_phase"], status["latched"]) == (
            "phase", TESTS, None), status
        done = world.tell("approve", run, "--phase", TESTS)
        assert done.returncode == 0 and "1 model call more: 2 in all, 1 spent" in done.stdout, done
        assert " gave verification 1 model call more (2 in all); it goes on" in await_line(
            process, "gave")
        await_line(process, "verification has used 2 of its 2 model calls")
        done = world.tell("deny", run)
        assert done.returncode == 0 and f"verification of {run} is told no" in done.stdout, done
        status, stdout, stderr = finish(process)
        lines = stdout.splitlines()
        assert status == 0, (lines, stderr)
        phases = [line for line in lines if line.startswith("phase")]
        assert phases[:4] == [f"phase {p}" for p in (BASE, TESTS, TESTS, BASE)], lines
        assert TESTS not in "".join(phases[4:]), lines
        refused = [line for line in lines if not line.startswith("phase")]
        assert len(refused) == 2 and (words or "and more was denied" in refused[0]), lines
        kinds = [(row["kind"], row["state"], row["phase"], row["asked"])
                 for row in rows(world, "approval")]
        one = [{"unit": "ITERATIONS", "amount": 1}]
        assert kinds == [("phase", "approved", TESTS, one), ("phase", "denied", TESTS, one)], kinds
        assert " 1 model call more for verification" in world.tell("show", run).stdout
        assert world.tell("verify").returncode == 0
    return body


def ask_at_the_hook(world):
    """The hook's own question waits: with the yes the tool runs, with the no it does not."""
    script(world, *[shell("pytest")] * 4, editing(), {})
    hook = f"{world.pawl} hook claude --data-dir {world.data}"
    process = world.start(["--attended", "--phase", "verification=iterations=1,on_limit=ask"],
                          [sys.executable, WORKER, "anthropic", "hook"],
                          env=world.environment(HOOK=hook))
    await_line(process, "verification has used 1 of its 1 model call")
    assert world.tell("approve", "last", "--add-usd", "1.00").returncode == 0
    await_line(process, "the run goes on")
    assert json.loads(world.tell("status", "last", "--json").stdout)["question"] == "phase"
    done = world.tell("approve", "last", "--phase", TESTS, "--add-iterations", "1")
    assert done.returncode == 0 and done.stdout.startswith("verification of run_"), done
    await_line(process, "verification has used 2 of its 2 model calls")
    done = world.tell("deny", "last", "--phase", TESTS)
    assert done.returncode == 0, done
    status, stdout, _ = finish(process)
    lines = stdout.splitlines()
    assert status == 0, lines
    denied = [line for line in lines if line.startswith("denied")]
    assert len(denied) == 2 and "denied goes on pawl: verification has used 2 of its 2 model " \
        "calls, and more was denied. implementation has" in denied[0], lines
    assert [line for line in lines if line.startswith("phase")] == [
        f"phase {p}" for p in (BASE, TESTS, TESTS, BASE, BASE, BASE)], lines


def ask_unheard(world):
    """Nobody answers in time: it goes on without; and a late yes opens the phase again."""
    script(world, *[shell("pytest")] * 2, shell("ls"), shell("pytest"), {}, {})
    process = asking(world, ["anthropic", "hasty", "again", "listen"])

    def step(word):
        process.stdin.write("go\n")
        process.stdin.flush()
        return expect_line(process, word)
    assert [step("phase"), step("phase")] == [f"phase {BASE}", f"phase {TESTS}"]
    assert step("phase") == f"phase {BASE}"
    line = step("refused")
    assert "1 of its 1 model call, and nobody has answered yet. implementation has" in line, line
    assert "--phase verification --add-iterations 1" in line, line
    assert world.tell("approve", "last").returncode == 0
    world.provider.control(queue=[shell("pytest"), {}], default={"reply_tokens": 20})
    assert [step("phase"), step("phase")] == [f"phase {BASE}", f"phase {TESTS}"]
    assert finish(process)[0] == 0


def ask_nobody(world):
    """Without a person it is a phase that refuses, and says so."""
    script(world, *[shell("make check")] * 3, editing(), {})
    lines, card, status, notes = work(
        world, ["--unattended", "--phase", "verification=iterations=1,on_limit=ask"], "anthropic",
        "again")
    assert status == 0 and card["why"] == "completed", card
    assert len([line for line in lines if line.startswith("refused")]) == 2, lines
    assert any("Nobody is there to ask, so no more of it is run" in note for note in notes), notes
    assert of(card, TESTS)["on_limit"] == "ask" and not card["approvals_asked"], card


def ask_an_approver(world):
    """The question goes where the run's would, and says which phase it is about."""
    seen = pathlib.Path(world.folder.name, "seen")
    script(world, *[shell("pytest")] * 2, {})
    answer = f"{shlex.quote(world.pawl)} approve \"$PAWL_RUN\" --phase verification"
    _, card, status, notes = work(
        world, ["--approver", f"cat > {shlex.quote(str(seen))}; {answer}",
                "--phase", "verification=iterations=1,on_limit=ask"], "anthropic")
    assert status == 0, notes
    asked = json.loads(seen.read_text())
    assert (asked["question"], asked["phase"]) == ("phase", TESTS), asked
    assert asked["approve"] == f"pawl approve {card['run']} --phase verification", asked
    assert "verification has used 1 of its 1 model call" in asked["text"], asked
    assert amounts(card, TESTS)["ITERATIONS"] == 2 and card["approvals_given"] == 1, card


def answers_for_phases(world):
    """What makes no sense is told, and what is given without a question is written down."""
    script(world, shell("ls"), {})
    process = asking(world, ["anthropic", "listen"])
    process.stdin.write("\n")
    process.stdin.flush()
    expect_line(process, "phase")  # It has called: the run is there to be asked.
    for words, told in ((("approve", "last", "--phase", "nonsense"), "no phase 'nonsense'"),
                        (("deny", "last", "--phase", TESTS), "verification asks for nothing now"),
                        (("approve", "last", "--phase", TESTS), "say how much it gets"),
                        (("approve", "last", "--phase", TESTS, "--add-time", "1m"),
                         "has no ceiling of that kind")):
        done = world.tell(*words)
        assert done.returncode == 1 and told in done.stderr, done
    assert world.tell("phase", "last", TESTS, "--add-iterations", "2").returncode == 0
    assert finish(process, "\n" * 3)[0] == 0
    row, = rows(world, "approval")
    assert row["unasked"] and row["phase"] == TESTS and row["by"], row
    assert row["given"] == [{"unit": "ITERATIONS", "amount": 2}], row


def by_policy(world):
    """Patterns and ceilings of the user's own, from a file."""
    path = os.path.join(world.folder.name, "ours.yaml")
    pathlib.Path(path).write_text(
        "phases:\n  verification:\n    usd: 10%\n    match: \"./smoke.sh, mcp__ci__*\"\n"
        "  release:\n    match: gh release\n    tool_calls: 3\n    on_limit: halt\n")
    script(world, shell("sudo ./smoke.sh --all"), shell("gh release create v1"), shell("ls"), {})
    lines, card, status, _ = work(world, ["-p", path], "chat")
    assert status == 0 and lines == [f"phase {p}" for p in (BASE, TESTS, "release", "release")]
    assert amounts(card, TESTS, "limit")["USD_MICROCENTS"] == 15 * CENT, card
    assert amounts(card, "release", "limit")["TOOL_CALLS"] == 3, card
    assert amounts(card, "release")["TOOL_CALLS"] == 2, card


def mistakes(world):
    for flag, words in (("verification", "it wants a ceiling"), ("=1m", "a phase's name"),
                        ("v=$x", "not '$x'"), ("v=0%", "not '0%'"), ("v=calls=3", "not 'calls=3'"),
                        ("auto=1m", "a phase's name"),
                        ("v=on_limit=pause", "not 'pause': a phase's ceiling never begins anew"),
                        ("v=on_limit=summary", "a summary is the last call of a run"),
                        ("v=on_limit=x", "v's on_limit takes refuse, halt or ask, not 'x'")):
        done = subprocess.run([world.pawl, "run", "--phase", flag, "--", "true"], text=True,
                              capture_output=True, check=False)
        assert done.returncode == 2 and words in done.stderr, (flag, done)
    for flag in ("v=$0.40,10m", "v=40%", "v=0.40", "v=200K,tool_calls=20,iterations=10%"):
        status, _, _ = world.run(["--phase", flag], ["true"])
        assert status == 0, flag
    assert world.tell("phase", "last").returncode == 1


def tests(_):
    yield from ((f"told by tool calls: {dialect}{' ' * bool(words)}{' '.join(words)}",
                 by_tool_calls(dialect, *words))
                for dialect in DIALECTS for words in ((), ("stream",)))
    yield "a conversation beside it", beside
    yield from ((f"at its limit: {dialect}{' ' * bool(words)}{' '.join(words)}",
                 at_the_limit(dialect, *words))
                for dialect in DIALECTS for words in ((), ("stream",)))
    yield "in dollars", money
    yield "a phase that halts", halts
    yield "a phase that halted goes on", halted_goes_on
    yield "a killed run's phases go on", killed_goes_on
    yield "a phase that halted is given more", halted_given_more
    yield "with hooks", hooks
    yield "told at the hook", told
    yield "prompts at the hook", prompted
    yield from ((f"asks: {dialect}{' ' * bool(words)}{' '.join(words)}",
                 ask_and_answer(dialect, *words))
                for dialect, *words in (("anthropic",), ("responses", "stream"), ("gemini",)))
    yield "asks at the hook", ask_at_the_hook
    yield "asks in vain", ask_unheard
    yield "asks where nobody is", ask_nobody
    yield "asks through an approver", ask_an_approver
    yield "answers for phases", answers_for_phases
    yield "set by hand", by_hand
    yield "given more", more
    yield "its time is up", time_is_up
    yield "pawl killed in it", killed
    yield "patterns and ceilings from a file", by_policy
    yield "flags that say nothing", mistakes
