#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted provider of all dialects, each in a file provider_*.py of its own.

    provider.py [--port 0] [--port-file FILE] [--script FILE] [--seed N]

It behaves like a real one (counts input, honours the output ceiling, streams, reports usage)
until a script tells it otherwise, and it keeps a ledger of what it bills: the truth that
pawl's figures are compared with. Only Python's standard library.

    POST /control   a script, merged over the one before: {"default": {…}, "models": {"m": {…}},
                    "queue": [{…}, …], "prices": {"m": {…}}}; each call takes the default's
                    fields, its model's over them, and the next of the queue over both
    GET  /ledger    {"calls": [...], "total": {...}, "open": n, "peak": n}
    GET  /bodies    {"bodies": [...]}: what was asked, call by call
    GET  /wait?calls=N&open=M   answers once at least N calls have come and at most M are open
    POST /reset     forgets script and ledger

Fields of a script (all optional):
    reply_tokens    N, or {"low": a, "high": b}, or {"median": m, "sigma": s} (log-normal)
    bytes_per_token how long a token of the reply's text is (4); 0: a word, which is one of
                    o200k_base, too
    tokens_per_event how many tokens an event of a stream carries (8)
    input_tokens    what is billed as input, whatever was sent
    cache_read, cache_write_5m, cache_write_1h, reasoning     parts of usage
    tool_calls      so many in the answer; tool_names, tool_inputs (objects)
    first_ms, pace_ms   before the first byte; between events
    chunking        "event" (one write an event), "byte", "lines", "joined", or a number of bytes
    newline         "\\n" or "\\r\\n"
    usage           "normal", "none", "strings", "null", "float", "early" (only in the first event),
                    {"output": N, …} (a lie: reported in place of the truth and billed)
    ignore_max      true: does not honour the ceiling
    status, headers, body     an answer in place of a completion (no body: "")
    content_type    what the answer calls itself; in_one_piece: though a stream was asked for
    error_after     an error event after so many events
    cut_after       the connection breaks after so many events; cut_head: before the head
    hang_after      nothing more after so many events (until the client leaves); hang_head
    stop_after      [N, …]: waits after so many events, at the first until a script has said
                    {"go": 1}, at the second until {"go": 2}, …
    coding          "gzip": compressed although identity was asked for
    answer_model    the name in the answer, where it differs from the one asked for
    service_tier    what it was served at; "priority" is billed twice
    bill            "sent" (a stream that is left early is billed for what was sent, the default)
                    or "full" (for all that it would have been)
"""
import argparse
import asyncio
import gzip
import json
import random
import sys

import provider_gemini
from provider_anthropic import Anthropic
from provider_openai import Embeddings, OpenAI, Responses

WORDS = "the test still fails so I will look at the code again and try one more change ".split()
TOKENS_PER_MTOK = 1_000_000


def count_input(body):
    """Tokens of a request: one for four bytes of its texts, and four for each message."""
    def texts(node):
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            for item in node:
                yield from texts(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("content", "text", "system", "tools", "description", "input",
                           "arguments", "input_schema", "parameters", "properties", "function",
                           "output", "summary"):
                    yield from texts(value)
    messages = body.get("messages", body.get("input", []))
    messages = messages if isinstance(messages, list) else [messages]
    parts = [body.get("system", ""), body.get("instructions") or "", body.get("tools", []),
             *(m.get("content", m) if isinstance(m, dict) else m for m in messages)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for part in parts for text in texts(part))
    return max(1, size // 4 + 4 * len(messages))


def ceil_div(a, b):
    return -(-a // b)


class Call:
    """One request: what will be answered, what was sent of it, what is billed."""

    def __init__(self, number, dialect, path, body, script, rng):
        self.number = number
        self.dialect = dialect
        self.path = path
        self.body = body
        self.script = script
        self.model = body.get("model", "")
        self.answer_model = script.get("answer_model", self.model)
        self.stream = bool(body.get("stream"))
        self.ceiling = (body.get("max_tokens") or body.get("max_completion_tokens")
                        or body.get("max_output_tokens"))
        self.input = script.get("input_tokens", count_input(body))
        self.wanted = self.draw(script.get("reply_tokens", 120), rng)
        if dialect == "embeddings":
            self.wanted = 0
        self.planned = self.wanted
        if self.ceiling and not script.get("ignore_max"):
            self.planned = min(self.wanted, self.ceiling)
        self.truncated = self.planned < self.wanted
        self.sent_tokens = 0
        self.complete = False
        self.status = 200
        self.billed = None

    @staticmethod
    def draw(spec, rng):
        if isinstance(spec, dict) and "median" in spec:
            return max(1, int(spec["median"] * rng.lognormvariate(0, spec.get("sigma", 1))))
        if isinstance(spec, dict):
            return rng.randint(spec["low"], spec["high"])
        return int(spec)

    def text(self, first, count):
        width = self.script.get("bytes_per_token", 4)
        pieces = []
        for i in range(first, first + count):
            if width == 0:
                pieces.append(" " + WORDS[i % len(WORDS)])
                continue
            word = WORDS[i % len(WORDS)][: max(1, width - 1)]
            pieces.append(word.ljust(width - 1, "-") + " " if width > 1 else "x")
        return "".join(pieces)

    def usage_parts(self):
        """Disjoint parts of what is billed now."""
        script = self.script
        output = self.planned if self.complete or script.get("bill") == "full" else self.sent_tokens
        if not self.stream:
            output = self.planned
        lie = script.get("usage") if isinstance(script.get("usage"), dict) else {}
        return {
            "input": lie.get("input", self.input) + script.get("tool_tokens", 0),
            "cache_read": lie.get("cache_read", script.get("cache_read", 0)),
            "cache_write_5m": script.get("cache_write_5m", 0),
            "cache_write_1h": script.get("cache_write_1h", 0),
            "output": lie.get("output", output),
            "reasoning": script.get("reasoning", 0),
        }

    def tool_input(self, i):
        """The arguments of the answer's tool call of that number."""
        inputs = self.script.get("tool_inputs") or [{"command": f"make test # {i}"}]
        return inputs[i % len(inputs)]

    def odd(self, count):
        """A count as the script has usage told: as text, as a fraction, not at all."""
        how = self.script.get("usage", "normal")
        if isinstance(how, dict):
            return count
        return {"strings": str(count), "float": float(count), "null": None}.get(how, count)

    def fees(self):
        """What Google asks for searches: each different query, or the prompt in older models."""
        different = len({query for query in self.script.get("queries", []) if query.strip()})
        old = self.model.startswith("gemini-2")
        return 3_500_000 * min(different, 1) if old else 1_400_000 * different

    def record(self, prices):
        row = {"call": self.number, "dialect": self.dialect, "path": self.path, "model": self.model,
               "stream": self.stream, "ceiling": self.ceiling, "status": self.status,
               "complete": self.complete, "billed": self.billed,
               "named": self.body.get("google", self.body).get("model")}
        price = prices.get(self.answer_model) or prices.get(self.model)
        if self.billed and price:
            factor = 2 if self.script.get("service_tier") == "priority" else 1
            row["microcents"] = sum(
                ceil_div(self.billed[part] * price[kind] * factor, TOKENS_PER_MTOK)
                for part, kind in (("input", "input"), ("cache_read", "cache_read"),
                                   ("cache_write_5m", "cache_write"),
                                   ("cache_write_1h", "cache_write_long"), ("output", "output"))
                if self.billed[part])
            row["microcents"] += self.fees()
        return row


# By the end of a path: what a call is named in the ledger, and who answers it.
DIALECTS = {"/messages": ("anthropic", Anthropic), "/chat/completions": ("openai", OpenAI),
            "/responses": ("responses", Responses), "/embeddings": ("embeddings", Embeddings)}


class Provider:
    def __init__(self, seed):
        self.seed = seed
        self.reset()
        self.changed = asyncio.Condition()

    def reset(self):
        self.rng = random.Random(self.seed)
        self.script = {"default": {}, "models": {}, "queue": [], "prices": {}}
        self.calls = []
        self.open = 0
        self.peak = 0
        self.other = []
        self.go = 0

    def merge(self, update):
        for key in ("models", "prices"):
            self.script[key].update(update.get(key, {}))
        for key in ("default", "queue"):
            if key in update:
                self.script[key] = update[key]
        self.go = update.get("go", self.go)

    def script_for(self, model):
        script = {**self.script["default"], **self.script["models"].get(model, {})}
        if self.script["queue"]:
            script.update(self.script["queue"].pop(0))
        return script

    def ledger(self):
        rows = [call.record(self.script["prices"]) for call in self.calls]
        total = {"calls": len(rows), "microcents": sum(row.get("microcents", 0) for row in rows),
                 "tokens": sum(sum(v for k, v in row["billed"].items() if k != "reasoning")
                               for row in rows if row["billed"])}
        return {"calls": rows, "total": total, "open": self.open, "peak": self.peak,
                "other": self.other}

    async def tell(self):
        async with self.changed:
            self.changed.notify_all()

    # --- HTTP ---------------------------------------------------------------------------------

    async def serve(self, reader, writer):
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def exchange(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                headers[name.strip().lower()] = value.strip()
        body = await self.read_body(reader, writer, headers)
        path = target.split("?", 1)[0]
        if path == "/control":
            self.merge(json.loads(body))
            await self.tell()
            return await self.answer(writer, 200, {})
        if path == "/reset":
            self.reset()
            return await self.answer(writer, 200, {})
        if path == "/ledger":
            return await self.answer(writer, 200, self.ledger())
        if path == "/bodies":
            return await self.answer(writer, 200, {"bodies": [call.body for call in self.calls]})
        if path == "/wait":
            return await self.wait(writer, target)
        return await self.model_call(reader, writer, method, target, headers, body)

    async def read_body(self, reader, writer, headers):
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(await reader.readline(), 16)
                body += await reader.readexactly(size)
                await reader.readexactly(2)
                if size == 0:
                    return body
        return await reader.readexactly(int(headers.get("content-length", 0)))

    async def answer(self, writer, status, body, headers=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Scripted", f"content-length: {len(raw)}"]
        lines += [f"{k}: {v}" for k, v in {"content-type": "application/json",
                                           **(headers or {})}.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
        await writer.drain()
        return True

    async def wait(self, writer, target):
        query = dict(part.split("=") for part in target.split("?", 1)[1].split("&"))
        calls, still_open = int(query.get("calls", 0)), int(query.get("open", 1 << 30))
        async with self.changed:
            await self.changed.wait_for(
                lambda: len(self.calls) >= calls and self.open <= still_open)
        return await self.answer(writer, 200, {"calls": len(self.calls), "open": self.open})

    # --- Completions --------------------------------------------------------------------------

    async def model_call(self, reader, writer, method, target, headers, raw):
        path = target.split("?", 1)[0]
        suffix = next((s for s in DIALECTS if path.endswith(s)), None)
        google = provider_gemini.is_call(path)
        if method != "POST" or (suffix is None and not google):
            self.other.append({"method": method, "path": path, "bytes": len(raw)})
            if path.endswith("/count_tokens"):
                return await self.answer(writer, 200, {"input_tokens": len(raw) // 4})
            free = provider_gemini.free_answer(path, raw)
            return await self.answer(writer, 200, free or {"object": "list", "data": []})
        name, api = provider_gemini.api_of(path) if google else DIALECTS[suffix]
        body = json.loads(raw)
        if google:
            body = provider_gemini.translate(target, body)
        call = Call(len(self.calls) + 1, name, path, body,
                    self.script_for(body.get("model", "")), self.rng)
        self.calls.append(call)
        self.open += 1
        self.peak = max(self.peak, self.open)
        await self.tell()
        try:
            return await self.complete(reader, writer, api, call)
        finally:
            self.open -= 1
            await self.tell()

    async def complete(self, reader, writer, api, call):
        script = call.script
        await asyncio.sleep(script.get("first_ms", 0) / 1000)
        if script.get("hang_head"):
            call.billed = call.usage_parts() if script.get("bill") == "full" else None
            await reader.read(1)
            return False
        if script.get("cut_head"):
            writer.transport.abort()
            return False
        if "status" in script and script["status"] != 200:
            call.status = script["status"]
            body = script.get("body", api.error_body(call.status))
            return await self.answer(writer, call.status, b"" if body == "" else body,
                                     script.get("headers"))
        if call.stream and not script.get("in_one_piece"):
            return await self.stream(reader, writer, api, call)
        call.complete = True
        call.billed = call.usage_parts()
        raw = json.dumps(api.whole(call)).encode()
        extra = dict(script.get("headers", {}))
        if "content_type" in script:
            extra["content-type"] = script["content_type"]
        if script.get("coding") == "gzip":
            raw, extra["content-encoding"] = gzip.compress(raw), "gzip"
        if "cut_after" in script:
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                         f"{len(raw)}\r\n\r\n".encode() + raw[: len(raw) // 2])
            await writer.drain()
            writer.transport.abort()
            return False
        return await self.answer(writer, 200, raw, extra)

    async def stream(self, reader, writer, api, call):
        script = call.script
        framed = hasattr(api, "frame")
        kind = script.get("content_type",
                          api.content_type(call) if framed else "text/event-stream")
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"
                     "transfer-encoding: chunked\r\n\r\n".encode())
        gone = asyncio.ensure_future(reader.read(1))
        newline = script.get("newline", "\n")
        count = 0
        call.billed = call.usage_parts()
        try:
            for name, data, tokens in api.events(call):
                if count == script.get("error_after"):
                    name, data = api.error_event()
                if count == script.get("cut_after"):
                    await writer.drain()
                    writer.transport.abort()
                    return False
                if count == script.get("hang_after"):
                    await gone
                    return False
                await self.stop(script, count)
                text = data if isinstance(data, str) else json.dumps(data)
                event = f"event: {name}{newline}" if name else ""
                event += f"data: {text}{newline}{newline}"
                if framed:
                    event = api.frame(call, count, text, newline)
                await self.write(writer, event.encode(), script.get("chunking", "event"))
                call.sent_tokens += tokens
                call.billed = call.usage_parts()
                if count == script.get("error_after"):
                    break
                count += 1
                if gone.done():
                    return False
                if script.get("pace_ms"):
                    await asyncio.wait([gone], timeout=script["pace_ms"] / 1000)
            if count == script.get("hang_after"):
                await gone
                return False
            if framed and api.end(call):
                await self.write(writer, api.end(call).encode(), "event")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return not gone.done()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def stop(self, script, count):
        stops = script.get("stop_after", [])
        if count in stops:
            async with self.changed:
                await self.changed.wait_for(lambda: self.go > stops.index(count))

    @staticmethod
    async def write(writer, raw, how):
        if how == "byte":
            parts = [raw[i:i + 1] for i in range(len(raw))]
        elif how == "lines":
            parts = raw.splitlines(keepends=True)
        elif isinstance(how, int):
            parts = [raw[i:i + how] for i in range(0, len(raw), how)]
        else:
            parts = [raw]
        for part in parts:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            if how != "joined":
                await writer.drain()


async def main():
    parser = argparse.ArgumentParser(description="A scripted provider.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--script")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    provider = Provider(options.seed)
    if options.script:
        with open(options.script, encoding="utf-8") as file:
            provider.merge(json.load(file))
    server = await asyncio.start_server(provider.serve, "127.0.0.1", options.port,
                                        limit=128 << 20)
    port = server.sockets[0].getsockname()[1]
    if options.port_file:
        with open(options.port_file, "w", encoding="utf-8") as file:
            file.write(f"{port}\n")
    print(f"listening on {port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
