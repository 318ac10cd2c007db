# SPDX-License-Identifier: Apache-2.0
"""One scenario of one official SDK, as an agent would run it: `scenarios.py SDK SCENARIO MODEL`.

It knows nothing of pawl: the base URL comes from the environment. What happened goes to
standard output as one line of JSON, which run.py reads.
"""
import json
import sys

WORDS = "Fix the failing test. " * 20
PROMPT = [{"role": "user", "content": WORDS}]


class AnthropicApi:
    def __init__(self, model):
        import anthropic

        self.client = anthropic.Anthropic()
        self.model = model

    def ask(self):
        answer = self.client.messages.create(model=self.model, max_tokens=2000, messages=PROMPT)
        text = "".join(getattr(part, "text", "") for part in answer.content)
        return text, answer.usage.model_dump()

    def stream(self):
        events = self.client.messages.create(
            model=self.model, max_tokens=2000, messages=PROMPT, stream=True
        )
        with events:
            for event in events:
                if event.type == "content_block_delta":
                    yield getattr(event.delta, "text", "")
                else:
                    yield ""


class OpenAIApi:
    def __init__(self, model):
        import openai

        self.client = openai.OpenAI()
        self.model = model

    def ask(self):
        answer = self.client.chat.completions.create(
            model=self.model, max_completion_tokens=2000, messages=PROMPT
        )
        return answer.choices[0].message.content or "", answer.usage.model_dump()

    def stream(self):
        chunks = self.client.chat.completions.create(
            model=self.model, max_completion_tokens=2000, messages=PROMPT, stream=True
        )
        with chunks:
            for chunk in chunks:
                # Breaks on a chunk without choices, as the code of many users does.
                yield chunk.choices[0].delta.content or ""


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

    def tools(self):
        """The SDK runs the function by itself until the model asks for none; here it is told not
        to, as agents do that ask somebody first."""
        types = self.types
        declaration = types.FunctionDeclaration(
            name="run_shell_command",
            parameters_json_schema={
                "type": "object",
                "properties": {"command": {"type": "string"}},
            },
        )
        chat = self.client.chats.create(
            model=self.model,
            config={**self.config, "tools": [types.Tool(function_declarations=[declaration])]},
        )
        call = chat.send_message(WORDS).function_calls[0]
        answer = types.Part.from_function_response(
            name=call.name, response={"output": "all tests pass"}
        )
        more = chat.send_message([answer]).function_calls
        return [each.args["command"] for each in (call, *more)]


class ResponsesApi:
    TOOL = {
        "type": "function",
        "name": "bash",
        "description": "Runs a command.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
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

    def tools(self, run=lambda: "all tests pass"):
        """One turn of an agent: a call, the tool that it asks for, the call that takes it."""
        first = self.create(tools=[self.TOOL])
        calls = [item for item in first.output if item.type == "function_call"]
        results = []
        for call in calls:
            try:
                output = run()
            except Exception as error:  # the model is told
                output = f"failed: {error}"
            results.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": output}
            )
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
