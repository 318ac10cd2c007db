# SPDX-License-Identifier: Apache-2.0
"""What the suites of this folder stand on: a gateway host, a client that looks at every byte.

    with scripted.Provider() as provider, Host(provider, usd=5_000_000) as host:
        answer = host.post("anthropic/v1/messages", message(stream=True))
        assert answer.status == 200

The client is a raw socket, so that a suite can hang up in the middle, read slowly, and see framing
and headers as they come. Every wait has an event behind it and a limit in front of it.
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
import provider_gemini  # noqa: E402
import scripted  # noqa: E402
from upstreams import Echo, Listener, Upstream, headers_of  # noqa: E402, F401

SECONDS_MAX = 120
SEED = 1  # run.py sets it
MODEL = {"anthropic": "claude-sonnet-4-5", "openai": "gpt-4o", "responses": "gpt-4o"}
PATH = {"anthropic": "anthropic/v1/messages", "openai": "openai/v1/chat/completions",
        "responses": "openai/v1/responses"}
GEMINI = "gemini-2.5-flash"
# Microcents per million tokens, as data/prices.json has them for these models.
PRICES = {
    "claude-sonnet-4-5": {"input": 300_000_000, "output": 1_500_000_000,
                          "cache_read": 30_000_000, "cache_write": 375_000_000,
                          "cache_write_long": 600_000_000},
    "gpt-4o": {"input": 250_000_000, "output": 1_000_000_000, "cache_read": 125_000_000,
               "cache_write": 250_000_000, "cache_write_long": 250_000_000},
    "gemini-2.5-flash": {"input": 30_000_000, "output": 250_000_000, "cache_read": 3_000_000},
    "gemini-2.5-pro": {"input": 125_000_000, "output": 1_000_000_000, "cache_read": 12_500_000},
    "gemini-3-flash-preview": {"input": 50_000_000, "output": 300_000_000, "cache_read": 5_000_000},
    "gemini-embedding-001": {"input": 15_000_000, "output": 0},
    "gpt-4-turbo": {"input": 1_000_000_000, "output": 3_000_000_000},
    "text-embedding-3-small": {"input": 2_000_000, "output": 0},
    "gpt-6.1-sol": {"input": 200_000_000, "output": 1_000_000_000, "cache_read": 10_000_000,
                    "cache_write": 250_000_000, "cache_write_long": 500_000_000},
    "claude-opus-4-1": {"input": 1_500_000_000, "output": 7_500_000_000},
}
USD = 100_000_000


class Answer(typing.NamedTuple):
    status: int
    headers: dict
    body: bytes
    whole: bool  # its framing came to its end

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        """(name, data) of an event stream; data decoded where it is JSON."""
        found = []
        for block in self.body.replace(b"\r\n", b"\n").split(b"\n\n"):
            name, data = "", None
            for line in block.decode().split("\n"):
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data = line[5:].strip()
            if data is not None:
                found.append((name, json.loads(data) if data.startswith("{") else data))
        return found

    @property
    def error(self):
        """The error of a refusal, in a body or as the last event."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            last = self.events[-1][1]
            return last.get("error") or last
        return self.json["error"]

    @property
    def reason(self):
        """Why pawl refused, from its own header."""
        mark = self.headers.get("x-pawl", "")
        return dict(part.strip().partition("=")[::2] for part in mark.split(";")).get("reason")

    @property
    def text(self):
        """What the model said."""
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            body = self.json
            if "content" in body:
                return "".join(block.get("text", "") for block in body["content"])
            if "output" in body:
                return "".join(part["text"] for item in body["output"]
                               for part in item.get("content", []))
            return "".join(choice["message"]["content"] for choice in body["choices"])
        parts = []
        for _, data in self.events:
            if isinstance(data, dict) and data.get("type") == "content_block_delta":
                parts.append(data["delta"].get("text", ""))
            elif isinstance(data, dict) and "choices" in data:
                parts += [c["delta"].get("content") or "" for c in data["choices"]]
            elif isinstance(data, dict) and data.get("type") == "response.output_text.delta":
                parts.append(data["delta"])
        return "".join(parts)


class Exchange:
    """One request on a connection of its own."""

    def __init__(self, port, method, path, headers, body):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        head = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "connection: close"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            head.append(f"content-length: {len(body)}")
        self.socket.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + (body or b""))
        self.received = bytearray()

    def read_until(self, mark):
        """Reads until the bytes are there; returns all that came."""
        while mark not in self.received:
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError(f"the connection ended without {mark!r}: {self.received!r}")
            self.received += piece
        return self.received

    def read_some(self, size):
        """At most so many bytes more, as a slow reader takes them."""
        piece = self.socket.recv(size)
        self.received += piece
        return piece

    def hang_up(self):
        """As a client that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def finish(self):
        """Everything until the connection ends."""
        with self.socket:
            try:
                while piece := self.socket.recv(65536):
                    self.received += piece
            except ConnectionError:
                pass
        return parse(bytes(self.received))


def parse(raw):
    if b"\r\n\r\n" not in raw:
        return Answer(0, {}, raw, False)
    head, rest = raw.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(lines[0].split(" ")[1])
    if headers.get("transfer-encoding") == "chunked":
        return Answer(status, headers, *dechunk(rest))
    length = int(headers.get("content-length", len(rest)))
    return Answer(status, headers, rest[:length], len(rest) == length)


def dechunk(raw):
    pieces, at = [], 0
    while (end := raw.find(b"\r\n", at)) >= 0:
        count = int(raw[at:end], 16)
        if count == 0:
            return b"".join(pieces), raw[end:] == b"\r\n\r\n"
        pieces.append(raw[end + 2:end + 2 + count])
        at = end + 2 + count + 2
    return b"".join(pieces), False


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_port(port):
    """Until somebody listens there."""
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX).close()
            return
    raise AssertionError(f"nobody listens on port {port}")


class Host:
    """The process of gateway_host with a data directory of its own."""

    program = [str(ROOT / "build/werror/bin/gateway_host")]

    def __init__(self, provider, folder=None, **options):
        self.provider = provider
        self.folder = folder or tempfile.mkdtemp(prefix="pawl-gateway-")
        self.keep = folder is not None
        self.records_path = pathlib.Path(self.folder) / "records.jsonl"
        base = f"http://127.0.0.1:{provider.port}" if provider else "http://127.0.0.1:9"
        self.environment = options.pop("environment", {})
        self.options = {"anthropic": base, "openai": f"{base}/v1", "gemini": base,
                        "chatgpt": f"{base}/backend-api/codex",
                        "records": self.records_path, **options}
        self.latches = []

    def __enter__(self):
        journal = pathlib.Path(self.folder) / "journal"
        journal.mkdir(exist_ok=True)
        command = [*self.program, str(journal)]
        command += [f"{name}={value}" for name, value in self.options.items() if value is not None]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1,
                                        env=self.variables())
        self.lines = []
        self.arrived = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        ready = self.next_line(lambda line: "port" in line)
        self.port, self.secret = ready["port"], ready["secret"]
        return self

    def variables(self):
        """The environment with this host's own; None takes one away."""
        both = {**os.environ, **self.environment}
        return {name: value for name, value in both.items() if value is not None}

    def __exit__(self, kind, *_):
        if kind is None and self.process.poll() is None:
            self.tell("quit")
            status = self.process.wait(SECONDS_MAX)
            assert status == 0, f"the host ended with {status}"
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- The host's own words ------------------------------------------------------------------

    def listen(self):
        for text in self.process.stdout:
            line = json.loads(text)
            with self.arrived:
                if "latched" in line:
                    self.latches.append(line)
                self.lines.append(line)
                self.arrived.notify_all()
        with self.arrived:
            self.lines.append({"ended": True})
            self.arrived.notify_all()

    def next_line(self, wanted):
        """The first line that is wanted, which is taken away."""
        def find():
            return next((line for line in self.lines if wanted(line) or "ended" in line), None)
        with self.arrived:
            assert self.arrived.wait_for(find, SECONDS_MAX), "the host says nothing"
            line = find()
            assert "ended" not in line, "the host has ended"
            self.lines.remove(line)
            return line

    def tell(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ask(self, line, key):
        self.tell(line)
        return self.next_line(lambda found: key in found)

    def state(self):
        return self.ask("state", "in_flight")

    def settle(self, drain_ms=10_000):
        """Waits until everything is booked."""
        return self.ask(f"settle {drain_ms}", "idle")

    def wait_latched(self):
        return self.next_line(lambda line: "latched" in line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    # --- What was written down -----------------------------------------------------------------

    def records(self, kind=None):
        text = self.records_path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
        return [row for row in rows if kind is None or row["type"] == kind]

    def settlements(self):
        """What each call was settled with, in order of the settlements."""
        return [row for row in self.records() if row["type"] in ("COMMIT", "RELEASE", "CORRECT")]

    def notes(self):
        return [row["metadata"] for row in self.records("NOTE")]

    def spent(self):
        return self.state()["USD_MICROCENTS"]["spent"]

    # --- Requests ------------------------------------------------------------------------------

    def open(self, path, body=None, method="POST", **headers):
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            names.setdefault("content-type", "application/json")
        return Exchange(self.port, method, f"/{self.secret}/{path}", names, raw)

    def post(self, path, body=None, **headers):
        return self.open(path, body, **headers).finish()

    def get(self, path, method="GET", **headers):
        return self.open(path, None, method=method, **headers).finish()

    def call(self, dialect, **fields):
        return self.post(PATH[dialect], request(dialect, **fields))

    def start(self, dialect, **fields):
        return self.open(PATH[dialect], request(dialect, **fields))


def gemini_path(stream, model=GEMINI, version="v1beta/", alt="alt=sse"):
    verb = "streamGenerateContent" if stream else "generateContent"
    return f"gemini/{version}models/{model}:{verb}" + (f"?{alt}" if stream and alt else "")


def gemini_request(text="Fix the failing test, please.", **fields):
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}
    return {key: value for key, value in body.items() if value is not None}


def request(dialect, text="Fix the failing test, please.", **fields):
    said = [{"role": "user", "content": text}]
    body = {"model": MODEL[dialect], "input" if dialect == "responses" else "messages": said}
    if dialect == "anthropic":
        body["max_tokens"] = 1024
    body.update(fields)
    return {key: value for key, value in body.items() if value is not None}


@contextlib.contextmanager
def world(script=None, **options):
    """A provider and a host in front of it."""
    with scripted.Provider() as provider:
        provider.control(prices=PRICES, default=script or {})
        options.setdefault("usd", USD)
        with Host(provider, **options) as host:
            yield provider, host


def settled_books(provider, host):
    """Both sides' totals when nothing is open any more: (pawl's, the provider's)."""
    host.settle()
    return host.spent(), provider.ledger()["total"]["microcents"]


def check_books(provider, host):
    """To the microcent, and nothing beyond the cap."""
    booked, billed = settled_books(provider, host)
    rows = json.dumps(provider.ledger()["calls"], indent=1)
    assert booked == billed, f"pawl booked {booked}, the provider billed {billed}\n{rows}"
    state = host.state()
    assert state["overshoot"] == 0 and state["USD_MICROCENTS"]["held"] == 0, state
    return booked
