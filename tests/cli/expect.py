# SPDX-License-Identifier: Apache-2.0
"""expect.py: what a finished command is compared with."""
import re


def expect(done, status, *, out="", err=""):
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert re.search(out, done.stdout), done.stdout
    assert re.search(err, done.stderr), done.stderr
