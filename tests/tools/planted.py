# SPDX-License-Identifier: Apache-2.0
"""Small trees to run the gates over, and the checks of what a gate says about them."""
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPDX_C = "/* SPDX-License-Identifier: Apache-2.0 */\n"
SPDX = "# SPDX-License-Identifier: Apache-2.0\n"

HEADER = SPDX_C + """/*
 * a.h: says what it is for.
 */
#ifndef PAWL_BASE_A_H
#define PAWL_BASE_A_H

int pawl_a(int value);

#endif
"""
SOURCE = SPDX_C + """/*
 * a.c: says why it is done this way.
 */
#include "base/a.h"

int pawl_a(int value)
{
    return value + 1;
}
"""
# A tree in which no gate finds anything.
CLEAN = {
    "src/base/a.h": HEADER,
    "src/base/a.c": SOURCE,
    "src/base/CMakeLists.txt": SPDX + "pawl_layer(base SOURCES a.c)\n",
    "README.md": "# A tree\n\nSee [the source](src/base/a.c) and `src/base/a.h`.\n",
}


@contextlib.contextmanager
def tree(files):
    """A folder that holds these files and is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        yield root


def run(*command, **options):
    """(exit status, everything printed, in English)."""
    options.setdefault("env", os.environ | {"LC_ALL": "C.UTF-8"})
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, timeout=600, **options)
    return result.returncode, result.stdout


def expect_pass(status, output):
    """The gate found nothing, and says that it looked at something."""
    assert status == 0, output
    looked = re.search(r"^[\w-]+: (\d+) .*, 0 findings$", output, re.M)
    assert looked and int(looked.group(1)) > 0, output
    assert output.endswith("\n1 passed, 0 failed\n"), output


def expect_finding(status, output, words):
    """The gate failed, for the reason that was planted."""
    assert status == 1, f"exit status {status}\n{output}"
    assert words in output, f"not found: {words}\n{output}"
    assert output.endswith("0 passed, 1 failed\n"), output
