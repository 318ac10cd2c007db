# SPDX-License-Identifier: Apache-2.0
"""Self-tests of what counts: tools/test.py, tools/ctest_count.py, the closing lines, the deps and
packages."""
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

import ctest_count
import packages
import planted
import stages
from planted import ROOT

TOOLS = ROOT / "tools"
LIB = ROOT / "tests" / "lib"
CMOCKA = "[==========] {n} test(s) run.\n[  PASSED  ] {passed} test(s).\n"


def run_stages(rows, *arguments):
    """tools/test.py over another table. A row: name, kind, seconds, command[, needs[, waits]]."""
    table = "\n".join(f"    stages.Stage(*{row!r})," for row in rows)
    program = (f"import pathlib, sys\nsys.path[:0] = [{str(TOOLS)!r}]\nimport gate, stages, test\n"
               f"gate.ROOT = pathlib.Path.cwd()\ntest.LOGS = gate.ROOT / 'logs'\n"
               f"stages.TEST = (\n{table}\n)\nsys.exit(test.main())\n")
    with planted.tree({"run.py": program}) as root:
        return planted.run(sys.executable, "-B", "run.py", *arguments, cwd=root)


# What a table of one stage ends with: rows of (what, kind, command, status, words, last line).
ONE_STAGE = (
    ("adds up what a suite counts", "tests", "echo 3 passed, 0 failed", 0, "1 stages in",
     "3 passed, 0 failed"),
    ("believes the last closing line", "tests", "echo 9 passed, 0 failed; echo 1 passed, 0 failed",
     0, "", "1 passed, 0 failed"),
    ("fails with a suite that fails", "tests", "echo 3 passed, 2 failed; exit 1", 1, "failed: it",
     "3 passed, 2 failed"),
    ("names what failed, and why", "tests", "echo FAIL caps: one; echo '  File x'; "
     "echo AssertionError: 3; echo ok two; echo 1 passed, 1 failed; exit 1", 1,
     "failed: it: caps: one: AssertionError: 3\n", "1 passed, 1 failed"),
    ("names what failed in a program of cmocka, and where", "tests",
     "echo 'FAIL unit/x'; echo '[ RUN      ] one'; echo '[  FAILED  ] one'; "
     "echo '[  ERROR   ] --- 1 != 2'; echo '[   LINE   ] --- x.c:9: error: Failure!'; "
     "echo 'ERROR: never came true: a'; "
     "echo '[  ERROR   ] --- [   LINE   ] --- x.c:7: error: Fail'; "
     "echo '[  FAILED  ] 1 test(s), listed below:'; echo '[  FAILED  ] one'; "
     "echo 0 passed, 1 failed", 1, "failed: it: unit/x: one; 1 != 2; x.c:9: error: Failure!; "
     "never came true: a; x.c:7: error: Fail\n", "0 passed, 1 failed"),
    ("fails with a suite that hides its failures", "tests", "echo 3 passed, 1 failed", 1,
     "failed: it", "3 passed, 1 failed"),
    ("fails with a suite that dies after counting", "tests", "echo 3 passed, 0 failed; exit 3", 1,
     "exit status 3", "3 passed, 1 failed"),
    ("fails with a suite that does not count", "tests", "echo hello", 1, "no closing line",
     "0 passed, 1 failed"),
    ("fails with a suite that runs nothing", "tests", "echo 0 passed, 0 failed", 1, "no test ran",
     "0 passed, 1 failed"),
    ("fails with a suite that is missing", "tests", "tests/gone/run.py", 1, "exit status 127",
     "0 passed, 1 failed"),
    ("fails with a suite that hangs", "tests", "cat /dev/zero >/dev/null", 1, "not done after 1 s",
     "0 passed, 1 failed"),
    ("names what is skipped", "tests",
     "echo SKIP sdk: unreachable; echo 1 passed, 0 failed, 1 skipped", 0,
     "skipped: it: sdk: unreachable", "1 passed, 0 failed, 1 skipped"),
    ("fails with a skip that has no name", "tests", "echo 1 passed, 0 failed, 1 skipped", 1,
     "skips without a name", "1 passed, 1 failed, 1 skipped"),
    ("gives a suite no terminal and no input", "tests", "[ ! -t 0 ] && ! read x && "
     "echo 1 passed, 0 failed", 0, "", "1 passed, 0 failed"),
    ("hides the user's own agent settings", "tests", '[ -z "${OPENAI_BASE_URL:-}" ] && '
     "echo 1 passed, 0 failed", 0, "", "1 passed, 0 failed"),
    ("fails with a step that fails", "step", "false", 1, "failed: it", "0 passed, 1 failed"),
)


def run_test_py(counter):
    os.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/"
    for what, kind, command, status, words, last in ONE_STAGE:
        with counter.test(f"test.py {what}"):
            seconds = 1 if "hangs" in what else 100
            got, output = run_stages([("it", kind, seconds, command)])
            assert got == status, f"exit status {got}\n{output}"
            assert words in output, output
            assert output.split("\n")[-2] == last, output
    del os.environ["OPENAI_BASE_URL"]
    with counter.test("test.py does not run what needs a stage that failed"):
        got, output = run_stages([("first", "step", 99, "false"),
                                  ("second", "tests", 99, "echo 5 passed, 0 failed", ("first",)),
                                  ("third", "tests", 99, "echo 7 passed, 0 failed")])
        assert got == 1 and "not run: first failed" in output, output
        assert output.split("\n")[-2] == "7 passed, 2 failed", output
    with counter.test("test.py runs the named stages and what they need"):
        rows = [("first", "step", 99, "true"), ("second", "tests", 99, "false"),
                ("third", "tests", 99, "echo 7 passed, 0 failed", ("first",))]
        got, output = run_stages(rows, "third")
        assert got == 0 and "second" not in output and "first" in output, output
    with counter.test("test.py fails when no suite ran"):
        got, output = run_stages([])
        assert got == 1 and "no test ran" in output, output
    with counter.test("test.py kills what a stage leaves behind"):
        with planted.tree({}) as folder:
            rows = [("leaves", "step", 99, f"tail -f /dev/null & echo $! >{folder}/pid"),
                    ("goes on", "tests", 99, "echo 1 passed, 0 failed")]
            got, output = run_stages(rows)
            assert got == 0, output
            left = pathlib.Path("/proc", (folder / "pid").read_text().strip(), "cmdline")
            deadline = time.monotonic() + 30
            # A killed process is gone, or has no command line any more.
            while left.exists() and left.read_bytes() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not left.exists() or not left.read_bytes(), left
    run_lanes(counter)


def run_lanes(counter):
    with counter.test("test.py runs one that waits beside one that is busy"):
        # Each of the two goes on only when the other has come to the fifo.
        rows = [("fifo", "step", 99, "mkfifo meet"),
                ("busy", "tests", 99, "echo here >meet; echo 1 passed, 0 failed", ("fifo",)),
                ("waits", "tests", 99, "read -r <meet; echo 2 passed, 0 failed", ("fifo",), True)]
        got, output = run_stages(rows)
        assert got == 0 and output.endswith("\n3 passed, 0 failed\n"), output
    with counter.test("test.py runs two that wait one after the other"):
        alone = ("mkdir alone && for i in {1..50000}; do :; done && rmdir alone && "
                 "echo 1 passed, 0 failed")
        rows = [(name, "tests", 99, alone, (), True) for name in ("first", "second", "third")]
        got, output = run_stages(rows)
        assert got == 0 and output.endswith("\n3 passed, 0 failed\n"), output
    with counter.test("test.py goes on with the other lane when a stage fails or hangs"):
        rows = [("hangs", "tests", 1, "cat /dev/zero >/dev/null", (), True),
                ("fails", "step", 99, "false"),
                ("needs both", "tests", 99, "echo 5 passed, 0 failed", ("hangs", "fails"), True),
                ("goes on", "tests", 99, "echo 7 passed, 0 failed")]
        got, output = run_stages(rows)
        assert got == 1 and "not run: hangs failed" in output, output
        assert "failed: hangs fails needs both\n7 passed, 3 failed\n" in output, output


def run_documents(counter):
    with counter.test("docs/TESTING.md says what each stage proves, and no other"):
        page = (ROOT / "docs" / "TESTING.md").read_text().partition("## Stages")[2]
        rows = re.findall(r"^\| (`[^|]*) \|", page.partition("## ")[0], re.M)
        told = sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row))
        steps = {stage.name for stage in stages.TEST + stages.NIGHTLY}
        assert len(steps) > 20 and told == sorted(steps), steps.symmetric_difference(told)
    with counter.test("a stage needs only what stands above it"):
        for table in (stages.TEST, stages.NIGHTLY):
            above = set()
            for stage in table:
                assert above.issuperset(stage.needs), stage
                above.add(stage.name)


def run_packages(counter):
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder, "cache", "target")
        for said, expected in (("npm ERR! code SELF_SIGNED_CERT_IN_CHAIN", packages.Unreachable),
                               ("npm ERR! code ENOTFOUND", packages.Unreachable),
                               ("npm ERR! code EINTEGRITY", AssertionError)):
            with counter.test(f"a package that does not come: {said}"):
                step = ["bash", "-c", f"echo first; echo '{said}' >&2; echo last >&2; exit 1"]
                try:
                    packages.install(target, lambda _, step=step: [step])
                except (packages.Unreachable, AssertionError) as why:
                    assert isinstance(why, expected) and said in str(why), why
                else:
                    raise AssertionError("it came")
                assert not target.exists() and not list(target.parent.iterdir())
    with counter.test("packages that came are not fetched again"):
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder, "target")
            for step in (["touch", "here"], ["false"]):
                assert packages.install(target, lambda _, step=step: [step]) == target
                assert (target / "here").exists()


def run_ctest_count(counter):
    cases = (
        ("a program without counts is one test", True, "hello\n", (1, 0, 0)),
        ("a program without counts that failed is one", False, "hello\n", (0, 1, 0)),
        ("a cmocka program counts its tests", True, CMOCKA.format(n=4, passed=4), (4, 0, 0)),
        ("cmocka groups add up", True, CMOCKA.format(n=4, passed=4) * 2, (8, 0, 0)),
        ("cmocka failures count", False, CMOCKA.format(n=4, passed=3) +
         "[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] x\n", (3, 1, 0)),
        ("cmocka skips count", True, CMOCKA.format(n=4, passed=3) +
         "[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] x\n", (3, 0, 1)),
        ("a closing line counts", True, "5 passed, 0 failed, 1 skipped\n", (5, 0, 1)),
        ("a program that dies after its tests failed", False, CMOCKA.format(n=4, passed=4),
         (4, 1, 0)),
        ("a cmocka program without tests failed", True, CMOCKA.format(n=0, passed=0), (0, 1, 0)),
        ("a program that counts none failed", True, "0 passed, 0 failed\n", (0, 1, 0)),
    )
    for name, succeeded, output, expected in cases:
        with counter.test(f"ctest_count: {name}"):
            got = ctest_count.count_program(succeeded, output)
            assert got == expected, f"{got} instead of {expected}"
    with counter.test("ctest_count refuses a build without tests"):
        status, output = planted.run(TOOLS / "ctest_count.py", "no-such-build")
        assert status == 1 and output.endswith("0 passed, 1 failed\n"), output


def run_count_helpers(counter):
    shell = f". {LIB}/count.sh\n"
    python = f"import sys\nsys.path[:0] = [{str(LIB)!r}]\nimport count\nc = count.Count()\n"
    good, bad = "with c.test('x'): pass\n", "with c.test('y'): assert 1 == 2\n"
    cases = (
        ("bash", shell + "check x true\ncount_close\n", 0, "ok x\n1 passed, 0 failed\n"),
        ("bash", shell + "check x true\ncheck y false\ncount_close\n", 1, "1 passed, 1 failed\n"),
        ("bash", shell + "skip x why\ncount_close\n", 0,
         "SKIP x: why\n0 passed, 0 failed, 1 skipped\n"),
        ("bash", shell + "count_close\n", 1, "0 passed, 0 failed\n"),
        (sys.executable, python + good + "sys.exit(c.close())\n", 0, "1 passed, 0 failed\n"),
        (sys.executable, python + bad + good + "sys.exit(c.close())\n", 1, "1 passed, 1 failed\n"),
        (sys.executable, python + "sys.exit(c.close())\n", 1, "0 passed, 0 failed\n"),
    )
    for number, (program, text, expected, ending) in enumerate(cases, 1):
        language = "shell" if program == "bash" else "Python"
        with counter.test(f"the {language} counter closes as documented, case {number}"):
            status, output = planted.run(program, "-c", text)
            assert status == expected and output.endswith(ending), f"{status}\n{output}"
    bare = ("def one(done, answer):\n    assert (done.returncode\n            == answer['n'])\n"
            "import subprocess\nwith c.test('z'):\n"
            "    one(subprocess.run(['false'], check=False), {'n': 'w' * 400})\n")
    said = counter.test("a bare assert says what it saw")
    with planted.tree({"t.py": python + bare}) as root, said:
        _, output = planted.run(sys.executable, root / "t.py")
        assert "\nAssertionError: done.returncode == answer['n']; " in output, output
        for words in ("; done.returncode = 1", "; answer = {'n': '" + "w" * 73 + " … ",
                      "; done = CompletedProcess("):
            assert words in output, (words, output)


def run_fuzz_replay(counter):
    target = ('#include "tests/lib/fuzz.h"\n#include <stdlib.h>\n'
              "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)\n"
              "{\n    if (bytes > 0 && data[0] == 'X') {\n        abort();\n    }\n"
              "    return 0;\n}\n")
    files = {"target.c": target, "good/a": "A", "good/empty": "", "bad/crash_on_x": "X"}
    with planted.tree(files) as root:
        (root / "none").mkdir()
        status, output = planted.run("gcc", f"-I{ROOT}", "-o", "replay", "target.c",
                                     LIB / "fuzz_replay.c", cwd=root)
        assert status == 0, output
        for folder, expected, words in (("good", 0, "2 passed, 0 failed\n"),
                                        ("bad", None, "crash_on_x\n"),
                                        ("none", 1, "0 passed, 0 failed\n"),
                                        ("gone", 1, "cannot be opened\n")):
            with counter.test(f"fuzz_replay over a folder that is {folder}"):
                status, output = planted.run(root / "replay", root / folder)
                assert output.endswith(words), output
                assert status == expected or (expected is None and status < 0), status


FUZZ_TARGET = """#!/bin/bash
for argument; do
    case $argument in -artifact_prefix=*) prefix=${argument#*=};; esac
done
echo "stat::number_of_executed_units: 7"
[[ $0 == *_good ]] && exit 0
echo "pawl: bug: x.c:1: f: a == b does not hold" >&2
printf odd > "${prefix}crash-1"
echo "artifact_prefix='$prefix'; Test unit written to ${prefix}crash-1" >&2
exit 77
"""


def run_fuzz(counter):
    """tools/fuzz.py over targets that are pretended."""
    program = (f"import pathlib, sys\nsys.path[:0] = [{str(TOOLS)!r}]\nimport gate, fuzz\n"
               "fuzz.BUILD = pathlib.Path.cwd() / 'build'\nsys.exit(fuzz.main())\n")
    with planted.tree({"run.py": program, "build/bin/fuzz_good": FUZZ_TARGET,
                       "build/bin/fuzz_odd": FUZZ_TARGET}) as root:
        for path in (root / "build/bin").iterdir():
            path.chmod(0o755)
        with counter.test("fuzz tells what broke first, and the input itself"):
            status, output = planted.run(sys.executable, "-B", "run.py", "--seed=5", cwd=root)
            assert status == 1 and output.endswith("1 passed, 1 failed\n"), output
            assert "ok good: 7 runs\n" in output, output
            assert "FAIL odd: 7 runs: pawl: bug: x.c:1: f: a == b does not hold\n" in output, output
            assert "\nb2Rk\n" in output and "--seed 5 odd" in output, output
        with counter.test("fuzz passes where all targets survive"):
            status, output = planted.run(sys.executable, "-B", "run.py", "good", cwd=root)
            assert status == 0 and output.endswith("1 passed, 0 failed\n"), output


def run_deps(counter):
    """On a machine that is pretended: nothing installed, and only these programs on the path."""
    stub = "#!/bin/bash\n"

    def deps(files, *arguments):
        with planted.tree(files) as root:
            for path in files:
                (root / path).chmod(0o755)
            return planted.run("/bin/bash", TOOLS / "deps.sh", *arguments,
                               env={"PATH": str(root)})

    bare = {"dpkg-query": stub + "exit 1\n", "id": stub + "echo 1000\n"}
    with counter.test("deps --check names what is missing and what to do"):
        status, output = deps(bare, "--check", "build")
        assert status == 1 and "cmake" in output and "make deps" in output, output
    with counter.test("deps without apt-get says so"):
        status, output = deps(bare, "build")
        assert status == 1 and "no apt-get" in output, output
    with counter.test("deps without root and sudo says what to run as root"):
        status, output = deps(bare | {"apt-get": stub + "echo touched\n"}, "build")
        assert status == 1 and "as root, run: apt-get install" in output, output
        assert "touched" not in output, output
    with counter.test("deps installs what is missing, after an update, without asking"):
        record = stub + 'echo "apt-get $* with $DEBIAN_FRONTEND"\n'
        status, output = deps(bare | {
            "apt-get": record, "apt-cache": stub + '[ "$2" != libllhttp-dev ]\n',
            "env": stub + 'export "$1"; shift; exec "$@"\n', "id": stub + "echo 0\n"}, "build")
        lines = [line for line in output.split("\n") if line.startswith("apt-get ")]
        assert status == 0 and len(lines) == 2, output
        assert " update with noninteractive" in lines[0], output
        assert "install --no-install-recommends gcc" in lines[1], output
        assert "node-llhttp" in lines[1] and "libllhttp-dev" not in lines[1], output
    with counter.test("deps goes on without what only some tests want"):
        apt = stub + '[[ "$*" != *zsh* ]]\n'
        here = {"dpkg-query": stub + '[[ "${@: -1}" =~ ^(zsh|fish)$ ]] || echo -n installed\n',
                "apt-get": apt, "apt-cache": stub, "env": stub + 'shift; exec "$@"\n',
                "id": stub + "echo 0\n"}
        status, output = deps(here, "test")
        assert status == 0 and "deps: installed fish" in output, output
        assert "'zsh' cannot be had; the tests that want it are skipped" in output, output
        status, output = deps(here | {"apt-get": stub + "exit 100\n"}, "test")
        assert status == 0 and "cannot be had" in output, output
        status, output = deps(here, "--check", "test")
        assert status == 0 and not output, output
    with counter.test("deps touches nothing when all is there"):
        status, output = deps({"dpkg-query": stub + "echo -n installed\n",
                               "apt-get": stub + "echo touched\n"}, "nightly")
        assert status == 0 and "touched" not in output, output


STARTER = """
import subprocess, sys
process = subprocess.Popen([sys.executable, {leash!r}, "bash", "-c", {script!r}],
                           stdin=subprocess.PIPE, start_new_session=True)
process.wait()
"""


def run_leash(counter):
    """Whoever has stdout is alive; it ends when nobody is."""
    leash = str(TOOLS / "leash.py")
    with counter.test("what a stage started ends with its starter, in whatever session"):
        read_fd, write_fd = os.pipe()
        script = "setsid -f bash -c 'trap \"\" TERM HUP; echo away; sleep 1000'; echo; sleep 1000"
        starter = subprocess.Popen(
            [sys.executable, "-c", STARTER.format(leash=leash, script=script)], stdout=write_fd)
        os.close(write_fd)
        seen = b""
        while seen.count(b"\n") < 2:
            seen += os.read(read_fd, 100)
        starter.kill()
        starter.wait()
        ended, _, _ = select.select([read_fd], [], [], 60)
        assert ended and os.read(read_fd, 1) == b"", "somebody is left running"
        os.close(read_fd)
    with counter.test("a leash has its command's status, and takes what that left"):
        for script, status in (("exit 3", 3), ("kill -9 $$", 137), ("setsid -f sleep 1000", 0)):
            with subprocess.Popen([sys.executable, leash, "bash", "-c", script],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                said = process.stdout.read()  # its end: nobody has it any more
                assert process.wait() == status, (script, process.returncode, said)
    with counter.test("a leash hands on no ignored or blocked signal"):
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            deaf = (f"trap '' INT HUP USR1; exec {sys.executable} {leash} "
                    f"bash -c 'kill -{number} $$; sleep 1000'")
            with subprocess.Popen(["bash", "-c", deaf], stdin=subprocess.PIPE) as process:
                assert process.wait() == 128 + number, process.returncode


def run(counter):
    run_test_py(counter)
    run_leash(counter)
    run_documents(counter)
    run_ctest_count(counter)
    run_packages(counter)
    run_count_helpers(counter)
    run_fuzz_replay(counter)
    run_fuzz(counter)
    run_deps(counter)
