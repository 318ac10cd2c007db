# SPDX-License-Identifier: Apache-2.0
"""Self-tests of the gates that read files: tidy, format and docs.

The planted words are put together from halves, since tidy reads this file too.
"""
import planted
from planted import CLEAN, HEADER, SOURCE, SPDX, SPDX_C

TIDY = planted.ROOT / "tools" / "tidy.py"
FORMAT = planted.ROOT / "tools" / "format.py"
DOCS = planted.ROOT / "tools" / "docs_links.py"
LONG_FUNCTION = SOURCE.replace("    return", "    (void)value;\n" * 70 + "    return")


def call(text):
    """The source with one more statement in its function."""
    return SOURCE.replace("    return", f"    {text}\n    return")


# What is planted in the clean tree, and what tidy must say about it.
TIDY_CASES = (
    ("a long line", {"src/base/a.c": call("/* " + "x" * 100 + " */")}, "100 are allowed"),
    ("a tab", {"src/base/a.c": call("\t;")}, "a tab"),
    ("trailing blanks", {"src/base/a.c": call("; ")}, "blanks at the end"),
    ("trailing blanks in a document", {"README.md": "# A \n"}, "blanks at the end"),
    ("no newline at the end", {"src/base/a.c": SOURCE.rstrip("\n")}, "exactly one newline"),
    ("strcpy", {"src/base/a.c": call("strcpy(a, b);")}, "strcpy( is banned: use pawl_buf"),
    ("strcat", {"src/base/a.c": call("strcat(a, b);")}, "strcat( is banned"),
    ("sprintf", {"src/base/a.c": call("sprintf(a, b);")}, "banned: use snprintf"),
    ("vsprintf", {"src/base/a.c": call("vsprintf(a, b, c);")}, "banned: use snprintf"),
    ("gets", {"src/base/a.c": call("gets(a);")}, "gets( is banned"),
    ("atoi", {"src/base/a.c": call("value = atoi(a);")}, "atoi( is banned"),
    ("atol", {"src/base/a.c": call("value = atol(a);")}, "atol( is banned"),
    ("strtok", {"src/base/a.c": call("strtok(a, b);")}, "strtok( is banned"),
    ("alloca", {"src/base/a.c": call("alloca(8);")}, "alloca( is banned"),
    ("sleep", {"src/base/a.c": call("sleep(1);")}, "wait for the event"),
    ("system", {"src/base/a.c": call("system(a);")}, "without a shell"),
    ("assert", {"src/base/a.c": call("assert(value);")}, "use PAWL_ASSERT"),
    ("malloc", {"src/base/a.c": call("malloc(8);")}, "malloc( is banned: use base/alloc.h"),
    ("realloc", {"src/base/a.c": call("realloc(a, 8);")}, "realloc( is banned"),
    ("free", {"src/base/a.c": call("free(a);")}, "free( is banned"),
    ("time", {"src/base/a.c": call("time(NULL);")}, "use struct pawl_clock"),
    ("gettimeofday", {"src/base/a.c": call("gettimeofday(a, b);")}, "use struct pawl_clock"),
    ("clock_gettime", {"src/base/a.c": call("clock_gettime(0, a);")}, "use struct pawl_clock"),
    ("rand", {"src/base/a.c": call("rand();")}, "use struct pawl_prng"),
    ("random", {"src/base/a.c": call("random();")}, "use struct pawl_prng"),
    ("a goto that is not to out", {"src/base/a.c": call("goto again;")}, "forward `out:`"),
    ("double in the core", {"src/core/b.c": call("double x = 1;")}, "money is integers"),
    ("float in money", {"src/base/money.c": call("float x = 1;")}, "money is integers"),
    ("double in prices", {"src/gateway/price_book.c": call("double x = 1;")},
     "money is integers"),
    ("an include that climbs", {"src/base/a.c": '#include "../core/core.h"\n' + SOURCE},
     'includes are "layer/file.h"'),
    ("no SPDX line", {"src/base/a.c": SOURCE.replace(SPDX_C, "")}, "not the SPDX line"),
    ("no SPDX line in a script", {"tools/x.py": "print()\n"}, "not the SPDX line"),
    ("a script that cannot be started", {"tools/x.sh": "#!/bin/sh\n" + SPDX},
     "cannot be executed"),
    ("no file comment", {"src/base/a.c": SPDX_C + "#include <x.h>\n"}, "what the file is for"),
    ("no include guard", {"src/base/a.h": SPDX_C + "/* a.h: a file. */\nint pawl_a(int v);\n"},
     "no include guard PAWL_BASE_A_H"),
    ("another file's guard", {"src/base/a.h": HEADER.replace("BASE_A_H", "BASE_B_H")},
     "no include guard PAWL_BASE_A_H"),
    ("a function without the prefix", {"src/base/a.h": HEADER.replace("int pawl_a", "int a_add")},
     "a_add is called from other files"),
    ("a prototype over two lines without the prefix",
     {"src/base/a.h": HEADER.replace("int pawl_a(", "const struct pawl_x *\na_add(")},
     "a_add is called from other files"),
    ("an unfinished mark", {"src/base/a.c": call("/* FIX" "ME */")}, "finish it"),
    ("unfinished work without issue", {"src/base/a.c": call("/* TO" "DO: later */")},
     "names its issue"),
    ("a long function", {"src/base/a.c": LONG_FUNCTION}, "src/base/a.c:pawl_a: 73 lines"),
    ("a long file", {"src/base/a.c": SOURCE + "\n" + "extern int pawl_b;\n" * 800},
     "src/base/a.c: 811 lines"),
    ("somebody's machine", {"tools/x.txt": "see /ho" "me/somebody/notes\n"}, "somebody's machine"),
    ("a path out of the tree", {"README.md": "see ../" "elsewhere/notes\n"},
     "leaves the repository"),
    ("a package registry", {"tools/x.json": '"https://reg' 'istry.example/x"\n'},
     "address of a package registry"),
    ("another package registry", {"tools/x.txt": "from py" "pi.org\n"},
     "address of a package registry"),
    ("a lock file with addresses", {"tests/package-lock.json": '"resol' 'ved": "https://x/y"\n'},
     "omit-lockfile-registry-resolved"),
)
# What looks like a violation and is none.
TIDY_PASSES = (
    ("banned words in comments and literals",
     {"src/base/a.c": call('(void)"malloc(1)"; /* time() is read elsewhere. */')}),
    ("members and longer names",
     {"src/base/a.c": call("x->free(a); x.time(b); pawl_free(c); my_rand(d);")}),
    ("allocation in its own file", {"src/base/alloc.c": call("malloc(1);")}),
    ("the clock in its own file", {"src/base/clock_os.c": call("clock_gettime(0, a);")}),
    ("what nobody else calls by name", {"src/base/a.h": HEADER.replace(
        "int pawl_a", "typedef void a_fn(int value);\nstatic inline int a_one(void)\n{\n"
        "    return 1;\n}\nPAWL_MUST_CHECK int pawl_a")}),
    ("double far from money", {"src/base/a.c": call("double x = 1;")}),
    ("unfinished work with its issue", {"src/base/a.c": call("/* TO" "DO(#12): later. */")}),
    ("a function that just fits", {"src/base/a.c": LONG_FUNCTION.replace(
        "    (void)value;\n" * 3, "", 1)}),
    ("a forward goto out", {"src/base/a.c": call("goto out;")}),
)


def run_tidy(files):
    with planted.tree(files) as root:
        return planted.run(TIDY, "--root", root)


def run(counter):
    with counter.test("tidy passes a clean tree and says how much it looked at"):
        status, output = run_tidy(CLEAN)
        planted.expect_pass(status, output)
        assert "tidy: 3 source files" in output, output
    with counter.test("tidy refuses an empty tree"):
        planted.expect_finding(*run_tidy({}), "looked at nothing")
    for name, files, words in TIDY_CASES:
        with counter.test(f"tidy finds {name}"):
            planted.expect_finding(*run_tidy(CLEAN | files), words)
    for name, files in TIDY_PASSES:
        with counter.test(f"tidy lets pass {name}"):
            planted.expect_pass(*run_tidy(CLEAN | files))
    run_format(counter)
    run_docs(counter)


def run_format(counter):
    layout = {".clang-format": (planted.ROOT / ".clang-format").read_text()}

    def check(files, mode="--check"):
        with planted.tree(layout | files) as root:
            status, output = planted.run(FORMAT, mode, "--root", root)
            return status, output, {path: (root / path).read_text() for path in files}

    crooked = {"src/base/a.c": SOURCE.replace("value + 1", "value+1")}
    if check(CLEAN)[1].startswith("SKIP"):
        counter.skip("format", "clang-format 14 is not installed")
        return
    with counter.test("format passes a clean tree and says how much it looked at"):
        status, output, _ = check(CLEAN)
        planted.expect_pass(status, output)
        assert "format: 2 C files" in output, output
    with counter.test("format finds a crooked line"):
        planted.expect_finding(*check(CLEAN | crooked)[:2], "src/base/a.c:9:")
    with counter.test("format refuses an empty tree"):
        planted.expect_finding(*check({})[:2], "looked at nothing")
    with counter.test("format mends what it finds"):
        _, _, after = check(CLEAN | crooked, "--fix")
        assert after["src/base/a.c"] == SOURCE, after["src/base/a.c"]
    with counter.test("format breaks comments that are too long"):
        wide = SOURCE.replace("done this way.", "done this way" + ", and that way" * 10 + ".")
        _, _, after = check(CLEAN | {"src/base/a.c": wide}, "--fix")
        lengths = [len(line) for line in after["src/base/a.c"].split("\n")]
        assert max(lengths) <= 100 and len(lengths) > SOURCE.count("\n") + 1, after


def run_docs(counter):
    def check(files):
        with planted.tree(files) as root:
            return planted.run(DOCS, "--root", root)

    def said(text):
        return CLEAN | {"docs/A.md": text}

    with counter.test("docs passes a clean tree and says how much it looked at"):
        status, output = check(said("# Top\n\n## Two `words`, here\n\n[up](#two-words-here)\n"))
        planted.expect_pass(status, output)
        assert "docs: 3 links and paths" in output, output
    with counter.test("docs refuses an empty tree"):
        planted.expect_finding(*check({}), "looked at nothing")
    for name, text, words in (
            ("a dead link", "[x](GONE.md)\n", "docs/A.md:1: GONE.md does not exist"),
            ("a dead heading", "# Top\n[x](#bottom)\n", "A.md:2: #bottom has no such heading"),
            ("a dead heading elsewhere", "[x](../README.md#b)\n", "has no such heading"),
            ("a link out of the tree", "[x](../../" "y.md)\n", "leaves the repository"),
            ("a dead path in backticks", "`src/base/gone.c`\n", "gone.c` does not exist")):
        with counter.test(f"docs finds {name}"):
            planted.expect_finding(*check(said(text)), words)
