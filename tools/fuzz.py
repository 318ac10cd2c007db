#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz.py [--seconds N] [--seed N] [TARGET…]: runs the libFuzzer programs of build/fuzz.

The seconds are shared between the targets, two of which run at a time. New inputs are collected
in build/fuzz/corpus/TARGET, on top of what tests/fuzz/corpus/TARGET holds; words that it should try
are in tests/fuzz/TARGET.dict, where there is one. An input that breaks something goes to
build/fuzz/crashes. When that happens: fix the bug and copy the input, under a name that tells the
bug, to tests/fuzz/corpus/TARGET, where every test run feeds it again.
"""
import argparse
import base64
import concurrent.futures
import pathlib
import random
import re
import subprocess
import sys

import gate

BUILD = gate.ROOT / "build" / "fuzz"
SECONDS_MIN = 3
PARALLEL = 2
# What broke, in the words of our assertions, of libFuzzer and of the sanitizers.
WHY = re.compile(r"^pawl: bug: .*|^==\d+== ?ERROR: .*|^.*: runtime error: .*", re.M)
INPUT = re.compile(r"^artifact_prefix=.*Test unit written to (.+)$", re.M)
INPUT_BYTES_MAX = 4096  # that a log should hold: it is all that is left of another machine


def fuzz(program, seconds, seed):
    """Runs one target. Returns (name, whether it survived, what it printed)."""
    name = program.name.removeprefix("fuzz_")
    stored = gate.ROOT / "tests" / "fuzz" / "corpus" / name
    found = BUILD / "corpus" / name
    crashes = BUILD / "crashes"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={crashes}/{name}-", str(found)]
    command += [str(stored)] if stored.is_dir() else []
    words = gate.ROOT / "tests" / "fuzz" / f"{name}.dict"
    command += [f"-dict={words}"] if words.is_file() else []
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    output = result.stdout.decode(errors="replace")
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", output)
    # A target that never called our function has proved nothing.
    survived = result.returncode == 0 and runs is not None and int(runs.group(1)) > 0
    return name, survived, int(runs.group(1)) if runs else 0, output


def tell(name, runs, output):
    """Why it broke first, and last the input: a log may be cut at either end."""
    why = WHY.search(output)
    print(f"FAIL {name}: {runs} runs: {why.group(0) if why else 'see below'}", flush=True)
    print("\n".join(output.split("\n")[-80:]))
    written = INPUT.search(output)
    path = pathlib.Path(written.group(1)) if written else None
    if path is not None and path.is_file() and path.stat().st_size <= INPUT_BYTES_MAX:
        print(f"the input, `base64 -d` makes a file of it:\n"
              f"{base64.b64encode(path.read_bytes()).decode()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31))
    parser.add_argument("target", nargs="*", help="only these")
    options = parser.parse_args()
    programs = sorted(path for path in (BUILD / "bin").glob("fuzz_*") if path.is_file())
    if options.target:
        programs = [path for path in programs if path.name[len("fuzz_"):] in options.target]
    each = max(SECONDS_MIN, options.seconds * PARALLEL // max(1, len(programs)))
    print(f"seed {options.seed}, {len(programs)} targets, {each} s each", flush=True)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for name, survived, runs, output in pool.map(
                lambda program: fuzz(program, each, options.seed), programs):
            if survived:
                print(f"ok {name}: {runs} runs", flush=True)
                passed += 1
                continue
            failed += 1
            tell(name, runs, output)
            print(f"reproduce: tools/fuzz.py --seconds {options.seconds} --seed {options.seed} "
                  f"{name}, or the program with the input named above")
    if not programs:
        print(f"no fuzz target in {BUILD.relative_to(gate.ROOT)}/bin; `make fuzz` builds them")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
