#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gateway.py [--build DIR] [--seconds N]: the gateway against nginx, and against nothing.

Two figures, each beside its reference in the same run on the same cores:

  throughput          answers per second of 1 KiB, not streamed, budgets on, every hold durable
                      before the call goes out, over `proxy_pass` to the same upstream
  time to first byte  what one client waits longer than without a gateway, over one fsync of
                      4 KiB on the same disk

The proxy has one core to itself; upstream and load share the other, as many as there are.
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
ROUNDS = 3
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
    done = subprocess.run(pinned(1, [build / "bin/gateway_load", port, connections, seconds, file]),
                          capture_output=True, text=True, check=False)
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
    parser.add_argument("--seconds", type=int, default=4)
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
                   UPSTREAM.format(port=upstream, answer=answer_text())), \
             Nginx(folder, "proxy", proxy, 0, PROXY.format(port=proxy, upstream=upstream)), \
             harness.Host(Port(upstream), folder, usd=harness.USD * 10_000_000,
                          records=None, **extra) as host:
            run(options, build, folder, host, upstream, proxy)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(options, build, folder, host, upstream, proxy):
    path = f"/{host.secret}/openai/v1/chat/completions"
    files = {"gateway": (host.port, request_file(folder, "gateway", path, host.port)),
             "nginx": (proxy, request_file(folder, "nginx", "/v1/chat/completions", proxy)),
             "direct": (upstream, request_file(folder, "direct", "/v1/chat/completions", upstream))}
    many = {name: [] for name in files}
    one = {name: [] for name in files}
    syncs = []
    for _ in range(ROUNDS):
        for name, (port, file) in files.items():
            many[name].append(load(build, port, CONNECTIONS, options.seconds, file))
            one[name].append(load(build, port, 1, max(1, options.seconds // 2), file))
        syncs.append(fsync_us(folder))
    rates = {name: median([row["per_second"] for row in rows]) for name, rows in many.items()}
    waits = {name: median([row["p50_us"] for row in rows]) for name, rows in one.items()}
    ratio = rates["gateway"] / rates["nginx"]
    print(f"throughput, {CONNECTIONS} connections, 1 KiB, median of {ROUNDS} rounds")
    for name in ("direct", "nginx", "gateway"):
        p99 = median([row["p99_us"] for row in many[name]])
        print(f"  {name:8} {rates[name]:8} /s   p99 {p99} us")
    print(f"  gateway over nginx {ratio:.2f} (gate {GATE_THROUGHPUT}, aim {AIM_THROUGHPUT})")
    added = waits["gateway"] - waits["direct"]
    allowed = median(syncs) + 100
    print("time to first byte, one client, median")
    print("  " + ", ".join(f"{name} {waits[name]} us" for name in ("direct", "nginx", "gateway")))
    print(f"  added {added} us; one fsync + 100 us is {allowed} us")
    state = host.state()
    print(f"  {state['calls']} calls, {state['USD_MICROCENTS']['spent']} microcents booked, "
          f"overshoot {state['overshoot']}")


if __name__ == "__main__":
    main()
