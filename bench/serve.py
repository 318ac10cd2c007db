#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serve.py [--build DIR] [--quick] [--json]: `pawl serve` against nginx, side by side in one run.

Durable answers of the Cycles protocol over connections that are kept open, beside nginx
`return 200` with the same requests and bodies of the same size, from the same load generator
(bench/serve_load.c). Server and nginx have core 0, the load core 1; they take turns. What writes
the archive of finished reservations is behind everybody's back, so it is put on core 1, where the
load leaves room; its time is told in a column of its own.

  what     reserve; lifecycle, a reserve and the commit of what it held; decide; balances; event
  budgets  one or 100,000, chosen at random; flat (the tenant's and one below it) or four levels
           deep (the tenant's and four below it, 111,101 in all); all under one tenant, the hot
           parent of everybody, or under a hundred tenants
  commit   auto, as users have it; for some of the rows in the loop, and on a thread

Rates depend on what else the machine does, processor time a request much less: both are printed,
and the ratio of each to nginx. --realtime gives all that is measured precedence over the rest of
the machine (chrt, needs root). The data directory lies under --dir, by default in the build
directory: its disk is what is measured.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/http"))
sys.path.insert(0, str(ROOT / "bench"))
from gateway import NGINX, median, worker_of  # noqa: E402
import harness  # noqa: E402

ADMIN_KEY = "bench-administrator-0123456789abcdef"
MANY = 100_000
WORKS = ("reserve", "lifecycle", "decide", "balances", "event")
CONNECTIONS = (1, 64, 256)
START_SECONDS_MAX = 60
GATE = 0.60  # of nginx's rate: durable reserve and commit at 256 connections
SYNCS_MAX = 2  # of an append with fsync: one client's reserve


class Shape(typing.NamedTuple):
    """Budgets, and the five letters that their tenants' names begin with."""
    prefix: str
    scopes: int
    depth: int
    tenants: int

    @property
    def options(self):
        return [f"--scopes={self.scopes}", f"--depth={self.depth}", f"--tenants={self.tenants}"]

    @property
    def name(self):
        number = "1" if self.scopes == 1 else f"{self.scopes // 1000}k"
        return (f"{number} {'deep' if self.depth > 1 else 'flat'}"
                f"{', 100 tenants' if self.tenants > 1 else ''}")


ONE_FLAT = Shape("onefl", 1, 1, 1)
ONE_DEEP = Shape("onedp", 1, 4, 1)
MANY_FLAT = Shape("manyf", MANY, 1, 1)
MANY_DEEP = Shape("manyd", MANY, 4, 1)
TENANTS_FLAT = Shape("ownfl", MANY, 1, 100)
TENANTS_DEEP = Shape("owndp", MANY, 4, 100)


class Row(typing.NamedTuple):
    commit: str
    shape: Shape
    work: str
    connections: int


def plan(quick):
    """What is measured, grouped by the server that it needs."""
    if quick:
        return [Row("auto", shape, work, connections)
                for connections in CONNECTIONS for work in ("reserve", "lifecycle")
                for shape in (ONE_FLAT, MANY_DEEP)]
    rows = [Row("auto", shape, work, connections)
            for connections in CONNECTIONS for work in WORKS
            for shape in (ONE_FLAT, ONE_DEEP, MANY_FLAT, MANY_DEEP)]
    rows += [Row("auto", shape, work, connections)
             for connections in CONNECTIONS for work in ("reserve", "lifecycle")
             for shape in (TENANTS_FLAT, TENANTS_DEEP)]
    rows += [Row("auto", shape, "lifecycle", 1000) for shape in (ONE_FLAT, MANY_DEEP)]
    rows += [Row(commit, shape, work, connections)
             for commit in ("inline", "thread")
             for connections in CONNECTIONS for work in ("reserve", "lifecycle")
             for shape in (ONE_FLAT, MANY_DEEP)]
    return rows


# --- What runs ----------------------------------------------------------------------------------

class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.build = ROOT / options.build

    def pinned(self, core, command):
        first = ["chrt", "-f", "10"] if self.options.realtime else []
        return [*first, "taskset", "-c", str(core % os.cpu_count()), *map(str, command)]

    def load(self, *arguments):
        environment = dict(os.environ, PAWL_ADMIN_KEY=ADMIN_KEY)
        done = subprocess.run(self.pinned(1, [self.build / "bin/serve_load", *arguments]),
                              capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise SystemExit(f"serve.py: {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def sync_us(self):
        command = [self.build / "bin/serve_load", f"--sync-probe={self.folder}"]
        done = subprocess.run(self.pinned(0, command), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["p50_us"]

    def keys(self, shape):
        return self.folder / f"{shape.prefix}.keys"


class Server:
    """One `pawl serve` on a fresh data directory."""

    def __init__(self, bench, commit):
        self.bench = bench
        self.port = harness.free_port()
        self.folder = bench.folder / f"data-{commit}"
        command = [bench.build / "bin/pawl", "serve", "--data-dir", self.folder,
                   "--listen", f"127.0.0.1:{self.port}", "--commit", commit,
                   "--max-idempotency", "120M", "--log-requests", "none",
                   "--log-file", bench.folder / f"log-{commit}", *bench.options.serve_option]
        environment = dict(os.environ, PAWL_ADMIN_KEY=ADMIN_KEY)
        self.process = subprocess.Popen(bench.pinned(0, command), env=environment,
                                        stdout=subprocess.DEVNULL)
        self.pid = self.process.pid

    def prepare(self, shapes):
        """Waits for it, and makes the budgets of these shapes."""
        bench = self.bench
        self.wait()
        for shape in sorted(shapes):
            started = time.monotonic()
            made = json.loads(bench.load(f"--port={self.port}", "--setup", "--connections=256",
                                         f"--prefix={shape.prefix}", *shape.options,
                                         f"--keys={bench.keys(shape)}"))
            took = time.monotonic() - started
            print(f"  {shape.name}: {made['budgets']} budgets made in {took:.1f} s",
                  file=sys.stderr)
        self.arrange_threads()

    def wait(self):
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"serve.py: the server ended with {self.process.returncode}")
            try:
                harness.wait_port(self.port)
                return
            except AssertionError:
                continue
        raise SystemExit("serve.py: the server does not listen")

    def threads(self):
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            yield task.name, (task / "comm").read_text(encoding="utf-8").strip()

    def arrange_threads(self):
        """The threads of the archive go to the load's core. Of two with one precedence (chrt -f)
        neither interrupts the other: so the thread that syncs goes before the loop, for a sync
        would begin only where the loop has nothing to do; and all the others go behind it, for
        the loop would stand still for as long as a checkpoint is written."""
        for thread, name in self.threads():
            if name.startswith("archive"):
                subprocess.run(["taskset", "-pc", str(1 % os.cpu_count()), thread],
                               stdout=subprocess.DEVNULL, check=True)
            if self.bench.options.realtime and int(thread) != self.pid:
                first = ["-f", "-p", "11"] if name == "journal" else ["-o", "-p", "0"]
                subprocess.run(["chrt", *first, thread], check=True)

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.process.returncode != 0:
            raise SystemExit(f"serve.py: the server ended with {self.process.returncode}")


class Reference:
    """nginx with the bodies that the server gives for one shape."""

    def __init__(self, bench, shape, bodies):
        self.port = harness.free_port()
        lines = [f"location {where} {{ return {status} '{self.quoted(body)}'; }}"
                 for where, status, body in bodies]
        text = NGINX.format(dir=bench.folder, name=shape.prefix, body=(
            f"server {{ listen 127.0.0.1:{self.port}; {' '.join(lines)} }}"))
        path = bench.folder / f"{shape.prefix}.conf"
        path.write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            bench.pinned(0, ["nginx", "-p", bench.folder, "-c", path]), stderr=subprocess.DEVNULL)
        harness.wait_port(self.port)
        self.pid = worker_of(self)

    @staticmethod
    def quoted(body):
        assert "$" not in body  # nginx would take it for a variable
        return body.replace("\\", "\\\\").replace("'", "\\'")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def bodies_of(bench, server, shape):
    """What the server answers to each kind of request, as nginx wants it: location, status."""
    def shown(work):
        return bench.load(f"--port={server.port}", f"--work={work}", f"--keys={bench.keys(shape)}",
                          *shape.options, "--show").splitlines()
    reserve, commit = shown("lifecycle")
    return [("= /v1/reservations", 200, reserve), ("/v1/reservations/", 200, commit),
            ("= /v1/decide", 200, shown("decide")[0]),
            ("= /v1/balances", 200, shown("balances")[0]),
            ("= /v1/events", 201, shown("event")[0])]


# --- Measuring ----------------------------------------------------------------------------------

def measured(bench, target, row, seconds):
    text = bench.load(f"--port={target.port}", f"--work={row.work}", *row.shape.options,
                      f"--keys={bench.keys(row.shape)}", f"--connections={row.connections}",
                      f"--seconds={seconds}", f"--warm-up-ms={bench.options.warm_up_ms}",
                      f"--server-pid={target.pid}")
    return json.loads(text)


def reference_row(row):
    """The row whose nginx figure stands beside this one: shape matters there by its bodies."""
    return Row("", ONE_DEEP if row.shape.depth > 1 else ONE_FLAT, row.work, row.connections)


def run(bench, rows):
    """{row: [figures of each round]}, nginx's under its own rows."""
    found = {}
    references = {}
    try:
        for commit in dict.fromkeys(row.commit for row in rows):
            run_commit(bench, [row for row in rows if row.commit == commit], references, found)
    finally:
        for reference in references.values():
            reference.stop()
    return found


def run_commit(bench, rows, references, found):
    """The rows of one way to commit, by one server."""
    commit = rows[0].commit
    seconds = bench.options.seconds
    print(f"commit {commit}:", file=sys.stderr)
    server = Server(bench, commit)
    try:
        server.prepare({row.shape for row in rows} | {ONE_FLAT, ONE_DEEP})
        for shape in (ONE_FLAT, ONE_DEEP):
            if shape not in references:
                references[shape] = Reference(bench, shape, bodies_of(bench, server, shape))
        for _ in range(bench.options.rounds):
            measured_here = set()
            for row in rows:
                beside = reference_row(row)
                if beside not in measured_here:
                    measured_here.add(beside)
                    found.setdefault(beside, []).append(
                        measured(bench, references[beside.shape], beside, seconds))
                found.setdefault(row, []).append(measured(bench, server, row, seconds))
                found[row][-1]["memory_mib"] = server.memory_mib()
                if row.connections == 1 and row.work == "reserve":
                    found[row][-1]["sync_us"] = bench.sync_us()
                progress(row, found[row][-1])
    finally:
        server.stop()


def progress(row, figures):
    print(f"  {row.work} {row.shape.name} {row.connections}: {figures['per_second']}/s, "
          f"{figures['server_cpu_us']} us", file=sys.stderr)


def summary(row, figures, beside):
    """One line of the table."""
    def middle(key):
        return median([one[key] for one in figures])

    def tail(key):
        return median([one["all"][key] for one in figures])
    reference = median([one["per_second"] for one in beside])
    reference_cpu = median([one["server_cpu_us"] for one in beside])
    archive = median([sum(us for name, us in one["server_threads_us"].items()
                          if name.startswith("archive")) for one in figures])
    other = {}
    for one in figures:
        for status, count in one["statuses_all"].items():
            if not status.startswith("2"):
                other[status] = other.get(status, 0) + count
    line = {"commit": row.commit, "work": row.work, "budgets": row.shape.name,
            "connections": row.connections, "per_second": middle("per_second"),
            "lifecycles_per_second": middle("lifecycles_per_second"),
            "nginx_per_second": reference, "ratio": middle("per_second") / max(1, reference),
            "p50_us": tail("p50_us"), "p99_us": tail("p99_us"), "max_us": tail("max_us"),
            "nginx_p50_us": median([one["all"]["p50_us"] for one in beside]),
            "nginx_p99_us": median([one["all"]["p99_us"] for one in beside]),
            "cpu_us": middle("server_cpu_us") - archive, "archive_us": archive,
            "nginx_cpu_us": reference_cpu,
            "cpu_ratio": reference_cpu / max(0.1, middle("server_cpu_us") - archive),
            "ran_percent": middle("server_ran_percent"),
            "waited_percent": middle("server_waited_percent"),
            "client_percent": middle("client_ran_percent"), "memory_mib": middle("memory_mib"),
            "not_2xx": other, "disconnects": sum(one["disconnects"] for one in figures)}
    if "sync_us" in figures[0]:
        line["sync_us"] = middle("sync_us")
    refusals = [one["refusal"] for one in figures if "refusal" in one]
    if refusals:
        line["refusal"] = refusals[0]
    return line


def show(lines):
    print(f"{'commit':7}{'what':10}{'budgets':18}{'conns':>6}{'/s':>9}{'nginx/s':>9}{'ratio':>7}"
          f"{'p50 us':>9}{'p99 us':>9}{'nginx p50':>10}{'p99':>8}{'cpu us':>8}{'nginx':>7}"
          f"{'ratio':>7}{'archive':>9}{'RSS MiB':>9}  not 2xx")
    for line in lines:
        print(f"{line['commit']:7}{line['work']:10}{line['budgets']:18}{line['connections']:6}"
              f"{line['per_second']:9}{line['nginx_per_second']:9}{line['ratio']:7.2f}"
              f"{line['p50_us']:9.0f}{line['p99_us']:9.0f}{line['nginx_p50_us']:10.0f}"
              f"{line['nginx_p99_us']:8.0f}{line['cpu_us']:8.1f}{line['nginx_cpu_us']:7.1f}"
              f"{line['cpu_ratio']:7.2f}{line['archive_us']:9.1f}{line['memory_mib']:9}  "
              f"{line['not_2xx'] or ''}")
        if line["disconnects"]:
            print(f"        {line['disconnects']} connections ended")
        if "refusal" in line:
            print(f"        {line['refusal'][:180]}")


def conclude(lines):
    """The figures that have a target."""
    for line in lines:
        if line["work"] == "lifecycle" and line["connections"] == 256:
            print(f"reserve and commit, {line['budgets']}, {line['commit']}: "
                  f"{line['lifecycles_per_second']} lifecycles/s, {line['ratio']:.2f} x nginx's "
                  f"rate (gate {GATE:.2f}); by processor time {line['cpu_ratio']:.2f}")
    for line in lines:
        if "sync_us" in line:
            print(f"one client, reserve, {line['budgets']}, {line['commit']}: p50 "
                  f"{line['p50_us']:.0f} us, one append of 4 KiB with fsync {line['sync_us']} us: "
                  f"{line['p50_us'] / line['sync_us']:.2f} x (at most {SYNCS_MAX})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--warm-up-ms", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=1, help="of which the median is shown")
    parser.add_argument("--quick", action="store_true", help="a minute: two works, two shapes")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--only", default="", help="rows of which this is a part: 'lifecycle'")
    parser.add_argument("--connections", type=int, help="rows with so many")
    parser.add_argument("--realtime", action="store_true", help="precedence over other processes")
    parser.add_argument("--dir", help="where the data directory is made")
    parser.add_argument("--serve-option", action="append", default=[], help="for pawl serve")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.warm_up_ms = 1, 300
    rows = [row for row in plan(options.quick)
            if options.only in f"{row.commit} {row.work} {row.shape.name}"
            and options.connections in (None, row.connections)]
    folder = tempfile.mkdtemp(prefix="bench-serve-", dir=options.dir or ROOT / options.build)
    try:
        found = run(Bench(options, folder), rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = [summary(row, found[row], found[reference_row(row)]) for row in rows]
    if options.json:
        for line in lines:
            print(json.dumps(line))
        return
    load = os.getloadavg()[0]
    print(f"load of the machine {load:.1f}; median of {options.rounds} rounds of "
          f"{options.seconds} s")
    show(lines)
    conclude(lines)


if __name__ == "__main__":
    main()
