#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dead_files.py BUILD [--root DIR]: C files that nothing builds, and headers that nobody includes.

BUILD holds the compile_commands.json of a build with tests and benchmarks: a file that is in no
CMake list, or only mentioned in one, is not there.
"""
import argparse
import json
import pathlib
import re
import sys

import gate


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    options = parser.parse_args()
    root = options.root.resolve()
    commands = json.loads((options.build / "compile_commands.json").read_text())
    built = {pathlib.Path(entry["directory"], entry["file"]).resolve() for entry in commands}
    files = [path for path in gate.tracked(root) if path.endswith((".c", ".h", ".def"))]
    included = set()
    for path in files:
        text = (root / path).read_text()
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
            # From the top, from src/, or beside the file itself.
            included |= {name, f"src/{name}", f"{pathlib.PurePosixPath(path).parent}/{name}"}
    findings = []
    for path in files:
        if path in included:
            continue
        if not path.endswith(".c"):
            findings.append(f"{path}: nobody includes it")
        elif root / path not in built:
            findings.append(f"{path}: no CMake list has it, so nothing builds it")
    return gate.finish("dead-files", len(files), "C files", findings)


if __name__ == "__main__":
    sys.exit(main())
