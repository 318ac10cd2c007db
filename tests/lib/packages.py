# SPDX-License-Identifier: Apache-2.0
"""Packages that tests need at exact versions, in a cache outside the repository: one folder for
each content of the files that pin them.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

INSTALL_SECONDS_MAX = 600
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED", "ECONNRESET",
               "ENETUNREACH", "NewConnectionError", "Temporary failure in name resolution",
               "Network is unreachable", "ReadTimeoutError", "ConnectTimeoutError",
               # Somebody on the way answers in its place, with a certificate that is not trusted.
               "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT",
               "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERTIFICATE_VERIFY_FAILED")


class Unreachable(Exception):
    """The registry, not the package, is what is missing."""


def cache_dir(name, *files):
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    return base / "pawl-tests" / f"{name}-{content}"


def install(target, steps):
    """Runs the steps in a new folder which gets its name when all went well."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for step in steps(work):
            done = subprocess.run(step, cwd=work, capture_output=True, text=True, check=False,
                                  timeout=INSTALL_SECONDS_MAX)
            output = done.stdout + done.stderr
            why = [line for line in output.splitlines()
                   if any(word in line for word in UNREACHABLE)]
            if done.returncode != 0 and why:
                raise Unreachable(why[0])
            assert done.returncode == 0, output
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def install_npm(name, folder, *options):
    """What the folder's package-lock.json pins."""
    package, lock = folder / "package.json", folder / "package-lock.json"

    def steps(work):
        shutil.copy(package, work)
        shutil.copy(lock, work)
        yield ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]

    return install(cache_dir(name, package, lock), steps)
