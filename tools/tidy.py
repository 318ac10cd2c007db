#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py [--root DIR]: house rules that neither a compiler nor clang-tidy knows.

docs/STYLE.md explains the rules; this file is what is really checked. Rules about words are rows
of CODE_RULES and TEXT_RULES; the rest are functions over a file. There is no way to switch a rule
off for one line or one file, on purpose: a rule that is wrong is changed here, for everybody.

The patterns are spelled so that they do not match themselves.
"""
import argparse
import os
import pathlib
import re
import sys

import gate

WIDTH_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
SCRIPTS = (".S", ".py", ".sh", ".cmake", ".ts", ".js", ".mjs")


def kind(path):
    """c, script, doc or data: which rules speak about a file."""
    name = pathlib.PurePosixPath(path).name
    if name.endswith((".c", ".h", ".def")):
        return "c"
    if name.endswith(SCRIPTS) or name in ("CMakeLists.txt", "Makefile") or path == ".ci/run":
        return "script"
    return "doc" if name.endswith(".md") else "data"


def call(names):
    """A call of one of these functions, but not of a member or of a longer name."""
    return r"(?<![\w.>])(" + names + r")\s*\("


def in_c(path):
    return kind(path) == "c"


def in_product(path):
    return in_c(path) and path.startswith("src/")


def in_money(path):
    return in_c(path) and path.startswith(("src/core/", "src/base/money", "src/gateway/price"))


def outside_alloc(path):
    return in_product(path) and path != "src/base/alloc.c"


def outside_clocks(path):
    return in_c(path) and path.startswith(("src/", "tests/sim/", "tests/core/")) \
        and path not in ("src/base/clock_os.c", "src/base/cond_os.c", "src/base/random_os.c")


def in_source(path):
    return kind(path) in ("c", "script")


def in_prose(path):
    return kind(path) in ("c", "script", "doc")


def without_tabs(path):
    return in_source(path) and pathlib.PurePosixPath(path).name != "Makefile"


def anywhere(path):
    return path != "LICENSE"


# Which files, what (in C looked for outside comments and literals), what to do instead.
CODE_RULES = (
    (in_c, call("strcpy|strcat|strncpy|strncat|stpcpy"), "use pawl_buf, or memcpy of a known size"),
    (in_c, call("sprintf|vsprintf"), "use snprintf, or pawl_buf"),
    (in_c, call("gets"), "use fgets"),
    (in_c, call("atoi|atol|atoll|atof"), "use a parser that reports errors (base/slice.h)"),
    (in_c, call("strtok|strtok_r"), "use struct pawl_slice"),
    (in_c, call("setjmp|longjmp|alloca"), "control flow and stack use must be plain to see"),
    (in_c, call("sleep|usleep"), "wait for the event, not for a while"),
    (in_product, call("system|popen"), "start programs without a shell"),
    (in_product, call("assert"), "use PAWL_ASSERT, which stays on in release builds"),
    (outside_alloc, call("malloc|calloc|realloc|free|strdup|strndup"), "use base/alloc.h"),
    (outside_clocks, call("time|gettimeofday|clock_gettime|clock|ftime"), "use struct pawl_clock"),
    (outside_clocks, call("rand|random|srand|srandom|rand_r|drand48|getrandom|getentropy"),
     "use struct pawl_prng, or pawl_random of base/random_os.c"),
    (in_money, r"\b(float|double)\b", "money is integers"),
    (in_c, r"\bgoto\s+(?!out;)", "the only label is a forward `out:` that releases resources"),
)

# Which files, what (looked for in the raw line), what is wrong with it.
TEXT_RULES = (
    (without_tabs, r"\t", "a tab"),
    (in_prose, r"[ \t]+$", "blanks at the end of the line"),
    (in_c, r'#\s*include\s*"\.\./', 'includes are "layer/file.h"'),
    (in_source, r"\bTO" r"DO\b(?!\(#\d+\))", "unfinished work names its issue: TO" "DO(#12)"),
    (in_source, r"\b(FIX" r"ME|XX" r"X|HA" r"CK)\b", "finish it, or file an issue"),
    (anywhere, r"(^|[^\w.~-])/(home|root|Users|mnt|media|work|workspace|workspaces|builds)/",
     "a path of somebody's machine"),
    (anywhere, r"https?://registry|registry\.(npm|yarn)\w*\.|\bpypi\.org|pythonhosted\.org",
     "the address of a package registry"),
    (lambda path: path.endswith("package-lock.json"), r'"resolved"\s*:\s*"https?:',
     "write lock files with omit-lockfile-registry-resolved"),
)


def rules_for(path, rules):
    """The rules that speak about this file: (compiled pattern, advice)."""
    return [(re.compile(pattern), advice) for applies, pattern, advice in rules if applies(path)]


def check_lines(path, text, code):
    width_max = WIDTH_MAX if in_source(path) and not path.endswith(".def") else sys.maxsize
    may_climb = kind(path) not in ("doc", "script")
    text_rules = rules_for(path, TEXT_RULES)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > width_max:
            yield f"{path}:{number}: {len(line)} columns, {WIDTH_MAX} are allowed"
        for pattern, advice in text_rules:
            if pattern.search(line):
                yield f"{path}:{number}: {advice}"
        if not may_climb and climbs_out(path, line):
            yield f"{path}:{number}: a path that leaves the repository"
    code_rules = rules_for(path, CODE_RULES)
    for number, line in enumerate(code.split("\n"), 1):
        for pattern, advice in code_rules:
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: {match.group(0).strip()} is banned: {advice}"
    if in_prose(path) and text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield f"{path}: does not end in exactly one newline"


def climbs_out(path, line):
    """True when a chain of "../" is longer than the file is deep."""
    chains = re.findall(r"(?:\.\./)+", line)
    return any(chain.count("../") > path.count("/") for chain in chains)


def check_header(path, text):
    if not in_source(path):
        return
    lines = text.split("\n")
    if lines[0].startswith("#!"):
        lines = lines[1:]
    if "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        yield f"{path}:1: the first line is not the SPDX line"
    elif in_c(path) and not re.match(r"/\*\n? ?\*? ?\S", "\n".join(lines[1:4])):
        yield f"{path}:2: no comment that says what the file is for, and why this way"
    if path.endswith(".h"):
        stem = re.sub(r"\W", "_", path.removeprefix("src/")).upper()
        if not re.search(rf"^#ifndef PAWL_{stem}\n#define PAWL_{stem}$", text, re.M):
            yield f"{path}: no include guard PAWL_{stem}"


def check_prefix(path, code):
    """What a header of ours declares for other files is called pawl_<module>_<verb>."""
    if not (in_product(path) and path.endswith(".h")):
        return
    lines = code.split("\n")
    for number, line in enumerate(lines, 1):
        starts = re.match(r"(?:extern |PAWL_\w+ |const |struct |enum |unsigned )*\w+[ *]", line)
        if not starts or re.match(r"(?:static|typedef|return)\b", line):
            continue
        statement = " ".join(lines[number - 1:number + 9]).split(";")[0].split("{")[0]
        name = gate.called_name(re.sub(r"\bPAWL_\w+(?:\([^()]*\))?", "", statement))
        if "(" in statement and name != "?" and not name.startswith("pawl_"):
            yield f"{path}:{number}: {name} is called from other files: name it pawl_{name}"


def check_lengths(path, text, code):
    """Functions and files that are longer than one idea."""
    if not in_c(path):
        return
    for name, _, count in gate.c_functions(code):
        if count > FUNCTION_LINES_MAX:
            yield f"{path}:{name}: {count} lines; past {FUNCTION_LINES_MAX}, ask which two it is"
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines; past {FILE_LINES_MAX}, ask which two it is"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    root = parser.parse_args().root
    texts = {path: gate.read_text(root / path) for path in gate.tracked(root)}
    texts = {path: text for path, text in texts.items() if text is not None}
    findings = []
    for path, text in texts.items():
        code = gate.c_code(text) if in_c(path) else ""
        findings += check_lines(path, text, code)
        findings += check_header(path, text)
        if text.startswith("#!") and not os.access(root / path, os.X_OK):
            findings.append(f"{path}: has an interpreter line and cannot be executed")
        findings += check_prefix(path, code)
        findings += check_lengths(path, text, code)
    return gate.finish("tidy", sum(map(in_source, texts)), "source files", findings)


if __name__ == "__main__":
    sys.exit(main())
