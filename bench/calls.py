#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""calls.py [--build DIR] [--count] [--day CALLS] [NAME …]: what one call costs a whole `pawl run`.

`gateway.py` loads a gateway on its own, as fast as it goes. Here is everything that stands around
it in a run (budgets of every phase, the history, the tables of conversations), and calls as
agents make them: long, streamed, with tools, each with all that went before. For each kind:

  CPU time a call   of all threads of pawl's process, without the agent and without the keeper
  instructions      with --count: how many it executes for a call outside the kernel, counted by
                    valgrind. Two runs that differ in their number of calls are subtracted, so
                    start and end cancel out. A figure that no other load of the machine changes.

--day CALLS is one run with so many calls, in conversations that grow up to 300 KB and begin anew:
how much memory the process holds as the day goes on, and what lies on disk in the end.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
EVENTS = 40  # pieces of text in a streamed answer
DAY_BYTES = 300 * 1000
DAY_TURN_BYTES = 3000
KIB = 1024

# What an agent sends: the dialect, the bytes that a conversation begins with, what each turn adds,
# and how many calls are measured: without and with valgrind.
KINDS = {
    "chat": {"dialect": "openai", "bytes": 900, "turn": 0, "calls": 2000, "counted": 300},
    "stream": {"dialect": "anthropic", "bytes": 900, "turn": 0, "calls": 1000, "counted": 200},
    "agent": {"dialect": "anthropic", "bytes": 200_000, "turn": 2000, "calls": 100,
              "counted": 40},
    "huge": {"dialect": "anthropic", "bytes": 10_000_000, "turn": 2000, "calls": 20,
             "counted": 4},
}
WARM = 20  # calls before the first that counts


# --- The provider -------------------------------------------------------------------------------

def sse(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def stream_text(tokens):
    """A streamed answer with a text and a tool call."""
    usage = {"input_tokens": tokens, "output_tokens": 1}
    parts = [sse("message_start", {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [], "usage": usage}})]
    parts.append(sse("content_block_start", {"type": "content_block_start", "index": 0,
                                             "content_block": {"type": "text", "text": ""}}))
    for number in range(EVENTS):
        parts.append(sse("content_block_delta", {
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": f"piece {number} of it "}}))
    parts.append(sse("content_block_stop", {"type": "content_block_stop", "index": 0}))
    parts.append(sse("content_block_start", {
        "type": "content_block_start", "index": 1, "content_block": {
            "type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}}))
    parts.append(sse("content_block_delta", {
        "type": "content_block_delta", "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": "{\"command\":\"ls -la\"}"}}))
    parts.append(sse("content_block_stop", {"type": "content_block_stop", "index": 1}))
    parts.append(sse("message_delta", {
        "type": "message_delta", "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 4 * EVENTS}}))
    parts.append(sse("message_stop", {"type": "message_stop"}))
    return "".join(parts)


def answer_text(tokens):
    """An answer in one piece, of one KiB."""
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
              "choices": [{"index": 0, "message": {"role": "assistant", "content": ""},
                           "finish_reason": "stop"}],
              "usage": {"prompt_tokens": tokens, "completion_tokens": 12,
                        "total_tokens": tokens + 12}}
    answer["choices"][0]["message"]["content"] = "x" * (KIB - len(json.dumps(answer)))
    return json.dumps(answer)


class Answerer(socketserver.StreamRequestHandler):
    """Takes a body whole, then answers by its path."""

    disable_nagle_algorithm = True

    def handle(self):
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline():
                path = line.decode("latin-1").split(" ")[1]
                length = 0
                while (header := self.rfile.readline().lower()) not in (b"\r\n", b""):
                    if header.startswith(b"content-length:"):
                        length = int(header[15:])
                self.rfile.read(length)
                self.answer(path, length)

    def answer(self, path, length):
        streams = path.endswith("/messages")
        body = (stream_text if streams else answer_text)(max(1, length // 4)).encode()
        kind = "text/event-stream" if streams else "application/json"
        self.wfile.write((f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"
                          f"content-length: {len(body)}\r\n\r\n").encode() + body)


class Provider(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answerer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


# --- The agent ----------------------------------------------------------------------------------

def texts():
    """Pieces of prose and code, again and again."""
    whole = "".join(path.read_text(encoding="utf-8") for folder in ("docs", "src/core")
                    for path in sorted((ROOT / folder).glob("*.*")))
    at = 0
    while True:
        count = yield
        if at + count > len(whole):
            at = 0
        piece = whole[at:at + count]
        while len(piece) < count:
            piece += whole[:count - len(piece)]
        at += count
        yield piece


class Conversation:
    """A body that grows at its end."""

    def __init__(self, kind, source, number):
        self.kind, self.source, self.messages = kind, source, []
        self.anthropic = kind["dialect"] == "anthropic"
        self.bytes = 0
        left = kind["bytes"]
        while left > 0:
            self.add(min(left, 20_000), f"conversation {number}: ")
            left -= 20_000
            number = f"{number}, on"

    def text(self, count):
        next(self.source)
        return self.source.send(count)

    def add(self, count, front=""):
        role = "assistant" if len(self.messages) % 2 == 1 else "user"
        message = json.dumps({"role": role, "content": front + self.text(count)})
        self.messages.append(message)
        self.bytes += len(message)

    def body(self):
        if self.anthropic:
            head = {"model": "claude-sonnet-4-5", "max_tokens": 4096, "stream": True,
                    "tools": [{"name": "Bash", "description": "Runs a command.",
                               "input_schema": {"type": "object"}}]}
        else:
            head = {"model": "gpt-4o", "max_tokens": 64}
        text = json.dumps(head)[:-1] + ', "messages": [' + ",".join(self.messages) + "]}"
        return text.encode()

    def go_on(self):
        if self.kind["turn"] > 0:
            self.add(200)
            self.add(self.kind["turn"])


def agent(kind, calls, mark):
    """Runs under pawl: so many calls, one after the other, and a word after each `mark`."""
    name = "ANTHROPIC_BASE_URL" if kind["dialect"] == "anthropic" else "OPENAI_BASE_URL"
    base = urllib.parse.urlsplit(os.environ[name])
    path = base.path + ("/v1/messages" if kind["dialect"] == "anthropic"
                        else "/chat/completions")
    connection = http.client.HTTPConnection(base.hostname, base.port)
    source, number = texts(), 0
    conversation = Conversation(kind, source, number)
    headers = {"content-type": "application/json", "authorization": "Bearer sk-x",
               "user-agent": "claude-cli/2.0 (external, cli)"}
    for call in range(calls + WARM):
        if call >= WARM and (call - WARM) % mark == 0:
            print(f"mark {call - WARM}", flush=True)
            sys.stdin.readline()
        if kind.get("until") and conversation.bytes > kind["until"]:
            number += 1
            conversation = Conversation(kind, source, number)
        connection.request("POST", path, conversation.body(), headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        conversation.go_on()
    print(f"mark {calls}", flush=True)
    sys.stdin.readline()


# --- Measuring ----------------------------------------------------------------------------------

def cpu_us(process):
    """CPU time so far of all threads of a process."""
    total_ns = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        total_ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total_ns / 1000


def memory_kib(process):
    """What the process holds for itself alone: its anonymous memory."""
    text = pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1])


def run(options, kind, calls, mark, front=(), data=None):
    """One `pawl run`. Returns what was measured at each mark: call, CPU time, memory."""
    rows = []
    with tempfile.TemporaryDirectory(dir=options.dir) as folder, Provider() as provider:
        command = [*front, options.build / "bin/pawl", "run", "--data-dir", data or folder,
                   "--max-usd", "1000000", "--max-tokens", "1000000M", "--max-iterations",
                   "10000000", "--max-tool-calls", "10000000", "--max-time", "23h", "--",
                   sys.executable, pathlib.Path(__file__).resolve(), "--agent",
                   json.dumps(kind), "--day", calls, "--mark", mark]
        env = {**os.environ, "ANTHROPIC_BASE_URL": provider.url,
               "OPENAI_BASE_URL": provider.url + "/v1"}
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                              cwd=folder) as process:
            for line in process.stdout:
                if line.startswith("mark "):
                    rows.append((int(line.split()[1]), cpu_us(process.pid),
                                 memory_kib(process.pid)))
                    process.stdin.write("\n")
                    process.stdin.flush()
            words = process.stderr.read()
        if process.returncode != 0:
            raise SystemExit(f"calls.py: pawl run ended with {process.returncode}:\n{words}")
        provider.shutdown()
    return rows


def instructions(options, kind, calls, keep):
    with tempfile.TemporaryDirectory() as folder:
        front = ["valgrind", "--quiet", "--tool=callgrind",
                 f"--callgrind-out-file={folder}/%p.out"]
        run(options, kind, calls, calls, front)
        # The keeper, which is forked off, has a file of its own; the one with more is the run's.
        found = {}
        for path in pathlib.Path(folder).glob("*.out"):
            text = path.read_text(encoding="latin-1")
            found[path] = int((re.search(r"^(?:summary|totals): (\d+)", text, re.M) or [0, 0])[1])
        largest = max(found, key=found.get)
        if keep:
            shutil.copy(largest, keep)
        return found[largest]


def count(options, name):
    """Instructions a call."""
    kind = KINDS[name]
    few, more = kind["counted"] // 4, kind["counted"]
    keep = f"{options.keep}-{name}" if options.keep else None
    first = instructions(options, kind, few, f"{keep}-few" if keep else None)
    return (instructions(options, kind, more, keep) - first) / (more - few)


def measure(options, name):
    kind = KINDS[name]
    rows = run(options, kind, kind["calls"], max(1, kind["calls"] // 10))
    steps = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(rows, rows[1:]))
    line = f"  {name:8} {steps[len(steps) // 2]:9.1f} us of CPU a call (best {steps[0]:.1f})"
    if options.count:
        line += f"   {count(options, name):12,.0f} instructions"
    print(line, flush=True)


def day(options, calls):
    kind = {"dialect": "anthropic", "bytes": 20_000, "turn": DAY_TURN_BYTES, "until": DAY_BYTES}
    with tempfile.TemporaryDirectory(dir=options.dir) as data:
        rows = run(options, kind, calls, max(1, calls // 10), data=data)
        print(f"{calls} calls of up to {DAY_BYTES // 1000} KB")
        for call, cpu, memory in rows:
            print(f"  {call:7} calls   {memory / KIB:7.1f} MiB held   {cpu / 1e6:7.2f} s of CPU",
                  flush=True)
        sizes = {}
        for path in pathlib.Path(data).rglob("*"):
            if path.is_file():
                sizes[path.suffix or path.name] = (sizes.get(path.suffix or path.name, 0) +
                                                   path.stat().st_size)
        for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:4]:
            print(f"  on disk {size / KIB:9.0f} KiB {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=ROOT / "build/bench", type=pathlib.Path)
    parser.add_argument("--count", action="store_true", help="instructions as well, by valgrind")
    parser.add_argument("--keep", help="keep valgrind's profiles in files that begin so")
    parser.add_argument("--day", type=int, metavar="CALLS", help="one long run instead")
    parser.add_argument("--dir", help="where to put the data directories")
    parser.add_argument("--agent", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--mark", type=int, help=argparse.SUPPRESS)
    parser.add_argument("kinds", nargs="*", metavar="NAME", help=", ".join(KINDS))
    options = parser.parse_args()
    options.build = options.build.resolve()
    if options.agent:
        agent(options.agent, options.day, options.mark)
    elif options.day:
        day(options, options.day)
    else:
        for name in options.kinds or KINDS:
            measure(options, name)


if __name__ == "__main__":
    main()
