#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test.py [--nightly] [--list] [STAGE…]: runs the stages of tools/stages.py and adds up.

Prints a line a stage with its seconds and counts; the whole output goes to build/test-logs. The
last line is `N passed, N failed`, with `, N skipped` where something was, and every skip and every
test that failed is named above it. The exit status is 0 only when tests ran and none failed. Two
stages run at a time: one that keeps the processors busy and, beside it, one that mostly waits.

A stage fails, and counts at least one failure, when its exit status is not 0, when it runs out of
time (all its processes are then killed), when a suite prints no closing line or counts no test,
when it counts skips without naming them, and when a stage that it needs did not succeed.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time

import gate
import stages

LOGS = gate.ROOT / "build" / "test-logs"
TAIL_LINES = 60
LEASH = str(pathlib.Path(__file__).resolve().parent / "leash.py")
LEASH_S = 20  # for all of a stage to be killed
# What belongs to the user's agents, or to the make that called us, must not steer the tests.
FOREIGN = ("PAWL_", "ANTHROPIC_", "OPENAI_", "GEMINI_", "GOOGLE_", "CLAUDE_", "CODEX_", "MAKE",
           "MFLAGS")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
Outcome = collections.namedtuple("Outcome", "passed failed skipped skips reason failures",
                                 defaults=((),))
# A test that failed, and what says why: of Python the first line after its traceback, of cmocka the
# tests' names, the values and the places.
FAILURE = re.compile(r"^FAIL (.+)((?:\n(?!ok |FAIL |SKIP ).*)*)", re.M)
REASON = re.compile(r"^[\w.]*(?:Error|Exception|Expired)\b.*", re.M)
CMOCKA = re.compile(r"^(?:\[  FAILED  \] (?!\d+ test)|\[  ERROR   \] --- |\[   LINE   \] --- |"
                    r"ERROR: )(?:\[   LINE   \] --- )?(\S.*)", re.M)
FAILURE_COLUMNS = 500


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    local = "127.0.0.1,localhost,::1"
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = f"{kept[name]},{local}" if kept.get(name) else local
    return kept | SANITIZERS | {"LC_ALL": "C.UTF-8"}


class Running:
    """A stage's command in a process group of its own, which ends when we do, however that is."""

    def __init__(self, stage):
        self.stage, self.started = stage, time.monotonic()
        self.log_path = LOGS / f"{stage.name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, LEASH, "bash", "-c", stage.command], cwd=gate.ROOT,
                env=environment(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE,
                start_new_session=True)

    def left_s(self):
        return max(0, self.started + self.stage.timeout_s - time.monotonic())

    def end(self):
        """Whatever the stage left behind goes as well, after an interrupt too."""
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=LEASH_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def outcome(self, timed_out):
        if timed_out:
            reason = f"not done after {self.stage.timeout_s} s"
        else:
            status = self.process.returncode
            reason = None if status == 0 else f"exit status {status}"
        return judge(self.stage, reason, self.log_path.read_text(errors="replace"))


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
    return Outcome(passed, failed, skipped, [f"{stage.name}: {skip}" for skip in skips], reason,
                   [f"{stage.name}: {failure}" for failure in failures(output)])


def failures(output):
    """The tests that failed by their names, each with what its traceback ends with."""
    for name, rest in FAILURE.findall(output):
        python, cmocka = REASON.search(rest), dict.fromkeys(CMOCKA.findall(rest))
        why = "; ".join(cmocka) if cmocka else python.group(0) if python else ""
        yield (f"{name}: {why}" if why else name)[:FAILURE_COLUMNS]


def tell(stage, outcome, seconds):
    """The line of a stage and, where it failed, why."""
    counts = f"{outcome.passed} passed, {outcome.failed} failed"
    counts += f", {outcome.skipped} skipped" if outcome.skipped else ""
    if stage.kind == stages.STEP:
        counts = "failed" if outcome.failed else "done"
    print(f"{stage.name:16} {seconds:7.1f} s  {counts}", flush=True)
    if not outcome.failed:
        return
    if outcome.reason:
        print(f"    {outcome.reason}", flush=True)
    log_path = LOGS / f"{stage.name}.log"
    lines = [line for line in log_path.read_text(errors="replace").split("\n") if line]
    if lines:
        print(f"    the end of {log_path.relative_to(gate.ROOT)}:")
        print("\n".join(f"    | {line}" for line in lines[-TAIL_LINES:]), flush=True)


class Lanes:
    """Two stages at a time: one that keeps the processors busy, one that mostly waits.

    Each lane goes through its stages in the table's order. What a stage needs stands above it, so
    the uppermost stage that has not run can always start, and nothing waits for ever.
    """

    def __init__(self, table):
        self.table = table
        self.queues = {lane: collections.deque(stage for stage in table if stage.waits == lane)
                       for lane in (False, True)}
        self.running, self.outcomes = {}, {}
        self.ended = queue.SimpleQueue()

    def start(self):
        """Starts what can be started."""
        while any([self.start_lane(lane) for lane in self.queues]):
            pass

    def start_lane(self, lane):
        """The lane's next stage, if it is its turn. True: it is over without having run."""
        waiting = self.queues[lane]
        if not waiting or lane in self.running or any(need not in self.outcomes
                                                      for need in waiting[0].needs):
            return False
        stage = waiting.popleft()
        broken = [need for need in stage.needs if self.outcomes[need].failed]
        if broken:
            (LOGS / f"{stage.name}.log").write_text("")
            self.over(stage, Outcome(0, 1, 0, [], f"not run: {broken[0]} failed"), 0.0)
            return True
        running = self.running[lane] = Running(stage)
        threading.Thread(target=self.watch, args=(running,), daemon=True).start()
        return False

    def watch(self, running):
        running.process.wait()
        self.ended.put(running)

    def over(self, stage, outcome, seconds):
        self.outcomes[stage.name] = outcome
        tell(stage, outcome, seconds)

    def run(self):
        """Runs all; returns the outcomes by name, in the table's order."""
        try:
            self.start()
            while self.running:
                self.await_one()
                self.start()
        finally:
            for running in self.running.values():
                running.end()
        return {stage.name: self.outcomes[stage.name] for stage in self.table}

    def await_one(self):
        """Until one of those that run has ended, or its time is over."""
        running = min(self.running.values(), key=Running.left_s)
        timed_out = False
        try:
            running = self.ended.get(timeout=running.left_s())
        except queue.Empty:
            timed_out = True
        if self.running.get(running.stage.waits) is not running:
            return  # its time was over a while ago
        del self.running[running.stage.waits]
        running.end()
        self.over(running.stage, running.outcome(timed_out),
                  time.monotonic() - running.started)


def chosen(table, names):
    """The named stages and all that they need, in the table's order; all when none is named."""
    by_name = {stage.name: stage for stage in table}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        sys.exit(f"test.py: no stage {unknown[0]}; there are: {' '.join(by_name)}")
    wanted, rest = set(), list(names or by_name)
    while rest:
        name = rest.pop()
        if name not in wanted:
            wanted.add(name)
            rest += by_name[name].needs
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
    started = time.monotonic()
    outcomes = Lanes(table).run()
    print(f"{len(table)} stages in {time.monotonic() - started:.0f} s")
    for skip in (skip for outcome in outcomes.values() for skip in outcome.skips):
        print(f"skipped: {skip}")
    failing = [name for name, outcome in outcomes.items() if outcome.failed]
    if failing:
        for failure in (each for outcome in outcomes.values() for each in outcome.failures):
            print(f"failed: {failure}")
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
