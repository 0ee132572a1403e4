"""The worker dies in the middle of its upkeep: whoever is waited for is told once all the same.

Upkeep goes by the clock, so its commits are in no recorded life. Here all is overdue that can be of
an order whose plan waits, and the worker dies in its first round: `make test` tries one commit
of it, another one each day, `make crash` all.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash_rig import Host, Scene, scene
from rig import ADMIN, POLICY
from sqlalchemy import text

from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import ask_about_plan
from axon_factory.orders.questions.asking import Audience, answer_as
from axon_factory.orders.read import lock_order_by_id

_A_ROUND = 12
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


@pytest.mark.parametrize(
    "crossings",
    [
        pytest.param(
            [_CROSSINGS[datetime.now(UTC).toordinal() % len(_CROSSINGS)]], id="one of them"
        ),
        pytest.param(_CROSSINGS, id="all", marks=pytest.mark.crash_matrix),
    ],
)
@pytest.mark.timeout(1800)
async def test_what_is_overdue_is_told_once(
    host: Host,
    postgres_url: str,
    template_database: str,
    tmp_path: Path,
    crossings: Sequence[str],
) -> None:
    for number, crossing in enumerate(crossings):
        async with scene(postgres_url, template_database, tmp_path / str(number)) as stage:
            await _begin(host, stage)
            victim = await host.run("worker", stage, kill=crossing)
            assert await asyncio.wait_for(victim.ended, 60) == -signal.SIGKILL, crossing
            log = stage.folder / "crossings.log"
            heir = await host.run("worker", stage, log=log)
            await _rounds(log)
            await stage.to_approval(seconds=60)
            await host.stop(heir)

            rows = await stage.rows("SELECT dedupe_key, sent_at FROM outbox_messages")
            told = Counter(_topic(row.dedupe_key) for row in rows)
            assert told == Counter(_TOLD), crossing
            assert all(row.sent_at for row in rows)
            sent = Counter(entry.key for entry in stage.ledger.effects("mailer.send"))
            assert sum(sent.values()) - len(_TOLD) in {0, 1}, (crossing, sent)
            assert len(sent) == len(_TOLD)


async def _begin(host: Host, stage: Scene) -> None:
    """Let a plan wait for a day and an hour, with a question that is open and one that is not."""
    await stage.place()
    worker = await host.run("worker", stage)
    await stage.to_approval(seconds=60)
    await host.stop(worker, by=signal.SIGTERM)
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
                text(f"UPDATE {table} SET {column} = {column} - interval '25 hours'")  # noqa: S608 — names from above
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
