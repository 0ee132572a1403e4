"""Checks of `axon doctor`: this machine, the database, and the agents that build.

A check of this machine needs nothing to run. A check of the database looks at the server, the
schema and the line's work. A check of an agent asks whether it is there and takes our token.
"""

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.adapters import agents_of
from axon_factory.cli.context import database_url
from axon_factory.cli.tables import local_time
from axon_factory.cli.terminal import CliError, Exit
from axon_factory.db.embedded import DataDirUnwritable, EmbeddedPostgresError, read_holder
from axon_factory.db.embedded.programs import find_installations
from axon_factory.db.migrate import schema_state
from axon_factory.db.server import ServerUnsupported, check_server, owns_trail, supported
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.building import LineMode
from axon_factory.insights.line import LineHealth, read_line_health
from axon_factory.orders.incidents import ProductsDown, read_products_down
from axon_factory.ports.builder import AgentBuilder
from axon_factory.ports.errors import PortError
from axon_factory.settings import Settings, SettingsInvalid


class Status(StrEnum):
    """How it stands; only an error makes `axon doctor` fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it stands, what was seen, and what to do."""

    name: str
    status: Status
    detail: str
    action: str = ""


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


_LATE_SECONDS = 300.0

_VERSION = text("SELECT current_setting('server_version')")


async def check_database(settings: Settings) -> list[Check]:
    """Return the checks as far as they can be made: a missing database ends them."""
    name = "Base de datos"
    try:
        url = await database_url(settings)
    except CliError as error:
        if error.code is not Exit.NOT_RUNNING:
            return [Check(name, Status.ERROR, error.message)]
        action = "Inicia `axon up`, o define AXON_DATABASE_URL"
        return [Check(name, Status.WARNING, "No está en marcha", action)]
    shown = make_url(url).render_as_string(hide_password=True)
    database = Database(url, pool_size=2)
    try:
        await asyncio.to_thread(check_server, url)
        return await _checks(database, settings, shown)
    except ServerUnsupported as error:
        action = f"Usa PostgreSQL {supported()}"
        return [Check(name, Status.ERROR, str(error), action)]
    except Exception as error:
        if not is_unavailable(error):
            raise
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()
        detail = f"{shown} no responde: {cause[0] if cause else type(error).__name__}"
        action = "Comprueba que el servidor está en marcha y que AXON_DATABASE_URL es correcta"
        return [Check(name, Status.ERROR, detail, action)]
    finally:
        await database.dispose()


async def _checks(database: Database, settings: Settings, shown: str) -> list[Check]:
    async with database.reading() as session:
        version = await session.scalar(_VERSION)
        server = Check("Base de datos", Status.OK, f"PostgreSQL {version} en {shown}")
        checks = [server, await _schema(database.url)]
        if checks[-1].status is Status.OK:
            health = await read_line_health(session, stalled_after=settings.stalled_after_seconds)
            checks.append(await _role(database.url, settings))
            checks += [
                _products(await read_products_down(session, datetime.now(UTC))),
                _line(health),
                _workers(health),
                _queue(health),
                _waiting(health),
                _held(health),
                _outbox(health),
            ]
    return checks


async def _schema(url: str) -> Check:
    current, newest = await schema_state(url)
    if current == newest:
        return Check("Esquema", Status.OK, f"Revisión {current}")
    detail = f"Revisión {current or 'vacía'}; este programa usa la {newest}"
    return Check("Esquema", Status.ERROR, detail, "Ejecuta `axon migrate`")


async def _role(url: str, settings: Settings) -> Check:
    name = "Rol en PostgreSQL"
    role = make_url(url).username or "el del sistema"
    if not await owns_trail(url):
        return Check(name, Status.OK, f"{role}: no puede cambiar la auditoría")
    detail = f"{role} es dueño de las tablas: puede cambiar la auditoría"
    if settings.environment != "production":
        return Check(name, Status.OK, detail)
    action = "Usa otro rol, preparado con `axon migrate --app-role`"
    return Check(name, Status.WARNING, detail, action)


def _line(health: LineHealth) -> Check:
    if health.mode is LineMode.ACTIVA:
        return Check("Línea", Status.OK, "En marcha")
    since = f" desde {local_time(health.mode_since)}" if health.mode_since else ""
    detail = f"{health.mode.capitalize()}{since} por {health.mode_by}: {health.mode_reason}"
    return Check("Línea", Status.WARNING, detail, "Cuando pueda seguir: axon line resume")


def _workers(health: LineHealth) -> Check:
    if health.workers_alive:
        return Check("Trabajadores", Status.OK, f"{health.workers_alive} vivos")
    silent = health.workers_silent
    detail = f"Ninguno vivo ({silent} sin latido)" if silent else "Ninguno"
    return Check("Trabajadores", Status.WARNING, detail, "Inicia `axon worker` o `axon up`")


def _queue(health: LineHealth) -> Check:
    detail = f"{health.jobs_waiting} en espera, {health.jobs_running} en curso"
    if health.oldest_job_seconds > _LATE_SECONDS:
        detail += f"; el más antiguo espera hace {health.oldest_job_seconds / 60:.0f} min"
        return Check("Cola de trabajos", Status.WARNING, detail, "Añade trabajadores")
    return Check("Cola de trabajos", Status.OK, detail)


def _waiting(health: LineHealth) -> Check:
    name, numbers = "Esperan a una persona", health.waiting_for_person
    if not numbers:
        return Check(name, Status.OK, "Ninguna orden")
    shown = ", ".join(numbers[:5]) + (" …" if len(numbers) > len(numbers[:5]) else "")
    action = f"Decide, por ejemplo: axon orders approve {numbers[0]}"
    return Check(name, Status.WARNING, f"{len(numbers)} órdenes: {shown}", action)


def _products(products: ProductsDown) -> Check:
    name, down = "Productos entregados", products.down
    if down:
        shown = ", ".join(
            f"{one.order_number} ({one.trouble} desde {local_time(one.since)})" for one in down[:5]
        )
        action = (
            "Se inician de nuevo por sí solos; los registros están en deployments/<producto>/logs"
        )
        return Check(name, Status.WARNING, f"{len(down)} sin marchar: {shown}", action)
    if products.unwatched:
        detail = f"{products.unwatched} sin vigilar: ningún trabajador da noticia de ellos"
        action = "Inicia `axon worker` o `axon up` en la máquina que los tiene"
        return Check(name, Status.WARNING, detail, action)
    return Check(name, Status.OK, "Todos en marcha")


def _held(health: LineHealth) -> Check:
    name = "Esperan a la máquina"
    if not health.held:
        return Check(name, Status.OK, "Ninguna orden")
    detail = "; ".join(f"{one.orders} órdenes: {one.message}" for one in health.held)
    return Check(name, Status.ERROR, detail, "Arréglalo: las órdenes siguen solas, ninguna falla")


def _outbox(health: LineHealth) -> Check:
    name = "Mensajes por enviar"
    detail = f"{health.messages_unsent} sin enviar"
    if health.message_error:
        detail += f"; último error: {health.message_error}"
    if health.messages_given_up:
        detail += f"; {health.messages_given_up} abandonados en siete días"
        action = "Míralos: axon notifications deliveries --state abandonada"
        return Check(name, Status.WARNING, detail, action)
    if health.message_error or health.oldest_message_seconds > _LATE_SECONDS:
        return Check(name, Status.WARNING, detail, "Comprueba el correo y que haya trabajadores")
    return Check(name, Status.OK, detail)


async def check_agents(settings: Settings) -> list[Check]:
    """Return a check for each configured agent; none if the factory builds everything itself."""
    sandbox = Sandbox(
        ProductRuntime(settings.product_runtime).python, bubblewrap=settings.sandbox == "auto"
    )
    try:
        agents = agents_of(settings, sandbox)
    except SettingsInvalid as error:
        action = "Corrige las variables AXON_AGENT_COMMAND_… o elige otro constructor"
        return [Check("Agentes", Status.ERROR, str(error), action)]
    return [await _check(name, agent, settings) for name, agent in agents.items()]


async def _check(name: str, agent: AgentBuilder, settings: Settings) -> Check:
    """Ask one agent. An absent agent is an error only if new orders go to it."""
    try:
        return Check(f"Agente {name}", Status.OK, await agent.reach())
    except PortError as error:
        chosen = name in settings.chosen_builders
        return Check(
            f"Agente {name}",
            Status.ERROR if chosen else Status.WARNING,
            error.for_staff,
            f"Comprueba que el agente está en marcha, y las variables AXON_AGENT_{name.upper()}_…",
        )
