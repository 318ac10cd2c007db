#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs_links.py [--root DIR]: what the documents point at inside the repository must be there.

Checked in every tracked .md file: the targets of links, with their #heading where the target is a
document, and paths in backticks that begin with one of our folders and name a file. Addresses of
the web are not checked: a test must not depend on somebody else's server.
"""
import argparse
import pathlib
import re
import sys

import gate

LINK = re.compile(r"\]\(([^()\s]+)\)")
FOLDERS = r"(?:src|docs|tests|tools|bench|cmake|data|\.ci)"
QUOTED_PATH = re.compile(rf"`({FOLDERS}/[\w./-]+\.\w+)(?::\d+)?`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
# Names that stand for many files.
PLACEHOLDER = re.compile(r"NNNN|NAME|LAYER")


def anchors(text):
    """The anchors that a viewer makes of the headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", text), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\]\([^)]*\)", "", heading).lower())
        found.add(plain.replace(" ", "-"))
    return found


def check_link(root, document, target):
    """Why a link of this document leads nowhere, or None."""
    path, _, anchor = target.partition("#")
    file = (root / document).parent / path if path else root / document
    if root.resolve() not in (file.resolve(), *file.resolve().parents):
        return "leaves the repository"
    if not file.exists():
        return "does not exist"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
        return "has no such heading"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    root = parser.parse_args().root
    looked, findings = 0, []
    for document in gate.tracked(root):
        if not document.endswith(".md"):
            continue
        text = FENCE.sub(lambda match: "\n" * match.group(0).count("\n"),
                         (root / document).read_text())
        for number, line in enumerate(text.split("\n"), 1):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                looked += 1
                reason = check_link(root, document, target)
                if reason:
                    findings.append(f"{document}:{number}: {target} {reason}")
            for path in QUOTED_PATH.findall(line):
                looked += 1
                if not PLACEHOLDER.search(path) and not (root / path).exists():
                    findings.append(f"{document}:{number}: `{path}` does not exist")
    return gate.finish("docs", looked, "links and paths", findings)


if __name__ == "__main__":
    sys.exit(main())
