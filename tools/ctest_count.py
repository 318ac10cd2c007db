#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ctest_count.py [-j N] [-R PATTERN] [-E PATTERN] PRESET: runs CTest and counts the tests inside.

CTest counts programs; we count tests. A program that prints the closing line `N passed, N failed`
counts as it says, a cmocka program counts its cmocka tests, any other counts one. CTest's verdict
stays above the program's own: a program that failed counts at least one failure, whatever it
printed, and a program that ran no test at all is a failure.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import gate

CMOCKA = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) *\] (\d+) test\(s\)", re.M)
# Tests that use the machine's time limits themselves set TIMEOUT in their CMake list.
TEST_TIMEOUT_S = 900


def count_program(succeeded, output):
    """(passed, failed, skipped) of one program."""
    closing = gate.CLOSING.findall(output)
    groups = CMOCKA.findall(output)
    if closing:
        passed, failed, skipped = (int(number or 0) for number in closing[-1])
    elif groups:
        passed, failed, skipped = (sum(int(count) for word, count in groups if word == kind)
                                   for kind in ("PASSED", "FAILED", "SKIPPED"))
    else:
        passed, failed, skipped = int(succeeded), int(not succeeded), 0
    if not succeeded or passed + failed + skipped == 0:
        failed = max(failed, 1)
    return passed, failed, skipped


def count_report(path):
    """Sums CTest's JUnit report; prints what failed and what was skipped."""
    total = [0, 0, 0]
    programs = xml.etree.ElementTree.parse(path).getroot().findall("testcase")
    for program in programs:
        name, output = program.get("name"), program.findtext("system-out") or ""
        if program.find("skipped") is not None and program.get("status") != "fail":
            # CTest says "notrun" where a program is missing: nothing was proved.
            reason = program.find("skipped").get("message") or ""
            counted = (0, 0, 1) if reason.startswith("SKIP_") else (0, 1, 0)
            print(f"{'SKIP' if counted[2] else 'FAIL'} {name}: {reason or 'not run'}")
        else:
            counted = count_program(program.get("status") == "run", output)
            if counted[1]:
                print(f"FAIL {name}\n{output}")
            for skip in re.findall(r"^SKIP (.*)$", output, re.M) + sorted(
                    set(re.findall(r"^\[  SKIPPED \] (\w+)$", output, re.M))):
                print(f"SKIP {name}: {skip}")
        total = [a + b for a, b in zip(total, counted)]
    return len(programs), total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", dest="jobs", default="2")
    parser.add_argument("-R", dest="only", help="only programs whose name matches")
    parser.add_argument("-E", dest="without", help="no program whose name matches")
    parser.add_argument("preset", help="the folder under build/, or a build folder's path")
    options = parser.parse_args()
    folder = pathlib.Path(options.preset)
    if not (folder / "CTestTestfile.cmake").exists():
        folder = gate.ROOT / "build" / options.preset
    report = folder.resolve() / "ctest.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(folder), "--output-junit", str(report), "-j",
               options.jobs, "--timeout", str(TEST_TIMEOUT_S), "--no-tests=error",
               "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000",
               "--test-output-truncation", "middle"]
    command += ["-R", options.only] if options.only else []
    command += ["-E", options.without] if options.without else []
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    programs, (passed, failed, skipped) = count_report(report) if report.exists() else (0, [0] * 3)
    if programs == 0 or (status != 0 and failed == 0):
        print(f"FAIL ctest itself: exit status {status}, {programs} programs")
        failed += 1
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{programs} programs")
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
