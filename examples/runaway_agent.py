#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that would never stop by itself: it runs a test, asks the model for a fix, applies it,
and the test fails again. It sends the last turns along each time, as agents do.

It knows nothing of pawl. It reads ANTHROPIC_BASE_URL, as every Anthropic SDK does, and ends as
they do when the API says no: with the message, and status 1. Only Python's standard library.
"""
import json
import os
import sys
import urllib.error
import urllib.request

BASE_URL = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
MODEL = os.environ.get("ANTHROPIC_MODEL", "claude-sonnet-4-5")
TEST = "test_rounding"
TURNS_SENT = 6
LOG = f"FAILED tests/test_money.py::{TEST} - AssertionError: 0.30000000000000004 != 0.3\n"


def ask(messages):
    """One call of the Messages API."""
    request = urllib.request.Request(
        f"{BASE_URL}/v1/messages",
        json.dumps({"model": MODEL, "max_tokens": 4000, "messages": messages,
                    "system": "You are a coding agent. Make the test pass."}).encode(),
        {"content-type": "application/json", "anthropic-version": "2023-06-01",
         "x-api-key": os.environ.get("ANTHROPIC_API_KEY", "")})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def run_test(turn):
    """The test that never passes: its log, with as much context as agents like to send."""
    return LOG + f"attempt {turn}\n" + LOG * 60


def main():
    messages = []
    turn = 0
    while True:
        turn += 1
        print(f"agent: turn {turn:2}: {TEST} still fails; asking {MODEL} for a fix", flush=True)
        messages.append({"role": "user", "content": run_test(turn)})
        try:
            answer = ask(messages[-2 * TURNS_SENT + 1:])
        except urllib.error.HTTPError as refused:
            body = json.load(refused)
            print(f"agent: API error {refused.code}: {body['error']['message']}", flush=True)
            return 1
        messages.append({"role": "assistant", "content": answer["content"]})


if __name__ == "__main__":
    sys.exit(main())
