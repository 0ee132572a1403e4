"""Checks of `axon doctor` on this machine: none needs anything to run."""

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.cli.checks import Check, Status
from axon_factory.db.embedded import DataDirUnwritable, EmbeddedPostgresError, read_holder
from axon_factory.db.embedded.programs import find_installations
from axon_factory.settings import Settings

_OLDEST_PYTHON = (3, 11)
_GIB = 1024**3
_MIB = 1024**2
_DISK_WARNING_BYTES = 2 * _GIB
_DISK_ERROR_BYTES = _GIB // 4


async def check_machine(settings: Settings) -> list[Check]:
    """Return every check of this machine that needs settings."""
    runtime = ProductRuntime(settings.product_runtime)
    sandbox = Sandbox(runtime.python, bubblewrap=settings.sandbox == "auto")
    return [
        check_data_dir(settings.data_dir, max(settings.disk_floor_mb * _MIB, _DISK_ERROR_BYTES)),
        await asyncio.to_thread(_check_holder, settings.data_dir),
        await _check_postgres(settings),
        _check_runtime(settings, runtime),
        await _check_sandbox(runtime, sandbox),
        await _check_products(settings, sandbox),
    ]


def check_python() -> Check:
    """Return whether this Python is new enough."""
    new_enough = sys.version_info >= _OLDEST_PYTHON
    return Check(
        "Python",
        Status.OK if new_enough else Status.ERROR,
        f"{platform.python_version()} en {sys.executable}",
        "" if new_enough else "Instala Python 3.11 o posterior",
    )


async def check_git() -> Check:
    """Return whether git, which keeps the products' code and hands it out, runs."""
    path = shutil.which("git")
    if path is None:
        return Check("git", Status.ERROR, "No está instalado", "Instala git (apt install git)")
    version, folder = await _said_by(path, "--version"), await _said_by(path, "--exec-path")
    if version is None or folder is None:
        return Check("git", Status.ERROR, f"{path} no funciona", "Reinstala git")
    if not (Path(folder) / "git-http-backend").exists():
        detail = f"{version} sin git-http-backend: nadie puede clonar los productos"
        return Check("git", Status.ERROR, detail, "Instala el git completo de tu sistema")
    return Check("git", Status.OK, version)


async def _said_by(program: str, word: str) -> str | None:
    process = await asyncio.create_subprocess_exec(
        program, word, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    answer, _ = await process.communicate()
    return answer.decode(errors="replace").strip() if process.returncode == 0 else None


def check_data_dir(folder: Path, floor_bytes: int = _DISK_ERROR_BYTES) -> Check:
    """Return whether everything the factory keeps can be written, and how much room is left.

    Below `floor_bytes` of free space no step is begun: that is an error.
    """
    name = "Carpeta de datos"
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        detail = f"No se puede escribir en {folder}"
        return Check(name, Status.ERROR, detail, "Da permiso o elige otra con AXON_DATA_DIR")
    free = shutil.disk_usage(place).free
    detail = f"{folder}, {free / _GIB:.1f} GB libres"
    if free < max(_DISK_WARNING_BYTES, floor_bytes):
        status = Status.ERROR if free < floor_bytes else Status.WARNING
        return Check(name, status, detail, "Libera espacio en el disco")
    return Check(name, Status.OK, detail)


def _check_holder(folder: Path) -> Check:
    name = "En uso por"
    try:
        facts = read_holder(folder)
    except DataDirUnwritable as error:
        return Check(name, Status.ERROR, str(error), "Usa el mismo usuario que `axon up`")
    if facts is None:
        return Check(name, Status.OK, "Nadie: `axon up` no está en marcha aquí")
    where = f", responde en {facts['url']}" if facts.get("url") else ""
    since = f" desde {facts['started_at']}" if facts.get("started_at") else ""
    return Check(name, Status.OK, f"Proceso {facts.get('pid', 'desconocido')}{since}{where}")


async def _check_postgres(settings: Settings) -> Check:
    name = "PostgreSQL incluido"
    if settings.database_url is not None:
        return Check(name, Status.OK, "No se usa: AXON_DATABASE_URL indica un servidor")
    try:
        found = await find_installations(settings.pg_bin)
    except EmbeddedPostgresError as error:
        action = "Define AXON_DATABASE_URL, o AXON_PG_BIN con los programas de PostgreSQL 14 a 18"
        return Check(name, Status.ERROR, str(error), action)
    return Check(name, Status.OK, ", ".join(f"{one.version} en {one.bin}" for one in found))


def _check_runtime(settings: Settings, runtime: ProductRuntime) -> Check:
    name = "Entorno de los productos"
    if runtime.is_ready():
        return Check(name, Status.OK, str(runtime.python))
    detail = f"No está instalado en {settings.product_runtime}"
    return Check(name, Status.WARNING, detail, "Ejecuta `axon runtime install`")


async def _check_sandbox(runtime: ProductRuntime, sandbox: Sandbox) -> Check:
    name = "Aislamiento de productos"
    if not runtime.is_ready():
        detail = "Se comprueba con el entorno de los productos, que falta"
        return Check(name, Status.WARNING, detail, "Ejecuta `axon runtime install`")
    try:
        capability = await sandbox.capability()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        action = "Borra el entorno de los productos y ejecuta `axon runtime install`"
        return Check(name, Status.ERROR, f"El Python de los productos no corre: {error}", action)
    if capability.bubblewrap is None:
        action = "Instala bubblewrap y permite espacios de nombres de usuario"
        return Check(name, Status.WARNING, capability.reason, action)
    return Check(name, Status.OK, capability.reason)


async def _check_products(settings: Settings, sandbox: Sandbox) -> Check:
    name = "Productos locales"
    folder = settings.data_dir / "deployments"
    products = await LocalDeployer(folder, sandbox).status() if folder.is_dir() else []
    if not products:
        return Check(name, Status.OK, "Ninguno desplegado en esta máquina")
    down = [f"{item.slug} ({item.state})" for item in products if item.state != "running"]
    if not down:
        return Check(name, Status.OK, f"{len(products)} en marcha")
    detail = f"{len(down)} de {len(products)} sin marchar: {', '.join(down)}"
    action = f"Inicia `axon up`; los registros están en {folder}/<producto>/logs"
    return Check(name, Status.WARNING, detail, action)
