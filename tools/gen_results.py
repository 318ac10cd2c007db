#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_results.py [--check] [--root DIR]: docs/RESULTS.md from src/core/result.def.

The table in the code is the only place where an answer of the ledger is described. Without an
option the page is written; with --check it is compared, and a page that is not the table's fails,
and so does a table that breaks its own rules: a number used twice or skipped, a name used twice,
a success with a wire code, a failure without one.
"""
import argparse
import pathlib
import re
import sys

import gate

SOURCE = "src/core/result.def"
PAGE = "docs/RESULTS.md"
ROW = re.compile(
    r'^PAWL_RESULT\((\w+),\s*(\d+),\s*(\d{3}),\s*"([^"]*)",\s*([01]),\s*([01]),\s*"([^"]+)"\)$')
HEAD = """# Results

<!-- Written by tools/gen_results.py from src/core/result.def. Change that file, not this one. -->

Every answer that the ledger can give, the strongest first: where two apply, the one further up is \
given. The number is what the journal stores. *HTTP* and *code* are what an API answers; a success \
has no code. *Retry*: the same request may succeed later without anybody changing it. *Kept*: \
remembered under the request's idempotency key, so that a repeat gets the same answer.

| result | number | HTTP | code | retry | kept | meaning |
|---|---|---|---|---|---|---|
"""


def parse(text):
    """Rows in the table's order, and what is wrong with it."""
    rows, findings = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("PAWL_RESULT"):
            continue
        match = ROW.match(line)
        if match:
            rows.append(match.groups())
        else:
            findings.append(f"{SOURCE}:{number}: not a row: {line}")
    return rows, findings


def rule_findings(rows):
    """What the rows say against the table's rules."""
    findings = []
    names = [row[0] for row in rows]
    numbers = sorted(int(row[1]) for row in rows)
    if len(set(names)) != len(names):
        findings.append(f"{SOURCE}: a name is used twice")
    if numbers != list(range(len(rows))):
        findings.append(f"{SOURCE}: numbers are not 0 .. {len(rows) - 1}, each once")
    for name, _, http, wire, _, kept, _ in rows:
        success = http.startswith("2")
        if success == bool(wire):
            findings.append(f"{SOURCE}: {name}: HTTP {http} with code \"{wire}\"")
        if success != (kept == "1"):
            findings.append(f"{SOURCE}: {name}: only successes are kept")
    return findings


def page(rows):
    """The whole page."""
    lines = []
    for name, number, http, wire, retry, kept, meaning in rows:
        code = f"`{wire}`" if wire else ""
        flags = ["yes" if flag == "1" else "" for flag in (retry, kept)]
        cells = (f"`{name}`", number, http, code, *flags, meaning)
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    options = parser.parse_args()
    source = options.root / SOURCE
    rows, findings = parse(source.read_text(encoding="utf-8") if source.exists() else "")
    findings += rule_findings(rows)
    text = page(rows)
    path = options.root / PAGE
    if not options.check and rows:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        findings.append(f"{PAGE}: not what {SOURCE} says; run tools/gen_results.py")
    return gate.finish("results", len(rows), "rows", findings)


if __name__ == "__main__":
    sys.exit(main())
