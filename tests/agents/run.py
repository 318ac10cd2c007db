#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [AGENT[:CASE WORDS]…]: real coding agents through `pawl run`, against a
scripted model.

The exact versions of the lock file are installed into a cache outside the repository; where the
registry cannot be reached they are skipped by name. Where the machine allows it, everything runs
in a network of its own that has nothing but loopback.
"""
import argparse
import concurrent.futures
import contextlib
import fcntl
import io
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/lib")]
sys.dont_write_bytecode = True

import agents  # noqa: E402
import cases  # noqa: E402
import count as counting  # noqa: E402
import hidden  # noqa: E402
import packages  # noqa: E402

AT_ONCE = 3
CUT_OFF = "PAWL_TESTS_CUT_OFF"


def cut_off():
    """Starts this program again without a network, or goes on where that is not allowed."""
    if CUT_OFF in os.environ:
        bring_loopback_up()
        return
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if allowed.returncode == 0:
        os.environ[CUT_OFF] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def bring_loopback_up():
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, get_flags, request))[1]
        fcntl.ioctl(control, set_flags, struct.pack("16sH14x", b"lo", flags | up))


def wanted(names, agent, title):
    return not names or any(agent == name.partition(":")[0] and name.partition(":")[2] in title
                            for name in names)


def attempt(case, pawl, agent):
    """The case's outcome, with what it printed."""
    started = time.monotonic()
    try:
        case(pawl, agent)
        return None, time.monotonic() - started
    except Exception as error:  # as count.test does
        return error, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pawl", default=str(ROOT / "build/werror/bin/pawl"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    pawl = str(pathlib.Path(options.pawl).resolve())
    count = counting.Count()
    try:
        folder = packages.install_npm("agents", HERE)
    except packages.Unreachable as why:
        for agent in agents.ALL:
            count.skip(agent.title, f"its registry cannot be reached: {why}")
        return count.close()
    cut_off()
    tests = [(agent, title, case) for agent in (kind(folder) for kind in agents.ALL)
             for title, case in {**cases.EVERY, **hidden.EVERY, **cases.OWN[agent.name],
                                 **hidden.OWN[agent.name]}.items()
             if wanted(options.names, agent.name, title)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        started = [(agent, title, pool.submit(attempt, case, pawl, agent))
                   for agent, title, case in tests]
        for agent, title, future in started:
            error, took_s = future.result()
            with count.test(f"{agent.title}: {title} [{took_s:.1f} s]"):
                if error is not None:
                    raise error
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
