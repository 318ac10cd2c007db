#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_routes.py [--check] [--root DIR]: the table of paths in docs/GATEWAY.md from routes.def.

What a path is, the code alone says. Without an option the part of the page between its marks is
written; with --check it is compared, and a page that says something else fails, and so does a row
that breaks the table's rules: a line that is no row, a path twice, a path that an earlier row
hides, "**" in what is let through.
"""
import argparse
import pathlib
import re
import sys

import gate

TABLE = "src/gateway/routes.def"
PAGE = "docs/GATEWAY.md"
BEGIN, END = "<!-- routes -->\n", "<!-- /routes -->"
ROUTE = re.compile(r'^PAWL_ROUTE\((\w+), (\w+), (\w+), "([^"]+)", "([^"]+)"\)$')
VERB = re.compile(r'^PAWL_ROUTE_VERB\((\w+), (\w+), (ONE_PIECE|STREAM), "(\w+)", "([^"]+)"\)$')
KINDS = {"MODEL_CALL": "metered", "FREE": "free", "BATCH": "batch", "UNMETERED": "refused"}
PREFIX = {"ANTHROPIC": "anthropic[/v1]", "OPENAI": "openai[/v1]", "GEMINI": "gemini[/VERSION]"}


def read(root, findings):
    """Rows as (kind, path as people read it, pattern, words)."""
    path = root / TABLE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("PAWL_ROUTE"):
            continue
        route, verb = ROUTE.match(line), VERB.match(line)
        if route and route[1] in PREFIX and route[2] in KINDS:
            rows.append((route[2], PREFIX[route[1]] + route[4], route[5]))
        elif verb and verb[1] in KINDS:
            rows.append((verb[1], f"{PREFIX['GEMINI']}/models/*:{verb[4]}", verb[5]))
        else:
            findings.append(f"{TABLE}:{number}: not a row: {line}")
    return rows


def hides(earlier, later):
    """Whether a path that the later pattern is about fits the earlier one."""
    parts = [r".+" if part == "/**" else
             r"/[^/]+" + re.escape(part[2:]) if part.startswith("/*") else re.escape(part)
             for part in re.findall(r"/[^/]+|[^/]+", earlier)]
    example = later.replace("/**", "/x/y").replace("*", "x")
    return re.fullmatch("".join(parts), example) is not None


def check(rows, findings):
    for i, (kind, path, _) in enumerate(rows):
        if "**" in path and kind != "UNMETERED":
            findings.append(f"{TABLE}: {path}: only what is refused may have **")
        for _, earlier, _ in rows[:i]:
            if hides(earlier, path):
                findings.append(f"{TABLE}: {path} is hidden by {earlier}")


def table(rows):
    lines = ["| `POST …` | what it is | |", "|---|---|---|"]
    for kind in KINDS:
        lines += [f"| `{path}` | {KINDS[kind]} | {words} |"
                  for of, path, words in rows if of == kind]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    options = parser.parse_args()
    findings = []
    rows = read(options.root, findings)
    check(rows, findings)
    path = options.root / PAGE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = before
    if BEGIN in before and END in before:
        head, rest = before.split(BEGIN, 1)
        after = head + BEGIN + "\n" + "\n".join(table(rows)) + "\n\n" + END + rest.split(END, 1)[1]
    else:
        findings.append(f"{PAGE}: has no marks for the routes")
    if not options.check and after != before:
        path.write_text(after, encoding="utf-8")
    elif after != before:
        findings.append(f"{PAGE}: not what {TABLE} says; run tools/gen_routes.py")
    return gate.finish("routes", len(rows), "routes", findings)


if __name__ == "__main__":
    sys.exit(main())
