"""What models have used and cost for an order, a line for each model and purpose."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.orders.answers.plans import ModelUsage, OrderUsage, plain_amount

__all__ = ["usage_of"]

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
