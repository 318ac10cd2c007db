#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""policy_gate.py: the self-test of tools/gen_policy.py. It must find what is planted in small
tables, pass sound ones, refuse an empty tree, and pass this repository."""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "lib")]
sys.dont_write_bytecode = True

import count  # noqa: E402
import planted  # noqa: E402

GATE = planted.ROOT / "tools" / "gen_policy.py"
FIELDS = "src/policy/fields.def"
BUILTIN = "src/policy/builtin.def"
PAGE = "docs/POLICY.md"
USD = 'PAWL_POLICY_FIELD(USD, "caps.usd", MONEY, 1, 9, 0, "auto", "stop there")\n'
TIME = 'PAWL_POLICY_FIELD(TIME, "*.time", DURATION, 1, 9, 0, "", "stop then")\n'
ONE = 'PAWL_POLICY_BUILTIN("one", "first")\nPAWL_POLICY_VALUE(USD, "", "1.50")\n'
TWO = 'PAWL_POLICY_BUILTIN("two", "second")\nPAWL_POLICY_VALUE(TIME, "work", "1h")\n'
MARKS = "<!-- fields -->\n<!-- /fields -->\n<!-- built-in -->\n<!-- /built-in -->\n"

PLANTED = (
    ("a line that is no row", {FIELDS: USD.replace(", 9", ""), BUILTIN: ONE},
     "fields.def:1: not a row"),
    ("a path used twice", {FIELDS: USD + TIME.replace("*.time", "caps.usd"), BUILTIN: ONE},
     "caps.usd is there twice"),
    ("an id used twice", {FIELDS: USD + TIME.replace("(TIME", "(USD"), BUILTIN: ONE},
     "USD is there twice"),
    ("a value of no field", {FIELDS: USD, BUILTIN: ONE + TWO}, "of no field or no policy: TIME"),
    ("a value of no policy", {FIELDS: USD, BUILTIN: ONE.split("\n", 1)[1]},
     "of no field or no policy: USD"),
    ("a page without marks", {FIELDS: USD, BUILTIN: ONE, PAGE: "nothing\n"}, "has no marks"),
)


def check(root):
    return planted.run(sys.executable, GATE, "--check", "--root", root)


def main():
    counter = count.Count()
    for name, files, words in PLANTED:
        with counter.test(f"policy finds {name}"), planted.tree({PAGE: MARKS} | files) as root:
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_finding(*check(root), words)
    with counter.test("policy passes the page that it wrote, and no other"):
        with planted.tree({FIELDS: USD + TIME, BUILTIN: ONE + TWO, PAGE: MARKS}) as root:
            planted.expect_finding(*check(root), "run tools/gen_policy.py")
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_pass(*check(root))
            page = (root / PAGE).read_text(encoding="utf-8")
            assert "| `caps.usd` | dollars, `auto` | stop there |" in page, page
            for row in ("| `work.time` |  | 1h |", "| `caps.usd` | 1.50 | 1.50 |"):
                assert row in page, page
            (root / PAGE).write_text(page.replace("1h", "2h"), encoding="utf-8")
            planted.expect_finding(*check(root), "run tools/gen_policy.py")
    with counter.test("policy refuses an empty tree"), planted.tree({}) as root:
        planted.expect_finding(*check(root), "looked at nothing")
    with counter.test("policy passes this repository"):
        planted.expect_pass(*check(planted.ROOT))
    return counter.close()


if __name__ == "__main__":
    sys.exit(main())
