#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""leash.py COMMAND [ARG...]: runs a command that ends with whoever started it.

Its standard input is a pipe whose other end the starter holds; nothing is ever written to it. When
it closes, however the starter ended, the command and everything that it started are killed, in
whatever session they are: what loses its parent comes here. So is what the command leaves behind.
The status is the command's, 128 + N where a signal ended it. The command itself has an empty
standard input, and no signal is ignored or blocked for it, though it may be for us: a shell in the
background ignores SIGINT, nohup SIGHUP, and a test that ends a program by one would wait in vain.
"""
import contextlib
import ctypes
import os
import pathlib
import select
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def below(parent):
    """All processes below that one."""
    children = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, due = [], [parent]
    while due:
        due += (more := children.get(due.pop(), []))
        found += more
    return found


def kill_all():
    """In rounds, until there is nobody: who is not killed yet may start another meanwhile."""
    while True:
        for pid in below(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def hear_all_signals():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main():
    # Signals to the whole group are for the command.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL,
                               preexec_fn=hear_all_signals)
    ended = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(0, select.POLLIN)  # the end of the pipe shows as POLLHUP
    ready = {fd for fd, _ in poll.poll()}
    if ended not in ready:
        kill_all()
        return 128 + signal.SIGKILL
    status = process.wait()
    kill_all()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
