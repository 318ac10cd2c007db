# SPDX-License-Identifier: Apache-2.0
"""What becomes of the ledger over restarts: backups and what they restore, verification of a server
at work, damage, closed tenants, leases that end, the archive made again.
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from governance import admin, make, usd
from world import ADMIN, balance, commit_body, patience, quick_start, reserve_body


def a_backup_of_a_server_at_work_restores(world):
    server, key = quick_start(world, "--checkpoint-every", "1000")
    kept = server.ask("POST", "/v1/reservations", reserve_body("kept", 700, ttl_ms=600_000),
                      key=key).json
    target = world.path("backup")
    done = world.tell("backup", target, "--data-dir", world.data)
    assert done.returncode == 0 and "the server goes on" in done.stdout, done
    head = re.search(r"^    (\d+:[0-9a-f]{64})$", done.stdout, re.M).group(1)
    assert done.stdout.startswith(f"{world.data}: "), done
    assert not [name for name in os.listdir(world.data) if name.startswith("copy-")]
    server.ask("POST", "/v1/reservations", reserve_body("later", 900), key=key)
    again = world.tell("backup", target, "--data-dir", world.data)
    assert again.returncode == 1 and "has a ledger already" in again.stderr, again
    done = world.tell("verify", "--data-dir", target)
    assert done.returncode == 0 and "server  ok: operations 1 to" in done.stdout, done
    assert head in done.stdout, (head, done)
    restored = world.start(data=target)
    assert balance(restored, key)["reserved"]["amount"] == 700
    path = f"/v1/reservations/{kept['reservation_id']}/commit"
    assert restored.ask("POST", path, commit_body("c", 600), key=key).status == 200
    assert balance(restored, key)["spent"]["amount"] == 600
    assert balance(server, key)["reserved"]["amount"] == 1600
    restored.stop()
    server.stop()
    done = world.tell("backup", world.path("cold"), "--data-dir", world.data)
    assert done.returncode == 0 and "goes on with it" in done.stdout, done
    for inside in ("", "/b", "/journal/x/y", "/../data/b"):
        done = world.tell("backup", f"{world.data}{inside}", "--data-dir", world.data)
        assert done.returncode == 1 and "the server's own directory" in done.stderr, done
    assert not os.path.exists(f"{world.data}/b")
    done = world.tell("verify", "--data-dir", world.path("cold"))
    assert done.returncode == 0, done
    done = world.tell("backup", world.path("none"), "--data-dir", world.path("nowhere"))
    assert done.returncode == 1 and "no server's ledger" in done.stderr, done


def the_ids_of_the_lost_time_are_unknown(world):
    """A restored ledger counts on from the copy: the same numbers again, and not the same ids."""
    def five(server, name):
        return [server.ask("POST", "/v1/reservations", reserve_body(f"{name}{i}", 100), key=key)
                .want(200)["reservation_id"] for i in range(5)]

    def commits(server, reservation):
        return server.ask("POST", f"/v1/reservations/{reservation}/commit",
                          commit_body(f"c-{reservation}", 7), key=key).status

    server, key = quick_start(world)
    kept, target, again = five(server, "kept"), world.path("b1"), world.path("b2")
    world.tell("backup", target, "--data-dir", world.data)
    shutil.copytree(target, again)
    lost = five(server, "lost")
    restored, other = world.start(data=target), world.start(data=again)
    new, others = five(restored, "new"), five(other, "others")
    numbers = [{one[:20] for one in some} for some in (lost, new, others)]
    assert set.intersection(*numbers), numbers
    assert [commits(restored, one) for one in lost + others] == [404] * 10
    assert commits(restored, kept[0]) == commits(restored, new[0]) == 200
    restored.stop()
    third = world.path("b3")
    world.tell("backup", third, "--data-dir", target)
    restored, third = world.start(data=target), world.start(data=third)
    assert commits(restored, kept[1]) == commits(restored, new[1]) == 200
    assert commits(third, kept[2]) == commits(third, new[2]) == 200
    assert commits(server, lost[0]) == 200, "the first ledger is what it was"
    restored.stop()
    pathlib.Path(target, "restored").write_text("1 2\nsalt\n", encoding="utf-8")
    status, err = world.fail(data=target)
    assert status == 4 and "restored: line 2 is not" in err, (status, err)


def cursors_of_the_lost_time_are_of_no_list(world):
    """A place in a list of before a restore may be another tenant's by then, or none."""
    def make_budgets(server, tenant):
        for i in range(5):
            admin(server, "POST", "/v1/admin/budgets",
                  {"tenant_id": tenant, "scope": f"tenant:{tenant}/agent:{tenant}{i}",
                   "unit": "USD_MICROCENTS", "allocated": usd(5)}, 201)

    def page(server, path, cursor="", **who):
        return server.ask("GET", f"{path}&limit=3{cursor and '&cursor=' + cursor}", **who)

    server, target = world.start(), world.path("copy")
    keys = {tenant: make(server, tenant) for tenant in ("acme", "other")}
    world.tell("backup", target, "--data-dir", world.data)
    make_budgets(server, "acme")
    lists = [("/v1/balances?tenant=acme", {"key": keys["acme"]}),
             ("/v1/balances?unit=USD_MICROCENTS", {"key": keys["acme"]}),
             ("/v1/admin/budgets?unit=USD_MICROCENTS", {"key": keys["acme"]}),
             ("/v1/admin/budgets?tenant_id=acme", {"admin": ADMIN})]
    cursors = [page(server, path, **who).want(200)["next_cursor"] for path, who in lists]
    server.stop()
    restored = world.start(data=target)
    for tenant in ("", "other", "acme"):
        if tenant:
            make_budgets(restored, tenant)
        for (path, who), cursor in zip(lists, cursors):
            page(restored, path, cursor, **who).want(400)
    again = [page(restored, path, **who).want(200)["next_cursor"] for path, who in lists]
    restored.stop()
    restored = world.start(data=target)
    for (path, who), cursor in zip(lists, again):
        page(restored, path, cursor, **who).want(200)
    restored.stop()


def a_backup_leaves_the_journal_its_servers(world):
    """SQLite's lock keeps others out of the segment that is written: whoever opened it, if only to
    look, would take its log for one that a crash left, and remove it with what was acknowledged."""
    server, key = quick_start(world)
    segment = world.path("data/journal/journal-000001.db")

    def is_held():
        looker = sqlite3.connect(segment, timeout=0)
        try:
            looker.execute("SELECT count(*) FROM batch").fetchall()
        except sqlite3.OperationalError as refusal:
            return "locked" in str(refusal)
        finally:
            looker.close()
        return False

    assert is_held()
    for name in ("a", "b"):
        assert world.tell("backup", world.path(name), "--data-dir", world.data).returncode == 0
        assert is_held()
    server.ask("POST", "/v1/reservations", reserve_body("a", 700), key=key).want(200)
    server.process.kill()
    server.process.wait()
    assert balance(world.start(), key)["reserved"]["amount"] == 700


def a_backup_keeps_no_segment_on_the_disk(world):
    """What is open of a file that is removed keeps its space."""
    server, key = quick_start(world, "--segment-bytes", "1M")
    held = f"/proc/{server.process.pid}/fd"

    def segments():
        found = (os.readlink(f"{held}/{fd}") for fd in os.listdir(held))
        return sorted(path[-10:] for path in found if path.endswith((".db", " (deleted)")))

    before = segments()
    assert world.tell("backup", world.path("copy"), "--data-dir", world.data).returncode == 0
    assert len(segments()) == len(before) + 1
    connection = server.connect()
    number = 0
    while not os.path.exists(world.path("data/journal/journal-000002.db")):
        number += 1
        server.ask("POST", "/v1/decide", {
            **reserve_body(f"k{number}"), "metadata": {"a": "x" * 14_000},
        }, key=key, connection=connection).want(200)
    assert segments() == [path.replace("01.db", "02.db") for path in before], segments()


def a_journal_that_is_gone_is_told(world):
    """Another ledger in its place would have no key, no budget and nothing that was spent."""
    server, _ = quick_start(world)
    server.stop()
    journal = pathlib.Path(world.data, "journal")
    kept = journal.rename(world.path("kept"))
    for there in (False, True):
        if there:
            journal.mkdir()
        status, err = world.fail("--quickstart")
        assert status == 4 and "no journal: the ledger is gone" in err, (status, err)
        assert "a backup goes in its place" in err and not list(journal.glob("*.db")), err
        shutil.rmtree(journal)
    kept.rename(journal)
    world.start()


def a_data_directory_may_be_a_link(world):
    """As systemd makes one for a unit with DynamicUser and StateDirectory."""
    os.symlink("data", world.path("link"))
    os.mkdir(world.data, 0o700)
    server, _ = quick_start(world, data=world.path("link"))
    done = world.tell("verify", "--data-dir", world.path("link"))
    assert done.returncode == 0, done
    done = world.tell("backup", world.path("copy"), "--data-dir", world.path("link"))
    assert done.returncode == 0, done
    assert not [name for name in os.listdir(world.data) if name.startswith("copy-")]
    os.mkdir(world.path("data/copy-1-1"))
    server.stop()
    world.start(data=world.path("link"))
    assert not os.path.exists(world.path("data/copy-1-1"))


def half_a_backup_passes_for_none(world):
    """It was killed, by the signal of a limit on the size of files, in the middle of a segment."""
    server, _ = quick_start(world)
    to = world.path("b1")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run([world.pawl, "backup", "--data-dir", world.data, to], check=False,
                          capture_output=True, env=world.environment(), preexec_fn=limit)
    assert done.returncode == -signal.SIGXFSZ and os.listdir(f"{to}/journal"), done
    server.stop()
    status, err = world.fail(data=to)
    assert status == 4 and "has half a backup" in err, (status, err)
    for words in (("verify", "--data-dir", to), ("backup", "--data-dir", to, world.path("b2")),
                  ("backup", "--data-dir", world.data, to)):
        done = world.tell(*words)
        assert done.returncode == 1 and "has half a backup" in done.stderr, (words, done)
    shutil.rmtree(to)
    assert world.tell("backup", "--data-dir", world.data, to).returncode == 0
    assert world.tell("verify", "--data-dir", to).returncode == 0


def what_a_newer_pawl_wrote_is_neither_proved_nor_copied(world):
    server, _ = quick_start(world)
    server.stop()
    pathlib.Path(world.data, "FORMAT").write_text("pawl-server 2\n", encoding="utf-8")
    for words in (("verify",), ("backup", world.path("b"))):
        done = world.tell(*words, "--data-dir", world.data)
        assert done.returncode == 1 and "a newer pawl keeps its ledger" in done.stderr, done
    assert not os.path.exists(world.path("b"))


def a_verification_tells_how_far_it_is_at_times(world):
    """On a terminal; a line for each of thousands of commits a second is what nobody reads."""
    server, key = quick_start(world)
    for index in range(300):
        server.ask("POST", "/v1/reservations", reserve_body(f"k{index}"), key=key).want(200)
    server.stop()
    ours, its = os.openpty()
    begun = time.monotonic()
    done = subprocess.run([world.pawl, "verify", "--data-dir", world.data], check=True,
                          stdout=subprocess.PIPE, stderr=its, env=world.environment())
    lines_max = 5 * (time.monotonic() - begun)
    os.close(its)
    said = b""
    with contextlib.suppress(OSError):  # the terminal's other end is gone
        while more := os.read(ours, 65536):
            said += more
    os.close(ours)
    assert b"in 30" in done.stdout and said.count(b" operations") <= lines_max, said


def a_backup_may_lie_on_any_file_system(world):
    """Network and memory file systems are refused to a server, and good for copies."""
    strict = {"PAWL_ALLOW_ANY_FS": ""}
    server, key = quick_start(world)
    server.ask("POST", "/v1/reservations", reserve_body("a"), key=key).want(200)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="pawl-backup-") as folder:
        to = os.path.join(folder, "copy")
        done = world.tell("backup", "--data-dir", world.data, to, env=strict)
        assert done.returncode == 0 and "proves that it is whole" in done.stdout, done
        head = re.search(r"\d+:[0-9a-f]{64}", done.stdout).group()
        done = world.tell("verify", "--data-dir", to, "--expect", head, env=strict)
        assert done.returncode == 0 and head in done.stdout, done
        status, err = world.fail(data=to, env=strict)
        assert status == 1 and "choose another data directory" in err, (status, err)


def a_backup_that_cannot_be_written_is_proved(world):
    """As on a snapshot, or read by another user: with a log beside the journal and without."""
    server, key = quick_start(world)
    server.ask("POST", "/v1/reservations", reserve_body("a"), key=key).want(200)
    live, cold = world.path("live"), world.path("cold")
    assert world.tell("backup", "--data-dir", world.data, live).returncode == 0
    server.stop()
    assert world.tell("backup", "--data-dir", world.data, cold).returncode == 0
    os.chmod(world.folder.name, 0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for folder in (live, cold):
        for path in (*pathlib.Path(folder).rglob("*"), pathlib.Path(folder)):
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert os.path.exists(f"{folder}/journal/journal-000001.db-wal") == (folder == live)
        done = subprocess.run([world.pawl, "verify", "--data-dir", folder], capture_output=True,
                              text=True, check=False, timeout=60, env=world.environment(), **nobody)
        assert done.returncode == 0 and "server  ok: operations 1 to" in done.stdout, done
        for path in (pathlib.Path(folder), *pathlib.Path(folder).rglob("*")):
            path.chmod(0o700)


def verify_sees_live_and_stopped_and_damage(world):
    server, key = quick_start(world)
    server.ask("POST", "/v1/reservations", reserve_body("a"), key=key)
    done = world.tell("verify", "--data-dir", world.data)
    assert done.returncode == 0 and "as of now; the server goes on" in done.stdout, done
    live = re.search(r"\d+:[0-9a-f]{64}", done.stdout).group(0)
    server.ask("POST", "/v1/reservations", reserve_body("b"), key=key)
    server.stop()
    done = world.tell("verify", "--data-dir", world.data, "--expect", live)
    assert done.returncode == 0, done
    ahead = f"999999:{live.split(':')[1]}"
    done = world.tell("verify", "--data-dir", world.data, "--expect", ahead)
    assert done.returncode == 4 and re.search(
        r"ends at operation \d+, before operation 999999", done.stderr), done
    wrong = live[:-1] + ("0" if live[-1] != "0" else "1")
    done = world.tell("verify", "--data-dir", world.data, "--expect", wrong)
    assert done.returncode == 4, done
    segment = pathlib.Path(world.data, "journal/journal-000001.db")
    data = bytearray(segment.read_bytes())
    place = data.find(b"quickstart")
    data[place] ^= 1
    segment.write_bytes(bytes(data))
    done = world.tell("verify", "--data-dir", world.data)
    assert done.returncode == 4, done


def the_default_place_is_found_by_all(world):
    """Without a word `pawl serve` and the commands beside it mean the same directory."""
    env = {"PAWL_DATA_DIR": world.path("state")}
    where = world.path("state/server")
    server = world.start(data=where)
    done = world.tell("tenant", "list", "--json", env=env)
    assert done.returncode == 0, done
    done = world.tell("verify", env=env)
    assert done.returncode == 0 and "server  ok" in done.stdout, done
    done = world.tell("backup", world.path("b"), env=env)
    assert done.returncode == 0, done
    server.stop()


def the_variable_of_the_server_is_obeyed(world):
    """$PAWL_SERVE_DATA_DIR moves a server, and backup and verify follow it, with no run there."""
    server, _ = quick_start(world)
    env = {"PAWL_DATA_DIR": world.path("state"), "PAWL_SERVE_DATA_DIR": world.data}
    for words in (["verify"], ["verify", "server"]):
        done = world.tell(*words, env=env)
        assert done.returncode == 0 and "server  ok" in done.stdout, done
    done = world.tell("backup", world.path("b"), "--json", env=env)
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    assert told["from"] == world.data and told["live"], told
    head = f"{told['last_op']}:{told['hash']}"
    done = world.tell("verify", "--data-dir", told["backup"], "--expect", head)
    assert done.returncode == 0 and head in done.stdout, done
    done = world.tell("verify", "server", "--data-dir", world.path("state"))
    assert done.returncode == 1 and "no server's ledger in" in done.stderr, done
    server.stop()


def a_closed_tenant_gives_back_what_it_holds(world):
    server, key = quick_start(world)
    for i in range(30):
        answer = server.ask("POST", "/v1/reservations",
                            reserve_body(f"k{i}", 100, ttl_ms=3_600_000), key=key)
        assert answer.status == 200, answer
    answer = server.ask("PATCH", "/v1/admin/tenants/quickstart", {"status": "CLOSED"}, admin=ADMIN)
    assert answer.status == 200, answer
    with patience("the drain") as tick:
        while 'pawl_ledger_rows{table="reservations"} 0\n' not in server.ask(
                "GET", "/metrics").text:
            tick()
    server.stop()
    done = world.tell("verify", "--data-dir", world.data)
    assert done.returncode == 0, done


def leases_end_by_themselves(world):
    server, key = quick_start(world)
    body = reserve_body("short", 100, ttl_ms=1000, grace_period_ms=0)
    assert server.ask("POST", "/v1/reservations", body, key=key).status == 200
    with patience("the end of the lease") as tick:
        while balance(server, key)["reserved"]["amount"] > 0:
            tick()


def the_archive_is_made_again(world):
    log = world.path("log")
    server, key = quick_start(world, f"--log-file={log}")
    ids = [server.ask("POST", "/v1/reservations", reserve_body(f"k{i}", 100), key=key)
           .json["reservation_id"] for i in range(20)]
    server.stop()
    for file in pathlib.Path(world.data).glob("archive.db*"):
        file.write_bytes(b"no database" * 1000)
    server = world.start(f"--log-file={log}")
    answer = server.ask("GET", "/v1/reservations?tenant=quickstart&limit=50", key=key)
    assert answer.status == 200, answer
    assert sorted(row["reservation_id"] for row in answer.json["reservations"]) == sorted(ids)
    server.stop()
    said = pathlib.Path(log).read_text(encoding="utf-8")
    assert "made again from the journal" in said and "archive.db.aside" in said, said


def broken(server):
    return server.ask("GET", "/metrics").text.split("\npawl_archive_broken ")[1][0]


def an_archive_that_cannot_be_read_is_told_and_mended(world):
    """A file of it is lost while the server works and before anybody has listed."""
    for number, (file, lose) in enumerate((("archive.db-wal", os.unlink), ("archive.db", os.unlink),
                                           ("archive.db", lambda path: os.truncate(path, 0)))):
        log, data = world.path(f"log{number}"), world.path(f"data{number}")
        server, key = quick_start(world, f"--log-file={log}", data=data)
        made = server.ask("POST", "/v1/reservations", reserve_body("a", 100), key=key)
        with patience("the archive") as tick:
            while "\npawl_archive_lag_operations 0" not in server.ask("GET", "/metrics").text:
                tick()
        lose(os.path.join(data, file))
        answer = server.ask("GET", "/v1/reservations", key=key)
        assert answer.status == 503 and broken(server) == "1", (file, answer)
        with patience("the archive, again") as tick:
            while broken(server) == "1":  # nobody lists meanwhile
                tick()
        rows = server.ask("GET", "/v1/reservations", key=key).want(200)["reservations"]
        assert [row["reservation_id"] for row in rows] == [made.json["reservation_id"]], rows
        server.stop()
        said = pathlib.Path(log).read_text(encoding="utf-8")
        assert said.count("until it can be read, no list is answered") == 1, said
        assert said.count("can be read again") == 1, said


def a_directory_can_be_moved(world):
    server, key = quick_start(world)
    server.ask("POST", "/v1/reservations", reserve_body("a", 100, ttl_ms=600_000), key=key)
    server.stop()
    shutil.move(world.data, world.path("moved"))
    server = world.start(data=world.path("moved"))
    assert balance(server, key)["reserved"]["amount"] == 100
    server.stop()


def a_directory_may_be_said_from_the_root(world):
    """As in a container, where the working directory is /: with a name that is relative to it, or
    with $PWD before it, which makes two slashes."""
    root = {"cwd": "/", "data": world.data[1:]}
    server, key = quick_start(world, "--segment-bytes", "1M")
    server.stop()
    server, number = world.start("--segment-bytes", "1M", **root), 0
    connection = server.connect()
    while not os.path.exists(world.path("data/journal/journal-000002.db")):
        number += 1
        body = reserve_body(f"k{number}", 1, ttl_ms=600_000, metadata={"text": "x" * 12_000})
        server.ask("POST", "/v1/reservations", body, key=key, connection=connection).want(200)
    server.stop()
    server = world.start(**root)
    assert balance(server, key)["reserved"]["amount"] == number
    for at, words in enumerate((("verify",), ("backup", world.path("b")))):
        for stopped in (False, True):
            if stopped:
                server.stop()
            done = world.tell(*words[:1], *(f"{word}{stopped}" for word in words[1:]),
                              "--data-dir", f"/{world.data}")
            assert done.returncode == 0, done
        server = world.start(data=f"/{world.data}") if at == 0 else server


TESTS = {
    "the variable of the server is obeyed": the_variable_of_the_server_is_obeyed,
    "a backup of a server at work restores": a_backup_of_a_server_at_work_restores,
    "the ids of the lost time are unknown": the_ids_of_the_lost_time_are_unknown,
    "cursors of the lost time are of no list": cursors_of_the_lost_time_are_of_no_list,
    "a backup leaves the journal its server's": a_backup_leaves_the_journal_its_servers,
    "a backup keeps no segment on the disk": a_backup_keeps_no_segment_on_the_disk,
    "a journal that is gone is told": a_journal_that_is_gone_is_told,
    "a data directory may be a link": a_data_directory_may_be_a_link,
    "a backup may lie on any file system": a_backup_may_lie_on_any_file_system,
    "half a backup passes for none": half_a_backup_passes_for_none,
    "what a newer pawl wrote is neither proved nor copied":
        what_a_newer_pawl_wrote_is_neither_proved_nor_copied,
    "a verification tells how far it is at times": a_verification_tells_how_far_it_is_at_times,
    "a backup that cannot be written is proved": a_backup_that_cannot_be_written_is_proved,
    "verify sees a live ledger, a stopped one, and damage": verify_sees_live_and_stopped_and_damage,
    "the default place is found by all commands": the_default_place_is_found_by_all,
    "a closed tenant gives back what it holds": a_closed_tenant_gives_back_what_it_holds,
    "leases end by themselves": leases_end_by_themselves,
    "the archive is made again": the_archive_is_made_again,
    "an archive that cannot be read is told and mended":
        an_archive_that_cannot_be_read_is_told_and_mended,
    "a directory can be moved": a_directory_can_be_moved,
    "a directory may be said from the root": a_directory_may_be_said_from_the_root,
}
