# SPDX-License-Identifier: Apache-2.0
"""Who comes in by which door: the local socket, addresses for one plane, a client's socket, TLS.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess

from world import ADMIN, PATIENCE_S, Answer, Server, patience


# --- Doors ----------------------------------------------------------------------------------------

def the_local_socket_needs_no_key(world):
    server = world.start()
    path = os.path.join(world.data, "pawl.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    body = {"tenant_id": "acme", "name": "Acme"}
    assert server.ask("POST", "/v1/admin/tenants", body).status == 401
    assert server.ask("POST", "/v1/admin/tenants", body, url="unix:" + path).status == 201
    done = world.tell("tenant", "list", "--data-dir", world.data, "--json")
    assert done.returncode == 0 and "acme" in done.stdout, done


def a_full_server_lets_the_administrator_in(world):
    """Who has all connections, without any key, keeps nobody from stopping him."""
    server = world.start("--max-connections", "2")
    crowd = [server.connect() for _ in range(70)]
    for connection in crowd:
        connection.connect()
    done = world.tell("tenant", "create", "acme", "--data-dir", world.data)
    assert done.returncode == 0, done
    done = world.tell("tenant", "list", "--data-dir", world.data)
    assert done.returncode == 0 and "acme" in done.stdout, done
    for connection in crowd:
        connection.close()


def an_agent_inside_of_a_run_is_nobody_there(world):
    """From inside of `pawl run` the same socket asks for the administrator's key."""
    world.start()
    script = ("import http.client, socket, sys\n"
              "c = http.client.HTTPConnection('localhost'); s = socket.socket(socket.AF_UNIX)\n"
              "s.connect(sys.argv[1]); c.sock = s\n"
              "c.request('GET', '/v1/admin/tenants'); print('answer', c.getresponse().status)\n")
    path = os.path.join(world.data, "pawl.sock")
    done = world.tell("run", "--quiet", "--no-card", "--data-dir", world.path("runs"), "--",
                      "python3", "-c", script, path)
    assert "answer 401" in done.stdout, done
    outside = subprocess.run(["python3", "-c", script, path], capture_output=True, text=True,
                             check=False, timeout=PATIENCE_S)
    assert "answer 200" in outside.stdout, outside


def root_is_let_in_and_others_are_told(world):
    """A service runs as a user of its own; whoever looks after the machine is root."""
    if os.geteuid() != 0:
        print("not root: no other users to be")
        return
    os.chmod(world.folder.name, 0o777)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    world.start(**nobody)
    done = world.tell("tenant", "list", "--data-dir", world.data)
    assert done.returncode == 0, done
    other = world.path("roots")
    world.start(data=other)
    for words in (("tenant", "list"), ("backup", world.path("copy"))):
        done = subprocess.run([world.pawl, *words, "--data-dir", other], capture_output=True,
                              text=True, check=False, timeout=PATIENCE_S,
                              env=world.environment(), **nobody)
        assert done.returncode != 0, done
        assert "permission denied; run this as the server's user, or as root" in done.stderr, done


def planes_have_ports_of_their_own(world):
    server = world.start("--listen-admin", "127.0.0.1:0", "--listen-runtime", "127.0.0.1:0",
                         listen=False)
    runtime, admin = server.addresses
    assert server.ask("GET", "/v1/admin/tenants", admin=ADMIN, url=runtime).status == 404
    assert server.ask("GET", "/v1/admin/tenants", admin=ADMIN, url=admin).status == 200
    assert server.ask("GET", "/v1/reservations", url=admin).status == 404
    assert server.ask("GET", "/v1/reservations", url=runtime).status == 401
    assert server.ask("GET", "/metrics", url=runtime).status == 404
    assert server.ask("GET", "/metrics", url=admin).status == 200
    for url in (runtime, admin):
        assert server.ask("GET", "/actuator/health", url=url).status == 200
        assert server.ask("GET", "/v1/auth/introspect", admin=ADMIN, url=url).status == 200
    told = server.ask("GET", "/v1/admin/budgets/nowhere", url=runtime).json["message"]
    assert told == "there is nothing at this path", told
    # Commands find their way at each: a spend asks whose its key is, where it is told none.
    admins = {"PAWL_SERVER": admin, "PAWL_ADMIN_KEY": ADMIN}
    for words in ("tenant create acme", "budget create acme --usd 10"):
        assert world.tell(*words.split(), env=admins).returncode == 0, words
    key = world.tell("key", "create", "acme", "--name", "k", env=admins).stdout.strip()
    spender = {"PAWL_SERVER": runtime, "PAWL_KEY": key}
    for words in ("reservation create --usd 1", "decide --usd 1", "debit --usd 1"):
        done = world.tell(*words.split(), env=spender)
        assert done.returncode == 0, (words, done)
    for words, env in (("budget list", {**spender}), ("debit --usd 1", {**admins, **spender,
                                                                        "PAWL_SERVER": admin})):
        done = world.tell(*words.split(), env=env)
        assert done.returncode == 1 and "plane alone; the path is the other's" in done.stderr, done
    ledgers = server.ask("GET", "/v1/balances", key=key, url=admin).json["balances"]
    assert [row["ledger_id"] for row in ledgers] == ["bud_1"], ledgers
    assert server.ask("GET", "/v1/balances", key=key, url=runtime).status == 400


def a_unix_socket_for_clients_wants_a_key(world):
    path = world.path("clients.sock")
    server = world.start("--listen", "unix:" + path)
    url = "unix:" + path
    assert url in server.addresses
    assert server.ask("GET", "/v1/admin/tenants", url=url).status == 401
    assert server.ask("GET", "/v1/admin/tenants", admin=ADMIN, url=url).status == 200
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    for mode in (0o660, 0o666):
        path = world.path(f"{mode:o}.sock")
        world.start("--listen-runtime", "unix:" + path, "--socket-mode", f"{mode:04o}",
                    data=world.path(f"{mode:o}"))
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
        door = os.stat(os.path.join(world.path(f"{mode:o}"), "pawl.sock"))
        assert stat.S_IMODE(door.st_mode) == 0o600


def each_address_is_told_whole(world):
    """The first line names all of them, however many, and whatever their paths have in them."""
    lists = [(option, "unix:" + world.path(f"{option[2:]}, a long name for a door {number:032}"))
             for option in ("--listen", "--listen-runtime", "--listen-admin")
             for number in range(15)]
    server = world.start(*(word for one in lists for word in one))
    assert server.addresses == [server.url, *(path for _, path in lists)], server.first
    assert server.ask("GET", "/actuator/health", url=server.addresses[-1]).status == 200


# --- TLS ------------------------------------------------------------------------------------------

def make_certificate(world, name, days="2"):
    cert, key = world.path("cert.pem"), world.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", days, "-subj",
                    f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", cert], check=True, capture_output=True)
    return cert, key


def served_certificate(server):
    port = int(server.url.rsplit(":", 1)[1])
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE_S)


def sighup_reads_the_certificate_anew(world):
    cert, key = make_certificate(world, "one")
    server = world.start("--tls-cert", cert, "--tls-key", key)
    assert server.url.startswith("https://")
    first = served_certificate(server)
    assert first.strip() == pathlib.Path(cert).read_text(encoding="utf-8").strip()
    context = ssl.create_default_context(cafile=cert)
    port = int(server.url.rsplit(":", 1)[1])
    kept = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=context)
    kept.request("GET", "/actuator/health")
    assert Answer(kept.getresponse()).status == 200
    make_certificate(world, "two")
    server.signal(signal.SIGHUP)
    with patience("the new certificate") as tick:
        while served_certificate(server) == first:
            tick()
    kept.request("GET", "/actuator/health")
    assert Answer(kept.getresponse()).status == 200, "what was open goes on"
    second = served_certificate(server)
    pathlib.Path(cert).write_text("no certificate", encoding="utf-8")
    server.signal(signal.SIGHUP)
    line = ""
    while "the old certificate stays" not in line:
        line = server.process.stderr.readline()
        assert line, "it was not told"
    assert served_certificate(server) == second


def no_pipe_is_waited_for(world):
    """In the place of a certificate or its key: not at the start, and not by a server that works.
    A configuration and the administrator's key may come by one, if somebody writes to it."""
    cert, key = make_certificate(world, "one")
    pipe = world.path("pipe")
    os.mkfifo(pipe)
    for files in ((pipe, key), (cert, pipe)):
        status, err = world.fail("--tls-cert", files[0], "--tls-key", files[1])
        assert status != 0 and f" {pipe}: it is a pipe; it has to be a file" in err, err
    server = world.start("--tls-cert", cert, "--tls-key", key)
    first = served_certificate(server)
    os.rename(pipe, key)
    server.signal(signal.SIGHUP)
    line = ""
    while "the old certificate stays" not in line:
        line = server.process.stderr.readline()
        assert line, "it was not told"
    assert f"key {key}: it is a pipe" in line and served_certificate(server) == first
    server.stop()


def a_pipe_that_somebody_writes_to_is_read(world):
    """As a shell makes one of what a command prints, and one with a name."""
    script = 'exec "$@" --config <(echo "max-budgets: 7") --admin-key-file <(sleep 1; echo "$KEY")'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *world.command([])], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=world.environment(KEY=ADMIN + "-of-a-pipe"))
    world.started.append(process)
    server = Server(process)
    assert server.ask("GET", "/v1/admin/tenants", admin=ADMIN + "-of-a-pipe").status == 200
    server.signal(signal.SIGTERM)
    assert "max-budgets 7: " in server.wait()[2]
    pipe = world.path("pipe")
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor() as both:
        alone = [both.submit(world.fail, option, pipe, data=world.path(option))
                 for option in ("--config", "--admin-key-file")]
        for end in alone:
            status, err = end.result()
            assert status != 0 and f"{pipe}: nobody has opened this named pipe" in err, err


def a_certificate_that_ends_is_told(world):
    """Within a week of its end, and after it, at the start and when another one is read."""
    cert, key = make_certificate(world, "brief", "6")
    server = world.start("--tls-cert", cert, "--tls-key", key)
    make_certificate(world, "long", "8")
    server.signal(signal.SIGHUP)
    line = ""
    while "the certificate read anew" not in line:
        line = server.process.stderr.readline()
        assert line, "it was not told"
        if "the certificate" in line and "ends at" in line:
            told = json.loads(line)
    assert re.search(rf"{cert} ends at 20\S+Z: put another one there", told["message"]), told
    request = world.path("request.pem")
    subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=old", "-out", request],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", "-1",
                    "-out", cert], check=True, capture_output=True)
    server.signal(signal.SIGHUP)
    server.signal(signal.SIGTERM)
    _, _, err = server.wait()
    assert "ends at" not in err and re.search(rf"{cert} ended at 20\S+Z: clients refuse", err), err


TESTS = {
    "the local socket needs no key": the_local_socket_needs_no_key,
    "a full server lets the administrator in": a_full_server_lets_the_administrator_in,
    "an agent inside of a run is nobody there": an_agent_inside_of_a_run_is_nobody_there,
    "root is let in, and others are told": root_is_let_in_and_others_are_told,
    "planes have ports of their own": planes_have_ports_of_their_own,
    "a Unix socket for clients wants a key": a_unix_socket_for_clients_wants_a_key,
    "each address is told whole": each_address_is_told_whole,
    "SIGHUP reads the certificate anew": sighup_reads_the_certificate_anew,
    "no pipe is waited for": no_pipe_is_waited_for,
    "a pipe that somebody writes to is read": a_pipe_that_somebody_writes_to_is_read,
    "a certificate that ends is told": a_certificate_that_ends_is_told,
}
