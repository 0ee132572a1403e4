"""Git bundles as agents hand them over: honest ones, and ones to be refused."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from tests.support.products import git

__all__ = ["Agent", "raw"]


def raw(folder: Path, *words: str, stdin: bytes = b"") -> str:
    """Run git with something on its standard input."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        check=True,
        input=stdin,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **_IDENTITY},
    )
    return done.stdout.decode().strip()


_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Agente"), ("EMAIL", "agente@example.com"))
}


class Agent:
    """An agent's own repository, from which it hands over bundles."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        git(folder, "init", "--quiet", "--initial-branch", "main")

    def commit(self, files: Mapping[str, str], *trailers: str, subject: str = "Trabajo") -> str:
        """Write `files` and commit them, with the values of `Axon-Milestone` given."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        git(self.folder, "add", "--all")
        marks = "".join(f"Axon-Milestone: {value}\n" for value in trailers)
        git(self.folder, "commit", "--quiet", "--allow-empty", "-m", f"{subject}\n\n{marks}")
        return git(self.folder, "rev-parse", "HEAD")

    def tree(self, lines: str) -> str:
        """Make a tree object of `lines` (`git mktree`) and commit it on main, unchecked."""
        tree = raw(self.folder, "mktree", "--missing", stdin=lines.encode())
        return self.commit_tree(tree)

    def blob(self, content: str) -> str:
        return raw(self.folder, "hash-object", "-w", "--stdin", stdin=content.encode())

    def commit_tree(self, tree: str) -> str:
        commit = raw(self.folder, "commit-tree", tree, "-m", "Trabajo")
        git(self.folder, "update-ref", "refs/heads/main", commit)
        return commit

    def bundle(self, *revisions: str) -> Path:
        """Write a bundle of `revisions`, or of main."""
        target = self.folder / ".git" / f"{uuid4().hex}.bundle"
        git(self.folder, "bundle", "create", "--quiet", str(target), *(revisions or ("main",)))
        return target
