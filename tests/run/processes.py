# SPDX-License-Identifier: Apache-2.0
"""The process tree: what the agent gets, and that nothing of it is left."""
import os
import shutil
import signal
import stat
import subprocess
import sys

from world import AGENT, Witness, expect_line, finish

SIGNALS = "import sys; sys.stdout.write(''.join(l for l in open('/proc/self/status')" \
          " if l.startswith(('SigBlk', 'SigIgn'))))"
# What pawl sets; everything else must be as it was.
OURS = {"ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "GOOGLE_GEMINI_BASE_URL",
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "CLAUDE_CODE_GATEWAY_HINT_HEADERS",
        "GEMINI_CLI_NO_RELAUNCH", "PAWL_RUN_ID"}


def streams(world):
    """Each reader sees the end when the agent closes its side, though the run goes on."""
    with Witness() as witness:
        fd = witness.write_fd
        script = f"read x; echo got $x; exec 1>&- {fd}>&-; read y; exit 4"
        if fd > 9:
            os.dup2(fd, 9)
            os.set_inheritable(9, True)
            os.close(fd)
            witness.write_fd = 9
            script = script.replace(f"{fd}>&-", "9>&-")
        process = world.start([], ["sh", "-c", script], **witness.arguments())
        witness.let_go()
        process.stdin.write("one\n")
        process.stdin.flush()
        expect_line(process, "got one")
        assert process.stdout.read() == ""
        witness.await_nobody()
        assert process.poll() is None
        status, _, _ = finish(process, "two\n")
        assert status == 4, status


def standing(world):
    """Signal masks and dispositions, environment, group and session are those of pawl's start."""
    def ignoring():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    command = [sys.executable, "-c", SIGNALS]
    direct = subprocess.run(command, capture_output=True, text=True, check=True,
                            preexec_fn=ignoring)
    status, stdout, _ = world.run([], command, preexec_fn=ignoring)
    assert (status, stdout) == (0, direct.stdout), stdout
    status, stdout, _ = world.run([], ["env", "-0"])
    before = world.environment()
    after = dict(word.split("=", 1) for word in stdout.split("\0") if word)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    ours = OURS
    if any(shutil.which(name) for name in ("claude", "codex", "gemini")):
        ours = OURS | {"PATH"} | ({"BASH_ENV"} - {*before})  # scripts.py
    assert changed - {"_"} == ours, changed ^ ours
    process = world.start([], "pids", start_new_session=True)
    words = expect_line(process, "pids").split()
    assert int(words[3]) == process.pid and int(words[4]) == process.pid, words
    assert finish(process)[0] == 0


def nothing_left(world):
    """A tool and a daemon, both deaf, are gone when the run has ended."""
    with Witness() as witness:
        process = world.start([], "tool", "daemon", "exit:3", **witness.arguments())
        witness.let_go()
        status, _, _ = finish(process)
        assert status == 3, status
        witness.await_nobody()


def pawl_killed(world):
    """kill -9 of pawl takes the whole tree with it."""
    with Witness() as witness:
        process = world.start([], "deaf", "tool", "daemon", "say:ready", "wait",
                              **witness.arguments())
        witness.let_go()
        expect_line(process, "ready")
        process.kill()
        witness.await_nobody()
    assert world.runs()[0]["state"] == "ended"


def group_killed(world):
    """Nor does kill -9 of the process group, as test harnesses and CI systems do it: the agent is
    in it, what it has put into sessions of their own is not."""
    with Witness() as witness:
        process = world.start([], "tool", "daemon", "say:ready", "wait", start_new_session=True,
                              **witness.arguments())
        witness.let_go()
        expect_line(process, "ready")
        os.killpg(process.pid, signal.SIGKILL)
        witness.await_nobody()
        assert finish(process)[0] == -signal.SIGKILL


def both_killed(world):
    """Where pawl and the keeper are killed at once, the agent at least ends. In a session of their
    own: the kernel may hang up a process group that is left orphaned with pawl stopped in it."""
    with Witness() as witness:
        process = world.start([], "deaf", "pids", "wait", start_new_session=True,
                              **witness.arguments())
        witness.let_go()
        keeper = int(expect_line(process, "pids").split()[1])
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(keeper, signal.SIGKILL)
        process.kill()
        witness.await_nobody()


def keeper_killed(world):
    """kill -9 of the keeper does not set the tree free either; pawl says that it failed."""
    with Witness() as witness:
        process = world.start(["--json-card"], "deaf", "tool", "daemon", "pids", "wait",
                              **witness.arguments())
        witness.let_go()
        keeper = int(expect_line(process, "pids").split()[1])
        assert keeper != process.pid
        os.kill(keeper, signal.SIGKILL)
        status, _, stderr = finish(process)
        witness.await_nobody()
        assert status == 125 and '"why":"keeper"' in stderr, (status, stderr)


def not_executable(world):
    """127 and 126 as shells say it, and nothing written down for a typing error."""
    folder = world.folder.name
    plain = os.path.join(folder, "plain")
    script = os.path.join(folder, "script")
    with open(plain, "w", encoding="utf-8") as file:
        file.write("text\n")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/nonexistent/interpreter\n")
    os.chmod(script, stat.S_IRWXU)
    for command, expected in (("no-such-command", 127), ("./no/such", 127), (folder, 126),
                              (plain, 126), ("", 127)):
        status, _, stderr = world.run([], [command])
        assert status == expected and stderr.startswith("pawl: "), (command, status, stderr)
        assert command != folder or "Is a directory" in stderr, stderr
    assert world.runs() == []
    status, _, _ = world.run([], [script])
    assert status == 126, status
    assert [row["reason"] for row in world.runs()] == ["failed"]


def closed_streams(world):
    """Standard descriptors that are closed stay closed, and nobody takes their place."""
    def closing():
        for fd in (0, 1, 2):
            os.close(fd)
    command = [sys.executable, "-c", "import os, sys; "
               "sys.exit(sum(os.path.exists(f'/proc/self/fd/{i}') for i in range(3)))"]
    process = world.start(["--no-card"], command, preexec_fn=closing, stdin=None, stdout=None,
                          stderr=None)
    assert process.wait(60) == 0
    assert world.runs()[0]["state"] == "ended"


def stubborn_parent(world):
    """A parent that ignores SIGCHLD hands that on; the run works all the same."""
    status, _, _ = world.run([], "call", "exit:5",
                             preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert status == 5, status


def removed_directory(world):
    """The working directory may be gone."""
    gone = os.path.join(world.folder.name, "gone")
    os.mkdir(gone)
    script = f"cd {gone}; rmdir {gone}; exec {' '.join(world.command([], (['true'],)))}"
    assert subprocess.run(["sh", "-c", script], env=world.environment(), capture_output=True,
                          check=False).returncode == 0


def nested(world):
    """A run inside a run: both count, and the inner one's cap is its own."""
    inner = os.path.join(world.folder.name, "inner")
    command = [world.pawl, "run", "--data-dir", inner, "--max-iterations", "2", "--",
               sys.executable, AGENT, "until"]
    status, stdout, _ = world.run([], command)
    assert status == 124 and "refused 402" in stdout, (status, stdout)
    outer = world.runs()[0]
    assert outer["calls"] == 2 and outer["spent"]["usd"]["amount"] == world.bill(), outer


def tests(world):
    yield "the agent's streams are its own", streams
    yield "the agent starts as without pawl", standing
    yield "tools and daemons end with the agent", nothing_left
    yield "kill -9 of pawl leaves nothing running", pawl_killed
    yield "kill -9 of pawl's group leaves nothing running", group_killed
    yield "kill -9 of pawl and the keeper ends the agent", both_killed
    yield "kill -9 of the keeper leaves nothing running", keeper_killed
    yield "a command that cannot be executed is 126 or 127", not_executable
    yield "closed standard descriptors", closed_streams
    yield "SIGCHLD ignored by the parent", stubborn_parent
    yield "a working directory that is gone", removed_directory
    yield "a run inside a run", nested
