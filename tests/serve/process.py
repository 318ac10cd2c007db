# SPDX-License-Identifier: Apache-2.0
"""How the process lives and ends: signals, ends under load, kills, and what the service manager
hears. How it begins: starts.py.
"""
import contextlib
import http.client
import itertools
import json
import os
import resource
import signal
import socket
import threading
import time

from sleeps import Machine
from world import ADMIN, PATIENCE_S, balance, patience, quick_start, reserve_body

LOADERS = 4
# With so many, batches are written by the thread with --commit auto, and with few left in the loop.
MANY_LOADERS = 24


# --- Ends -----------------------------------------------------------------------------------------

class Load:
    """Threads that reserve as fast as they can, and know what was acknowledged."""

    def __init__(self, server, key, name, loaders=LOADERS):
        self.acknowledged, self.sent, self.broken = {}, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(server, key, f"{name}-{i}"))
                        for i in range(loaders)]
        for thread in self.threads:
            thread.start()

    def run(self, server, key, name):
        count = 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = server.connect()
            while True:
                count += 1
                word = f"{name}-{count}"
                with self.lock:
                    self.sent += 1
                answer = server.ask("POST", "/v1/reservations",
                                    reserve_body(word, 10, ttl_ms=3_600_000), key=key,
                                    connection=connection)
                with self.lock:
                    if answer.status == 200:
                        self.acknowledged[word] = answer.json["reservation_id"]
                    else:
                        self.broken.append(answer)
                if answer.headers.get("connection") == "close":
                    return

    def await_some(self, count):
        with patience("load") as tick:
            while len(self.acknowledged) < count:
                tick()
                time.sleep(0.005)  # lets the threads run; what is waited for is the count

    def join(self):
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert not self.broken, self.broken[:3]


def compare(server, key, loads):
    """All that was acknowledged is there, and nothing that was not sent; repeats say the same."""
    acknowledged = sum(len(load.acknowledged) for load in loads)
    sent = sum(load.sent for load in loads)
    held = balance(server, key)["reserved"]["amount"] // 10
    assert acknowledged <= held <= sent, (acknowledged, held, sent)
    connection = server.connect()
    for load in loads:
        for word, reservation in list(load.acknowledged.items())[-25:]:
            answer = server.ask("POST", "/v1/reservations",
                                reserve_body(word, 10, ttl_ms=3_600_000), key=key,
                                connection=connection)
            assert answer.status == 200 and answer.json["reservation_id"] == reservation, answer
    assert balance(server, key)["reserved"]["amount"] // 10 == held


def sigterm_under_load_answers_what_is_open(world):
    server, key = quick_start(world)
    load = Load(server, key, "drain")
    load.await_some(200)
    server.signal(signal.SIGTERM)
    load.join()
    status, _, err = server.wait()
    assert status == 0 and "SIGTERM: ending" in err and "the ledger is closed" in err, err
    again = world.start()
    # Whoever was answered was answered whole; what was sent and not read is a client's each.
    compare(again, key, [load])


def half_a_request(server):
    """A request whose body does not come."""
    port = int(server.url.rsplit(":", 1)[1])
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    client.sendall(b"POST /v1/reservations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    with patience("the connection") as tick:
        while "\npawl_connections 2\n" not in server.ask("GET", "/metrics").text:
            tick()
    return client


def descriptors_go_to_the_ledger_first(world):
    """Whoever only connects, without a key, takes nothing of what the journal needs; a start that
    has not even that says so."""
    def few(count):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    server, key = quick_start(world, "--log-requests", "none", preexec_fn=few(272))
    crowd = [socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
             for _ in range(300)]
    # So many come in, further ones wait or are told; the witness is due within a second.
    with patience("the witness") as tick:
        while not os.path.exists(f"{world.data}/journal/witness"):
            assert server.process.poll() is None, server.wait()
            tick()
    for one in crowd[:250]:
        one.close()
    with patience("room for one that asks") as tick:
        while server.ask("POST", "/v1/reservations", reserve_body("k", 10), key=key).status != 200:
            tick()
    text = server.ask("GET", "/metrics").text
    assert "\npawl_connections_max 128\n" in text, text
    server.signal(signal.SIGTERM)
    for one in crowd[250:]:
        one.close()
    status, _, err = server.wait()
    assert status == 0 and "at most 128 connections at once" in err, err
    status, err = world.fail(preexec_fn=few(100))
    assert status == 1 and "file descriptors are allowed" in err, (status, err)


def an_end_waits_only_so_long(world):
    server = world.start("--drain-timeout", "300ms")
    client = half_a_request(server)
    server.signal(signal.SIGTERM)
    status, _, err = server.wait()
    assert status == 0 and ": ending; 1 requests are open" in err, err
    assert "\"1 requests are cut: they took longer than drain-timeout" in err, err
    client.close()


def a_second_signal_ends_at_once(world):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = world.start()
        client = half_a_request(server)
        server.signal(number)
        line = ""
        while ": ending; " not in line:
            line = server.process.stderr.readline()
            assert line, "it was not told"
        server.signal(number)
        status, _, err = server.wait()
        assert status == 0 and "again: ending at once" in err, err
        client.close()


def signals_at_every_moment_of_an_end_leave_its_status(world):
    """The process is told again and again until it is gone."""
    for _ in range(5):
        server = world.start()
        server.signal(signal.SIGTERM)
        numbers = itertools.cycle((signal.SIGHUP, signal.SIGTERM, signal.SIGINT))
        with patience("the end") as tick:
            while server.process.poll() is None:
                server.signal(next(numbers))
                tick()
        status = server.wait()[0]  # of its lines some are lost: nobody reads them so fast
        assert status == 0, status


def newest_checkpoint(world):
    names = sorted(name for name in os.listdir(f"{world.data}/journal")
                   if name.startswith("checkpoint-"))
    return int(names[-1][len("checkpoint-"):-len(".pawl")]) if names else 0


def an_orderly_end_leaves_nothing_to_replay(world):
    """A checkpoint of all, where there is something behind the last one."""
    server, key = quick_start(world)
    for word in "abc":
        server.ask("POST", "/v1/reservations", reserve_body(word, 10), key=key).want(200)
    server.signal(signal.SIGKILL)
    server.process.wait()
    assert newest_checkpoint(world) == 0
    server = world.start()
    server.ask("POST", "/v1/reservations", reserve_body("d", 10), key=key).want(200)
    server.stop()
    done = world.tell("verify", "--data-dir", world.data, "--json")
    last = json.loads(done.stdout)["last_op"]
    assert newest_checkpoint(world) == last > 4, os.listdir(f"{world.data}/journal")
    server = world.start()
    assert f"pawl_journal_checkpoint_operation {last}\n" in server.ask("GET", "/metrics").text
    assert balance(server, key)["reserved"]["amount"] == 40
    server.stop()
    assert newest_checkpoint(world) == last


def kills_under_load_lose_nothing(world):
    """kill -9 again and again: what was acknowledged is there, and nothing twice."""
    for mode, loaders in (("auto", MANY_LOADERS), ("inline", LOADERS), ("thread", LOADERS)):
        data = world.path(mode)
        server, key = quick_start(world, "--commit", mode, "--checkpoint-every", "1000", data=data)
        loads = []
        for count in (150, 400, 700):
            load = Load(server, key, f"{mode}-{count}", loaders)
            load.await_some(count)
            server.signal(signal.SIGKILL)
            server.process.wait()
            load.join()
            loads.append(load)
            server = world.start("--commit", mode, "--checkpoint-every", "1000", data=data)
            compare(server, key, loads)
        server.signal(signal.SIGTERM)
        assert server.wait()[0] == 0
        done = world.tell("verify", "--data-dir", data)
        assert done.returncode == 0 and "server  ok" in done.stdout, done


def make_budgets(server, first):
    connection = server.connect()
    for number in range(first, first + 250):
        body = {"tenant_id": "quickstart", "scope": f"tenant:quickstart/agent:a{number}",
                "unit": "USD_MICROCENTS",
                "allocated": {"unit": "USD_MICROCENTS", "amount": 1}}
        server.ask("POST", "/v1/admin/budgets", body, admin=ADMIN, connection=connection).want(201)


def what_takes_many_turns_ends_with_the_server(world):
    """Lists that go through 4000 budgets, 400 a turn, when the end waits for nothing."""
    server, _ = quick_start(world, "--drain-timeout", "0")
    makers = [threading.Thread(target=make_budgets, args=(server, first))
              for first in range(0, 4000, 250)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    path = "/v1/admin/budgets?tenant_id=quickstart&unit=TOKENS"
    wanted = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Admin-API-Key: {ADMIN}\r\n\r\n".encode()
    port = int(server.url.rsplit(":", 1)[1])
    clients = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
               for _ in range(12)]
    for client in clients:
        client.sendall(wanted * 100)
    assert clients[-1].recv(15) == b"HTTP/1.1 200 OK"
    server.signal(signal.SIGTERM)
    status, _, err = server.wait()
    assert status == 0 and "requests are cut" in err and "the ledger is closed" in err, err
    for client in clients:
        client.close()


# --- Time -----------------------------------------------------------------------------------------

def what_became_due_in_a_sleep_ends_after_it(world):
    """The machine sleeps for an hour: a lease that was over meanwhile does not go on for as long as
    it still had when that began, also where nobody asks for anything."""
    machine = Machine(world.pawl, world.path("ahead"))
    server, key = quick_start(world, env=machine.environment)
    body = reserve_body("asleep", 1000, ttl_ms=1_800_000, grace_period_ms=0)
    server.ask("POST", "/v1/reservations", body, key=key).want(200)
    with patience("a server that has nothing to do but to wait") as tick:
        while not os.path.exists(f"{world.data}/journal/witness"):
            tick()
    time.sleep(1.5)  # the witness is written, and its timer gone
    before = os.path.getmtime(f"{world.data}/journal/witness")
    machine.sleep(3600)
    with patience("the end of the lease") as tick:
        while os.path.getmtime(f"{world.data}/journal/witness") == before:
            tick()
            time.sleep(0.05)
    assert balance(server, key)["reserved"]["amount"] == 0


# --- The service manager --------------------------------------------------------------------------

def the_service_manager_is_told(world):
    path = world.path("notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(PATIENCE_S)
    server = world.start(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
    heard = manager.recv(4096).decode()
    assert heard.startswith("READY=1\n") and server.url in heard, heard
    while heard != "WATCHDOG=1\n":
        heard = manager.recv(4096).decode()
    server.signal(signal.SIGHUP)
    while not heard.startswith("RELOADING=1\nMONOTONIC_USEC="):
        heard = manager.recv(4096).decode()
    while not heard.startswith("READY=1\n"):
        heard = manager.recv(4096).decode()
    server.signal(signal.SIGTERM)
    while not heard.startswith("STOPPING=1\n"):
        heard = manager.recv(4096).decode()
    assert server.wait()[0] == 0
    manager.close()


TESTS = {
    "SIGTERM under load answers what is open": sigterm_under_load_answers_what_is_open,
    "descriptors go to the ledger first": descriptors_go_to_the_ledger_first,
    "an end waits only so long": an_end_waits_only_so_long,
    "a second signal ends at once": a_second_signal_ends_at_once,
    "signals at every moment of an end leave its status":
        signals_at_every_moment_of_an_end_leave_its_status,
    "what takes many turns ends with the server": what_takes_many_turns_ends_with_the_server,
    "an orderly end leaves nothing to replay": an_orderly_end_leaves_nothing_to_replay,
    "kills under load lose nothing": kills_under_load_lose_nothing,
    "what became due in a sleep ends after it": what_became_due_in_a_sleep_ends_after_it,
    "the service manager is told": the_service_manager_is_told,
}
