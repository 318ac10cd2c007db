#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [SUITE[:TEST WORDS]…]: `pawl run` from the outside, against the scripted
provider. Suites are the files beside this one; only Python's standard library.
"""
import argparse
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/lib")]
sys.dont_write_bytecode = True

import approvers  # noqa: E402
import asleep  # noqa: E402
import authorities  # noqa: E402
import caps  # noqa: E402
import control  # noqa: E402
import count as counting  # noqa: E402
import deaths  # noqa: E402
import disks  # noqa: E402
import files  # noqa: E402
import kills  # noqa: E402
import gate  # noqa: E402
import limits  # noqa: E402
import phases  # noqa: E402
import places  # noqa: E402
import processes  # noqa: E402
import readers  # noqa: E402
import resume  # noqa: E402
import reviews  # noqa: E402
import scripted  # noqa: E402
import scripts  # noqa: E402
import shared  # noqa: E402
import signals  # noqa: E402
import terminals  # noqa: E402
import watching  # noqa: E402
import windows  # noqa: E402
import world as surroundings  # noqa: E402

SUITES = {"processes": processes, "signals": signals, "terminals": terminals, "caps": caps,
          "files": files, "kills": kills, "disks": disks, "readers": readers,
          "control": control, "watching": watching, "limits": limits,
          "gate": gate, "approvers": approvers, "resume": resume, "reviews": reviews,
          "shared": shared, "places": places, "authorities": authorities, "deaths": deaths,
          "asleep": asleep, "phases": phases, "windows": windows, "scripts": scripts}


def wanted(names, suite, title):
    return not names or any(suite == name.partition(":")[0] and name.partition(":")[2] in title
                            for name in names)


def stand_on_own_feet():
    """Under nohup, or behind a shell's `&`, signals come in ignored and would stay so for the
    agents whose reactions are the tests."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main():
    stand_on_own_feet()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pawl", default=ROOT / "build/werror/bin/pawl", type=pathlib.Path)
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    count = counting.Count()
    with scripted.Provider() as provider:
        world = surroundings.World(options.pawl, provider)
        for suite, module in SUITES.items():
            for title, body in module.tests(world):
                if wanted(options.suites, suite, title):
                    with count.test(f"{suite}: {title}"), world:
                        body(world)
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
