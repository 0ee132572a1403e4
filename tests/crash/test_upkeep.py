"""The worker dies in the middle of its upkeep: each person is told once all the same.

Upkeep goes by the clock, so its commits are in no recorded life. Here all is overdue that can be of
an order whose plan waits, and the worker dies in its first round, at each commit of it. `make test`
has one order for each commit, and workers in one process. `make crash` kills processes.
"""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from crash_rig import Host, Scene, scene
from killable_worker import KillableWorker, Killed, workplace
from ledger_ports import ledger_ports
from rig import ADMIN, POLICY
from sqlalchemy import text

from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import ask_about_plan
from axon_factory.orders.questions.asking import Audience, answer_as
from axon_factory.orders.read import lock_order_by_id

_A_ROUND = 10
_CROSSINGS = tuple(
    f"commit:maintenance:{side}#{number}"
    for number in range(1, _A_ROUND + 1)
    for side in ("before", "after")
)
_AFTER_THREE_ROUNDS = f"commit:maintenance:after#{3 * _A_ROUND}"
_TOLD = {
    "escalado_plan_v1",
    "plan_v1",
    "pregunta:1",
    "pregunta:1:recordatorio:1",
    "pregunta:2",
    "recordatorio_plan_v1_1",
    "respuesta_2",
}


@pytest.mark.timeout(600)  # on a busy machine
async def test_what_is_overdue_is_told_once(
    postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    async with workplace(postgres_url, template_database, tmp_path / "stage") as (stage, place):
        orders = list[UUID]()
        async with ledger_ports(stage.ledger, stage.database_url) as ports:

            async def round_after(die_at: int | None) -> list[str]:
                """Let an order be overdue, and do a round of upkeep; an heir does what is left."""
                await stage.place()
                worker = await KillableWorker.begin(place, ports)
                while await worker.work():
                    pass
                assert stage.order_id is not None
                orders.append(stage.order_id)
                await _let_be_overdue(stage)
                if die_at is not None:
                    with pytest.raises(Killed):
                        await worker.keep_up(die_at=die_at)
                    worker = await KillableWorker.begin(place, ports)
                crossed = await worker.keep_up()
                while await worker.work():
                    pass
                return crossed

            crossings = await round_after(None)
            assert len(crossings) >= 2 * _A_ROUND
            # Between a commit and the next one's beginning nothing happens: one death for both.
            for number, crossing in enumerate(crossings, 1):
                if crossing.endswith(":after"):
                    await round_after(number)
        for number, order_id in enumerate(orders):
            stage.order_id = order_id
            await _check_told_once(stage, f"the death number {number} in {crossings}")


@pytest.mark.crash_matrix
@pytest.mark.timeout(1800)
async def test_what_is_overdue_is_told_once_by_processes(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    for number, crossing in enumerate(_CROSSINGS):
        async with scene(postgres_url, template_database, tmp_path / str(number)) as stage:
            await _begin(host, stage)
            victim = await host.run("worker", stage, kill=crossing)
            assert await asyncio.wait_for(victim.ended, 60) == -signal.SIGKILL, crossing
            log = stage.folder / "crossings.log"
            heir = await host.run("worker", stage, log=log)
            await _rounds(log)
            await stage.to_approval(seconds=60)
            await host.stop(heir)
            await _check_told_once(stage, crossing)


async def _check_told_once(stage: Scene, death: str) -> None:
    rows = await stage.rows(
        "SELECT dedupe_key, sent_at FROM outbox_messages WHERE order_id = :order"
    )
    told = Counter(_topic(row.dedupe_key) for row in rows)
    assert told == Counter(_TOLD), death
    assert all(row.sent_at for row in rows)
    sent = Counter(
        entry.key
        for entry in stage.ledger.effects("mailer.send")
        if entry.key.startswith(str(stage.order_id))
    )
    assert sum(sent.values()) - len(_TOLD) in {0, 1}, (death, sent)
    assert len(sent) == len(_TOLD)


async def _begin(host: Host, stage: Scene) -> None:
    """Let a plan wait for a day and an hour, with a question that is open and one that is not."""
    await stage.place()
    worker = await host.run("worker", stage)
    await stage.to_approval(seconds=60)
    await host.stop(worker, by=signal.SIGTERM)
    await _let_be_overdue(stage)


async def _let_be_overdue(stage: Scene) -> None:
    assert stage.order_id is not None
    now = datetime.now(UTC)
    async with stage.database.transaction("test") as session:
        order = await lock_order_by_id(session, stage.order_id)
        for question in ("¿Cuántos usuarios?", "¿Qué idioma?"):
            await ask_about_plan(
                Change(session, order, ADMIN.actor, POLICY, now),
                question,
                Audience.CLIENTE,
                plan=None,
            )
        await answer_as(Change(session, order, ADMIN.actor, POLICY, now), 2, "Español", ADMIN)
        for table, column in (("order_plans", "created_at"), ("order_questions", "asked_at")):
            await session.execute(
                text(
                    f"UPDATE {table} SET {column} = {column} - interval '25 hours'"  # noqa: S608 — names from above
                    " WHERE order_id = :order"
                ),
                {"order": stage.order_id},
            )


def _topic(key: str) -> str:
    """Return what a message's key says beside the order and its attempt."""
    return key.partition(":")[2].rpartition(":")[0]


async def _rounds(log: Path) -> None:
    """Wait until the worker that writes `log` has gone three rounds."""
    async with asyncio.timeout(60):
        while _AFTER_THREE_ROUNDS not in _lines(log):  # noqa: ASYNC110 — a file
            await asyncio.sleep(0.05)


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").split() if log.exists() else []
