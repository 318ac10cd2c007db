#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The core compiles for a machine without a system: wasm32, freestanding.

tools/core_symbols.sh sees what the core calls here. This sees what it would need elsewhere: a
header that only a C library has, a size that assumes 64-bit pointers, 128-bit arithmetic for which
a compiler calls its runtime. The ledger that runs in a browser or in an edge function is then the
ledger that was tested, byte for byte.

Every file of src/core is compiled, and every file of src/base that they come to need. What is left
over may be memory functions and the three doors that the host provides.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import gate

# What the compiler emits by itself, and what a host of such a machine provides.
MEMORY = {"memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "__stack_pointer",
          "__linear_memory", "__indirect_function_table"}
# How a failed assertion ends, and the buffer that records are written into outside of apply.
DOORS = re.compile(r"pawl_assert_failed|pawl_buf_\w+")
# All that the core takes from <string.h>, which a compiler without a C library does not bring.
STRING_H = """#include <stddef.h>
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *memchr(const void *, int, size_t);
size_t strlen(const char *);
"""
FLAGS = ("--target=wasm32", "-ffreestanding", "-nostdlib", "-std=c17", "-O2", "-Wall", "-Wextra",
         "-Werror")


def run(*command):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


class Object:
    """One compiled file: what it defines and what it needs, or why it did not compile."""

    def __init__(self, root, source, include, folder):
        target = folder / f"{source.parent.name}_{source.name}.o"
        status, output = run("clang", *FLAGS, "-I", root / "src", "-isystem", include,
                             "-c", source, "-o", target)
        self.source = source.relative_to(root)
        words = output.replace(f"{root}/", "").strip()
        self.error = None if status == 0 else words.split("\n")[0]
        self.defines, self.needs = set(), set()
        for line in run("llvm-nm", target)[1].split("\n") if status == 0 else ():
            kind, _, name = line[9:].partition(" ")
            if kind == "U":
                self.needs.add(name)
            elif kind.isupper():
                self.defines.add(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=gate.ROOT, type=pathlib.Path)
    root = parser.parse_args().root.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "string.h").write_text(STRING_H)

        def compiled(layer):
            return [Object(root, path, folder, folder)
                    for path in sorted((root / "src" / layer).glob("*.c"))]

        core = compiled("core")
        homes = {symbol: part for part in compiled("base") if part.error is None
                 for symbol in part.defines}
    homes |= {symbol: part for part in core for symbol in part.defines}
    findings = [part.error for part in core if part.error is not None]
    queue, seen = list(core), set(core)
    for part in queue:
        for symbol in sorted(part.needs - MEMORY):
            home = homes.get(symbol)
            if DOORS.fullmatch(symbol) or home in seen:
                continue
            if home is None:
                findings.append(f"{part.source}: needs {symbol}")
            else:
                seen.add(home)
                queue.append(home)
    return gate.finish("core-freestanding", len(queue), "objects", findings)


if __name__ == "__main__":
    sys.exit(main())
