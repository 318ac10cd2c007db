#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""format.py --check|--fix [--root DIR]: clang-format over every C file of the repository.

The layout of version 14 is the layout: other versions break lines differently, so with one of
those the check is a named skip, not a pass and not a failure.

Comments are left as they are written, tables and drawings among them; only --fix, and only in a
file with lines that are too long, breaks those.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import gate

VERSION = 14
WIDTH_MAX = 100


def find_clang_format():
    """The program of our version, or None."""
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program:
            text = subprocess.run([program, "--version"], check=True, capture_output=True,
                                  text=True).stdout
            if re.search(rf"version {VERSION}\.", text):
                return program
    return None


def fix(program, root, files):
    subprocess.run([program, "-i", *files], cwd=root, check=True)
    wide = [path for path in files
            if any(len(line) > WIDTH_MAX for line in (root / path).read_text().split("\n"))]
    style = (root / ".clang-format").read_text()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(style.replace("ReflowComments: false", "ReflowComments: true"))
        file.flush()
        if wide:
            subprocess.run([program, f"--style=file:{file.name}", "-i", *wide], cwd=root,
                           check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--fix", action="store_true")
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    options = parser.parse_args()
    program = find_clang_format()
    if program is None:
        print(f"SKIP clang-format: version {VERSION} is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0 if options.check else 1
    files = [path for path in gate.tracked(options.root) if path.endswith((".c", ".h"))]
    findings = []
    if files and options.fix:
        fix(program, options.root, files)
    elif files:
        result = subprocess.run([program, "--dry-run", "-Werror", *files], cwd=options.root,
                                check=False, capture_output=True, text=True)
        findings = [line for line in result.stderr.split("\n") if ": error:" in line]
        if result.returncode != 0 and not findings:
            findings = [result.stderr]
    return gate.finish("format", len(files), "C files", findings)


if __name__ == "__main__":
    sys.exit(main())
