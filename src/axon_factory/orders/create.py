"""Create an order (design §3.1), or say what it would be."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.order_numbers import next_order_number
from axon_factory.db.tables import Order
from axon_factory.domain.building import BuilderName
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.permissions import Principal
from axon_factory.domain.plan import Plan
from axon_factory.domain.progress import Pace, Promise, Remaining, promise, remaining
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.line_mode import count_ahead
from axon_factory.orders.notifications.client_mails import tell_received
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import LinkReason, issue_link
from axon_factory.orders.promise import KeptPromises, kept_promises, measured_pace
from axon_factory.orders.requests import NewOrder
from axon_factory.orders.transitions import enter_first_state
from axon_factory.ports.planner import PlanRequest

__all__ = [
    "OrderPreview",
    "chosen_builder",
    "create_order",
    "make_slug",
    "order_row",
    "placed_event",
    "plan_request",
    "preview_order",
]

_SLUG_LENGTH = 40


def make_slug(client_name: str, order_number: str) -> str:
    """Return a name for hosts, folders and repositories: "empresa-xyz-s-a-2025-001"."""
    ascii_name = unicodedata.normalize("NFKD", client_name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"{words or 'producto'}-{order_number.removeprefix('ORD-')}"


async def create_order(
    session: AsyncSession, request: NewOrder, principal: Principal, policy: Policy, now: datetime
) -> Order:
    """Insert the order as `nuevo` with its number, price and catalogue snapshot, and enqueue it.

    It has a portal link from then on, which the client is sent.

    Raises:
        ValidationFailed: the builder that it names is not configured here.
    """
    builder = chosen_builder(request, policy)
    number = await next_order_number(session, now, policy.zone)
    order = Order(**order_row(request, number, builder, principal, policy, now))
    session.add(order)
    await session.flush()
    await enter_first_state(session, order, actor=principal.actor, now=now)
    change = Change(session, order, principal.actor, policy, now)
    await change.append(placed_event(number, principal))
    await issue_link(change, reason=LinkReason.ALTA)
    await tell_received(change)
    await change.wake()
    return order


def order_row(
    request: NewOrder,
    number: str,
    builder: BuilderName | None,
    principal: Principal,
    policy: Policy,
    now: datetime,
) -> dict[str, Any]:
    """Return the row of a new order, without what has a default."""
    product = PRODUCT_TYPES[request.tipo_producto]
    return {
        "id": uuid4(),
        "order_number": number,
        "slug": make_slug(request.datos_cliente.nombre, number),
        "tipo_producto": product.id,
        "nombre_producto": request.nombre_producto,
        "cliente_id": request.cliente_id,
        "datos_cliente": request.datos_cliente.model_dump(mode="json", exclude_none=True),
        "estado": OrderState.NUEVO,
        "prioridad": request.prioridad,
        "tags": list(dict.fromkeys(request.tags)),
        "notas_internas": request.notas_internas,
        "created_at": now,
        "updated_at": now,
        "precio": Decimal(product.precio_base_usd),
        "moneda": policy.currency,
        "catalogo": product.snapshot(),
        "tenant": policy.tenant,
        "created_by": principal.id,
        "builder": builder,
    }


def placed_event(number: str, principal: Principal) -> NewEvent:
    """Return the first event of an order's history."""
    return NewEvent(
        EventKind.ORDEN_CREADA,
        principal.actor.name,
        f"Orden {number} creada",
        metadata={"estado_nuevo": OrderState.NUEVO.value},
    )


def chosen_builder(request: NewOrder, policy: Policy) -> BuilderName | None:
    """Return the builder that the order names, None where its type decides.

    Raises:
        ValidationFailed: that builder is not configured here.
    """
    if request.construye is None or request.construye in policy.agents.offered:
        return request.construye
    offered = ", ".join(sorted(policy.agents.offered))
    raise ValidationFailed(
        {
            "construye": Sentence(
                f"Esta fábrica no tiene ese constructor. Opciones: {offered}",
                f"This factory does not have that builder. One of: {offered}",
            )
        }
    )


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What the client is told before anything is stored."""

    request: NewOrder
    price: Decimal
    currency: str
    plan: Plan
    ahead: int
    """How many orders the line takes before this one."""
    remaining: Remaining
    pace: Pace
    promised: Promise
    """What would be promised if its plan were approved now."""
    kept: KeptPromises


def plan_request(request: NewOrder) -> PlanRequest:
    """Return what a planner may know of an order that has neither id nor number."""
    return PlanRequest(
        order_id="",
        order_number="",
        product_type=request.tipo_producto,
        product_name=request.nombre_producto,
        industry=request.datos_cliente.industria or "general",
        configuration=request.datos_cliente.configuracion,
    )


async def preview_order(
    session: AsyncSession, request: NewOrder, policy: Policy, plan: Plan, now: datetime
) -> OrderPreview:
    """Return what placing `request` with `plan` would give; nothing is written, no number taken.

    Raises:
        ValidationFailed: the order names a builder that is not configured here.
    """
    chosen_builder(request, policy)
    product = PRODUCT_TYPES[request.tipo_producto]
    pace = await measured_pace(session, product.id)
    left = remaining(OrderState.NUEVO, plan.estimacion_horas, 0, pace)
    if left is None:
        raise ValueError("a new order has everything before it")
    return OrderPreview(
        request=request,
        price=Decimal(product.precio_base_usd),
        currency=policy.currency,
        plan=plan,
        ahead=await count_ahead(session, rank=request.prioridad.rank),
        remaining=left,
        pace=pace,
        promised=promise(now, left),
        kept=await kept_promises(session, product.id),
    )
