#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agent.py STEP…: an agent that does what its arguments say, one after the other.

    call[:N]      a call of the Messages API for at most N output tokens (200), in one piece
    stream[:N]    the same as a stream, read to its end
    part[:N]      the first event of a stream, which is left open
    until         calls until one is refused
    together:N    N calls at once; for each "done" or "refused", when all have an answer
    tools         the calls that follow have a tool, and a use of it behind them
    chat          they are Chat Completions; likewise responses, gemini
    prompt:N      they have N thousand words more to read
    timeout:N     they say that their client waits N seconds
    header:NAME:VALUE   of the calls that follow
    env:NAME      the variable's value on stdout, or "none"
    file:NAME     the contents of the file that it names, in one line
    leave         a call whose client goes away after a moment without an answer
    model:NAME    for the calls that follow
    say:WORD      a line on stdout
    listen        a line from stdin, repeated on stdout as "heard …"
    raw           the terminal into raw mode, as full-screen programs do
    deaf          ignores TERM and HUP
    on:SIG:STATUS exits with STATUS when the signal comes
    daemon        a process that forked twice into a session of its own, deaf to TERM and HUP
    tool          a child in a session of its own, deaf likewise
    pids          "pids", its parent's, its own, its process group's and its session's, on stdout
    wait          until it is killed
    exit:STATUS

A refused call prints "refused", the status and the message, and is status 1 at the end; whatever
else goes wrong is status 9.
"""
import http.client
import json
import os
import signal
import sys
import tty
import urllib.parse

LINGERING = []
WORK = "work " * 400


def say(*words):
    """In one write: a handler of a signal may speak while a line is on its way, and a buffered
    stream does not bear that."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def wait():
    while True:
        signal.pause()


class Agent:
    def __init__(self):
        self.model = "claude-sonnet-4-5"
        self.status = 0
        self.dialect = "messages"
        self.tools = False
        self.headers = {}
        self.more = ""

    def chat_body(self, tokens, stream):
        use = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        body = {"model": self.model, "max_tokens": tokens, "stream": stream,
                "messages": [{"role": "user", "content": WORK + self.more}]}
        if self.tools:
            body["tools"] = [{"type": "function", "function": {"name": "look"}}]
            body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [use]},
                                 {"role": "tool", "tool_call_id": "t1", "content": "nothing"}]
        return body

    def messages_body(self, tokens, stream):
        body = {"model": self.model, "max_tokens": tokens, "stream": stream,
                "messages": [{"role": "user", "content": WORK + self.more}]}
        if self.tools:
            body["tools"] = [{"name": "look", "input_schema": {"type": "object"}}]
            body["messages"] += [
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "nothing"}]}]
        return body

    def responses_body(self, tokens, stream):
        body = {"model": self.model, "max_output_tokens": tokens, "stream": stream, "input": WORK}
        if self.tools:
            body["tools"] = [{"type": "function", "name": "look", "parameters": {}}]
            body["input"] = [{"role": "user", "content": WORK},
                             {"type": "function_call", "call_id": "t1", "name": "look",
                              "arguments": "{}"},
                             {"type": "function_call_output", "call_id": "t1", "output": "no"}]
        return body

    def gemini_body(self, tokens, _):
        body = {"contents": [{"role": "user", "parts": [{"text": WORK}]}],
                "generationConfig": {"maxOutputTokens": tokens}}
        if self.tools:
            call = {"name": "look", "args": {}}
            body["tools"] = [{"functionDeclarations": [{"name": "look"}]}]
            body["contents"] += [
                {"role": "model", "parts": [{"functionCall": call}]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "look", "response": {"found": "no"}}}]}]
        return body

    def body(self, tokens, stream):
        return getattr(self, self.dialect + "_body")(tokens, stream)

    def connect(self, stream=False):
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        base, tail = {"messages": ("ANTHROPIC_BASE_URL", "/v1/messages"),
                      "chat": ("OPENAI_BASE_URL", "/chat/completions"),
                      "responses": ("OPENAI_BASE_URL", "/responses"),
                      "gemini": ("GOOGLE_GEMINI_BASE_URL",
                                 f"/v1beta/models/{self.model}:{verb}")}[self.dialect]
        parts = urllib.parse.urlsplit(os.environ[base])
        return (http.client.HTTPConnection(parts.hostname, parts.port, timeout=100),
                parts.path + tail)

    def post(self, tokens, stream):
        connection, path = self.connect(stream)
        connection.request("POST", path, json.dumps(self.body(tokens, stream)),
                           {"content-type": "application/json", "x-api-key": "sk-ant-secret",
                            **self.headers})
        answer = connection.getresponse()
        if answer.status != 200:
            message = json.load(answer)["error"]["message"]
            say("refused", answer.status, message)
            self.status = 1
            return None
        LINGERING.append(connection)
        return answer

    def call(self, argument, stream=False):
        answer = self.post(int(argument or 200), stream)
        text = answer.read().decode() if answer else ""
        if "event: error" in text:
            say("refused in mid-stream")
            self.status = 1
            return False
        return answer is not None

    def part(self, argument):
        answer = self.post(int(argument or 200), True)
        if answer:
            LINGERING.append(answer)
            say("first", len(answer.readline()) > 0)

    def together(self, argument):
        """Every request goes out before any answer is read."""
        connections = []
        for _ in range(int(argument)):
            connection, path = self.connect()
            connection.request("POST", path, json.dumps(self.body(200, False)), self.headers)
            connections.append(connection)
        say("sent", len(connections))
        for connection in connections:
            answer = connection.getresponse()
            answer.read()
            say("done" if answer.status == 200 else "refused")

    def leave(self):
        """The request is on its way when the connection ends."""
        connection, path = self.connect()
        connection.request("POST", path, json.dumps(self.body(200, False)), self.headers)
        say("sent", 1)
        sys.stdin.readline()
        connection.close()
        say("left")

    def until(self):
        while self.call(None):
            pass

    def on(self, argument):
        name, status = argument.split(":")
        def leave(*_):
            say("got", name)
            os._exit(int(status))
        signal.signal(getattr(signal, "SIG" + name), leave)

    def step(self, word):
        name, _, argument = word.partition(":")
        if name == "call":
            self.call(argument)
        elif name == "stream":
            self.call(argument, stream=True)
        elif name == "part":
            self.part(argument)
        elif name == "until":
            self.until()
        elif name == "model":
            self.model = argument
        elif name == "prompt":
            self.more = " word" * 1000 * int(argument)
        elif name == "together":
            self.together(argument)
        elif name == "leave":
            self.leave()
        elif name == "tools":
            self.tools = True
        elif name in ("chat", "responses", "gemini"):
            self.dialect = name
        elif name == "header":
            key, _, value = argument.partition(":")
            self.headers[key] = value
        elif name == "env":
            say(argument, os.environ.get(argument, "none"))
        elif name == "file":
            with open(os.environ[argument], encoding="utf-8") as file:
                say("file", file.read().replace("\n", " "))
        elif name == "timeout":
            self.headers["x-stainless-timeout"] = argument
        elif name == "on":
            self.on(argument)
        elif name == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif name == "say":
            say(argument)
        elif name == "listen":
            say("heard", sys.stdin.readline().strip())
        elif name == "raw":
            tty.setraw(0)
            say("raw")
        elif name == "pids":
            say("pids", os.getppid(), os.getpid(), os.getpgrp(), os.getsid(0))
        elif name == "wait":
            wait()
        elif name == "exit":
            sys.exit(int(argument))
        else:
            fork(name)


def fork(kind):
    """A tool or a daemon; it holds every descriptor that the agent holds."""
    read_fd, write_fd = os.pipe()
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if kind == "daemon" and os.fork() != 0:
            os._exit(0)
        os.write(write_fd, b"!")
        wait()
    os.read(read_fd, 1)


def main():
    agent = Agent()
    for word in sys.argv[1:]:
        agent.step(word)
    return agent.status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, KeyError, ValueError, http.client.HTTPException) as trouble:
        say("trouble", repr(trouble))
        sys.exit(9)
