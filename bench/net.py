#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net.py [--build DIR] [--rounds N] [--only TEXT] …: the HTTP server beside nginx.

A POST of 615 bytes is answered by a fixed text of 526: by tests/http/listener_host.c, which has
nothing behind src/net, and by nginx `return 200`. The server has one core to itself, wrk another.
They take turns. The figure to compare is the processor time that a request takes the server,
which other load of the machine moves far less than the rate; wrk itself is often what is full.
--realtime gives what is measured precedence over the rest of the machine (chrt, needs root).

  keep-alive   64 and 256 connections, one request after the other on each
  pipelined    64 connections with 16 requests at once
  TLS          64 connections, TLS 1.3 with a P-256 certificate
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/http"))
sys.path.insert(0, str(ROOT / "bench"))
from gateway import Nginx, cpu_us, median, pinned, worker_of  # noqa: E402
import harness  # noqa: E402
import listeners  # noqa: E402

BODY_BYTES = 615
ANSWER = '{"decision":"ALLOW","note":"' + "x" * 496 + '"}'
WORKS = (("keep-alive", 64, 1, False), ("keep-alive", 256, 1, False), ("pipelined", 64, 16, False),
         ("TLS", 64, 1, True))
SCRIPT = """
wrk.method = "POST"
wrk.body = string.rep("x", %d)
wrk.headers["Content-Type"] = "application/json"
local all
function init(args)
  local one = wrk.format()
  all = string.rep(one, %d)
end
function request() return all end
"""
SITE = ("server {{ listen 127.0.0.1:{port}{how}; {files} "
        "location / {{ return 200 '{answer}'; }} }}")


def precede(process):
    subprocess.run(["chrt", "-f", "-p", "10", str(process)], check=True)


def run_wrk(folder, port, connections, depth, seconds, tls, realtime):
    script = pathlib.Path(folder) / "post.lua"
    script.write_text(SCRIPT % (BODY_BYTES, depth), encoding="ascii")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
               f"{'https' if tls else 'http'}://127.0.0.1:{port}/"]
    command = [*(["chrt", "-f", "10"] if realtime else []), *pinned(1, command)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return {"requests": int(re.search(r"(\d+) requests in", done.stdout)[1]),
            "per_second": float(re.search(r"Requests/sec: *([\d.]+)", done.stdout)[1])}


def measured(options, folder, target, work, seconds):
    port, process = target
    _, connections, depth, tls = work
    before = cpu_us(process)
    row = run_wrk(folder, port, connections, depth, seconds, tls, options.realtime)
    row["cpu_us"] = (cpu_us(process) - before) / max(1, row["requests"])
    return row


def site(port, papers):
    files = (f"ssl_certificate {papers.chain}; ssl_certificate_key {papers.key};"
             if papers else "")
    return SITE.format(port=port, how=" ssl" if papers else "", files=files, answer=ANSWER)


def compare(options, folder, targets, work):
    name, connections, depth, _ = work
    rows = {who: [] for who in targets}
    for _ in range(options.rounds):
        for who, target in targets.items():
            rows[who].append(measured(options, folder, target, work, options.seconds))
    cpu = {who: median([row["cpu_us"] for row in found]) for who, found in rows.items()}
    print(f"{name}, {connections} connections{f', {depth} at once' if depth > 1 else ''}")
    for who, found in rows.items():
        print(f"  {who:6} cpu {cpu[who]:5.2f} us (least {min(r['cpu_us'] for r in found):.2f})   "
              f"{median([r['per_second'] for r in found]):8.0f} /s")
    print(f"  cpu of pawl / nginx {cpu['pawl'] / cpu['nginx']:.2f}", flush=True)
    return {"work": name, "connections": connections, "depth": depth, "cpu_us": cpu}


def run(options, folder, papers):
    listeners.PROGRAM = str(ROOT / options.build / "bin/listener_host")
    results = []
    for tls in (False, True):
        works = [work for work in WORKS if work[3] == tls and options.only in work[0]]
        if not works:
            continue
        port = harness.free_port()
        words = ("--tls", papers.chain, papers.key) if tls else ()
        with Nginx(folder, f"http{int(tls)}", port, 0, site(port, papers if tls else None)) \
                as nginx, listeners.Host(*words, "127.0.0.1:0") as host:
            subprocess.run(["taskset", "-pc", "0", str(host.process.pid)], check=True,
                           stdout=subprocess.DEVNULL)
            targets = {"nginx": (port, worker_of(nginx)), "pawl": (host.ports[0], host.process.pid)}
            for target in targets.values():
                if options.realtime:
                    precede(target[1])
                measured(options, folder, target, works[0], 1)
            results += [compare(options, folder, targets, work) for work in works]
    if options.json:
        print(json.dumps(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="what has this text in its name")
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pawl-bench-")
    try:
        papers = pathlib.Path(folder) / "papers"
        os.mkdir(papers)
        run(options, folder, listeners.Papers(papers))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
