#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""million.py [--build DIR] [--quick]: `pawl serve` with a million of everything.

All of it is made through the server's own API by bench/serve_load.c, so it is what clients leave
behind: records in the journal, rows in the archive, checkpoints meanwhile. Server on core 0, load
on core 1, the archive's threads on core 1 as well.

  idle      resident memory of a server that was started on 10,000 budgets and does nothing
  budgets   1,000,000 made; memory of each
  holds     1,000,000 open, on all those budgets; memory of each, its idempotency record included
  lists     over them: p50 and p99 of one client's pages of 50, first, filtered, by scope
  due       all of them fall due at one moment: until the last is given back, and what other
            clients' reserve and commit take meanwhile
  records   events, each with a key that is kept for seven days; memory of each
  restart   kill -9 with all that, until the port is open, and until the first answer; then the
            same of an orderly end, and how long that takes with its checkpoint
  keeping   keys kept for a minute only: how many there are while the load goes on

--quick divides all by ten. --realtime gives server and load precedence over the rest of the machine
(chrt, needs root).
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
sys.path.insert(0, str(ROOT / "tests/http"))
import harness  # noqa: E402
from serve import ADMIN_KEY  # noqa: E402

WAIT_SECONDS_MAX = 300
PREFIX = "milli"
MIB = 1 << 20


class Table:
    """Lines as they come: what, how much, what was wanted."""

    def __init__(self):
        print(f"{'what':58}{'measured':>26}  wanted", flush=True)

    def row(self, what, measured, wanted=""):
        print(f"{what:58}{measured:>26}  {wanted}", flush=True)


class Server:
    def __init__(self, options, folder, *more):
        self.options = options
        self.bin = ROOT / options.build / "bin"
        self.folder = pathlib.Path(folder)
        self.port = harness.free_port()
        self.first = ["chrt", "-f", "10"] if options.realtime else []
        self.command = [*self.first, "taskset", "-c", "0", self.bin / "pawl", "serve",
                        "--data-dir", self.folder / "data", "--listen", f"127.0.0.1:{self.port}",
                        "--max-idempotency", "60M", "--log-requests", "none",
                        "--log-file", self.folder / "log", *more]
        self.process = None

    def start(self):
        """Seconds until the port is open, and until the first answer."""
        began = time.monotonic()
        self.process = subprocess.Popen(list(map(str, self.command)), stdout=subprocess.DEVNULL,
                                        env=dict(os.environ, PAWL_ADMIN_KEY=ADMIN_KEY))
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"million.py: the server ended: {self.process.returncode}")
            if time.monotonic() - began > WAIT_SECONDS_MAX:
                raise SystemExit("million.py: the server does not listen")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.002)
        listening = time.monotonic() - began
        self.metrics()
        answered = time.monotonic() - began
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text(encoding="utf-8").startswith("archive"):
                subprocess.run(["taskset", "-pc", str(1 % os.cpu_count()), task.name], check=True,
                               stdout=subprocess.DEVNULL)
                if self.first:
                    subprocess.run(["chrt", "-o", "-p", "0", task.name], check=True)
        return listening, answered

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def rows(self, table):
        return int(self.metrics()[f'pawl_ledger_rows{{table="{table}"}}'])

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def load(self, *arguments):
        command = [*self.first, "taskset", "-c", str(1 % os.cpu_count()), self.bin / "serve_load",
                   f"--port={self.port}", f"--keys={self.folder / 'keys'}",
                   f"--server-pid={self.process.pid}", *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                              env=dict(os.environ, PAWL_ADMIN_KEY=ADMIN_KEY))
        if done.returncode != 0:
            raise SystemExit(f"million.py: {' '.join(map(str, arguments))}: {done.stderr}")
        figures = json.loads(done.stdout)
        refused = [status for status in figures.get("statuses_all", {}) if status[0] != "2"]
        if refused:
            raise SystemExit(f"million.py: {arguments}: {figures['statuses_all']} "
                             f"{figures.get('refusal')}")
        return figures

    def wait_archive(self):
        until = time.monotonic() + WAIT_SECONDS_MAX
        while self.metrics()["pawl_archive_lag_operations"] > 0:
            if time.monotonic() > until:
                raise SystemExit("million.py: the archive does not come up")
            time.sleep(0.1)

    def key(self):
        return (self.folder / "keys").read_text(encoding="ascii").split()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Seconds until it is gone."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait()
        return time.monotonic() - began


def latency(figures):
    return f"{figures['all']['p50_us'] / 1000:.2f} / {figures['all']['p99_us'] / 1000:.2f} ms"


# --- The steps ----------------------------------------------------------------------------------

def idle(options, folder, table):
    server = Server(options, folder)
    server.start()
    server.load("--setup", "--connections=64", "--scopes=10000", f"--prefix={PREFIX}")
    server.stop()
    server.start()
    table.row("idle on 10,000 budgets, resident", f"{server.memory() / MIB:.1f} MiB",
              "at most 40 MiB")
    server.stop()
    shutil.rmtree(server.folder / "data")


def budgets(server, table, count):
    before = server.memory()
    began = time.monotonic()
    server.load("--setup", "--connections=256", f"--scopes={count}", f"--prefix={PREFIX}")
    took = time.monotonic() - began
    table.row(f"{count + 1:,} budgets made over HTTP", f"{took:.0f} s, {count / took:,.0f}/s")
    table.row("memory of a budget, its scope and names",
              f"{(server.memory() - before) / count:.0f} B")


def holds(server, table, count, due_seconds):
    """Returns the moment at which all fall due, as the generator has it."""
    before, ledger = server.memory(), server.metrics()["pawl_ledger_memory_bytes"]
    made_at = time.monotonic()
    figures = server.load("--work=reserve", "--connections=256", f"--scopes={count}",
                          f"--count={count}", f"--due-in={due_seconds}")
    took = figures["took_ms"] / 1000
    table.row(f"{count:,} holds taken", f"{took:.0f} s, {figures['per_second']:,}/s")
    grown = server.metrics()["pawl_ledger_memory_bytes"] - ledger
    table.row("… memory of each with its record: ledger, process",
              f"{grown / count:.0f} B, {(server.memory() - before) / count:.0f} B",
              "at most 400 B in the ledger")
    return made_at + due_seconds


def lists(server, table, count):
    server.wait_archive()
    tenant, secret = server.key()
    table.row("… archive has them all", f"{server.metrics()['pawl_archive_rows']:,.0f} rows")
    pages = [("first page", ""), ("open ones", "&status=ACTIVE"),
             ("those of one budget", f"&workspace=w{count // 2:06d}"),
             ("by amount, largest", "&sort_by=reserved&sort_dir=desc"),
             ("none (expired)", "&status=EXPIRED")]
    for name, more in pages:
        path = server.folder / "request"
        path.write_text(f"GET /v1/reservations?tenant={tenant}&limit=50{more} HTTP/1.1\r\n"
                        f"Host: 127.0.0.1\r\nX-Cycles-API-Key: {secret}\r\n\r\n", encoding="ascii")
        figures = server.load(f"--request={path}", "--connections=1", "--seconds=2",
                              "--warm-up-ms=200")
        table.row(f"… list of {count:,}, {name}: p50 / p99", latency(figures))
    deep(server, table, tenant, secret)


def deep(server, table, tenant, secret):
    """Page after page by the cursor, each of 100."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    cursor, times = "", []
    for _ in range(500):
        began = time.monotonic()
        connection.request("GET", f"/v1/reservations?tenant={tenant}&limit=100{cursor}",
                           headers={"X-Cycles-API-Key": secret})
        page = json.loads(connection.getresponse().read())
        times.append(time.monotonic() - began)
        if not page.get("next_cursor"):
            break
        cursor = f"&cursor={page['next_cursor']}"
    times.sort()
    table.row("… pages 1 to 500 by cursor, 100 each: p50 / p99",
              f"{times[len(times) // 2] * 1000:.2f} / "
              f"{times[len(times) * 99 // 100] * 1000:.2f} ms")


class Watch(threading.Thread):
    """Looks at the open reservations until no more of them are left than `floor`."""

    def __init__(self, server, from_count, floor):
        super().__init__(daemon=True)
        self.server, self.from_count, self.floor = server, from_count, floor
        self.first = self.last = None

    def run(self):
        until = time.monotonic() + WAIT_SECONDS_MAX
        while time.monotonic() < until:
            open_now = self.server.rows("reservations")
            if self.first is None and open_now < self.from_count:
                self.first = time.monotonic()
            if open_now <= self.floor:
                self.last = time.monotonic()
                return
            time.sleep(0.02)


def due(server, table, count, due_at):
    probe = ("--work=lifecycle", "--connections=8", f"--scopes={count}", "--warm-up-ms=200")
    if due_at - time.monotonic() < 8:
        raise SystemExit("million.py: no time is left before the leases end")
    before = server.load(*probe, "--seconds=3")
    table.row("8 clients' reserve and commit before: p50 / p99", latency(before))
    time.sleep(max(0.0, due_at - time.monotonic() - 1.0))
    watch = Watch(server, count, 64)
    watch.start()
    meanwhile = server.load(*probe, "--seconds=4")
    watch.join()
    took = watch.last - max(watch.first or watch.last, due_at)
    table.row(f"{count:,} leases that end together, all given back in",
              f"{took:.2f} s", "at most 2 s")
    table.row("… 8 clients' reserve and commit meanwhile: p50 / p99", latency(meanwhile),
              "p99 under 20 ms")
    table.row("… the longest", f"{meanwhile['all']['max_us'] / 1000:.1f} ms")


def records(server, table, count, scopes):
    have, before = server.rows("idempotency"), server.memory()
    ledger = server.metrics()["pawl_ledger_memory_bytes"]
    if count > have:
        figures = server.load("--work=event", "--connections=256", f"--scopes={scopes}",
                              f"--count={count - have}")
        table.row(f"{count - have:,} events", f"{figures['per_second']:,}/s")
        grown = server.metrics()["pawl_ledger_memory_bytes"] - ledger
        table.row(f"memory of a record, from {have:,} to {count:,}: ledger, process",
                  f"{grown / (count - have):.0f} B, "
                  f"{(server.memory() - before) / (count - have):.0f} B")
    table.row("idempotency records", f"{server.rows('idempotency'):,}")
    table.row("resident with all that", f"{server.memory() / MIB:,.0f} MiB")


def restart(server, table):
    seen = server.metrics()
    behind = seen["pawl_journal_operation"] - seen["pawl_journal_checkpoint_operation"]
    server.kill()
    listening, answered = server.start()
    table.row(f"kill -9, {behind:,.0f} operations behind the checkpoint: listening, answers",
              f"{listening:.2f} s, {answered:.2f} s", "at most 5 s")
    table.row("… resident after it", f"{server.memory() / MIB:,.0f} MiB")
    seconds = server.stop()
    table.row("SIGTERM with all that, its checkpoint included", f"{seconds:.2f} s")
    listening, answered = server.start()
    table.row("… the start after it: listening, answers", f"{listening:.2f} s, {answered:.2f} s")


def keeping(options, folder, table):
    server = Server(options, folder, "--keep-idempotency", "1m", "--keep-settlements", "1m")
    server.start()
    server.load("--setup", "--connections=64", "--scopes=1000", f"--prefix={PREFIX}")
    made = 0
    for seconds in (20, 20, 20, 20, 20):
        made += server.load("--work=event", "--connections=64", "--scopes=1000",
                            f"--seconds={seconds}", "--warm-up-ms=0")["requests"]
        table.row(f"keys kept for a minute: {made:,} made, kept", f"{server.rows('idempotency'):,}")
    server.stop()
    shutil.rmtree(server.folder / "data")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--records", type=int, help="idempotency records (10,000,000)")
    parser.add_argument("--due-in", type=int, help="seconds from the first hold to the end of all")
    parser.add_argument("--realtime", action="store_true", help="precedence over other processes")
    parser.add_argument("--dir", help="where the data directory is made")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    count = 1_000_000 // scale - 1  # and the tenant's own budget
    kept = options.records or 10_000_000 // scale
    due_in = options.due_in or (60 if options.quick else 240)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    table = Table()
    folder = tempfile.mkdtemp(prefix="bench-million-", dir=options.dir or ROOT / options.build)
    try:
        idle(options, folder, table)
        server = Server(options, folder)
        server.start()
        budgets(server, table, count)
        due_at = holds(server, table, count, due_in)
        lists(server, table, count)
        due(server, table, count, due_at)
        records(server, table, kept, count)
        restart(server, table)
        server.stop()
        shutil.rmtree(server.folder / "data")
        keeping(options, folder, table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
