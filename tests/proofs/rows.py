"""What the database says of an order, in the model's words, and whether it is sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.proofs.model import BANDS, OrderModel
from tests.support.workshop import Workshop

__all__ = ["Facts", "compare_all", "facts"]

_FACTS = text(
    """
    SELECT o.plan_hash, o.estado, o.progreso, o.intento, o.version, o.event_seq, o.retrabajos,
        o.prioridad, o.plan_estado, o.plan_version, o.espera IS NOT NULL AS waits,
        o.fallo->>'estado' AS failed_in, e.late,
        o.session_id IS NOT NULL AS session_known, o.session_open, o.deployment_open,
        EXISTS (SELECT FROM order_sessions n WHERE n.order_id = o.id AND n.ended_at IS NULL
            AND (n.intento < o.intento OR o.estado <> 'construccion')) AS stopping,
        o.resultado IS NOT NULL AS deployed,
        EXISTS (SELECT FROM order_credentials c WHERE c.order_id = o.id) AS credentials,
        EXISTS (SELECT FROM order_credentials c
                WHERE c.order_id = o.id AND c.secret AND c.revealed_at IS NOT NULL) AS revealed,
        o.resultado IS NOT NULL AND EXISTS (SELECT FROM order_credentials c
            WHERE c.order_id = o.id AND c.in_service_at IS NULL) AS rotating,
        o.borrado_at IS NOT NULL AS erased, o.erasure_pending AS erasing,
        e.count, e.first, e.last, e.told, s.stage, s.open
    FROM orders o,
        LATERAL (SELECT count(*), min(seq) AS first, max(seq) AS last,
            count(*) FILTER (WHERE kind = 'construccion.intento_anterior') AS late,
            (array_agg(metadata->>'estado_nuevo' ORDER BY seq DESC)
             FILTER (WHERE metadata ? 'estado_nuevo' AND kind <> 'agente.registro'))[1] AS told
            FROM order_events WHERE order_id = o.id) e,
        LATERAL (SELECT count(*) FILTER (WHERE left_at IS NULL) AS open,
            (array_agg(estado ORDER BY ordinal DESC))[1] AS stage
            FROM order_stages WHERE order_id = o.id) s
    WHERE o.id = ANY(:ids)
    ORDER BY array_position(CAST(:ids AS uuid[]), o.id)
    """
)
_IN_MODEL = (
    "estado",
    "progreso",
    "intento",
    "version",
    "event_seq",
    "retrabajos",
    "prioridad",
    "plan_estado",
    "plan_version",
    "waits",
    "failed_in",
    "session_known",
    "session_open",
    "stopping",
    "deployment_open",
    "deployed",
    "credentials",
    "revealed",
    "rotating",
    "erased",
    "erasing",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """An order's row and the shape of its events and stages."""

    row: dict[str, Any]

    def differences(self, model: OrderModel) -> dict[str, tuple[Any, Any]]:
        """Return what is otherwise than the model says: {name: (database, model)}.

        Refused reports of attempts that are over stand in the history once a minute, and the model
        has no clock.
        """
        row = {**self.row, "event_seq": self.row["event_seq"] - self.row["late"]}
        return {
            name: (row[name], getattr(model, name))
            for name in _IN_MODEL
            if row[name] != getattr(model, name)
        }

    def faults(self) -> list[str]:
        """Return what no order may be, whatever happened to it."""
        row = self.row
        low, high = BANDS[row["failed_in"] or row["estado"]]
        checks = {
            "the events' sequence has a gap": (row["first"], row["last"], row["count"])
            == (1, row["event_seq"], row["event_seq"]),
            "the newest event of a state tells of another": row["told"] == row["estado"],
            "not exactly one stage is open": row["open"] == 1,
            "the newest stage is another state": row["stage"] == row["estado"],
            f"progreso {row['progreso']} is outside its band": low <= row["progreso"] <= high,
        }
        return [fault for fault, holds in checks.items() if not holds]

    def require(self, model: OrderModel) -> None:
        """Require that the order is sound and as `model` says; the message shows (row, model)."""
        differences, faults = self.differences(model), self.faults()
        assert not differences, differences
        assert not faults, faults


async def facts(session: AsyncSession, ids: Sequence[UUID]) -> list[Facts]:
    """Return the facts of these orders, in their order."""
    found = await session.execute(_FACTS, {"ids": list(ids)})
    return [Facts(dict(row._mapping)) for row in found]


async def compare_all(workshop: Workshop, models: Mapping[UUID, OrderModel]) -> None:
    """Require that the orders are sound and as their models say."""
    async with workshop.container.database.reading() as session:
        found = await facts(session, list(models))
    assert len(found) == len(models)
    for seen, model in zip(found, models.values(), strict=True):
        seen.require(model)
