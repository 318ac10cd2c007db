# SPDX-License-Identifier: Apache-2.0
"""The stages of `make test` and of `make nightly`: this table is the whole list.

One row a stage, each a shell command that tools/test.py runs from the top of the repository,
without a terminal: in this order those that keep the processors busy, and in this order, beside
them, those that mostly wait. A stage needs only what stands above it.

The seconds are for what hangs: several times what the row takes on two processors of one's own.

A TESTS row must print the closing line `N passed, N failed` (and `, N skipped`, each named by a
line `SKIP name: reason`); a STEP counts nothing unless it fails. There is no "skip when it is not
there": a row whose program is missing fails. To add a suite, add its row in the same commit as the
suite. docs/TESTING.md says more.
"""
import typing

STEP = "step"
TESTS = "tests"
WAITS = True


class Stage(typing.NamedTuple):
    name: str
    kind: str
    timeout_s: int
    command: str
    # Stages that must have succeeded; the others run whatever happened before them.
    needs: tuple = ()
    # Mostly waits: it runs beside one that keeps the processors busy.
    waits: bool = False


def build(preset, timeout_s=2700):
    """The row that builds a preset; werror is called plain `build`."""
    return Stage("build" if preset == "werror" else f"build-{preset}", STEP, timeout_s,
                 f"cmake --preset {preset} && cmake --build --preset {preset}", ("deps",))


TEST = (
    Stage("deps", STEP, 1200, "tools/deps.sh test"),
    Stage("format", TESTS, 300, "tools/format.py --check"),
    Stage("tidy", TESTS, 300, "tools/tidy.py"),
    Stage("docs", TESTS, 300, "tools/docs_links.py"),
    build("werror"),
    Stage("symbols", TESTS, 300, "tools/core_symbols.sh build/werror", ("build",)),
    Stage("freestanding", TESTS, 300, "tools/core_freestanding.py", ("deps",)),
    Stage("dead", TESTS, 300, "tools/dead_files.py build/werror", ("build",)),
    Stage("gates", TESTS, 1200, "tests/tools/run.py", ("build",)),
    Stage("unit", TESTS, 1200, "tools/ctest_count.py werror", ("build",)),
    Stage("http", TESTS, 1800, "tests/http/run.py --build build/werror", ("build",), WAITS),
    Stage("run", TESTS, 2700, "tests/run/run.py --pawl build/werror/bin/pawl", ("build",), WAITS),
    Stage("cli", TESTS, 1200, "tests/cli/run.py --pawl build/werror/bin/pawl", ("build",)),
    Stage("serve", TESTS, 1800, "tests/serve/run.py --pawl build/werror/bin/pawl", ("build",),
          WAITS),
    Stage("cycles", TESTS, 2700, "tests/cycles/run.py --pawl build/werror/bin/pawl", ("build",),
          WAITS),
    Stage("sdk", TESTS, 2700, "tests/sdk/run.py --pawl build/werror/bin/pawl", ("build",)),
    Stage("agents", TESTS, 2700, "tests/agents/run.py --pawl build/werror/bin/pawl", ("build",)),
    build("asan"),
    Stage("unit-asan", TESTS, 1800, "tools/ctest_count.py asan", ("build-asan",)),
    build("fuzz"),
    Stage("fuzz-smoke", TESTS, 1200, "tools/fuzz.py --seconds 60", ("build-fuzz",)),
    Stage("clang-tidy", TESTS, 2700, "tools/clang_tidy.py build/asan", ("build-asan",)),
)

NIGHTLY = (
    Stage("deps", STEP, 1200, "tools/deps.sh nightly"),
    build("werror"),
    Stage("cycles-long", TESTS, 7200, "tests/cycles/run.py --pawl build/werror/bin/pawl --long",
          ("build",), WAITS),
    build("tsan"),
    Stage("unit-tsan", TESTS, 1800, "tools/ctest_count.py tsan", ("build-tsan",)),
    Stage("clang-tidy-deep", TESTS, 1800, "tools/clang_tidy.py --deep build/tsan",
          ("build-tsan",)),
    build("valgrind"),
    Stage("unit-valgrind", TESTS, 7200, "tools/ctest_count.py valgrind", ("build-valgrind",)),
    build("coverage"),
    Stage("unit-coverage", TESTS, 1800, "tools/ctest_count.py coverage", ("build-coverage",)),
    Stage("coverage", STEP, 300, "tools/coverage.py", ("unit-coverage",)),
    build("fuzz"),
    Stage("fuzz", TESTS, 7200, "tools/fuzz.py --seconds 3600", ("build-fuzz",)),
)
