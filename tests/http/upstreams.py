# SPDX-License-Identifier: Apache-2.0
"""Who stands behind the gateway where the scripted provider knows too much: one that gives the same
answer to everything, one that gives back what it is asked.

    with Upstream(reply) as upstream, Host(upstream, usd=USD) as host:
        assert host.call("anthropic").status == 200
        head, body = upstream.requests[0]

A request is read to its end before it is answered: a socket that is closed on bytes that nobody
read resets the connection, and the answer may be lost with it.
"""
import contextlib
import socket
import threading


def read_request(file):
    """(head, body) of the next request, the head without the empty line; None behind the last."""
    head, length = b"", 0
    while (line := file.readline()) not in (b"\r\n", b""):
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = file.read(length)
    if line == b"" or len(body) < length:
        return None
    return head.decode("latin-1").removesuffix("\r\n"), body


def headers_of(head):
    """Of a request, by their names in small letters."""
    pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:]]
    return {name.lower(): value for name, value in pairs}


class Listener:
    """Listens on loopback and answers each request with answer(head, body)."""

    def __init__(self, keeps=False):
        self.keeps = keeps  # its connections, for a request more
        self.connections = 0
        self.requests = []

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        # Who hangs up has his reasons; the test looks at what came of it.
        with connection, connection.makefile("rb") as file, contextlib.suppress(ConnectionError):
            while (request := read_request(file)) is not None:
                self.requests.append(request)
                connection.sendall(self.answer(*request))
                if not self.keeps:
                    return

    def answer(self, head, body):
        raise NotImplementedError


class Upstream(Listener):
    """Gives every request the same bytes."""

    def __init__(self, reply, keeps=False):
        super().__init__(keeps)
        self.reply = reply

    def answer(self, head, body):
        return self.reply


class Echo(Listener):
    """Gives every request its own body, or always `body`, byte for byte."""

    def __init__(self, head=b"", body=None, status=b"200 OK"):
        super().__init__()
        self.head, self.body, self.status = head, body, status

    def answer(self, head, body):
        body = body if self.body is None else self.body
        return (b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: %d\r\n%s\r\n"
                % (self.status, len(body), self.head) + body)
