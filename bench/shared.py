#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shared.py [--pawl PROGRAM] [--runs 1,8,32] [--usd 5] [--check] …: what a limit across runs is
worth.

So many `pawl run` at once, each with an agent that calls until it is refused, share a day's limit
that is far below what their own caps would allow. Two figures say how it went:

  overshoot   what the provider billed beyond the limit, in per cent of it
  usable      what was billed in the end, when every run had been refused, in per cent of the limit;
              and what was billed already when the first of them was

Replies have lengths that nobody knows beforehand (--median, --sigma: lognormal), every other agent
streams, and a stream that is cut is billed for what was written until then. The books are compared,
too: the limit's, those of all runs, and the provider's. With --check it is a test: the exit status
is 1 where something was billed beyond the limit, less than 98.7 % was usable, or books differ.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import selectors
import subprocess
import sys
import tempfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True

import scripted  # noqa: E402

MODEL = "claude-sonnet-4-5"
USD = 100_000_000
USABLE_PER_MILLE_MIN = 987
REPLY_TOKENS_MAX = 4096


def agent(number):
    """Calls until one is refused; "refused" and the reason."""
    base = urllib.parse.urlsplit(os.environ["ANTHROPIC_BASE_URL"])
    body = json.dumps({"model": MODEL, "max_tokens": REPLY_TOKENS_MAX, "stream": number % 2 == 1,
                       "messages": [{"role": "user", "content": "work " * 400}]})
    while True:
        connection = http.client.HTTPConnection(base.hostname, base.port, timeout=600)
        connection.request("POST", base.path + "/v1/messages", body,
                           {"content-type": "application/json", "x-api-key": "sk-ant-secret",
                            "x-stainless-timeout": "600"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200 or "event: error" in text:
            print("refused", json.dumps(text[-400:]), flush=True)
            return
        connection.close()


def tell(options, data, *words):
    done = subprocess.run([options.pawl, *words, "--data-dir", data], capture_output=True,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def begin(options, data, provider, number):
    return subprocess.Popen(
        [options.pawl, "run", "--data-dir", data, "--max-usd", str(4 * options.usd),
         "--max-iterations", "100000", "--max-tokens", "1000M", "--no-card", "--",
         sys.executable, __file__, "--agent", str(number)],
        env={**os.environ, **provider.environment()}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def watch(runs, provider):
    """Until all have ended: what was billed when the first was refused."""
    first = None
    with selectors.DefaultSelector() as selector:
        for run in runs:
            selector.register(run.stdout, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.fileobj.readline()
                if not line:
                    selector.unregister(key.fileobj)
                elif first is None and line.startswith("refused"):
                    first = provider.request("/ledger")["total"]["microcents"]
    for run in runs:
        run.wait()
        run.stdout.close()
    return first


def round_of(options, count, seed):
    """One limit spent by so many runs: overshoot, usable, usable at first, whether books agree."""
    limit = round(options.usd * USD)
    with scripted.Provider(seed) as provider, tempfile.TemporaryDirectory() as folder:
        provider.control(
            prices={MODEL: scripted.prices(options.pawl, MODEL)},
            default={"reply_tokens": {"median": options.median, "sigma": options.sigma},
                     "first_ms": options.first_ms, "pace_ms": options.pace_ms})
        data = os.path.join(folder, "data")
        tell(options, data, "limit", "--usd", str(options.usd), "--per", "day")
        runs = [begin(options, data, provider, number) for number in range(count)]
        first = watch(runs, provider)
        ledger = provider.ledger()
        billed = ledger["total"]["microcents"]
        stand, = tell(options, data, "limit", "--json")
        spent = sum(run["spent"]["usd"]["amount"]
                    for run in tell(options, data, "runs", "--json", "--limit", "1000"))
        scripted.end_authority(data)
        agree = stand["spent"] == spent == billed and stand["held"] == 0
        if not agree:
            print(f"  books differ: limit {stand['spent']} (held {stand['held']}), runs {spent}, "
                  f"provider {billed}")
        return (max(billed - limit, 0) / limit, billed / limit, (first or 0) / limit, agree,
                len(ledger["calls"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pawl", default=ROOT / "build/bench/bin/pawl", type=pathlib.Path)
    parser.add_argument("--runs", default="1,8,32", help="how many at once")
    parser.add_argument("--usd", default=5, type=float, help="the day's limit")
    parser.add_argument("--rounds", default=2, type=int)
    parser.add_argument("--median", default=300, type=int, help="of a reply's tokens")
    parser.add_argument("--sigma", default=0.8, type=float)
    parser.add_argument("--first-ms", default=0, type=int, help="before a reply's first byte")
    parser.add_argument("--pace-ms", default=0, type=int, help="between events of a stream")
    parser.add_argument("--seed", default=random.SystemRandom().randrange(1 << 31), type=int)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--agent", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.agent is not None:
        agent(options.agent)
        return 0
    print(f"a day's limit of ${options.usd:g}; lognormal replies, median {options.median} tokens, "
          f"sigma {options.sigma:g}; seed {options.seed} (--seed)")
    good = True
    for count in [int(word) for word in options.runs.split(",")]:
        for number in range(options.rounds):
            over, usable, first, agree, calls = round_of(options, count, options.seed + number)
            print(f"  {count:3} runs  {calls:5} calls  overshoot {over:7.4%}  "
                  f"usable {usable:8.3%}  at the first refusal {first:8.3%}", flush=True)
            good = good and over == 0 and usable * 1000 >= USABLE_PER_MILLE_MIN and agree
    return 0 if good or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
