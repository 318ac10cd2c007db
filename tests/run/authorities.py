# SPDX-License-Identifier: Apache-2.0
"""The process that holds limits across runs: started once, killed, hanging, of another version,
ahead of the clock, and gone when nobody needs it.
"""
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

from shared import USD, authority_pid, end_authority, limits, spent_by_runs, stand
from world import PATIENCE_S, expect_line, finish


def many_at_once(world):
    """Eight who all find nobody there start one authority between them."""
    world.provider.control(default={"reply_tokens": 20})
    with limits(world, ["--usd", "1", "--per", "day"]):
        end_authority(world)
        runs = [world.start(["--max-usd", "0.1"], "call", "say:done", "listen") for _ in range(8)]
        for run in runs:
            expect_line(run, "done")
        pid = authority_pid(world)
        ends = [finish(run, "end\n") for run in runs]
        assert [end[0] for end in ends] == [0] * 8, ends
        assert authority_pid(world) == pid
        assert stand(world)["spent"] == world.bill() == spent_by_runs(world)
        log = pathlib.Path(world.data, "authority/log").read_text(encoding="utf-8")
        assert log == "", log


def authority_dies(world):
    """kill -9 of the authority between and during calls: the runs go on, nothing is lost, and the
    limit holds."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        runs = [world.start(["--max-usd", "5"], "until") for _ in range(2)]
        kills = 0
        for calls in range(4, 40, 4):
            world.provider.request(f"/wait?calls={calls}")
            kills += end_authority(world, signal.SIGKILL)
        ends = [finish(run) for run in runs]
        assert [end[0] for end in ends] == [124, 124], ends
        assert kills >= 3, kills
        assert spent_by_runs(world) == world.bill() == stand(world)["spent"], stand(world)
        assert USD * 3 // 10 * 97 // 100 <= world.bill() <= USD * 3 // 10, world.bill()


def no_authority_at_the_end(world):
    """A run that cannot give back is settled by the next reader."""
    with limits(world, ["--usd", "0.3", "--per", "day"]):
        run = world.start(["--max-usd", "0.2"], "call", "say:done", "listen")
        expect_line(run, "done")
        lock = pathlib.Path(world.data, "authority/lock")
        end_authority(world, signal.SIGKILL)
        lock.rename(lock.with_name("away"))
        lock.mkdir()
        status, _, stderr = finish(run, "end\n")
        assert status == 0 and "not given back yet" in stderr, stderr
        # Nothing starts as long as nobody can say what the limits allow.
        status, stdout, stderr = world.run([], "say:started")
        assert status == 125 and stdout == "" and "limits are set for this run" in stderr, stderr
        lock.rmdir()
        lock.with_name("away").rename(lock)
        assert spent_by_runs(world) == world.bill()
        row = stand(world)
        assert row["held"] == 0 and row["spent"] == world.bill(), row


def nobody_is_started(world):
    """Without limits there is no authority, and nothing of it on disk."""
    status, _, _, _ = world.card([], "call")
    assert status == 0
    assert not pathlib.Path(world.data, "authority").exists()
    done = world.tell("limit")
    assert done.returncode == 0 and "no limits" in done.stdout
    assert not pathlib.Path(world.data, "authority").exists()


def not_to_be_seen(world):
    """Who cannot look whether there are limits does not take it that there are none, and is told
    what is in the way."""
    authority = pathlib.Path(world.data, "authority")

    def expect_failure(words):
        done = world.tell("limit")
        status, _, stderr = world.run([], ["true"])
        assert (done.returncode, status) == (3, 125), (done, stderr)
        for text in (done.stderr, stderr):
            assert "the authority did not start: " in text and words in text, (done, stderr)

    with limits(world, ["--usd", "0.5", "--per", "day"]):
        end_authority(world)
        sock = authority / "authority.sock"
        sock.write_text("", encoding="utf-8")  # it went with the authority
        expect_failure(f"{sock} is no socket")
        sock.unlink()
        authority.rename(authority.with_name("away"))
        authority.symlink_to("authority")
        expect_failure("/lock: ")
        authority.unlink()
        authority.with_name("away").rename(authority)
        assert stand(world)["spent"] == 0


def hangs(world):
    """An authority that is there and hears nothing is told of, with what to do about it, and nobody
    waits for it for ever, also where as many wait as can."""
    with limits(world, ["--usd", "0.5", "--per", "day"]), contextlib.ExitStack() as stack:
        pid = authority_pid(world)
        process = stack.enter_context(os.fdopen(os.pidfd_open(pid)))
        signal.pidfd_send_signal(process.fileno(), signal.SIGSTOP)
        folder = os.open(os.path.join(world.data, "authority"), os.O_RDONLY)
        stack.callback(os.close, folder)
        with contextlib.suppress(BlockingIOError):
            while True:
                peer = stack.enter_context(socket.socket(socket.AF_UNIX))
                peer.setblocking(False)
                peer.connect(f"/proc/self/fd/{folder}/authority.sock")
        run = world.start([], "say:started")
        offered = subprocess.run([world.pawl, "complete", "--", "limit", "remove",
                                  "--data-dir", world.data, ""], capture_output=True, text=True,
                                 check=False, timeout=PATIENCE_S)
        assert offered.returncode == 0 and offered.stderr == "", offered
        assert run.poll() is None, "behind a Tab nobody waits as long as a run does"
        done = world.tell("limit")
        status, stdout, stderr = finish(run)
        assert (done.returncode, status, stdout) == (3, 125, ""), (done, status, stderr)
        for text in (done.stderr, stderr):
            assert f"process {pid}, does not answer" in text and f"kill -9 {pid}" in text, text
        signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)  # as it says
        assert stand(world)["limit"] == USD // 2


def verified_alive(world):
    """Its ledger is verified while it lends, from a copy that is gone afterwards."""
    world.provider.control(default={"reply_tokens": 150})
    with limits(world, ["--usd", "0.2", "--per", "day"]):
        run = world.start(["--max-usd", "5"], "until", "say:end")
        ops = []
        for calls in (2, 6, 10):
            world.provider.request(f"/wait?calls={calls}")
            done = world.tell("verify", "authority", "--json")
            row = json.loads(done.stdout)
            assert done.returncode == 0 and row["ok"] and row["results_compared"], done
            ops.append(row["last_op"])
            anchor = f"{row['last_op']}:{row['hash']}"
        assert ops == sorted(ops) and ops[0] < ops[-1], ops
        assert finish(run)[0] == 124
        done = world.tell("verify", "authority", "--expect", anchor)
        assert done.returncode == 0, done
        done = world.tell("verify")
        assert done.returncode == 0 and "2 verified, 0 running" in done.stdout, done
        left = [path.name for path in pathlib.Path(world.data, "authority").glob("copy-*")]
        assert left == [], left
        # What a verify that was killed left behind goes with the next authority.
        left = pathlib.Path(world.data, "authority/copy-1-1")
        left.mkdir()
        (left / "journal.lock").touch()
        end_authority(world)
        assert stand(world)["held"] == 0
        assert not left.exists()


def ask(world, path):
    """What the authority says, as it says it."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.path.join(world.data, "authority/authority.sock"))
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return json.loads(peer.makefile("rb").read().partition(b"\r\n\r\n")[2])


@contextlib.contextmanager
def made_up(world, status, body, times=1):
    """Something that answers so in the place of an authority."""
    def answer():
        for _ in range(times):
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as lines:
                while lines.readline() not in (b"\r\n", b""):
                    pass
                peer.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
                             f"{body}".encode())

    path = os.path.join(world.data, "authority/authority.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        server = threading.Thread(target=answer)
        server.start()
        yield
        server.join()
    os.unlink(path)


def clock_was_ahead(world):
    """A ledger that was written while the clock stood ahead ends its windows too late: `pawl limit`
    says so, and what to do."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        now_ms = int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)
        told = ask(world, "/v1/x-pawl/limits")
        assert abs(told["now_ms"] - now_ms) < PATIENCE_S * 1000 and len(told["limits"]) == 1, told
        assert world.tell("limit").stderr == ""
        end_authority(world)
        told["now_ms"] += 400 * 86400 * 1000
        with made_up(world, 200, json.dumps(told)):
            done = world.tell("limit")
        assert done.returncode == 0 and "usd-per-day" in done.stdout, done
        assert "ahead of this machine's clock" in done.stderr and "mv " in done.stderr, done
        assert re.search(r"ledger is (400d|399d 23h) ", done.stderr), done.stderr


def other_version(world):
    """Answers that this pawl cannot read are told as what they are, and nothing starts."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        assert "'kill -9 " in ask(world, "/v1/x-pawl/loans")["message"]
        end_authority(world)
        for status, body in ((200, "{}"), (200, "hello"), (500, "")):
            with made_up(world, status, body, times=3):
                changed = world.tell("limit", "--usd", "1", "--per", "day")
                done = world.tell("limit")
                started, stdout, stderr = world.run([], "say:started")
            assert (changed.returncode, done.returncode, started) == (3, 3, 125), (done, stderr)
            for text in (changed.stderr, done.stderr, stderr):
                assert "is of another version of pawl; ending that process" in text, text
            assert stdout == ""
        assert stand(world)["limit"] == USD // 2


def idle(world):
    """It goes by itself when nobody has asked for a while, and its ledger is sound then."""
    with limits(world, ["--usd", "0.5", "--per", "day"]):
        end_authority(world)
        done = world.tell("authority", "--idle", "200ms")
        assert done.returncode == 0 and done.stderr == "", done
        done = world.tell("verify", "authority")
        last = re.match(r"authority  ok: operations 1 to (\d+) ", done.stdout)
        assert done.returncode == 0 and last, done
        journal = os.path.join(world.data, "authority", "journal")
        assert f"checkpoint-{int(last.group(1)):018}.pawl" in os.listdir(journal), done
        assert stand(world)["limit"] == USD // 2
        second = world.tell("authority")
        assert second.returncode == 1 and "is running" in second.stderr, second


def tests(_world):
    return (
        ("eight runs at once start one authority", many_at_once),
        ("the authority is killed again and again", authority_dies),
        ("a run ends and the authority cannot be had", no_authority_at_the_end),
        ("without limits nobody is started", nobody_is_started),
        ("limits that cannot be seen", not_to_be_seen),
        ("an authority that hangs", hangs),
        ("its ledger is verified while it works", verified_alive),
        ("a clock that was ahead", clock_was_ahead),
        ("an authority of another version", other_version),
        ("an idle authority ends", idle),
    )
