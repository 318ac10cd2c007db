#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_serve.py [--check] [--root DIR]: the tables of docs/OPERATING.md from the code's.

Options, metrics and the ledger's maxima are described in the code and nowhere else. Without an
option the tables are written between their marks; with --check the page is compared, and so are the
tables' own rules: a name used twice, a line that is no row, a metric whose name does not end as its
kind does, a maximum that no option sets.
"""
import argparse
import pathlib
import re
import sys

import gate

PAGE = "docs/OPERATING.md"
OPTIONS = "src/server/options.def"
METRICS = "src/server/metrics.def"
MAXIMA = "src/core/maxima.def"
OPTION = re.compile(r'^PAWL_SERVE_OPTION\((\w+), "([a-z-]+)", (?:"(\w+)"|NULL), (\w+), '
                    r'(\d+), (\d+), '
                    r'"([^"]*)", "([^"]*)", ([AEF]), "([^"]+)"\)$')
METRIC = re.compile(r'^PAWL_METRIC\((\w+), "([a-z_]+)", (COUNTER|GAUGE|HISTOGRAM), "([a-z,]*)", '
                    r'"([^"]+)"\)$')
MAXIMUM = re.compile(r'^PAWL_MAXIMUM\((\w+), +"([a-z]+)", +"([^"]+)", +\w+, +\w+, +(\d+), '
                     r'(?:true|false), +(?:true|false), +"([^"]+)"\)$')


def parse(path, text, word, row):
    """Rows in the table's order, and what is wrong with it."""
    rows, findings = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith(word + "("):
            continue
        match = row.match(line)
        if match:
            rows.append(match.groups())
        else:
            findings.append(f"{path}:{number}: not a row: {line}")
    for column in (0, 1):
        seen = [row[column] for row in rows]
        findings += [f"{path}: {name} is there twice" for name in sorted(set(seen))
                     if seen.count(name) > 1]
    return rows, findings


def option_cells(row):
    _, flag, argument, kind, _, _, by_default, choices, places, text = row
    name = f"`--{flag}`" if kind == "SWITCH" else f"`--{flag} {argument}`"
    variable = "PAWL_SERVE_" + flag.upper().replace("-", "_")
    where = {"A": f"`${variable}`, file", "E": f"`${variable}`", "F": ""}[places]
    words = f"; {', '.join(f'`{word}`' for word in choices.split('|'))}" if choices else ""
    return (name, where, f"`{by_default}`" if by_default else "", text + words)


def metric_cells(row):
    _, name, kind, labels, text = row
    words = ", ".join(f"`{label}`" for label in labels.split(",") if label)
    return (f"`{name}`", kind.lower(), words, text)


def maximum_cells(row):
    _, _, words, row_bytes, note = row
    return (words, row_bytes, note)


def maximum_findings(rows, said):
    options = {(row[0], row[1]) for row in said}
    return [f"{MAXIMA}: no option max-{name} of {OPTIONS} is MAX_{ident}"
            for ident, name, _, _, _ in rows if ("MAX_" + ident, "max-" + name) not in options]


def metric_findings(rows):
    findings = []
    for _, name, kind, _, _ in rows:
        if (kind == "COUNTER") != name.endswith("_total"):
            findings.append(f"{METRICS}: {name}: only counters end in _total")
        if not name.startswith(("pawl_", "process_")):
            findings.append(f"{METRICS}: {name}: begins with neither pawl_ nor process_")
    return findings


def table(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def fill(page, mark, text):
    """The page with the text between its marks, or None: it has none."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    if begin not in page or end not in page.split(begin, 1)[1]:
        return None
    before, rest = page.split(begin, 1)
    return before + begin + text + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=pathlib.Path, default=gate.ROOT)
    options = parser.parse_args()
    paths = [options.root / name for name in (OPTIONS, METRICS, MAXIMA, PAGE)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        return gate.finish("serve", 0, "rows", [f"{path} is not there" for path in missing])
    said, findings = parse(OPTIONS, paths[0].read_text(encoding="utf-8"), "PAWL_SERVE_OPTION",
                           OPTION)
    counted, more = parse(METRICS, paths[1].read_text(encoding="utf-8"), "PAWL_METRIC", METRIC)
    findings += more + metric_findings(counted)
    bounded, more = parse(MAXIMA, paths[2].read_text(encoding="utf-8"), "PAWL_MAXIMUM", MAXIMUM)
    findings += more + maximum_findings(bounded, said)
    old = page = paths[3].read_text(encoding="utf-8")
    for mark, head, rows in (
            ("options", ("flag", "elsewhere", "default", ""), map(option_cells, said)),
            ("metrics", ("metric", "kind", "labels", ""), map(metric_cells, counted)),
            ("maxima", ("rows", "bytes each, about", "note"), map(maximum_cells, bounded))):
        page = page and fill(page, mark, table(head, rows))
    if page is None:
        findings.append(f"{PAGE} has no marks for its tables")
    elif options.check and page != old:
        findings.append(f"{PAGE}: not what the tables say; run tools/gen_serve.py")
    elif not options.check and not findings:
        paths[3].write_text(page, encoding="utf-8")
    return gate.finish("serve", len(said) + len(counted) + len(bounded), "rows", findings)


if __name__ == "__main__":
    sys.exit(main())
