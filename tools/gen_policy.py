#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_policy.py [--check] [--root DIR]: the tables of docs/POLICY.md from src/policy/*.def.

The fields and the built-in policies are described in the code alone. Without an option the parts
of the page between its marks are written; with --check they are compared, and a page that says
something else fails, and so does a row that breaks the tables' rules: a line that is no row, a
path or an id used twice, a value of a field that there is not.
"""
import argparse
import pathlib
import re
import sys

import gate

FIELDS = "src/policy/fields.def"
BUILTINS = "src/policy/builtin.def"
PAGE = "docs/POLICY.md"
FIELD = re.compile(r'^PAWL_POLICY_FIELD\((\w+), "([^"]+)", (\w+), ([^,]+), ([^,]+), ([^,]+), '
                   r'"([^"]*)", "([^"]+)"\)$')
BUILTIN = re.compile(r'^PAWL_POLICY_BUILTIN\("([^"]+)", "([^"]+)"\)$')
VALUE = re.compile(r'^PAWL_POLICY_VALUE\((\w+), "([^"]*)", "([^"]*)"\)$')
FORMS = {"TEXT": "text", "MONEY": "dollars", "COUNT": "count", "DURATION": "time", "CHOICE": ""}


def rows_of(text, path, patterns, findings):
    """The rows as (pattern's index, groups), and what is no row into `findings`."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("PAWL_POLICY_"):
            continue
        for index, pattern in enumerate(patterns):
            match = pattern.match(line)
            if match:
                rows.append((index, match.groups()))
                break
        else:
            findings.append(f"{path}:{number}: not a row: {line}")
    return rows


def twice(words):
    return sorted({word for word in words if words.count(word) > 1})


def read(root, findings):
    """The fields, and the built-in policies as name, purpose, values."""
    def text(path):
        return (root / path).read_text(encoding="utf-8") if (root / path).exists() else ""
    fields = [groups for _, groups in rows_of(text(FIELDS), FIELDS, (FIELD,), findings)]
    for word in twice([row[0] for row in fields]) + twice([row[1] for row in fields]):
        findings.append(f"{FIELDS}: {word} is there twice")
    ids = {row[0]: row[1] for row in fields}
    policies = []
    for index, groups in rows_of(text(BUILTINS), BUILTINS, (BUILTIN, VALUE), findings):
        if index == 0:
            policies.append((groups[0], groups[1], {}))
        elif groups[0] not in ids or not policies:
            findings.append(f"{BUILTINS}: a value of no field or no policy: {groups[0]}")
        else:
            policies[-1][2][ids[groups[0]].replace("*", groups[1])] = groups[2]
    return fields, policies


def field_table(fields):
    lines = ["| field | takes | meaning |", "|---|---|---|"]
    for _, path, kind, _, _, _, choices, meaning in fields:
        words = ["a share, `40%`" if word == "%" else f"`{word}`"
                 for word in choices.split("|") if word]
        takes = ", ".join([FORMS[kind]] * bool(FORMS[kind]) + words)
        lines.append(f"| `{path}` | {takes} | {meaning} |")
    return lines


def builtin_table(fields, policies):
    base = policies[0][2] if policies else {}
    paths = []
    for _, pattern, *_ in fields:
        names = re.compile(re.escape(pattern).replace(r"\*", "[^.]+") + "$")
        for path in (path for _, _, values in policies for path in values):
            if names.match(path) and path not in paths:
                paths.append(path)
    lines = ["| field | " + " | ".join(f"`{name}`" for name, _, _ in policies) + " |",
             "|---" * (len(policies) + 1) + "|"]
    for path in paths:
        cells = [values.get(path, base.get(path, "")) for _, _, values in policies]
        lines.append(f"| `{path}` | " + " | ".join(cells) + " |")
    lines.append("")
    lines += [f"- `{name}`: {purpose}." for name, purpose, _ in policies]
    return lines


def fill(page, name, lines, findings):
    """The page with the part between its two marks replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if begin not in page or end not in page:
        findings.append(f"{PAGE}: has no marks for {name}")
        return page
    head, rest = page.split(begin, 1)
    return head + begin + "\n" + "\n".join(lines) + "\n\n" + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    options = parser.parse_args()
    findings = []
    fields, policies = read(options.root, findings)
    path = options.root / PAGE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = before
    if fields:
        after = fill(after, "fields", field_table(fields), findings)
        after = fill(after, "built-in", builtin_table(fields, policies), findings)
    if not options.check and after != before:
        path.write_text(after, encoding="utf-8")
    elif after != before:
        findings.append(f"{PAGE}: not what the tables say; run tools/gen_policy.py")
    return gate.finish("policy", len(fields), "fields", findings)


if __name__ == "__main__":
    sys.exit(main())
