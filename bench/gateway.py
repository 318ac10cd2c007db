#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gateway.py [--build DIR] [--rounds N]: the gateway against nginx, and against nothing.

Two figures, each beside its reference in the same run on the same cores:

  throughput          answers per second of 1 KiB, not streamed, budgets on, every hold durable
                      before the call goes out, over `proxy_pass` to the same upstream
  time to first byte  what one client waits longer than without a gateway, over one fsync of
                      4 KiB on the same disk

The proxy has one core to itself; upstream and load share the other, as many as there are. Whoever
is measured takes turns with the others, several rounds long, and for each the CPU time that a
request took all threads of the process is printed beside the rate: on a machine that does other
things it is steadier, and it tells what is work from what is waiting.

With --dir on a memory file system (/dev/shm) the syncs cost nothing, and what is left is the
gateway's own part.
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

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/http"))
import harness  # noqa: E402

CONNECTIONS = 64
GATE_THROUGHPUT = 0.35
AIM_THROUGHPUT = 0.45
NGINX = """
daemon off; worker_processes 1; pid {dir}/{name}.pid; error_log {dir}/{name}.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {dir}/{name}-body;
  proxy_temp_path {dir}/{name}-proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; default_type application/json;
  {body}
}}
"""
UPSTREAM = "server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{answer}'; }} }}"
PROXY = ("upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; "
         "keepalive_requests 1000000000; }} "
         "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; "
         "proxy_http_version 1.1; proxy_set_header Connection ''; }} }}")


def answer_text():
    """A Chat Completions answer of one KiB."""
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
              "choices": [{"index": 0, "message": {"role": "assistant", "content": ""},
                           "finish_reason": "stop"}],
              "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}}
    answer["choices"][0]["message"]["content"] = "x" * (1024 - len(json.dumps(answer)))
    return json.dumps(answer)


def pinned(core, command):
    cores = os.cpu_count()
    return ["taskset", "-c", str(core % cores), *map(str, command)]


class Nginx:
    def __init__(self, folder, name, port, core, body):
        path = pathlib.Path(folder) / f"{name}.conf"
        path.write_text(NGINX.format(dir=folder, name=name, body=body), encoding="utf-8")
        self.process = subprocess.Popen(pinned(core, ["nginx", "-p", folder, "-c", path]),
                                        stderr=subprocess.DEVNULL)
        harness.wait_port(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Port:
    """Stands in for a provider where only its port matters."""

    def __init__(self, port):
        self.port = port


def request_file(folder, name, path, port):
    body = json.dumps({"model": "gpt-4o", "max_tokens": 64,
                       "messages": [{"role": "user", "content": "x" * 900}]})
    head = (f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer sk-x\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n")
    file = pathlib.Path(folder) / f"{name}.request"
    file.write_text(head + body, encoding="utf-8")
    return file


def load(build, port, connections, seconds, file):
    command = [build / "bin/gateway_load", port, connections, seconds, file, 0]
    done = subprocess.run(pinned(1, command), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fsync_us(folder):
    """The median of appending 4 KiB and syncing it."""
    times = []
    with open(pathlib.Path(folder) / "sync", "wb", buffering=0) as file:
        for _ in range(400):
            file.write(b"x" * 4096)
            started = time.monotonic_ns()
            os.fdatasync(file.fileno())
            times.append((time.monotonic_ns() - started) // 1000)
    return sorted(times)[len(times) // 2]


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/werror")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--inline", action="store_true", help="commit in the loop, not a thread")
    parser.add_argument("--dir", help="where the journal lies; its disk is what is measured")
    options = parser.parse_args()
    build = ROOT / options.build
    harness.Host.program = pinned(0, [build / "bin/gateway_host"])
    extra = {"inline": 1} if options.inline else {}
    folder = tempfile.mkdtemp(prefix="pawl-bench-", dir=options.dir)
    upstream, proxy = harness.free_port(), harness.free_port()
    try:
        with Nginx(folder, "upstream", upstream, 1,
                   UPSTREAM.format(port=upstream, answer=answer_text())) as provider, \
             Nginx(folder, "proxy", proxy, 0,
                   PROXY.format(port=proxy, upstream=upstream)) as nginx, \
             harness.Host(Port(upstream), folder, usd=harness.USD * 10_000_000,
                          records=None, **extra) as host:
            run(options, folder, host, {"direct": (upstream, provider),
                                        "nginx": (proxy, nginx)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_us(process):
    """CPU time so far of all threads of a process."""
    total_ns = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        total_ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total_ns / 1000


def worker_of(nginx):
    """The one process of an nginx that works."""
    master = nginx.process.pid
    children = pathlib.Path(f"/proc/{master}/task/{master}/children")
    until = time.monotonic() + harness.SECONDS_MAX
    while time.monotonic() < until:
        if found := children.read_text(encoding="ascii").split():
            return int(found[0])
    raise AssertionError("nginx has no worker")


def measured(build, target, connections, seconds):
    """One round of load, with the CPU time that a request took."""
    port, file, process = target
    before = cpu_us(process)
    row = load(build, port, connections, seconds, file)
    row["cpu_us"] = (cpu_us(process) - before) / max(1, row["requests"])
    return row


def show(name, rows):
    rate, wait, tail = (median([row[key] for row in rows])
                        for key in ("per_second", "p50_us", "p99_us"))
    cpu = median([row["cpu_us"] for row in rows])
    best = max(row["per_second"] for row in rows)
    print(f"  {name:8} {rate:8} /s (best {best})   cpu {cpu:6.1f} us   "
          f"p50 {wait} us   p99 {tail} us")


def run(options, folder, host, references):
    build = ROOT / options.build
    path = "/v1/chat/completions"
    targets = {name: (port, request_file(folder, name, path, port), worker_of(nginx))
               for name, (port, nginx) in references.items()}
    path = f"/{host.secret}/openai/v1/chat/completions"
    targets["gateway"] = (host.port, request_file(folder, "gateway", path, host.port),
                          host.process.pid)
    many = {name: [] for name in targets}
    one = {name: [] for name in targets}
    syncs = []
    for _ in range(options.rounds):
        for name, target in targets.items():
            many[name].append(measured(build, target, CONNECTIONS, options.seconds))
            one[name].append(measured(build, target, 1, 1))
        syncs.append(fsync_us(folder))
    rates = {name: median([row["per_second"] for row in rows]) for name, rows in many.items()}
    waits = {name: median([row["p50_us"] for row in rows]) for name, rows in one.items()}
    print(f"throughput, {CONNECTIONS} connections, 1 KiB, median of {options.rounds} rounds")
    for name, rows in many.items():
        show(name, rows)
    ratio = rates["gateway"] / rates["nginx"]
    print(f"  gateway over nginx {ratio:.2f} (gate {GATE_THROUGHPUT}, aim {AIM_THROUGHPUT})")
    print("one client")
    for name, rows in one.items():
        show(name, rows)
    added = waits["gateway"] - waits["direct"]
    print(f"  added {added} us; one fsync + 100 us is {median(syncs) + 100} us "
          f"(best fsync {min(syncs)} us)")
    state = host.state()
    print(f"  {state['calls']} calls, {state['USD_MICROCENTS']['spent']} microcents booked, "
          f"overshoot {state['overshoot']}")


if __name__ == "__main__":
    main()
