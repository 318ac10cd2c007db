# SPDX-License-Identifier: Apache-2.0
"""Agents that a script starts: what they get, when they are left alone, and what becomes of all of
it. The agents are stand-ins that say how they were started; tests/agents has the real ones.
"""
import json
import os
import pathlib
import shlex
import signal
import sys

from world import expect_line, finish

STAND_IN = f"""#!{sys.executable}
import json, os, signal, sys
words = sys.argv[1:]
if "read" in words:
    words.append(sys.stdin.read())
kept = {{name: value for name, value in os.environ.items() if name == "PATH" or "PAWL" in name
        or "URL" in name or "GEMINI" in name or "BASH_ENV" in name}}
settings = words[words.index("--settings") + 1] if "--settings" in words else None
said = json.dumps({{"name": os.path.basename(sys.argv[0]), "words": words, "env": kept,
                   "settings": settings and json.load(open(settings))}})
os.write(1, said.encode() + b"\\n")
if "trap" in words:
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(9))
    os.write(1, b"trapping\\n")
    signal.pause()
if "fall" in words:
    os.kill(os.getpid(), signal.SIGTERM)
sys.exit(7 if "seven" in words else 0)
"""
ALL = ("claude", "codex", "gemini")


def install(world, names=ALL):
    """Stand-ins in a directory; what makes the PATH that has it."""
    folder = pathlib.Path(world.folder.name, "tools")
    folder.mkdir()
    for name in names:
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "OPENAI_API_KEY": "sk-test",
            "GEMINI_API_KEY": "gem-test", "HOME": world.folder.name}


def script(world, text, name="assistant", shell="/bin/sh"):
    path = pathlib.Path(world.folder.name, name)
    path.write_text(f"#!{shell}\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def starts(stdout):
    """What the stand-ins say."""
    return [json.loads(line) for line in stdout.splitlines() if line.startswith('{"name"')]


def provider_of(start):
    """The address in Codex's only provider."""
    given = [word for word in start["words"] if word.startswith("model_providers.pawl=")]
    assert len(given) == 1, start["words"]
    return given[0].partition('base_url="')[2].partition('"')[0]


def origin(url):
    return url.split("/")[2]


def hidden(world):
    """No argument is passed on, and the words are those of the script, whatever is in them."""
    env = install(world)
    words = ["exec", "a b", "c\nd", "", "it's", "$HOME", "read"]
    body = f"codex {shlex.join(words)} < {__file__}\nclaude -p hi\ngemini -p hi"
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert status == 0, stderr
    codex, claude, gemini = starts(stdout)
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert codex["words"][:len(words)] == words and codex["words"][-1] == text, codex["words"]
    assert provider_of(codex).endswith("/-/openai/v1")
    assert origin(provider_of(codex)) == origin(codex["env"]["OPENAI_BASE_URL"])
    assert codex["env"]["PAWL_GATEWAY_KEY"] in codex["env"]["OPENAI_BASE_URL"]
    assert any("pawl hook codex --run " in word for word in codex["words"])
    address = claude["env"]["ANTHROPIC_BASE_URL"]
    assert claude["settings"]["env"]["ANTHROPIC_BASE_URL"] == address, claude
    assert "hook claude" in json.dumps(claude["settings"]["hooks"]), claude
    assert claude["words"][2:] == ["-p", "hi"], claude["words"]
    assert gemini["words"] == ["-p", "hi"], gemini
    assert {"GEMINI_CLI_HOME", "GEMINI_CLI_SYSTEM_SETTINGS_PATH"} & set(gemini["env"]), gemini
    gone(world)


def gone(world):
    """Nothing of it is left in any run's directory."""
    for folder in pathlib.Path(world.data, "runs").iterdir():
        left = {path.name for path in folder.iterdir()}
        assert left <= {"lock", "meta.json", "journal", "policy.yaml"}, left


def many_starts(world):
    """Each start is told of its own settings, at once or not."""
    env = install(world)
    body = """for n in 1 2 3 4 5 6; do claude --settings '{"mine":'$n'}' & claude -p $n & done
wait
codex one; codex two"""
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert status == 0, stderr
    said = starts(stdout)
    mine = sorted(start["settings"].get("mine", 0) for start in said if start["name"] == "claude")
    assert mine == [0] * 6 + [1, 2, 3, 4, 5, 6], mine
    assert sum(start["name"] == "codex" for start in said) == 2, said
    gone(world)


def statuses(world):
    """Exit status and signals are the program's own, both ways, and so is its process."""
    env = install(world)
    body = """codex seven; echo "status $?"
claude fall; echo "status $?"
gemini trap & echo "waiting"; read go; kill -USR1 $!; wait $!; echo "status $?"
exec codex seven"""
    run = world.start(["--no-card"], script(world, body), env=env)
    seen = []
    while "trapping" not in seen:
        seen.append(expect_line(run, ""))
    status, stdout, stderr = finish(run, "go\n")
    said = [line for line in [*seen, *stdout.splitlines()] if line.startswith("status")]
    assert said == ["status 7", "status 143", "status 9"] and status == 7, (said, status, stderr)


def absent(world):
    """What is not installed is as absent as before, and so is PATH's new part without any."""
    env = install(world, ["claude"])
    body = """command -v codex; echo "found $?"; codex exec; echo "ran $?"
case $(command -v claude) in */runs/run_*/bin/claude) echo met;; esac"""
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert status == 0 and stdout.splitlines() == ["found 127", "ran 127", "met"], (stdout, stderr)
    assert "pawl: codex" not in stderr, stderr
    none = {**env, "PATH": "/usr/bin:/bin"}
    status, stdout, stderr = world.run(["--no-card"], script(world, "echo $PATH $BASH_ENV"),
                                       env=none)
    assert stdout == "/usr/bin:/bin\n", stdout


def removed(world):
    env = install(world, ["codex"])
    body = """rm "$HOME/tools/codex"; codex exec; echo "ran $?" """
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert status == 0 and stdout == "ran 127\n", (stdout, stderr)
    assert "pawl: codex: command not found" in stderr, stderr


def none(world):
    """--agent none switches it off."""
    env = install(world)
    status, stdout, _ = world.run(["--no-card", "--agent", "none"],
                                  script(world, "codex exec; claude -p; echo path $PATH"), env=env)
    codex, claude = starts(stdout)
    assert status == 0 and codex["words"] == ["exec"] and claude["words"] == ["-p"], stdout
    assert f"path {env['PATH']}\n" in stdout and "BASH_ENV" not in codex["env"], stdout


def once(world):
    """What a start was given it is not given again: directly, behind another program, through a
    script that passes its arguments on."""
    env = install(world)
    passing = script(world, 'codex exec "$@"', "passing")
    for options, command in (([], ["codex", "exec", "hi"]), ([], ["env", "A=b", "codex", "exec"]),
                             (["--agent", "codex"], [*passing, "hi"]),
                             ([], script(world, f"{passing[0]} hi"))):
        status, stdout, stderr = world.run(["--no-card", *options], command, env=env)
        assert status == 0, stderr
        start, = starts(stdout)
        provider_of(start)
        assert sum(word.startswith("hooks.PreToolUse") for word in start["words"]) == 1, start
    for command in (["claude", "-p"], ["timeout", "50", "claude", "-p"],
                    script(world, "claude -p")):
        status, stdout, stderr = world.run(["--no-card"], command, env=env)
        start, = starts(stdout)
        assert start["words"][0] == "--settings" and start["words"][2:] == ["-p"], start
        assert len(start["settings"]["hooks"]["PreToolUse"]) == 1, start
    gone(world)


def a_run_in_a_run(world):
    """The inner one has its own gateway, which is what its agents get, however they are started;
    with --agent none it leaves them alone."""
    env = install(world)
    inner = shlex.join([world.pawl, "run", "--data-dir", world.data, "--no-card", "--quiet"])
    nested = script(world, "codex exec", "nested")[0]
    body = f"""codex exec
{inner} -- codex exec
{inner} -- {nested}
{inner} -- bash -lc 'codex exec'
{inner} --agent none -- {nested}
codex exec"""
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert status == 0, stderr
    said = starts(stdout)
    outer = origin(said[0]["env"]["OPENAI_BASE_URL"])
    for start in (said[0], said[5]):
        assert origin(provider_of(start)) == outer, start
    for start in said[1:4]:
        own = origin(start["env"]["OPENAI_BASE_URL"])
        assert origin(provider_of(start)) == own != outer, start
    assert said[4]["words"] == ["exec"], said[4]
    gone(world)


def refused(world):
    """As a direct start is, with its words and status; the rest of the script goes on."""
    env = install(world)
    body = """codex --oss; echo "status $?"; claude --bg; echo "status $?"
ANTHROPIC_BASE_URL=http://127.0.0.1:9 claude -p; echo "status $?"
codex -c 'hooks.PreToolUse=[]' exec; echo "status $?"
OPENAI_BASE_URL=http://127.0.0.1:9 codex exec; echo "status $?"
ANTHROPIC_BASE_URL=http://127.0.0.1:9 claude --version; echo "status $?" """
    status, stdout, stderr = world.run(["--no-card", "--max-tool-calls", "5"], script(world, body),
                                       env=env)
    said = [line for line in stdout.splitlines() if line.startswith("status")]
    assert status == 0 and said == ["status 125"] * 4 + 2 * ["status 0"], (said, stderr)
    for words in ("codex --oss chooses a provider", "claude --bg runs outside",
                  "ANTHROPIC_BASE_URL was set inside of the run",
                  "--max-tool-calls cannot be kept"):
        assert words in stderr, stderr
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    assert stdout.count("status 0") == 3, (stdout, stderr)  # Without that cap nothing is lost.


def environments(world):
    """One that hides all but PATH, a login shell that sets PATH anew, and the file of bash that
    somebody has of his own, which stays his."""
    env = install(world)
    body = """env -i PATH="$PATH" HOME="$HOME" codex exec
env -i PATH="$PATH" HOME="$HOME" claude -p
bash -lc 'codex exec'"""
    status, stdout, stderr = world.run(["--no-card"], script(world, body), env=env)
    bare, claude, login = starts(stdout)
    assert status == 0 and origin(provider_of(bare)) == origin(provider_of(login)), stderr
    assert bare["env"]["PAWL_RUN_ID"] == claude["env"]["PAWL_RUN_ID"], bare
    assert claude["settings"]["env"]["ANTHROPIC_BASE_URL"].endswith("/anthropic"), claude
    own = pathlib.Path(world.folder.name, "own.sh")
    own.write_text("echo own\n")
    status, stdout, _ = world.run(["--no-card"], script(world, "echo $BASH_ENV", shell="/bin/bash"),
                                  env={**env, "BASH_ENV": str(own)})
    assert stdout == f"own\n{own}\n", stdout


def awkward_places(world):
    """A blank and a quote in the data directory's path are nothing special; with a colon there can
    be no wrapper, and the line before the run says what that means."""
    env = install(world)
    before = world.data
    world.data = os.path.join(world.folder.name, "it's a place")
    body = script(world, "codex exec; bash -lc 'codex exec'")
    status, stdout, stderr = world.run(["--no-card"], body, env=env)
    assert status == 0 and len(starts(stdout)) == 2, stderr
    assert len({origin(provider_of(start)) for start in starts(stdout)}) == 1, stdout
    world.data = os.path.join(world.folder.name, "a:b")
    status, stdout, stderr = world.run(["--no-card"], script(world, "codex exec"), env=env)
    assert status == 0 and starts(stdout)[0]["words"] == ["exec"], stdout
    assert "pawl: an agent that a script starts may go past pawl: the data directory's path has " \
           "a colon in it" in stderr, stderr
    world.data = before


def shown(world):
    """What 'pawl agents' shows is what a script's start gets, but for the run's own words."""
    env = install(world, ["codex"])
    surroundings = world.environment(**env)
    status, stdout, stderr = world.run(["--no-card"], script(world, "codex exec"), env=env)
    assert status == 0, stderr
    start, = starts(stdout)
    secret = start["env"]["PAWL_GATEWAY_KEY"]
    port = origin(start["env"]["OPENAI_BASE_URL"]).partition(":")[2]
    done = world.tell("agents", "codex", "--json", env=surroundings)
    plan = json.loads(done.stdout)
    words = [item["value"] for item in plan["items"] if item["kind"] == "argument"]
    assert len(words) == len(start["words"]) - 1 and not plan.get("refused"), (words, start)
    for word, given in zip(words, start["words"][1:]):
        given = given.replace(start["env"]["PAWL_RUN_ID"], "RUN").replace(f":{port}/", ":PORT/")
        assert given == word or word.startswith("hooks.state="), (given, word)
    assert {item["name"]: item["value"] for item in plan["items"] if item["kind"] == "variable"} \
        == {"PAWL_GATEWAY_KEY": "SECRET"} and len(secret) == 40
    folder = f"{world.data}/runs/RUN"
    assert plan["wrapper"] == {"path": f"{folder}/bin/codex",
                               "program": f"{world.folder.name}/tools/codex"}, plan["wrapper"]
    for name, words in (("claude", "not on PATH: a script that starts it by its path goes past"),
                        ("none", f"PATH={folder}/bin:{env['PATH']}\n"),
                        ("none", f"BASH_ENV={folder}/wrap.sh\n"),
                        ("codex", f"as {folder}/bin/codex, before {world.folder.name}/tools")):
        done = world.tell("agents", name, env=surroundings)
        assert words in done.stdout, (words, done.stdout)


def killed(world):
    """kill -9 of pawl: whoever settles the run clears it away."""
    env = install(world)
    run = world.start([], script(world, "claude -p; echo ready; read go"), env=env)
    expect_line(run, '{"name"')
    expect_line(run, "ready")
    folder = next(pathlib.Path(world.data, "runs").iterdir())
    assert {"bin", "wrap.json", "wrap.sh"} < {path.name for path in folder.iterdir()}
    assert (folder / "wrap.json").stat().st_mode & 0o777 == 0o600
    run.send_signal(signal.SIGKILL)
    finish(run)
    world.await_unlocked()
    world.runs()
    gone(world)


def tests(_world):
    return (
        ("a script that passes nothing on", hidden),
        ("many starts, each with its own settings", many_starts),
        ("exit statuses and signals are the program's", statuses),
        ("what is not installed is absent", absent),
        ("what is removed meanwhile is absent", removed),
        ("--agent none leaves everything alone", none),
        ("nothing is given twice", once),
        ("a run inside of a run", a_run_in_a_run),
        ("what a direct start refuses", refused),
        ("hidden environments and login shells", environments),
        ("awkward data directories", awkward_places),
        ("what is shown is what is given", shown),
        ("a kill leaves nothing", killed),
    )
