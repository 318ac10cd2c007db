# SPDX-License-Identifier: Apache-2.0
"""Self-tests of the gates that read compiled code or compile: symbols, freestanding, layers, dead
files, clang-tidy.
"""
import json
import pathlib
import shlex

import planted
from planted import CLEAN, ROOT, SOURCE

SYMBOLS = ROOT / "tools" / "core_symbols.sh"
FREESTANDING = ROOT / "tools" / "core_freestanding.py"
DEAD_FILES = ROOT / "tools" / "dead_files.py"
CLANG_TIDY = ROOT / "tools" / "clang_tidy.py"
WERROR = ROOT / "build" / "werror"
# The architecture: what each layer may include, itself aside.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "journal": {"base", "core"},
    "engine": {"base", "core", "journal"},
    "net": {"base"},
}
# Above them it matters who is not seen.
HIDDEN = {
    "gateway": {"run", "cli"},
    "history": {"net", "gateway", "run", "cli"},
    "run": {"cli"},
}


def archive(root, layer, name, source):
    """build/src/LAYER/libpawl_LAYER.a under root, made of one source, as CMake names things."""
    folder = root / "build" / "src" / layer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source)
    for command in (["gcc", "-O2", "-c", name, "-o", f"{name}.o"],
                    ["ar", "rc", f"libpawl_{layer}.a", f"{name}.o"]):
        status, output = planted.run(*command, cwd=folder)
        assert status == 0, output


def symbols(core, base, core_name="apply.c", base_name="hash.c"):
    with planted.tree({}) as root:
        archive(root, "core", core_name, core)
        archive(root, "base", base_name, base)
        return planted.run(SYMBOLS, root / "build")


def run_symbols(counter):
    head = "#include <string.h>\n#include <time.h>\nlong pawl_hash(void *, unsigned long);\n"
    core = head + "void pawl_clear(void *a, unsigned long n) { memset(a, 0, n); %s }\n"
    base = head + "long pawl_hash(void *a, unsigned long n) { memset(a, 1, n); %s }\n"
    pure, calls_hash = base % "return 1;", core % "pawl_hash(a, n);"
    with counter.test("core symbols passes memory functions and pure parts of base"):
        planted.expect_pass(*symbols(calls_hash, pure))
    with counter.test("core symbols finds a stray time()"):
        planted.expect_finding(*symbols(core % "time(a);", pure), "core/apply.c.o calls time")
    with counter.test("core symbols finds time() behind a function of base"):
        planted.expect_finding(*symbols(calls_hash, base % "return time(a);"),
                               "base/hash.c.o calls time")
    with counter.test("core symbols does not mind base's own business"):
        planted.expect_pass(*symbols(core % "", base % "return time(a);"))
    allocates = base % "extern void *malloc(unsigned long); return malloc(n) != 0;"
    with counter.test("core symbols finds a buffer that allocates, outside of the codec"):
        planted.expect_finding(*symbols(calls_hash, allocates, "apply.c", "buf.c"),
                               "base/buf.c.o calls malloc")
    with counter.test("core symbols lets the codec write into a buffer that allocates"):
        planted.expect_pass(*symbols(calls_hash, allocates, "codec_x.c", "buf.c"))
    with counter.test("core symbols does not mind how a failed assertion ends"):
        planted.expect_pass(*symbols(calls_hash, allocates, "apply.c", "assert.c"))
    with counter.test("core symbols refuses a build without a core"):
        with planted.tree({}) as root:
            planted.expect_finding(*planted.run(SYMBOLS, root), "is missing")


def freestanding(core, base="int pawl_b(void);\nint pawl_b(void) { return 1; }\n"):
    with planted.tree({"src/core/a.c": core, "src/base/b.c": base}) as root:
        return planted.run(FREESTANDING, "--root", root)


def run_freestanding(counter):
    core = ("#include <string.h>\nint pawl_b(void);\n%s\nvoid pawl_a(void *a, unsigned long n);\n"
            "void pawl_a(void *a, unsigned long n) { memset(a, pawl_b(), n); %s }\n")
    with counter.test("core freestanding passes memory functions and what base has"):
        status, output = freestanding(core % ("", ""))
        planted.expect_pass(status, output)
        assert "core-freestanding: 2 objects" in output, output
    with counter.test("core freestanding finds a header of a system"):
        planted.expect_finding(*freestanding(core % ("#include <time.h>", "")),
                               "src/core/a.c:3:10: fatal error: 'time.h'")
    with counter.test("core freestanding finds a size that assumes long pointers"):
        planted.expect_finding(
            *freestanding(core % ('_Static_assert(sizeof(void *) == 8, "long");', "")), "long")
    with counter.test("core freestanding finds arithmetic of a compiler's runtime"):
        wide = core % ("typedef __int128 wide;", "*(wide *)a = *(wide *)a / (wide)n;")
        planted.expect_finding(*freestanding(wide), "needs __divti3")
    with counter.test("core freestanding finds what base needs of a system"):
        planted.expect_finding(
            *freestanding(core % ("", ""), "int getpid(void);\nint pawl_b(void);\n"
                          "int pawl_b(void) { return getpid(); }\n"),
            "src/base/b.c: needs getpid")
    with counter.test("core freestanding refuses a tree without a core"):
        with planted.tree({}) as root:
            planted.expect_finding(*planted.run(FREESTANDING, "--root", root), "looked at nothing")


def compile_as(layer, text):
    """Compiles text with the command of the layer's first source in build/werror."""
    entries = json.loads((WERROR / "compile_commands.json").read_text())
    folder = ROOT / "src" / layer
    sources = [entry for entry in entries if folder in pathlib.Path(entry["file"]).parents]
    assert sources, f"build/werror has no source of the layer {layer}"
    entry = sources[0]
    words = shlex.split(entry["command"])
    kept = [word for i, word in enumerate(words)
            if word not in ("-c", "-o", entry["file"]) and words[i - 1] != "-o"]
    with planted.tree({"x.c": text}) as root:
        return planted.run(*kept, "-fsyntax-only", root / "x.c", cwd=entry["directory"])


def header_of(layer):
    """One header of the layer, as an include names it."""
    return next(f"{layer}/{path.name}" for path in sorted((ROOT / "src" / layer).glob("*.h")))


def sees(layer, other):
    """Whether a source of the one layer can include a header of the other."""
    status, output = compile_as(
        layer, f'#if !__has_include("{header_of(other)}")\n#error hidden\n#endif\nint x;\n')
    assert status == 0 or "#error hidden" in output, output
    return status == 0


def run_layers(counter):
    probe = "int x;\n"
    with counter.test("the core can include base"):
        status, output = compile_as("core", '#include "base/slice.h"\n' + probe)
        assert status == 0, output
    for header in ("journal/journal.h", "engine/authority.h", "net/http.h"):
        with counter.test(f"the core cannot include {header}"):
            assert (ROOT / "src" / header).exists(), f"{header} has moved; name another"
            status, output = compile_as("core", f'#include "{header}"\n' + probe)
            assert status != 0 and "No such file" in output, output
    layers = sorted(path.parent.name for path in (ROOT / "src").glob("*/CMakeLists.txt"))
    for layer, allowed in LAYERS.items():
        with counter.test(f"{layer} sees what it declares and nothing else"):
            seen = {other for other in layers if sees(layer, other)}
            assert seen == allowed | {layer}, f"{layer} sees {sorted(seen)}"
    for layer, hidden in HIDDEN.items():
        with counter.test(f"{layer} sees nothing above it"):
            seen = {other for other in layers if sees(layer, other)}
            assert layer in seen and not seen & hidden, f"{layer} sees {sorted(seen)}"


def run_over(tool, files, built, *arguments):
    """Runs a tool that wants compile_commands.json over a tree where these files are built."""
    with planted.tree(files) as root:
        (root / "compile_commands.json").write_text(json.dumps(
            [{"directory": str(root), "file": path, "command": f"clang -Isrc -c {path}"}
             for path in built]))
        return planted.run(tool, *arguments, "--root", root, root)


def run_dead_files(counter):
    with counter.test("dead files passes a clean tree and says how much it looked at"):
        status, output = run_over(DEAD_FILES, CLEAN, ["src/base/a.c"])
        planted.expect_pass(status, output)
        assert "dead-files: 2 C files" in output, output
    with counter.test("dead files finds a source that nothing builds"):
        planted.expect_finding(*run_over(DEAD_FILES, CLEAN, []), "src/base/a.c: no CMake list")
    with counter.test("dead files finds a header that nobody includes"):
        planted.expect_finding(*run_over(DEAD_FILES, CLEAN | {"src/base/b.h": ""},
                                         ["src/base/a.c"]), "src/base/b.h: nobody includes it")
    with counter.test("dead files refuses an empty tree"):
        planted.expect_finding(*run_over(DEAD_FILES, {}, []), "looked at nothing")


def clang_tidy(files, *arguments):
    settings = {".clang-tidy": (ROOT / ".clang-tidy").read_text()}
    return run_over(CLANG_TIDY, settings | files, [path for path in files if path.endswith(".c")],
                    *arguments)


def run_clang_tidy(counter):
    with counter.test("clang-tidy passes a clean tree and says how much it looked at"):
        status, output = clang_tidy(CLEAN)
        planted.expect_pass(status, output)
        assert "clang-tidy: 1 files" in output, output
    nothing = "int *p = 0;\n    value = *p;"
    for name, text, check, arguments in (
            ("a missing brace", "if (value)\n        return 2;", "braces-around-statements", []),
            ("a read of nothing", nothing, "NullDereference", []),
            ("a read of nothing, going deep", nothing, "NullDereference", ["--deep"]),
            ("a crooked name", "int MyValue = value;\n    (void)MyValue;", "identifier-naming",
             [])):
        with counter.test(f"clang-tidy finds {name}"):
            text = SOURCE.replace("    return", f"    {text}\n    return")
            planted.expect_finding(*clang_tidy(CLEAN | {"src/base/a.c": text}, *arguments), check)
    with counter.test("clang-tidy refuses an empty tree"):
        planted.expect_finding(*clang_tidy({}), "looked at nothing")


def run(counter):
    run_symbols(counter)
    run_freestanding(counter)
    run_layers(counter)
    run_dead_files(counter)
    run_clang_tidy(counter)
