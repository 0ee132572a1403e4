"""The demonstration: the design's example order (§3.1), from nuevo to entregado, live."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from axon_factory.bootstrap import Factory
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.follow import follow
from axon_factory.cli.recording import record
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.errors import TransitionRefused
from axon_factory.domain.permissions import Action, Grant, Principal, Role
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.orders.change import Change
from axon_factory.orders.create import create_order
from axon_factory.orders.notifications.outbox import count_unsent
from axon_factory.orders.plans.decisions import PlanReference, approve_plan
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.requests import NewOrder, validated

__all__ = ["run_demo"]

_DEMO = Principal("local:demo", "Demostración", Role.ADMIN, Grant.ADMIN)
_MAIL_SECONDS = 10.0
_EXAMPLE = Path(__file__).with_name("example_order.json")


async def run_demo(factory: Factory, show: Callable[[Order, OrderEvent | None], None]) -> Order:
    """Place the example order in an empty factory, or find the one placed before; follow it.

    `show` gets every event, and the order alone (None) when its plan is about to be approved. The
    approval is recorded as the demonstration's. Returns the delivered order.

    Raises:
        CliError: the factory has other orders, or the order ended elsewhere than in `entregado`.
    """
    order = await _place(factory)
    decided = 0
    async for current, event in follow(factory, order.order_number, _DEMO):
        show(current, event)
        order = current
        waits = current.plan_estado == PlanStatus.PENDIENTE_APROBACION
        if waits and current.plan_version > decided:
            decided = current.plan_version
            await _approve(factory, current, show)
        if current.espera is not None:
            raise CliError(
                Exit.NOT_DELIVERED,
                f"La revisión rechazó {current.order_number} {current.retrabajos + 1} veces: "
                "decide una persona (axon orders show)",
            )
    if order.estado != OrderState.ENTREGADO:
        cause = (order.fallo or {}).get("mensaje", "la orden fue cancelada")
        raise CliError(
            Exit.NOT_DELIVERED,
            f"La orden {order.order_number} quedó en '{order.estado}': {cause}",
        )
    await _let_mail_leave(factory, order)
    return order


async def _let_mail_leave(factory: Factory, order: Order) -> None:
    """Wait a moment for the delivery mail; one that is late leaves at the next start."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MAIL_SECONDS):
            while True:
                async with factory.database.reading() as session:
                    if not await count_unsent(session, order.id):
                        return
                await asyncio.sleep(0.1)


async def _place(factory: Factory) -> Order:
    request = validated(NewOrder, json.loads(_EXAMPLE.read_text(encoding="utf-8")))
    async with factory.database.transaction("create") as session:
        placed = await session.scalar(
            select(Order).where(col(Order.created_by) == _DEMO.id).limit(1)
        )
        if placed is not None:
            return placed
        if await session.scalar(select(col(Order.id)).limit(1)) is not None:
            raise CliError(
                Exit.NOT_DELIVERED,
                "La fábrica ya tiene órdenes: la demostración solo se coloca en una vacía",
            )
        order = await create_order(session, request, _DEMO, factory.policy, datetime.now(UTC))
        await record(session, Action.CREATE_ORDER, order_id=order.id, principal=_DEMO)
        return order


async def _approve(
    factory: Factory, order: Order, show: Callable[[Order, OrderEvent | None], None]
) -> None:
    if order.plan_hash is None or order.estado != OrderState.PLANIFICACION:
        return
    show(order, None)
    # It places and approves: nobody else is there to do it.
    policy = replace(factory.policy, approval=ApprovalRules())
    try:
        async with factory.database.transaction("approve") as session:
            await approve_plan(
                Change(
                    session,
                    await lock_order_by_id(session, order.id),
                    _DEMO.actor,
                    policy,
                    datetime.now(UTC),
                ),
                plan=PlanReference(order.plan_version, order.plan_hash),
                note="Aprobado por la demostración, después de mostrar el plan",
            )
            await record(session, Action.DECIDE_PLAN, order_id=order.id, principal=_DEMO)
    except TransitionRefused:
        return  # somebody at the keyboard was faster
