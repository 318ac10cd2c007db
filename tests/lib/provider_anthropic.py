# SPDX-License-Identifier: Apache-2.0
"""The scripted provider's Anthropic: Messages, whole and streamed."""
import json


class Anthropic:
    @staticmethod
    def usage(call, output):
        parts = call.usage_parts()
        usage = {"input_tokens": call.odd(parts["input"]),
                 "cache_creation_input_tokens": parts["cache_write_5m"] + parts["cache_write_1h"],
                 "cache_read_input_tokens": parts["cache_read"],
                 "cache_creation": {"ephemeral_5m_input_tokens": parts["cache_write_5m"],
                                    "ephemeral_1h_input_tokens": parts["cache_write_1h"]},
                 "output_tokens": call.odd(output), "service_tier": "standard"}
        return None if call.script.get("usage") == "none" else usage

    @staticmethod
    def message(call, content, stop, output):
        message = {"id": f"msg_{call.number:08}", "type": "message", "role": "assistant",
                   "model": call.answer_model, "content": content, "stop_reason": stop,
                   "stop_sequence": None}
        usage = Anthropic.usage(call, output)
        return message if usage is None else {**message, "usage": usage}

    @staticmethod
    def tools(call):
        names = call.script.get("tool_names", ["Bash"])
        return [{"type": "tool_use", "id": f"toolu_{call.number}_{i}",
                 "name": names[i % len(names)], "input": call.tool_input(i)}
                for i in range(call.script.get("tool_calls", 0))]

    @staticmethod
    def verdicts(call):
        """What a check on the provider's side says of the tool calls, where the request asks
        for one (Claude Code does in its auto mode)."""
        if not call.body.get("safeguards"):
            return None
        tools = {tool["id"]: {"type": "evaluated", "outcome": "not_flagged"}
                 for tool in Anthropic.tools(call)}
        return [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": tools}}]

    @staticmethod
    def stop(call):
        if call.truncated:
            return "max_tokens"
        return "tool_use" if call.script.get("tool_calls") else "end_turn"

    @staticmethod
    def whole(call):
        content = [{"type": "text", "text": call.text(0, call.planned)}, *Anthropic.tools(call)]
        return Anthropic.message(call, content, Anthropic.stop(call), call.usage_parts()["output"])

    @staticmethod
    def events(call):
        """(event name, data, tokens that it carries), in order."""
        yield "message_start", {"type": "message_start",
                                "message": Anthropic.message(call, [], None, 1)}, 0
        yield "content_block_start", {"type": "content_block_start", "index": 0,
                                      "content_block": {"type": "text", "text": ""}}, 0
        yield "ping", {"type": "ping"}, 0
        step = call.script.get("tokens_per_event", 8)
        for first in range(0, call.planned, step):
            count = min(step, call.planned - first)
            delta = {"type": "text_delta", "text": call.text(first, count)}
            yield "content_block_delta", {"type": "content_block_delta", "index": 0,
                                          "delta": delta}, count
        yield "content_block_stop", {"type": "content_block_stop", "index": 0}, 0
        for index, tool in enumerate(Anthropic.tools(call), 1):
            yield "content_block_start", {"type": "content_block_start", "index": index,
                                          "content_block": {**tool, "input": {}}}, 0
            delta = {"type": "input_json_delta", "partial_json": json.dumps(tool["input"])}
            yield "content_block_delta", {"type": "content_block_delta", "index": index,
                                          "delta": delta}, 0
            yield "content_block_stop", {"type": "content_block_stop", "index": index}, 0
        call.complete = True
        end = {"type": "message_delta", "delta": {"stop_reason": Anthropic.stop(call),
                                                  "stop_sequence": None}}
        verdicts = Anthropic.verdicts(call)
        if verdicts:
            yield "message_delta", {"type": "message_delta",
                                    "delta": {"safeguard_results": verdicts}}, 0
        usage = Anthropic.usage(call, call.usage_parts()["output"])
        if usage is not None and call.script.get("usage") != "early":
            end["usage"] = usage
        yield "message_delta", end, 0
        yield "message_stop", {"type": "message_stop"}, 0

    @staticmethod
    def error_event():
        return "error", {"type": "error", "error": {"type": "overloaded_error",
                                                    "message": "scripted overload"}}

    @staticmethod
    def error_body(status):
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error",
                 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"),
                                           "message": f"scripted {status}"}}
