# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, on a small file system of their own. Its blocks are smaller than a page of
memory, as on every small ext4: there a file that is mapped can be full of holes.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import shared
from count import Skip
from kills import check_books
from world import Witness, finish

# From "not even a directory" to "some calls": what is left, in KiB.
ROOMS = (0, 8, 24, 40, 64, 100, 160, 300, 700)
ROOMS_UNDER_A_LIMIT = (0, 64, 300, 1000)


class SmallDisk:
    """8 MiB of ext4 in a file, mounted; where that is not possible, `problem` says why."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pawl-disk-")
        self.image = os.path.join(self.folder, "image")
        self.path = os.path.join(self.folder, "disk")
        os.mkdir(self.path)
        with open(self.image, "wb") as file:
            file.truncate(8 << 20)
        self.problem = None
        for command in (["mkfs.ext4", "-q", "-b", "1024", "-O", "^has_journal", "-m", "0",
                         self.image], ["mount", "-o", "loop", self.image, self.path]):
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False,
                                      env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin"})
                self.problem = done.stderr.strip() if done.returncode else None
            except FileNotFoundError as error:
                self.problem = str(error)
            if self.problem is not None:
                break
        return self

    def __exit__(self, *_):
        if self.problem is None:
            subprocess.run(["umount", "-l", self.path], check=True)
        shutil.rmtree(self.folder)

    def leave(self, kib):
        """Fills it but for so much."""
        state = os.statvfs(self.path)
        with open(os.path.join(self.path, "filling"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - kib * 1024)

    def relieve(self):
        os.unlink(os.path.join(self.path, "filling"))

    def clear(self):
        for entry in pathlib.Path(self.path).iterdir():
            if entry.name != "lost+found":
                shutil.rmtree(entry)


def full(world):
    """Whatever it is that does not fit any more, pawl says so and ends; nothing is left running,
    and when there is room again, every call that the provider was asked for is in the books."""
    with SmallDisk() as disk:
        if disk.problem is not None:
            raise Skip(f"no file system of its own: {disk.problem}")
        assert sum(fill_and_look(world, disk, room) for room in ROOMS) > 0


def looked_at(world):
    """What is there can be looked at when nothing more fits, not even an index to read it by."""
    with SmallDisk() as disk:
        if disk.problem is not None:
            raise Skip(f"no file system of its own: {disk.problem}")
        world.data = os.path.join(disk.path, "data")
        assert world.run(["--name", "before"], "call")[0] == 0
        spent = world.runs()[0]["spent"]
        assert len(world.runs()) == 1 and spent["iterations"]["amount"] == 1, spent
        disk.leave(8)
        for words in (["runs", "--json"], ["show", "before", "--json"]):
            done = world.tell(*words)
            assert done.returncode == 0 and "shown as it was left" in done.stderr, done
            assert json.loads(done.stdout.splitlines()[0])["spent"] == spent, done
        disk.relieve()
        assert world.runs()[0]["spent"] == spent


def fill_and_look(world, disk, room):
    """Whether the provider was asked for anything."""
    world.provider.reset()
    world.provider.control(prices={"claude-sonnet-4-5": world.prices})
    world.data = os.path.join(disk.path, "data")
    disk.leave(room)
    with Witness() as witness:
        process = world.start(["--max-iterations", "100000", "--max-usd", "1000",
                               "--max-tokens", "1G"], "deaf", "tool", "until", "wait",
                              **witness.arguments())
        witness.let_go()
        status, _, stderr = finish(process)
        witness.await_nobody()
    assert status == 125 and "pawl: " in stderr, (room, status, stderr)
    # Readers may not be able to do anything about it, but they say so, and what cannot be settled
    # hides nothing else.
    done = world.tell("runs")
    expected = (0,) if "journal" in done.stderr else (0, 1)
    assert done.returncode in expected, (room, done)
    disk.relieve()
    asked = len(world.provider.ledger()["calls"]) > 0
    if asked:
        check_books(world, 0)
    else:
        assert all(row["calls"] == 0 for row in world.runs()), room
    assert world.tell("verify").returncode in (0, 1), room
    disk.clear()
    return asked


def full_under_a_limit(world):
    """The disk fills while a limit across runs is spent: whichever ledger cannot be written first,
    the call is refused or the run ends, and when there is room again the books agree."""
    with SmallDisk() as disk:
        if disk.problem is not None:
            raise Skip(f"no file system of its own: {disk.problem}")
        world.data = os.path.join(disk.path, "data")
        for room in ROOMS_UNDER_A_LIMIT:
            world.provider.reset()
            world.provider.control(prices={"claude-sonnet-4-5": world.prices})
            with shared.limits(world, ["--usd", "1000", "--per", "day"]):
                fill_and_compare(world, disk, room)
            disk.clear()


def fill_and_compare(world, disk, room):
    disk.leave(room)
    with Witness() as witness:
        process = world.start(["--max-iterations", "100000", "--max-usd", "1000",
                               "--max-tokens", "1G", "--max-time", "30s"], "timeout:12", "until",
                              **witness.arguments())
        witness.let_go()
        status, stdout, stderr = finish(process)
        witness.await_nobody()
    assert status == 125 and "pawl: " in stderr, (room, status, stdout, stderr)
    disk.relieve()
    spent = shared.spent_by_runs(world)
    row = shared.stand(world)
    assert row["held"] == 0 and row["spent"] == spent >= world.bill(), (room, row, spent)
    shared.end_authority(world)
    done = world.tell("verify")
    assert done.returncode == 0 and "authority  ok" in done.stdout, (room, done)


def tests(world):
    yield "a full disk, however much was left", full
    yield "a full disk can be looked at", looked_at
    yield "a full disk under a limit across runs", full_under_a_limit
