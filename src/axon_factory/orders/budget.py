"""What language models have used and may still use; when that ends, a person is asked."""

from collections.abc import Iterable
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import ModelCall, Order
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.plans import ModelUsage, OrderUsage, plain_amount
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.desk import about, how_to_act, order_page
from axon_factory.orders.policy import Policy
from axon_factory.ports.planner import Budget, ModelUse

__all__ = [
    "ask_for_budget",
    "decide_budget",
    "models_allowed",
    "record_uses",
    "remaining_budget",
    "usage_of",
]

_NOTHING = Decimal(0)
_ENDED = Sentence(
    "La orden terminó: ningún modelo trabaja ya para ella",
    "The order has ended: no model works for it any more",
)
Purpose = Literal["plan", "respuesta", "construccion"]

_USED = text(
    """
    SELECT coalesce(sum(input_tokens + output_tokens) FILTER (WHERE order_id = :order_id), 0)
               AS order_tokens,
           coalesce(sum(cost_usd) FILTER (WHERE order_id = :order_id), 0) AS order_usd,
           coalesce(sum(input_tokens + output_tokens) FILTER (WHERE started_at >= :day), 0)
               AS day_tokens,
           coalesce(sum(cost_usd) FILTER (WHERE started_at >= :day), 0) AS day_usd
    FROM model_calls WHERE order_id = :order_id OR started_at >= :day
    """
)
_SPENT = text("SELECT sum(cost_usd) FROM model_calls WHERE order_id = :order_id")
_LONGEST_ERROR = 2000


async def remaining_budget(
    session: AsyncSession, order: Order, policy: Policy, now: datetime
) -> Budget:
    """Return what models may still use for this order at this time of the day.

    A person's decision about the order (`budget_usd`) replaces the amount of the setting and lifts
    the other limits, or it would change nothing: what is decided on a day whose budget is spent
    counts at once. No more than an order's tokens are given at a time: a price may be unknown.
    """
    midnight = datetime.combine(now.astimezone(policy.zone).date(), time.min, policy.zone)
    used = (await session.execute(_USED, {"order_id": order.id, "day": midnight})).one()
    rules = policy.budgets
    if order.budget_usd is not None:
        return Budget(tokens=rules.order_tokens, usd=order.budget_usd - used.order_usd)
    amounts: list[Decimal] = []
    if rules.order_usd is not None:
        amounts.append(rules.order_usd - used.order_usd)
    if rules.day_usd is not None:
        amounts.append(rules.day_usd - used.day_usd)
    tokens = min(rules.order_tokens - used.order_tokens, rules.day_tokens - used.day_tokens)
    return Budget(tokens=tokens, usd=min(amounts, default=None))


async def decide_budget(change: Change, *, usd: Decimal | None) -> None:
    """Record what models may cost for the locked order altogether; None: no model is asked.

    If the order waits for this, it goes on; else the decision counts from now on.

    Raises:
        TransitionRefused: the order has come to its end.
        ValidationFailed: the models have used that much already.
    """
    order = change.order
    state = OrderState(order.estado)
    if not serves_in(Action.DECIDE_BUDGET, state):
        raise await change.refuse(state, _ENDED)
    if usd is not None:
        spent: Decimal = await change.tx.scalar(_SPENT, {"order_id": order.id}) or _NOTHING
        if usd <= spent:
            raise ValidationFailed(
                {
                    "presupuesto_usd": Sentence(
                        f"Ya se han usado {spent:f} USD: indica más",
                        f"{spent:f} USD have been used already: give more",
                    )
                }
            )
    order.budget_usd = _NOTHING if usd is None else usd
    if order.espera == WaitsFor.PRESUPUESTO:
        order.espera = order.espera_causa = None
    limit = "sin modelos, con el catálogo" if usd is None else f"hasta {usd:f} USD"
    await change.tell_staff(
        EventKind.PRESUPUESTO_DECIDIDO,
        f"Presupuesto de modelos decidido: {limit}",
        presupuesto_usd=None if usd is None else f"{usd:f}",
    )
    await change.wake()


def models_allowed(order: Order) -> bool:
    """Say whether models may be asked for the order: not once a person has decided on nothing."""
    return order.budget_usd is None or order.budget_usd > 0


async def record_uses(
    session: AsyncSession, order: Order, uses: Iterable[ModelUse], purpose: Purpose
) -> None:
    """Keep what models were asked for the order."""
    for use in uses:
        session.add(
            ModelCall(
                order_id=order.id,
                intento=order.intento,
                purpose=purpose,
                provider=use.provider,
                model=use.model,
                prompt_version=use.prompt_version,
                input_tokens=use.input_tokens,
                output_tokens=use.output_tokens,
                cost_usd=use.cost_usd,
                latency_ms=use.latency_ms,
                outcome=use.outcome,
                error=None if use.error is None else use.error[:_LONGEST_ERROR],
                started_at=use.started_at,
            )
        )
    await flush_unless_joined(session)


async def ask_for_budget(change: Change) -> None:
    """Let the locked order wait for a person who decides about its budget, and tell them."""
    order = change.order
    order.espera, order.espera_causa = WaitsFor.PRESUPUESTO, None
    await change.tell_staff(
        EventKind.PRESUPUESTO_AGOTADO,
        "El presupuesto de modelos se agotó; decide una persona",
        level=LogLevel.WARNING,
    )
    await change.mail_approver(
        topic=f"presupuesto_{order.event_seq}",
        kind=NotificationKind.ORDEN_PRESUPUESTO_AGOTADO,
        subject=f"{order.order_number}: se agotó el presupuesto de modelos",
        body=(
            f"La orden {about(order)} espera: los modelos han "
            "usado lo que podían usar para ella o para hoy.\n\n"
            + how_to_act(
                "Para ampliarlo o seguir con el catálogo",
                order_page(change.policy, order),
                f"axon orders budget {order.order_number} --usd 5",
                f"axon orders budget {order.order_number} --catalogue",
            )
        ),
    )


_USES = text(
    """
    SELECT provider, model, purpose, count(*) AS calls,
           count(*) FILTER (WHERE outcome <> 'ok') AS failed,
           sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
           sum(cost_usd) AS cost_usd, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced,
           round(avg(latency_ms))::bigint AS latency_ms
    FROM model_calls WHERE order_id = :order_id
    GROUP BY provider, model, purpose ORDER BY min(started_at), provider, model, purpose
    """
)


async def usage_of(session: AsyncSession, order: Order) -> dict[str, Any]:
    """Return the sums as they are answered; costs are in US dollars, None where no price is known.

    `llamadas_sin_precio` says how many calls a cost leaves out.
    """
    rows = (await session.execute(_USES, {"order_id": order.id})).all()
    return OrderUsage.of(
        order,
        llamadas=sum(row.calls for row in rows),
        tokens_entrada=sum(row.input_tokens for row in rows),
        tokens_salida=sum(row.output_tokens for row in rows),
        costo_usd=_total(row.cost_usd for row in rows),
        llamadas_sin_precio=sum(row.unpriced for row in rows),
        modelos=[ModelUsage.of(row) for row in rows],
    )


def _total(costs: Iterable[Decimal | None]) -> str | None:
    known = [cost for cost in costs if cost is not None]
    return plain_amount(sum(known, Decimal(0))) if known else None
