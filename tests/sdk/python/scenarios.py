# SPDX-License-Identifier: Apache-2.0
"""One scenario of one official SDK, as an agent would run it: `scenarios.py SDK SCENARIO MODEL`.

It knows nothing of pawl: the base URL comes from the environment. What happened goes to
standard output as one line of JSON, which run.py reads.
"""
import json
import sys

PROMPT = [{"role": "user", "content": "Fix the failing test. " * 20}]


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


def describe(error):
    body = getattr(error, "body", None)
    body_type = body.get("type") if isinstance(body, dict) else None
    return {
        "name": type(error).__name__,
        "status": getattr(error, "status_code", None),
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


def main():
    sdk, scenario, model = sys.argv[1:]
    api = {"anthropic": AnthropicApi, "openai": OpenAIApi}[sdk](model)
    scenarios = {
        "normal": lambda: normal(api),
        "loop": lambda: loop(api.ask),
        "loop-stream": lambda: loop_stream(api),
        "hang-up": lambda: hang_up(api),
    }
    result = scenarios[scenario]()
    print(json.dumps(result, default=str))
    sys.exit(1 if "error" in result else 0)


if __name__ == "__main__":
    main()
