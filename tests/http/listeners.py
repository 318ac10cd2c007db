#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""listeners.py PROGRAM: listeners as other programs see them: Python's ssl and curl.

PROGRAM is a listener_host. Certificates are made by openssl in a folder of the test's, under a
root of their own. What a client of our own making could not tell is asked here: that other
implementations accept the chain, the protocol and the end of a connection.
"""
import contextlib
import http.client
import inspect
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
import count as counting  # noqa: E402

SECONDS_MAX = 120
PROGRAM = ""


class Papers:
    """A root, an intermediate certificate, and the server's with its key."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root.pem"
        self.chain = self.folder / "chain.pem"
        self.key = self.folder / "key.pem"
        self.make()

    def openssl(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True,
                              cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr

    def sign(self, name, by, extensions):
        (self.folder / "ext").write_text(extensions, encoding="ascii")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", "csr", "-days", 1, "-extfile", "ext", "-out",
                     f"{name}.crt", *(["-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial"]
                                      if by else ["-signkey", f"{name}.key"]))

    def make(self):
        authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
        self.sign("root", None, authority)
        self.sign("middle", "root", authority)
        self.sign("server", "middle", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n")
        shutil.copy(self.folder / "root.crt", self.root)
        self.chain.write_bytes((self.folder / "server.crt").read_bytes()
                               + (self.folder / "middle.crt").read_bytes())
        shutil.copy(self.folder / "server.key", self.key)

    def context(self):
        return ssl.create_default_context(cafile=str(self.root))


class Host:
    """A running listener_host, with its ports in `ports`."""

    def __init__(self, *words, addresses=1):
        self.process = subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.PIPE,
                                        text=True)
        self.ports = [self.line()["port"] for _ in range(addresses)]

    def line(self):
        return json.loads(self.process.stdout.readline())

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        return self.line()["reload"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(SECONDS_MAX)
        assert status == 0, f"the host ended with {status}"
        self.process.stdout.close()


@contextlib.contextmanager
def secured():
    with tempfile.TemporaryDirectory() as folder:
        papers = Papers(folder)
        with Host("--tls", papers.chain, papers.key, "127.0.0.1:0") as host:
            yield papers, host


def connect(papers, host, context=None):
    return http.client.HTTPSConnection("localhost", host.ports[0], timeout=SECONDS_MAX,
                                       context=context or papers.context())


def ask(connection, path, body=None):
    connection.request("POST" if body is not None else "GET", path, body)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def test_python_verifies_the_chain_and_keeps_the_connection():
    with secured() as (papers, host):
        connection = connect(papers, host)
        for size in (0, 1, 615, 3_000_000):
            assert ask(connection, "/echo", b"x" * size) == str(size)
        assert len(ask(connection, "/")) == 526
        assert connection.sock.version() == "TLSv1.3"
        connection.close()


def test_python_agrees_on_http_1_1():
    with secured() as (papers, host):
        context = papers.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        connection = connect(papers, host, context)
        ask(connection, "/")
        assert connection.sock.selected_alpn_protocol() == "http/1.1"
        connection.close()


def test_python_reads_a_goodbye_at_the_end():
    """suppress_ragged_eofs is what hides a connection that was cut."""
    with secured() as (papers, host):
        plain = socket.create_connection(("127.0.0.1", host.ports[0]), SECONDS_MAX)
        sock = papers.context().wrap_socket(plain, server_hostname="localhost",
                                            suppress_ragged_eofs=False)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        read = b""
        while piece := sock.recv(65536):
            read += piece
        assert read.endswith(b'"}')
        sock.close()


def test_python_pipelines_large_bodies():
    with secured() as (papers, host):
        plain = socket.create_connection(("127.0.0.1", host.ports[0]), SECONDS_MAX)
        sock = papers.context().wrap_socket(plain, server_hostname="localhost")
        body = b"y" * 700_000
        request = (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                   % len(body) + body)
        sock.sendall(request * 5 + request.replace(b"\r\nContent", b"\r\nConnection: close\r\n"
                                                   b"Content", 1))
        read = b""
        while piece := sock.recv(65536):
            read += piece
        assert read.count(b"\r\n\r\n700000") == 6
        sock.close()


def curl(papers, url, *words, status=0):
    done = subprocess.run(["curl", "-sS", "--max-time", str(SECONDS_MAX), "--cacert", papers.root,
                           *words, url], capture_output=True, text=True, check=False,
                          env={**os.environ, "no_proxy": "*"})
    assert done.returncode == status, (done.returncode, done.stderr)
    return done.stdout


def test_curl_verifies_the_chain_in_both_versions():
    with secured() as (papers, host):
        url = f"https://localhost:{host.ports[0]}/echo"
        for version in ("1.2", "1.3"):
            assert curl(papers, url, f"--tlsv{version}", "--tls-max", version, "-d", "hello") == "5"
        assert curl(papers, url, "--http2", "-d", "hello", "-w", " %{http_version}") == "5 1.1"


def test_curl_waits_for_continue():
    with secured() as (papers, host):
        url = f"https://localhost:{host.ports[0]}/echo"
        assert curl(papers, url, "-H", "Expect: 100-continue", "-d", "x" * 50_000) == "50000"


def test_curl_is_refused_old_versions_and_other_roots():
    with secured() as (papers, host), tempfile.TemporaryDirectory() as folder:
        url = f"https://localhost:{host.ports[0]}/"
        curl(papers, url, "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", status=35)
        curl(Papers(folder), url, status=60)


def test_hangup_reads_the_certificate_again():
    with secured() as (papers, host):
        old = connect(papers, host)
        ask(old, "/")
        papers.make()
        assert host.reload() == "ok"
        new = connect(papers, host)
        assert ask(new, "/echo", b"new") == "3"
        assert ask(old, "/echo", b"older") == "5"
        papers.key.write_text("no key", encoding="ascii")
        assert "key.pem" in host.reload()
        again = connect(papers, host)
        assert ask(again, "/echo", b"again") == "5"
        for connection in (old, new, again):
            connection.close()


def test_listeners_tell_themselves_apart():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with Host("127.0.0.1:0", "localhost:0", path, addresses=3) as host:
            for number, port in enumerate(host.ports[:2]):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
                assert ask(connection, "/listener") == str(number)
                connection.close()
            done = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://h/listener"],
                                  capture_output=True, text=True, check=True)
            assert done.stdout == "2"
        assert not os.path.exists(path)


def test_a_port_in_use_is_named_with_its_process():
    with Host("127.0.0.1:0") as host:
        done = subprocess.run([PROGRAM, f"127.0.0.1:{host.ports[0]}"], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 1, done
        assert f"in use by process {host.process.pid} (listener_host)" in done.stderr, done.stderr


def main():
    global PROGRAM
    PROGRAM = sys.argv[1]
    count = counting.Count()
    for name, function in list(globals().items()):
        if inspect.isfunction(function) and name.startswith("test_"):
            with count.test(name.removeprefix("test_").replace("_", " ")):
                function()
    return count.close()


if __name__ == "__main__":
    sys.exit(main())
