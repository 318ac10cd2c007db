#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang_tidy.py BUILD [--deep] [--root DIR] [FILE…]: clang-tidy over src/, as a build compiles it.

Nine tenths of its time are the analyzer's, which follows the paths through each function. It gives
a function up after NODES states; with --deep after as many as is usual, which takes three times as
long.

Two files at a time. A file without findings is remembered in build/.tidy-cache under a hash of
everything that could change the verdict: the checks, the command, the file and all headers of
ours that it includes. Findings are never remembered, so they are printed every time.
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import gate

PARALLEL = 2
NODES = 50_000
SHALLOW = [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang",
                                              f"max-nodes={NODES}")]


def included(path, roots, seen):
    """Adds the file and our headers that it reaches to seen."""
    if path in seen or not path.exists():
        return
    seen.add(path)
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.M):
        for root in (path.parent, *roots):
            included(root / name, roots, seen)


def cache_key(root, entry, file, arguments, version):
    reached = set()
    included(file, (root / "src", root), reached)
    digest = hashlib.sha256("\0".join([version, *arguments]).encode())
    digest.update((root / ".clang-tidy").read_bytes())
    digest.update(entry.get("command", "").encode())
    for path in sorted(reached):
        digest.update(path.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def check(command, cache, root, entry, version):
    """Returns (file, findings); findings is the empty string when there are none."""
    file = pathlib.Path(entry["directory"], entry["file"])
    remembered = cache / cache_key(root, entry, file, command[1:], version)
    if remembered.exists():
        return file, ""
    result = subprocess.run([*command, str(file)], check=False, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL)
    if result.returncode == 0 and not result.stdout.strip():
        remembered.touch()
        return file, ""
    return file, result.stdout.strip() or result.stderr.strip() or "clang-tidy failed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path, help="folder with compile_commands.json")
    parser.add_argument("--deep", action="store_true", help="follow more paths")
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    parser.add_argument("file", nargs="*", help="only files whose path ends like this")
    options = parser.parse_args()
    root, source = options.root.resolve(), options.root.resolve() / "src"
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    commands = options.build / "compile_commands.json"
    if program is None or not commands.exists():
        print(f"clang-tidy: {'no clang-tidy' if program is None else f'no {commands}'}")
        return gate.finish("clang-tidy", 0, "files", [])
    version = subprocess.run([program, "--version"], check=True, capture_output=True,
                             text=True).stdout
    entries = [entry for entry in json.loads(commands.read_text())
               if entry["file"].endswith(".c")
               and source in pathlib.Path(entry["directory"], entry["file"]).resolve().parents]
    if options.file:
        entries = [entry for entry in entries if entry["file"].endswith(tuple(options.file))]
    cache = root / "build" / ".tidy-cache"
    cache.mkdir(parents=True, exist_ok=True)
    command = [program, "--quiet", "-p", str(options.build)] + (SHALLOW if not options.deep else [])
    findings = []
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for file, found in pool.map(lambda entry: check(command, cache, root, entry, version),
                                    entries):
            if found:
                findings.append(f"{file.relative_to(root)}:\n{found}")
    return gate.finish("clang-tidy", len(entries), "files", findings)


if __name__ == "__main__":
    sys.exit(main())
