"""The Python environment that all products share: installed from a lock with hashes.

The lock is package data (`product_templates/runtime/requirements.txt`). Each lock has an
environment of its own below the root, so that products which run on an earlier one go on.
"""

import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from axon_factory.adapters.child_processes import group
from axon_factory.adapters.disk import try_lock

LOCK = "product_templates/runtime/requirements.txt"
MARKER = "axon-lock.sha256"
LOCK_POLL_SECONDS = 0.2
NAME_LENGTH = 16


class RuntimeInstallError(Exception):
    """The environment could not be installed; the message is a Spanish sentence."""


class ProductRuntime:
    """The environment for the lock of this version of the factory, below `root`.

    An environment counts only once its marker is there, which is written last and holds the
    SHA-256 of the lock.
    """

    def __init__(self, root: Path, *, lock: Path | None = None) -> None:
        """`lock` is a requirements file with hashes; the package's own without it."""
        self._root = root.absolute()
        self._lock = lock or Path(str(files("axon_factory") / LOCK))
        self._digest = hashlib.sha256(self._lock.read_bytes()).hexdigest()

    @property
    def _folder(self) -> Path:
        return self._root / self._digest[:NAME_LENGTH]

    @property
    def python(self) -> Path:
        """The interpreter of products; there once `is_ready`."""
        return self._folder / "bin" / "python"

    def is_ready(self) -> bool:
        """Tell whether the environment for this lock is whole."""
        try:
            marked = (self._folder / MARKER).read_text(encoding="ascii")
        except OSError:
            return False
        return marked == self._digest and self.python.exists()

    async def install(self, progress: Callable[[str], None]) -> None:
        """Create the environment if it is not ready; `progress` gets each line of the tools.

        Any number of processes may call this at once: one installs, the others wait. Cancelling
        stops the tools; what is half done is replaced by the next call.

        Raises:
            RuntimeInstallError: a tool failed.
            OSError: `root` cannot be written to.
        """
        if self.is_ready():
            return
        async with self._locked():
            if self.is_ready():
                return
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            for command in self._commands():
                await _run(command, progress)
            marker = self._folder / MARKER
            temporary = marker.with_suffix(".new")
            temporary.write_text(self._digest, encoding="ascii")
            temporary.replace(marker)

    def _commands(self) -> tuple[Sequence[str], ...]:
        folder, python, lock = str(self._folder), str(self.python), str(self._lock)
        uv = _find_uv()
        if uv is not None:
            # Compiled now: products see it read-only and would compile at every start.
            options = ("--compile-bytecode", "--require-hashes", "-r", lock)
            install = (uv, "pip", "install", "--python", python, *options)
            return (uv, "venv", "--no-project", "--python", sys.executable, folder), install
        pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
        return (sys.executable, "-m", "venv", folder), (*pip, "--require-hashes", "-r", lock)

    @asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not try_lock(descriptor):  # noqa: ASYNC110 — the holder may be another process
                await asyncio.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)


def _find_uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")


async def _run(command: Sequence[str], progress: Callable[[str], None]) -> None:
    last = ""
    async with group(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Products may run as another user, who must be able to read this.
        umask=0o022,
    ) as process:
        if process.stdout is not None:
            async for line in process.stdout:
                last = line.decode(errors="replace").rstrip()
                progress(last)
        code = await process.wait()
    if code != 0:
        raise RuntimeInstallError(f"No se pudo instalar el entorno de los productos: {last}")
