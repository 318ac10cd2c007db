# SPDX-License-Identifier: Apache-2.0
"""The official Python client and the protocol's fuzzer, at the exact versions of
python/requirements.txt.
"""
import os
import pathlib
import subprocess
import sys

import packages

HERE = pathlib.Path(__file__).resolve().parent
SCENARIO_SECONDS_MAX = 180


def python():
    """The interpreter of an environment that has them; packages.Unreachable without a registry."""
    requirements = HERE / "python/requirements.txt"

    def steps(work):
        yield [sys.executable, "-m", "venv", "--copies", "venv"]
        yield ["venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--only-binary", ":all:", "-r", str(requirements)]

    return packages.install(packages.cache_dir("cycles", requirements), steps) / "venv/bin/python"


def scenario(interpreter, name, tenant, url, home, **env):
    """Runs one of python/scenarios.py; what it printed."""
    return run([interpreter, HERE / "python/scenarios.py", name], tenant, url, home, **env)


def run(command, tenant, url, home, **env):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("CYCLES_", "PAWL_"))}
    environment |= {"CYCLES_BASE_URL": url, "CYCLES_API_KEY": tenant.key,
                    "CYCLES_TENANT": tenant.name, "HOME": str(home), **env}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False,
                          timeout=SCENARIO_SECONDS_MAX)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return done.stdout
