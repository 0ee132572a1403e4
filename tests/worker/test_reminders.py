"""Reminders and escalation exactly once, and a sweep that agrees with the line about policies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from rig import ADMIN, POLICY, Rig, approve, cancel
from sqlalchemy import text

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.errors import OwnOrder
from axon_factory.domain.evidence import NO_EVIDENCE
from axon_factory.domain.lifecycle import DueStep, StepKind, due_step
from axon_factory.line.situation import read_situation
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import PlanEdit, approve_plan, edit_plan, reject_plan
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.requests import OrderPatch
from axon_factory.orders.transitions import legal_targets
from axon_factory.orders.update import patch_order
from axon_factory.worker.maintenance import sweep
from axon_factory.worker.reminders import remind_approvers

HOUR = timedelta(hours=1)
RULES = ApprovalRules(reminder=4 * HOUR, escalation=10 * HOUR, escalation_email="jefa@example.com")
POLICIED = replace(POLICY, approval=RULES)
EDITED = default_plan(PRODUCT_TYPES["webhook_service"], {}, notes=("Mío",))


@pytest.fixture
async def waiting(rig: Rig) -> UUID:
    return await rig.reach("planificacion")


async def told(rig: Rig) -> list[str]:
    """Who was told what besides of the plan itself, in order."""
    rows = await rig.rows(
        "SELECT recipient, subject FROM outbox_messages "
        "WHERE subject LIKE '%sigue esperando' OR subject LIKE '%nadie ha decidido%' "
        "ORDER BY created_at, subject DESC"
    )
    return [f"{row.recipient.partition('@')[0]}: {row.subject.partition(': ')[2]}" for row in rows]


REMINDED, ESCALATED = "aprobacion: el plan v1 sigue esperando", "jefa: nadie ha decidido el plan v1"


async def test_one_reminder_an_interval_and_one_escalation(rig: Rig, waiting: UUID) -> None:
    since = datetime.now(UTC)
    written = {
        hours: await remind_approvers(rig.database, POLICIED, since + hours * HOUR)
        for hours in (3, 4.1, 5, 8, 8.2, 10.1, 11, 12.3, 12.4)
    }
    assert {hours for hours, count in written.items() if count} == {4.1, 8.2, 10.1, 12.3}
    assert await told(rig) == [REMINDED, REMINDED, ESCALATED, REMINDED]
    (row,) = await rig.rows("SELECT reminders, escalated_at FROM order_plans")
    assert row.reminders == 3
    assert row.escalated_at is not None


async def test_many_workers_tell_once(rig: Rig, waiting: UUID) -> None:
    late = datetime.now(UTC) + 11 * HOUR
    counts = await asyncio.gather(
        *(remind_approvers(rig.database, POLICIED, late) for _ in range(6))
    )
    assert sorted(counts) == [0, 0, 0, 0, 0, 2]
    assert sorted(await told(rig)) == [REMINDED, ESCALATED]


async def test_what_was_not_committed_is_told_later(
    rig: Rig, waiting: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = datetime.now(UTC) + 5 * HOUR
    transaction = rig.database.transaction

    @asynccontextmanager
    async def cut(name: str) -> AsyncIterator[Any]:
        async with transaction(name) as session:
            yield session
            raise ConnectionError("the worker died before its commit")

    monkeypatch.setattr(rig.database, "transaction", cut)
    with pytest.raises(ConnectionError):
        await remind_approvers(rig.database, POLICIED, late)
    monkeypatch.undo()
    assert await told(rig) == []
    assert await remind_approvers(rig.database, POLICIED, late) == 1


async def test_an_order_that_is_being_decided_is_not_waited_for(rig: Rig, waiting: UUID) -> None:
    late = datetime.now(UTC) + 5 * HOUR
    async with rig.database.transaction("test") as session:
        await session.execute(text("SELECT 1 FROM orders FOR UPDATE"))
        async with asyncio.timeout(5):
            assert await remind_approvers(rig.database, POLICIED, late) == 0
    assert await remind_approvers(rig.database, POLICIED, late) == 1


async def _reject(session: Any, order: Any, now: datetime) -> None:  # noqa: ANN401 — rows
    await reject_plan(Change(session, order, ADMIN.actor, POLICY, now), reason="No")


@pytest.mark.parametrize("decide", [approve, cancel, _reject])
async def test_nobody_is_reminded_of_what_is_decided(rig: Rig, waiting: UUID, decide: Any) -> None:  # noqa: ANN401 — a Change
    await rig.change(waiting, decide)
    assert await remind_approvers(rig.database, POLICIED, datetime.now(UTC) + 99 * HOUR) == 0


async def test_the_worker_reminds_by_itself(rig: Rig, waiting: UUID) -> None:
    await rig.execute("UPDATE order_plans SET created_at = created_at - interval '5 hours'")
    rig = replace(rig, policy=POLICIED)
    async with rig.working():
        await rig.ledger.until(lambda ledger: len(ledger.effects("mailer.send")) == 2)
    assert await told(rig) == [REMINDED]


async def test_line_and_sweep_agree_which_plans_approve_themselves(rig: Rig) -> None:
    """For each combination of type, price limit, flags and author, under each policy."""
    orders: dict[UUID, tuple[bool, bool]] = {}
    for flagged, written in product([True, False], repeat=2):
        order_id = await rig.place(integraciones=["fax"] if flagged else [])
        await rig.drive(order_id)
        orders[order_id] = (flagged, written)
        if written:
            author = "UPDATE order_plans SET author = 'user:x' WHERE order_id = :id"
            await rig.execute(author, id=order_id)
    price = (await rig.order(order_id)).precio
    for listed, limit, allowed in product(
        [True, False], [None, price, price - Decimal("0.01")], [True, False]
    ):
        types = frozenset({"webhook_service" if listed else "autopilot_ventas"})
        trusting = rig.with_policy(
            approval=ApprovalRules(auto_types=types, auto_max_price=limit, auto_flagged=allowed)
        )
        expected = {
            order_id
            for order_id, (flagged, written) in orders.items()
            if listed and limit in {None, price} and (allowed or not flagged) and not written
        }
        assert await swept(trusting) == expected
        assert {order_id for order_id in orders if await approves(trusting, order_id)} == expected


async def swept(rig: Rig) -> set[UUID]:
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")
    await sweep(rig.database, rig.policy, afresh=True)
    return {UUID(job.lock.removeprefix("order:")) for job in await rig.jobs()}


async def approves(rig: Rig, order_id: UUID) -> bool:
    """Whether the line would approve the plan next."""
    async with rig.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        situation = await read_situation(session, order, policy=rig.policy)
    return due_step(situation) == DueStep(StepKind.AUTO_APPROVE)


async def test_who_placed_an_order_does_not_approve_it_where_a_setting_says_so(
    rig: Rig, waiting: UUID
) -> None:
    strict = rig.with_policy(approval=ApprovalRules(own_orders=False))
    other = replace(ADMIN, id="user:otra")

    def by(actor: Any, way: str) -> Any:  # noqa: ANN401 — a Change
        async def change(session: Any, order: Any, now: datetime) -> None:  # noqa: ANN401 — rows
            match way:
                case "approve":
                    await approve_plan(Change(session, order, actor, strict.policy, now))
                case "patch":
                    body = OrderPatch.model_validate({"estado": "construccion"})
                    await patch_order(
                        Change(session, order, ADMIN.actor, strict.policy, now), body, ADMIN
                    )
                case _:
                    edit = PlanEdit(EDITED, None, approve=way == "edit")
                    await edit_plan(Change(session, order, actor, strict.policy, now), edit)

        return change

    for way in ("approve", "edit"):
        with pytest.raises(OwnOrder, match="otra persona"):
            await strict.change(waiting, by(ADMIN.actor, way))
    with pytest.raises(OwnOrder):
        await strict.change(waiting, by(ADMIN.actor, "patch"))
    order = await rig.order(waiting)
    assert order.plan_version == 1
    assert "construccion" in legal_targets(order, ADMIN.actor, NO_EVIDENCE)
    assert "construccion" not in legal_targets(order, ADMIN.actor, NO_EVIDENCE, own_orders=False)
    assert "construccion" in legal_targets(order, other.actor, NO_EVIDENCE, own_orders=False)

    await strict.change(waiting, by(ADMIN.actor, "save"))  # to change it is not to approve it
    await strict.change(waiting, by(other.actor, "approve"))
    assert (await rig.order(waiting)).estado == "construccion"
