# SPDX-License-Identifier: Apache-2.0
"""What a Tab offers, in each shell as it is: bash and zsh are typed at, fish is asked."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from count import Skip
from expect import expect

SECONDS_MAX = 120
DONE, ASK = "~~done~~", "~~'done'~~"  # as it is printed, and as it is typed


def offered(cli, *words, **environment):
    """What stands behind the first line, which says what the shell does beside it."""
    done = cli("complete", "--", *words, **environment)
    expect(done, 0)
    lines = done.stdout.splitlines()
    return lines[0], [line.split("\t")[0] for line in lines[1:]]


class Shell:
    """An interactive shell in a terminal of its own that knows pawl's completions."""

    def __init__(self, cli, *command, setup):
        self.folder = tempfile.TemporaryDirectory()
        path = f"{pathlib.Path(cli.pawl).parent}:{os.environ['PATH']}"
        child = {**os.environ, "HOME": cli.home, "PATH": path, "TERM": "dumb", "PS1": "% ",
                 "ZDOTDIR": self.folder.name, "PAWL_DATA_DIR": "", "XDG_STATE_HOME": ""}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.folder.name)
            os.execvpe(command[0], command, child)
        self.seen, self.line = "", ""
        self.type(f"{setup}; echo {ASK}\n")
        self.until(DONE)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.folder.cleanup()

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, wanted):
        """Reads on until the text has come, and forgets everything up to it."""
        give_up = time.monotonic() + SECONDS_MAX
        while wanted not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, give_up - time.monotonic()))
            assert ready, f"{wanted!r} did not come: {self.seen!r}"
            self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(self.fd, 4096).decode())
        self.line, _, self.seen = self.seen.partition(wanted)

    def completes(self, typed, whole):
        """What is typed, with a Tab behind it, becomes the whole: echo, put in front, says so."""
        self.type(f"{typed}\t\x01echo {ASK} \x05\n")
        self.until(f"{DONE} ")
        self.until("\n")
        assert self.line.rstrip() == whole, (self.line, whole)


def words_are_offered(cli):
    names = cli.commands()
    assert offered(cli, "") == (":words", names)
    assert offered(cli, "pol") == (":words", ["policy"])
    assert offered(cli, "--") == (":words", ["--help", "--version"])
    assert offered(cli, "policy", "") == (":words", ["show", "check", "list", "--help"])
    assert offered(cli, "help", "policy", "") == (":words", ["show", "check", "list"])
    assert offered(cli, "nonsense", "") == (":words", [])
    _, options = offered(cli, "run", "--")
    assert {"--max-usd", "--phase", "--resume", "--help"} <= set(options), options
    _, options = offered(cli, "run", "--max-usd", "1", "--phase", "a=1m", "--")
    assert "--max-usd" not in options and "--phase" in options, options
    modes = ["halt", "summary", "ask", "pause", "degrade"]
    assert offered(cli, "run", "--on-limit", "") == (":words", modes)
    assert offered(cli, "run", "--on-limit=") == (":words", [f"--on-limit={m}" for m in modes])
    assert offered(cli, "run", "--on=su") == (":words", ["--on=summary"]), "shortened"
    assert offered(cli, "run", "-p", "te") == (":files", ["team"])
    assert offered(cli, "run", "--data-dir", "x") == (":directories", [])
    assert offered(cli, "policy", "check", "") == (":files", [])
    what, models = offered(cli, "run", "--degrade", "claude-haiku-4")
    assert what == ":open" and "claude-haiku-4-5" in models, models
    assert len(models) == len(set(models)), models
    assert offered(cli, "run", "--degrade", "m@7") == (":words", ["m@75%"])
    assert offered(cli, "run", "--phase", "v") == (":open", ["verification="])
    assert offered(cli, "run", "--max-usd", "1", "cla") == (":command 3", [])
    assert offered(cli, "run", "--max-usd", "1", "--", "claude", "-") == (":command 4", [])
    assert offered(cli, "run", "claude", "--on-limit", "") == (":command 1", [])
    assert "Europe/Berlin" in offered(cli, "limit", "--timezone", "Europe/B")[1]


def what_is_offered_is_taken(cli):
    """The words of the table are those that the commands know."""
    ways = {("top", "--once", "--sort"): (), ("runs", "--breaches", "--by"): (),
            ("run", "--quiet", "--on-limit"): ("--degrade", "claude-haiku-4-5@75%", "--help"),
            ("run", "--escalation"): ("--help",), ("run", "--agent"): ("--help",),
            ("agents",): (), ("completion",): (), ("policy", "show", "--escalation"): (),
            ("policy", "show", "--on-limit"): ("--degrade", "claude-haiku-4-5@75%"),
            ("policy", "show"): ()}
    with tempfile.TemporaryDirectory() as data:
        for before, behind in ways.items():
            _, words = offered(cli, *before, "")
            words = [word for word in words if not word.startswith("-")]
            assert len(words) >= 3, (before, words)
            for word in words:
                done = cli(*before, word, *behind, PAWL_DATA_DIR=data)
                expect(done, 0)
        for window in offered(cli, "limit", "--per", "")[1]:
            expect(cli("limit", "--per", window), 2, err="say how much")


def runs_and_limits_are_offered(cli):
    with tempfile.TemporaryDirectory() as data:
        def words(*given):
            return offered(cli, *given, "", PAWL_DATA_DIR=data)[1]

        assert words("show") == [] and words("stop") == [] and words("limit", "remove") == []
        for name, status in (("first", 0), ("first", 3), ("$(echo no) two", 0)):
            cli("run", "-q", "--no-card", "--name", name, "--data-dir", data, "--", "sh", "-c",
                f"exit {status}")
        ids = cli("runs", "--ids", "--data-dir", data).stdout.split()
        assert words("show") == ["last", "$(echo no) two", ids[0], "first", ids[1], ids[2]], ids
        assert words("run", "--resume") == ["first", ids[1]], "the one that failed"
        assert words("verify")[:2] == ["authority", "last"]
        assert offered(cli, "show", "--data-dir", data, ids[0][:-1])[1] == [ids[0]]
        process = subprocess.Popen(
            [cli.pawl, "run", "-q", "--name", "live", "--data-dir", data, "--", "sh", "-c",
             "echo ready; read x"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        assert process.stdout.readline() == "ready\n"
        live = json.loads(cli("status", "--json", "--data-dir", data).stdout)["run"]
        cli("show", live, "--data-dir", data)  # it waits until the history has heard of the run
        for command in ("status", "approve", "deny", "stop"):
            assert words(command) == ["last", "live", live], words(command)
        cli("run", "-q", "--no-card", "--name", "live", "--data-dir", data, "--", "true")
        expect(cli("status", "live", "--data-dir", data), 0, out=live[4:])
        assert words("phase")[:3] == ["implementation", "verification", "auto"]
        assert words("phase", "live") == ["implementation", "verification", "auto"]
        process.communicate("go\n", timeout=SECONDS_MAX)


def bash_completes(cli):
    shell = Shell(cli, "bash", "--norc", "--noprofile", "-i",
                  setup="bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; "
                        "touch 'a file.yaml'; mkdir -p dir/sub; source <(pawl completion bash)")
    try:
        shell.completes("pawl pol", "pawl policy")
        shell.completes("pawl run --on-limit su", "pawl run --on-limit summary")
        shell.completes("pawl run --on-limit=su", "pawl run --on-limit=summary")
        shell.completes("pawl run --degrade claude-haiku-4-5@7",
                        "pawl run --degrade claude-haiku-4-5@75%")
        shell.completes("pawl run --degrade=claude-haiku-4-5@9",
                        "pawl run --degrade=claude-haiku-4-5@90%")
        shell.completes("pawl run --policy a", "pawl run --policy a file.yaml")
        shell.completes("pawl run --data-dir di", "pawl run --data-dir dir/")
        shell.completes("pawl run --data-dir=di", "pawl run --data-dir=dir/")
        shell.completes("pawl limit --per mo", "pawl limit --per month")
        shell.completes("pawl run -m claude-haiku-4-5 -- pawl a",
                        "pawl run -m claude-haiku-4-5 -- pawl a file.yaml")
        shell.completes("pawl run --phase v", "pawl run --phase verification=")
    finally:
        shell.close()


def zsh_completes(cli):
    need("zsh")
    for setup in ("source <(pawl completion zsh)",
                  "mkdir f; pawl completion zsh >f/_pawl; fpath=($PWD/f $fpath); compinit -u"):
        shell = Shell(cli, "zsh", "-f", "-i",
                      setup="unsetopt prompt_cr prompt_sp beep auto_remove_slash; bindkey -e; "
                            "PS1='% '; autoload -Uz compinit; compinit -u; touch 'a file.yaml'; "
                            f"mkdir -p dir/sub; {setup}")
        try:
            shell.completes("pawl pol", "pawl policy")
            shell.completes("pawl run --on-limit su", "pawl run --on-limit summary")
            shell.completes("pawl run --on-limit=su", "pawl run --on-limit=summary")
            shell.completes("pawl run --degrade claude-haiku-4-5@7",
                            "pawl run --degrade claude-haiku-4-5@75%")
            shell.completes("pawl run --policy a", "pawl run --policy a file.yaml")
            shell.completes("pawl run --data-dir di", "pawl run --data-dir dir/")
            shell.completes("pawl run --data-dir=di", "pawl run --data-dir=dir/")
            shell.completes("pawl run --max-usd 1 -- pawl pol",
                            "pawl run --max-usd 1 -- pawl policy")
            shell.completes("pawl run --phase v", "pawl run --phase verification=")
        finally:
            shell.close()


def fish_completes(cli):
    need("fish")
    path = f"{pathlib.Path(cli.pawl).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "a file.yaml").touch()
        pathlib.Path(folder, "dir").mkdir()
        script = "source (pawl completion fish | psub)\n" + "".join(
            f"echo '> {line}'\ncomplete -C '{line}'\n" for line in (
                "pawl pol", "pawl run --on-limit ", "pawl run --on-limit=su",
                "pawl run --degrade claude-haiku-4-5@7", "pawl run --policy a",
                "pawl run --data-dir d", "pawl run --data-dir=d",
                "pawl run --max-usd 1 -- pawl pol", "pawl policy check --js"))
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True,
                              check=False, timeout=SECONDS_MAX, cwd=folder,
                              env={**os.environ, "HOME": cli.home, "PATH": path,
                                   "PAWL_DATA_DIR": "", "XDG_STATE_HOME": ""})
    assert done.returncode == 0 and not done.stderr, done
    answers = {}
    for block in done.stdout.split("> ")[1:]:
        line, *lines = block.splitlines()
        answers[line] = [row.split("\t")[0] for row in lines]
    assert answers == {
        "pawl pol": ["policy"],
        "pawl run --on-limit ": ["halt", "summary", "ask", "pause", "degrade"],
        "pawl run --on-limit=su": ["--on-limit=summary"],
        "pawl run --degrade claude-haiku-4-5@7": ["claude-haiku-4-5@75%"],
        "pawl run --policy a": ["a file.yaml"],
        "pawl run --data-dir d": ["dir/"],
        "pawl run --data-dir=d": ["--data-dir=dir/"],
        "pawl run --max-usd 1 -- pawl pol": ["policy"],
        "pawl policy check --js": ["--json"],
    }, answers


def need(shell):
    if not shutil.which(shell):
        raise Skip(f"there is no {shell} here, and `make deps-test` could not install it")


TESTS = (words_are_offered, what_is_offered_is_taken, runs_and_limits_are_offered, bash_completes,
         zsh_completes, fish_completes)
