"""A product's git repository, worked by the git program with nothing of this machine's settings."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from axon_factory.adapters.git_command import GitError, run_git

TRAILER = "Axon-Milestone"
"""The commit trailer `<intento>/<milestone>` by which an interrupted call finds its commit."""

LOCKS = ("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock")
SCRATCH = "axon-render"
_SUBJECT = "%<(400,trunc)%s"
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True, slots=True)
class _Commit:
    """What the history says of a commit. `marks` are the values of its trailers."""

    digest: str
    tree: str
    parents: tuple[str, ...]
    marks: tuple[str, ...]
    subject: str

    @classmethod
    def read(cls, entry: str) -> Self:
        """Read an entry of the log, one field a line."""
        digest, tree, parents, marks, subject = entry.split("\n", 4)
        return cls(digest, tree, tuple(parents.split()), tuple(marks.split()), subject)

    def milestones(self, attempt: int) -> list[str]:
        """Return the milestones of an attempt that the commit claims."""
        pairs = [mark.partition("/") for mark in self.marks]
        return [milestone for number, _, milestone in pairs if number == str(attempt)]


class Repository:
    """One repository, one branch (`main`), one writer."""

    def __init__(self, directory: Path) -> None:
        """Take the product's folder; nothing is made before :meth:`restore`."""
        self.directory = directory
        self.git_dir = directory / ".git"
        self._scratch = self.git_dir / SCRATCH

    async def _run(self, *arguments: str, configuration: Sequence[str] = ()) -> str:
        return await run_git(
            arguments,
            # With a git directory given, git takes the folder it runs in for the work tree.
            home=self.directory,
            repository=self.git_dir,
            configuration=(
                "core.autocrlf=false",
                "commit.gpgSign=false",
                "user.name=Axon Factory",
                "user.email=factory@axon.invalid",
                *configuration,
            ),
        )

    async def restore(self) -> None:
        """Make the repository, or bring it back to its last commit after an interrupted call.

        Raises:
            GitError: it cannot be made or restored.
            OSError: the folder cannot be made.
        """
        await self.prepare()
        if await self.has_commits():
            await self._run("reset", "--quiet", "--hard", "HEAD")
        else:
            await self._run("read-tree", "--empty")
        await self._run("clean", "--quiet", "-ffdx")

    async def prepare(self) -> None:
        """Make the repository if there is none, and remove what an interrupted call left in it.

        Raises:
            GitError: it cannot be made.
            OSError: the folder cannot be made.
        """
        await asyncio.to_thread(self._clear)
        await self._run("init", "--quiet", "--template=", "--initial-branch=main")

    def _clear(self) -> None:
        """Remove what a killed call left: lock files and half-rendered trees."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in (self.directory, self.git_dir):
            if path.is_symlink():
                message = f"{path.name} is a symbolic link"
                raise GitError(message)
        for lock in LOCKS:
            (self.git_dir / lock).unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def staging(self) -> Path:
        """Return an empty folder outside the work tree; it does not outlive the next `restore`."""
        folder = self._scratch / "staging"
        folder.mkdir(parents=True)
        return folder

    async def unstage(self) -> None:
        """Remove the folder of :meth:`staging`."""
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True))

    async def has_commits(self) -> bool:
        """Say whether `main` has a commit.

        Raises:
            GitError: the repository is broken.
        """
        if not await asyncio.to_thread(self.git_dir.is_dir):
            return False
        return bool(await self._run("for-each-ref", "--count=1", "refs/heads/main"))

    async def milestones(self, attempt: int) -> dict[str, str]:
        """Return the milestones committed in an attempt, each with the hash of its commit.

        Raises:
            GitError: the history cannot be read.
        """
        return {
            milestone: commit.digest
            for commit in reversed(await self._history())
            for milestone in commit.milestones(attempt)
        }

    async def evidence(self, attempt: int) -> dict[str, tuple[str, str]]:
        """Return hash and subject of the first commit that proves each milestone of an attempt.

        A commit that changes no file proves nothing.

        Raises:
            GitError: the history cannot be read.
        """
        history = await self._history()
        tree_of = {commit.digest: commit.tree for commit in history}
        return {
            milestone: (commit.digest, commit.subject)
            for commit in reversed(history)
            if commit.tree not in {_EMPTY_TREE, *(tree_of.get(one) for one in commit.parents)}
            for milestone in commit.milestones(attempt)
        }

    async def _history(self) -> list["_Commit"]:
        """Return the commits of `main`, oldest first."""
        if not await self.has_commits():
            return []
        marks = f"%(trailers:key={TRAILER},valueonly,unfold,separator=%x20)"
        log = await self._run(
            "log", "--reverse", "--topo-order", "-z", f"--format=%H%n%T%n%P%n{marks}%n{_SUBJECT}"
        )
        return [_Commit.read(entry) for entry in log.split("\0") if entry]

    async def head_with_files(self) -> str | None:
        """Return the commit of `main`; None if there is none, or no file in it.

        Raises:
            GitError: the repository is broken.
        """
        if not await self.has_commits() or not await self._run("ls-tree", "refs/heads/main"):
            return None
        return (await self._run("rev-parse", "--verify", "refs/heads/main")).strip()

    async def bundle(self, target: Path) -> str | None:
        """Write `main` as a bundle; return its commit, or None if there is none.

        Raises:
            GitError: the bundle cannot be written.
        """
        if not await self.has_commits():
            return None
        await self._run("bundle", "create", "--quiet", str(target), "refs/heads/main")
        return (await self._run("rev-parse", "--verify", "refs/heads/main")).strip()

    async def take_objects(self, source: Path, ref: str) -> None:
        """Copy the commit of a ref and all it needs from another repository, checking each object.

        Raises:
            GitError: an object is missing or damaged, or would be dangerous.
        """
        await self._run(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--end-of-options",
            str(source),
            ref,
            configuration=("fetch.fsckObjects=true", "fetch.unpackLimit=1"),
        )

    async def move_to(self, commit: str) -> None:
        """Set `main` to a commit that is here, and check it out.

        Raises:
            GitError: git refused.
        """
        await self._run("reset", "--quiet", "--hard", commit)
        await self._run("clean", "--quiet", "-ffdx")

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
        await self.unstage()
        return commit.strip()
