# SPDX-License-Identifier: Apache-2.0
"""The data directory, runs side by side, a live run's answers, and the files that a run changed."""
import http.client
import json
import os
import shutil
import socket
import stat
import subprocess

from world import expect_line, finish


def precedence(world):
    """--data-dir, $PAWL_DATA_DIR, $XDG_STATE_HOME/pawl, ~/.local/state/pawl."""
    top = world.folder.name
    places = {"PAWL_DATA_DIR": ("own", "own"), "XDG_STATE_HOME": ("state", "state/pawl"),
              "HOME": ("home", "home/.local/state/pawl")}
    environment = {k: v for k, v in world.environment().items() if k not in places}
    environment |= {name: os.path.join(top, place[0]) for name, place in places.items()}
    for name, (_, place) in places.items():
        done = subprocess.run([world.pawl, "run", "--no-card", "-q", "--", "true"], check=False,
                              env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        data = os.path.join(top, place)
        assert os.listdir(os.path.join(data, "runs")), name
        for path in (data, os.path.join(data, "runs")):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700, path
        del environment[name]


def private(world):
    """Nothing that a run leaves is readable by others; the directory alone would do."""
    assert world.run([], "call")[0] == 0
    for top, folders, names in os.walk(world.data):
        for name in folders:
            assert stat.S_IMODE(os.stat(os.path.join(top, name)).st_mode) == 0o700, name
        for name in names:
            if name in ("lock", "meta.json", "FORMAT"):
                assert stat.S_IMODE(os.stat(os.path.join(top, name)).st_mode) == 0o600, name


def memory_refused(world):
    """What a memory file system keeps is gone with the power: not without being asked."""
    shared = "/dev/shm"
    if not os.path.isdir(shared) or b"tmpfs" not in subprocess.run(
            ["stat", "-f", "-c", "%T", shared], capture_output=True, check=False).stdout:
        return
    place = os.path.join(shared, f"pawl-test-{os.getpid()}")
    try:
        status, _, stderr = world.run(["--data-dir", place], ["true"])
        assert status == 125 and "--data-dir" in stderr, (status, stderr)
        assert os.listdir(os.path.join(place, "runs")) == [], "nothing is left of it"
        status, _, stderr = world.run(["--data-dir", place], ["true"],
                                      env={"PAWL_ALLOW_ANY_FS": "1"})
        assert status == 0, stderr
    finally:
        shutil.rmtree(place, ignore_errors=True)


def side_by_side(world):
    """Four runs at once in one data directory, each with its own caps and its own books."""
    world.provider.control(default={"reply_tokens": 100, "first_ms": 20})
    started = [world.start(["--max-iterations", str(limit), "--name", f"n{limit}", "--json-card"],
                           "until") for limit in (2, 3, 4, 5)]
    for limit, process in zip((2, 3, 4, 5), started):
        status, _, stderr = finish(process)
        card = json.loads(stderr.splitlines()[-1])
        assert status == 124 and card["calls"] == limit and card["name"] == f"n{limit}", card
    rows = world.runs()
    assert sorted(row["calls"] for row in rows) == [2, 3, 4, 5], rows
    assert sum(row["spent"]["usd"]["amount"] for row in rows) == world.bill()


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a run's socket, whose path may be too long for an address."""

    def __init__(self, folder):
        super().__init__("pawl", timeout=30)
        self.folder = folder

    def connect(self):
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"/proc/self/fd/{fd}/run.sock")
        os.close(fd)


def ask(run_folder, path="/v1/x-pawl/run", method="GET"):
    connection = UnixConnection(run_folder)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def live(world):
    """A run under way tells where it stands, also in a directory with a very long name."""
    world.data = os.path.join(world.folder.name, *["long" * 10] * 5)
    process = world.start(["--max-usd", "0.5", "--name", "demo"], "call", "part:1000", "say:ready",
                          "listen")
    expect_line(process, "first")
    expect_line(process, "ready")
    [name] = os.listdir(os.path.join(world.data, "runs"))
    folder = os.path.join(world.data, "runs", name)
    assert stat.S_IMODE(os.stat(os.path.join(folder, "run.sock")).st_mode) == 0o600
    status, answer = ask(folder)
    assert status == 200 and answer["run"] == name and answer["name"] == "demo", answer
    assert answer["pid"] == process.pid and answer["state"] == "active", answer
    assert answer["latched"] is None and answer["calls"] == 2, answer
    caps = {row["unit"]: row for row in answer["caps"]}
    assert caps["USD_MICROCENTS"]["limit"] == 50_000_000, caps
    assert caps["USD_MICROCENTS"]["spent"] > 0, caps
    assert caps["ITERATIONS"]["spent"] + caps["ITERATIONS"]["held"] == 2, caps
    assert ask(folder, "/other")[0] == 404 and ask(folder, method="DELETE")[0] == 405
    assert [row["state"] for row in world.runs()] == ["active"], world.runs()
    assert finish(process, "\n")[0] == 0
    assert not os.path.exists(os.path.join(folder, "run.sock"))
    assert [row["state"] for row in world.runs()] == ["ended"], world.runs()


def rebuilt(world):
    """The history can be thrown away: it is made again from the journals."""
    assert world.run(["--max-iterations", "2"], "until")[0] == 124
    assert world.run([], "call")[0] == 0
    before = world.runs()
    for name in os.listdir(world.data):
        if name.startswith("history.db"):
            os.unlink(os.path.join(world.data, name))
    assert world.runs() == before, (before, world.runs())


def unwritable_history(world):
    """A run goes on without its history, says so, and the next reader makes up for it."""
    os.makedirs(os.path.join(world.data, "history.db"))
    status, _, stderr = world.run([], "call")
    assert status == 0 and "history" in stderr, (status, stderr)
    os.rmdir(os.path.join(world.data, "history.db"))
    [row] = world.runs()
    assert row["calls"] == 1 and row["reason"] == "completed", row


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", "-C", folder, *words],
                   check=True, capture_output=True)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def changed_files(world):
    """Against a tree that was dirty before: only what the run did counts, commits included."""
    tree = os.path.join(world.folder.name, "tree")
    os.mkdir(tree)
    git(tree, "init", "-q")
    for name in ("kept", "changed", "deleted", "dirty", "committed"):
        write(tree, name, "1\n")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "one")
    write(tree, "dirty", "2\n")
    write(tree, "untracked", "2\n")
    script = "echo 3 >changed; rm deleted; echo 3 >new; echo 3 >committed; " \
             "git -c user.name=n -c user.email=e commit -q -m two committed"
    sub = os.path.join(tree, "sub")
    os.mkdir(sub)
    _, _, card, _ = world.card([], ["sh", "-c", f"read x; cd ..; {script}"], cwd=sub,
                               stdin=subprocess.DEVNULL)
    files = card["files"]
    assert (files["created"], files["changed"], files["deleted"]) == (1, 2, 1), files
    assert sorted(files["names"]) == ["changed", "committed", "deleted", "new"], files
    _, _, card, _ = world.card([], ["true"], cwd=tree)
    assert card["files"]["names"] == [], card
    _, _, card, _ = world.card([], ["true"], cwd=world.folder.name)
    assert "files" not in card, card


def metadata(world):
    """What is written down at the start: command, caps and where they came from."""
    assert world.run(["--max-usd", "2", "--name", "n"], ["sh", "-c", "exit 0", "a b"])[0] == 0
    [name] = os.listdir(os.path.join(world.data, "runs"))
    with open(os.path.join(world.data, "runs", name, "meta.json"), encoding="utf-8") as file:
        meta = json.load(file)
    assert meta["run"] == name and meta["name"] == "n" and meta["argv"][3] == "a b", meta
    assert meta["command"] == "sh -c 'exit 0' 'a b'" and meta["cwd"] == os.getcwd(), meta
    assert meta["caps"]["USD_MICROCENTS"] == {"amount": 200_000_000, "origin": "flag"}, meta
    assert meta["caps"]["TOKENS"]["origin"] == "default", meta


def long_command(world):
    """A command line of a hundred kilobytes is run as it is and written down in part."""
    status, stdout, _ = world.run([], ["sh", "-c", "echo ${#1}", "sh", "x" * 100_000])
    assert status == 0 and stdout == "100000\n", (status, stdout)
    assert world.runs()[0]["status"] == 0


def tests(world):
    yield "the data directory's precedence", precedence
    yield "what a run leaves is private", private
    yield "a memory file system is refused", memory_refused
    yield "four runs side by side", side_by_side
    yield "a live run answers", live
    yield "the history is rebuilt", rebuilt
    yield "a history that cannot be written", unwritable_history
    yield "files changed in a git tree", changed_files
    yield "metadata of the start", metadata
    yield "a very long command line", long_command
