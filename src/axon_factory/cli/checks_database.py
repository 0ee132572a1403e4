"""Checks of `axon doctor` on the database: the server, the schema, the line's work."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.cli.checks import Check, Status
from axon_factory.cli.context import database_url
from axon_factory.cli.exits import CliError, Exit
from axon_factory.db.migrate import schema_state
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.settings import Settings

__all__ = ["check_database"]

_LATE_SECONDS = 300.0
_OLDEST_POSTGRES = 140_000

_VERSION = text(
    "SELECT current_setting('server_version') AS version,"
    " current_setting('server_version_num')::integer AS number"
)
_WORKERS = text(
    """
    SELECT count(*) AS known,
           count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => :stalled)) AS alive
    FROM procrastinate_workers
    """
)
_QUEUE = text(
    """
    SELECT count(*) FILTER (WHERE status = 'todo') AS todo,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           coalesce(extract(epoch FROM now() - min(coalesce(scheduled_at, queued.at))
               FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now())), 0)
               AS oldest
    FROM procrastinate_jobs
    LEFT JOIN LATERAL (
        SELECT max(at) AS at FROM procrastinate_events WHERE job_id = procrastinate_jobs.id
    ) AS queued ON true
    WHERE status IN ('todo', 'doing')
    """
)
_WAITING = text(
    """
    SELECT order_number FROM orders
    WHERE estado = 'planificacion' AND plan_estado = 'pendiente_aprobacion' OR espera IS NOT NULL
    ORDER BY prioridad_rank DESC, created_at LIMIT 100
    """
)
_OUTBOX = text(
    """
    SELECT count(*) AS unsent, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS oldest,
           (array_agg(last_error) FILTER (WHERE last_error IS NOT NULL))[1] AS error
    FROM outbox_messages WHERE sent_at IS NULL
    """
)


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
        return await _checks(database, settings, shown)
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
        server = await _row(session, _VERSION)
        checks = [_server(shown, server), await _schema(database.url)]
        if checks[-1].status is Status.OK:
            workers = await _row(session, _WORKERS, stalled=settings.stalled_after_seconds)
            checks += [
                _workers(workers["alive"], workers["known"]),
                _queue(await _row(session, _QUEUE)),
                _waiting(list(await session.scalars(_WAITING))),
                _outbox(await _row(session, _OUTBOX)),
            ]
    return checks


async def _row(session: AsyncSession, statement: Any, **parameters: object) -> dict[str, Any]:  # noqa: ANN401 — SQLAlchemy's text
    return dict((await session.execute(statement, parameters)).mappings().one())


def _server(shown: str, server: dict[str, Any]) -> Check:
    detail = f"PostgreSQL {server['version']} en {shown}"
    if server["number"] < _OLDEST_POSTGRES:
        return Check("Base de datos", Status.ERROR, detail, "Usa PostgreSQL 14 o posterior")
    return Check("Base de datos", Status.OK, detail)


async def _schema(url: str) -> Check:
    current, newest = await schema_state(url)
    if current == newest:
        return Check("Esquema", Status.OK, f"Revisión {current}")
    detail = f"Revisión {current or 'vacía'}; este programa usa la {newest}"
    return Check("Esquema", Status.ERROR, detail, "Ejecuta `axon migrate`")


def _workers(alive: int, known: int) -> Check:
    if alive:
        return Check("Trabajadores", Status.OK, f"{alive} vivos")
    detail = f"Ninguno vivo ({known} sin latido)" if known else "Ninguno"
    return Check("Trabajadores", Status.WARNING, detail, "Inicia `axon worker` o `axon up`")


def _queue(row: dict[str, Any]) -> Check:
    detail = f"{row['todo']} en espera, {row['doing']} en curso"
    if row["oldest"] > _LATE_SECONDS:
        detail += f"; el más antiguo espera hace {row['oldest'] / 60:.0f} min"
        return Check("Cola de trabajos", Status.WARNING, detail, "Añade trabajadores")
    return Check("Cola de trabajos", Status.OK, detail)


def _waiting(numbers: list[str]) -> Check:
    name = "Esperan a una persona"
    if not numbers:
        return Check(name, Status.OK, "Ninguna orden")
    shown = ", ".join(numbers[:5]) + (" …" if len(numbers) > len(numbers[:5]) else "")
    action = f"Decide, por ejemplo: axon orders approve {numbers[0]}"
    return Check(name, Status.WARNING, f"{len(numbers)} órdenes: {shown}", action)


def _outbox(row: dict[str, Any]) -> Check:
    name = "Mensajes por enviar"
    detail = f"{row['unsent']} sin enviar"
    if row["error"]:
        detail += f"; último error: {row['error']}"
    if row["error"] or row["oldest"] > _LATE_SECONDS:
        action = "Comprueba los trabajadores y el servicio de correo"
        return Check(name, Status.WARNING, detail, action)
    return Check(name, Status.OK, detail)
