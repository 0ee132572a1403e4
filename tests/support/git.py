"""A small repository of a product, and git as its readers run it."""

import asyncio
import os
import subprocess
from pathlib import Path

__all__ = ["commit", "git", "make_repository", "processes_of", "read_git"]


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run git in `folder` without the configuration of this machine; return what it says."""
    return _run(folder, arguments, environment).stdout.strip()


async def read_git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run a git that asks a server of this process; return its standard error."""
    run = await asyncio.to_thread(_run, folder, arguments, environment)
    return run.stderr


def _run(
    folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    identity = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    whole = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        **identity,
        **environment,
    }
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=whole, check=True, capture_output=True, text=True
    )


def commit(product: Path, name: str, content: str) -> str:
    """Add a file in a commit of its own; return the commit's id."""
    (product / name).write_text(content, encoding="utf-8")
    git(product, "add", "--all")
    git(product, "commit", "--quiet", "--message", f"Add {name}")
    return git(product, "rev-parse", "HEAD")


def make_repository(folder: Path) -> Path:
    """Make a repository with one commit on `main` in the new folder `folder`."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "README.md", "uno\n")
    return folder


def processes_of(root: Path) -> list[str]:
    """Return the processes that answer git for the repositories below `root`."""
    mark = f"GIT_PROJECT_ROOT={root}".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
        except OSError:
            continue
    return found
