# SPDX-License-Identifier: Apache-2.0
"""The scripted provider's OpenAI: Chat Completions, Responses (whole and streamed), Embeddings."""
import json


class OpenAI:
    @staticmethod
    def usage(call):
        parts = call.usage_parts()
        prompt = parts["input"] + parts["cache_read"] + parts["cache_write_5m"]
        usage = {"prompt_tokens": call.odd(prompt),
                 "completion_tokens": call.odd(parts["output"]),
                 "total_tokens": prompt + parts["output"],
                 "prompt_tokens_details": {"cached_tokens": parts["cache_read"],
                                           "cache_write_tokens": parts["cache_write_5m"]},
                 "completion_tokens_details": {"reasoning_tokens": parts["reasoning"]}}
        return None if call.script.get("usage") == "none" else usage

    @staticmethod
    def tools(call):
        names = call.script.get("tool_names", ["bash"])
        return [{"id": f"call_{call.number}_{i}", "type": "function",
                 "function": {"name": names[i % len(names)],
                              "arguments": json.dumps(call.tool_input(i))}}
                for i in range(call.script.get("tool_calls", 0))]

    @staticmethod
    def finish(call):
        if call.truncated:
            return "length"
        return "tool_calls" if call.script.get("tool_calls") else "stop"

    @staticmethod
    def head(call, kind):
        return {"id": f"chatcmpl-{call.number:08}", "object": kind, "created": 1790000000,
                "model": call.answer_model,
                "service_tier": call.script.get("service_tier", "default")}

    @staticmethod
    def whole(call):
        message = {"role": "assistant", "content": call.text(0, call.planned), "refusal": None}
        tools = OpenAI.tools(call)
        if tools:
            message["tool_calls"] = tools
        choice = {"index": 0, "message": message, "finish_reason": OpenAI.finish(call),
                  "logprobs": None}
        answer = {**OpenAI.head(call, "chat.completion"), "choices": [choice]}
        usage = OpenAI.usage(call)
        return answer if usage is None else {**answer, "usage": usage}

    @staticmethod
    def events(call):
        include = bool((call.body.get("stream_options") or {}).get("include_usage"))

        def chunk(delta, finish=None):
            data = {**OpenAI.head(call, "chat.completion.chunk"),
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish,
                                 "logprobs": None}]}
            return {**data, "usage": None} if include else data

        yield None, chunk({"role": "assistant", "content": ""}), 0
        step = call.script.get("tokens_per_event", 8)
        for first in range(0, call.planned, step):
            count = min(step, call.planned - first)
            yield None, chunk({"content": call.text(first, count)}), count
        for index, tool in enumerate(OpenAI.tools(call)):
            empty = {**tool, "function": {**tool["function"], "arguments": ""}}
            yield None, chunk({"tool_calls": [{"index": index, **empty}]}), 0
            part = {"index": index, "function": {"arguments": tool["function"]["arguments"]}}
            yield None, chunk({"tool_calls": [part]}), 0
        yield None, chunk({}, OpenAI.finish(call)), 0
        call.complete = True
        usage = OpenAI.usage(call)
        if include and usage is not None:
            yield None, {**OpenAI.head(call, "chat.completion.chunk"), "choices": [],
                         "usage": usage}, 0
        yield None, "[DONE]", 0

    @staticmethod
    def error_event():
        return None, {"error": {"message": "scripted overload", "type": "server_error",
                                "code": None}}

    @staticmethod
    def error_body(status):
        return {"error": {"message": f"scripted {status}", "type": "scripted", "code": None,
                          "param": None}}


class Responses:
    """OpenAI Responses: items, numbered events, usage in the last one."""

    @staticmethod
    def usage(call):
        parts = call.usage_parts()
        prompt = parts["input"] + parts["cache_read"] + parts["cache_write_5m"]
        usage = {"input_tokens": call.odd(prompt),
                 "input_tokens_details": {"cached_tokens": parts["cache_read"],
                                          "cache_write_tokens": parts["cache_write_5m"]},
                 "output_tokens": call.odd(parts["output"]),
                 "output_tokens_details": {"reasoning_tokens": parts["reasoning"]},
                 "total_tokens": prompt + parts["output"]}
        return None if call.script.get("usage") == "none" else usage

    @staticmethod
    def tools(call):
        names = call.script.get("tool_names", ["bash"])
        return [{"id": f"fc_{call.number}_{i}", "type": "function_call", "status": "completed",
                 "call_id": f"call_{call.number}_{i}", "name": names[i % len(names)],
                 "arguments": json.dumps(call.tool_input(i))}
                for i in range(call.script.get("tool_calls", 0))]

    @staticmethod
    def message(call):
        return {"id": f"msg_{call.number:08}", "type": "message", "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [],
                             "text": call.text(0, call.planned)}]}

    @staticmethod
    def response(call, status, output, usage):
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {"id": f"resp_{call.number:08}", "object": "response", "created_at": 1790000000,
                "status": status, "background": False, "error": None, "incomplete_details": cut,
                "instructions": None, "max_output_tokens": call.ceiling, "metadata": {},
                "model": call.answer_model, "output": output, "parallel_tool_calls": True,
                "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
                "service_tier": call.script.get("service_tier", "default"), "store": False,
                "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
                "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": usage}

    @staticmethod
    def whole(call):
        status = "incomplete" if call.truncated else "completed"
        return Responses.response(call, status, [Responses.message(call), *Responses.tools(call)],
                                  Responses.usage(call))

    @staticmethod
    def items(call):
        """(event, data, tokens) of every item, without numbers."""
        message = Responses.message(call)
        place = {"item_id": message["id"], "output_index": 0, "content_index": 0}
        part = {**message["content"][0], "text": ""}
        yield "output_item.added", {"output_index": 0, "item": {
            **message, "status": "in_progress", "content": []}}, 0
        yield "content_part.added", {**place, "part": part}, 0
        step = call.script.get("tokens_per_event", 8)
        for first in range(0, call.planned, step):
            count = min(step, call.planned - first)
            yield "output_text.delta", {**place, "delta": call.text(first, count),
                                        "logprobs": []}, count
        text = message["content"][0]["text"]
        yield "output_text.done", {**place, "text": text, "logprobs": []}, 0
        yield "content_part.done", {**place, "part": message["content"][0]}, 0
        yield "output_item.done", {"output_index": 0, "item": message}, 0
        for index, tool in enumerate(Responses.tools(call), 1):
            at = {"item_id": tool["id"], "output_index": index}
            yield "output_item.added", {"output_index": index, "item": {
                **tool, "status": "in_progress", "arguments": ""}}, 0
            yield "function_call_arguments.delta", {**at, "delta": tool["arguments"]}, 0
            yield "function_call_arguments.done", {**at, "name": tool["name"],
                                                   "arguments": tool["arguments"]}, 0
            yield "output_item.done", {"output_index": index, "item": tool}, 0

    @staticmethod
    def events(call):
        number = 0
        for name in ("created", "in_progress"):
            yield f"response.{name}", {"type": f"response.{name}", "sequence_number": number,
                                       "response": Responses.response(call, "in_progress", [],
                                                                      None)}, 0
            number += 1
        for name, data, tokens in Responses.items(call):
            yield f"response.{name}", {"type": f"response.{name}", "sequence_number": number,
                                       **data}, tokens
            number += 1
        call.complete = True
        end = "incomplete" if call.truncated else "completed"
        yield f"response.{end}", {"type": f"response.{end}", "sequence_number": number,
                                  "response": Responses.whole(call)}, 0

    @staticmethod
    def error_event():
        return "error", {"type": "error", "code": "server_error", "param": None,
                         "message": "scripted overload", "sequence_number": 3}

    @staticmethod
    def error_body(status):
        return OpenAI.error_body(status)


class Embeddings:
    """No output, so no ceiling and no stream."""

    @staticmethod
    def whole(call):
        inputs = call.body.get("input", "")
        count = len(inputs) if isinstance(inputs, list) and inputs and not isinstance(
            inputs[0], int) else 1
        vectors = [{"object": "embedding", "index": i, "embedding": [0.25, -0.5]}
                   for i in range(count)]
        tokens = call.usage_parts()["input"]
        return {"object": "list", "data": vectors, "model": call.answer_model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}

    @staticmethod
    def error_body(status):
        return OpenAI.error_body(status)
