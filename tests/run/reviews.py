# SPDX-License-Identifier: Apache-2.0
"""Looking back: breaches with their causes, the weekly look, and runs that are kept for a time."""
import json
import os
import pathlib
import sqlite3
import subprocess

from world import MODEL, expect_line, finish

DEARER = "claude-opus-4-1"
HOUR_US = 3_600_000_000


def lines(done):
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def breaches(world):
    """Stopped and approved runs are told apart, each with a cause that facts decide."""
    world.provider.control(prices={MODEL: world.prices, DEARER: world.prices},
                           default={"reply_tokens": 100})
    assert world.run(["--name", "plain", "--max-usd", "0.02"], "until")[0] == 124
    assert world.run(["--name", "dearer", "--max-usd", "0.10", "--policy", "team", "--escalation",
                      "allow"], "tools", "call:100", f"model:{DEARER}", "until")[0] == 124
    assert world.run(["--name", "within", "--max-usd", "0.50"], "call")[0] == 0
    process = world.start(["--name", "let past", "--max-iterations", "1", "--attended"],
                          "call", "say:ready", "listen", "call", "say:done")
    expect_line(process, "ready")
    assert world.tell("approve", "last", "--add-iterations", "1").returncode == 0
    assert finish(process, "go\n")[0] == 0
    process = world.start(["--name", "alive", "--max-iterations", "1"], "call", "say:ready",
                          "listen")
    expect_line(process, "ready")
    rows = {row["name"]: row for row in lines(world.tell("runs", "--breaches", "--json"))}
    assert set(rows) == {"plain", "dearer", "let past"}, rows
    assert (rows["plain"]["how"], rows["plain"]["cap"], rows["plain"]["cause"]) == (
        "stopped", "USD_MICROCENTS", "default too low"), rows
    assert rows["plain"]["facts"] == "the cap on dollars, set by flag", rows
    assert rows["dearer"]["cause"] == "escalation" and DEARER in rows["dearer"]["facts"], rows
    assert rows["dearer"]["policy"] == "team" and rows["dearer"]["week"][4:6] == "-W", rows
    assert (rows["let past"]["how"], rows["let past"]["cap"]) == ("approved", "ITERATIONS"), rows
    assert rows["let past"]["first_limits"]["iterations"]["amount"] == 1, rows
    table = world.tell("runs", "--breaches").stdout
    for word in ("escalation", "default too low", "approved", "WEEK", "##+"):
        assert word in table, table
    groups = {row["group"]: row for row in
              lines(world.tell("runs", "--breaches", "--by", "policy", "--json"))}
    assert {name: (row["runs"], row["stopped"], row["approved"]) for name, row in groups.items()} \
        == {"individual": (3, 1, 1), "team": (1, 1, 0)}, groups
    assert groups["team"]["causes"]["escalation"] == 1, groups
    for by in ("repo", "week", "cause"):
        rows = lines(world.tell("runs", "--breaches", "--by", by, "--json"))
        assert sum(row["runs"] for row in rows) == 4, (by, rows)
        assert sum(row["breaches"] for row in rows) == 3, (by, rows)
    assert finish(process, "go\n")[0] == 0
    assert world.tell("runs", "--by", "week").returncode == 2
    done = world.tell("runs", "--breaches", "--by", "month")
    assert done.returncode == 2 and "policy, repo, week or cause" in done.stderr, done


def beyond(world):
    """A run whose last call took more than was left has reached its envelope, refused or not."""
    world.provider.control(default={"reply_tokens": 10, "usage": {"output": 9000}})
    assert world.run(["--max-usd", "0.05"], "call")[0] == 0
    run = world.runs()[0]
    assert run["reason"] == "completed" and run["overshoot"]["amount"] > 0, run
    row = lines(world.tell("runs", "--breaches", "--json"))[0]
    assert (row["run"], row["how"], row["cap"]) == (run["run"], "stopped", "USD_MICROCENTS"), row


def baseline(world):
    """A title's cheap model, asked first, is not what the run was begun with: that is the main
    loop's, as the run itself recorded it."""
    title = "claude-haiku-4-5"
    world.provider.control(prices={MODEL: world.prices, title: world.prices},
                           default={"reply_tokens": 100})
    assert world.run(["--max-usd", "0.02"], f"model:{title}", "call", f"model:{MODEL}", "tools",
                     "until")[0] == 124
    row, = lines(world.tell("runs", "--breaches", "--json"))
    assert row["cause"] == "default too low", row
    run, = world.runs()
    assert run["baseline"] == MODEL, run


def scope(world):
    """Many files are a wide scope; the repository is the same from a worktree."""
    repo = pathlib.Path(world.folder.name, "repo")
    quiet = {"check": True, "capture_output": True}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(repo)]
    subprocess.run(["git", "init", "-q", str(repo)], **quiet)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], **quiet)
    subprocess.run([*git, "worktree", "add", "-q", str(repo.parent / "tree")], **quiet)
    agent = ["sh", "-c", 'for i in $(seq 25); do echo > "f$i"; done; exec sleep 1000']
    for folder in (repo, repo.parent / "tree"):
        assert world.run(["--max-time", "5s"], agent, cwd=str(folder))[0] == 124
    rows = lines(world.tell("runs", "--breaches", "--json"))
    assert [(row["cause"], row["cap"]) for row in rows] == [
        ("scope too wide", "WALL_CLOCK_MS")] * 2, rows
    assert {row["facts"] for row in rows} == {"25 files touched"}, rows
    assert {row["repo"] for row in rows} == {os.path.realpath(repo)}, rows


def dearest(world):
    """The dearest come first, with their share of the whole."""
    for calls in (1, 3, 2):
        assert world.run(["--name", f"of {calls}"], *["call"] * calls)[0] == 0
    rows = lines(world.tell("runs", "--top", "2", "--since", "7d", "--json"))
    assert [row["name"] for row in rows] == ["of 3", "of 2"], rows
    assert [row["share_permille"] for row in rows] == [500, 333], rows
    assert rows[0]["dearest_model"].startswith(MODEL), rows
    table = world.tell("runs", "--top", "5").stdout.splitlines()
    assert len(table) == 4 and "SHARE" in table[0] and "50%" in table[1], table


def weekly(world):
    """The first command of a week that may say it says it, and no other."""
    week = pathlib.Path(world.data, "review-week")
    team = ["--policy", "team"]
    assert "new week" not in world.run(team, "exit:0")[2]  # a directory's first week
    now = week.read_text()
    assert len(now) == len("2026-W48"), now
    week.write_text("2026-W01")
    assert "new week" not in world.run([], "exit:0")[2]  # individual does not want it
    assert "new week" not in world.run([*team, "--quiet"], "exit:0")[2]
    assert "'pawl runs --top 10 --since 7d'" in world.run(team, "exit:0")[2]
    assert week.read_text() == now
    assert "new week" not in world.run(team, "exit:0")[2]
    week.write_text("2026-W01")
    environment = world.environment(PAWL_POLICY="team")
    assert "new week" not in world.tell("runs", "--json", env=environment).stderr
    assert "new week" in world.tell("runs", env=environment).stderr
    assert "new week" not in world.tell("runs", env=environment).stderr


def mix(world):
    """Dollars that a policy computes follow the models that runs in the repository used."""
    repo = pathlib.Path(world.folder.name, "repo")
    subprocess.run(["git", "init", "-q", repo], check=True)
    shown = ["policy", "show", "team", "--json"]
    reason = lines(world.tell(*shown, cwd=repo))[0]["reason"]
    assert reason == "a repository of unknown size, no model known yet", reason
    assert world.run([], "call", cwd=repo)[0] == 0
    assert world.run([], f"model:{DEARER}", "call", cwd=repo)[0] == 0
    reason = lines(world.tell(*shown, cwd=repo))[0]["reason"]
    # $3 and $15 make $6.00, $15 and $75 make $30.00.
    assert "the models used here at $18.00 a million tokens (x 3.00)" in reason, reason


def grow_old(world, hours):
    """As if every run had ended so much earlier."""
    with sqlite3.connect(pathlib.Path(world.data, "history.db")) as history:
        history.execute("UPDATE runs SET ended_us = ended_us - ? WHERE ended_us > 0",
                        (hours * HOUR_US,))
    history.close()


def keeping(world):
    """A run goes when its time is over, with its directory; no other does, and it is told."""
    policy = pathlib.Path(world.folder.name, "p.yaml")
    policy.write_text("name: short\nhistory:\n  keep: 2h\n")
    assert world.run(["--policy", str(policy), "--name", "kept"], "call")[0] == 0
    assert world.run(["--name", "for good"], "exit:0")[0] == 0
    gone = world.runs()[1]["run"]
    folder = pathlib.Path(world.data, "runs", gone)
    process = world.start(["--policy", str(policy), "--name", "alive"], "say:ready", "listen")
    expect_line(process, "ready")
    grow_old(world, 1)
    assert len(world.runs()) == 3 and folder.exists()
    (folder / "below").mkdir()
    (folder / "below" / "file").write_text("left by somebody")
    (folder / "link").symlink_to(world.folder.name)
    grow_old(world, 2)
    assert [row["name"] for row in world.runs()] == ["alive", "for good"]
    assert not folder.exists() and policy.exists()
    for name in (gone, gone[4:-2], "kept"):
        done = world.tell("show", name)
        assert done.returncode == 1, done
        assert f"{gone} ended " in done.stderr and "removed after 2h" in done.stderr, done
    assert finish(process, "go\n")[0] == 0
    assert [row["name"] for row in world.runs()] == ["alive", "for good"]
    grow_old(world, 3)
    assert world.run([], "exit:0")[0] == 0  # its end takes "alive" along
    assert len(list(pathlib.Path(world.data, "runs").iterdir())) == 2


def keeping_is_taken_up(world):
    """What an interrupted removal left is removed by the next one; an unsettled run stays."""
    policy = pathlib.Path(world.folder.name, "p.yaml")
    policy.write_text("history:\n  keep: 1h\n")
    runs = pathlib.Path(world.data, "runs")
    for _ in range(2):
        assert world.run(["--policy", str(policy)], "exit:0")[0] == 0
    first, second = sorted(runs.iterdir())
    first.rename(runs / f".gone-{first.name}")
    grow_old(world, 2)
    (second / "lock").write_text("open")  # as if its end had never been written down
    assert world.run([], "exit:0")[0] == 0
    assert not (runs / f".gone-{first.name}").exists()
    assert (second / "journal").exists() and world.tell("verify", second.name).returncode == 0
    assert len(world.runs()) == 1 and not second.exists()  # settled by it, then removed


def tests(world):
    yield "breaches have causes", breaches
    yield "a last call beyond the cap is a breach", beyond
    yield "a breach goes by the recorded baseline", baseline
    yield "many files are a wide scope", scope
    yield "the dearest runs come first", dearest
    yield "a new week is told once", weekly
    yield "computed dollars follow the models used", mix
    yield "a run is kept as long as its policy says", keeping
    yield "an interrupted removal is taken up", keeping_is_taken_up
