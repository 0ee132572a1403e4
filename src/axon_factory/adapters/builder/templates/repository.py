"""A product's git repository, worked by the git program with nothing of this machine's settings."""

import asyncio
import shutil
from pathlib import Path

from axon_factory.adapters.git_command import GitError, run_git

__all__ = ["TRAILER", "GitError", "Repository"]

TRAILER = "Axon-Milestone"
"""The commit trailer `<intento>/<milestone>` by which an interrupted call finds its commit."""

LOCKS = ("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock")
SCRATCH = "axon-render"


class Repository:
    """One repository, one branch (`main`), one writer."""

    def __init__(self, directory: Path) -> None:
        """Take the product's folder; nothing is made before :meth:`restore`."""
        self.directory = directory
        self._git_dir = directory / ".git"
        self._scratch = self._git_dir / SCRATCH

    async def _run(self, *arguments: str) -> str:
        return await run_git(
            arguments,
            # With a git directory given, git takes the folder it runs in for the work tree.
            home=self.directory,
            repository=self._git_dir,
            configuration=(
                "core.autocrlf=false",
                "commit.gpgSign=false",
                "user.name=Axon Factory",
                "user.email=factory@axon.invalid",
            ),
        )

    async def restore(self) -> None:
        """Make the repository, or bring it back to its last commit after an interrupted call.

        Raises:
            GitError: it cannot be made or restored.
            OSError: the folder cannot be made.
        """
        await asyncio.to_thread(self._clear)
        await self._run("init", "--quiet", "--template=", "--initial-branch=main")
        if await self.has_commits():
            await self._run("reset", "--quiet", "--hard", "HEAD")
        else:
            await self._run("read-tree", "--empty")
        await self._run("clean", "--quiet", "-ffdx")

    def _clear(self) -> None:
        """Remove what a killed call left: lock files and half-rendered trees."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in (self.directory, self._git_dir):
            if path.is_symlink():
                message = f"{path.name} is a symbolic link"
                raise GitError(message)
        for lock in LOCKS:
            (self._git_dir / lock).unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def staging(self) -> Path:
        """Return an empty folder outside the work tree; it does not outlive the next `restore`."""
        folder = self._scratch / "staging"
        folder.mkdir(parents=True)
        return folder

    async def has_commits(self) -> bool:
        """Say whether `main` has a commit.

        Raises:
            GitError: the repository is broken.
        """
        return bool(await self._run("for-each-ref", "--count=1", "refs/heads/main"))

    async def milestones(self, attempt: int) -> dict[str, str]:
        """Return the milestones committed in an attempt, each with the hash of its commit.

        Raises:
            GitError: the history cannot be read.
        """
        if not await self.has_commits():
            return {}
        form = f"--format=%H %(trailers:key={TRAILER},valueonly,separator=%x20)"
        lines = (await self._run("log", "--reverse", form)).splitlines()
        found: dict[str, str] = {}
        for line in lines:
            commit, _, marks = line.partition(" ")
            for mark in marks.split():
                number, _, milestone = mark.partition("/")
                if number == str(attempt):
                    found.setdefault(milestone, commit)
        return found

    async def commit(self, message: str, attempt: int, milestone: str) -> str:
        """Commit the work tree as a milestone, be it changed or not; return the hash.

        Raises:
            GitError: git refused.
        """
        await self._run("add", "--all", "--force")
        text = f"{message}\n\n{TRAILER}: {attempt}/{milestone}\n"
        await self._run(
            "commit", "--quiet", "--allow-empty", "--cleanup=verbatim", f"--message={text}"
        )
        commit = await self._run("rev-parse", "--verify", "HEAD")
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
        return commit.strip()
