"""An order's stages with their times: each attempt, each state, and what is going on now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import TERMINAL_STATES, OrderState
from axon_factory.orders.answers.shared import actor_name

__all__ = ["StageTimes", "read_stages"]

# A stage keeps the id of its actor; the event of the same change has the name. An agent's own
# entries, which may come with it, say anything.
_STAGES = text(
    """
    SELECT stage.ordinal, stage.intento, stage.estado, stage.actor, stage.entered_at, stage.left_at,
           coalesce(event.agente, stage.actor) AS name
    FROM order_stages AS stage
    LEFT JOIN LATERAL (
        SELECT agente FROM order_events
        WHERE order_id = stage.order_id AND actor = stage.actor
          AND received_at = stage.entered_at AND kind <> 'agente.registro'
        ORDER BY seq LIMIT 1
    ) AS event ON true
    WHERE stage.order_id = :order_id ORDER BY stage.ordinal
    """
)


@dataclass(frozen=True, slots=True)
class StageTimes:
    """One entry of a state. `seconds` is None where the order has come to its end."""

    ordinal: int
    attempt: int
    state: OrderState
    actor: str
    """The authenticated id for staff; for others, the name."""
    agent: str
    entered_at: datetime
    left_at: datetime | None
    seconds: float | None

    @property
    def is_open(self) -> bool:
        """True for the stage that the order is in and will leave."""
        return self.left_at is None and self.seconds is not None


async def read_stages(
    session: AsyncSession, order: Order, principal: Principal, now: datetime
) -> Sequence[StageTimes]:
    """Return the order's stages, oldest first, with their actors as the caller may read them.

    The open stage lasts until `now`.
    """
    rows = await session.execute(_STAGES, {"order_id": order.id})
    return [
        StageTimes(
            ordinal=row.ordinal,
            attempt=row.intento,
            state=OrderState(row.estado),
            actor=row.actor if principal.is_staff else actor_name(row.name, row.actor, principal),
            agent=actor_name(row.name, row.actor, principal),
            entered_at=row.entered_at,
            left_at=row.left_at,
            seconds=_seconds(row, now),
        )
        for row in rows
    ]


def _seconds(row: Row[Any], now: datetime) -> float | None:
    end = row.left_at or (None if row.estado in TERMINAL_STATES else now)
    return None if end is None else max(0.0, round((end - row.entered_at).total_seconds(), 3))
