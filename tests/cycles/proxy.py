# SPDX-License-Identifier: Apache-2.0
"""A proxy that misbehaves as networks do. It speaks HTTP/1.1, one request a connection at a time,
and asks `fault(method, path, body)` what to do with each POST:

  None         pass on, answer
  "drop"       pass on, let the server do it, and close without an answer
  "error"      pass on, let the server do it, and answer 500
  "refuse"     close without passing anything on
  "duplicate"  pass on twice, answer with the second answer
  "slow"       pass on, and answer only when the client has given up: it closes
"""
import contextlib
import http.client
import http.server
import threading


class Proxy:
    def __init__(self, port, fault):
        self.target, self.fault = port, fault
        self.counts = {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_POST = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.server.shutdown()
        self.server.server_close()

    def pass_on(self, request, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        headers = {name: value for name, value in request.headers.items()
                   if name.lower() not in ("host", "connection", "content-length")}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer, text

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        asked = self.fault and request.command == "POST"
        fault = self.fault(request.command, request.path, body) if asked else None
        request.close_connection = True
        answer, text = self.pass_on(request, body) if fault != "refuse" else (None, None)
        self.counts[fault] = self.counts.get(fault, 0) + 1  # it is at the server, or never will be
        if fault == "refuse":
            return
        if fault == "drop":
            return
        if fault == "duplicate":
            answer, text = self.pass_on(request, body)
        if fault == "slow":
            with contextlib.suppress(OSError):
                request.connection.recv(1)  # ends when the client closes
            return
        status = 500 if fault == "error" else answer.status
        with contextlib.suppress(OSError):
            request.send_response(status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "content-length", "transfer-encoding", "date",
                                        "server"):
                    request.send_header(name, value)
            if fault == "error":
                text = b'{"error":"INTERNAL_ERROR","message":"by the proxy","request_id":"none"}'
            request.send_header("Content-Length", str(len(text)))
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(text)
