# SPDX-License-Identifier: Apache-2.0
"""A port of one's own where nobody listens. One that was free a moment ago may be another's by now:
whoever connects or listens anywhere on the machine is given one.
"""
import contextlib
import socket


@contextlib.contextmanager
def kept_port():
    """Bound and not listening: connections are refused, and the port is given to nobody. A server
    that names it can listen there all the same, since it says SO_REUSEADDR, as servers do."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]
