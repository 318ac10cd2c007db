#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serve_gate.py: the self-test of tools/gen_serve.py. It must find what is planted in small
tables, pass sound ones, refuse an empty tree, and pass this repository."""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "lib")]
sys.dont_write_bytecode = True

import count  # noqa: E402
import planted  # noqa: E402

GATE = planted.ROOT / "tools" / "gen_serve.py"
OPTIONS = "src/server/options.def"
METRICS = "src/server/metrics.def"
MAXIMA = "src/core/maxima.def"
PAGE = "docs/OPERATING.md"
LISTEN = 'PAWL_SERVE_OPTION(LISTEN, "listen", "ADDRESS", LIST, 0, 0, "a:1", "", A, "be there")\n'
CHECK = 'PAWL_SERVE_OPTION(CHECK, "check", NULL, SWITCH, 0, 1, "no", "", F, "only look")\n'
READY = 'PAWL_METRIC(READY, "pawl_ready", GAUGE, "", "whether it is")\n'
TAKEN = 'PAWL_METRIC(TAKEN, "pawl_taken_total", COUNTER, "who,how", "what was taken")\n'
ROWS = 'PAWL_SERVE_OPTION(MAX_ROWS, "max-rows", "N", COUNT, 1, 9, "5", "", A, "rows at most")\n'
ROW = 'PAWL_MAXIMUM(ROWS, "rows", "long rows", rows_max, rows, 81, true, false, "one a line")\n'
MARKS = "".join(f"<!-- {mark} -->\n<!-- /{mark} -->\n" for mark in ("options", "metrics", "maxima"))
SOUND = {OPTIONS: LISTEN + CHECK + ROWS, METRICS: READY + TAKEN, MAXIMA: ROW, PAGE: MARKS}

PLANTED = (
    ("an option that is no row", {OPTIONS: LISTEN.replace(", A,", ", X,")}, "options.def:1: not a"),
    ("a flag used twice", {OPTIONS: LISTEN + CHECK.replace('"check"', '"listen"')},
     "listen is there twice"),
    ("a metric that is no row", {METRICS: READY.replace("GAUGE", "METER")}, "metrics.def:1: not a"),
    ("a counter without its ending", {METRICS: TAKEN.replace("_total", "")}, "only counters end"),
    ("a gauge with a counter's ending", {METRICS: READY.replace("_ready", "_ready_total")},
     "only counters end"),
    ("a name without its beginning", {METRICS: READY.replace("pawl_ready", "ready")},
     "begins with neither"),
    ("a maximum that is no row", {MAXIMA: ROW.replace("81", "many")}, "maxima.def:1: not a"),
    ("a maximum that no option sets", {MAXIMA: ROW.replace('"rows"', '"lines"')},
     "no option max-lines"),
    ("a page without marks", {PAGE: "nothing\n"}, "no marks"),
)


def check(root):
    return planted.run(sys.executable, GATE, "--check", "--root", root)


def main():
    counter = count.Count()
    for name, files, words in PLANTED:
        with counter.test(f"serve finds {name}"), planted.tree(SOUND | files) as root:
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_finding(*check(root), words)
    with counter.test("serve passes the page that it wrote, and no other"):
        with planted.tree(SOUND) as root:
            planted.expect_finding(*check(root), "run tools/gen_serve.py")
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_pass(*check(root))
            page = (root / PAGE).read_text(encoding="utf-8")
            assert "| `--listen ADDRESS` | `$PAWL_SERVE_LISTEN`, file | `a:1` | be there |" in page
            assert "| `pawl_taken_total` | counter | `who`, `how` | what was taken |" in page, page
            assert "| long rows | 81 | one a line |" in page, page
            (root / PAGE).write_text(page.replace("only look", "look"), encoding="utf-8")
            planted.expect_finding(*check(root), "run tools/gen_serve.py")
    with counter.test("serve refuses an empty tree"), planted.tree({}) as root:
        planted.expect_finding(*check(root), "is not there")
    with counter.test("serve passes this repository"):
        planted.expect_pass(*check(planted.ROOT))
    return counter.close()


if __name__ == "__main__":
    sys.exit(main())
