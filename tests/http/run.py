#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--build DIR] [--only TEXT]: black-box suites of the gateway.

A scripted provider behind it, raw sockets in front of it, its own ledger under it. Each function
of the suite_*.py files whose name does not begin with an underscore is one test; its first line
says what must be true. Everything that is drawn comes from the seed that is printed first:

    tests/http/run.py --build build/werror --only caps --seed 7
"""
import argparse
import importlib
import inspect
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/lib")]
import count as counting  # noqa: E402
import harness  # noqa: E402


def tests_of(name):
    module = importlib.import_module(name)
    for title, function in list(vars(module).items()):
        if inspect.isfunction(function) and function.__module__ == name and title[0] != "_":
            yield title, function


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/werror", help="where the programs are")
    parser.add_argument("--only", default="", help="tests whose suite or name holds this text")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    harness.Host.program = [str((ROOT / options.build / "bin/gateway_host").resolve())]
    harness.SEED = options.seed
    print(f"seed {options.seed}", flush=True)
    count = counting.Count()
    for path in sorted(HERE.glob("suite_*.py")):
        suite = path.stem.removeprefix("suite_")
        for title, function in tests_of(path.stem):
            name = f"{suite}: {title.replace('_', ' ')}"
            if options.only in name:
                with count.test(name):
                    function()
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
