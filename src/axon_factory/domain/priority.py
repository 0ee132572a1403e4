"""Priorities, ranked (resolutions 6): urgente > alta > normal > baja, FIFO within, with ageing."""

from datetime import timedelta
from enum import StrEnum

__all__ = ["AGEING_INTERVAL", "Priority", "effective_rank"]

AGEING_INTERVAL = timedelta(hours=4)
"""A waiting order gains one rank for each interval, so that baja never starves."""


class Priority(StrEnum):
    """Wire names of the four priorities (design §2.1)."""

    BAJA = "baja"
    NORMAL = "normal"
    ALTA = "alta"
    URGENTE = "urgente"

    @property
    def rank(self) -> int:
        """0 for baja up to 3 for urgente; the database computes the same in `prioridad_rank`."""
        return list(Priority).index(self)


def effective_rank(priority: Priority, waited: timedelta) -> int:
    """Return the rank after ageing: never above urgente's, and FIFO decides among equals."""
    return min(Priority.URGENTE.rank, priority.rank + waited // AGEING_INTERVAL)
