# SPDX-License-Identifier: Apache-2.0
"""Proxies from the environment: found under every name, asked rightly, and named when they refuse.

The upstream is a name that nobody resolves, so that a call arrives only through the proxy."""
import base64

from harness import USD, Host, Listener, Upstream
from ports import kept_port

NAME = "provider.test"
NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
         "no_proxy", "NO_PROXY")
BODY = b'{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":2}}'
OK = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
      b"content-length: %d\r\n\r\n" % len(BODY)) + BODY


class _Proxy(Listener):
    """Answers every request itself, a CONNECT with `connect`."""

    def __init__(self, connect=b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"):
        super().__init__()
        self.connect = connect

    def answer(self, head, body):
        return self.connect if head.startswith("CONNECT") else OK

    @property
    def heads(self):
        return [f"{head}\r\n" for head, _ in self.requests]

    def address(self, user=""):
        return f"http://{user}127.0.0.1:{self.port}"


def _host(scheme="http", **variables):
    """A gateway whose upstream is far away, and whose environment has these variables only."""
    environment = dict.fromkeys(NAMES)
    environment.update(variables)
    return Host(None, usd=USD, anthropic=f"{scheme}://{NAME}", proxy=1, environment=environment)


def plain_calls_go_through_the_proxy_of_every_name():
    """In small letters and in capitals; the whole address is asked for."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        with _Proxy() as proxy, _host(**{name: proxy.address()}) as host:
            assert host.call("anthropic").status == 200, name
            assert host.get("anthropic/v1/models").status == 200
            first, second = proxy.heads
            assert first.startswith(f"POST http://{NAME}/v1/messages HTTP/1.1\r\n"), first
            assert second.startswith(f"GET http://{NAME}/v1/models HTTP/1.1\r\n"), second
            assert f"Host: {NAME}\r\n" in first
            host.settle()
            assert host.spent() == 10 * 300 + 2 * 1500


def a_proxy_gets_its_name_and_password_and_the_provider_does_not():
    """In a header of the proxy's own."""
    with _Proxy() as proxy, _host(http_proxy=proxy.address("ann:s%20cret@")) as host:
        assert host.call("anthropic").status == 200
        token = base64.b64encode(b"ann:s cret").decode()
        assert f"Proxy-Authorization: Basic {token}\r\n" in proxy.heads[0], proxy.heads
        assert "s cret" not in str(host.records()) and token not in str(host.records())


def exceptions_are_kept():
    """What no_proxy names is called directly, which this name cannot be."""
    for name in ("no_proxy", "NO_PROXY"):
        with _Proxy() as proxy, _host(http_proxy=proxy.address(), **{name: "x,.test"}) as host:
            answer = host.call("anthropic")
            assert answer.status == 502 and answer.reason == "unreachable", answer
            assert proxy.heads == []
    with _Proxy() as proxy, Upstream(OK) as upstream:
        local = f"http://127.0.0.1:{upstream.port}"
        environment = dict.fromkeys(NAMES) | {"http_proxy": proxy.address()}
        with Host(None, usd=USD, anthropic=local, proxy=1, environment=environment) as host:
            assert host.call("anthropic").status == 200 and proxy.heads == []


def a_tunnel_is_asked_for_and_its_refusal_is_told():
    """CONNECT to the provider's port, with the password; what the proxy says reaches the client."""
    refusals = ((b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
                 "the proxy refuses the connection with status 403"),
                (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n"
                 b"proxy-authenticate: Basic realm=x\r\n\r\n", "a name and a password (407)"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        for reply, words in refusals:
            with _Proxy(reply) as proxy, \
                    _host("https", **{name: proxy.address("ann:secret@")}) as host:
                answer = host.call("anthropic", stream=True)
                assert answer.status == 502 and answer.reason == "unreachable", answer
                assert words in answer.error["message"], answer.error
                assert "secret" not in answer.error["message"]
                assert proxy.heads[0].startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n"), proxy.heads
                assert "Proxy-Authorization: Basic" in proxy.heads[0]
                host.settle()
                assert host.spent() == 0 and host.settlements()[0]["type"] == "RELEASE"


def a_proxy_that_cannot_be_meant_is_told_without_its_password():
    """Each of them is quoted by the library below."""
    for address in ("http://ann:secret@[::bad", "socks9://ann:secret@h:1", "http://ann:secret@h:x",
                    "http://ann:sec'r/et@secret@h:999999999", "ann:secret@[::bad"):
        with _host(http_proxy=address) as host:
            answer = host.call("anthropic")
            assert answer.status == 502, answer
            for word in ("ann", "secret", "sec'r"):
                assert word not in answer.error["message"], (address, answer.error)
            assert "proxy" in answer.error["message"], answer.error


def a_proxy_that_is_not_there_costs_nothing():
    """502 with the reason, which names the proxy as what is missing; the hold goes back."""
    with kept_port() as gone, _host(http_proxy=f"http://127.0.0.1:{gone}") as host:
        answer = host.call("anthropic")
        assert answer.status == 502 and str(gone) in answer.error["message"], answer.error
        assert "the proxy that the environment names" in answer.error["message"], answer.error
        host.settle()
        assert host.spent() == 0
