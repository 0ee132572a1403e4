"""A product's repository: its state, one commit of it, and its manifest (product contract).

Git runs inside the sandbox: a repository's own configuration can name programs to run, and the
builder may have written it.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.sandbox.confinement import NOBODY, Limits, SandboxRun
from axon_factory.adapters.sandbox.sandbox import GIT_ENVIRONMENT, Sandbox

MANIFEST = "axon-product.json"
GIT_LIMITS = Limits(wall_seconds=60, cpu_seconds=60, disk_bytes=1024 * 1024 * 1024)
GIT_OPTIONS = ("-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
PATH = re.compile(r"/[A-Za-z0-9/_.-]*")


class RepositoryError(Exception):
    """The product's folder is not a repository with the commit that was asked for."""


class ManifestError(Exception):
    """The product says nothing, or nothing usable, about itself; the message is in Spanish."""


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """The commit that is checked out, and the paths that differ from it."""

    commit: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where the product answers: paths below its base URL."""

    health: str
    admin: str
    api: str
    docs: str
    webhooks: Mapping[str, str]


class ProductRepository:
    """A private copy of a product's repository, whose git runs in the sandbox.

    A copy, because git writes where it reads, and because the sandbox's user may not be allowed
    to enter the original's folders.
    """

    def __init__(self, sandbox: Sandbox, scratch: Path) -> None:
        self._sandbox = sandbox
        self._scratch = scratch
        self._folder = scratch / "repository"

    @classmethod
    async def copy(cls, sandbox: Sandbox, product_dir: Path, scratch: Path) -> "ProductRepository":
        """Copy the repository in `product_dir` into `scratch`, an empty folder.

        Raises:
            OSError: it is missing, or cannot be read.
        """
        repository = cls(sandbox, scratch)
        owner = NOBODY if (await sandbox.capability()).drops_user else None
        await asyncio.to_thread(_copy, product_dir, repository._folder, owner)
        return repository

    async def state(self) -> RepositoryState:
        """Return what is checked out.

        Raises:
            RepositoryError: it is no repository, or has no commit.
        """
        commit = await self._git("rev-parse", "--verify", "HEAD^{commit}")
        status = await self._git("status", "--porcelain")
        return RepositoryState(commit.strip(), tuple(line[3:] for line in status.splitlines()))

    async def export(self, commit: str, name: str) -> Path:
        """Write the files of `commit` to the new folder `name` in the scratch; return its path.

        Raises:
            RepositoryError: there is no such commit.
        """
        if not COMMIT.fullmatch(commit):
            raise RepositoryError(f"«{commit}» no es un commit")
        archive, target = self._scratch / "commit.tar", self._scratch / name
        await self._git("archive", "--format=tar", f"--output={archive}", commit)
        run = await self._run(["tar", "-x", "-f", str(archive), f"--one-top-level={target}"])
        if run.exit_code != 0:
            raise RepositoryError(f"no se pudo extraer el commit {commit}: {_text(run.output)}")
        return target

    async def _git(self, *words: str) -> str:
        run = await self._run(["git", "-C", str(self._folder), *GIT_OPTIONS, *words])
        if run.exit_code != 0 or run.truncated:
            raise RepositoryError(f"git {words[0]}: {_text(run.output)}")
        return run.output.decode(errors="replace")

    async def _run(self, command: list[str]) -> SandboxRun:
        return await self._sandbox.run(
            command,
            cwd=self._scratch,
            scratch=self._scratch,
            environment=GIT_ENVIRONMENT,
            limits=GIT_LIMITS,
        )


def _copy(source: Path, target: Path, owner: int | None) -> None:
    shutil.copytree(source, target, symlinks=True)
    if owner is None:
        return
    for path in (target, *target.rglob("*")):
        os.lchown(path, owner, owner)


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-300:]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest at the root of a product's files.

    Raises:
        ManifestError: it is missing or says something unusable.
    """
    path = folder / MANIFEST
    try:
        if path.is_symlink():
            raise ManifestError(f"{MANIFEST} es un enlace simbólico")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"no se puede leer {MANIFEST}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{MANIFEST} no es un objeto")
    values = cast("dict[str, Any]", content)
    webhooks = values.get("webhooks", {})
    if not isinstance(webhooks, dict):
        raise ManifestError(f"«webhooks» de {MANIFEST} no es un objeto")
    named = cast("dict[str, Any]", webhooks)
    return Manifest(
        health=_path(values, "health"),
        admin=_path(values, "admin"),
        api=_path(values, "api"),
        docs=_path(values, "docs"),
        webhooks={name: _path(named, name) for name in named},
    )


def _path(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not PATH.fullmatch(value):
        raise ManifestError(f"«{name}» de {MANIFEST} no es una ruta")
    return value.rstrip("/") or "/"
