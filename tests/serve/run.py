#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [SUITE[:TEST WORDS]…]: `pawl serve` from the outside. Suites are the
files beside this one; only Python's standard library, curl and openssl.
"""
import argparse
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/lib")]
sys.dont_write_bytecode = True

import commands  # noqa: E402
import count as counting  # noqa: E402
import disk  # noqa: E402
import doors  # noqa: E402
import governance  # noqa: E402
import ledger  # noqa: E402
import lists  # noqa: E402
import options as saying  # noqa: E402
import probes  # noqa: E402
import process  # noqa: E402
import reference  # noqa: E402
import settlements  # noqa: E402
import starts  # noqa: E402
import watching  # noqa: E402
import world as surroundings  # noqa: E402

SUITES = {"options": saying, "starts": starts, "process": process, "doors": doors,
          "watching": watching, "ledger": ledger, "governance": governance, "commands": commands,
          "probes": probes, "reference": reference, "disk": disk, "lists": lists,
          "settlements": settlements}


def wanted(names, suite, title):
    return not names or any(suite == name.partition(":")[0] and name.partition(":")[2] in title
                            for name in names)


def main():
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pawl", default=ROOT / "build/werror/bin/pawl", type=pathlib.Path)
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    count = counting.Count()
    for suite, module in SUITES.items():
        for title, body in module.TESTS.items():
            if wanted(options.suites, suite, title):
                world = surroundings.World(options.pawl)
                with count.test(f"{suite}: {title}"), world:
                    body(world)
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
