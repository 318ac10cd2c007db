# SPDX-License-Identifier: Apache-2.0
"""A command that takes questions to a person, where nobody sits at the terminal."""
import json
import os
import pathlib
import shlex

from limits import rows
from world import Witness, World, finish

ASKING = ("--max-iterations", "1", "--on-limit", "ask")


def answering(world, verb):
    return f"{shlex.quote(world.pawl)} {verb} \"$PAWL_RUN\""


def states(world):
    return [row["state"] for row in rows(world, "approval")]


class Bell:
    """A pipe with a name: what an approver writes there is waited for."""

    def __init__(self, world):
        self.path = os.path.join(world.folder.name, "bell")
        os.mkfifo(self.path)

    def __str__(self):
        return shlex.quote(self.path)

    def next(self):
        with open(self.path, encoding="utf-8") as pipe:
            return pipe.read().strip()


def approver_says_yes(world):
    """The question reaches it as JSON and as words, without a terminal; its yes lets the call go
    on, and the run is nobody's yet."""
    seen = pathlib.Path(world.folder.name, "seen")
    quoted = shlex.quote(str(seen))
    command = (f"cat > {quoted}; echo \"$PAWL_QUESTION\" >> {quoted}; "
               + answering(world, "approve"))
    status, stdout, stderr = world.run([*ASKING, "--name", "nightly", "--approver", command],
                                       "call", "call", "say:through")
    assert (status, stdout) == (0, "through\n"), (status, stdout, stderr)
    assert "  attended    by its approver" in stderr, stderr
    lines = seen.read_text().splitlines()
    assert len(lines) == 2, lines
    body, words = lines
    question = json.loads(body)
    run = world.history().run
    id_ = world.runs()[0]["run"]
    assert question["run"] == id_ and question["name"] == "nightly", question
    assert question["question"] == "more" and question["text"] == words, (question, words)
    assert question["approve"] == f"pawl approve {id_}", question
    assert "1 of 1 model call used" in words, words
    assert question["cwd"] == os.getcwd(), question
    assert states(world) == ["approved"] and not run["hard_stop"], run


def approver_says_no(world):
    """A no is a no: refused, and the run is stopped as any without a terminal."""
    status, stdout, _ = world.run([*ASKING, "--approver", answering(world, "deny")],
                                  "call", "call")
    assert status == 124 and "refused 402" in stdout, (status, stdout)
    assert states(world) == ["denied"]


def approver_that_fails(world):
    """Nobody was told, so nothing waits: the refusal has the two commands."""
    for command, how in (("exit 3", "exit status 3"), ("kill -9 $$", "ended by signal 9"),
                         ("/nowhere/notify", "exit status 127")):
        status, stdout, stderr = world.run([*ASKING, "--approver", command], "call", "call")
        assert status == 124 and "pawl approve run_" in stdout, (status, stdout)
        assert f"the approver told nobody ({how}): {command}" in stderr, stderr


def approver_of_a_policy(world):
    """It is a person within reach, so that a policy which wants one lets the run begin."""
    refused = world.run(["--policy", "high-sensitivity"], "say:through")
    assert refused[0] == 125 and "--approver COMMAND" in refused[2], refused
    path = pathlib.Path(world.folder.name, "mine.yaml")
    path.write_text("name: mine\nextends: high-sensitivity\non_limit:\n  action: ask\n"
                    "caps:\n  iterations: 1\n"
                    f"approver: {json.dumps(answering(world, 'approve'))}\n",
                    encoding="utf-8")
    status, stdout, stderr = world.run(["--policy", str(path)], "call", "call", "say:through")
    assert (status, stdout) == (0, "through\n"), (status, stdout, stderr)
    status, _, stderr = world.run(["--policy", str(path), "--approver", "off"], "call")
    assert status == 125 and "wants a person" in stderr, (status, stderr)
    status, _, stderr = world.run(["--policy", str(path), "--unattended"], "call")
    assert status == 125 and "wants a person" in stderr, (status, stderr)


def approver_answered_elsewhere(world):
    """One that still asks is told to stop: whatever it started as well."""
    bell = Bell(world)
    command = f"trap 'echo withdrawn > {bell}; exit' TERM; echo asked > {bell}; sleep 600 & wait"
    process = world.start([*ASKING, "--approver", command], "call", "call", "say:through")
    assert bell.next() == "asked"
    assert world.tell("approve", "last").returncode == 0
    assert bell.next() == "withdrawn"
    status, stdout, _ = finish(process)
    assert (status, stdout) == (0, "through\n"), (status, stdout)


def approver_outlived_by_nothing(world):
    """A run that ends takes the command with it."""
    bell = Bell(world)
    command = f"trap 'echo withdrawn > {bell}; exit' TERM; echo asked > {bell}; sleep 600 & wait"
    process = world.start([*ASKING, "--approver", command], "call", "call")
    assert bell.next() == "asked"
    assert world.tell("stop", "last").returncode == 0
    assert bell.next() == "withdrawn"
    assert finish(process)[0] != 0


def approver_of_a_run_that_is_killed(world):
    """Nothing outlives a pawl that is killed: whatever the command does with its TERM."""
    bell = Bell(world)
    with Witness() as witness:
        held = f"/proc/{os.getpid()}/fd/{witness.write_fd}"
        command = f"exec 9> {held}; trap '' TERM; echo asked > {bell}; sleep 600 & sleep 600; wait"
        process = world.start([*ASKING, "--approver", command], "call", "call")
        assert bell.next() == "asked"
        witness.let_go()
        process.kill()
        witness.await_nobody()
    finish(process)


def approver_leaves_something(world):
    """It has ended by itself, and what it has started on purpose goes on."""
    bell = Bell(world)
    command = ("(while kill -0 $$ 2> /dev/null; do sleep 0.05; done; "
               f"echo told > {bell}; while [ ! -e done ]; do sleep 0.05; done; "
               f"echo alive > {bell}) & exit 0")
    process = world.start([*ASKING, "--approver", command], "call", "call", "say:through",
                          cwd=world.folder.name)
    assert bell.next() == "told"
    assert world.tell("approve", "last").returncode == 0
    assert finish(process)[:2] == (0, "through\n")
    pathlib.Path(world.folder.name, "done").touch()
    assert bell.next() == "alive"


def tests(world: World):
    del world
    yield "an approver says yes", approver_says_yes
    yield "an approver says no", approver_says_no
    yield "an approver that fails", approver_that_fails
    yield "an approver of a policy's", approver_of_a_policy
    yield "an approver, and an answer from elsewhere", approver_answered_elsewhere
    yield "an approver is outlived by nothing", approver_outlived_by_nothing
    yield "an approver of a run that is killed", approver_of_a_run_that_is_killed
    yield "an approver that leaves something behind", approver_leaves_something
