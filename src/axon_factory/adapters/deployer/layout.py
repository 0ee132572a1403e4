"""What the local deployer keeps on disk: releases, logs, data, and the locks around them.

::

    root/
      supervisor/            supervisord's configuration, log, pid; `stopped` while it shall not run
      conf.d/<slug>.ini      one program for each product that shall run
      <slug>/deployment.json port, commit, health path
      <slug>/launch.json     command and environment with the secrets (0600)
      <slug>/releases/<commit>, <slug>/data, <slug>/logs
      .locks/  .retired/<slug>-<time>  (data of withdrawn products)
"""

import asyncio
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from axon_factory.adapters.disk import try_lock
from axon_factory.adapters.git_command import SLUG
from axon_factory.adapters.sandbox import ProductRepository, Sandbox
from axon_factory.ports.product import DeploymentRequest

LOCK_POLL_SECONDS = 0.05
PRIVATE_FOLDER = stat.S_IFDIR | 0o700
SOCKET_PATH_BYTES = 100
"""Linux allows 107 in a Unix socket's address; supervisord first binds a longer temporary name."""
LOG_LINES = 20
LOG_BYTES = 2000
SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a deployment, without secrets."""

    slug: str
    port: int
    commit: str
    health: str
    """Path of the health check."""


class Layout:
    """Paths below `root`, which is created; slugs with other characters are refused."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.supervisor = self.root / "supervisor"
        self.programs = self.root / "conf.d"
        self.locks = self.root / ".locks"
        self.retired = self.root / ".retired"

    def create(self) -> None:
        """Make the folders; the sandbox's users may pass through them and no more."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for folder in (self.supervisor, self.programs, self.locks, self.retired):
            folder.mkdir(mode=0o700, exist_ok=True)

    def product(self, slug: str) -> Path:
        """Return the folder of one product.

        Raises:
            ValueError: `slug` is none.
        """
        if not SLUG.fullmatch(slug) or slug in {self.supervisor.name, self.programs.name}:
            raise ValueError(f"«{slug}» no sirve como nombre de producto")
        return self.root / slug

    def program(self, slug: str) -> Path:
        """Return the path of the product's supervisord section."""
        return self.programs / f"{self.product(slug).name}.ini"

    def slugs(self) -> tuple[str, ...]:
        """Return the products that shall run."""
        return tuple(sorted(path.stem for path in self.programs.glob("*.ini")))

    def record(self, slug: str) -> Record | None:
        """Return what is remembered of a product."""
        content = read_json(self.product(slug) / "deployment.json")
        return Record(**content) if content else None

    def remember(self, record: Record) -> None:
        """Write down a deployment."""
        write_private(self.product(record.slug) / "deployment.json", asdict(record))

    def used_ports(self) -> set[int]:
        """Return the ports that are promised to some product."""
        contents = [read_json(path) for path in self.root.glob("*/deployment.json")]
        return {int(content["port"]) for content in contents if content}

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncGenerator[None]:
        """Hold the lock `name` among all tasks and processes of this root."""
        self.create()
        # Owner only, and not inherited: the daemon must not keep it.
        descriptor = os.open(self.locks / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not try_lock(descriptor):  # noqa: ASYNC110 — the holder may be another process
                await asyncio.sleep(LOCK_POLL_SECONDS)
            os.utime(descriptor)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def held(self, name: str) -> Generator[bool]:
        """Hold the lock `name` if it is free; False if somebody else holds it."""
        self.create()
        descriptor = os.open(self.locks / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            mine = try_lock(descriptor)
            if mine:
                os.utime(descriptor)
            yield mine
        finally:
            os.close(descriptor)

    def last_held(self, name: str) -> float | None:
        """Return when the lock `name` was last taken; None while somebody holds it."""
        try:
            descriptor = os.open(self.locks / name, os.O_RDWR)
        except FileNotFoundError:
            return 0.0
        try:
            return os.fstat(descriptor).st_mtime if try_lock(descriptor) else None
        finally:
            os.close(descriptor)

    @property
    def _runtime_memory(self) -> Path:
        return self.supervisor / "runtime.json"

    def remembered_runtime(self) -> Path | None:
        """Return the folder of supervisord's socket if it lies outside `root`.

        The memory names its root: in a copy of it the folder would be the original's, whose
        products run.
        """
        remembered = read_json(self._runtime_memory)
        if not remembered or remembered.get("root") != str(self.root):
            return None
        folder = Path(remembered["folder"])
        return folder if _is_private(folder) else None

    def runtime(self) -> Path:
        """Return the folder of supervisord's socket: short enough for a Unix socket's address.

        Call it with the lock "supervisor" held. A folder outside `root` is remembered in it, so
        that processes with other temporary folders find the same.
        """
        if len(os.fsencode(self.supervisor)) <= SOCKET_PATH_BYTES - len("/s.sock.12345678"):
            return self.supervisor
        if (remembered := self.remembered_runtime()) is not None:
            return remembered
        folder = Path(tempfile.mkdtemp(prefix="axon-"))
        write_private(self._runtime_memory, {"folder": str(folder), "root": str(self.root)})
        return folder

    def forget_runtime(self) -> None:
        """Remove the socket's folder if it lies outside `root`; supervisord must be gone."""
        if (remembered := self.remembered_runtime()) is not None:
            shutil.rmtree(remembered, ignore_errors=True)
        self._runtime_memory.unlink(missing_ok=True)


def _is_private(folder: Path) -> bool:
    """Tell whether `folder` exists, is ours, and is closed to others."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and status.st_mode == PRIVATE_FOLDER


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in `path`; None when it is missing or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_private(path: Path, content: Mapping[str, Any] | str) -> None:
    """Write JSON, or text as it is, so that it is whole or absent and only its owner reads it."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen at `host`:`port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
            candidate.listen(1)
        except OSError:
            return False
    return True


def choose_port(host: str, ports: range, used: Collection[int]) -> int | None:
    """Return the first port that is free and not promised to a product."""
    return next((port for port in ports if port not in used and is_free(host, port)), None)


async def fetch_release(sandbox: Sandbox, layout: Layout, request: DeploymentRequest) -> Path:
    """Return the folder with the files of the commit, made at the first call.

    Raises:
        RepositoryError: there is no such commit.
        OSError: the product's folder is missing.
    """
    releases = layout.product(request.slug) / "releases"
    release = releases / request.commit
    if release.is_dir():
        return release
    releases.mkdir(parents=True, exist_ok=True)
    # Beside the releases, so that one rename puts the finished export in its place.
    scratch = await asyncio.to_thread(tempfile.mkdtemp, dir=releases, prefix=".export-")
    try:
        repository = await ProductRepository.copy(sandbox, request.product_dir, Path(scratch))
        files = await repository.export(request.commit, "files")
        files.rename(release)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True))
    return release


def prune(release: Path) -> None:
    """Remove the product's other releases."""
    for other in release.parent.iterdir():
        if other != release:
            shutil.rmtree(other, ignore_errors=True)


def retire(layout: Layout, slug: str) -> None:
    """Remove the product's folder; its data move to the retired ones."""
    folder = layout.product(slug)
    if (folder / "data").is_dir():
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        (folder / "data").rename(layout.retired / f"{slug}-{now}")
    shutil.rmtree(folder, ignore_errors=True)


def erase(layout: Layout, slug: str) -> None:
    """Remove all that is kept of the product.

    Raises:
        OSError: something of it is still there.
    """
    retired = re.compile(rf"{re.escape(slug)}-\d{{8}}T\d{{6}}\.\d{{6}}Z")
    earlier = [path for path in layout.retired.iterdir() if retired.fullmatch(path.name)]
    for folder in (layout.product(slug), *earlier):
        if folder.exists():
            shutil.rmtree(folder)
    # Its holder is the caller, and the name is not used again.
    (layout.locks / f"{slug}.lock").unlink(missing_ok=True)


def log_tail(layout: Layout, request: DeploymentRequest) -> str:
    """Return the last lines that the product wrote, without its secrets."""
    path = layout.product(request.slug) / "logs" / "product.log"
    try:
        text = path.read_bytes()[-LOG_BYTES * 4 :].decode(errors="replace")
    except OSError:
        return ""
    # Before cutting: half a secret would not be found.
    for value in sorted(request.secrets.values(), key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, "•••")
    return "\n".join(text[-LOG_BYTES:].splitlines()[-LOG_LINES:])
