"""What many changes write by one statement is what each would write alone."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.audit import (
    HEADS,
    append_audit,
    chains_of,
    cut,
    following,
    list_audit,
    verify_audit,
)
from axon_factory.db.audit import AuditQuery as Query
from axon_factory.db.sessions import Database
from axon_factory.db.tables import NotificationDestination, Order
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.notifications import ORDER_KINDS
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import OrderState
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.create import create_order
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.outbox import Letter, post_letter
from axon_factory.orders.requests import NewOrder
from axon_factory.orders.writes import Listener, OrderWrites, listening, orders_statement
from tests.support.workshop import ADMIN, Workshop, example_order

Json = Any
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
WRITE = orders_statement()
CLIENT, TAG = "cliente-7", "vip"
WRITTEN = (
    """
    SELECT seq, kind, tipo, agente, mensaje, metadata, visibilidad, intento, actor,
        occurred_at, received_at, dedupe_key, feed.position IS NOT NULL
    FROM order_events AS event
    LEFT JOIN feed_positions AS feed ON feed.event_position = event.position
    WHERE order_id = :id ORDER BY seq
    """,
    """
    SELECT to_jsonb(message) - '{id,order_id}'::text[] FROM outbox_messages AS message
    WHERE order_id = :id ORDER BY replace(dedupe_key, order_id::text, '')
    """,
    """
    SELECT left(lock, 6), to_jsonb(job) - '{id,lock,args}'::text[],
        args - '{message_id,order_id}'::text[]
    FROM procrastinate_jobs AS job
    WHERE split_part(lock, ':', 2) = CAST(:id AS uuid)::text OR split_part(lock, ':', 2)
        IN (SELECT id::text FROM outbox_messages WHERE order_id = :id)
    ORDER BY job.id
    """,
)
EVENTS = [
    (NewEvent(EventKind.ORDEN_CREADA, "Ana", "Orden creada"), None),
    (
        NewEvent(
            EventKind.ESTADO_CAMBIADO,
            "Ops Agent",
            "ñandú «€» 🦩",
            LogLevel.SUCCESS,
            {"a": [1, 2.5, None, {"b": True}], "c": 1e22},
            Visibility.INTERNO,
        ),
        OrderState.PLANIFICACION,
    ),
    (
        NewEvent(
            EventKind.REGISTRO,
            "Builder Agent",
            "visto",
            occurred_at=NOW - timedelta(hours=1),
            dedupe_key="contenido:1",
        ),
        None,
    ),
]
DESTINATIONS: list[dict[str, Any]] = [
    {},
    {"events": ["orden.creada"]},
    {"events": ["linea.pausada"]},
    {"active": False},
    {"client_ids": [CLIENT]},
    {"client_ids": ["cliente-8"]},
    {"tags": [TAG]},
    {"tags": [TAG, "otra"]},
    {"events": ["orden.creada", "orden.estado_cambiado"], "client_ids": [CLIENT], "tags": [TAG]},
]


async def place(workshop: Workshop, **changes: Json) -> Order:
    request = NewOrder.model_validate(example_order(**changes))
    async with workshop.container.database.transaction("test") as session:
        return await create_order(session, request, ADMIN, workshop.container.policy, NOW)


async def listen(session: AsyncSession, owner: str | None = None, **changes: Json) -> None:
    session.add(
        NotificationDestination(
            id=uuid4(),
            kind="webhook",
            name=uuid4().hex,
            host="crm.example",
            owner=owner,
            sealed={},
            created_at=NOW,
            created_by="test",
            **changes,
        )
    )


async def rows_of(database: Database, order: Order) -> list[tuple[Any, ...]]:
    """Return what was written about an order, without ids and times of the writing."""
    found: list[tuple[Any, ...]] = []
    async with database.reading() as session:
        for query in WRITTEN:
            rows = await session.execute(text(query), {"id": order.id})
            found += [tuple(row) for row in rows]
    own = re.compile(rf"{order.id}|{order.order_number}|(?<=portal/)[\w-]+")
    return [tuple(own.sub("*", str(value)) for value in row) for row in found]


async def test_events_messages_and_jobs_are_those_of_single_changes(
    wiped_workshop: Workshop,
) -> None:
    database = wiped_workshop.container.database
    changes = {"cliente_id": CLIENT, "tags": ["a", TAG]}
    one, other = await place(wiped_workshop, **changes), await place(wiped_workshop, **changes)
    async with database.transaction("test") as session:
        for destination in DESTINATIONS:
            await listen(session, **destination)
        await listen(session, owner=await owner_of_key(session))
        await listen(session, owner="nobody")
    letter = Letter("Asunto", "Cuerpo", "<p>Cuerpo</p>")
    mail = {"topic": "prueba", "event": "cliente.prueba", "recipient": "ana@example.com"}
    async with database.transaction("test") as session:
        order = await session.get_one(Order, one.id)
        for event, left in EVENTS:
            await append_event(session, order, event, actor=ADMIN.actor, now=NOW, left=left)
        await post_letter(session, order, letter, now=NOW, **mail)
    async with database.raw_transaction("test") as connection:
        query, parameters = listening(ORDER_KINDS)
        rows = await connection.execute(query.encode(), {**parameters, "now": NOW})
        found = await rows.fetchone()
        assert found is not None
        writes = OrderWrites(NOW, [Listener.of(row) for row in found[0]])
        for event, left in EVENTS:
            writes.append(other, event, actor=ADMIN.actor, left=left)
        writes.mail(other, letter, **mail)
        await connection.execute(WRITE, {"rows": writes.rows.document()})
    rows = await rows_of(database, one)
    assert rows == await rows_of(database, other)
    assert sum("orden.creada" in str(row) for row in rows) > len(EVENTS)


async def owner_of_key(session: AsyncSession) -> str:
    query = text("SELECT family FROM api_keys WHERE scope = 'lectura' LIMIT 1")
    return str(await session.scalar(query))


@pytest.mark.parametrize("waiting", ["none", "later", "due", "running"])
async def test_an_advance_is_woken_as_by_a_single_change(
    wiped_workshop: Workshop, waiting: str
) -> None:
    database = wiped_workshop.container.database
    one, other = await place(wiped_workshop), await place(wiped_workshop)
    prepare = {
        "none": "DELETE FROM procrastinate_jobs WHERE lock LIKE 'order:%'",
        "later": "UPDATE procrastinate_jobs SET scheduled_at = now() + '1 day'",
        "due": "UPDATE procrastinate_jobs SET priority = 30",
        "running": "UPDATE procrastinate_jobs SET status = 'doing'",
    }
    async with database.transaction("test") as session:
        await session.execute(text(prepare[waiting]))
    async with database.transaction("test") as session:
        await enqueue_advance(session, one.id, rank=2)
    async with database.raw_transaction("test") as connection:
        writes = OrderWrites(NOW)
        writes.wake(other.id, rank=2)
        await connection.execute(WRITE, {"rows": writes.rows.document()})
    assert await rows_of(database, one) == await rows_of(database, other)


async def test_an_erased_order_takes_an_event_without_texts(wiped_workshop: Workshop) -> None:
    database = wiped_workshop.container.database
    order = await place(wiped_workshop)
    order.borrado_at = NOW
    writes = OrderWrites(NOW)
    writes.append(order, EVENTS[1][0], actor=ADMIN.actor)
    async with database.raw_transaction("test") as connection:
        await connection.execute(WRITE, {"rows": writes.rows.document()})
    last = [row for row in await rows_of(database, order) if row[0] == "2"]
    assert [row[3:6] for row in last] == [("[borrado]", "[borrado]", "{}")]


async def test_audit_entries_of_many_chains_follow_one_another(database: Database) -> None:
    chains = [str(UUID(int=number)) for number in (5, 3, 9)]
    entries = [
        AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain=chain, details={"estado": f"ñ\x07{place}"})
        for place, chain in enumerate([*chains, ACCESS_CHAIN, chains[1], chains[0], chains[1]])
    ]
    async with database.transaction("test") as session:
        await append_audit(session, AuditEntry.by(ADMIN, Action.CREATE_ORDER, chain=chains[1]))
    await append_many(database, entries)
    await append_many(database, entries[:2])
    async with database.transaction("test") as session:
        await append_audit(session, AuditEntry.by(ADMIN, Action.CREATE_ORDER, chain=chains[0]))
        position = await cut(session)
    async with database.reading() as session:
        result = await verify_audit(session, position)
        records = await list_audit(session, Query(chain=chains[1]))
    assert (result.entries, result.chains, result.breaks) == (11, 4, [])
    assert [record.details.get("estado") for record in reversed(records)] == [
        None,
        "ñ\ufffd1",
        "ñ\ufffd4",
        "ñ\ufffd6",
        "ñ\ufffd1",
    ]


async def append_many(database: Database, entries: Sequence[AuditEntry]) -> None:
    async with database.raw_transaction("test") as connection:
        found = await (await connection.execute(HEADS, {"chains": chains_of(entries)})).fetchone()
        assert found is not None
        writes = OrderWrites(NOW)
        writes.audit(following(entries, found[0]))
        await connection.execute(WRITE, {"rows": writes.rows.document()})
