"""What the database holds of an order, without what differs between any two orders."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import text

from axon_factory.api.idempotency import RequestKey
from axon_factory.ports.product import SealedSecret
from tests.support.workshop import Workshop

__all__ = ["alike", "written_of"]

_MESSAGES = "SELECT id::text FROM outbox_messages WHERE order_id = :id"
_JOBS = f"""
    SELECT * FROM procrastinate_jobs
    WHERE split_part(lock, ':', 2) = CAST(:id AS uuid)::text
        OR split_part(lock, ':', 2) IN ({_MESSAGES})
"""  # noqa: S608 — constants
# A name, rows as JSON in an order of their own, and columns that differ between any two.
_QUERIES: dict[str, tuple[str, str]] = {
    "orders": ("SELECT * FROM orders WHERE id = :id", ""),
    "order_events": (
        """
        SELECT event.*, feed.position IS NOT NULL AS fed FROM order_events AS event
        LEFT JOIN feed_positions AS feed ON feed.event_position = event.position
        WHERE order_id = :id ORDER BY seq
        """,
        "position",
    ),
    "order_stages": ("SELECT * FROM order_stages WHERE order_id = :id ORDER BY ordinal", ""),
    "portal_links": ("SELECT * FROM portal_links WHERE order_id = :id ORDER BY number", ""),
    "outbox_messages": (
        """
        SELECT * FROM outbox_messages WHERE order_id = :id
        ORDER BY replace(dedupe_key, order_id::text, '')
        """,
        "",
    ),
    "jobs": (f"SELECT * FROM ({_JOBS}) AS job ORDER BY job.id", "id"),  # noqa: S608 — constants
    "job_events": (
        f"""
        SELECT event.type FROM procrastinate_events AS event JOIN ({_JOBS}) AS job
            ON job.id = event.job_id ORDER BY event.id
        """,  # noqa: S608 — constants
        "",
    ),
    "audit_entries": (
        "SELECT * FROM audit_entries WHERE chain = CAST(:id AS uuid)::text ORDER BY seq",
        "position,hash,at",
    ),
    "audit_heads": (
        "SELECT chain, seq FROM audit_heads WHERE chain = CAST(:id AS uuid)::text",
        "",
    ),
    "idempotency_keys": (
        "SELECT * FROM idempotency_keys WHERE order_id = :id",
        "created_at,expires_at",
    ),
}
_SEALED = ("ciphertext", "wrapped_key")
_DIFFERENT = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "<id>"),
    (re.compile(r"(?<=/portal/)[\w-]+"), "<enlace>"),
    (re.compile(r"ORD-\d{4}-\d{3,}"), "<número>"),
    (re.compile(r"-\d{4}-\d{3,}(?![\w-])"), "-<número>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"), "<hora>"),
)


def alike(value: Any, moment: str = "") -> Any:  # noqa: ANN401 — any JSON value
    """Return a JSON value with a word in place of each id, number, time and link.

    `moment` is a time with a word of its own.
    """
    match value:
        case str():
            value = value.replace(moment, "<creada>") if moment else value
            for pattern, word in _DIFFERENT:
                value = pattern.sub(word, value)
            return value
        case dict():
            return {alike(name, moment): alike(member, moment) for name, member in value.items()}
        case list():
            return [alike(member, moment) for member in value]
        case _:
            return value


async def written_of(workshop: Workshop, order_id: UUID) -> dict[str, list[Any]]:
    """Return the rows about an order by table, `alike`. Kept answers are opened."""
    found: dict[str, list[Any]] = {}
    moment = ""
    async with workshop.container.database.reading() as session:
        for name, (query, besides) in _QUERIES.items():
            shown = f"SELECT to_jsonb(row) FROM ({query}) AS row"  # noqa: S608 — constants
            rows = [dict(row) for row in await session.scalars(text(shown), {"id": order_id})]
            if name == "idempotency_keys":
                rows = [_opened(workshop, row) for row in rows]
            skipped = besides.split(",")
            kept = [
                {column: value for column, value in row.items() if column not in skipped}
                for row in rows
            ]
            moment = kept[0]["created_at"] if name == "orders" else moment
            found[name] = alike(kept, moment)
    return found


def _opened(workshop: Workshop, row: dict[str, Any]) -> dict[str, Any]:
    ciphertext, wrapped_key = (bytes.fromhex(row.pop(name)[2:]) for name in _SEALED)
    sealed = SealedSecret(ciphertext, wrapped_key, row["key_id"])
    context = RequestKey(row["principal"], row["key"], b"").context
    body = workshop.container.secret_box.open(sealed, context=context)
    return {**row, "key": "<clave>", "body": body}
