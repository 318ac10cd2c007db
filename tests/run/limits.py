# SPDX-License-Identifier: Apache-2.0
"""What happens at the limit: a summary, a question, a cheaper model; and more from elsewhere."""
import json
import os
import pathlib
import stat

import scripted
from control import PATH, ask
from world import World, await_line, expect_line, finish

HAIKU = "claude-haiku-4-5"
CENT = 1_000_000


def folder(world):
    return max(pathlib.Path(world.data, "runs").glob("run_*"))


def summed_up(body):
    return "this is the last answer that it pays for" in json.dumps(body["messages"][-1])


def rows(world, kind):
    """The lines of that type that `pawl show last --json` has."""
    done = world.tell("show", "last", "--json")
    assert done.returncode == 0, done.stderr
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == kind]


# --- Summary ---------------------------------------------------------------------------------


def check_summary(world, status, choice):
    bodies = world.provider.bodies()
    assert [summed_up(body) for body in bodies] == [False] * (len(bodies) - 1) + [True], bodies
    last = bodies[-1]
    assert last["messages"][:-1] == bodies[0]["messages"], last
    assert last["tools"] == bodies[0]["tools"] and last["tool_choice"] == choice, last
    assert last["messages"][-1]["role"] == "user", last
    assert status == 124, status
    run = world.history().run
    assert (run["reason"], run["cap"], run["hard_stop"]) == ("capped", "USD_MICROCENTS", True), run
    assert run["spent"]["usd"]["amount"] == world.bill() <= 5 * CENT, run
    path = folder(world) / "summary.txt"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = path.read_text()
    assert text.startswith("the tes"), text
    note, = rows(world, "summary")
    assert note["note"]["text"] == text[:3000] and note["note"]["bytes"] == len(text), note
    assert text.splitlines()[0][:40] in world.tell("show", "last").stdout
    assert world.tell("verify").returncode == 0


def summary(world):
    """One call more, without tools, that asks what was done: then the halt, within the cap."""
    status, stdout, stderr = world.run(["--max-usd", "0.05", "--on-limit", "summary"],
                                       "tools", "until")
    assert "the rest goes to a summary" in stdout and "pawl run --resume run_" in stdout, stdout
    assert "one more call sums up" in stderr, stderr
    check_summary(world, status, {"type": "none"})


def summary_in_a_stream(world):
    status, stdout, _ = world.run(["--max-usd", "0.05", "--on-limit", "summary"],
                                  "tools", *["stream"] * 20)
    assert stdout.count("the rest goes to a summary") >= 1, stdout
    check_summary(world, status, {"type": "none"})


def summary_in_chat(world):
    world.provider.control(prices={"gpt-4o": world.prices})
    status, _, _ = world.run(["--max-usd", "0.05", "--on-limit", "summary"],
                             "model:gpt-4o", "chat", "tools", *["call"] * 30)
    assert status == 124
    bodies = world.provider.bodies()
    assert summed_up(bodies[-1]) and bodies[-1]["tool_choice"] == "none", bodies[-1]
    assert sum(map(summed_up, bodies)) == 1
    assert (folder(world) / "summary.txt").read_text()


def agent_leaves_first(world):
    """An agent that ends before its summary is booked was stopped at its cap all the same."""
    world.provider.control(default={"reply_tokens": 400, "pace_ms": 10})
    status, _, card, _ = world.card(["--max-iterations", "2", "--on-limit", "summary"],
                                    "call", "part:2000", "exit:0")
    assert (status, card["why"], card["unit"]) == (124, "cap", "ITERATIONS"), card
    assert world.history().run["reason"] == "capped"
    assert (folder(world) / "summary.txt").read_text()


def last_words(world, model, dialect, *steps):
    """A run of that dialect to its summary: the body of the one call that sums up."""
    world.provider.control(prices={model: scripted.prices(world.pawl, model)})
    status, stdout, stderr = world.run(["--max-iterations", "3", "--on-limit", "summary"],
                                       f"model:{model}", dialect, *steps)
    assert status == 124, (stdout, stderr)
    bodies = [body.get("google", body) for body in world.provider.bodies()]
    asks = ["the last answer that it pays for" in json.dumps(body) for body in bodies]
    assert asks == [False, False, True], bodies
    assert (folder(world) / "summary.txt").read_text().startswith("the tes"), stdout
    assert world.history().run["spent"]["usd"]["amount"] == world.bill()
    return bodies[-1], bodies[0]


def summary_in_responses(world):
    """Streamed and not, with tools, and with an input that is one text."""
    for steps in (("tools", *["call"] * 4), ("tools", *["stream"] * 4)):
        last, first = last_words(world, "gpt-4o", "responses", *steps)
        assert last["input"][:-1] == first["input"] and last["input"][-1]["role"] == "user", last
        assert last["tool_choice"] == "none" and last["tools"] == first["tools"], last
        world.provider.reset()
    last, first = last_words(world, "gpt-4o", "responses", *["call"] * 4)
    assert last["input"][0] == {"role": "user", "content": first["input"]}, last
    assert len(last["input"]) == 2 and "tool_choice" not in last, last


def summary_in_gemini(world):
    for step in ("call", "stream"):
        last, first = last_words(world, "gemini-2.5-flash", "gemini", "tools", *[step] * 4)
        assert last["contents"][:-1] == first["contents"], last
        assert last["contents"][-1]["role"] == "user", last
        assert last["toolConfig"] == {"functionCallingConfig": {"mode": "NONE"}}, last
        world.provider.reset()


def one_summary(world):
    """Of calls that reach the limit together one gets it; its iteration is kept from the start."""
    status, stdout, _ = world.run(["--max-iterations", "3", "--on-limit", "summary"],
                                  "call", "call", "together:6", "call")
    assert stdout.count("done") == 1 and stdout.count("refused") == 6, stdout
    assert status == 124
    bodies = world.provider.bodies()
    assert len(bodies) == 3 and summed_up(bodies[2]), len(bodies)
    run = world.history().run
    assert run["cap"] == "ITERATIONS" and run["spent"]["iterations"]["amount"] == 3, run


def summary_tried_again(world):
    """A provider that is overloaded has used nothing of it, and the next call gets it."""
    world.provider.control(queue=[{}, {"status": 529}])
    status, stdout, _ = world.run(["--max-iterations", "2", "--on-limit", "summary"],
                                  "call", "call", "call", "call")
    assert [summed_up(body) for body in world.provider.bodies()] == [False, True, True]
    assert stdout.count("refused 529") == 1 and stdout.count("refused 402") == 1, stdout
    assert status == 124 and (folder(world) / "summary.txt").exists()


def summary_without_tool_calls(world):
    """Where no tool call is left to go on with, the next call sums up."""
    world.provider.control(queue=[{"tool_calls": 1}])
    status, stdout, _ = world.run(["--max-tool-calls", "1", "--on-limit", "summary"],
                                  "tools", "call", "call", "call")
    assert [summed_up(body) for body in world.provider.bodies()] == [False, True]
    assert status == 124, status
    assert "1 of 1 tool call used, and the rest goes to a summary" in stdout, stdout
    assert world.history().run["cap"] == "TOOL_CALLS"


# --- Questions -------------------------------------------------------------------------------


def asking(world, *steps, options=()):
    """A run that has spent its one model call and holds the next one, asking for another."""
    process = world.start(["--max-iterations", "1", "--on-limit", "ask", "--attended", *options],
                          "call", *steps)
    await_line(process, "waits for more")
    return process


def ask_and_approve(world):
    """The call is held without a byte, and goes on with what was asked for."""
    process = asking(world, "call", "say:through", "listen")
    assert ask(world, "GET")[1]["asking"] == [{"unit": "ITERATIONS", "amount": 4}]
    done = world.tell("approve", "last")
    assert ask(world, "GET")[1]["asking"] is None
    assert done.returncode == 0 and "goes on with 4 model calls more: 5 in all" in done.stdout, done
    expect_line(process, "through")
    status, _, stderr = finish(process, "\n")
    assert status == 0, (status, stderr)
    approval, = rows(world, "approval")
    assert approval["state"] == "approved" and approval["by"] and not approval["unasked"], approval
    assert approval["given"] == approval["asked"] == [
        {"unit": "ITERATIONS", "amount": 4}], approval
    run = world.history().run
    assert (run["approvals_asked"], run["approvals_given"], run["reason"]) == (1, 1, "completed")
    assert run["limits"]["iterations"]["amount"] == 5, run
    assert "approved after" in world.tell("show", "last").stdout
    assert world.tell("verify").returncode == 0


def one_answer_for_two(world):
    """Two calls wait, one question is open, and one answer lets both go on."""
    process = asking(world, "together:2")
    expect_line(process, "sent")
    done = world.tell("approve", "last", "--add-iterations", "2", "--add-usd", "0.50")
    assert done.returncode == 0, done
    status, stdout, _ = finish(process)
    assert status == 0 and stdout == "done\ndone\n", stdout
    approval, = rows(world, "approval")
    assert len(approval["given"]) == 2, approval
    assert world.history().run["limits"]["usd"]["amount"] == 200 * CENT


def deny(world):
    """A no refuses the call that waits, in words that say so, and latches."""
    process = asking(world, "call", "call")
    done = world.tell("deny", "last")
    assert done.returncode == 0 and "told no" in done.stdout, done
    status, stdout, stderr = finish(process)
    assert status == 124 and stdout.count("more was denied") == 2, (stdout, stderr)
    assert "pawl approve run_" in stdout, stdout
    approval, = rows(world, "approval")
    assert approval["state"] == "denied" and "given" not in approval, approval
    assert world.history().run["refusals"] == 1


def answer_twice(world):
    """The second yes finds no question: with an amount it gives more, without one it says so."""
    process = asking(world, "call", "say:through", "listen")
    assert world.tell("approve", "last", "--add-iterations", "1").returncode == 0
    expect_line(process, "through")
    again = world.tell("approve", "last")
    assert again.returncode == 1 and "--add-usd 1.00" in again.stderr, again
    more = world.tell("approve", "last", "--add-iterations", "7", "--json")
    assert more.returncode == 0 and json.loads(more.stdout)["asked"] is False, more
    no = world.tell("deny", "last")
    assert no.returncode == 1 and "pawl stop" in no.stderr, no
    assert finish(process, "\n")[0] == 0
    assert [row["unasked"] for row in rows(world, "approval")] == [False, True]
    assert world.history().run["limits"]["iterations"]["amount"] == 9


def answer_too_late(world):
    """A client waits only so long; its refusal says how to answer, and the answer still counts."""
    process = asking(world, "timeout:11", "call", "listen", "call", "say:through")
    line = expect_line(process, "refused 402")
    run_id = world.runs()[0]["run"]
    assert f"pawl approve {world.named(run_id)} --add-iterations 4, then ask again" in line, line
    assert "nobody answered within 1 s" in line, line
    assert world.tell("approve", "last").returncode == 0
    status, stdout, _ = finish(process, "go\n")
    assert "through" in stdout and stdout.count("refused") == 0, stdout
    assert status == 1, status  # the agent's own: what had stopped the run was lifted
    run = world.history().run
    assert run["hard_stop"] and run["reason"] == "failed", run


def client_leaves(world):
    """A client that goes away while it waits leaves nothing behind but the question."""
    process = asking(world, "leave", "call", "say:through")
    expect_line(process, "sent")
    process.stdin.write("\n")
    process.stdin.flush()
    expect_line(process, "left")
    assert world.tell("approve", "last").returncode == 0
    status, stdout, _ = finish(process)
    assert status == 0 and stdout == "through\n", stdout
    assert world.history().run["calls"] == 2, "the call that left was never made"


def killed_while_asking(world):
    """kill -9 during a question: nothing is held, nothing is lost, the question has no answer."""
    process = asking(world, "call")
    process.kill()
    process.wait()
    approval, = rows(world, "approval")
    assert approval["state"] == "pending", approval
    run = world.runs()[0]
    assert run["reason"] == "killed" and run["calls"] == 1, run
    assert run["spent"]["usd"]["amount"] == world.bill(), run
    assert "not answered" in world.tell("show", "last").stdout
    assert world.tell("verify").returncode == 0
    done = world.tell("approve", "last", "--add-usd", "1")
    assert done.returncode == 1 and f" --resume {run['run']}\n" in done.stderr, done


def nobody_to_ask(world):
    """Without anybody there a question is a halt, at once."""
    status, stdout, stderr = world.run(["--max-iterations", "1", "--on-limit", "ask"],
                                       "call", "call")
    assert status == 124 and "refused 402" in stdout, (status, stdout)
    assert "  at a limit  it would ask for more, but nobody is there" in stderr, stderr
    assert not rows(world, "approval")


def stopped_while_asking(world):
    """pawl stop ends a run that waits for an answer."""
    process = asking(world, "call")
    assert world.tell("stop", "last").returncode == 0
    assert finish(process)[0] == 124


# --- More from elsewhere ---------------------------------------------------------------------


def more(world):
    """Every cap can be raised while the agent works, the wall clock too."""
    process = world.start(["--max-iterations", "2"], "call", "say:ready", "listen", "call", "call")
    expect_line(process, "ready")
    done = world.tell("approve", "last", "--add-usd", "1.00", "--add-tokens", "1M", "--add-time",
                      "30m", "--add-tool-calls", "5", "--add-iterations", "1", "--json")
    assert done.returncode == 0, done
    caps = {cap["unit"]: cap["limit"] for cap in json.loads(done.stdout)["status"]["caps"]}
    assert caps == {"USD_MICROCENTS": 250 * CENT, "TOKENS": 6_000_000, "TOOL_CALLS": 305,
                    "ITERATIONS": 3, "WALL_CLOCK_MS": 5_400_000}, caps
    assert finish(process, "go\n")[0] == 0
    run = world.history().run
    assert (run["approvals_asked"], run["approvals_given"]) == (1, 1), run
    assert {key: row["amount"] for key, row in run["limits"].items()} == {
        "usd": 250 * CENT, "tokens": 6_000_000, "tool_calls": 305, "iterations": 3,
        "time": 5_400_000}, run


def lift(world):
    """Somebody is there: what latched is lifted, and the agent goes on."""
    process = world.start(["--max-iterations", "1", "--attended"],
                          "call", "call", "listen", "call", "say:through")
    line = expect_line(process, "refused")
    assert "pawl approve run_" in line and "--add-iterations" in line, line
    assert world.tell("approve", "last", "--add-iterations", "1").returncode == 0
    status, stdout, stderr = finish(process, "go\n")
    assert "through" in stdout and status == 1, (status, stdout)
    assert "the run goes on" in stderr, stderr
    run = world.history().run
    assert run["state"] == "ended" and run["reason"] == "failed" and run["hard_stop"], run


def mistakes(world):
    """Amounts that are none, and a body that is wrong."""
    done = world.tell("approve", "last", "--add-usd", "0")
    assert done.returncode == 2 and "--add-usd takes dollars above 0" in done.stderr, done
    process = world.start([], "say:ready", "listen")
    expect_line(process, "ready")
    for body, field in (({"add": 5}, "add"), ({"add": [{"unit": "PIGS", "amount": 1}]}, "add"),
                        ({"add": [{"unit": "TOKENS", "amount": 0}]}, "add"),
                        ({"add": [{"unit": "TOKENS", "amount": 1}] * 2}, "add"),
                        ({"by": ""}, "by"), ({"by": 5}, "by"), ({"much": 1}, "much")):
        status, error = ask(world, "POST", PATH + "/approve", body)
        assert status == 400 and error["details"]["field"] == field, (body, error)
    huge = {"add": [{"unit": "USD_MICROCENTS", "amount": 2**53 - 1}]}
    status, error = ask(world, "POST", PATH + "/approve", huge)
    assert status == 400 and "range of amounts" in error["message"], error
    assert finish(process, "go\n")[0] == 0
    assert world.history().run["limits"]["usd"]["amount"] == 150 * CENT


# --- Cheaper models --------------------------------------------------------------------------


def degrade(world):
    """From its share on each step changes the model in the request; the card says when."""
    status, _, card, lines = world.card(
        ["--max-usd", "0.05", "--degrade", f"{HAIKU}@75%", "--degrade", "claude-sonnet-4-0@99%"],
        "until")
    models = [body["model"] for body in world.provider.bodies()]
    first = models.index(HAIKU)
    assert set(models[:first]) == {"claude-sonnet-4-5"} and set(models[first:]) == {HAIKU}, models
    spent = [call["spent"]["usd"]["amount"] for call in world.history().calls[:first]]
    assert sum(spent[:-1]) < 0.75 * 5 * CENT <= sum(spent), spent
    step, = card["degraded"]
    assert (step["model"], step["percent"]) == (HAIKU, 75), step
    assert any(f"go to {HAIKU} from here on" in line for line in lines), lines
    assert status == 124 and "degraded after" in world.tell("show", "last").stdout
    assert world.history().run["spent"]["usd"]["amount"] <= 5 * CENT


def degrade_in_a_path(world):
    """Where the path names the model, the path changes; Responses have it in the body."""
    for dialect, model, cheaper in (("gemini", "gemini-2.5-pro", "gemini-2.5-flash"),
                                    ("responses", "gpt-4o", "gpt-4o-mini")):
        world.provider.reset()
        world.provider.control(prices={model: world.prices, cheaper: world.prices})
        status, stdout, stderr = world.run(
            ["--max-tokens", "20000", "--max-usd", "9", "--degrade", f"{cheaper}@30%"],
            f"model:{model}", dialect, "until")
        models = [body["model"] for body in world.provider.bodies()]
        first = models.index(cheaper)
        assert 0 < first and set(models[:first]) == {model} and set(models[first:]) == {cheaper}
        assert status == 124 and f"calls of {model} go to {cheaper}" in stderr, (stdout, stderr)


def degrade_elsewhere(world):
    """A provider without that model keeps its own, and that is said."""
    world.provider.control(prices={"gpt-4o": world.prices})
    status, _, card, lines = world.card(["--max-iterations", "40", "--max-usd", "0.05",
                                         "--on-limit", "degrade", "--degrade", f"{HAIKU}@10%"],
                                        "model:gpt-4o", "chat", "until")
    assert {body["model"] for body in world.provider.bodies()} == {"gpt-4o"}
    assert any(f"openai has no {HAIKU}" in line for line in lines), lines
    assert status == 124 and not card["degraded"], card


def degrade_mistakes(world):
    """A ladder that could not be climbed down is told before anything starts."""
    for options, status, words in (
            (["--on-limit", "degrade"], 2, "needs a model to change to: --degrade MODEL@75%"),
            (["--degrade", "x"], 2, "such as claude-haiku-4-5@75%, not 'x'"),
            (["--degrade", "x@0%"], 2, "not 'x@0%'"),
            (["--degrade", "no-such-model@50%"], 125, "no price is known for no-such-model"),
            (["--on-limit", "panic"], 2, "halt, summary, ask, pause or degrade, not 'panic'"),
            (["--summary-usd", "90%"], 2, "a share of 1% to 50%, not '90%'")):
        got, _, stderr = world.run(options, "exit:0")
        assert got == status and words in stderr, (options, got, stderr)
    assert world.runs() == []


def pause(world):
    """A cap of the run never begins anew: the line before it says what it does there, and it
    halts."""
    status, stdout, stderr = world.run(["--max-iterations", "1", "--on-limit", "pause"],
                                       "call", "call")
    for words in ("at a limit  across runs it is stopped until that begins anew (--auto-resume",
                  "; at a cap of its own its calls are refused"):
        assert words in stderr, stderr
    assert status == 124 and "refused 402" in stdout, stdout


def too_big(world):
    """A refusal that latches nothing names the way out; an agent that gives up then was stopped."""
    status, stdout, stderr = world.run(["--max-usd", "0.10"], "prompt:100", "call")
    assert "this call is too big" in stdout and "pawl run --resume run_" in stdout, stdout
    assert status == 124 and "HARD STOP at the cap of $0.10" in stderr, (status, stderr)
    run = world.history().run
    assert (run["reason"], run["cap"], run["hard_stop"]) == ("capped", "USD_MICROCENTS", True), run
    status, stdout, stderr = world.run(["--max-usd", "0.10"], "prompt:100", "call", "prompt:0",
                                       "call", "exit:3")
    assert status == 3 and "hard stop   no" in stderr, (status, stderr)
    status, stdout, _ = world.run(["--max-usd", "0.10", "--attended"], "prompt:100", "call",
                                  "exit:0")
    assert status == 0 and "To give more: pawl approve run_" in stdout, (status, stdout)
    _, stdout, _ = world.run(["--max-usd", "0.10", "--on-limit", "summary"], "prompt:100", "call")
    assert "$0.05 is left, $0.05 kept for a summary. An input" in stdout, stdout


def too_big_is_asked_about(world):
    """It is not the limit yet, but whoever asks at the limit asks then, too."""
    asking = ["--max-usd", "0.10", "--on-limit", "ask", "--attended"]
    process = world.start(asking, "prompt:100", "call", "say:through")
    await_line(process, "the agent waits for more. Yes: pawl approve run_")
    assert not world.provider.ledger()["calls"]
    assert world.tell("approve", "last").returncode == 0
    status, stdout, stderr = finish(process)
    assert (status, stdout) == (0, "through\n") and "hard stop   no" in stderr, (stdout, stderr)
    process = world.start(asking, "prompt:100", "call", "prompt:0", "call")
    await_line(process, "the agent waits for more")
    assert world.tell("deny", "last").returncode == 0
    status, stdout, _ = finish(process)
    assert status == 124 and stdout.count("refused 402") == 2, (status, stdout)


def cut_short(world):
    """An answer that ends at a lowered ceiling is no refusal, but may be an agent's last word."""
    world.provider.control(default={"reply_tokens": 90_000})
    words = "the last answer was cut short at "
    for kind in ("messages", "chat", "responses", "gemini"):
        model = ["model:gemini-2.5-pro"] if kind == "gemini" else []
        call = [kind, *model, "call:100000"]
        status, stdout, stderr = world.run(["--max-usd", "0.30"], *call, "exit:1")
        assert status == 124 and "HARD STOP at the cap of $0.30" in stderr, (kind, status, stderr)
        assert words in stderr and "To go on: pawl run --resume run_" in stderr, stderr
        assert "10 seconds to end" not in stderr, "it has ended already"
        status, _, stderr = world.run(["--max-usd", "0.30"], *call, "exit:0")
        assert status == 124 and words in stderr, "the half may have been taken for the whole"
        assert "HARD STOP at the cap of $0.30" in stderr, (kind, stderr)
    run = world.history().run
    assert (run["reason"], run["cap"]) == ("capped", "USD_MICROCENTS"), run
    # What was held for a long prompt beyond its tokens comes back, and buys a short call.
    status, _, stderr = world.run(["--max-usd", "0.30"], "prompt:20", "call:100000", "prompt:0",
                                  "call:10", "exit:0")
    assert status == 0 and words not in stderr, "it went on"
    status, _, stderr = world.run(["--max-usd", "9"], "call:1000", "exit:1")
    assert status == 1 and words not in stderr, "the ceiling was the agent's own"
    world.provider.control(default={"reply_tokens": 90_000, "usage": {"output": 900}})
    for kind in ("messages", "chat", "responses"):
        status, _, stderr = world.run(["--max-usd", "0.30"], kind, "call:100000", "exit:0")
        assert status == 0 and words not in stderr, "the ceiling was the provider's own"


def flags_that_would_do_nothing(world):
    for options, words in ((["--summary-usd", "0.10"], "--summary-usd is for --on-limit summary"),
                           (["--auto-resume", "--on-limit", "ask"], "--auto-resume is for")):
        status, _, stderr = world.run(options, "call")
        assert status == 125 and words in stderr, (status, stderr)


def tests(world: World):
    del world
    yield "one more call sums up", summary
    yield "it does in a stream", summary_in_a_stream
    yield "it does in Chat Completions", summary_in_chat
    yield "an agent that does not wait for it", agent_leaves_first
    yield "it does in Responses", summary_in_responses
    yield "it does in Google's dialect", summary_in_gemini
    yield "of several calls one sums up", one_summary
    yield "a summary that failed is tried again", summary_tried_again
    yield "without tool calls left it is time to sum up", summary_without_tool_calls
    yield "a question, and a yes", ask_and_approve
    yield "two calls wait for one answer", one_answer_for_two
    yield "a question, and a no", deny
    yield "an answer that comes twice", answer_twice
    yield "an answer that comes too late", answer_too_late
    yield "a client that does not wait", client_leaves
    yield "pawl killed while it asks", killed_while_asking
    yield "nobody to ask", nobody_to_ask
    yield "a run stopped while it asks", stopped_while_asking
    yield "more of everything", more
    yield "a yes lifts what latched", lift
    yield "amounts that are none", mistakes
    yield "a cheaper model from a share on", degrade
    yield "a cheaper model in other dialects", degrade_in_a_path
    yield "a provider without the cheaper model", degrade_elsewhere
    yield "ladders that lead nowhere", degrade_mistakes
    yield "a pause for caps that never begin anew", pause
    yield "a call that is too big, and an agent that gives up", too_big
    yield "a call that is too big is asked about", too_big_is_asked_about
    yield "an answer that was cut short, and an agent that gives up", cut_short
    yield "flags that would do nothing", flags_that_would_do_nothing
