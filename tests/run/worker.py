#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""worker.py DIALECT [WORD…]: an agent that works in turns: it asks, "runs" every tool that the
answer calls (each says "ok"), and asks again with the results, until an answer calls none.

    DIALECT       anthropic, chat, responses or gemini
    stream        answers come as streams
    again         where it is told to go on it does, with a word for the model in between
    hook          it asks `pawl hook claude` before each tool, and takes no for the tool's result
    beside        a second conversation goes on in between, without tools
    listen        it waits for a line on stdin in front of every call
    hasty         it says that it waits for 11 s only

For each answer one line: "phase NAME", as the answer's header has it, or "refused MESSAGE".
"""
import http.client
import json
import os
import subprocess
import sys
import urllib.parse

BASES = {"anthropic": "ANTHROPIC_BASE_URL", "chat": "OPENAI_BASE_URL",
         "responses": "OPENAI_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL"}
PATHS = {"anthropic": "/v1/messages", "chat": "/chat/completions", "responses": "/responses"}
MODELS = {"anthropic": "claude-sonnet-4-5", "chat": "gpt-4o", "responses": "gpt-4o",
          "gemini": "gemini-2.5-flash"}


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Conversation:
    """What was said, in the form of each dialect."""

    def __init__(self, dialect, first):
        self.dialect = dialect
        self.items = []
        self.user(first)

    def user(self, text):
        if self.dialect == "gemini":
            self.items.append({"role": "user", "parts": [{"text": text}]})
        else:
            self.items.append({"role": "user", "content": text})

    def body(self, stream):
        tool = {"type": "object", "properties": {"command": {"type": "string"}}}
        if self.dialect == "gemini":
            return {"contents": self.items, "generationConfig": {"maxOutputTokens": 300},
                    "tools": [{"functionDeclarations": [{"name": "shell", "parameters": tool}]}]}
        body = {"model": MODELS[self.dialect], "stream": stream}
        if self.dialect == "anthropic":
            return {**body, "max_tokens": 300, "messages": self.items,
                    "tools": [{"name": "Bash", "input_schema": tool}]}
        function = {"name": "shell", "parameters": tool}
        if self.dialect == "chat":
            return {**body, "max_completion_tokens": 300, "messages": self.items,
                    "tools": [{"type": "function", "function": function}]}
        return {**body, "max_output_tokens": 300, "input": self.items,
                "tools": [{"type": "function", **function}]}

    def take(self, answer, verdict):
        """Adds the answer and the results of its tools; returns how many it called."""
        count = 0
        if self.dialect == "anthropic":
            uses = [block for block in answer["content"] if block["type"] == "tool_use"]
            self.items.append({"role": "assistant", "content": answer["content"]})
            results = [{"type": "tool_result", "tool_use_id": use["id"],
                        "content": verdict(use["name"], use["id"], use["input"])} for use in uses]
            if results:
                self.items.append({"role": "user", "content": results})
            count = len(uses)
        elif self.dialect == "chat":
            message = answer["choices"][0]["message"]
            self.items.append(message)
            for call in message.get("tool_calls") or []:
                self.items.append({"role": "tool", "tool_call_id": call["id"], "content": "ok"})
                count += 1
        elif self.dialect == "responses":
            self.items += answer["output"]
            for item in answer["output"]:
                if item["type"] == "function_call":
                    self.items.append({"type": "function_call_output", "call_id": item["call_id"],
                                       "output": "ok"})
                    count += 1
        else:
            parts = answer["candidates"][0]["content"]["parts"]
            self.items.append({"role": "model", "parts": parts})
            results = [{"functionResponse": {"name": part["functionCall"]["name"],
                                             "response": {"output": "ok"}}}
                       for part in parts if "functionCall" in part]
            if results:
                self.items.append({"role": "user", "parts": results})
            count = len(results)
        return count


def events(text):
    for block in text.replace("\r\n", "\n").split("\n\n"):
        data = [line[5:].strip() for line in block.split("\n") if line.startswith("data:")]
        if data and data[0] != "[DONE]":
            yield json.loads("".join(data))


def joined(dialect, text):
    """The whole answer of a stream; None where it was cut."""
    content, pieces, calls, parts, done = [], [], {}, [], None
    for event in events(text):
        if "error" in event and event.get("error"):
            return None
        if dialect == "anthropic":
            if event["type"] == "content_block_start":
                content.append(dict(event["content_block"]))
                pieces.append("")
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                pieces[event["index"]] += delta.get("text", "") + delta.get("partial_json", "")
            elif event["type"] == "message_stop":
                for block, piece in zip(content, pieces):
                    block["text" if block["type"] == "text" else "input"] = (
                        piece if block["type"] == "text" else json.loads(piece))
                done = {"content": content}
        elif dialect == "chat":
            for choice in event["choices"]:
                pieces.append(choice["delta"].get("content") or "")
                for call in choice["delta"].get("tool_calls", []):
                    known = calls.setdefault(call["index"], call)
                    if known is not call:
                        known["function"]["arguments"] += call["function"]["arguments"]
                if choice["finish_reason"]:
                    message = {"role": "assistant", "content": "".join(pieces)}
                    if calls:
                        message["tool_calls"] = list(calls.values())
                    done = {"choices": [{"message": message}]}
        elif dialect == "responses":
            if event["type"] == "response.failed":
                return None
            done = event["response"] if event["type"] == "response.completed" else done
        else:
            candidate = event["candidates"][0]
            parts += candidate["content"]["parts"]
            done = {"candidates": [{"content": {"parts": parts}}]}
    return done


class Worker:
    def __init__(self, dialect, words):
        self.dialect = dialect
        self.words = words
        self.told = ""

    def verdict(self, name, identity, arguments):
        if "hook" not in self.words:
            return "ok"
        asked = {"hook_event_name": "PreToolUse", "tool_name": name, "tool_use_id": identity,
                 "tool_input": arguments}
        done = subprocess.run(os.environ["HOOK"].split(), input=json.dumps(asked), text=True,
                              capture_output=True, check=True)
        if not done.stdout:
            return "ok"
        answer = json.loads(done.stdout)
        context = answer["hookSpecificOutput"].get("additionalContext")
        if context is not None:
            say("told", context)
            return "ok"
        say("denied", "stop" if answer.get("continue") is False else "goes on",
            answer["hookSpecificOutput"]["permissionDecisionReason"])
        return "denied"

    def ask(self, conversation):
        """The answer, or None where there is none; says its phase."""
        stream = "stream" in self.words
        if "listen" in self.words:
            sys.stdin.readline()
        parts = urllib.parse.urlsplit(os.environ[BASES[self.dialect]])
        path = PATHS.get(self.dialect)
        if path is None:
            action = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = f"/v1beta/models/{MODELS['gemini']}:{action}"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=100)
        connection.request("POST", parts.path + path, json.dumps(conversation.body(stream)),
                           {"content-type": "application/json",
                            **({"x-stainless-timeout": "11"} if "hasty" in self.words else {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            self.told = json.loads(text)["error"]["message"]
            say("refused", answer.status, self.told)
            return None
        say("phase", answer.headers.get("x-pawl-phase"))
        whole = joined(self.dialect, text) if stream else json.loads(text)
        if whole is None:
            self.told = text[-900:].replace("\n", " ")
            say("cut", self.told)
        return whole

    def work(self):
        main = Conversation(self.dialect, "fix the failing test")
        while True:
            if "beside" in self.words:
                self.ask(Conversation(self.dialect, "a title for this conversation"))
            answer = self.ask(main)
            if answer is None and ("again" not in self.words or "go on with" not in self.told):
                return 1
            if answer is None:
                main.user("go on without")
            elif main.take(answer, self.verdict) == 0:
                return 0


if __name__ == "__main__":
    sys.exit(Worker(sys.argv[1], sys.argv[2:]).work())
