"""Checks of `axon doctor` on the database: the server, the schema, the line's work."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import make_url

from axon_factory.cli.checks import Check, Status
from axon_factory.cli.context import database_url
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.render import local_time
from axon_factory.db.migrate import schema_state
from axon_factory.db.server import ServerUnsupported, check_server, owns_trail, supported
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.building import LineMode
from axon_factory.insights.line import LineHealth, read_line_health
from axon_factory.orders.incidents import ProductsDown, read_products_down
from axon_factory.settings import Settings

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
