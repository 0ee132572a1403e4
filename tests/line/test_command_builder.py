"""The line with a coding agent: built, asked, killed in the middle, cancelled, out of time."""

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rig import ADMIN, Rig, cancel
from sqlalchemy import select
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.events import EventKind
from tests.support import command_line
from tests.support.command_line import over_agent
from tests.support.products import git

WORKER = Path(command_line.__file__).with_name("command_worker.py")
BUILT = (["say", "Empiezo"], ["everything"], ["finish"])


async def begin(site: Rig) -> UUID:
    """Bring an order to where its session is due."""
    return await site.reach("construccion")


async def advance(site: Rig, order_id: UUID, *states: str) -> Order:
    """Advance until the order is in one of `states`, or waits."""
    line = site.line()
    async with asyncio.timeout(60):
        while (order := await site.order(order_id)).estado not in states:
            if await line.advance(order_id) is None:
                return order
            await asyncio.sleep(0.02)
    return order


def launched(site: Rig) -> int:
    """Count the launchers that there have ever been."""
    return len(list((site.products.parent / "sessions").glob("*/run-*.json")))


async def test_an_agent_builds_an_order_up_to_its_review(rig: Rig) -> None:
    site = over_agent(rig, BUILT)
    order = await advance(site, await begin(site), "qa")
    assert (order.estado, order.progreso, order.builder) == ("qa", 95, "command")
    done = await site.rows("SELECT commit_id FROM order_milestones WHERE order_id = :i", i=order.id)
    commits = set(git(site.products / order.slug, "rev-list", "main").split())
    assert len(done) == len(commits)
    assert {row.commit_id for row in done} == commits
    said = [event for event in await site.events(order.id) if event.kind == EventKind.REGISTRO]
    assert [event.mensaje for event in said if event.visibilidad == "cliente"] == [
        "Empiezo",
        "Hecho.",
    ]
    (used,) = await site.rows("SELECT provider, input_tokens, purpose FROM model_calls")
    assert tuple(used) == ("opencode", 107, "construccion")
    assert launched(site) == 1


async def test_a_question_waits_for_its_answer(rig: Rig) -> None:
    question = json.dumps({"pregunta": "¿En qué idioma?", "opciones": ["es", "en"]})
    runs = ([["ask", question]], [["answers"], ["everything"], ["finish"]])
    site = over_agent(rig, (), runs=runs)
    order_id = await begin(site)
    order = await advance(site, order_id, "qa")
    assert (order.estado, order.espera) == ("construccion", "cliente")

    async def answer(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        asked = await session.scalar(
            select(OrderQuestion).where(col(OrderQuestion.order_id) == order.id)
        )
        asked.answer, asked.answered_at = "es", now
        asked.answered_by, asked.answered_by_name = ADMIN.actor.id, ADMIN.actor.name
        order.espera = None

    await site.change(order_id, answer)
    assert (await advance(site, order_id, "qa")).estado == "qa"
    assert launched(site) == 2
    (row,) = await site.rows("SELECT delivered_at FROM order_questions")
    assert row.delivered_at is not None


@pytest.mark.parametrize(
    "crossing",
    [
        "port:builder.start:after#1",
        pytest.param("port:builder.proceed:after#2", marks=pytest.mark.crash_matrix),
    ],
)
async def test_a_worker_killed_in_the_middle_leaves_its_session_to_the_next(
    crossing: str, rig: Rig, database_url: str
) -> None:
    folder = rig.products.parent
    go_on = folder / "seguir"
    steps = (["commit", "scaffolding"], ["wait", "seguir"], ["everything"], ["finish"])
    site = over_agent(rig, steps)
    order_id = await begin(site)
    told = {"database_url": database_url, "folder": str(folder), "order_id": str(order_id)}
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        json.dumps({**told, "steps": steps}),
        env={**os.environ, "AXON_FAILPOINT_KILL": crossing},
    )
    assert await asyncio.wait_for(worker.wait(), 60) == -signal.SIGKILL
    assert launched(site) == 1
    (workspace,) = (folder / "sessions").glob("*/agent/workspace")
    (workspace / go_on.name).touch()
    order = await advance(site, order_id, "qa")
    assert (order.estado, order.intento) == ("qa", 1)
    assert launched(site) == 1


async def test_a_cancelled_order_ends_its_agent(rig: Rig) -> None:
    site = over_agent(rig, (["say", "Sigo"], ["sleep", 60]))
    order_id = await begin(site)
    line = site.line()
    while not any(event.kind == EventKind.REGISTRO for event in await site.events(order_id)):
        await line.advance(order_id)
    await site.change(order_id, cancel)
    await site.drive(order_id)
    assert not (await site.order(order_id)).session_open
    (ending,) = (site.products.parent / "sessions").glob("*/exit-1.json")
    assert json.loads(ending.read_text())["reason"] == "detenida"


async def test_an_agent_out_of_time_fails_the_order_with_its_reason(rig: Rig) -> None:
    site = over_agent(rig, (["say", "Pienso"], ["sleep", 60]), seconds=0.6)
    order = await advance(site, await begin(site), "fallido")
    assert order.estado == "fallido"
    assert order.fallo is not None
    assert "no terminó en 0.01 minutos" in order.fallo["mensaje"]
    assert not order.session_open or await site.drive(order.id)


async def test_words_of_the_provider_are_for_staff_alone(rig: Rig) -> None:
    """An agent without a model: the order says so plainly, and the gateway's words stay inside."""
    words = "saldo agotado en https://gateway.interno.example/facturas"
    line = json.dumps({"type": "error", "message": f"Reconnecting... waiting ({words})"}) + "\n"
    steps = (["say", "Empiezo"], ["nag", line, 0.02])
    site = over_agent(rig, steps, profile="codex", errors_seconds=0.5)
    order = await advance(site, await begin(site), "fallido")
    assert order.fallo is not None
    assert order.fallo["causa"] == "agente_sin_avance"
    assert "solo dio errores" in order.fallo["mensaje"]
    assert words not in json.dumps(order.fallo, ensure_ascii=False)
    told = {event.mensaje: event.visibilidad for event in await site.events(order.id)}
    assert {seen for text, seen in told.items() if words in text} == {"interno"}
    assert told["La orden falló en 'construccion': el agente dejó de avanzar"] == "cliente"
    await site.drive(order.id)
    assert not (await site.order(order.id)).session_open
    (ending,) = (site.products.parent / "sessions").glob("*/exit-1.json")
    assert json.loads(ending.read_text())["reason"] == "detenida"
