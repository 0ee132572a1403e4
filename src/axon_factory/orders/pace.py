"""How long the factory's own deliveries took, measured against their plans."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.progress import DOCUMENTED_PACE, ENOUGH_ORDERS, Pace

__all__ = ["measured_pace"]

_LOOKED_AT = 1000

# From the first entry of construction to delivery, reworks and waits on the way included. The look
# is bounded however many orders there are; the newest ones tell how the factory works now.
_MEASURE = text(
    """
    WITH newest AS (
        SELECT tipo_producto, construccion_iniciada_at AS began, entregado_at AS ended,
               (plan ->> 'estimacion_horas')::double precision AS hours
        FROM orders WHERE estado = 'entregado' ORDER BY created_at DESC LIMIT :looked_at
    ), shares AS (
        SELECT extract(epoch FROM ended - began)::double precision / 3600 / hours AS share
        FROM newest WHERE tipo_producto = :product_type AND began IS NOT NULL AND hours > 0
    )
    SELECT count(*) AS measured,
           percentile_cont(0.1) WITHIN GROUP (ORDER BY share) AS low,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY share) AS high
    FROM shares
    """
)


async def measured_pace(session: AsyncSession, product_type: str) -> Pace:
    """Return the 10th and 90th percentile of hours taken per planned hour for this type.

    Of the newest thousand deliveries, those of the type count; below `ENOUGH_ORDERS` of them the
    documented factors hold.
    """
    row = (
        await session.execute(_MEASURE, {"looked_at": _LOOKED_AT, "product_type": product_type})
    ).one()
    if row.measured < ENOUGH_ORDERS:
        return DOCUMENTED_PACE
    return Pace(row.low, row.high, row.measured)
