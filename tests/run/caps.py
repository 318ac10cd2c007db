# SPDX-License-Identifier: Apache-2.0
"""Each cap from end to end, against the provider's own bill."""
import json
import os
import re
import signal
import socket
import sys
import time

from scripted import ROOT
from world import AGENT, MODEL, Witness, expect_line, finish

USD = 100_000_000


def requested(card, unit):
    return card["requested"][unit], card["consumed"][unit]


def dollars(world):
    world.provider.control(default={"reply_tokens": 150})
    status, stdout, card, lines = world.card(["--max-usd", "0.05"], "until")
    cap, spent = requested(card, "USD_MICROCENTS")
    assert status == 124 and card["why"] == "cap" and card["unit"] == "USD_MICROCENTS", card
    assert cap == USD // 20 and spent == world.bill() <= cap, (spent, world.bill())
    assert spent >= cap * 9 // 10 and card["overshoot"] == 0 and card["hard_stop"], card
    assert card["agent_status"] == 1 and "refused 402" in stdout, stdout
    told = [int(line.split()[1]) for line in lines if " % used" in line]
    assert [sum(least <= at for least in (50, 75, 90)) for at in told] == [1, 2, 3], lines
    history = world.history()
    assert history.spent == spent and len(history.refusals) == 1, history


def streamed(world):
    world.provider.control(default={"reply_tokens": 400})
    status, _, card, _ = world.card(["--max-usd", "0.03"], *["stream:4000"] * 12)
    cap, spent = requested(card, "USD_MICROCENTS")
    assert status == 124 and spent == world.bill() <= cap, (spent, world.bill())


def tokens(world):
    status, _, card, _ = world.card(["--max-tokens", "5K", "--model", MODEL], "until")
    cap, spent = requested(card, "TOKENS")
    assert status == 124 and card["unit"] == "TOKENS", card
    assert cap == 5000 and spent == world.provider.ledger()["total"]["tokens"] <= cap, spent
    # Derived: 5,000 tokens at the dearest rate of the model.
    dearest = max(world.prices[kind] for kind in ("input", "output", "cache_write_long"))
    assert card["requested"]["USD_MICROCENTS"] >= 5000 * dearest // 1_000_000, card


def iterations(world):
    status, stdout, card, _ = world.card(["--max-iterations", "3"], "until")
    assert status == 124 and card["unit"] == "ITERATIONS", card
    assert requested(card, "ITERATIONS") == (3, 3), card
    assert "budget spent: 3 of 3 model calls used, 0 held, and this call needs 1 at" in stdout
    assert world.provider.ledger()["total"]["calls"] == 3, stdout


def tool_calls(world):
    world.provider.control(default={"tool_calls": 2})
    status, _, card, _ = world.card(["--max-tool-calls", "5"], "until")
    assert status == 124 and card["unit"] == "TOOL_CALLS", card
    assert requested(card, "TOOL_CALLS") == (5, 4), card
    assert card["consumed"]["USD_MICROCENTS"] == world.bill(), card


def wall_clock(world):
    """At once, whoever is there: a deaf agent in the middle of a call, with a daemon. The call
    outlives them for a second, and is booked as it is billed."""
    world.provider.control(default={"reply_tokens": 1000, "pace_ms": 20})
    with Witness() as witness:
        # Time enough to begin the call on a busy machine, too.
        process = world.start(["--max-time", "8s", "--attended", "--json-card"], "deaf", "daemon",
                              "part:5000", "wait", **witness.arguments())
        witness.let_go()
        status, _, stderr = finish(process)
        witness.await_nobody()
    card = json.loads(stderr.splitlines()[-1])
    assert status == 124 and card["why"] == "time" and card["agent_signal"] == signal.SIGKILL, card
    assert card["unit"] == "WALL_CLOCK_MS" and card["hard_stop"], card
    assert card["consumed"]["USD_MICROCENTS"] == world.bill() > 0, card
    assert world.runs()[0]["reason"] == "capped"


def time_to_end(world):
    """Without a person, an agent that goes on after the refusal is asked, and then killed."""
    began = time.monotonic()
    with Witness() as witness:
        process = world.start(["--max-iterations", "1", "--json-card"], "tool", "until",
                              "on:TERM:6", "say:refused", "wait", **witness.arguments())
        witness.let_go()
        expect_line(process, "refused 402")
        expect_line(process, "refused")
        expect_line(process, "got TERM")
        status, _, stderr = finish(process)
        witness.await_nobody()
    card = json.loads(stderr.splitlines()[-1])
    assert status == 124 and card["agent_status"] == 6 and card["why"] == "cap", card
    assert time.monotonic() - began >= 10


def attended(world):
    """With a person, nothing is killed; the latch stays and is the exit status."""
    process = world.start(["--max-iterations", "1", "--attended"], "until", "listen", "call")
    expect_line(process, "refused 402")
    status, stdout, stderr = finish(process, "go on\n")
    assert status == 124 and "heard go on\nrefused 402" in stdout, (status, stdout)
    assert "seconds to end" not in stderr, stderr


def unknown_model(world):
    """Refused, and not latched: the next model may be known. The words have the way out."""
    status, stdout, card, _ = world.card([], "model:no-such-model", "call", f"model:{MODEL}",
                                         "call")
    assert status == 1 and card["why"] == "failed" and not card["hard_stop"], card
    assert "refused 402" in stdout and "price" in stdout, stdout
    assert card["calls"] == 1 and card["refusals"] == 1, card
    path = os.path.join(world.data, "prices.json")
    assert f"into {path} and start again, as in " in stdout, stdout
    with open(path, "w", encoding="utf-8") as file:
        file.write(stdout.partition(" as in ")[2].splitlines()[0])
    status, stdout, card, _ = world.card([], "model:no-such-model", "call")
    os.remove(path)
    assert status == 0 and card["calls"] == 1, (stdout, card)


def defaults(world):
    status, _, card, lines = world.card([], "call")
    assert status == 0 and card["requested"] == {
        "USD_MICROCENTS": USD * 3 // 2, "TOKENS": 5_000_000, "TOOL_CALLS": 300,
        "ITERATIONS": 100, "WALL_CLOCK_MS": 3_600_000}, card
    assert len(lines) == 8 and all(len(line) <= 100 for line in lines[:-1]), lines
    for line, words in zip(lines, (
            "may spend $1.50", "5M tokens, 300 tool calls, 100 model calls, 1h of time",
            "not known yet", "billed by the token",
            "verification up to $0.60", "its calls are refused",
            "unattended  no escalation", "pawl top")):
        assert words in line, (line, words)


def tokens_shown(world):
    """Tokens in and out add up to what was booked, written and read caches included."""
    world.provider.control(default={"cache_read": 40, "cache_write_5m": 30, "cache_write_1h": 20,
                                    "reasoning": 5})
    _, _, card, _ = world.card([], "call", "call")
    booked = card["consumed"]["TOKENS"]
    assert booked == world.provider.ledger()["total"]["tokens"], card
    assert card["models"][0]["input"] + card["models"][0]["output"] == booked, card
    calls = world.history().calls
    assert [call["cache_write_tokens"] for call in calls] == [50, 50], calls
    kinds = ("input", "cache_read", "cache_write", "output")
    assert booked == sum(call[f"{kind}_tokens"] for call in calls for kind in kinds), calls


def keys_of(value):
    """The keys of an object and of all that is in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set(value if isinstance(value, dict) else ()).union(*map(keys_of, inner))


def documented(world):
    """Every key of every JSON output stands in the documents."""
    _, _, card, _ = world.card(["--max-iterations", "2", "-n", "keys"], "until")
    keys = keys_of(card)
    for words in (("runs",), ("show", "last"), ("prices", MODEL), ("verify", "last")):
        lines = world.tell(*words, "--json").stdout.splitlines()
        assert lines, words
        keys |= keys_of([json.loads(line) for line in lines])
    text = "".join((ROOT / "docs" / page).read_text() for page in
                   ("CONTRACTS.md", "RUN.md", "METERING.md"))
    missing = [key for key in sorted(keys) if f"`{key}`" not in text and f'"{key}"' not in text]
    assert len(keys) > 60 and not missing, missing


def threshold_at_the_end(world):
    """The last call is booked when its agent has ended, and its tree is being cleared."""
    world.provider.control(default={"reply_tokens": 20, "pace_ms": 10})
    _, _, stderr = world.run(["--max-iterations", "1"], "daemon", "part:100")
    assert "pawl: 100 % used: 1 of 1 model call; $0.00" in stderr, stderr


def first_line(world):
    """The model is named where it can be known, with the conversion; the first cap leads."""
    command = [sys.executable, AGENT, "exit:0"]
    rows = ((["--max-usd", "1.50", "--model", MODEL], {}, "may spend $1.50 (100K to 500K tokens)"),
            (["--max-tokens", "1M"], {"ANTHROPIC_MODEL": MODEL}, "may use 1M tokens ($3.00 to"),
            (["--max-tokens", "1M", "--model", MODEL], {}, "(from the tokens; "),
            (["--max-time", "90s"], {}, "may use 1m 30s of time"))
    for options, env, words in rows:
        _, _, _, lines = world.card(options, command, env=env)
        assert words in "\n".join(lines[:2]), lines


def learned(world):
    """What calls have taught about a model counts in the next run, at the same address."""
    small = ["--max-usd", "0.015"]
    cold = world.card(small, "prompt:2", "call:100")[2]
    assert cold["why"] == "cap" and not cold["calls"], cold
    talks = [step for words in range(3, 13) for step in (f"prompt:{words}", "call:100")]
    assert world.card(["--max-usd", "2"], *talks)[2]["calls"] == 10
    warm = world.card(small, "prompt:2", "call:100")[2]
    assert warm["why"] == "completed" and warm["calls"] == 1, warm
    os.unlink(os.path.join(world.data, "learned.json"))
    assert world.card(small, "prompt:2", "call:100")[2]["why"] == "cap"


def quiet(world):
    _, _, stderr = world.run(["--quiet", "--max-iterations", "1"], "until")
    assert stderr.startswith("pawl: run_") and "HARD STOP" in stderr, stderr
    _, _, stderr = world.run(["--quiet", "--no-card"], "call")
    assert stderr == "", stderr


def plain_card(world):
    """Everything that the card has to say, in words."""
    for options in (["--model", MODEL], []):
        _, _, stderr = world.run(["--max-usd", "0.02", *options], "until")
        card = stderr[stderr.index("pawl: run_"):]
        assert "of $0.02 (1,333 to 6,666 tokens), " in card, card
    # The card advises what the agent was told: half of the cap would not pay for the next call.
    advised = re.findall(r"--resume run_\w+(?: --data-dir \S+)? --add-usd ([\d.]+)", stderr)
    assert len(advised) >= 2 and len(set(advised)) == 1, stderr
    for words in ("HARD STOP at the cap of $0.02", "spent", "of $0.02", "tokens", "tool calls",
                  "model calls", "time", f"{MODEL}: $", "dearest", "refused", "hard stop   yes",
                  "exit status 1", "overshoot   $0.00", "pawl show run_"):
        assert words in card, (words, card)


def failing_provider(world):
    """A call that came to nothing says why, on the card and in the list of calls."""
    body = {"type": "error", "error": {"type": "authentication_error", "message": "no key"}}
    world.provider.control(default={"status": 401, "body": body})
    words = "the provider answered 401"
    _, _, stderr = world.run([], "call")
    assert f"\n  not billed  1 call: {words}\n" in stderr, stderr
    shown = world.tell("show", "last").stdout
    assert f"  not billed: {words}\n" in shown, shown
    assert f"\nto go on: pawl run --data-dir {world.data} --resume run_" in shown, shown
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and listens not
        nobody = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{taken.getsockname()[1]}"}
        _, _, stderr = world.run([], "call", "call", env=nobody)
    assert re.search(r"\n  not billed  2 calls: [^\n]*connect", stderr), stderr
    assert len(re.findall(r"^pawl: no answer from the provider: [^\n]*connect", stderr,
                          re.M)) == 1, stderr
    assert "answers again" not in stderr, stderr


def provider_away(world):
    """It is said once when a provider does not answer, and when it does again; whoever looks
    meanwhile sees it."""
    world.provider.control(default={"reply_tokens": 20, "cut_head": True})
    process = world.start([], "call", "call", "say:away", "listen", "call", "say:back", "listen",
                          "call")
    for word in ("refused 502", "refused 502", "away"):
        expect_line(process, word)
    status = json.loads(world.tell("status", "--json").stdout)
    assert status["unreachable"]["calls"] == 2 and status["unreachable"]["why"], status
    listed = world.tell("status").stdout
    assert "no answer" in listed and "no answer from the provider for " in listed, listed
    assert "offline" in world.tell("top", "--once").stdout
    world.provider.control(default={"reply_tokens": 20, "cut_head": False})
    process.stdin.write("on\n")
    process.stdin.flush()
    for word in ("heard on", "back"):
        expect_line(process, word)
    assert json.loads(world.tell("status", "--json").stdout)["unreachable"] is None
    _, _, stderr = finish(process, "on\n")
    said = [line for line in stderr.splitlines() if "answer" in line and line[0] != " "]
    assert len(said) == 2 and said[0].startswith("pawl: no answer from the provider: "), stderr
    assert said[1] == "pawl: the provider answers again", stderr


def how_to_go_on(world):
    """A run that was stopped says in `pawl show` what its card said."""
    status, _, stderr = world.run(["--max-usd", "0.02"], "until")
    command = r"pawl run --data-dir \S+ --resume run_\w+ --add-usd [\d.]+"
    advised = re.search(rf"\n  to go on    ({command})\n", stderr)
    assert status == 124 and advised, stderr
    shown = world.tell("show", "last").stdout
    assert shown.endswith(f"\nto go on: {advised[1]}\n"), (advised[1], shown)
    assert world.run(["--resume", "last", "--add-usd", "1"], ["true"])[0] == 0
    shown = world.tell("show", world.runs()[1]["run"]).stdout
    assert "to go on" not in shown and "it goes on in run_" in shown, shown
    assert "to go on" not in world.tell("show", "last").stdout


BATCH = """
import json, os, urllib.error, urllib.request
try:
    urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/batches", b"{}")
    print("sent")
except urllib.error.HTTPError as error:
    print(json.load(error)["error"]["message"])
"""


def batches(world):
    """Refused with the flag that lets them through; then counted, and in no figure."""
    agent = [sys.executable, "-c", BATCH]
    status, stdout, card, _ = world.card([], agent)
    assert status == 0 and "pawl run --allow-batches" in stdout and card["batches"] == 0, card
    status, stdout, stderr = world.run(["--allow-batches"], agent)
    assert status == 0 and stdout == "sent\n", stdout
    lines = [line.split(maxsplit=1) for line in stderr.splitlines()]
    assert ["batches", "1 sent; what they cost is not in these figures"] in lines, stderr
    assert world.runs()[0]["batches"] == 1 and world.runs()[1]["batches"] == 0, world.runs()
    shown = world.tell("show", "last").stdout
    assert "1 batch went to the provider: what they cost is not in these figures" in shown, shown
    assert world.history().run["batches"] == 1 and world.history().spent == 0


def secrets(world):
    """Neither credentials nor the gateway's secret are kept anywhere."""
    status, stdout, _ = world.run([], [
        "sh", "-c", f"echo $ANTHROPIC_BASE_URL; exec {sys.executable} {AGENT} call",
        "--api-key", "sk-ant-on-the-command-line"])
    assert status == 0
    secret = stdout.split("/")[3]
    assert len(secret) >= 32, stdout
    grep = world.tell("show", "last", "--json").stdout
    for word in (secret, "sk-ant-secret", "sk-ant-on-the-command-line"):
        assert word not in grep
        for path in sorted_files(world.data):
            with open(path, "rb") as file:
                assert word.encode() not in file.read(), (word, path)


def sorted_files(folder):
    return sorted(os.path.join(top, name) for top, _, names in os.walk(folder) for name in names
                  if not name.endswith(".sock"))


def tests(world):
    yield "dollars", dollars
    yield "dollars, streamed", streamed
    yield "tokens, with derived dollars", tokens
    yield "iterations", iterations
    yield "tool calls", tool_calls
    yield "wall clock", wall_clock
    yield "at a cap an unattended agent has ten seconds", time_to_end
    yield "at a cap an attended agent is not killed", attended
    yield "an unknown model", unknown_model
    yield "the defaults", defaults
    yield "the line before the run", first_line
    yield "every key is documented", documented
    yield "tokens shown are tokens booked", tokens_shown
    yield "a threshold that is passed while the tree is cleared", threshold_at_the_end
    yield "quiet runs", quiet
    yield "what a run learned about a model", learned
    yield "the card in words", plain_card
    yield "a provider that fails is named", failing_provider
    yield "a provider that is away is told of once", provider_away
    yield "what was stopped says how to go on", how_to_go_on
    yield "batches go past the books only when they are let", batches
    yield "secrets are kept nowhere", secrets
