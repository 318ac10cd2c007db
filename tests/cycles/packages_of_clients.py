# SPDX-License-Identifier: Apache-2.0
"""The official Python client and the protocol's fuzzer, at the exact versions of
python/requirements.txt, and programs that use them.
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

import packages
from tenants import Server

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM_SECONDS_MAX = 180
# What has tests of its own against a server, and where.
LIVE_SUITES = {"runcycles": "test_live_server.py", "runcycles-ap2": "test_live_ap2_guard.py"}


def installed():
    """The folder that has them; packages.Unreachable without a registry. Beside an environment with
    the packages lie the clients' source distributions, which alone have their own tests."""
    requirements = HERE / "python/requirements.txt"
    pinned = requirements.read_text(encoding="utf-8")

    def steps(_):
        pip = ["venv/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        yield [sys.executable, "-m", "venv", "--copies", "venv"]
        yield [*pip, "install", "--only-binary", ":all:", "-r", str(requirements)]
        for name in LIVE_SUITES:
            client = re.search(rf"^{name}==\S+", pinned, re.M).group()
            yield [*pip, "download", "--no-deps", "--no-binary", name, "-d", name, client]
            yield ["sh", "-c", f"tar -xzf {name}/*.tar.gz --strip-components=1 -C {name}"]

    return packages.install(packages.cache_dir("cycles-3", requirements), steps)


class Official:
    """Runs programs of python/ as a tenant of a server, with a home of their own: there the client
    keeps its journal."""

    def __init__(self, folder, home):
        self.folder, self.home = folder, home
        self.interpreter = folder / "venv/bin/python"

    def start(self, words, tenant, url=None, **env):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("CYCLES_", "PAWL_"))}
        environment |= {"CYCLES_BASE_URL": url or tenant.server.url, "CYCLES_API_KEY": tenant.key,
                        "CYCLES_TENANT": tenant.name, "HOME": str(self.home),
                        "PYTHONDONTWRITEBYTECODE": "1", **env}
        return subprocess.Popen([self.interpreter, *words], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home)

    def run(self, words, tenant, url=None, status=0, seconds=PROGRAM_SECONDS_MAX, **env):
        """What the program printed."""
        with self.start(words, tenant, url, **env) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == status, out[-4000:] + err[-8000:]
        return out

    def ask(self, program, scenario, tenant, url=None, **env):
        """What a scenario of python/`program`.py says that it knows."""
        return json.loads(self.run([self.program(program), scenario], tenant, url, **env))

    def live_suite(self, client):
        """A copy in the home: the client's tests beside it are not for a server."""
        file = LIVE_SUITES[client]
        suite = pathlib.Path(self.home, file)
        suite.write_bytes((self.folder / client / "tests/integration" / file).read_bytes())
        return suite

    @staticmethod
    def program(name):
        return HERE / f"python/{name}.py"


@contextlib.contextmanager
def surroundings(count, options, suite):
    """(Official, Server) for the tests of a suite; (None, None) and a skip without a registry."""
    try:
        folder = installed()
    except packages.Unreachable as why:
        count.skip(f"{suite}: the official Python client",
                   f"its registry cannot be reached: {why}")
        yield None, None
        return
    with Server(options.pawl) as server:
        yield Official(folder, server.folder), server
