"""The agent's clone of the product's repository: made by us, and from then on its own.

Once the agent has run, every file and every setting of the repository may be a trap. Git works in
it only inside the sandbox, as the agent's user and without a network; of what it leaves we open
nothing by way of a link.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from axon_factory.adapters.builder.command.runs import Run
from axon_factory.adapters.builder.repository import TRAILER, Repository
from axon_factory.adapters.git_command import GitError, run_git
from axon_factory.adapters.sandbox import Limits, Sandbox

QUESTION = "PREGUNTA.json"
"""The file in which the agent asks; see the goal."""

_BUNDLE = ".entrega.bundle"
_LONGEST_QUESTION = 64 * 1024
_NOTHING_YET = 3
_CHUNK_BYTES = 1024 * 1024
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.directory": "*",
    "user.name": "Axon Builder Agent",
    "user.email": "builder@axon.invalid",
}
_HAND_OVER = """
set -eu
if [ -n "$2" ]; then
    rm -f .git/index.lock
    if [ -n "$(git status --porcelain)" ]; then
        git add --all
        git commit --quiet --no-verify --message="Trabajo final del agente" --message="$2"
    fi
    # Work on another branch counts where it continues main.
    if git rev-parse --verify --quiet HEAD >/dev/null &&
        { ! git rev-parse --verify --quiet refs/heads/main >/dev/null ||
            git merge-base --is-ancestor refs/heads/main HEAD; }; then
        git update-ref refs/heads/main HEAD
    fi
fi
git rev-parse --verify --quiet refs/heads/main >/dev/null || exit 3
rm -f "$1"
git bundle create --quiet "$1" refs/heads/main
"""


class WorkspaceError(Exception):
    """The workspace could not be worked; the message says what git or the system said."""


class Workspace:
    """The workspace of one run."""

    def __init__(self, run: Run, sandbox: Sandbox, user_id: int, *, max_bytes: int) -> None:
        """`user_id` owns the agent's files where root runs it; `max_bytes` bounds a bundle."""
        self._run = run
        self._sandbox = sandbox
        self._user_id = user_id
        self._max_bytes = max_bytes

    async def make(self, product_dir: Path) -> None:
        """Clone the product's repository as it is, or begin an empty one.

        Raises:
            WorkspaceError: it cannot be made.
        """
        drops_user = (await self._sandbox.capability()).drops_user
        try:
            await asyncio.to_thread(self._clear)
            await self._clone(product_dir)
            owner = self._user_id if drops_user else None
            await asyncio.to_thread(_give, self._run.agent, owner)
        except (GitError, OSError) as error:
            raise WorkspaceError(str(error)) from error

    def _clear(self) -> None:
        shutil.rmtree(self._run.agent, ignore_errors=True)
        for folder in (self._run.agent, self._run.home, self._run.workspace):
            folder.mkdir(mode=0o700, parents=True)

    async def _clone(self, product_dir: Path) -> None:
        home, workspace = self._run.folder, self._run.workspace
        git_dir = workspace / ".git"
        if await Repository(product_dir).has_commits():
            # Copied objects: a hard link would give the agent's user the product's own files.
            options = ("--quiet", "--no-hardlinks", "--no-tags", "--single-branch", "--template=")
            await run_git(
                ["clone", *options, "--branch=main", "--", str(product_dir), str(workspace)],
                home=home,
            )
            await run_git(["remote", "remove", "origin"], home=home, repository=git_dir)
        else:
            words = ["init", "--quiet", "--template=", "--initial-branch=main", str(workspace)]
            await run_git(words, home=home)
        for name in ("user.name", "user.email"):
            await run_git(["config", name, _SETTINGS[name]], home=home, repository=git_dir)
        (git_dir / "info").mkdir(exist_ok=True)
        (git_dir / "info" / "exclude").write_text(f"/{QUESTION}\n", encoding="ascii")

    def mark(self) -> str:
        """Return what changes whenever `main` of the workspace moves; "" where there is none."""
        try:
            status = (self._run.workspace / ".git/refs/heads/main").lstat()
        except OSError:
            return ""
        return f"{status.st_ino}-{status.st_mtime_ns}"

    async def hand_over(self, *, last: tuple[int, str] | None = None) -> Path | None:
        """Write `main` as a bundle outside the agent's reach; None: there is no commit.

        With `last` (an attempt and a milestone) the agent has ended: what it left uncommitted is
        committed first, as that milestone's work.

        Raises:
            WorkspaceError: git does not take what the agent has left.
            OSError: the sandbox or the disk failed.
        """
        trailer = f"{TRAILER}: {last[0]}/{last[1]}" if last else ""
        bundle = self._run.agent / _BUNDLE
        done = await self._sandbox.run(
            ["/bin/sh", "-c", _HAND_OVER, "entrega", str(bundle), trailer],
            cwd=self._run.workspace,
            scratch=self._run.agent,
            environment=_git_environment(),
            limits=Limits(
                cpu_seconds=300, wall_seconds=300, file_bytes=max(self._max_bytes, 1 << 26)
            ),
            user_id=self._user_id,
        )
        if done.exit_code == _NOTHING_YET:
            return None
        if done.exit_code != 0:
            said = done.output.decode(errors="replace").strip()[-300:]
            raise WorkspaceError(said or f"código {done.exit_code}")
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Path:
        """Copy the bundle to where the agent cannot change it any more."""
        target = self._run.folder / "entrega.bundle"
        with _agents_file(self._run.agent, _BUNDLE) as source, target.open("wb") as copy:
            left = self._max_bytes + 1  # one more, so that the taker sees that it is too large
            while left > 0 and (chunk := os.read(source, min(left, _CHUNK_BYTES))):
                copy.write(chunk)
                left -= len(chunk)
        return target

    def question(self) -> str | None:
        """Return what the agent has written to ask; None: it asks nothing."""
        try:
            with _agents_file(self._run.agent, f"workspace/{QUESTION}") as source:
                content = os.read(source, _LONGEST_QUESTION)
        except OSError:
            return None
        return content.decode(errors="replace")

    def forget_question(self) -> None:
        """Take the question away, so that it is not asked again."""
        folder = _open_folder(self._run.agent, "workspace")
        try:
            with suppress(FileNotFoundError):
                os.unlink(QUESTION, dir_fd=folder)
        finally:
            os.close(folder)

    def remove(self) -> None:
        """Delete the workspace and the agent's home."""
        shutil.rmtree(self._run.agent, ignore_errors=True)


@contextmanager
def _agents_file(root: Path, path: str) -> Generator[int]:
    """Open a regular file of the agent's; no link is followed on the way to it.

    Raises:
        OSError: there is none.
    """
    *folders, name = path.split("/")
    folder = _open_folder(root, *folders)
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{name} is no file")
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(root: Path, *names: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    for name in names:
        outer = descriptor
        try:
            descriptor = os.open(name, flags, dir_fd=outer)
        finally:
            os.close(outer)
    return descriptor


def _git_environment() -> dict[str, str]:
    environment = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    }
    for place, (name, value) in enumerate(_SETTINGS.items()):
        environment |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    return environment


def _give(folder: Path, owner: int | None) -> None:
    if owner is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.lchown(path, owner, owner)
