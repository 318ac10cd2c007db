# SPDX-License-Identifier: Apache-2.0
"""Counts what a Python test program did and prints the closing line that tools/test.py reads.

    count = Count()
    with count.test("a cap between two calls stops the run"):
        assert run(...) == 124
    count.skip("openai sdk", "the registry cannot be reached")
    sys.exit(count.close())

A failed test prints its traceback and the program goes on. A program that ran nothing fails.
"""
import contextlib
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a test that this machine cannot run, with the reason."""


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    @contextlib.contextmanager
    def test(self, name):
        """Runs the body as one test; any exception fails it."""
        started = time.monotonic()
        try:
            yield
        except Skip as reason:
            self.skip(name, reason)
        except Exception:  # A test may raise anything; the next one still runs.
            self.failed += 1
            print(f"FAIL {name} ({time.monotonic() - started:.2f} s)")
            traceback.print_exc(file=sys.stdout)
        else:
            self.passed += 1
            print(f"ok {name} ({time.monotonic() - started:.2f} s)")
        sys.stdout.flush()

    def skip(self, name, reason):
        """For what this machine cannot do; never for what does not work yet."""
        self.skipped += 1
        print(f"SKIP {name}: {reason}", flush=True)

    def close(self):
        """Prints the closing line; returns the exit status."""
        tail = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{tail}", flush=True)
        return 0 if self.failed == 0 and self.passed + self.skipped > 0 else 1
