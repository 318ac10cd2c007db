# SPDX-License-Identifier: Apache-2.0
"""A live run's own socket: what it answers, how it reads what it is told, `pawl stop`."""
import http.client
import json
import os
import pathlib
import socket
import stat

import shared
from world import Witness, expect_line, finish

PATH = "/v1/x-pawl/run"


class Socket(http.client.HTTPConnection):
    """HTTP over run.sock; its address is short whatever the data directory's is."""

    def __init__(self, world):
        super().__init__("pawl", timeout=60)
        self.folder = max(pathlib.Path(world.data, "runs").glob("run_*"))

    def connect(self):
        directory = os.open(self.folder, os.O_RDONLY)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/run.sock")
        finally:
            os.close(directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(world, method, path=PATH, body=None):
    """Status and object."""
    with Socket(world) as connection:
        connection.request(method, path, body if body is None or isinstance(body, (str, bytes))
                           else json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def mistakes(world):
    """Whatever is wrong with a request is answered in the words of the error body."""
    process = world.start([], "say:ready", "listen")
    expect_line(process, "ready")
    folder = max(pathlib.Path(world.data, "runs").glob("run_*"))
    assert stat.S_IMODE(os.stat(folder / "run.sock").st_mode) == 0o600
    for method, path, body, status, code, words in (
            ("GET", "/elsewhere", None, 404, "NOT_FOUND", "nothing at this path"),
            ("POST", PATH, None, 405, "INVALID_REQUEST", f"{PATH} takes GET only"),
            ("GET", PATH + "/stop", None, 405, "INVALID_REQUEST", "takes POST only"),
            ("POST", PATH + "/stop", "{", 400, "INVALID_REQUEST", "not JSON: truncated at byte 1"),
            ("POST", PATH + "/stop", "[]", 400, "INVALID_REQUEST", "not a JSON object"),
            ("POST", PATH + "/stop", '{"a":1,"a":1}', 400, "INVALID_REQUEST", "duplicate_key"),
            ("POST", PATH + "/stop", {"now": True}, 400, "INVALID_REQUEST", "'now' is not known")):
        got, error = ask(world, method, path, body)
        assert (got, error["error"]) == (status, code), (path, body, got, error)
        assert words in error["message"], error
        assert error["request_id"].startswith("req_pawl_") and len(error["trace_id"]) == 32, error
    assert error["details"] == {"field": "now"}, error
    status, run = ask(world, "GET")
    assert status == 200 and run["state"] == "active", run  # nothing of it stopped the run
    assert finish(process, "go\n")[0] == 0


def stop(world):
    """`pawl stop` ends the whole tree at once, is exit status 124, and waits for the end."""
    with Witness() as witness:
        process = world.start(["--name", "long", "--attended"], "tool", "daemon", "call",
                              "say:ready", "wait", **witness.arguments())
        witness.let_go()
        expect_line(process, "ready")
        done = world.tell("stop", "long")
        assert done.returncode == 0 and "is stopped" in done.stdout, done
        witness.await_nobody()
    status, _, stderr = finish(process)
    assert status == 124, (status, stderr)
    assert "stopped with pawl stop" in stderr, stderr
    row = world.runs()[0]
    assert (row["reason"], row["status"], row["hard_stop"], row["calls"]) == (
        "killed", 124, False, 1), row
    assert row["spent"]["usd"]["amount"] == world.bill(), row
    assert "stopped by hand" in world.tell("show", "last").stdout
    again = world.tell("stop", "long")
    assert again.returncode == 1 and "is not running" in again.stderr, again


def stop_by_socket(world):
    """The route answers when the end has begun; saying it twice changes nothing."""
    process = world.start([], "on:TERM:7", "say:ready", "wait")
    expect_line(process, "ready")
    assert ask(world, "POST", PATH + "/stop", {})[1]["state"] == "ending"
    status, stdout, stderr = finish(process)
    assert status == 124 and "got TERM" in stdout, (status, stdout, stderr)
    assert "exit status 7, asked to end by pawl" in stderr, stderr


def nobody_there(world):
    """Runs that are not there, or not alive, are told apart from those that do not answer."""
    assert world.tell("stop", "last").returncode == 1
    assert world.run([], "exit:0")[0] == 0
    done = world.tell("stop", "last")
    assert done.returncode == 1 and "is not running: see 'pawl show run_" in done.stderr, done
    done = world.tell("stop", "nothing")
    assert done.returncode == 1 and "nothing" in done.stderr, done


def estimates(world):
    """How good the bounds for the input were: of a live run on its socket, later by `pawl show`."""
    process = world.start([], "call", "call", "say:ready", "listen")
    expect_line(process, "ready")
    _, run = ask(world, "GET")
    assert finish(process, "go\n")[0] == 0
    history = world.history()
    told = [{key: row[key] for key in row if key != "type"} for row in history.estimates]
    assert told == run["estimates"] and len(told) == 1, (told, run)
    assert told[0]["model"] == history.calls[0]["model_asked"] and told[0]["calls"] == 2, told
    assert 1000 <= told[0]["permille_p50"] <= told[0]["permille_p99"], told
    done = world.tell("show", "last")
    assert f"{told[0]['model']}: input was estimated at " in done.stdout, done.stdout


SAY = """for words in "approve last --add-usd 5" "phase last verification --add-usd 1" \\
    "limit --usd 50 --per day" "limit remove 1"; do
    "$0" $words --data-dir "$1" || echo "status $?"
done
setsid -f sh -c '"$0" approve last --add-usd 5 --data-dir "$1" || echo "status $?"' "$0" "$1"
exec cat
"""


def no_yes_from_inside(world):
    """An agent gives itself no more, not even by a process that left its session."""
    with shared.limits(world, ["--usd", "20", "--per", "day"]):
        process = world.start(["--attended"], ["sh", "-c", SAY, world.pawl, world.data])
        for _ in range(5):
            expect_line(process, "status 1")
        status, stdout, stderr = finish(process, "")
        assert status == 0 and stdout == "", (status, stdout)
        assert stderr.count("it again in another terminal") == 5, stderr
        run = world.history().run
        assert run["limits"]["usd"]["amount"] == 150_000_000 and run["approvals_given"] == 0, run
        limit, = map(json.loads, world.tell("limit", "--json").stdout.splitlines())
        assert limit["limit"] == 20 * shared.USD, limit


def hook_says_how_it_goes_on(world):
    """A tool call beyond the cap that only a hook has seen is told with the command that helps."""
    asked = json.dumps({"hook_event_name": "PreToolUse", "tool_name": "Bash",
                        "tool_input": {"command": "ls"}})
    ask = f"echo '{asked}' | '{world.pawl}' hook claude --data-dir '{world.data}'"
    status, stdout, _ = world.run(["--max-tool-calls", "1"], ["sh", "-c", f"{ask}; {ask}"])
    run = world.runs()[0]["run"]
    assert status == 124 and "Bash would be one more" in stdout, stdout
    assert f"to go on: pawl run --resume {world.named(run)} --add-tool-calls " in stdout, stdout


def tests(world):
    yield "requests that are wrong are told how", mistakes
    yield "pawl stop ends everything and waits for it", stop
    yield "the route to stop can be called twice", stop_by_socket
    yield "pawl stop of what does not run", nobody_there
    yield "no yes from inside of a run", no_yes_from_inside
    yield "how good estimates were is told by run and history", estimates
    yield "a hook's refusal says how it goes on", hook_says_how_it_goes_on
