#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py: the self-tests of the gates and of the stage runner.

A gate that cannot fail is worse than none, so each one is run over a small tree with one planted
violation, which it must find and name; over the same tree without it, which it must pass, saying
how much it looked at; and over an empty tree, which it must refuse.

Needs build/werror for the include paths of the layers.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib"), str(HERE.parent.parent / "tools")]
sys.dont_write_bytecode = True

import count  # noqa: E402
import gates_files  # noqa: E402
import gates_objects  # noqa: E402
import gates_runner  # noqa: E402


def main():
    counter = count.Count()
    for suite in (gates_files, gates_objects, gates_runner):
        suite.run(counter)
    return counter.close()


if __name__ == "__main__":
    sys.exit(main())
