# SPDX-License-Identifier: Apache-2.0
"""Counts what a Python test program did and prints the closing line that tools/test.py reads.

    count = Count()
    with count.test("a cap between two calls stops the run"):
        assert run(...) == 124
    count.skip("openai sdk", "the registry cannot be reached")
    sys.exit(count.close())

A failed test prints its traceback and the program goes on; where it is a bare assert, its last line
has the condition and what is known of the names in it, since often that line is all one sees. A
program that ran nothing fails.
"""
import ast
import contextlib
import pathlib
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a test that this machine cannot run, with the reason."""


VALUE_COLUMNS = 80  # at its beginning, and twice as many at its end


def condition_of(frame, line):
    """The condition of the assert at that line, as a tree."""
    tree = ast.parse(pathlib.Path(frame.f_code.co_filename).read_text(encoding="utf-8"))
    return next(node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)
                and node.lineno <= line <= node.end_lineno)


def values(condition, frame):
    """"name = value" of what it names, as far as a value says anything. Nothing is called again: a
    second answer may be another."""
    known, found = {**frame.f_globals, **frame.f_locals}, {}
    for node in ast.walk(condition):
        if isinstance(node, ast.Name) and node.id in known:
            found[node.id] = known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            fields = getattr(known.get(node.value.id), "__dict__", {})
            found |= {ast.unparse(node): fields[node.attr]} if node.attr in fields else {}
    for name, value in found.items():
        told = repr(value)
        if len(told) > 3 * VALUE_COLUMNS:
            told = f"{told[:VALUE_COLUMNS]} … {told[-2 * VALUE_COLUMNS:]}"
        if not told.startswith("<"):
            yield f"{name} = {told}"


def explain(error):
    """Says what was asserted in an error that says nothing."""
    if not isinstance(error, AssertionError) or error.args:
        return
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    with contextlib.suppress(Exception):  # then it says no more than it did
        condition = condition_of(trace.tb_frame, trace.tb_lineno)
        error.args = ("; ".join((ast.unparse(condition), *values(condition, trace.tb_frame))),)


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
        except Exception as error:  # A test may raise anything; the next one still runs.
            self.failed += 1
            explain(error)
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
