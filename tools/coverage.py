#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py [BUILD]: lines and branches of src/ that the tests of a coverage build reached.

A report, not a gate: `make nightly` prints it, and build/coverage/coverage.txt lists the lines
that nothing reached. The core aims at every branch; for the rest the figure says where to look.
"""
import collections
import json
import pathlib
import subprocess
import sys

import gate


def records(build):
    """gcov's record of every source file in every object that ran."""
    for counts in sorted(build.rglob("*.gcda")):
        result = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities",
                                 str(counts)], cwd=build, check=True, capture_output=True)
        for line in result.stdout.decode().splitlines():
            yield from json.loads(line)["files"]


def merge(build):
    """{file: {line: hits}} and {file: {(line, branch): hits}}, summed over objects."""
    lines = collections.defaultdict(collections.Counter)
    branches = collections.defaultdict(collections.Counter)
    source = gate.ROOT / "src"
    for record in records(build):
        path = (build / record["file"]).resolve()
        if source not in path.parents:
            continue
        name = path.relative_to(gate.ROOT).as_posix()
        for line in record["lines"]:
            lines[name][line["line_number"]] += line["count"]
            for index, branch in enumerate(line["branches"]):
                branches[name][line["line_number"], index] += branch["count"]
    return lines, branches


def share(counters):
    reached = sum(hits > 0 for counter in counters for hits in counter.values())
    total = sum(len(counter) for counter in counters)
    return f"{100 * reached / total:6.1f} %" if total else "      –"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else gate.ROOT / "build" / "coverage")
    lines, branches = merge(build.resolve())
    if not lines:
        print(f"coverage: no counts under {build}; build and test the coverage preset first")
        return 1
    folders = collections.defaultdict(list)
    for name in sorted(lines):
        folders[name.rsplit("/", 1)[0]].append(name)
    with open(build / "coverage.txt", "w", encoding="utf-8") as report:
        for folder, names in folders.items():
            print(f"{folder:20} lines {share([lines[name] for name in names])}"
                  f"   branches {share([branches[name] for name in names])}")
            for name in names:
                report.write(f"{name}: lines {share([lines[name]])}, "
                             f"branches {share([branches[name]])}\n")
                report.writelines(f"{name}:{number}: never reached\n"
                                  for number, hits in sorted(lines[name].items()) if hits == 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
