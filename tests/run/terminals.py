# SPDX-License-Identifier: Apache-2.0
"""The terminal is the agent's: pawl on a pseudo-terminal, under a small shell (shell.py)."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import termios

from world import PATIENCE_S, Witness

SHELL = str(pathlib.Path(__file__).resolve().parent / "shell.py")
REPORT_FD = 30
LEAVE_SCREEN = b"\x1b[?1049l"
# What full-screen programs ask of a terminal, taken back: the other screen, no cursor, reports of
# the mouse, marks around what is pasted, another protocol of the keyboard.
GONE = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[<u")


class Terminal:
    """A run in the foreground of a terminal of its own."""

    def __init__(self, world, options, *steps, witness=None):
        self.master, side = pty.openpty()
        self.report_fd, report = os.pipe()
        orders, self.orders_fd = os.pipe()
        os.dup2(report, REPORT_FD)
        os.dup2(orders, REPORT_FD + 1)
        kept = (REPORT_FD, REPORT_FD + 1) + ((witness.write_fd,) if witness else ())
        for fd in kept:
            os.set_inheritable(fd, True)
        self.process = subprocess.Popen(
            [sys.executable, SHELL, str(REPORT_FD), *world.command(options, steps)],
            stdin=side, stdout=side, stderr=side, env=world.environment(), pass_fds=kept,
            start_new_session=True)
        for fd in (side, report, orders, REPORT_FD, REPORT_FD + 1):
            os.close(fd)
        self.screen = b""
        self.reports = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for fd in (self.master, self.report_fd, self.orders_fd):
            os.close(fd)

    def read(self):
        """Takes what the terminal or the shell has to say; false when both are at their end."""
        ready, _, _ = select.select([self.master, self.report_fd], [], [], PATIENCE_S)
        assert ready, f"nothing happens; so far: {self.screen!r} {self.reports!r}"
        if self.report_fd in ready:
            got = os.read(self.report_fd, 4096)
            self.reports += got
            return bool(got)
        try:
            self.screen += os.read(self.master, 65536)
        except OSError:  # The other side is closed.
            return False
        return True

    def await_screen(self, word):
        while word.encode() not in self.screen:
            assert self.read(), f"{word!r} never came: {self.screen!r}"

    def await_line(self, word):
        """The rest of the line that begins with the word."""
        self.await_screen(word)
        while "\n" not in self.screen.decode().partition(word)[2]:
            assert self.read()
        return self.screen.decode().partition(word)[2].split("\n")[0]

    def await_report(self, word):
        while word.encode() not in self.reports:
            assert self.read(), f"{word!r} never came: {self.reports!r}"

    def order(self, line):
        os.write(self.orders_fd, f"{line}\n".encode())

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Everything to the end: (how it ended, canonical and echo bits, the screen)."""
        self.await_report("ed ")
        while b"exited" not in self.reports and b"signaled" not in self.reports:
            self.read()
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.screen += os.read(self.master, 65536)
            except OSError:
                break
        lines = self.reports.decode().split("\n")
        modes = next(line.split()[1] for line in lines if line.startswith("modes"))
        how = next(line for line in lines if line.startswith(("exited", "signaled")))
        return how, modes, self.screen.decode()


def full_screen(world):
    """While the agent reads keys, pawl writes nothing; what it had to say is on the card."""
    with Terminal(world, ["--max-iterations", "4"], "raw", *["call"] * 4, "say:calls-done",
                  "listen", "exit:0") as terminal:
        terminal.await_screen("calls-done")
        terminal.type("x\n")
        how, modes, screen = terminal.end()
    assert how == "exited 0", how
    assert modes == "00", "a normal end leaves the modes to the agent"
    assert LEAVE_SCREEN.decode() not in screen, screen
    assert "pawl" not in screen[screen.index("raw"):screen.index("heard x")], screen
    card = screen[screen.index("heard x"):]
    for words in ("50 % used", "75 % used", "100 % used", "the agent was done"):
        assert words in card, (words, card)
    # In raw mode a line feed alone does not return to the first column.
    assert "\n  spent" not in card.replace("\r\n", ""), repr(card)


def question(world):
    """A question is a line where lines are read; the answer is a command, not what is typed."""
    with Terminal(world, ["--max-iterations", "1", "--on-limit", "ask"],
                  "call", "call", "say:through", "listen") as terminal:
        terminal.await_screen("the agent waits for more. Yes: pawl approve run_")
        terminal.type("yes\n")  # for the agent, which reads it later
        assert world.tell("approve", "last").returncode == 0
        terminal.await_screen("through")
        terminal.await_screen("heard yes")
        how, _, screen = terminal.end()
    assert how == "exited 0" and "gave 4 model calls more" in screen, (how, screen)


def question_on_a_full_screen(world):
    """Where the agent has the screen its own refusal asks, at once; a yes still counts."""
    with Terminal(world, ["--max-iterations", "1", "--on-limit", "ask"],
                  "call", "raw", "call", "listen", "call", "say:through", "listen") as terminal:
        terminal.await_screen("refused 402 pawl: budget spent: 1 of 1 model call used. Run run_")
        terminal.await_screen("waits for an answer: pawl approve run_")
        assert world.tell("approve", "last").returncode == 0
        terminal.type("x\n")
        terminal.await_screen("through")
        terminal.type("x\n")
        how, _, screen = terminal.end()
    assert how == "exited 1", (how, screen)
    card = screen[screen.rindex("heard x"):]
    assert "approvals   1 asked, 1 given" in card, card
    assert "waits for" not in card, "nobody can answer it any more"



def dearer_model_on_a_full_screen(world):
    """The refusal has all that the question has: also what a yes does to the cap."""
    with Terminal(world, ["--model", "claude-haiku-4-5"], "raw", "model:claude-opus-4-5", "call",
                  "say:asked", "listen", "call", "listen") as terminal:
        terminal.await_screen("asked")
        said = terminal.screen.decode().replace("\r\n", " ")
        assert re.search(r"from claude-haiku-4-5 to the dearer claude-opus-4-5, about \$[0-9.]+ "
                         r"instead of \$[0-9.]+ for this call; raise the cap from \$1\.50 to "
                         r"\$7\.50\? Yes: pawl approve run_\w+ --data-dir \S+, then ask again\. "
                         r"No: ", said), said
        assert world.tell("deny", "last").returncode == 0
        terminal.type("go\n")
        terminal.await_screen("It was denied: have the agent use claude-haiku-4-5, or one that is "
                              "as cheap")
        terminal.type("x\n")
        terminal.end()

def question_under_quiet(world):
    """--quiet leaves out what is only told; the agent waits for an answer all the same."""
    with Terminal(world, ["--quiet", "--max-iterations", "1", "--on-limit", "ask"],
                  "call", "call", "say:through") as terminal:
        terminal.await_screen("the agent waits for more. Yes: pawl approve run_")
        assert world.tell("approve", "last").returncode == 0
        terminal.await_screen("through")
        how, _, screen = terminal.end()
    assert how == "exited 0" and "% used" not in screen, (how, screen)


def lines_in_between(world):
    """A program that reads lines gets pawl's lines at once."""
    with Terminal(world, ["--max-iterations", "2"], "call", "listen") as terminal:
        terminal.await_screen("50 % used")
        terminal.type("on\n")
        how, modes, screen = terminal.end()
    assert how == "exited 0" and modes == "11", (how, modes)
    assert screen.index("50 % used") < screen.index("heard on") < screen.index("was done"), screen


def restored_after_a_kill(world):
    """--max-time in the middle of a full-screen program: modes and screen come back."""
    with Witness() as witness, Terminal(world, ["--max-time", "6s"], "deaf", "raw", "wait",
                                        witness=witness) as terminal:
        witness.let_go()
        how, modes, screen = terminal.end()
        witness.await_nobody()
    assert how == "exited 124" and modes == "11", (how, modes)
    assert LEAVE_SCREEN.decode() in screen and "HARD STOP at the cap of 6s" in screen, screen


def restored_without_a_keeper(world):
    """So they do when somebody kills the keeper, and pawl the agent."""
    with Terminal(world, [], "raw", "pids", "wait") as terminal:
        os.kill(int(terminal.await_line("pids").split()[0]), signal.SIGKILL)
        how, modes, screen = terminal.end()
    assert how == "exited 125" and modes == "11", (how, modes)
    assert LEAVE_SCREEN.decode() in screen, screen


def restored_when_pawl_is_killed(world):
    """kill -9 of pawl: the keeper puts modes and screen back, as long as no shell has them."""
    with Terminal(world, [], "raw", "pids", "wait") as terminal:
        os.kill(int(terminal.await_line("pids").split()[2]), signal.SIGKILL)
        terminal.await_screen(GONE[-1])
        terminal.order("take the terminal")
        how, modes, screen = terminal.end()
    assert how == f"signaled {signal.SIGKILL}" and modes == "11", (how, modes)
    for words in GONE:
        assert words in screen, (words, screen)


def left_to_a_shell(world):
    """A shell that has taken the terminal back keeps it, with what is on it by then."""
    with Terminal(world, [], "raw", "pids", "wait") as terminal:
        keeper, agent, pawl, _ = map(int, terminal.await_line("pids").split())
        ended = os.pidfd_open(keeper)
        os.kill(agent, signal.SIGSTOP)
        terminal.await_report("stopped")
        before = terminal.screen
        os.kill(pawl, signal.SIGKILL)
        assert select.select([ended], [], [], PATIENCE_S)[0]
        os.close(ended)
        while select.select([terminal.master], [], [], 0)[0]:
            terminal.read()
        canonical = termios.tcgetattr(terminal.master)[3] & termios.ICANON
    assert not canonical and terminal.screen == before, (canonical, terminal.screen)


def unchanged_when_pawl_is_killed(world):
    """Nor is anything written where the agent reads lines."""
    with Terminal(world, [], "pids", "wait") as terminal:
        keeper, _, pawl, _ = map(int, terminal.await_line("pids").split())
        ended = os.pidfd_open(keeper)
        os.kill(pawl, signal.SIGKILL)
        assert select.select([ended], [], [], PATIENCE_S)[0]
        os.close(ended)
        terminal.order("take the terminal")
        _, modes, screen = terminal.end()
    assert modes == "11" and "\x1b" not in screen, (modes, screen)


def modes_kept(world):
    """A program whose purpose is to change the modes has changed them."""
    with Terminal(world, [], ["stty", "-echo"]) as terminal:
        how, modes, _ = terminal.end()
    assert how == "exited 0" and modes == "10", (how, modes)


def somebody_is_there(world):
    """On a terminal a latched run is not killed; the person ends it."""
    with Terminal(world, ["--max-iterations", "1"], "until", "listen") as terminal:
        terminal.await_screen("attended")
        terminal.await_screen("refused 402")
        terminal.type("enough\n")
        how, _, screen = terminal.end()
    assert how == "exited 124" and "heard enough" in screen, (how, screen)
    assert "seconds to end" not in screen, screen


def interrupted(world):
    """Ctrl-C is the agent's business, with and without a handler."""
    with Terminal(world, [], "on:INT:9", "say:ready", "wait") as terminal:
        terminal.await_screen("ready")
        terminal.type("\x03")
        how, _, _ = terminal.end()
    assert how == "exited 9", how
    with Terminal(world, [], ["sh", "-c", "echo ready; exec sleep 1000"]) as terminal:
        terminal.await_screen("ready")
        terminal.type("\x03")
        how, _, _ = terminal.end()
    assert how == f"exited {128 + signal.SIGINT}", how
    with Terminal(world, [], ["sh", "-c", "printf half; exec sleep 1000"]) as terminal:
        terminal.await_screen("half")
        terminal.type("\x03")
        _, _, screen = terminal.end()
    assert "half^C\n\rpawl: run_" in screen, repr(screen)


def stopped(world):
    """Ctrl-Z stops the job for the shell, and fg brings all of it back."""
    with Terminal(world, [], "say:ready", "listen") as terminal:
        terminal.await_screen("ready")
        terminal.type("\x1a")
        terminal.await_report("stopped")
        terminal.order("fg")
        terminal.type("again\n")
        how, _, screen = terminal.end()
    assert how == "exited 0" and "heard again" in screen, (how, screen)


def stops_itself(world):
    """So does an agent that stops itself, as full-screen programs do for Ctrl-Z."""
    with Terminal(world, [], ["sh", "-c", "kill -STOP $$; echo going on"]) as terminal:
        terminal.await_report("stopped")
        terminal.order("fg")
        how, _, screen = terminal.end()
    assert how == "exited 0" and "going on" in screen, (how, screen)


def hung_up(world):
    """The terminal goes away: the agent gets its HUP, and nothing is left."""
    with Witness() as witness:
        with Terminal(world, [], "tool", "daemon", "say:ready", "wait",
                      witness=witness) as terminal:
            witness.let_go()
            terminal.await_screen("ready")
        witness.await_nobody()
    world.await_unlocked()
    assert world.runs()[0]["state"] == "ended"


def tests(world):
    yield "nothing is written while the agent reads keys", full_screen
    yield "lines are written while it reads lines", lines_in_between
    yield "a question is a line, its answer is none", question
    yield "a question while the agent reads keys", question_on_a_full_screen
    yield "a dearer model while the agent has the screen", dearer_model_on_a_full_screen
    yield "a question under --quiet", question_under_quiet
    yield "modes and screen come back after a kill", restored_after_a_kill
    yield "modes and screen come back without the keeper", restored_without_a_keeper
    yield "modes and screen come back when pawl is killed", restored_when_pawl_is_killed
    yield "a shell that has the terminal keeps it", left_to_a_shell
    yield "nothing comes back where nothing was changed", unchanged_when_pawl_is_killed
    yield "modes changed on purpose stay", modes_kept
    yield "a latched run with a person is not killed", somebody_is_there
    yield "Ctrl-C", interrupted
    yield "Ctrl-Z and fg", stopped
    yield "an agent that stops itself", stops_itself
    yield "the terminal goes away", hung_up
