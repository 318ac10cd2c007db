# SPDX-License-Identifier: Apache-2.0
"""Who reads runs: what is settled on the way, and a data directory that cannot be written.

In the latter lie a run that ended and one whose pawl was killed, with the logs that it left.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess

from count import Skip
from world import expect_line, finish

NOBODY = 65534
MOUNTED = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def tell(world, prefix, words, **arguments):
    """Another pawl command on that directory, behind the prefix: status, stdout, stderr."""
    done = subprocess.run([*prefix, world.pawl, *words], text=True, check=False,
                          capture_output=True, timeout=60, cwd="/", env=world.environment(),
                          **arguments)
    return done.returncode, done.stdout, done.stderr


def killed_run(world):
    process = world.start([], "call", "say:ready", "wait")
    expect_line(process, "ready")
    process.kill()
    process.wait()


def make_runs(world):
    assert world.run([], "call")[0] == 0
    killed_run(world)


def check_readers(world, prefix, **arguments):
    here = ["--data-dir", world.data]
    status, stdout, stderr = tell(world, prefix, ["runs", "--json", *here], **arguments)
    assert status == 0 and len(stdout.splitlines()) == 2, (status, stdout, stderr)
    assert "cannot be written" in stderr and "not settled" in stderr, stderr
    status, stdout, stderr = tell(world, prefix, ["show", "last", *here], **arguments)
    assert status == 0 and "cannot be written" in stderr, (status, stdout, stderr)
    status, stdout, stderr = tell(world, prefix, ["verify", *here], **arguments)
    assert status == 0 and "2 verified" in stdout, (status, stdout, stderr)
    status, stdout, stderr = tell(world, prefix, ["run", *here, "--", "true"], **arguments)
    assert status == 125 and "--data-dir" in stderr, (status, stdout, stderr)
    assert stderr.count("\n") == 1, stderr


def check_books(world):
    """Reading has settled nothing; the next reader that can write does."""
    rows = world.runs()
    assert [row["reason"] for row in rows] == ["killed", "completed"], rows
    assert [row["calls"] for row in rows] == [1, 1], rows


def modes(folder, directory, file):
    for path, _, names in os.walk(folder):
        os.chmod(path, directory)
        for name in names:
            if not os.path.islink(os.path.join(path, name)):  # A killed run's lead to pawl.
                os.chmod(os.path.join(path, name), file)


@contextlib.contextmanager
def unwritable(world):
    """What keeps the owner from writing, or, since nothing keeps root, somebody else."""
    root = os.geteuid() == 0
    built = world.pawl
    if root:
        os.chmod(world.folder.name, 0o755)
        # The build may lie where that somebody cannot go, such as root's home.
        world.pawl = shutil.copy(built, world.folder.name)
    modes(world.data, 0o755 if root else 0o555, 0o644 if root else 0o444)
    try:
        yield {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    finally:
        world.pawl = built
        modes(world.data, 0o700, 0o600)


def permissions(world):
    """Where the permissions are missing, history and journals are read, and a run says why not."""
    make_runs(world)
    with unwritable(world) as arguments:
        try:
            tell(world, [], ["version"], **arguments)
        except OSError as error:
            raise Skip(f"another user cannot start pawl: {error}") from error
        check_readers(world, [], **arguments)
    check_books(world)


def mount(world):
    """The same on a file system that is mounted for reading alone."""
    make_runs(world)
    prefix = ["unshare", "-m", "sh", "-c", MOUNTED, "sh", world.data]
    tried = subprocess.run([*prefix, "true"], text=True, check=False, capture_output=True)
    if tried.returncode != 0:
        raise Skip(f"nothing can be mounted: {tried.stderr.strip()}")
    check_readers(world, prefix)
    check_books(world)


def first_run(world):
    """A place where no directory can be made is told with what to do about it."""
    status, _, stderr = tell(world, [], ["run", "--data-dir", "/proc/pawl", "--", "true"])
    assert status == 125 and "/proc/pawl" in stderr and "--data-dir" in stderr, stderr


def unreadable_run(world):
    """A run whose journal cannot be read is told of by that, once, and not as one without calls."""
    killed_run(world)
    for path in pathlib.Path(world.data).glob("history.db*"):
        path.unlink()
    run = next(pathlib.Path(world.data, "runs").glob("run_*"))
    for path in run.rglob("*.db"):
        with open(path, "r+b") as file:
            file.write(b"no journal of ours".ljust(4096))
    for path in run.rglob("*.db-*"):
        path.unlink()
    done = world.tell("show", run.name)
    told = done.stderr.strip().splitlines()
    assert done.returncode == 1 and len(told) == 1 and run.name in told[0], done
    assert "recorded anything" not in done.stderr, done


def one_settled(world):
    """`pawl show` settles the run that it shows, `pawl runs` every one."""
    killed_run(world)
    killed_run(world)
    folder = os.path.join(world.data, "runs")
    names = sorted(os.listdir(folder))

    def words():
        read = []
        for name in names:
            with open(os.path.join(folder, name, "lock"), encoding="utf-8") as file:
                read.append(file.read().split()[0])
        return read
    assert words() == ["open", "open"], words()
    done = world.tell("show", names[0], "--json")
    assert done.returncode == 0 and '"reason":"killed"' in done.stdout, done
    assert words() == ["ended", "open"], words()
    assert [row["reason"] for row in world.runs()] == ["killed", "killed"]
    assert words() == ["ended", "ended"], words()


def verified_live(world):
    """A run that goes on is verified up to now: a copy, which leaves nothing behind."""
    process = world.start([], "call", "part", "say:ready", "listen", "call", "say:more", "listen")
    expect_line(process, "first")
    expect_line(process, "ready")
    folder = max(pathlib.Path(world.data, "runs").glob("run_*"))
    left = folder / "copy-1-1"  # by a verify that was killed
    left.mkdir()
    (left / "journal.lock").touch()
    done = world.tell("verify", "last")
    assert done.returncode == 0 and "as of now; the run goes on" in done.stdout, done
    anchor = done.stdout.split()[-1]
    done = world.tell("verify", "last", "--json")
    first = json.loads(done.stdout)
    assert done.returncode == 0 and first["ok"] and first["live"] is True, first
    assert f"{first['last_op']}:{first['hash']}" == anchor, (first, anchor)
    process.stdin.write("\n")
    process.stdin.flush()
    expect_line(process, "heard")
    expect_line(process, "more")
    done = world.tell("verify", "last", "--json", "--expect", anchor)
    second = json.loads(done.stdout)
    assert done.returncode == 0 and second["last_op"] > first["last_op"], second
    done = world.tell("verify", "last", "--expect", anchor[:-1] + "x")
    assert done.returncode == 2, done
    wrong = anchor[:-1] + ("0" if anchor[-1] != "0" else "1")
    done = world.tell("verify", "last", "--expect", wrong)
    assert done.returncode == 4, done
    done = world.tell("verify")
    assert done.returncode == 0 and "1 verified, 1 running, up to now" in done.stdout, done
    assert [path.name for path in folder.glob("copy-*")] == ["copy-1-1"], list(folder.iterdir())
    assert finish(process, "\n")[0] == 0
    assert not list(folder.glob("copy-*")), list(folder.iterdir())
    done = world.tell("verify", "last", "--json", "--expect", anchor)
    assert done.returncode == 0 and "live" not in json.loads(done.stdout), done


def verified_when_killed(world):
    """A verify that is killed at any time, and a run that is, leave nothing that is not cleared."""
    process = world.start([], "call", "say:ready", "wait")
    expect_line(process, "ready")
    folder = max(pathlib.Path(world.data, "runs").glob("run_*"))
    for milliseconds in range(1, 20, 2):
        world.tell_and_kill(milliseconds / 1000, "verify", "last")
    assert world.tell("verify", "last").returncode == 0
    process.kill()
    process.wait()
    assert world.runs()[0]["reason"] == "killed"
    assert not list(folder.glob("copy-*")), list(folder.iterdir())
    assert world.tell("verify", "last").returncode == 0


def tests(world):
    yield "one run is settled for one that is shown", one_settled
    yield "a run that cannot be read is told of once", unreadable_run
    yield "a directory without permission to write", permissions
    yield "a read-only mount", mount
    yield "a place where nothing can be made", first_run
    yield "a run that goes on is verified up to now", verified_live
    yield "whoever verifies it may be killed", verified_when_killed
