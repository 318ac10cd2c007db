#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""routes_gate.py: the self-test of tools/gen_routes.py. It must find what is planted in a small
table, pass a sound one, refuse an empty tree, and pass this repository."""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "lib")]
sys.dont_write_bytecode = True

import count  # noqa: E402
import planted  # noqa: E402

GATE = planted.ROOT / "tools" / "gen_routes.py"
TABLE = "src/gateway/routes.def"
PAGE = "docs/GATEWAY.md"
CALL = 'PAWL_ROUTE(OPENAI, MODEL_CALL, OPENAI_CHAT, "/chat/completions", "a call")\n'
STOP = 'PAWL_ROUTE(OPENAI, FREE, OPENAI_CHAT, "/jobs/*/cancel", "stopping")\n'
REST = 'PAWL_ROUTE(OPENAI, UNMETERED, OPENAI_CHAT, "/jobs/**", "jobs")\n'
VERB = 'PAWL_ROUTE_VERB(FREE, GEMINI, ONE_PIECE, "countTokens", "counting")\n'
MARKS = "<!-- routes -->\n<!-- /routes -->\n"

PLANTED = (
    ("a line that is no row", {TABLE: CALL.replace(', "a call"', "")}, "routes.def:1: not a row"),
    ("a kind that there is not", {TABLE: CALL.replace("MODEL_CALL", "CHEAP")}, "not a row"),
    ("a path twice", {TABLE: CALL + VERB + CALL}, "is hidden by"),
    ("a path that another one hides", {TABLE: REST + STOP}, "/jobs/*/cancel is hidden by"),
    ("any path that is let through", {TABLE: REST.replace("UNMETERED", "FREE")}, "may have **"),
    ("a page without marks", {TABLE: CALL, PAGE: "nothing\n"}, "has no marks"),
)


def check(root):
    return planted.run(sys.executable, GATE, "--check", "--root", root)


def main():
    counter = count.Count()
    for name, files, words in PLANTED:
        with counter.test(f"routes finds {name}"), planted.tree({PAGE: MARKS} | files) as root:
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_finding(*check(root), words)
    with counter.test("routes passes the page that it wrote, and no other"):
        with planted.tree({TABLE: CALL + STOP + REST + VERB, PAGE: MARKS}) as root:
            planted.expect_finding(*check(root), "run tools/gen_routes.py")
            planted.run(sys.executable, GATE, "--root", root)
            planted.expect_pass(*check(root))
            page = (root / PAGE).read_text(encoding="utf-8")
            assert "| `openai[/v1]/jobs/*/cancel` | free | stopping |" in page, page
            assert "| `gemini[/VERSION]/models/*:countTokens` | free | counting |" in page, page
            (root / PAGE).write_text(page.replace("stopping", "going on"), encoding="utf-8")
            planted.expect_finding(*check(root), "run tools/gen_routes.py")
    with counter.test("routes refuses an empty tree"), planted.tree({}) as root:
        planted.expect_finding(*check(root), "looked at nothing")
    with counter.test("routes passes this repository"):
        planted.expect_pass(*check(planted.ROOT))
    return counter.close()


if __name__ == "__main__":
    sys.exit(main())
