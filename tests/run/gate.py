# SPDX-License-Identifier: Apache-2.0
"""What needs a person's word before a call is judged: a dearer class of model, nobody there."""
import json
import re
import shlex
import sys
import time

from control import PATH, ask
from limits import rows
from world import AGENT, PATIENCE_S, World, await_line, expect_line, finish
import scripted

SONNET, OPUS, HAIKU = "claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"
CENT = 1_000_000


def priced(world):
    world.provider.control(prices={model: scripted.prices(world.pawl, model)
                                   for model in (SONNET, OPUS, HAIKU)})


def models(world):
    return [body["model"] for body in world.provider.bodies()]


def held(world, *steps, options=()):
    """A run that was begun with Sonnet and whose call of Opus is held."""
    priced(world)
    process = world.start(["--attended", "--model", SONNET, *options], "call", f"model:{OPUS}",
                          *steps)
    line = await_line(process, "would switch from")
    return process, line


def dearer_model_and_yes(world):
    """The question has the models and the dollars; a yes raises the cap and lets it go on."""
    process, line = held(world, "call", "call", "say:through", "listen")
    for words in (f"from {SONNET} to {OPUS}, estimated $", " instead of $",
                  "raise the cap from $1.50 to $", "Yes: pawl approve run_", "No: pawl deny run_"):
        assert words in line, line
    status = ask(world, "GET")[1]
    assert status["question"] == "model" and status["asking"][0]["unit"] == "USD_MICROCENTS"
    raise_by = status["asking"][0]["amount"]
    assert models(world) == [SONNET]
    for words in ((), ("last",)):
        shown = world.tell("status", *words).stdout
        assert line.removeprefix("pawl: ").strip() in shown, (line, shown)
    done = world.tell("approve", "last")
    assert done.returncode == 0 and re.search(
        rf" goes on with {OPUS}, about \$[0-9.]+ for this call in place of \$[0-9.]+ with "
        rf"{SONNET}; with \$[0-9.]+ more: \$[0-9.]+ in all, \$[0-9.]+ spent\n$", done.stdout), done
    expect_line(process, "through")
    assert ask(world, "GET")[1]["asking"] is None
    assert finish(process, "\n")[0] == 0
    assert models(world) == [SONNET, OPUS, OPUS]
    run = world.history().run
    assert run["limits"]["usd"]["amount"] == 150 * CENT + raise_by, run
    assert run["spent"]["usd"]["amount"] == world.bill()
    assert [row["state"] for row in rows(world, "approval")] == ["approved", "approved"]
    shown = world.tell("show", "last").stdout
    for words in (r"a switch to a dearer model", r"\$[0-9.]+ more"):
        assert re.search(rf"\napproved after [0-9a-z.]+ by \S+: {words}\n", shown), shown
    assert world.tell("verify").returncode == 0


def dearer_model_and_no(world):
    """The call is refused, the next of that class at once; the run goes on with its own model."""
    process, _ = held(world, "call", "call", f"model:{SONNET}", "call", "say:through", "listen")
    assert world.tell("deny", "last").returncode == 0
    for _ in range(2):
        assert "It was denied" in expect_line(process, "refused 402")
    expect_line(process, "through")
    _, stdout, stderr = finish(process, "\n")
    assert models(world) == [SONNET, SONNET]
    assert "calls of claude-opus-4-5 and dearer ones are refused" in stderr, stderr
    run = world.history().run
    assert run["refusals"] == 2 and not run["hard_stop"], run
    assert [row["reason"] for row in rows(world, "call") if row["state"] == "refused"] == [
        "model", "model"]
    assert [row["state"] for row in rows(world, "approval")] == ["denied"]


def asker_gone(world, *steps, options=()):
    """A run whose question about Opus has outlived its call."""
    priced(world)
    process = world.start(["--attended", "--model", SONNET, *options], "call", f"model:{OPUS}",
                          "leave", "listen", *steps)
    expect_line(process, "sent")
    await_line(process, "would switch from")
    process.stdin.write("leave\n")
    process.stdin.flush()
    expect_line(process, "left")
    return process


def no_without_its_asker(world):
    """The answer counts, though nobody waits for it any more."""
    process = asker_gone(world, "call", f"model:{SONNET}", "call", "say:through")
    assert world.tell("deny", "last").returncode == 0
    _, stdout, _ = finish(process, "go\n")
    assert "It was denied" in stdout and stdout.endswith("through\n"), stdout
    assert models(world) == [SONNET, SONNET]


def question_withdrawn(world):
    """A question about something else takes the place of one whose asker has gone, so that an
    answer is to what was told last."""
    process = asker_gone(world, f"model:{SONNET}", "call", "call",
                         options=("--max-iterations", "2", "--on-limit", "ask"))
    process.stdin.write("go\n")
    process.stdin.flush()
    await_line(process, "2 of 2 model calls used")
    assert ask(world, "GET")[1]["question"] == "more"
    assert world.tell("deny", "last").returncode == 0
    status, stdout, _ = finish(process)
    assert status == 124 and "refused" in stdout, (status, stdout)
    assert models(world) == [SONNET, SONNET]
    assert [row["state"] for row in rows(world, "approval")] == ["withdrawn", "denied"]
    assert "withdrawn, since its call went away" in world.tell("show", "last").stdout
    assert world.tell("verify").returncode == 0


def question_of_a_stopped_run(world):
    """The stop comes while another call waits for an answer: that one is refused with it, at once
    and for the stop's reason."""
    priced(world)
    agent = shlex.join([sys.executable, AGENT])
    asker = f"{agent} model:{OPUS} call"
    process = world.start(["--attended", "--model", SONNET, "--max-iterations", "1"],
                          ["sh", "-c", f"{asker} & {agent} listen call call; wait"])
    await_line(process, "would switch from")
    _, stdout, _ = finish(process, "go\n")
    refused = [line for line in stdout.splitlines() if line.startswith("refused")]
    assert len(refused) == 2 and all("1 of 1 model call used" in line for line in refused), stdout
    assert models(world) == [SONNET]


def dearer_model_and_nobody(world):
    """Unattended it is refused at once, without a question, in words that help."""
    priced(world)
    status, stdout, _ = world.run(["--model", SONNET], "call", f"model:{OPUS}", "call",
                                  f"model:{HAIKU}", "call")
    assert "would switch from claude-sonnet-4-5 to the dearer claude-opus-4-5" in stdout, stdout
    assert "--escalation allow" in stdout and status == 1, (status, stdout)
    assert models(world) == [SONNET, HAIKU] and not rows(world, "approval")


def dearer_model_by_policy(world):
    """forbid lets nobody say yes; allow asks nobody."""
    priced(world)
    _, stdout, _ = world.run(["--attended", "--model", SONNET, "--escalation", "forbid"],
                             f"model:{OPUS}", "call")
    assert "The policy individual forbids it (escalation: forbid)" in stdout, stdout
    status, stdout, _ = world.run(["--model", SONNET, "--escalation", "allow"],
                                  f"model:{OPUS}", "call", "say:through")
    assert status == 0 and stdout == "through\n", stdout
    status, _, stderr = world.run(["--escalation", "perhaps"], "call")
    assert status == 2 and "--escalation takes ask, forbid or allow, not 'perhaps'" in stderr


def first_turn_sets_the_baseline(world):
    """Without a declared model the first call with tools does, not a cheap one before it."""
    priced(world)
    status, stdout, _ = world.run([], f"model:{HAIKU}", "call", "tools", f"model:{SONNET}", "call",
                                  "call", f"model:{OPUS}", "call")
    assert models(world) == [HAIKU, SONNET, SONNET], models(world)
    assert "from claude-sonnet-4-5 to the dearer claude-opus-4-5" in stdout and status == 1, stdout


def idle_and_yes(world):
    """With nobody seen for so long the next call is held, and goes on only on a yes."""
    process = world.start(["--attended", "--idle-pause", "1s", "--max-usd", "1000", "--max-tokens",
                           "1G", "--max-iterations", "1M"], "say:ready", "listen", "until")
    expect_line(process, "ready")
    assert ask(world, "POST", f"{PATH}/presence")[0] == 200
    process.stdin.write("go\n")
    process.stdin.flush()
    line = await_line(process, "nobody was seen at the keyboard")
    assert "Go on: pawl approve run_" in line, line
    before = len(models(world))
    assert ask(world, "GET")[1]["question"] == "resume"
    assert world.tell("approve", "last").returncode == 0
    await_line(process, "nobody was seen at the keyboard")
    assert len(models(world)) > before
    assert world.tell("deny", "last").returncode == 0
    status, stdout, stderr = finish(process)
    assert status == 124 and "so run run_" in stdout and "It was denied" in stdout, stdout
    assert "HARD STOP: nobody was seen at the keyboard" in stderr, stderr
    run = world.history().run
    assert run["state"] == "ended" and run["hard_stop"], run
    assert [row["state"] for row in rows(world, "approval")] == ["approved", "denied"]
    assert ": going on, though nobody had been seen\n" in world.tell("show", "last").stdout
    assert world.tell("verify").returncode == 0


def await_in_flight(world, count):
    give_up = time.monotonic() + PATIENCE_S
    while ask(world, "GET")[1]["in_flight"] != count:
        assert time.monotonic() < give_up, ask(world, "GET")
        time.sleep(0.02)


def no_answer_but_a_yes(world):
    """Once it was asked whether to go on, a sign of a person alone lets no call through; what he
    tells the agent does."""
    agent = shlex.join([sys.executable, AGENT])
    process = world.start(["--attended", "--idle-pause", "1s", "--max-usd", "1000", "--max-tokens",
                           "1G", "--max-iterations", "1M"],
                          ["sh", "-c", f"{agent} until & {agent} say:ready listen call; wait"])
    expect_line(process, "ready")
    assert ask(world, "POST", f"{PATH}/prompt")[0] == 200  # May be the command's own words.
    assert ask(world, "POST", f"{PATH}/presence")[0] == 200
    await_line(process, "nobody was seen at the keyboard")
    before = len(models(world))
    assert ask(world, "POST", f"{PATH}/presence")[0] == 200
    process.stdin.write("go\n")
    process.stdin.flush()
    await_in_flight(world, 2)
    assert len(models(world)) == before
    assert ask(world, "GET")[1]["question"] == "resume"
    assert ask(world, "POST", f"{PATH}/prompt")[0] == 200
    await_line(process, "pawl: a prompt said yes; the run goes on")
    await_line(process, "nobody was seen at the keyboard")
    assert len(models(world)) >= before + 2
    assert world.tell("deny", "last").returncode == 0
    finish(process)
    assert [row["state"] for row in rows(world, "approval")] == ["approved", "denied"]
    assert " by a prompt: going on" in world.tell("show", "last").stdout


def idle_is_off(world):
    """Without a terminal and without a sign there is nobody to miss; off is off; unattended too."""
    for options in (["--attended", "--idle-pause", "off"], ["--idle-pause", "1s"]):
        status, stdout, _ = world.run(options, "call", "say:through")
        assert status == 0 and stdout == "through\n", stdout
    shown = world.tell("policy", "show", "--json")
    values = {row["field"]: row["value"] for row in map(json.loads, shown.stdout.splitlines())}
    assert values["idle.pause_after"] == "10m" and values["escalation"] == "ask", values


def tests(world: World):
    del world
    yield "a dearer model, and a yes", dearer_model_and_yes
    yield "a dearer model, and a no", dearer_model_and_no
    yield "a dearer model, and a no whose asker has gone", no_without_its_asker
    yield "a question whose asker has gone is withdrawn", question_withdrawn
    yield "a question of a stopped run", question_of_a_stopped_run
    yield "a dearer model, and nobody to ask", dearer_model_and_nobody
    yield "a dearer model, by policy", dearer_model_by_policy
    yield "the first turn sets the baseline", first_turn_sets_the_baseline
    yield "nobody there, and a yes", idle_and_yes
    yield "nobody there, and no answer but a yes", no_answer_but_a_yes
    yield "nobody there, and nobody to miss", idle_is_off
