# SPDX-License-Identifier: Apache-2.0
"""A scripted model for real coding agents: Anthropic Messages, OpenAI Responses and Gemini on
loopback, in threads of the test's own process.

    with Model(play) as model:      # play(request) -> Turn
        …                           # model.requests has what came

The scripted provider of tests/lib knows how providers misbehave; this one knows what agents
understand: what a shell command and a sub-agent are called in each of them, and how far a
conversation has come. A request's `turn` is the number of answers that its conversation holds
already, so a request that is sent again gets the same turn again.
"""
import dataclasses
import http.server
import json
import threading
import typing

INPUT_TOKENS = 2000


@dataclasses.dataclass
class Turn:
    """One answer."""

    text: str = "All done."
    commands: tuple = ()  # shell commands to run
    agent: str = ""  # a prompt for a sub-agent
    one_script: bool = False  # all commands in one of Codex's scripts
    input_tokens: int = INPUT_TOKENS
    output_tokens: int = 60
    words: int = 0  # more text, streamed piece by piece
    before_end: typing.Optional[typing.Callable] = None  # called before the stream's last event
    status: int = 200  # any other: an error in place of the answer
    cut: bool = False  # the connection breaks after the stream's first two events


# What is called under a ChatGPT plan, and what it tells with each answer.
PLAN = "/backend-api/codex/"
PLAN_WINDOWS = (("x-codex-primary-used-percent", "42"), ("x-codex-primary-window-minutes", "300"),
                ("x-codex-primary-reset-after-seconds", "3600"))


@dataclasses.dataclass
class Request:
    """What came, and what became of it."""

    dialect: str
    path: str
    headers: dict
    body: dict
    thread: str
    turn: int
    sub: bool = False
    side: bool = False  # a title, a router: not the conversation
    tool_results: tuple = ()
    sent: bool = False  # answered to its end
    turn_tokens: int = 0  # what the answer cost


def texts(node):
    """All strings below a node."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)
    elif isinstance(node, dict):
        for item in node.values():
            yield from texts(item)


class Anthropic:
    """Claude Code."""

    name = "anthropic"

    @staticmethod
    def read(path, headers, body):
        messages = body.get("messages", [])
        agent = headers.get("x-claude-code-agent-id", "")
        results = [" ".join(texts(block.get("content", ""))) for message in messages
                   if isinstance(message["content"], list) for block in message["content"]
                   if block.get("type") == "tool_result"]
        return Request("anthropic", path, headers, body, agent or "main",
                       sum(message["role"] == "assistant" for message in messages),
                       sub=bool(agent), side=not body.get("tools"), tool_results=tuple(results))

    @staticmethod
    def tools(turn, number):
        calls = [("Bash", {"command": command, "description": "a step"})
                 for command in turn.commands]
        if turn.agent:
            calls.append(("Agent", {"description": "a part", "prompt": turn.agent,
                                    "subagent_type": "general-purpose"}))
        return [{"type": "tool_use", "id": f"toolu_{number:04}{index}", "name": name,
                 "input": given} for index, (name, given) in enumerate(calls)]

    @staticmethod
    def events(request, turn, number):
        usage = {"input_tokens": turn.input_tokens, "cache_creation_input_tokens": 0,
                 "cache_read_input_tokens": 0, "output_tokens": 1}
        yield {"type": "message_start", "message": {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "content": [],
            "model": request.body["model"], "stop_reason": None, "stop_sequence": None,
            "usage": usage}}
        yield {"type": "content_block_start", "index": 0,
               "content_block": {"type": "text", "text": ""}}
        for piece in pieces(turn):
            yield {"type": "content_block_delta", "index": 0,
                   "delta": {"type": "text_delta", "text": piece}}
        yield {"type": "content_block_stop", "index": 0}
        calls = Anthropic.tools(turn, number)
        for index, call in enumerate(calls, 1):
            yield {"type": "content_block_start", "index": index,
                   "content_block": {**call, "input": {}}}
            yield {"type": "content_block_delta", "index": index,
                   "delta": {"type": "input_json_delta",
                             "partial_json": json.dumps(call["input"])}}
            yield {"type": "content_block_stop", "index": index}
        yield {"type": "message_delta",
               "delta": {"stop_reason": "tool_use" if calls else "end_turn",
                         "stop_sequence": None},
               "usage": {"output_tokens": turn.output_tokens}}
        yield {"type": "message_stop"}

    @staticmethod
    def encode(event):
        return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


class Responses:
    """Codex. It runs commands from scripts for its one tool `exec`."""

    name = "responses"

    @staticmethod
    def read(path, headers, body):
        items = body.get("input", [])
        calls = [item for item in items
                 if item.get("type") in ("custom_tool_call", "function_call")
                 or (item.get("type") == "message" and item.get("role") == "assistant")]
        results = [" ".join(texts(item.get("output", ""))) for item in items
                   if item.get("type", "").endswith("_call_output")]
        thread = headers.get("thread-id", "main")
        answers = {item.get("id", "").rsplit("_", 1)[0] for item in calls}
        return Request("responses", path, headers, body, thread, len(answers),
                       sub="x-openai-subagent" in headers,
                       side="format" in (body.get("text") or {}), tool_results=tuple(results))

    @staticmethod
    def items(turn, number):
        yield {"type": "message", "id": f"msg_{number}_0", "role": "assistant",
               "status": "completed",
               "content": [{"type": "output_text", "text": "".join(pieces(turn)),
                            "annotations": []}]}
        scripts = [f"text(await tools.exec_command({{cmd: {json.dumps(command)}}}));\n"
                   for command in turn.commands]
        if turn.one_script:
            scripts = ["".join(scripts)]
        for index, script in enumerate(scripts, 1):
            yield {"type": "custom_tool_call", "id": f"msg_{number}_{index}",
                   "call_id": f"call_{number}_{index}", "name": "exec", "input": script}
        if turn.agent:
            yield {"type": "function_call", "id": f"msg_{number}_9",
                   "call_id": f"call_{number}_9", "name": "spawn_agent",
                   "namespace": "collaboration",
                   "arguments": json.dumps({"task_name": "part", "message": turn.agent})}

    @staticmethod
    def events(request, turn, number):
        response = {"id": f"resp_{number}", "object": "response", "created_at": 1790000000,
                    "model": request.body["model"], "status": "in_progress", "output": []}
        yield {"type": "response.created", "response": response}
        output = list(Responses.items(turn, number))
        yield {"type": "response.output_item.added", "output_index": 0,
               "item": {**output[0], "content": [], "status": "in_progress"}}
        for piece in pieces(turn):
            yield {"type": "response.output_text.delta", "item_id": output[0]["id"],
                   "output_index": 0, "content_index": 0, "delta": piece}
        for index, item in enumerate(output):
            if index:
                yield {"type": "response.output_item.added", "output_index": index,
                       "item": item}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        usage = {"input_tokens": turn.input_tokens, "input_tokens_details": {"cached_tokens": 0},
                 "output_tokens": turn.output_tokens,
                 "output_tokens_details": {"reasoning_tokens": 0},
                 "total_tokens": turn.input_tokens + turn.output_tokens}
        yield {"type": "response.completed",
               "response": {**response, "status": "completed", "output": output, "usage": usage}}

    encode = Anthropic.encode


class Gemini:
    """Gemini CLI."""

    name = "gemini"

    @staticmethod
    def read(path, headers, body):
        contents = body.get("contents", [])
        results = [" ".join(texts(part["functionResponse"].get("response", {})))
                   for content in contents for part in content.get("parts", [])
                   if "functionResponse" in part]
        declared = {function["name"] for tool in body.get("tools", [])
                    for function in tool.get("functionDeclarations", [])}
        sub = "complete_task" in declared
        return Request("gemini", path, headers, body, "sub" if sub else "main",
                       sum(content.get("role") == "model" for content in contents), sub=sub,
                       side=not declared, tool_results=tuple(results))

    @staticmethod
    def events(request, turn, number):
        def chunk(parts, output, finish=None):
            candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
            if finish:
                candidate["finishReason"] = finish
            return {"candidates": [candidate], "responseId": f"resp_{number}",
                    "modelVersion": request.path.rsplit("/", 1)[1].split(":")[0],
                    "usageMetadata": {"promptTokenCount": turn.input_tokens,
                                      "candidatesTokenCount": output,
                                      "totalTokenCount": turn.input_tokens + output}}

        for piece in pieces(turn):
            yield chunk([{"text": piece}], 1)
        calls = [{"functionCall": {"name": "run_shell_command",
                                   "args": {"command": command, "description": "a step"}}}
                 for command in turn.commands]
        if turn.agent:
            calls.append({"functionCall": {"name": "invoke_agent", "args": {
                "agent_name": "generalist", "prompt": turn.agent}}})
        if request.sub and not calls:
            calls.append({"functionCall": {"name": "complete_task",
                                           "args": {"result": turn.text}}})
        for call in calls:
            yield chunk([call], turn.output_tokens)
        yield chunk([{"text": ""}], turn.output_tokens, "STOP")

    @staticmethod
    def encode(event):
        return f"data: {json.dumps(event)}\r\n\r\n"


def pieces(turn):
    """The answer's text as it comes."""
    yield turn.text
    for index in range(turn.words):
        yield f" word{index:05}"


def dialect_of(path):
    if path.endswith("/messages"):
        return Anthropic
    if path.endswith("/responses"):
        return Responses
    if path.endswith(("GenerateContent", "generateContent")):
        return Gemini
    return None


class Model:
    """A server on a port of its own, gone with the block."""

    def __init__(self, play):
        self.play = play
        self.requests = []
        self.free = []  # (method, path) of what costs nothing
        self.changed = threading.Condition()

    def __enter__(self):
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                model.free.append((self.command, self.path))
                self.whole(200, {"data": [], "models": []})

            do_HEAD = do_GET

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                model.post(self, json.loads(body or b"{}"))

            def whole(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def await_requests(self, enough, timeout_s=60):
        """Until enough(requests)."""
        with self.changed:
            assert self.changed.wait_for(lambda: enough(self.requests), timeout_s), (
                f"only {[(r.thread, r.turn) for r in self.requests]}")

    def post(self, handler, body):
        path = handler.path.split("?")[0]
        dialect = dialect_of(path)
        if dialect is None:
            self.free.append(("POST", path))
            return handler.whole(200, {"input_tokens": 10, "totalTokens": 10})
        if path.startswith(PLAN) and "max_output_tokens" in body:
            return handler.whole(400, {"detail": "Unsupported parameter: max_output_tokens"})
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = dialect.read(path, headers, body)
        with self.changed:
            number = len(self.requests) + 1
            self.requests.append(request)
            self.changed.notify_all()
        turn = side_turn(request) if request.side else self.play(request)
        request.turn_tokens = turn.input_tokens + turn.output_tokens
        if turn.status != 200:
            return handler.whole(turn.status, {"error": {"message": "scripted overload",
                                                         "type": "server_error"}})
        if path.endswith("generateContent"):
            request.sent = True
            return handler.whole(200, list(dialect.events(request, turn, number))[-1])
        return self.stream(handler, dialect, request, turn, number)

    def stream(self, handler, dialect, request, turn, number):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        for name, value in PLAN_WINDOWS if request.path.startswith(PLAN) else ():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            events = list(dialect.events(request, turn, number))
            for event in events[:2] if turn.cut else events:
                if event is events[-1] and turn.before_end is not None:
                    turn.before_end()
                data = dialect.encode(event).encode()
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                handler.wfile.flush()
            if turn.cut:
                raise ConnectionResetError
            handler.wfile.write(b"0\r\n\r\n")
            request.sent = True
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True


def side_turn(request):
    """Titles and routers want JSON."""
    if request.dialect == "gemini":
        return Turn(text=json.dumps({"complexity_reasoning": "small", "complexity_score": 10,
                                     "model_choice": "flash", "reasoning": "small"}))
    return Turn(text=json.dumps({"title": "A title"}))
