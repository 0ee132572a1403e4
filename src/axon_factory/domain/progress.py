"""Progress: milestones weighted by their hours, in a band per state (resolutions 15 and 24)."""

from collections.abc import Collection
from types import MappingProxyType

from axon_factory.domain.plan import Milestone
from axon_factory.domain.states import OrderState

__all__ = ["AFTER_REJECTION", "BANDS", "BEFORE_QA_PASSES", "DONE", "build_progress"]

BEFORE_QA_PASSES = 95
AFTER_REJECTION = 70
DONE = 100

BANDS = MappingProxyType(
    {
        OrderState.NUEVO: (0, 0),
        OrderState.PLANIFICACION: (0, 0),
        OrderState.CONSTRUCCION: (0, BEFORE_QA_PASSES),
        OrderState.QA: (0, BEFORE_QA_PASSES),
        OrderState.LISTO: (DONE, DONE),
        OrderState.ENTREGADO: (DONE, DONE),
        OrderState.FALLIDO: (0, DONE),
        OrderState.CANCELADO: (0, DONE),
    }
)
"""Lowest and highest percentage that an order may show in each state."""


def build_progress(
    milestones: Collection[Milestone], completed: Collection[str], *, reworks: int
) -> int:
    """Return the percentage of construction done, 0 to 95; from 70 upward during a rework."""
    total = sum(milestone.estimacion_horas for milestone in milestones)
    done = sum(m.estimacion_horas for m in milestones if m.id in completed)
    floor = AFTER_REJECTION if reworks else 0
    share = done / total if total else 0.0
    return floor + int((BEFORE_QA_PASSES - floor) * share)
