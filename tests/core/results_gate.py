#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""results_gate.py: the self-test of tools/gen_results.py. It must find what is planted in a small
table, pass a sound one, refuse an empty tree, and pass this repository."""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "lib")]
sys.dont_write_bytecode = True

import count  # noqa: E402
import planted  # noqa: E402

GATE = planted.ROOT / "tools" / "gen_results.py"
TABLE = "src/core/result.def"
OK = 'PAWL_RESULT(OK, 0, 200, "", 0, 1, "done")\n'
NO = 'PAWL_RESULT(NO, 1, 409, "NO", 0, 0, "not so")\n'

PLANTED = (
    ("a line that is no row", OK + NO.replace("409", "4O9"), "result.def:2: not a row"),
    ("a number used twice", OK + NO.replace("1, 409", "0, 409"), "each once"),
    ("a number skipped", OK + NO.replace("1, 409", "2, 409"), "each once"),
    ("a name used twice", OK + NO.replace("(NO", "(OK"), "a name is used twice"),
    ("a success with a code", OK.replace('""', '"OK"') + NO, 'OK: HTTP 200 with code "OK"'),
    ("a failure without a code", OK + NO.replace('"NO"', '""'), 'NO: HTTP 409 with code ""'),
    ("a failure that is kept", OK + NO.replace("0, 0,", "0, 1,"), "only successes are kept"),
)


def check(root):
    return planted.run(sys.executable, GATE, "--check", "--root", root)


def main():
    counter = count.Count()
    for name, table, words in PLANTED:
        files = {TABLE: table, "docs/A": ""}
        with counter.test(f"results finds {name}"), planted.tree(files) as root:
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_finding(*check(root), words)
    with counter.test("results passes the page that it wrote, and no other"):
        with planted.tree({TABLE: OK + NO, "docs/A": ""}) as root:
            planted.expect_finding(*check(root), "run tools/gen_results.py")
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_pass(*check(root))
            with (root / "docs/RESULTS.md").open("a", encoding="utf-8") as file:
                file.write("more\n")
            planted.expect_finding(*check(root), "run tools/gen_results.py")
    with counter.test("results refuses an empty tree"), planted.tree({}) as root:
        planted.expect_finding(*check(root), "looked at nothing")
    with counter.test("results passes this repository"):
        planted.expect_pass(*check(planted.ROOT))
    return counter.close()


if __name__ == "__main__":
    sys.exit(main())
