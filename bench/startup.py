#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""startup.py [--pawl PROGRAM] [--rounds N]: how much later an agent starts under `pawl run`.

The agent is /bin/echo; its start is when its first byte arrives. Direct starts and starts under
pawl take turns, so both see the same machine. Also shown: the whole of a run, to the shell's
prompt, the first run of a new data directory, which makes the history's file, and runs under a
limit across runs: one that has to start the authority, and one that finds it there. Where the data
directory lies decides what a sync costs: --dir names it.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True

import scripted  # noqa: E402

TARGET_MS = 50
AGENT = ["/bin/echo", "x"]


def measure(command):
    """Milliseconds to the agent's first byte, and to the end of everything."""
    read_fd, write_fd = os.pipe()
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write_fd,
                               stderr=subprocess.DEVNULL)
    os.close(write_fd)
    os.read(read_fd, 1)
    first = time.perf_counter()
    process.wait()
    ended = time.perf_counter()
    os.close(read_fd)
    return (first - began) * 1000, (ended - began) * 1000


def sync_ms(folder, rounds=50):
    """The median of writing and syncing 4 KiB there."""
    path = os.path.join(folder, "sync")
    took = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    for _ in range(rounds):
        began = time.perf_counter()
        os.write(fd, b"x" * 4096)
        os.fdatasync(fd)
        took.append((time.perf_counter() - began) * 1000)
    os.close(fd)
    os.unlink(path)
    return statistics.median(took)


def show(name, values):
    values = sorted(values)
    print(f"  {name:<34} p50 {values[len(values) // 2]:7.2f} ms   "
          f"p90 {values[len(values) * 9 // 10]:7.2f} ms   max {values[-1]:7.2f} ms")
    return values[len(values) // 2]


def at_least_one(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least one")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pawl", default=ROOT / "build/bench/bin/pawl", type=pathlib.Path)
    parser.add_argument("--rounds", type=at_least_one, default=40, metavar="N")
    parser.add_argument("--dir", help="where to put the data directories")
    options = parser.parse_args()
    direct, first, whole, fresh, starting, limited = [], [], [], [], [], []
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        print(f"start-up of pawl run; one sync of 4 KiB takes {sync_ms(folder):.2f} ms here")

        def under(data):
            return measure([options.pawl.resolve(), "run", "--data-dir",
                            os.path.join(folder, data), "--", *AGENT])
        under("data")
        limits = os.path.join(folder, "limits")
        subprocess.run([options.pawl, "limit", "--usd", "20", "--per", "day", "--data-dir",
                        limits], check=True, stdout=subprocess.DEVNULL)
        for number in range(options.rounds):
            direct.append(measure(AGENT)[0])
            started, ended = under("data")
            first.append(started)
            whole.append(ended)
            if number % 4 == 0:
                fresh.append(under(f"new-{number}")[0])
            limited.append(under("limits")[0])
            if number % 4 == 0:
                scripted.end_authority(limits)
                starting.append(under("limits")[0])
        scripted.end_authority(limits)
    alone = show("the agent alone", direct)
    started = show("under pawl, to its first byte", first)
    show("under pawl, a new data directory", fresh)
    show("under a limit, the authority there", limited)
    show("under a limit, starting it", starting)
    show("under pawl, to the end of the card", whole)
    added = started - alone
    print(f"  added: {added:.2f} ms; at most {TARGET_MS} ms are wanted: "
          f"{'reached' if added <= TARGET_MS else 'NOT reached'}")


if __name__ == "__main__":
    main()
