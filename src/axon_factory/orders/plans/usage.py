"""What models have used and cost for an order, a line for each model and purpose."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order

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
    return {
        "llamadas": sum(row.calls for row in rows),
        "tokens_entrada": sum(row.input_tokens for row in rows),
        "tokens_salida": sum(row.output_tokens for row in rows),
        "costo_usd": _total(row.cost_usd for row in rows),
        "llamadas_sin_precio": sum(row.unpriced for row in rows),
        "presupuesto_usd": _amount(order.budget_usd),
        "modelos": [
            {
                "proveedor": row.provider,
                "modelo": row.model,
                "proposito": row.purpose,
                "llamadas": row.calls,
                "fallidas": row.failed,
                "tokens_entrada": row.input_tokens,
                "tokens_salida": row.output_tokens,
                "costo_usd": _amount(row.cost_usd),
                "llamadas_sin_precio": row.unpriced,
                "latencia_media_ms": row.latency_ms,
            }
            for row in rows
        ],
    }


def _total(costs: Iterable[Decimal | None]) -> str | None:
    known = [cost for cost in costs if cost is not None]
    return _amount(sum(known, Decimal(0))) if known else None


def _amount(cost: Decimal | None) -> str | None:
    return None if cost is None else f"{cost:f}"
