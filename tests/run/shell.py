#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shell.py REPORT COMMAND…: as much of a shell as job control needs. It leads the session of the
terminal on its standard streams, runs the command in a process group of its own in the foreground,
and writes to the descriptor REPORT what becomes of it, a line each: "exited N", "signaled N",
"stopped N", "modes MODES" with the terminal's canonical and echo bits. When the command stopped, it
takes the terminal back, waits for a line "fg" on descriptor REPORT + 1, and lets it go on. When it
was killed (SIGKILL), it says "killed", waits for a line before it takes the terminal back, and for
another one before it ends.
"""
import fcntl
import os
import signal
import sys
import termios


def modes():
    flags = termios.tcgetattr(0)[3]
    return f"{int(bool(flags & termios.ICANON))}{int(bool(flags & termios.ECHO))}"


def main():
    report, orders = int(sys.argv[1]), os.fdopen(int(sys.argv[1]) + 1, "r")
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.close(report)
        orders.close()
        os.execvp(sys.argv[2], sys.argv[2:])
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if killed:
            os.write(report, b"killed\n")
            orders.readline()
        os.tcsetpgrp(0, os.getpgrp())
        if os.WIFSTOPPED(status):
            os.write(report, f"stopped {os.WSTOPSIG(status)}\n".encode())
            orders.readline()
            os.tcsetpgrp(0, pid)
            os.killpg(pid, signal.SIGCONT)
            continue
        how = "exited" if os.WIFEXITED(status) else "signaled"
        number = os.WEXITSTATUS(status) if os.WIFEXITED(status) else os.WTERMSIG(status)
        os.write(report, f"modes {modes()}\n{how} {number}\n".encode())
        if killed:
            orders.readline()
        return


if __name__ == "__main__":
    main()
