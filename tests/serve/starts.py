# SPDX-License-Identifier: Apache-2.0
"""How the process begins: starts and their failures, the administrator's key, the quick start.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time

from ports import kept_port
from world import ADMIN, PATIENCE_S, Answer, UnixConnection, balance, patience, quick_start


# --- Starts ---------------------------------------------------------------------------------------

def a_start_makes_a_place(world):
    server = world.start()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url), server.first
    assert server.first == {"event": "listening", "addresses": [server.url],
                            "data_dir": world.data, "pid": server.process.pid}
    assert server.ask("GET", "/actuator/health/readiness").status == 200
    mode = stat.S_IMODE(os.stat(world.data).st_mode)
    assert mode == 0o700, oct(mode)
    for name in os.listdir(world.data):
        mode = stat.S_IMODE(os.stat(os.path.join(world.data, name)).st_mode)
        assert mode & 0o077 == 0, (name, oct(mode))
    assert pathlib.Path(world.data, "FORMAT").read_text(encoding="utf-8") == "pawl-server 1\n"
    server.signal(signal.SIGTERM)
    status, out, _ = server.wait()
    assert status == 0 and out == "", (status, out)
    assert not os.path.exists(os.path.join(world.data, "pawl.sock"))


def a_second_server_is_told_whose_it_is(world):
    server = world.start()
    status, err = world.fail()
    assert status == 1 and f"already: process {server.process.pid}" in err, err
    assert server.ask("GET", "/actuator/health").status == 200


def a_place_that_is_not_ours_is_left_alone(world):
    os.mkdir(world.data)
    pathlib.Path(world.data, "FORMAT").write_text("pawl 1\n", encoding="utf-8")
    status, err = world.fail()
    assert status == 4 and "is where runs are kept; a server wants" in err, err
    pathlib.Path(world.data, "FORMAT").write_text("pawl-server 9\n", encoding="utf-8")
    status, err = world.fail()
    assert status == 1 and "a newer pawl keeps its ledger there" in err, err
    assert os.listdir(world.data) == ["FORMAT"]


def a_ledger_is_its_users(world):
    """Root, who could open it, would leave files that its user's server cannot read."""
    if os.geteuid() != 0:
        return
    server = world.start()
    server.stop()
    for path in (pathlib.Path(world.data), *pathlib.Path(world.data).rglob("*")):
        os.chown(path, 65534, 65534)
    told = f"{world.data} is user 65534's, and this is user 0: start the server as that user"
    for options in ((), ("--check",)):
        status, err = world.fail(*options)
        assert status == 1 and told in err, (status, err)
    assert world.tell("verify", "--data-dir", world.data).returncode == 0
    for path in (pathlib.Path(world.data), *pathlib.Path(world.data).rglob("*")):
        assert path.stat().st_uid == 65534, path
    os.chmod(world.folder.name, 0o755)
    done = subprocess.run(world.command([]), capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=world.environment(), user=65533, group=65533,
                          extra_groups=[])
    assert done.returncode == 1 and "is user 65534's, and this is user 65533" in done.stderr, done


def an_address_that_is_taken_names_its_holder(world):
    server = world.start()
    port = server.url.rsplit(":", 1)[1]
    status, err = world.fail("--listen", f"127.0.0.1:{port}", listen=False,
                             data=world.path("other"))
    assert status == 1 and f"cannot listen on 127.0.0.1:{port}: " in err, err
    assert err.count("cannot listen") == 1, err


def an_address_that_is_named_twice_is_told(world):
    with kept_port() as port:
        for first, second in ((f"127.0.0.1:{port}", f"127.0.0.1:{port}"),
                              (f"0.0.0.0:{port}", f"127.0.0.1:{port}"),
                              ("unix:" + world.path("door"), "unix:" + world.path("door")),
                              ("127.0.0.1:0", f"unix:{world.data}/pawl.sock")):
            status, err = world.fail("--listen", first, "--listen", second, listen=False)
            told = f"cannot listen on {second.removeprefix('unix:')}: this server listens there"
            assert status == 1 and f"{told} already" in err, err
            assert "process" not in err, err
            assert not os.path.exists(world.path("door"))


def no_key_is_lost_to_a_taken_address(world):
    """A start that cannot listen has made none, so the next one makes and tells them."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, err = world.fail("--quickstart", "--listen",
                                 f"127.0.0.1:{taken.getsockname()[1]}", listen=False)
    assert status == 1 and "cannot listen on" in err, err
    server = world.start("--quickstart", env={"PAWL_ADMIN_KEY": ""})
    text = ""
    while "curl" not in text:
        line = server.line()
        assert line, text
        text += line
    admin = re.search(r"shown only now: (pawl_admin_\w+)\n", text).group(1)
    key = re.search(r"export CYCLES_API_KEY=(\S+)", text).group(1)
    assert introspect(server, admin) == 200
    assert balance(server, key)["allocated"]["amount"] == 1_000_000_000


def a_quick_start_that_fails_tells_the_administrators_key(world):
    """There is room for the tenant alone; the administrator's key was made before."""
    done = subprocess.run(world.command(["--quickstart", "--max-documents", "2"]),
                          capture_output=True, text=True, check=False, timeout=PATIENCE_S,
                          env=world.environment())
    assert done.returncode == 1 and "quickstart" in done.stderr, done
    admin = re.search(r"shown only now: (pawl_admin_\w+)\n", done.stdout).group(1)
    server = world.start("--max-documents", "9", env={"PAWL_ADMIN_KEY": ""})
    assert introspect(server, admin) == 200


def every_address_is_called_so(world):
    """And that keys can be read on the way is said once."""
    server = world.start("--listen", "0.0.0.0:0", "--listen", ":0", listen=False)
    assert all(re.fullmatch(r"http://0\.0\.0\.0:\d+", url) for url in server.addresses)
    assert len(server.addresses) == 2
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert err.count("without TLS") == 1, err
    server = world.start()
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert "without TLS" not in err, err


def a_refused_start_leaves_nothing(world):
    """Of what it made; what was there stays."""
    if not os.path.ismount("/dev/shm"):
        print("no /dev/shm: no file system to be refused")
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        for data in (memory + "/a/b", memory):
            status, err = world.fail(data=data, env={"PAWL_ALLOW_ANY_FS": ""})
            assert status == 1 and "is on tmpfs" in err, err
            assert os.listdir(memory) == [], os.listdir(memory)
        os.mkdir(memory + "/a")
        status, err = world.fail(data=memory + "/a/b", env={"PAWL_ALLOW_ANY_FS": ""})
        assert status == 1 and os.listdir(memory) == ["a"] and os.listdir(memory + "/a") == [], err


def a_failed_start_keeps_its_ledger(world):
    server = world.start()
    server.stop()
    before = sorted(os.listdir(world.data))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, err = world.fail("--listen", f"127.0.0.1:{taken.getsockname()[1]}", listen=False)
    assert status == 1 and "cannot listen on" in err, err
    assert sorted(os.listdir(world.data)) == before
    assert introspect(world.start(env={"PAWL_ADMIN_KEY": ""}), ADMIN) == 200


def damage_is_told_by_its_status(world):
    server = world.start()
    server.stop()
    segment = pathlib.Path(world.data, "journal/journal-000001.db")
    data = bytearray(segment.read_bytes())
    for at in range(100, len(data), 512):
        data[at] ^= 0x55
    segment.write_bytes(bytes(data))
    status, err = world.fail()
    assert status == 4 and "pawl verify" in err and "backup" in err, (status, err)


def a_directory_for_everybody_is_warned_of(world):
    for mode, warned in (0o777, True), (0o1777, False), (0o770, False):
        data = pathlib.Path(world.path(f"data-{mode:o}"))
        data.mkdir()
        data.chmod(mode)
        log = data.with_suffix(".log")
        server = world.start(f"--log-file={log}", data=str(data))
        server.stop()
        assert ("chmod 700" in log.read_text(encoding="utf-8")) == warned, mode


# --- Keys -----------------------------------------------------------------------------------------

def introspect(server, key):
    return server.ask("GET", "/v1/auth/introspect", admin=key).status


def a_key_is_made_and_shown_once(world):
    server = world.start(env={"PAWL_ADMIN_KEY": ""})
    key = re.search(r"shown only now: (pawl_admin_\w+)\n", server.line()).group(1)
    assert introspect(server, key) == 200
    assert introspect(server, key + "x") == 401
    server.signal(signal.SIGTERM)
    assert server.wait()[0] == 0
    again = world.start(env={"PAWL_ADMIN_KEY": ""})
    assert introspect(again, key) == 200
    again.signal(signal.SIGTERM)
    status, out, err = again.wait()
    assert status == 0 and out == "" and key not in err, out
    for path in pathlib.Path(world.data).rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path


def end_when_it_answers(world, process):
    """What a server says that listens at the socket "door" and tells nobody so."""
    world.started.append(process)
    with patience("an answer") as tick:
        while True:
            tick()
            with contextlib.suppress(OSError):
                connection = UnixConnection(world.path("door"))
                connection.request("GET", "/actuator/health")
                if Answer(connection.getresponse()).status == 200:
                    connection.close()
                    break
            time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=PATIENCE_S)


def closed_streams_are_no_files_of_the_ledger(world):
    """What would be said on stdout or stderr goes into no file that has their descriptor."""
    door = "unix:" + world.path("door")
    for i, closed in enumerate(("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")):
        data = world.path(f"data{i}")
        command = world.command(["--quickstart", "--listen", door], listen=False, data=data)
        process = subprocess.Popen(["bash", "-c", f'exec "$@" {closed}', "bash", *command],
                                   env=world.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = end_when_it_answers(world, process)
        assert process.returncode == 0, (closed, process.returncode, err)
        assert ("shown only now" in out) == (">&-" not in closed.replace("2>&-", "")), out
        for path in pathlib.Path(data).rglob("*"):
            if path.is_file():
                kept = path.read_bytes()
                assert b"pawl_admin_" not in kept and b"SIGTERM" not in kept, (closed, path)


def a_key_that_nobody_saw_is_told(world):
    with open("/dev/full", "wb") as full:
        command = world.command(["--quickstart", "--listen", "unix:" + world.path("door")],
                                listen=False)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=full,
                                   stderr=subprocess.PIPE, text=True, env=world.environment())
    _, err = end_when_it_answers(world, process)
    line = next(line for line in err.splitlines() if "stdout could not be written" in line)
    assert json.loads(line)["level"] == "error", line
    assert "administrator's key that was made is lost: start again with --admin-key-file" in line
    assert "'pawl key create' makes another" in line, line


def a_given_key_replaces_the_stored_one(world):
    file = pathlib.Path(world.path("key"))
    file.write_text("another-administrators-key\n", encoding="utf-8")
    file.chmod(0o600)
    server = world.start()
    assert introspect(server, ADMIN) == 200
    server.stop()
    server = world.start("--admin-key-file", str(file))
    assert introspect(server, "another-administrators-key") == 200
    assert introspect(server, ADMIN) == 401
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert "replaces the one that was stored" in err, err
    for text in ("two words are no key", "eleven-char"):
        file.write_text(text, encoding="utf-8")
        status, err = world.fail("--admin-key-file", str(file))
        assert status == 1 and "one word of 12 to 512 visible characters" in err, (text, err)
    file.write_text("twelve-chars", encoding="utf-8")
    server = world.start("--admin-key-file", str(file))
    assert introspect(server, "twelve-chars") == 200


# --- The quick start ------------------------------------------------------------------------------

def the_pasted_line_works(world):
    server, key = quick_start(world)
    line = next(line for line in server.quick.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=world.environment())
    answer = json.loads(done.stdout)
    assert answer["decision"] == "ALLOW" and answer["reserved"]["amount"] == 500_000, done
    row = balance(server, key)
    assert row["allocated"]["amount"] == 1_000_000_000 and row["reserved"]["amount"] == 500_000
    base = re.search(r"export CYCLES_BASE_URL=(\S+)", server.quick).group(1)
    assert base == server.url


def the_pasted_line_has_any_path(world):
    """What a shell makes something of is in the socket's."""
    os.mkdir(world.path("it's \"$HOME\" `here`"))
    door = world.path("it's \"$HOME\" `here`/a 'door'\\")
    server, _ = quick_start(world, "--listen", "unix:" + door, listen=False)
    line = next(line for line in server.quick.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=world.environment())
    assert done.returncode == 0 and json.loads(done.stdout)["decision"] == "ALLOW", (line, done)
    words = "; ".join(line for line in server.quick.splitlines() if "export" in line)
    done = subprocess.run(["bash", "-c", f'{words}; "$0" reservation create --usd 0.01',
                           world.pawl], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=world.environment())
    assert done.returncode == 0 and "holds $0.01" in done.stdout, (words, done)
    server.stop()


def a_second_quick_start_changes_nothing(world):
    server, key = quick_start(world)
    server.stop()
    server = world.start("--quickstart")
    assert "nothing was made" in server.line()
    assert balance(server, key)["allocated"]["amount"] == 1_000_000_000
    server.signal(signal.SIGTERM)
    status, out, _ = server.wait()
    assert status == 0 and "curl" not in out, out


TESTS = {
    "a start makes a place of its own": a_start_makes_a_place,
    "a second server is told whose the directory is": a_second_server_is_told_whose_it_is,
    "a directory that is not a server's is left alone": a_place_that_is_not_ours_is_left_alone,
    "an address that is taken is told": an_address_that_is_taken_names_its_holder,
    "an address that is named twice is told": an_address_that_is_named_twice_is_told,
    "no key is lost to an address that is taken": no_key_is_lost_to_a_taken_address,
    "a quick start that fails tells the administrator's key":
        a_quick_start_that_fails_tells_the_administrators_key,
    "every address is called so, and told without TLS": every_address_is_called_so,
    "a ledger is its user's": a_ledger_is_its_users,
    "a refused start leaves nothing": a_refused_start_leaves_nothing,
    "a failed start keeps its ledger": a_failed_start_keeps_its_ledger,
    "damage has an exit status of its own": damage_is_told_by_its_status,
    "a directory for everybody is warned of": a_directory_for_everybody_is_warned_of,
    "an administrator's key is made and shown once": a_key_is_made_and_shown_once,
    "closed streams are no files of the ledger": closed_streams_are_no_files_of_the_ledger,
    "a key that nobody saw is told": a_key_that_nobody_saw_is_told,
    "a key that is given replaces the stored one": a_given_key_replaces_the_stored_one,
    "the quick start's line works when it is pasted": the_pasted_line_works,
    "the quick start's line works for any path": the_pasted_line_has_any_path,
    "a second quick start changes nothing": a_second_quick_start_changes_nothing,
}
