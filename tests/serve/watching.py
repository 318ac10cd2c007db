# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a server: metrics, held against the table that the page is made from, and
the log.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket

from world import ADMIN, PATIENCE_S, commit_body, patience, quick_start, reserve_body

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? ([0-9]+(?:\.[0-9]+)?)')


def parse(text):
    """{name: {labels: value}}, strict: every line is a sample or a comment of its own metric, each
    metric's samples stand together, histograms grow and end in +Inf."""
    kinds, samples, order = {}, {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in order, f"{name} is in two pieces"
            order.append(name)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == order[-1]
            kinds[name] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        whole = kinds[order[-1]] != "histogram"
        base = name if whole else re.sub(r"_(bucket|sum|count)$", "", name)
        assert base == order[-1], line
        assert labels not in samples.setdefault(name, {}), line
        samples[name][labels] = float(value)
    for name, kind in kinds.items():
        if kind == "histogram":
            check_histogram(name, samples)
    return kinds, samples


def check_histogram(name, samples):
    series = {}
    for labels, value in samples.get(name + "_bucket", {}).items():
        rest, bound = re.fullmatch(r'(.*?),?le="([^"]+)"', labels).groups()
        series.setdefault(rest or None, []).append((bound, value))
    assert series.keys() == samples.get(name + "_count", {}).keys(), name
    for rest, buckets in series.items():
        bounds = [float(bound.replace("+Inf", "inf")) for bound, _ in buckets]
        counts = [count for _, count in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf"), buckets
        assert counts == sorted(counts), buckets
        assert counts[-1] == samples[name + "_count"][rest], buckets


def table():
    """{name: (kind, labels)} of metrics.def."""
    rows = re.findall(r'^PAWL_METRIC\(\w+, "(\w+)", (\w+), "([a-z,]*)"',
                      (ROOT / "src/server/metrics.def").read_text(encoding="utf-8"), re.M)
    return {name: (kind.lower(), {label for label in labels.split(",") if label})
            for name, kind, labels in rows}


def metrics_are_what_the_table_says(world):
    server, key = quick_start(world)
    assert server.ask("POST", "/v1/reservations", reserve_body("a"), key=key).status == 200
    refused = server.ask("POST", "/v1/reservations", reserve_body("b", 10**12), key=key)
    assert refused.status == 409 and refused.json["error"] == "BUDGET_EXCEEDED", refused
    answer = server.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4"), answer.headers
    kinds, samples = parse(answer.text)
    expected = table()
    assert kinds == {name: kind for name, (kind, _) in expected.items()}
    for name, (kind, labels) in expected.items():
        rows = samples[name + "_count" if kind == "histogram" else name]
        for row in rows:
            found = set(re.findall(r'([a-z]+)="', row or ""))
            assert found == labels, (name, row, labels)


def metrics_count(world):
    server, key = quick_start(world)
    held = server.ask("POST", "/v1/reservations", reserve_body("a", 500), key=key).json
    path = f"/v1/reservations/{held['reservation_id']}/commit"
    assert server.ask("POST", path, commit_body("a-done", 300), key=key).status == 200
    for word in "xyz":
        server.ask("POST", "/v1/reservations", reserve_body(word, 10**12), key=key)
    server.ask("GET", "/v1/balances?tenant=quickstart", key="cyc_live_nobodys")
    _, now = parse(server.ask("GET", "/metrics").text)
    counts = now["pawl_request_duration_seconds_count"]
    assert counts['operation="createReservation",status="200"'] == 1, counts
    assert counts['operation="createReservation",status="409"'] == 3, counts
    assert counts['operation="commitReservation",status="200"'] == 1, counts
    assert now["pawl_refusals_total"]['operation="createReservation",error="BUDGET_EXCEEDED"'] == 3
    assert now["pawl_refusals_total"]['operation="getBalances",error="UNAUTHORIZED"'] == 1, now
    assert now["pawl_denials_total"] == {
        'operation="createReservation",reason="BUDGET_EXCEEDED"': 3}, now
    assert now["pawl_ledger_amount_total"] == {
        f'what="{what}",unit="USD_MICROCENTS"': amount for what, amount in (
            ("held", 500), ("settled", 300), ("released", 200), ("denied", 3 * 10**12))}, now
    assert now["pawl_ledger_rows"]['table="budgets"'] == 1
    assert now["pawl_ledger_rows"]['table="reservations"'] == 0
    assert now["pawl_ledger_rows"]['table="documents"'] == 3  # tenant, key, administrator
    assert now["pawl_journal_operation"][None] == now["pawl_journal_durable_operation"][None]
    assert now["pawl_commit_batch_operations_sum"][None] == now["pawl_journal_operation"][None]
    assert now["pawl_journal_written_bytes_total"][None] > 500
    assert now["pawl_connections"][None] == 1 and now["pawl_requests_open"][None] == 1
    assert now["pawl_ready"][None] == 1
    with patience("the archive") as tick:
        while now["pawl_archive_lag_operations"][None] > 0:
            tick()
            _, now = parse(server.ask("GET", "/metrics").text)
    assert now["pawl_archive_rows"][None] >= 1 and now["pawl_archive_broken"][None] == 0


def holds_that_nobody_settles_are_counted(world):
    """An operator sees clients that hold and do not come back; a closed tenant's holds are none."""
    server, key = quick_start(world)
    for number in range(3):
        hold = {**reserve_body(f"h{number}", 5), "ttl_ms": 1000, "grace_period_ms": 0}
        assert server.ask("POST", "/v1/reservations", hold, key=key).status == 200
    assert server.ask("POST", "/v1/reservations", reserve_body("long", 5), key=key).status == 200
    with patience("the leases' end") as tick:
        while parse(server.ask("GET", "/metrics").text)[1]["pawl_holds_expired_total"][None] < 3:
            tick()
    closed = server.ask("PATCH", "/v1/admin/tenants/quickstart", {"status": "CLOSED"}, admin=ADMIN)
    assert closed.status == 200, closed
    with patience("the closed tenant's hold") as tick:
        while True:
            _, now = parse(server.ask("GET", "/metrics").text)
            if now["pawl_ledger_rows"]['table="reservations"'] == 0:
                break
            tick()
    assert now["pawl_holds_expired_total"][None] == 3, now["pawl_holds_expired_total"]


def metrics_are_for_whom_it_is_said(world):
    for who, bare, keyed in (("open", 200, 200), ("admin", 401, 200), ("off", 404, 404)):
        server = world.start("--metrics", who, data=world.path(who))
        assert server.ask("GET", "/metrics").status == bare, who
        assert server.ask("GET", "/metrics", admin=ADMIN).status == keyed, who
        if who != "off":
            assert server.ask("HEAD", "/metrics", admin=ADMIN).status == 200
            refused = server.ask("POST", "/metrics", {}, admin=ADMIN)
            assert refused.status == 405 and refused.headers["allow"] == "GET", refused.headers
        server.stop()


def lines(err):
    return [json.loads(line) for line in err.splitlines()]


def a_line_for_each_request(world):
    """Structured, complete, and without secrets."""
    server, key = quick_start(world, "--log-requests", "all")
    done = server.ask("POST", "/v1/reservations", reserve_body("a"), key=key)
    secret = "cyc_live_" + "s" * 32
    server.ask("GET", "/v1/balances?tenant=quickstart&note=" + secret, key=secret)
    server.ask("GET", "/v1/admin/tenants", admin=ADMIN)
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert secret not in err and ADMIN not in err and key not in err
    requests = [line for line in lines(err) if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 401, 200], requests
    first, second, third = requests
    assert first["tenant"] == "quickstart" and first["operation"] == "createReservation"
    assert first["request_id"] == done.headers["x-request-id"] and first["us"] > 0
    assert first["trace_id"] == done.headers["x-cycles-trace-id"]
    assert first["key_id"].startswith("key_") and "error" not in first
    for line in requests:
        assert re.fullmatch(r"127\.0\.0\.1:\d+", line["client"]), line
    assert second["error"] == "UNAUTHORIZED" and second["path"] == "/v1/balances"
    assert third["key_id"] == "admin"
    for line in lines(err):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]), line


def a_log_has_levels_and_forms(world):
    for which, count in (("none", 0), ("errors", 1), ("all", 2)):
        server = world.start("--log-requests", which, "--log-level", "warn",
                             data=world.path(which))
        server.ask("GET", "/actuator/health")
        server.ask("GET", "/nowhere\x7f".replace("\x7f", "%7f"))
        server.signal(signal.SIGTERM)
        _, _, err = server.wait()
        found = lines(err)
        assert len(found) == count and all(line["event"] == "request" for line in found), found
    server = world.start("--log-format", "text", data=world.path("text"))
    server.ask("GET", "/nowhere")
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert re.search(r"^20\S+Z 404 GET /nowhere NOT_FOUND \d+us - 127\.0\.0\.1:\d+ req_\w+$", err,
                     re.M), err
    assert "pawl: SIGTERM: ending; 0 requests are open\n" in err, err


def a_line_says_why_a_request_could_not_be_read(world):
    """What was refused before it was a request is told by the names of the answer's details."""
    for form, pattern in (
            ("json", r'"client":"127\.0\.0\.1:\d+",.*"error":"INVALID_REQUEST","refusal":"{}"'),
            ("text", r" - - INVALID_REQUEST/{} 0us - 127\.0\.0\.1:\d+ req_")):
        server = world.start("--log-format", form, data=world.path(form))
        for head in (b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.connect().port)) as client:
                client.settimeout(PATIENCE_S)
                client.sendall(head)
                while client.recv(4096):
                    pass
        server.ask("GET", "/nowhere")
        server.signal(signal.SIGTERM)
        _, _, err = server.wait()
        for name in ("host_missing", "request_line"):
            assert re.search(pattern.format(name), err), err
        assert err.count("refusal") == (2 if form == "json" else 0), err


def a_line_says_who_asked(world):
    server = world.start("--log-requests", "all", "--listen", "[::1]:0", "--listen",
                         "unix:" + world.path("door"))
    for url in server.addresses:
        server.ask("GET", "/actuator/health", url=url)
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    told = " ".join(line["client"] for line in lines(err) if line["event"] == "request")
    assert re.fullmatch(rf"127\.0\.0\.1:\d+ \[::1\]:\d+ pid {os.getpid()}", told), err


def a_balancers_old_check_is_answered(world):
    """HTTP/1.0 without a Host, as HAProxy asks by default."""
    server = world.start()
    for method, end in (("GET", b'{"status":"UP"}'), ("HEAD", b"\r\n\r\n")):
        with socket.create_connection(("127.0.0.1", server.connect().port)) as client:
            client.settimeout(PATIENCE_S)
            client.sendall(f"{method} /actuator/health/readiness HTTP/1.0\r\n\r\n".encode())
            told = b""
            while more := client.recv(4096):
                told += more
        assert told.startswith(b"HTTP/1.1 200 ") and told.endswith(end), told


def sighup_opens_the_log_anew(world):
    log = world.path("serve.log")
    server = world.start("--log-file", log, "--log-requests", "all")
    server.ask("GET", "/first")
    os.rename(log, log + ".1")
    server.signal(signal.SIGHUP)
    with patience("the new log") as tick:
        while not os.path.exists(log) or "SIGHUP" not in pathlib.Path(log).read_text(
                encoding="utf-8"):
            tick()
    server.ask("GET", "/second")
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert err == "", err
    old = pathlib.Path(log + ".1").read_text(encoding="utf-8")
    new = pathlib.Path(log).read_text(encoding="utf-8")
    assert "/first" in old and "/second" not in old and "/second" in new and "/first" not in new
    assert os.stat(log).st_mode & 0o077 == 0


def read_lines(reader, word):
    """What comes from a pipe up to a line with the word."""
    got = b""
    with patience(word) as tick:
        while word not in got.decode(errors="replace"):
            with contextlib.suppress(BlockingIOError):
                got += os.read(reader, 1 << 16)
            tick()
    return got.decode()


def a_log_may_be_a_named_pipe(world):
    """Which nobody reads yet, or not any more: the server starts, works, and ends."""
    log = world.path("log.fifo")
    os.mkfifo(log, 0o600)
    server = world.start("--log-file", log, "--log-requests", "all")
    server.ask("GET", "/first")
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    read_lines(reader, "/first")
    os.close(reader)
    server.ask("GET", "/second")
    server.signal(signal.SIGHUP)
    assert server.ask("GET", "/third").status == 404
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    said = read_lines(reader, "/third")
    assert said.index("/second") < said.index("/third"), said
    os.close(reader)
    for _ in range(1000):  # more than the pipe holds
        server.ask("GET", "/" + "x" * 200)
    server.signal(signal.SIGTERM)
    status, _, err = server.wait()
    assert status == 0 and err == "", (status, err)


def nobody_reads_the_log(world):
    """A pipe that is full holds nothing up, and what is lost is counted."""
    server, key = quick_start(world, "--log-requests", "all", "--log-format", "json")
    connection = server.connect()
    requests = 1500  # some 400 bytes each; a pipe holds 64 KiB
    for _ in range(requests):
        answer = server.ask("GET", "/v1/balances?tenant=quickstart", key=key, connection=connection)
        assert answer.status == 200, answer
    _, samples = parse(server.ask("GET", "/metrics", admin=ADMIN).text)
    lost = samples["pawl_log_lines_lost_total"][None]
    assert 0 < lost < requests, lost
    # Read again, it goes on with a whole line.
    os.set_blocking(server.process.stderr.fileno(), False)
    while server.process.stderr.buffer.raw.read(1 << 20):
        pass
    server.ask("GET", "/v1/balances?tenant=nobody", key=key, connection=connection)
    read = b""
    with patience("a line") as tick:
        while b"tenant=nobody" not in read and b"403" not in read:
            tick()
            read += server.process.stderr.buffer.raw.read(1 << 20) or b""
    whole = [line for line in read.split(b"\n") if line.startswith(b"{")]
    assert json.loads(whole[-1])["status"] == 403, read
    os.set_blocking(server.process.stderr.fileno(), True)


TESTS = {
    "metrics are what the table says": metrics_are_what_the_table_says,
    "metrics count what happened": metrics_count,
    "holds that nobody settles are counted": holds_that_nobody_settles_are_counted,
    "metrics are for whom it is said": metrics_are_for_whom_it_is_said,
    "a request has a line, without secrets": a_line_for_each_request,
    "a log has levels and forms": a_log_has_levels_and_forms,
    "a line says why a request could not be read": a_line_says_why_a_request_could_not_be_read,
    "a line says who asked": a_line_says_who_asked,
    "a balancer's old check is answered": a_balancers_old_check_is_answered,
    "SIGHUP opens the log anew": sighup_opens_the_log_anew,
    "a log may be a named pipe": a_log_may_be_a_named_pipe,
    "a log that nobody reads holds nothing up": nobody_reads_the_log,
}
