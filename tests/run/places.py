# SPDX-License-Identifier: Apache-2.0
"""Limits on directories and repositories: which runs they bind.
"""
import pathlib
import subprocess

from shared import limits, stand


def places(world):
    """A limit on a directory or a repository binds the runs in it, and no others."""
    top = pathlib.Path(world.folder.name, "repo")
    inside = top / "a" / "b"
    inside.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    subprocess.run(["git", "-C", str(top), "-c", "user.name=x", "-c", "user.email=x@x", "commit",
                    "-q", "--allow-empty", "-m", "x"], check=True)
    tree = pathlib.Path(world.folder.name, "tree")
    subprocess.run(["git", "-C", str(top), "worktree", "add", "-q", str(tree)], check=True)
    with limits(world, ["--usd", "0.5", "--per", "day", f"--repo={inside}", "--name", "repo"],
                ["--iterations", "2", "--per", "1h", f"--dir={top / 'a'}", "--name", "dir"]):
        for folder in (inside, tree, world.folder.name):
            world.card(["--max-usd", "0.1"], "call", cwd=str(folder))
        bills = [call["microcents"] for call in world.provider.ledger()["calls"]]
        assert stand(world, "repo")["spent"] == sum(bills[:2]), (stand(world, "repo"), bills)
        assert stand(world, "dir")["spent"] == 1, stand(world, "dir")
        status, stdout, card, _ = world.card(["--max-usd", "0.1"], "until", cwd=str(inside))
        assert status == 124 and card["unit"] == "ITERATIONS" and card["calls"] == 1, card
        assert f"the 1h limit of 2 model calls in {top / 'a'} is spent" in stdout, stdout


def places_by_other_names(world):
    """Links lead to the same place, a repository in another is one of its own, and so is what only
    begins with the same letters."""
    top = pathlib.Path(world.folder.name).resolve() / "work"
    inner = top / "inner"
    other = top.with_name("workshop")
    link = top.with_name("link")
    for folder in (inner / "deep", other):
        folder.mkdir(parents=True)
    link.symlink_to(top)
    for repo in (top, inner):
        subprocess.run(["git", "init", "-q", str(repo)], check=True)
    with limits(world, ["--iterations", "100", "--per", "day", f"--dir={link}", "--name", "dir"],
                ["--iterations", "100", "--per", "day", f"--repo={link}", "--name", "outer"],
                ["--iterations", "100", "--per", "day", f"--repo={inner / 'deep'}",
                 "--name", "inner"]):
        for folder, counts in ((top, (1, 1, 0)), (link / "inner/deep", (2, 1, 1)),
                               (other, (2, 1, 1)), (link, (3, 2, 1))):
            status, _, _ = world.run(["--no-card"], "call", cwd=str(folder))
            assert status == 0, folder
            spent = tuple(stand(world, name)["spent"] for name in ("dir", "outer", "inner"))
            assert spent == counts, (folder, spent)
        # A bare repository is one, too, and so are the worktrees that hang on it.
        bare, tree = top.with_name("bare.git"), top.with_name("tree")
        subprocess.run(["git", "-C", str(top), "-c", "user.name=x", "-c", "user.email=x@x",
                        "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(top), str(bare)], check=True)
        subprocess.run(["git", "-C", str(bare), "worktree", "add", "-q", str(tree)], check=True,
                       stderr=subprocess.DEVNULL)
        done = world.tell("limit", "--iterations", "9", "--per", "day", f"--repo={bare}",
                          "--name", "bare")
        assert done.returncode == 0 and f"in the repository {bare}" in done.stdout, done
        for folder, count in ((tree, 1), (bare / "refs", 2), (top, 2)):
            status, _, _ = world.run(["--no-card"], "call", cwd=str(folder))
            assert status == 0 and stand(world, "bare")["spent"] == count, folder
        done = world.tell("limit", "--usd", "1", "--per", "day", f"--dir={top / 'nowhere'}")
        assert done.returncode in (1, 2) and "nowhere" in done.stderr, done


def tests(_world):
    return (
        ("limits of places", places),
        ("places by other names", places_by_other_names),
    )
