# SPDX-License-Identifier: Apache-2.0
"""Signals and exit statuses."""
import os
import signal

from world import expect_line, finish


def own_status(world):
    for status in (0, 1, 77, 255):
        assert world.run([], f"exit:{status}")[0] == status


def killed_agent(world):
    """128 + n, as shells say it."""
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
        status, _, card, _ = world.card([], ["sh", "-c", f"kill -{int(number)} $$"])
        assert status == 128 + number, status
        assert card["why"] == "signal" and card["agent_signal"] == number, card


def passed(world):
    """What is sent to pawl reaches the agent, which decides what comes of it."""
    for name, status in (("TERM", 7), ("HUP", 8), ("USR1", 9), ("USR2", 10)):
        process = world.start([], f"on:{name}:{status}", "say:ready", "wait")
        expect_line(process, "ready")
        process.send_signal(getattr(signal, "SIG" + name))
        expect_line(process, f"got {name}")
        assert finish(process)[0] == status


def unhandled(world):
    process = world.start([], "say:ready", "wait")
    expect_line(process, "ready")
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 128 + signal.SIGTERM


def ignored(world):
    """INT and QUIT come from the terminal, which sends them to the agent itself."""
    process = world.start([], "say:ready", "listen")
    expect_line(process, "ready")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGQUIT)
    status, stdout, _ = finish(process, "still here\n")
    assert status == 0 and "heard still here" in stdout, (status, stdout)


def hangup_ignored(world):
    """Under nohup a hang-up reaches neither pawl nor the agent."""
    process = world.start([], "say:ready", "listen",
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    expect_line(process, "ready")
    process.send_signal(signal.SIGHUP)
    assert finish(process, "on\n")[0] == 0


def whole_group(world):
    """A signal to the process group ends the agent, not the keeper before it has done its work."""
    process = world.start(["--json-card"], "say:ready", "tool", "wait", start_new_session=True)
    expect_line(process, "ready")
    os.killpg(process.pid, signal.SIGTERM)
    status, _, stderr = finish(process)
    assert status == 128 + signal.SIGTERM and '"why":"signal"' in stderr, (status, stderr)


def failures(world):
    """What is wrong before the agent starts is 125, says why, and starts nothing."""
    file = os.path.join(world.folder.name, "file")
    newer = os.path.join(world.folder.name, "newer")
    prices = os.path.join(world.folder.name, "prices.json")
    os.mkdir(newer)
    for path, text in ((file, "x"), (os.path.join(newer, "FORMAT"), "pawl 9\n"), (prices, "{")):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    rows = ((["--data-dir", os.path.join(file, "x")], {}, "cannot make the directory"),
            (["--data-dir", newer], {}, "newer pawl"),
            (["--prices", prices], {}, "prices.json"),
            ([], {"OPENAI_BASE_URL": "localhost:99"}, "OPENAI_BASE_URL"))
    for options, env, words in rows:
        status, stdout, stderr = world.run(options, "say:started", env=env)
        assert status == 125 and words in stderr and stdout == "", (options, status, stderr)
        assert stderr.startswith("pawl: "), stderr


def tests(world):
    yield "the agent's own status", own_status
    yield "an agent killed by a signal", killed_agent
    yield "signals to pawl reach the agent", passed
    yield "an agent without a handler", unhandled
    yield "INT and QUIT to pawl alone", ignored
    yield "a hang-up under nohup", hangup_ignored
    yield "a signal to the whole group", whole_group
    yield "failures before the start are 125", failures
