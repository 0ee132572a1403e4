"""Silence of a session: noticed by one query, told once a level, and never a failure."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import Fault
from rig import POLICY, Rig

from axon_factory.domain.building import Silence, silence_of
from axon_factory.orders.policy import AgentRules
from axon_factory.worker.reminders import notice_silence

OUTSIDE = replace(POLICY, agents=AgentRules(builder="http"))
SILENT, STUCK = timedelta(minutes=5), timedelta(minutes=30)


@pytest.fixture
async def session(rig: Rig) -> UUID:
    """An order whose outside agent has an open session, at rest until the line looks again."""
    rig.policy = OUTSIDE
    order_id = await rig.reach("construccion")
    await rig.line().advance(order_id)
    rig.ledger.script(Fault("builder.proceed", "working", times=None))
    await rig.line().advance(order_id)
    return order_id


async def heard(rig: Rig, order_id: UUID, minutes: float, **columns: Any) -> None:  # noqa: ANN401 — columns
    """Let the newest sign of life be `minutes` ago; the line has looked since."""
    changed = {"espera": None, "silence": None, "builder": "http", "session_open": True, **columns}
    at = datetime.now(UTC) - timedelta(minutes=minutes)

    async def change(_session: object, order: Any, _now: datetime) -> None:  # noqa: ANN401 — an order
        order.heartbeat_at = at
        for name, value in changed.items():
            setattr(order, name, value)

    await rig.change(order_id, change)
    await rig.execute(
        "UPDATE order_steps SET started_at = :at, finished_at = :at WHERE order_id = :id",
        at=at,
        id=order_id,
    )
    await rig.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'")
    await rig.execute("UPDATE line_controls SET mode = 'activa'")


async def told(rig: Rig, order_id: UUID) -> list[str]:
    rows = await rig.rows(
        "SELECT subject FROM outbox_messages WHERE order_id = :id "
        "AND dedupe_key LIKE '%:silencio:%' ORDER BY created_at",
        id=order_id,
    )
    return [row.subject.partition(": ")[2] for row in rows]


async def test_each_level_is_told_once_and_the_order_lives_on(rig: Rig, session: UUID) -> None:
    for minutes, level, found in (
        (4, None, 0),
        (6, "sin_respuesta", 1),
        (29, "sin_respuesta", 0),
        (31, "estancado", 1),
        (600, "estancado", 0),
    ):
        before = (await rig.order(session)).silence
        await heard(rig, session, minutes, silence=before)
        assert await notice_silence(rig.database, rig.policy) == found, minutes
        order = await rig.order(session)
        assert (order.silence, order.estado) == (level, "construccion"), minutes
    assert await told(rig, session) == [
        "la construcción no responde",
        "la construcción parece estancada",
    ]
    events = [event for event in await rig.events(session) if "silencio" in event.kind]
    assert [event.visibilidad for event in events] == ["interno", "interno"]


async def test_a_sign_of_life_from_the_builder_ends_it(rig: Rig, session: UUID) -> None:
    await heard(rig, session, 45)
    await notice_silence(rig.database, rig.policy)
    assert (await rig.order(session)).silence == "estancado"
    rig.ledger.script(Fault("builder.proceed", "working", times=None))
    await rig.line().advance(session)
    assert (await rig.order(session)).silence is None
    last = (await rig.events(session))[-1]
    assert (last.kind, last.details) == ("construccion.sesion_en_silencio", {"silencio": None})
    await heard(rig, session, 45.5)
    await notice_silence(rig.database, rig.policy)
    assert len(await told(rig, session)) == 2  # another silence is told anew


_STEP = "UPDATE order_steps SET finished_at = NULL, started_at = {} WHERE step {}"
NOT_SILENT: Mapping[str, tuple[dict[str, Any], str]] = {
    "it waits for the client": ({"espera": "cliente"}, ""),
    "its session has ended": ({"session_open": False}, ""),
    "the built-in builder works in the call": (
        {"builder": "templates"},
        _STEP.format("now() - interval '1 hour'", "LIKE 'construir:%'"),
    ),
    "the line is looking": ({}, _STEP.format("now()", "LIKE 'construir:%'")),
    "the factory starts it": (
        {},
        _STEP.format("now() - interval '1 hour'", "= 'iniciar_sesion'"),
    ),
    "the line has not looked": ({}, "UPDATE procrastinate_jobs SET scheduled_at = NULL"),
    "the line is overdue": (
        {},
        "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 minute'",
    ),
    "the line is paused": ({}, "UPDATE line_controls SET mode = 'pausada'"),
}


async def test_what_is_no_silence(rig: Rig, session: UUID) -> None:
    for name, (columns, statement) in NOT_SILENT.items():
        await heard(rig, session, 60, **columns)
        if statement:
            await rig.execute(statement)
        assert await notice_silence(rig.database, rig.policy) == 0, name
    await heard(rig, session, 60)
    await rig.execute(_STEP.format("now() - interval '1 hour'", "LIKE 'construir:%'"))
    assert await notice_silence(rig.database, rig.policy) == 1  # the call to it hangs


async def test_many_workers_tell_it_once(rig: Rig, session: UUID) -> None:
    await heard(rig, session, 60)
    found = await asyncio.gather(*(notice_silence(rig.database, rig.policy) for _ in range(4)))
    assert sum(found) == 1
    assert len(await told(rig, session)) == 1


@given(st.integers(0, 100_000), st.integers(1, 5000), st.integers(1, 5000))
def test_levels_follow_the_settings(quiet: int, silent: int, stuck: int) -> None:
    now = datetime.now(UTC)
    level = silence_of(
        now - timedelta(seconds=quiet),
        now,
        silent=timedelta(seconds=silent),
        stuck=timedelta(seconds=stuck),
    )
    if quiet < silent:
        assert level is None
    else:
        assert level is (Silence.ESTANCADO if quiet >= stuck else Silence.SIN_RESPUESTA)
