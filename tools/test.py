#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test.py [--nightly] [--list] [STAGE…]: runs the stages of tools/stages.py and adds up.

Prints a line a stage with its seconds and counts; the whole output goes to build/test-logs. The
last line is `N passed, N failed`, with `, N skipped` where something was, and every skip is named
above it. The exit status is 0 only when tests ran and none failed.

A stage fails, and counts at least one failure, when its exit status is not 0, when it runs out of
time (all its processes are then killed), when a suite prints no closing line or counts no test,
when it counts skips without naming them, and when a stage that it needs did not succeed.
"""
import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import time

import gate
import stages

LOGS = gate.ROOT / "build" / "test-logs"
TAIL_LINES = 60
# What belongs to the user's agents, or to the make that called us, must not steer the tests.
FOREIGN = ("PAWL_", "ANTHROPIC_", "OPENAI_", "GEMINI_", "GOOGLE_", "CLAUDE_", "CODEX_", "MAKE",
           "MFLAGS")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
Outcome = collections.namedtuple("Outcome", "passed failed skipped skips reason")


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    local = "127.0.0.1,localhost,::1"
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = f"{kept[name]},{local}" if kept.get(name) else local
    return kept | SANITIZERS | {"LC_ALL": "C.UTF-8"}


def run(stage, log_path):
    """Runs the command in a process group of its own. Returns None, or why it failed."""
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", stage.command], cwd=gate.ROOT, env=environment(), stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(timeout=stage.timeout_s)
            return None if status == 0 else f"exit status {status}"
        except subprocess.TimeoutExpired:
            return f"not done after {stage.timeout_s} s"
        finally:
            # Whatever the stage left behind goes as well, after an interrupt too.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def judge(stage, reason, output):
    """What a stage that ran counts for."""
    skips = re.findall(r"^SKIP (.+)$", output, re.M)
    closing = gate.CLOSING.findall(output)
    passed = failed = skipped = 0
    if stage.kind == stages.TESTS:
        if closing:
            passed, failed, skipped = (int(number or 0) for number in closing[-1])
        if reason is None and not closing:
            reason = "no closing line `N passed, N failed`"
        elif reason is None and passed + failed + skipped == 0:
            reason = "no test ran"
        elif reason is None and skipped > len(skips):
            reason = "skips without a name"
    if reason is not None:
        failed = max(failed, 1)
    return Outcome(passed, failed, skipped, [f"{stage.name}: {skip}" for skip in skips], reason)


def run_stage(stage, outcomes):
    """Runs one stage unless something it needs failed; prints its line."""
    broken = [need for need in stage.needs if outcomes[need].failed]
    log_path = LOGS / f"{stage.name}.log"
    started = time.monotonic()
    if broken:
        log_path.write_text("")
        outcome = Outcome(0, 1, 0, [], f"not run: {broken[0]} failed")
    else:
        reason = run(stage, log_path)
        outcome = judge(stage, reason, log_path.read_text(errors="replace"))
    seconds = time.monotonic() - started
    counts = f"{outcome.passed} passed, {outcome.failed} failed"
    counts += f", {outcome.skipped} skipped" if outcome.skipped else ""
    if stage.kind == stages.STEP:
        counts = "failed" if outcome.failed else "done"
    print(f"{stage.name:16} {seconds:7.1f} s  {counts}", flush=True)
    if outcome.failed:
        if outcome.reason:
            print(f"    {outcome.reason}")
        lines = [line for line in log_path.read_text(errors="replace").split("\n") if line]
        if lines:
            print(f"    the end of {log_path.relative_to(gate.ROOT)}:")
            print("\n".join(f"    | {line}" for line in lines[-TAIL_LINES:]), flush=True)
    return outcome


def chosen(table, names):
    """The named stages and all that they need, in the table's order; all when none is named."""
    by_name = {stage.name: stage for stage in table}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        sys.exit(f"test.py: no stage {unknown[0]}; there are: {' '.join(by_name)}")
    wanted, queue = set(), list(names or by_name)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += by_name[name].needs
    return [stage for stage in table if stage.name in wanted]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nightly", action="store_true", help="the long stages")
    parser.add_argument("--list", action="store_true", help="print the stages and stop")
    parser.add_argument("stage", nargs="*", help="only these, and what they need")
    options = parser.parse_args()
    table = chosen(stages.NIGHTLY if options.nightly else stages.TEST, options.stage)
    if options.list:
        for stage in table:
            print(f"{stage.name:16} {stage.command}")
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    started, outcomes = time.monotonic(), {}
    for stage in table:
        outcomes[stage.name] = run_stage(stage, outcomes)
    print(f"{len(table)} stages in {time.monotonic() - started:.0f} s")
    for skip in (skip for outcome in outcomes.values() for skip in outcome.skips):
        print(f"skipped: {skip}")
    failing = [name for name, outcome in outcomes.items() if outcome.failed]
    if failing:
        print(f"failed: {' '.join(failing)}")
    passed, failed, skipped = (sum(getattr(outcome, column) for outcome in outcomes.values())
                               for column in ("passed", "failed", "skipped"))
    if passed + failed == 0 and not options.stage:
        print("no test ran")
        failed = 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def interrupt(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
