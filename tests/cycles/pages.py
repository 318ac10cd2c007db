# SPDX-License-Identifier: Apache-2.0
"""The pages for who writes a client say what is so: the quick starts run as they stand, against a
server that was started as they say, and the life of a reservation is walked as its page tells it.
"""
import pathlib
import re
import subprocess

import packages
import packages_of_clients as clients
from tenants import ROOT
from world import PATIENCE_S, World, balance, quick_start

QUICK_START = ROOT / "docs/QUICKSTART.md"


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", QUICK_START.read_text(encoding="utf-8"),
                       re.M | re.S)
    assert found, f"the page has no {language}"
    return "\n".join(found)


class Page:
    """A server as the page starts it, and the page's variables."""

    def __init__(self, world):
        self.server, self.key = quick_start(world)
        exports = dict(re.findall(r"export (\w+)=(\S+)", self.server.quick))
        assert sorted(exports) == sorted(set(re.findall(
            r"^export (\w+)=", QUICK_START.read_text(encoding="utf-8"), re.M))), exports
        self.folder, self.environment = world.folder.name, world.environment(**exports)

    def run(self, name, text, *interpreter):
        """What the program says that the page has in this language; and what it has spent."""
        program = pathlib.Path(self.folder, name)
        program.write_text(text, encoding="utf-8")
        before = balance(self.server, self.key)["spent"]["amount"]
        done = subprocess.run([*interpreter, program], env=self.environment, cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr
        stands = balance(self.server, self.key)
        assert stands["reserved"]["amount"] == 0, stands
        return done.stdout, stands["spent"]["amount"] - before

    def fund_nothing(self):
        """Takes what is left."""
        left = balance(self.server, self.key)["remaining"]
        body = {"idempotency_key": "all of it", "subject": {"tenant": "quickstart"},
                "action": {"kind": "k", "name": "n"}, "actual": left}
        self.server.ask("POST", "/v1/events", body, key=self.key).want(201)


def python(page, interpreter):
    said, spent = page.run("ask.py", blocks("python"), interpreter)
    answer = "an answer to why is the sky blue?"
    assert spent == 10_000 * len(answer) + 1_200 * 250 + 40 * 1_000, (said, spent)
    assert said == f"{answer}\ntenant:quickstart {1_000_000_000 - spent} USD_MICROCENTS\n", said


def javascript(page):
    said, spent = page.run("ask.mjs", blocks("javascript"), "node")
    assert (said, spent) == ("an answer\n", 90_000), (said, spent)


def shell(page):
    said, spent = page.run("ask.sh", blocks("sh"), "sh", "-eu")
    assert '"decision":"ALLOW"' in said and '"status":"COMMITTED"' in said, said
    assert spent == 1_200_000, spent


def refused(page, interpreter):
    page.fund_nothing()
    words = "not called, the budget does not allow it: .*tenant:quickstart"
    said, spent = page.run("ask.mjs", blocks("javascript"), "node")
    assert re.match(words, said) and spent == 0, (said, spent)
    if interpreter is not None:
        first = re.search(r"^```python\n(.*?)^```", QUICK_START.read_text(encoding="utf-8"),
                          re.M | re.S).group(1)
        said, spent = page.run("ask.py", first, interpreter)
        assert re.match(words, said) and spent == 0, (said, spent)


def run(count, options):
    try:
        interpreter = clients.installed() / "venv/bin/python"
    except packages.Unreachable as why:
        interpreter = None
        count.skip("pages: the quick start for Python", f"its registry cannot be reached: {why}")
    with World(options.pawl) as world:
        page = Page(world)
        if interpreter is not None:
            with count.test("pages: the quick start for Python runs as it stands"):
                python(page, interpreter)
        with count.test("pages: the quick start for JavaScript runs as it stands"):
            javascript(page)
        with count.test("pages: the quick start for a shell runs as it stands"):
            shell(page)
        with count.test("pages: without money they say so, and do not call"):
            refused(page, interpreter)
