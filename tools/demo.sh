#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make demo: a runaway agent under a cap of one dollar, against a scripted provider on this
# machine. Nothing leaves it, nothing is spent. Succeeds when pawl stopped the agent and the
# provider's own bill is what pawl booked, and not a microcent above the cap.
set -euo pipefail
cd "$(dirname "$0")/.."
pawl=${PAWL:-build/release/bin/pawl}
cap_usd=1.00
cap_microcents=100000000
model=claude-sonnet-4-5
work=$(mktemp -d)
provider=

cleanup() {
    [ -z "$provider" ] || { kill "$provider" && wait "$provider"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

title() {
    printf '\n== %s\n\n' "$1"
}

# Talks to the scripted provider: GET, or POST with a body.
provider_says() {
    python3 - "$@" <<'PYTHON'
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
data = sys.argv[2].encode() if len(sys.argv) > 2 else None
print(opener.open(sys.argv[1], data, timeout=60).read().decode())
PYTHON
}

title "A provider that answers on this machine, and bills at the list prices of $model"
mkfifo "$work/port"
python3 tests/lib/provider.py >"$work/port" &
provider=$!
read -r _ _ port <"$work/port"
url=http://127.0.0.1:$port
prices=$("$pawl" prices "$model" --json --data-dir "$work/data" |
    python3 -c 'import json, sys; print(json.dumps(json.loads(sys.stdin.readline())["rows"][0]))')
provider_says "$url/control" "{\"prices\": {\"$model\": $prices}, \"default\":
    {\"reply_tokens\": {\"low\": 900, \"high\": 2200}, \"first_ms\": 60}}" >/dev/null
echo "listening on port $port"

agent=(python3 examples/runaway_agent.py)
title "An agent that never gives up:  pawl run --max-usd $cap_usd -- ${agent[*]}"
status=0
ANTHROPIC_BASE_URL=$url ANTHROPIC_API_KEY=no-key-needed ANTHROPIC_MODEL=$model \
    "$pawl" run --max-usd "$cap_usd" --data-dir "$work/data" -- "${agent[@]}" || status=$?

title "What is kept:  pawl runs"
"$pawl" runs --data-dir "$work/data"

title "Every call:  pawl show last"
"$pawl" show last --data-dir "$work/data"

title "The provider's own bill"
provider_says "$url/wait?open=0" >/dev/null
provider_says "$url/ledger" >"$work/ledger.json"
"$pawl" show last --json --data-dir "$work/data" >"$work/show.json"
python3 - "$work" "$cap_microcents" "$status" <<'PYTHON'
import json, sys
work, cap, status = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(f"{work}/ledger.json") as file:
    billed = json.load(file)["total"]
with open(f"{work}/show.json") as file:
    booked = json.loads(file.readline())["spent"]["usd"]["amount"]
bill, calls = billed["microcents"], billed["calls"]
print(f"  billed by the provider  {bill:>12,} microcents in {calls} calls")
print(f"  booked by pawl          {booked:>12,} microcents")
print(f"  the cap                 {cap:>12,} microcents = ${cap / 1e8:.2f}")
print(f"  pawl's exit status      {status:>12}")
wrong = []
if status != 124:
    wrong.append(f"pawl returned {status}, not 124")
if bill != booked:
    wrong.append("the provider billed something else than pawl booked")
if bill > cap:
    wrong.append("the cap was overshot")
if bill < cap * 95 // 100:
    wrong.append("the agent was stopped long before the cap")
print("\n" + ("; ".join(["FAILED", *wrong]) if wrong else
              "The agent was stopped at the cap, not a microcent over."))
sys.exit(1 if wrong else 0)
PYTHON
