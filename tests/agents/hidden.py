# SPDX-License-Identifier: Apache-2.0
"""Agents that something else starts: a script that names them and passes no argument on, another
agent. What a case is and how a stop is checked, cases.py says.
"""
import json
import shlex

from cases import (as_anybody_else, chatgpt_login, check_books, check_clean, check_stopped, spent,
                   steps, world_of)
from model import Model, Turn, texts

NESTED = "do the nested part"


def by_name(agent, *options):
    """The agent's command as a script has it."""
    words = agent.command(*options)
    return [agent.name, *words[words.index(agent.first_word):]]


def path_with_agents(world):
    """As npm installs them, under their names."""
    return f"{world.root / 'tools'}:{world.environment()['PATH']}"


def run_script(world, lines, options=()):
    """A script on whose PATH the agent is."""
    script, tools = world.root / "assistant", world.root / "tools"
    world.write(script, "#!/bin/sh\n" + "\n".join(lines) + "\n")
    script.chmod(0o755)
    tools.mkdir()
    (tools / world.agent.name).symlink_to(world.agent.installed)
    return world.run(options, [str(script)], PATH=path_with_agents(world))


def check_two(world, decoy, done):
    """Two conversations of two calls and a tool call each, none of them anywhere else."""
    assert decoy.requests == [] and decoy.free == [], decoy.requests
    assert len(world.model.requests) == 4, world.model.requests
    assert spent(done, "tool_calls") == 2, done.history.run
    check_books(world, done)
    world.await_nobody()
    check_clean(world)


def in_a_script(pawl, agent):
    """Its settings lead nowhere else, its hook is asked, and what comes behind it in the script
    goes on as ever."""
    with Model(steps(1)) as decoy, world_of(pawl, agent, steps(1)) as world:
        command = shlex.join(by_name(agent, *agent.lead_astray(world, decoy.url)))
        done = run_script(world, ["set -e", command, f"{agent.name} --version",
                                  f"{command} && echo both done"])
        assert done.status == 0 and "both done" in done.stdout, f"{done.status}\n{done.said}"
        check_two(world, decoy, done)


def stopped_in_a_script(pawl, agent):
    """Going on starts the script again, whose agent is kept in the run that goes on."""
    with world_of(pawl, agent, steps(9)) as world:
        done = run_script(world, [shlex.join(by_name(agent))], ["--max-iterations", "2"])
        check_stopped(world, done, requests=2)
        check_clean(world)
        world.start([], [], resume=["--resume", "last", "--add-iterations", "1"],
                    PATH=path_with_agents(world))
        again = world.finish()
        assert again.status == 124 and len(world.model.requests) == 3, again.said
        assert spent(again, "iterations") == 1, again.history.run


def in_itself(pawl, agent):
    """A tool of the agent's starts the agent again: each conversation is metered, with the hook of
    its own that refuses what goes beyond the cap on tool calls."""
    def play(request):
        if request.turn > 0:
            return Turn("All done.")
        nested = any(NESTED in text for text in texts(request.body))
        return Turn("One step.", commands=("touch nested",) if nested else (nested_command,))

    nested_command = shlex.join(by_name(agent)).replace(shlex.quote("run the steps"),
                                                        shlex.quote(NESTED))
    with Model(steps(1)) as decoy, world_of(pawl, agent, play) as world:
        command = shlex.join(by_name(agent, *agent.lead_astray(world, decoy.url)))
        done = run_script(world, [command])
        assert done.status == 0, f"{done.status}\n{done.said}"
        assert world.has("nested"), done.said
        check_two(world, decoy, done)


def under_a_plan(pawl, agent):
    """Where ChatGPT is, its own config.toml says, which pawl has looked at before the start."""
    with world_of(pawl, agent, steps(1)) as world:
        token = chatgpt_login(world)
        done = run_script(world, [shlex.join(by_name(agent))])
        assert done.status == 0, done.said
        assert [(request.path, request.headers["authorization"])
                for request in world.model.requests] == 2 * [
                    ("/backend-api/codex/responses", f"Bearer {token}")], world.model.requests
        check_books(world, done)


def going_on_in_a_script(pawl, agent):
    """The second start finds the session of the first, and both are at home afterwards."""
    with world_of(pawl, agent, steps(1)) as world:
        world.write(world.home / ".gemini/GEMINI.md", "Be kind.")
        again = [*by_name(agent), "--resume", "latest"]
        done = run_script(world, ["set -e", shlex.join(by_name(agent)), shlex.join(again)])
        assert done.status == 0, f"{done.status}\n{done.said}"
        last = world.model.requests[-1]
        assert "step-0" in json.dumps(last.body), "the conversation does not go on"
        assert list((world.home / ".gemini/tmp").glob("*/chats/*")), "no session was kept"
        check_clean(world)


EVERY = {
    "in a script": in_a_script,
    "stopped in a script": stopped_in_a_script,
    "in itself": in_itself,
}

OWN = {
    "claude": {},
    "codex": {"in a script, under a plan": under_a_plan},
    "gemini": {"in a script, without root": as_anybody_else(going_on_in_a_script)},
}
