# SPDX-License-Identifier: Apache-2.0
"""One scenario of one official SDK, as an agent would run it: `scenarios.py SDK SCENARIO MODEL`.

It knows nothing of pawl: the base URL comes from the environment. What happened goes to
standard output as one line of JSON, which run.py reads.
"""
import json
import sys

WORDS = "Fix the failing test. " * 20
PROMPT = [{"role": "user", "content": WORDS}]


PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}}


def idle():
    return "all tests pass"


def outcome(run):
    """What a tool gave, or that it failed; the model is told either way."""
    try:
        return run()
    except Exception as error:
        return f"failed: {error}"


class AnthropicApi:
    def __init__(self, model):
        import anthropic

        self.client = anthropic.Anthropic()
        self.model = model

    def create(self, **more):
        options = {"model": self.model, "max_tokens": 2000, "messages": PROMPT, **more}
        return self.client.messages.create(**options)

    def ask(self):
        answer = self.create()
        text = "".join(getattr(part, "text", "") for part in answer.content)
        return text, answer.usage.model_dump()

    def stream(self):
        with self.create(stream=True) as events:
            for event in events:
                if event.type == "content_block_delta":
                    yield getattr(event.delta, "text", "")
                else:
                    yield ""

    def tools(self, run=idle):
        """One turn of an agent: a call, the tool that it asks for, the call that takes it."""
        tools = [{"name": "Bash", "input_schema": PARAMETERS}]
        first = self.create(tools=tools)
        calls = [part for part in first.content if part.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": outcome(run)}
            for call in calls
        ]
        turn = [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results},
        ]
        second = self.create(tools=tools, messages=[*PROMPT, *turn])
        calls += [part for part in second.content if part.type == "tool_use"]
        return [call.input["command"] for call in calls]


class OpenAIApi:
    def __init__(self, model):
        import openai

        self.client = openai.OpenAI()
        self.model = model

    def create(self, **more):
        options = {"model": self.model, "max_completion_tokens": 2000, "messages": PROMPT, **more}
        return self.client.chat.completions.create(**options)

    def ask(self):
        answer = self.create()
        return answer.choices[0].message.content or "", answer.usage.model_dump()

    def stream(self):
        with self.create(stream=True) as chunks:
            for chunk in chunks:
                # Breaks on a chunk without choices, as the code of many users does.
                yield chunk.choices[0].delta.content or ""

    def tools(self, run=idle):
        tools = [{"type": "function", "function": {"name": "bash", "parameters": PARAMETERS}}]
        message = self.create(tools=tools).choices[0].message
        calls = list(message.tool_calls)
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": outcome(run)} for call in calls
        ]
        second = self.create(tools=tools, messages=[*PROMPT, message, *results])
        calls += second.choices[0].message.tool_calls
        return [json.loads(call.function.arguments)["command"] for call in calls]


class GoogleApi:
    def __init__(self, model):
        from google import genai

        self.client = genai.Client()
        self.types = genai.types
        self.model = model
        self.config = {"max_output_tokens": 2000}

    def ask(self):
        answer = self.client.models.generate_content(
            model=self.model, contents=WORDS, config=self.config
        )
        return answer.text or "", answer.usage_metadata.model_dump()

    def stream(self):
        for chunk in self.client.models.generate_content_stream(
            model=self.model, contents=WORDS, config=self.config
        ):
            parts = chunk.candidates[0].content.parts or []
            yield "".join(part.text or "" for part in parts)

    def tools(self, run=idle):
        """The SDK would run a function of Python's by itself; declared like this it is the
        client's, as with agents that ask somebody first."""
        types = self.types
        declaration = types.FunctionDeclaration(
            name="run_shell_command", parameters_json_schema=PARAMETERS
        )
        chat = self.client.chats.create(
            model=self.model,
            config={**self.config, "tools": [types.Tool(function_declarations=[declaration])]},
        )
        calls = list(chat.send_message(WORDS).function_calls)
        answers = [
            types.Part.from_function_response(name=call.name, response={"output": outcome(run)})
            for call in calls
        ]
        calls += chat.send_message(answers).function_calls
        return [call.args["command"] for call in calls]


class ResponsesApi:
    TOOL = {
        "type": "function",
        "name": "bash",
        "description": "Runs a command.",
        "parameters": PARAMETERS,
        "strict": False,
    }

    def __init__(self, model):
        import openai

        self.client = openai.OpenAI()
        self.model = model

    def create(self, **more):
        options = {"model": self.model, "max_output_tokens": 2000, "input": PROMPT, **more}
        return self.client.responses.create(**options)

    def ask(self):
        answer = self.create()
        return answer.output_text, answer.usage.model_dump()

    def stream(self):
        with self.create(stream=True) as events:
            for event in events:
                yield event.delta if event.type == "response.output_text.delta" else ""

    def tools(self, run=idle):
        first = self.create(tools=[self.TOOL])
        calls = [item for item in first.output if item.type == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": outcome(run)}
            for call in calls
        ]
        told = [*PROMPT, *(item.model_dump(exclude_none=True) for item in first.output), *results]
        second = self.create(tools=[self.TOOL], input=told)
        calls += [item for item in second.output if item.type == "function_call"]
        return [json.loads(call.arguments)["command"] for call in calls]


def describe(error):
    body = getattr(error, "body", None)
    body_type = body.get("type") if isinstance(body, dict) else None
    return {
        "name": type(error).__name__,
        "status": getattr(error, "status_code", None) or getattr(error, "code", None),
        "type": getattr(error, "type", None) or body_type,
        "code": getattr(error, "code", None),
        "message": str(error),
    }


def normal(api):
    text, usage = api.ask()
    pieces = list(api.stream())
    return {
        "whole": len(text),
        "usage": usage,
        "streamed": len("".join(pieces)),
        "chunks": len(pieces),
    }


def loop(once):
    """Calls until an error ends it; the SDK's own retries are left on."""
    calls = 0
    while True:
        try:
            once()
        except Exception as error:  # what an agent would show
            return {"calls": calls, "error": describe(error)}
        calls += 1


def loop_stream(api):
    streamed = 0

    def once():
        nonlocal streamed
        for piece in api.stream():
            streamed += len(piece)

    result = loop(once)
    return {**result, "streamed": streamed}


def hang_up(api):
    chunks = 0
    pieces = api.stream()
    for piece in pieces:
        chunks += len(piece) > 0
        if chunks == 3:
            pieces.close()
            break
    return {"chunks": chunks}


REQUESTS = []  # everything that was sent, retries of the SDK's own included


def count_requests(sdk, client):
    """By a hook of the HTTP client under the SDK."""
    http = client._api_client._httpx_client if sdk == "google" else client._client
    http.event_hooks = {"request": [REQUESTS.append]}


def sub_call(api):
    """An agent whose tool is an agent."""
    errors = []

    def ask():
        try:
            return api.ask()[0]
        except Exception as error:
            errors.append(describe(error))
            raise

    try:
        api.tools(ask)
    except Exception as error:  # what an agent would show
        errors.append(describe(error))
    return {"errors": errors, "error": errors[-1]} if errors else {"errors": errors}


def main():
    sdk, scenario, model = sys.argv[1:]
    apis = {"anthropic": AnthropicApi, "google": GoogleApi, "openai": OpenAIApi,
            "responses": ResponsesApi}
    api = apis[sdk](model)
    count_requests(sdk, api.client)
    scenarios = {
        "normal": lambda: normal(api),
        "loop": lambda: loop(api.ask),
        "loop-stream": lambda: loop_stream(api),
        "hang-up": lambda: hang_up(api),
        "tools": lambda: {"calls": api.tools()},
        "sub-call": lambda: sub_call(api),
    }
    result = scenarios[scenario]()
    print(json.dumps({**result, "requests": len(REQUESTS)}, default=str))
    sys.exit(1 if "error" in result else 0)


if __name__ == "__main__":
    main()
