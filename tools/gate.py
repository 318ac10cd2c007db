# SPDX-License-Identifier: Apache-2.0
"""What the gates share: which files to look at, how C is split, and how to report.

A gate prints its findings, then how much it looked at, then the closing line that every test
program prints (docs/TESTING.md). A gate that looked at nothing fails: a lint that selects no
file passes for ever and protects nobody.
"""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The last line of a test program: passed, failed and, where there were any, skipped.
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
SKIPPED_FOLDERS = {".git", "build", "node_modules", ".cache", "__pycache__"}


def tracked(root=ROOT):
    """Paths relative to root, sorted: what git would commit, or all files where git is not."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        command = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z",
                   "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, check=True, capture_output=True).stdout
        paths = names.decode().split("\0")
    else:
        paths = []
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            here = pathlib.Path(folder).relative_to(root)
            paths += [(here / name).as_posix() for name in files]
    return sorted({path for path in paths if path and is_plain(root / path)})


def is_plain(path):
    return path.is_file() and not path.is_symlink()


def read_text(path):
    """The text of a file, or None for one that is not text."""
    data = pathlib.Path(path).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


C_TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)


def c_code(text):
    """C with comments and the insides of literals blanked; line numbers stay what they are."""
    def blank(match):
        token = match.group(0)
        inside = re.sub(r"[^\n]", " ", token)
        return inside if token[0] == "/" else token[0] + inside[1:-1] + token[-1]
    return C_TOKEN.sub(blank, text)


def c_functions(code):
    """(name, first line, line count of the body) of each function, in clang-format's layout."""
    lines = code.split("\n")
    found = []
    for start, line in enumerate(lines):
        if line != "{":
            continue
        end = next((i for i in range(start, len(lines)) if lines[i].startswith("}")), None)
        if end is None:
            continue
        head = start
        while head > 0 and not re.search(r"^\s*$|^#|[;}]\s*$", lines[head - 1]):
            head -= 1
        found.append((called_name(" ".join(lines[head:start])), head + 1, end - start + 1))
    return found


def called_name(signature):
    """The last identifier in front of a parenthesis that is not inside another one."""
    name, depth = "?", 0
    for match in re.finditer(r"(\w+)?\s*(\()|\)", signature):
        if match.group(2):
            if depth == 0 and match.group(1):
                name = match.group(1)
            depth += 1
        else:
            depth -= 1
    return name


def finish(gate, looked, noun, findings):
    """Prints the report; returns the exit status."""
    for finding in findings:
        print(finding)
    if looked == 0:
        print(f"{gate}: looked at nothing, so it proves nothing")
    print(f"{gate}: {looked} {noun}, {len(findings)} findings")
    good = looked > 0 and not findings
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    return 0 if good else 1
