#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [--seed N] [--long | --seconds N] [SUITE…]: the Cycles protocol as its
clients and its worst days see it: the official Python client, a proxy that loses answers, many
clients at once, kills, all that the protocol's own description allows to be sent; and the pages
for who writes a client.

The client and the fuzzer are installed at exact versions into a cache outside the repository. Where
the registry cannot be reached their suites are skipped by name. Suites are the files beside this
one; what starts servers is that of `tests/serve`.
"""
import argparse
import pathlib
import random
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests/lib"), str(ROOT / "tests/serve")]
sys.dont_write_bytecode = True

import clients  # noqa: E402
import count as counting  # noqa: E402
import faults  # noqa: E402
import histories  # noqa: E402
import kills  # noqa: E402
import lifecycle  # noqa: E402
import model  # noqa: E402
import pages  # noqa: E402
import races  # noqa: E402
import schema  # noqa: E402

SUITES = {"races": races.run, "histories": histories.run, "clients": clients.run,
          "faults": faults.run, "kills": kills.run, "schema": schema.run, "pages": pages.run,
          "lifecycle": lifecycle.run, "model": model.run}
SECONDS, SECONDS_LONG = 12, 600


def main():
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--pawl", default=ROOT / "build/werror/bin/pawl", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--long", action="store_true", help=f"as --seconds {SECONDS_LONG}")
    parser.add_argument("--seconds", type=float, default=SECONDS,
                        help="of kills; histories, the model and the fuzzer have their share")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args()
    if options.long:
        options.seconds = SECONDS_LONG
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    print(f"seed {options.seed}; repeat with --seed {options.seed}", flush=True)
    count = counting.Count()
    for name, suite in SUITES.items():
        if not options.suites or name in options.suites:
            suite(count, options)
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
