# SPDX-License-Identifier: Apache-2.0
"""What is tried with each agent. A case takes its agent and the path of pawl.

Every stop is checked by four things: it came at once (the agent ended by itself, within the time
that pawl gives it), the agent showed pawl's words, the exit status is 124, and no refused request
was sent again, so that there are no more refusals than the agent has conversations.
"""
import base64
import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess

import count as counting
import scripted
from model import Model, Turn
from world import Unprivileged, World

GRACE_S = 10  # RUN.md: then the agent is killed


@contextlib.contextmanager
def world_of(pawl, agent, play):
    with Model(play) as model, World(pawl, agent, model) as world:
        yield world


def steps(count, **turn):
    """So many shell commands, one a turn, and a last word."""
    def play(request):
        if request.turn < count:
            return Turn("One step.", commands=(f"touch step-{request.turn}",), **turn)
        return Turn("All done.", **turn)
    return play


def check_stopped(world, done, requests, conversations=1):
    assert done.status == 124, f"{done.status}\n{done.said}\n{done.card}"
    assert done.card["hard_stop"] and done.card["agent_signal"] == 0, done.card
    took_s = (done.card["ended_ms"] - done.card["started_ms"]) / 1000
    latched = [call for call in done.history.refusals if call["refusal"].get("latched")]
    ended_s = (done.card["ended_ms"] - latched[0]["at_ms"]) / 1000
    assert ended_s < GRACE_S, f"{took_s} s, {ended_s} s after the stop\n{done.said}"
    assert "pawl: " in done.agent_said, done.said
    asked = [(request.thread, request.turn) for request in world.model.requests]
    assert len(asked) == requests, f"{asked}\n{done.said}"
    assert len(set(asked)) == len(asked), f"sent twice: {asked}"
    refused = done.card["refusals"] + done.card["repeats"]
    assert 1 <= refused <= conversations, f"{done.card}\n{done.said}"
    check_books(world, done)
    world.await_nobody()


def check_books(world, done):
    """What pawl booked is what the model counted."""
    counted = sum(request.turn_tokens for request in world.model.requests if request.sent)
    booked = sum(call["input_tokens"] + call["output_tokens"] for call in done.history.calls
                 if call["state"] != "refused")
    assert booked == counted, f"{booked} booked, {counted} counted\n{done.history.calls}"
    assert done.history.run["overshoot"]["amount"] == 0


def check_clean(world):
    """Nothing of what the agent was given is left."""
    run, = (world.data / "runs").iterdir()
    kept = {path.name for path in run.iterdir()}
    assert kept <= {"lock", "meta.json", "journal", "policy.yaml"}, kept
    assert not pathlib.Path("/run/pawl", run.name).exists()


def spent(done, unit):
    return done.history.run["spent"][unit]["amount"]


# --- The cases --------------------------------------------------------------------------------


def a_normal_run_with_tools(pawl, agent):
    with world_of(pawl, agent, steps(2)) as world:
        done = world.run(command=getattr(agent, "launcher", agent.command)())
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert "All done." in done.stdout, done.said
        assert world.has("step-0") and world.has("step-1")
        assert len(world.model.requests) == 3, world.model.requests
        assert done.card["refusals"] + done.card["repeats"] == 0, done.card  # no websocket either
        assert spent(done, "tool_calls") == 2, done.history.run  # at the hook and in the answer
        check_books(world, done)
        world.await_nobody()
        check_clean(world)


def a_cap_before_a_call(pawl, agent):
    with world_of(pawl, agent, steps(9)) as world:
        check_stopped(world, world.run(["--max-iterations", "2"]), requests=2)


def a_cap_on_dollars_before_a_call(pawl, agent):
    row = scripted.prices(pawl, agent.model_name)
    each = row["input"] * 20_000 // 1_000_000
    dollars = f"{each * 3.9 / 100_000_000:.6f}"
    with world_of(pawl, agent, steps(9, input_tokens=20_000)) as world:
        done = world.run(["--max-usd", dollars])
        check_stopped(world, done, requests=3)
        assert done.card["unit"] == "USD_MICROCENTS", done.card


def a_cap_in_mid_stream(pawl, agent):
    def play(request):
        return Turn("One step.", commands=(f"touch step-{request.turn}",), words=40)

    with world_of(pawl, agent, play) as world:
        check_stopped(world, world.run(["--max-tool-calls", "1"]), requests=2)
        assert world.has("step-0") and not world.has("step-1")


def a_cap_inside_a_sub_agent(pawl, agent):
    """Where both go on side by side, the main conversation waits in a tool meanwhile; what a call
    under way holds would keep the other one waiting."""
    def play(request):
        if request.sub:
            return Turn("A part.", commands=(f"touch part-{len(request.tool_results)}",))
        if request.turn == 0:
            return Turn("Somebody else.", agent="Do a part of it.")
        return Turn("Waiting.", commands=("until [ -e go-on ]; do sleep 0.1; done",))

    with world_of(pawl, agent, play) as world:
        world.start(["--max-iterations", str(agent.calls_around_sub + 2)], agent.command())
        world.await_latch()
        world.write(world.project / "go-on", "")
        done = world.finish()
        subs = [request for request in world.model.requests if request.sub]
        assert len(subs) == 2, f"{[(r.thread, r.turn) for r in world.model.requests]}\n{done.said}"
        check_stopped(world, done, requests=agent.calls_around_sub + 2, conversations=2)
        shown = {call["reserve"].get("thread") for call in done.history.calls
                 if call["state"] != "refused"}
        assert len(shown) == (2 if agent.tells_who else 1), shown


def a_tool_call_is_refused_before_it_runs(pawl, agent):
    """Codex runs both in one script, which only its hooks see apart. The others have one lock
    before that, the model's answer; so here somebody else uses the tool calls up in between."""
    def use_up():
        verdicts = [worlds[0].ask_as_hook(f"other-{number}") for number in range(3)]
        assert verdicts[0] == "" and "used up" in verdicts[2], verdicts

    def play(request):
        if request.turn > 0:
            return Turn("All done.")
        if agent.name == "codex":
            return Turn("Steps.", commands=("touch step-0", "touch step-1"), one_script=True)
        return Turn("One step.", commands=("touch step-1",), before_end=use_up)

    worlds = []
    with world_of(pawl, agent, play) as world:
        worlds.append(world)
        done = world.run(["--max-tool-calls", "1" if agent.name == "codex" else "2"])
        assert not world.has("step-1"), done.said
        assert world.has("step-0") == (agent.name == "codex"), done.said
        assert done.status == 124, f"{done.status}\n{done.said}"
        assert done.card["unit"] == "TOOL_CALLS", done.card
        assert len(world.model.requests) == 1, world.model.requests
        assert "tool calls used up" in done.said, done.said
        world.await_nobody()


def a_phase_that_asks(pawl, agent):
    """A test waits for an answer; with a yes it runs, with a no the model reads why and goes on."""
    def play(request):
        if request.turn < 3:
            return Turn("A test.", commands=(f"touch test-{request.turn}; pytest",))
        return Turn("All done.")

    with world_of(pawl, agent, play) as world:
        world.start(["--attended", "--phase", "verification=iterations=1,on_limit=ask"],
                    agent.command())
        world.await_question("phase")
        assert world.has("test-0") and not world.has("test-1")
        world.tell("approve", "last", "--phase", "verification")
        world.await_file("test-1")
        world.await_question("phase")
        world.tell("deny", "last")
        done = world.finish()
        assert done.status == 0 and not done.card["hard_stop"], f"{done.card}\n{done.said}"
        assert not world.has("test-2"), done.said
        last = [request for request in world.model.requests if not request.side][-1]
        assert "more was denied. implementation has" in last.tool_results[-1], last.tool_results
        assert "All done." in done.stdout, done.said
        check_books(world, done)
        world.await_nobody()


def summed_up_and_resumed(pawl, agent):
    """At the limit one more call sums up; what goes on with it has the session, the summary, the
    phases with what they have used, and is told about its phase once."""
    def play(request):
        told = json.dumps(request.body)
        if "last answer that it pays for" in told:
            return Turn("SUMMARY: one test was run, one is left.")
        if "Continue where you left off" in told:
            return Turn("Resumed fine.")
        return Turn("A test.", commands=(f"touch test-{request.turn}; pytest",))

    with world_of(pawl, agent, play) as world:
        options = ["--phase", "verification=iterations=7", "--on-limit", "summary"]
        done = world.run([*options, "--max-iterations", "3", "--model", agent.model_name])
        assert done.status == 124 and done.card["why"] == "cap", f"{done.card}\n{done.said}"
        assert "SUMMARY: one test was run" in done.said, done.said
        check_books(world, done)
        assert "SUMMARY" in world.tell("show", "last"), done.said
        told = [json.dumps(request.body).count("pawl: this is verification, which has ")
                for request in world.model.requests]
        assert told == [0, 1, 1], f"{told}\n{done.said}"
        world.start([], [], resume=["--resume", "last", "--add-iterations", "2"])
        again = world.finish()
        assert again.status == 0 and "Resumed fine." in again.stdout, again.said
        last = [request for request in world.model.requests if not request.side][-1]
        assert "test-0" in json.dumps(last.body), "the conversation does not go on"
        tests, = (row for row in again.card["phases"] if row["phase"] == "verification")
        units = {unit["unit"]: unit for unit in tests["units"]}
        assert units["ITERATIONS"]["limit"] == 7, units
        assert units["ITERATIONS"]["spent"] >= 1, units
        world.await_nobody()


def held_up(number):
    """pawl is sent a signal while a tool runs, in a session of its own if the agent makes one."""
    def case(pawl, agent):
        def play(request):
            if request.turn == 0:
                return Turn("A long step.", commands=("touch started; sleep 300",))
            return Turn("All done.")

        with world_of(pawl, agent, play) as world:
            world.start([], agent.command())
            world.await_file("started")
            world.await_command("sleep 300")
            world.kill(number)
            world.process.communicate(timeout=120)
            world.await_nobody()
            assert len(world.model.requests) <= 2
            scripted.read_history(pawl, str(world.data))  # which settles what was killed
            check_clean(world)
    return case


def its_settings_lead_nowhere_else(pawl, agent):
    with Model(steps(1)) as decoy, world_of(pawl, agent, steps(1)) as world:
        options = agent.lead_astray(world, decoy.url)
        done = world.run(command=agent.command(*options))
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert decoy.requests == [] and decoy.free == [], decoy.requests
        assert len(world.model.requests) == 2, world.model.requests
        check_books(world, done)


EVERY = {
    "a normal run with tools": a_normal_run_with_tools,
    "a cap before a call": a_cap_before_a_call,
    "a cap on dollars before a call": a_cap_on_dollars_before_a_call,
    "a cap in mid-stream": a_cap_in_mid_stream,
    "a cap inside a sub-agent": a_cap_inside_a_sub_agent,
    "a tool call is refused before it runs": a_tool_call_is_refused_before_it_runs,
    "a phase that asks": a_phase_that_asks,
    "a summary, and going on": summed_up_and_resumed,
    "TERM leaves nothing running": held_up(signal.SIGTERM),
    "a kill -9 of pawl leaves nothing running": held_up(signal.SIGKILL),
    "its settings lead nowhere else": its_settings_lead_nowhere_else,
}


# --- Of one agent alone -----------------------------------------------------------------------


def refused_at_the_start(agent_name, words, prepare=None, options=(), arguments=(), **environment):
    """Nothing is started, and nothing of a run is left."""
    def case(pawl, agent):
        with world_of(pawl, agent, steps(1)) as world:
            if prepare is not None:
                prepare(world)
            world.start(list(options), agent.command(*arguments), **environment)
            _, stderr = world.process.communicate(timeout=60)
            assert world.process.returncode == 125, stderr
            assert words in stderr, stderr
            assert world.model.requests == []
            assert not list((world.data / "runs").glob("*")), "a run was made"
    case.agent = agent_name
    return case


def chatgpt_login(world):
    """A web token that nobody has to renew, and where ChatGPT is."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    claims = {"exp": 4102444800, "https://api.openai.com/auth": {
        "chatgpt_plan_type": "plus", "chatgpt_account_id": "account-1", "user_id": "user-1"}}
    token = ".".join((part({"alg": "RS256", "typ": "JWT"}), part(claims), "c2ln"))
    world.write(world.home / ".codex/auth.json", json.dumps(
        {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "last_refresh": "2099-01-01T00:00:00Z",
         "tokens": {"access_token": token, "refresh_token": "r", "id_token": token,
                    "account_id": "account-1"}}))
    world.write(world.home / ".codex/config.toml",
                f'chatgpt_base_url = "{world.model.url}/backend-api/"\n')
    return token


def codex_under_a_plan(pawl, agent):
    """Its login comes before a key in the environment, as without pawl; nothing that the plan
    refuses is put into its calls; they are metered and priced, and the windows are learned."""
    with world_of(pawl, agent, steps(1)) as world:
        token = chatgpt_login(world)
        done = world.run()
        assert done.status == 0, done.said
        assert "Codex calls under a ChatGPT plan" in done.stderr, done.stderr
        assert len(world.model.requests) == 2, world.model.requests
        for request in world.model.requests:
            assert request.path == "/backend-api/codex/responses"
            assert request.headers["authorization"] == f"Bearer {token}"
            assert request.headers["chatgpt-account-id"] == "account-1"
            assert "x-pawl-key" not in request.headers
        assert spent(done, "iterations") == 2 and spent(done, "usd") > 0, done.card
        accounts = subprocess.run([str(pawl), "accounts", "--json", "--data-dir", str(world.data)],
                                  capture_output=True, text=True, check=True).stdout
        account, = map(json.loads, accounts.splitlines())
        assert (account["upstream"], account["billing"]) == ("chatgpt", "plan"), account
        assert account["windows"][0]["used_bp"] == 4200, account


def codex_under_a_plan_is_stopped(pawl, agent):
    with world_of(pawl, agent, steps(9)) as world:
        chatgpt_login(world)
        done = world.run(["--max-iterations", "2"])
        check_stopped(world, done, requests=2)


def claude_keeps_hooks_and_settings_of_the_user(pawl, agent):
    given = {"hooks": {"PreToolUse": [{"hooks": [{"type": "command",
                                                  "command": "cat > theirs; exit 0"}]}]},
             "env": {"MINE": "yes"}}
    def play(request):
        return Turn("Step.", commands=("echo $MINE > mine",)) if request.turn == 0 else Turn()

    with world_of(pawl, agent, play) as world:
        done = world.run(command=agent.command("--settings", json.dumps(given)))
        assert done.status == 0, done.said
        assert world.has("theirs"), done.said
        assert (world.project / "mine").read_text() == "yes\n"
        assert spent(done, "tool_calls") == 1


def claude_without_hooks_is_counted_all_the_same(pawl, agent):
    with world_of(pawl, agent, steps(9)) as world:
        done = world.run(["--max-tool-calls", "1"], agent.command("--bare"))
        check_stopped(world, done, requests=2)
        assert world.has("step-0") and not world.has("step-1")


def a_command_that_hides_it(pawl, agent):
    """A script of one's own, with --agent."""
    with Model(steps(1)) as decoy, world_of(pawl, agent, steps(1)) as world:
        agent.lead_astray(world, decoy.url)
        script = world.root / "assistant"
        words = " ".join(shlex.quote(word) for word in agent.command())
        world.write(script, f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
        done = world.run(["--agent", agent.name], [str(script)])
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert decoy.requests == [] and len(world.model.requests) == 2


def codex_outlasts_a_provider_in_trouble(pawl, agent):
    """Its own retries stay: only what pawl refuses is final."""
    troubles = [Turn(status=503), Turn(cut=True), Turn(status=500)]

    def play(request):
        return troubles.pop(0) if troubles else steps(1)(request)

    with world_of(pawl, agent, play) as world:
        done = world.run()
        assert done.status == 0 and "All done." in done.stdout, f"{done.status}\n{done.said}"
        assert [request.turn for request in world.model.requests] == [0, 0, 0, 0, 1], done.said
        assert world.has("step-0")


def codex_goes_on_with_the_key_of_its_login(pawl, agent):
    with world_of(pawl, agent, steps(1)) as world:
        world.write(world.home / ".codex/auth.json", json.dumps(
            {"auth_mode": "apikey", "OPENAI_API_KEY": "sk-of-the-login", "tokens": None}))
        done = world.run(OPENAI_API_KEY="")
        assert done.status == 0, f"{done.status}\n{done.said}"
        keys = {request.headers.get("authorization") for request in world.model.requests}
        assert keys == {"Bearer sk-of-the-login"}, keys


def gemini_keeps_what_it_makes_at_home(pawl, agent):
    """Sessions and the like, in the home that it is shown instead of its own."""
    with world_of(pawl, agent, steps(1)) as world:
        world.write(world.home / ".gemini/GEMINI.md", "Be kind.")
        done = world.run()
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert (world.home / ".gemini/installation_id").exists()
        assert list((world.home / ".gemini/tmp").glob("*/chats/*")), "no session was kept"
        kind = any("Be kind." in json.dumps(request.body) for request in world.model.requests)
        assert kind, "GEMINI.md was not read"


def gemini_of_anybody_else(pawl, agent):
    with world_of(pawl, agent, steps(1)) as world:
        agent.settings(world, {"selectedType": "oauth-personal"})
        done = world.run()
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert len(world.model.requests) == 2
        check_clean(world)


def as_anybody_else(case):
    """In a name space of users in which pawl is not root."""
    def wrapped(pawl, agent):
        if os.geteuid() == 0:
            allowed = subprocess.run(["unshare", "--user", "true"], capture_output=True,
                                     check=False)
            if allowed.returncode != 0:
                raise counting.Skip("this machine allows no name spaces of users")
            pawl = Unprivileged(pawl)
        return case(pawl, agent)
    return wrapped


def gemini_project_that_chooses_a_login(pawl, agent):
    with world_of(pawl, agent, steps(1)) as world:
        world.write(world.project / ".gemini/settings.json", json.dumps(
            {"security": {"auth": {"selectedType": "oauth-personal"}}}))
        world.start([], agent.command())
        _, stderr = world.process.communicate(timeout=60)
        assert world.process.returncode == 125 and "oauth-personal" in stderr, stderr
        assert world.model.requests == []


OWN = {
    "claude": {
        "hooks and settings of the user stay": claude_keeps_hooks_and_settings_of_the_user,
        "without hooks it is counted all the same": claude_without_hooks_is_counted_all_the_same,
        "a command that hides it": a_command_that_hides_it,
        "Bedrock is refused": refused_at_the_start(
            "claude", "CLAUDE_CODE_USE_BEDROCK", CLAUDE_CODE_USE_BEDROCK="1"),
        "a session elsewhere is refused": refused_at_the_start(
            "claude", "--bg", arguments=["--bg"]),
    },
    "codex": {
        "a login with a key goes on": codex_goes_on_with_the_key_of_its_login,
        "a login with ChatGPT is metered": codex_under_a_plan,
        "a login with ChatGPT is stopped": codex_under_a_plan_is_stopped,
        "it outlasts a provider in trouble": codex_outlasts_a_provider_in_trouble,
        "no cap on tool calls without its hooks": refused_at_the_start(
            "codex", "--max-tool-calls cannot be kept", options=["--max-tool-calls", "5"],
            arguments=["-c", "hooks.PreToolUse=[]"]),
    },
    "gemini": {
        "what it makes is kept at home": as_anybody_else(gemini_keeps_what_it_makes_at_home),
        "another login, without root": as_anybody_else(gemini_of_anybody_else),
        "a project that chooses a login": as_anybody_else(gemini_project_that_chooses_a_login),
        "Vertex is refused": refused_at_the_start(
            "gemini", "GOOGLE_GENAI_USE_VERTEXAI", GOOGLE_GENAI_USE_VERTEXAI="true"),
    },
}
