"""The default git host: bare repositories in a folder, which `smart_http` reads for git.

Readers need no lock. Objects arrive before the ref that names them and are never removed; the ref
is replaced by a rename.
"""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from axon_factory.adapters.git_command import SLUG, GitError, run_git
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError

_BRANCH = "refs/heads/main"
_FETCH_CONFIGURATION = ("core.fsync=committed,reference", "core.fsyncMethod=batch")


class LocalGitHost:
    """Publishes the `main` branch of products' repositories under `root`.

    Args:
        root: folder of the bare repositories, made when missing; nobody else writes there.
        public_url: base URL under whose ``/git/`` they are served, without trailing slash.
    """

    name = "local"

    def __init__(self, root: Path, public_url: str) -> None:
        self._root = root.absolute()
        self._public_url = public_url.rstrip("/")

    async def publish(
        self,
        slug: str,
        product_dir: Path,
        *,
        idempotency_key: str,  # noqa: ARG002 — the port's; a mirror is idempotent by its nature
    ) -> str:
        """Make ``<root>/<slug>.git`` mirror the product's `main`; return the clone URL.

        Raises:
            PortError: the slug or the product's repository is not acceptable, git failed, or
                somebody else is publishing the same slug (transient).
        """
        if not SLUG.fullmatch(slug):
            raise _failed("el nombre del repositorio no es válido")
        repository = repository_folder(self._root, slug)
        try:
            source = await asyncio.to_thread(_own_git_dir, product_dir)
            (self._root / ".home").mkdir(mode=0o700, parents=True, exist_ok=True)
            with _sole_publisher(self._root / f".{slug}.lock") as lock:
                _remove_stale_locks(repository)
                await self._mirror(source, repository, lock)
        except (GitError, OSError) as error:
            raise _failed("git no pudo copiarlo", transient=True) from error
        return f"{self._public_url}/git/{slug}.git"

    async def remove(
        self,
        slug: str,
        *,
        idempotency_key: str,  # noqa: ARG002 — what is gone stays gone
    ) -> None:
        """Remove the repository.

        Raises:
            PortError: the slug is not acceptable, or somebody is publishing it (transient).
        """
        if not SLUG.fullmatch(slug):
            raise _failed("el nombre del repositorio no es válido")
        if not self._root.is_dir():
            return
        lock = self._root / f".{slug}.lock"
        try:
            with _sole_publisher(lock):
                await asyncio.to_thread(_remove_folder, repository_folder(self._root, slug))
                lock.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("no se pudo borrar", transient=True) from error

    async def _mirror(self, source: Path, repository: Path, lock: int) -> None:
        home = self._root / ".home"
        await run_git(
            ["init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(repository)],
            home=home,
            keep_open=[lock],
        )
        await run_git(
            [
                "fetch",
                "--quiet",
                "--atomic",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--end-of-options",
                str(source),
                f"+{_BRANCH}:{_BRANCH}",
            ],
            home=home,
            repository=repository,
            configuration=_FETCH_CONFIGURATION,
            keep_open=[lock],
        )


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def repository_folder(root: Path, slug: str) -> Path:
    """Return where the repository of a slug lies; `slug` must be one (`git_command.SLUG`)."""
    return root / f"{slug}.git"


def _own_git_dir(product_dir: Path) -> Path:
    """Return the product's git directory unless it reads from outside itself.

    Whoever built the product could otherwise have the factory publish objects of another one.
    """
    source = product_dir.absolute() / ".git"
    if source.is_symlink() or not source.is_dir():
        raise _failed("el producto no es un repositorio git propio")
    borrowed = any((source / name).exists() for name in ("commondir", "objects/info/alternates"))
    if borrowed or _holds_symlink(source):
        raise _failed("el repositorio del producto depende de ficheros ajenos")
    return source


def _holds_symlink(folder: Path) -> bool:
    return any(
        (Path(parent) / name).is_symlink()
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    )


@contextmanager
def _sole_publisher(path: Path) -> Generator[int]:
    """Hold the slug's lock; git inherits the descriptor, so an orphaned git still holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Not its cause: the errno of a lock that others have is also that of a full machine.
            raise _failed("ya se está publicando", transient=True) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_stale_locks(repository: Path) -> None:
    """Remove what a killed git left behind; holding the slug's lock proves that it is dead."""
    for pattern in ("*.lock", "refs/**/*.lock"):
        for stale in repository.glob(pattern):
            stale.unlink(missing_ok=True)


def _failed(reason: str, *, transient: bool = False) -> PortError:
    return PortError(
        f"El repositorio del producto no se pudo publicar: {reason}.",
        cause=FailureCause.DEPLOY_FALLIDO,
        transient=transient,
    )
