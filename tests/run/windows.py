# SPDX-License-Identifier: Apache-2.0
"""Windows of an account, with real processes: runs that share one, a run that is killed, what the
provider corrects, the reset, and what a person says of an account.
"""
import json
import os
import pathlib
import re
import subprocess
import time

from control import ask
from world import PATIENCE_S, await_line, expect_line, finish

KEY = {"ANTHROPIC_API_KEY": "sk-ant-secret"}  # what the agent goes out on
FAR_S = 4500


def told(used, resets_in_s=FAR_S, status="allowed"):
    return {"anthropic-ratelimit-unified-5h-utilization": str(used),
            "anthropic-ratelimit-unified-5h-status": status,
            "anthropic-ratelimit-unified-5h-reset": str(int(time.time()) + resets_in_s)}


def refusal(resets_in_s):
    return {"status": 429, "headers": told("1.0", resets_in_s, "rejected")}


def accounts(world):
    done = world.tell("accounts", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def window(world):
    """The only window of the only account."""
    account, = accounts(world)
    found, = account["windows"]
    return found


def add(world, *options):
    done = world.tell("accounts", "add", "ANTHROPIC_API_KEY", *options,
                      env=world.environment(**KEY))
    assert done.returncode == 0, done.stderr


def await_window(world, wanted):
    """The window as soon as it is as wanted: a call is booked a moment after its answer's end."""
    until = time.monotonic() + PATIENCE_S
    while not wanted(found := window(world)):
        assert time.monotonic() < until, found
    return found


def tokens_billed(world):
    """What a window in tokens counts, as the provider has it, call by call."""
    rows = world.provider.ledger()["calls"]
    return [row["billed"]["input"] + row["billed"]["output"] for row in rows]


def shared(world):
    """Two at once use up one window, which stops both; the next one is told before it begins."""
    world.provider.control(default={"reply_tokens": 100})
    add(world, "--name", "work", "--window", "5h=3000")
    runs = [world.start(["--max-usd", "5"], "until", env=KEY) for _ in range(2)]
    ends = [finish(run) for run in runs]
    for status, stdout, stderr in ends:
        assert status == 124, (status, stderr)
        assert "the 5h window of the account work is used up by pawl's count" in stdout, stdout
        assert "  account     work: anthropic api, by ANTHROPIC_API_KEY\n" in stderr, stderr
    billed = tokens_billed(world)
    used = sum(billed)
    assert 3000 <= used and used - sum(billed[-2:]) < 3000, billed
    found = window(world)
    assert found["used_bp"] == -(-used * 10000 // 3000), (found, used)
    assert found["resets_guessed"] and found["tokens_left"] == 0, found
    spent = sum(run["spent"]["tokens"]["amount"] for run in world.runs())
    assert spent == used, (spent, used)
    status, _, stderr = world.run(["--max-usd", "5", "--max-tokens", "2000"], "call", env=KEY)
    assert status == 124 and "it does NOT fit" in stderr, stderr
    assert len(world.provider.bodies()) == len(world.provider.ledger()["calls"])
    shown = world.tell("status").stdout
    assert "work" in shown and "(in 4h 59m)" in shown or "(in 5h)" in shown, shown


def booked(world):
    """In tokens, on the only account, to the last one: shares are rounded."""
    file, = pathlib.Path(world.data, "accounts").glob("*.json")
    return json.loads(file.read_text())["booked"]["tokens"]


def in_the_air(world, *steps):
    """A run whose pawl is killed with one call under way, after some steps."""
    process = world.start([], *steps, "part:2000", "say:open", "wait", env=KEY)
    expect_line(process, "first")
    expect_line(process, "open")
    process.kill()
    finish(process)


def killed(world):
    """What a run used that is killed -9 stays used, and the call that it had in the air is booked
    by who settles it, at what was held, once."""
    world.provider.control(default={"reply_tokens": 100}, queue=[{}, {}, {"hang_after": 2}])
    add(world, "--window", "5h=1M")
    process = world.start([], "call", "call", "say:two", "listen", "part:2000", "wait", env=KEY)
    expect_line(process, "two")
    left = 1_000_000 - sum(tokens_billed(world))
    await_window(world, lambda found: left - 100 <= found["tokens_left"] <= left)
    before = window(world)
    process.stdin.write("go\n")
    process.stdin.flush()
    for word in ("heard", "first"):
        expect_line(process, word)
    process.kill()
    finish(process)
    run, = world.runs()
    after = window(world)
    spent = run["spent"]["tokens"]["amount"]
    assert spent > 2000 + 1_000_000 - left, (run, left)  # the third at what was held
    assert booked(world) == spent and after["used_bp"] == -(-spent // 100), (after, spent)
    assert after["resets_at_ms"] == before["resets_at_ms"], (before, after)
    assert world.runs() == [run] and window(world) == after and booked(world) == spent
    status, _, _ = world.run([], "call", env=KEY)
    assert status == 0
    assert window(world)["used_bp"] > after["used_bp"]


def settled_once(world):
    """Settlers that are killed at any moment, and several at once, book the same call once; and one
    that is the first ever on its account begins its window."""
    add(world, "--window", "5h=1M")
    for turn in range(6):
        before = booked(world)
        world.provider.control(queue=[{}] * (turn % 2) + [{"hang_after": 2}])
        in_the_air(world, *["call"] * (turn % 2))
        for milliseconds in range(1, 16, 2):
            world.tell_and_kill((milliseconds + turn) / 1000, "runs")
        readers = [subprocess.Popen([world.pawl, *words, "--data-dir", world.data],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for words in (("runs",), ("show", "last"), ("runs", "--json"), ("accounts",))]
        for reader in readers:
            _, stderr = reader.communicate(timeout=PATIENCE_S)
            assert reader.returncode == 0, stderr
        run = world.runs()[0]
        assert run["reason"] == "killed" and run["unconfirmed"]["amount"] > 0, run
        assert booked(world) - before == run["spent"]["tokens"]["amount"], (before, run)
        reset = window(world)["resets_at_ms"]
        # As if its settler had died before its last word.
        sum_now = booked(world)
        pathlib.Path(world.data, "runs", run["run"], "lock").write_text("open\n")
        assert world.runs()[0]["spent"] == run["spent"] and booked(world) == sum_now
        assert world.tell("verify", "last").returncode == 0
    assert abs(reset - 5 * 3_600_000 - world.runs()[-1]["started_ms"]) < 60_000, reset


def told_since(world):
    """What a provider has told after the call went out has it in it."""
    world.provider.control(queue=[{"headers": told("0.40")}, {"hang_after": 2}])
    add(world, "--window", "5h=10K")
    in_the_air(world, "call")
    world.provider.control(queue=[{"headers": told("0.60")}])
    assert world.run([], "call", env=KEY)[0] == 0
    assert window(world)["used_bp"] == 6000
    assert [run["reason"] for run in world.runs()] == ["completed", "killed"]
    assert window(world)["used_bp"] == 6000


def looked_at(world):
    """Who looks at accounts sees what is settled: nobody has to ask for runs first."""
    world.provider.control(queue=[{"hang_after": 2}])
    add(world, "--window", "5h=1M")
    in_the_air(world)
    assert window(world)["tokens_left"] < 1_000_000 - 2000
    world.provider.control(queue=[{"hang_after": 2}])
    in_the_air(world)
    done = world.tell("status")
    assert done.returncode == 0, done
    assert world.runs()[0]["reason"] == "killed"


def corrected(world):
    """Between answers that tell, pawl counts on; what is told holds, up and down."""
    world.provider.control(default={"reply_tokens": 100},
                           queue=[{"headers": told("0.40")}, {}, {"headers": told("0.90")},
                                  {"headers": told("0.25")}])
    add(world, "--window", "5h=10K")
    process = world.start([], "call", "say:40", "listen", "call", "say:more", "listen", "call",
                          "say:90", "listen", "call", "say:25", env=KEY)
    expect_line(process, "40")
    await_window(world, lambda found: found["used_bp"] == 4000)
    shown = world.tell("status").stdout
    assert " 5h " in shown and "40.0%" in shown and "(in 1h 1" in shown, shown
    for word, lowest, highest in (("more", 4001, 5500), ("90", 9000, 9000), ("25", 2500, 2500)):
        process.stdin.write("go\n")
        process.stdin.flush()
        expect_line(process, "heard")
        expect_line(process, word)
        await_window(world, lambda found: lowest <= found["used_bp"] <= highest)
    assert finish(process)[0] == 0


def waits(world):
    """Under `wait` a call is held until the window begins anew, and nothing stops."""
    world.provider.control(default={"reply_tokens": 5, "headers": told("0.01", FAR_S)},
                           queue=[refusal(2)])
    status, stdout, card, _ = world.card(["--at-window", "wait"], "call", "call", "say:done",
                                         env=KEY)
    assert stdout.splitlines()[0].startswith("refused 429"), stdout
    assert stdout.splitlines()[1:] == ["done"] and status == 1, (stdout, card)
    assert len(world.provider.ledger()["calls"]) == 2


def goes_on(world):
    """A run that a window stopped goes on by itself when it begins anew, if it still lives."""
    # Until then a busy machine has to come to the second call.
    world.provider.control(default={"reply_tokens": 5}, queue=[refusal(12)])
    process = world.start(["--attended"], "call", "call", "say:stopped", "listen", "call",
                          "say:done", env=KEY)
    expect_line(process, "refused 429")
    line = expect_line(process, "refused 402")
    assert re.search(r" Run run_\w+ is stopped until then: ask again after that$", line), line
    expect_line(process, "stopped")
    await_line(process, "has begun anew; calls go on")
    status, stdout, _ = finish(process, "go\n")
    assert "done" in stdout and "refused" not in stdout and status == 1, (status, stdout)
    assert len(world.provider.ledger()["calls"]) == 2


def unattended_stop(world):
    """Nobody is there: the run ends, as at a cap, after one refusal of the provider's."""
    world.provider.control(queue=[refusal(FAR_S)])
    status, _, card, lines = world.card(["--unattended"], "until", "call", env=KEY)
    assert status == 124, (status, card)
    assert len(world.provider.ledger()["calls"]) == 1
    assert any("stopped: the 5h window" in line for line in lines), lines
    shown = world.tell("show", "last").stdout
    assert "  stopped\n" in shown and "was killed" not in shown, shown


def another_run_is_told(world):
    """What one run learns, a run that waits beside it hears. That it waits, for what and until when
    is said, and everywhere where runs are shown."""
    world.provider.control(default={"reply_tokens": 5}, queue=[refusal(40)])
    waiting = world.start(["--at-window", "wait"], "call", "say:refused", "call", "say:done",
                          env=KEY)
    expect_line(waiting, "refused 429")
    expect_line(waiting, "refused")
    line = await_line(waiting, "goes on by itself then")
    assert re.match(r"pawl: the 5h window of this subscription is used up\. The agent waits until "
                    r"\d\d:\d\d:\d\d \(in \d+s\) and goes on .* To end it: "
                    r"pawl stop run_\w+ --data-dir \S+$",
                    line), line
    seen = ask(world, "GET")[1]
    assert seen["waiting"]["until_ms"] > seen["now_ms"] and "question" not in seen, seen
    for words, what in ((("status",), r" waits .*: the 5h window of .* It waits until \d"),
                        (("statusline",), r"waits until \d\d:\d\d:\d\d"),
                        (("top", "--once"), r" waits ")):
        shown = world.tell(*words).stdout
        assert re.search(what, shown, re.DOTALL), (words, shown)
    world.provider.control(default={"reply_tokens": 5, "headers": told("0.02", FAR_S)})
    status, stdout, _ = world.run(["--at-window", "pass"], "call", env=KEY)
    assert status == 0, stdout
    expect_line(waiting, "done")
    assert "pawl: the wait is over; the agent goes on\n" in finish(waiting)[2]


def asker_of_a_window_leaves(world):
    """Whose only client that waited has gone waits no more."""
    world.provider.control(default={"reply_tokens": 5}, queue=[refusal(40)])
    process = world.start(["--at-window", "wait"], "call",
                          "header:x-api-key:sk-ant-secret", "leave", "say:gone", "listen", env=KEY)
    await_line(process, "goes on by itself then")
    process.stdin.write("leave\n")
    process.stdin.flush()
    for word in ("refused 429", "sent", "left", "gone"):
        expect_line(process, word)
    until = time.monotonic() + PATIENCE_S
    while ask(world, "GET")[1]["waiting"] is not None:
        assert time.monotonic() < until, ask(world, "GET")
    assert "the wait is over" not in finish(process, "go\n")[2]


def nobody_looks(world):
    """A window that begins anew while no run lives is whole for whoever looks next."""
    world.provider.control(default={"reply_tokens": 5, "headers": told("0.97", 1)})
    assert world.run([], "call", env=KEY)[0] == 0
    found = await_window(world, lambda found: "resets_at_ms" not in found)
    assert found["used_bp"] == 0 and not found["refused"], found
    assert "begins with its next use" in world.tell("accounts").stdout
    _, _, stderr = world.run([], "say:x", env=KEY)
    assert "97.0% used" not in stderr, stderr  # ids, ports and times may hold a 97


def billing(world):
    """By the call, no window counts; as a plan, it does; the first line says which it is."""
    world.provider.control(default={"reply_tokens": 5}, queue=[refusal(FAR_S)])
    status, stdout, stderr = world.run(["--billing", "api"], "call", "call", "say:done", env=KEY)
    assert stdout.startswith("refused 429") and stdout.endswith("\ndone\n") and status == 1, stdout
    assert "  account     anthropic api as set, by ANTHROPIC_API_KEY" in stderr, stderr
    status, _, stderr = world.run(["--billing", "plan"], "call", env=KEY)
    assert status == 124, stderr
    assert "account     anthropic plan as set, by ANTHROPIC_API_KEY (dollars are" in stderr, stderr
    assert "5h window 100.0% used, calls are refused, resets" in stderr, stderr
    account, = accounts(world)
    assert world.tell("accounts", "set", account["account"][:6], "--billing", "api",
                      "--name", "mine").returncode == 0
    assert world.run([], "call", env=KEY)[0] == 0
    assert world.run(["--billing", "both"], "call")[0] == 2
    assert world.tell("accounts", "forget", "mine").returncode == 0
    assert accounts(world) == []


def only_a_person(world):
    """An agent does not widen its own window."""
    add(world, "--name", "work", "--window", "5h=1K")
    before = accounts(world)
    for words in (["set", "work", "--window", "5h=1M"], ["forget", "work"],
                  ["add", "ANTHROPIC_API_KEY", "--billing", "api"]):
        status, _, stderr = world.run(
            ["--no-card"], [world.pawl, "accounts", *words, "--data-dir", world.data], env=KEY)
        assert status == 1 and "from inside of a run" in stderr, (status, stderr)
    assert accounts(world) == before
    # What only looks may.
    status, stdout, _ = world.run(["--no-card"], [world.pawl, "accounts", "--data-dir",
                                                  world.data])
    assert status == 0 and "work" in stdout


def unknown(world):
    """Where no provider tells, it is said, and nothing waits."""
    world.provider.control(default={"reply_tokens": 5})
    status, _, stderr = world.run(["--billing", "plan"], "call", "call", env=KEY)
    assert status == 0 and "no windows are known: its provider has told of none" in stderr, stderr
    add(world, "--billing", "plan")
    shown = world.tell("accounts").stdout
    assert "none known" in shown and "sets one by hand" in shown, shown
    path = os.path.join(world.data, "accounts")
    assert not [name for name in os.listdir(path) if name.endswith(".new")]


def tests(_):
    yield "two runs share a window", shared
    yield "a run that is killed keeps what it used", killed
    yield "a killed run's call is booked once", settled_once
    yield "a killed run's call that was told since", told_since
    yield "accounts are shown settled", looked_at
    yield "what is told corrects up and down", corrected
    yield "a call waits until the reset", waits
    yield "a run that was stopped goes on at the reset", goes_on
    yield "nobody there: a window ends the run", unattended_stop
    yield "a run that waits hears what another was told", another_run_is_told
    yield "a run whose client would not wait for a reset", asker_of_a_window_leaves
    yield "a reset while nobody looks", nobody_looks
    yield "billing is told detected and set", billing
    yield "only a person changes accounts", only_a_person
    yield "windows that nobody tells of", unknown
