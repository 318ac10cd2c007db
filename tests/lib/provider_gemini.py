# SPDX-License-Identifier: Apache-2.0
"""The scripted provider's Google: generateContent, streamed as events or as a list, embedContent.

What stands in Google's paths and in its generationConfig is put where the provider's Call looks
for it, so that scripts mean the same in every dialect.
"""
import json

VERBS = {"generateContent": False, "streamGenerateContent": True, "embedContent": False,
         "batchEmbedContents": False}
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
            404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def either(node, camel, snake):
    return node.get(camel, node.get(snake))


def verb_of(path):
    return path.rpartition("/")[2].rpartition(":")[2] if ":" in path else ""


def is_call(path):
    return verb_of(path) in VERBS


def translate(target, body):
    """The body as a Call reads it; Google's own under "google"."""
    path, _, query = target.partition("?")
    config = either(body, "generationConfig", "generation_config") or {}
    contents = body.get("contents") or body.get("content") or body.get("requests") or []
    contents = contents if isinstance(contents, list) else [contents]
    system = either(body, "systemInstruction", "system_instruction") or {}
    return {"model": path.rpartition("/")[2].rpartition(":")[0], "stream": VERBS[verb_of(path)],
            "max_tokens": int(either(config, "maxOutputTokens", "max_output_tokens") or 0) or None,
            "messages": [{"content": (c.get("content") or c).get("parts", [])} for c in contents],
            "system": system.get("parts", ""), "tools": body.get("tools", []),
            "sse": "alt=sse" in query, "google": body}


class Gemini:
    @staticmethod
    def usage(call, output):
        parts = call.usage_parts()
        tool = call.script.get("tool_tokens", 0)
        prompt = parts["input"] - tool + parts["cache_read"]
        usage = {"promptTokenCount": call.odd(prompt),
                 "candidatesTokenCount": call.odd(output - parts["reasoning"]),
                 "totalTokenCount": call.odd(prompt + tool + output)}
        if tool:
            usage["toolUsePromptTokenCount"] = call.odd(tool)
        if parts["reasoning"]:
            usage["thoughtsTokenCount"] = call.odd(parts["reasoning"])
        if parts["cache_read"]:
            usage["cachedContentTokenCount"] = call.odd(parts["cache_read"])
        usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": prompt}]
        return None if call.script.get("usage") == "none" else usage

    @staticmethod
    def answer(call, parts, finish, output):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
            if "queries" in call.script:
                candidate["groundingMetadata"] = {"webSearchQueries": call.script["queries"]}
        answer = {"candidates": [candidate], "modelVersion": call.answer_model,
                  "responseId": f"gem-{call.number:08}"}
        usage = Gemini.usage(call, output)
        return answer if usage is None else {**answer, "usageMetadata": usage}

    @staticmethod
    def tools(call):
        names = call.script.get("tool_names", ["run_shell_command"])
        return [{"functionCall": {"name": names[i % len(names)],
                                  "args": call.tool_input(i)}}
                for i in range(call.script.get("tool_calls", 0))]

    @staticmethod
    def finish(call):
        return "MAX_TOKENS" if call.truncated else "STOP"

    @staticmethod
    def whole(call):
        parts = [{"text": call.text(0, call.planned)}, *Gemini.tools(call)]
        return Gemini.answer(call, parts, Gemini.finish(call), call.usage_parts()["output"])

    @staticmethod
    def events(call):
        step = call.script.get("tokens_per_event", 8)
        for first in range(0, call.planned, step):
            count = min(step, call.planned - first)
            yield None, Gemini.answer(call, [{"text": call.text(first, count)}], None,
                                      first + count), count
        for tool in Gemini.tools(call):
            yield None, Gemini.answer(call, [tool], None, call.planned), 0
        call.complete = True
        yield None, Gemini.answer(call, [{"text": ""}], Gemini.finish(call),
                                  call.usage_parts()["output"]), 0

    @staticmethod
    def frame(call, count, text, newline):
        """The bytes of one answer of a stream."""
        if call.body["sse"]:
            return f"data: {text}{newline}{newline}"
        return f"{'[' if count == 0 else ','}{text}{newline}"

    @staticmethod
    def end(call):
        return "" if call.body["sse"] else "]"

    @staticmethod
    def content_type(call):
        return "text/event-stream" if call.body["sse"] else "application/json; charset=UTF-8"

    @staticmethod
    def error_event():
        return None, {"error": {"code": 503, "message": "scripted overload",
                                "status": "UNAVAILABLE"}}

    @staticmethod
    def error_body(status):
        return {"error": {"code": status, "message": f"scripted {status}",
                          "status": STATUSES.get(status, "UNKNOWN")}}


class GeminiEmbed(Gemini):
    @staticmethod
    def whole(call):
        one = {"values": [0.25, -0.5]}
        answer = ({"embeddings": [one for _ in call.body["google"]["requests"]]}
                  if "requests" in call.body["google"] else {"embedding": one})
        if call.script.get("usage") != "none":
            answer["usageMetadata"] = {"promptTokenCount": call.usage_parts()["input"]}
        return answer


def api_of(path):
    embeds = verb_of(path) in ("embedContent", "batchEmbedContents")
    return ("embeddings", GeminiEmbed) if embeds else ("gemini", Gemini)


def free_answer(path, raw):
    """What Google says where nothing is billed; None for another vendor's path."""
    if verb_of(path) == "countTokens":
        return {"totalTokens": len(raw) // 4}
    if "/v1beta/models" in path:
        return {"models": [{"name": "models/gemini-2.5-flash", "inputTokenLimit": 1048576}]}
    return None


def text_of(answer):
    """What the model said in one answer, or in one piece of a stream."""
    return "".join(part.get("text", "") for candidate in answer.get("candidates", [])
                   for part in candidate.get("content", {}).get("parts", []))


def answers_of(body):
    """The answers of a stream, however it was framed."""
    if body.lstrip().startswith(b"["):
        return json.loads(body)
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        block = block.strip()
        bare = not block.startswith(b"data:")  # pawl's last words, a line each
        for data in block.split(b"\n") if bare else [block.removeprefix(b"data:")]:
            if data.strip():
                found.append(json.loads(data))
    return found
