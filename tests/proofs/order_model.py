"""What the model of an order knows, and the constants that it goes by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BANDS",
    "CHECKS",
    "MILESTONES",
    "MOST_REWORKS",
    "NAMES",
    "ON_ENTRY",
    "STATES",
    "TERMINAL",
    "OrderModel",
]

STATES = (
    "nuevo",
    "planificacion",
    "construccion",
    "qa",
    "listo",
    "entregado",
    "fallido",
    "cancelado",
)
TERMINAL = frozenset({"entregado", "cancelado"})
BANDS = {
    "nuevo": (0, 0),
    "planificacion": (0, 0),
    "construccion": (0, 95),
    "qa": (0, 95),
    "listo": (100, 100),
    "entregado": (100, 100),
    "cancelado": (0, 100),
}
"""Resolutions 15 and 24; a failed order keeps to the band of the state that it goes back to."""
ON_ENTRY: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("nuevo", "planificacion"): {"plan_estado": "generando"},
    ("planificacion", "planificacion"): {"plan_estado": "rechazado"},
    ("planificacion", "construccion"): {"plan_estado": "aprobado"},
    ("construccion", "qa"): {"progreso": 95},
    ("qa", "listo"): {"progreso": 100},
}
"""What else a legal move changes; a rework and a retry change more."""
MILESTONES = {"base": 18, "qa": 6}
"""The milestones of the example plan and their hours."""
CHECKS = 3
"""How many checks the example's type requires."""
NAMES = frozenset({"Builder Agent", "QA Agent"})
"""In which names the example's agents may speak."""
MOST_REWORKS = 3
"""How often the council sends a product back before a person decides."""


@dataclass(frozen=True, slots=True)
class OrderModel:
    """What the model knows of an order; names as in the database."""

    estado: str = "nuevo"
    progreso: int = 0
    intento: int = 1
    version: int = 2
    event_seq: int = 1
    retrabajos: int = 0
    prioridad: str = "normal"
    plan_estado: str | None = None
    plan_version: int = 0
    waits: bool = False
    failed_in: str | None = None
    session_known: bool = False
    session_open: bool = False
    stopping: bool = False
    """A session that the order does not want any more is still open."""
    deployment_open: bool = False
    deployed: bool = False
    answered: bool = False
    """The deployment is of this attempt, and has a receipt."""
    credentials: bool = False
    revealed: bool = False
    rotating: bool = False
    """The deployed product does not use the newest credentials yet."""
    erased: bool = False
    erasing: bool = False
    """Not everything of it is removed outside the database yet."""
    published: bool = False
    ever_built: bool = False
    milestones: frozenset[str] = frozenset()
    checks: tuple[bool, ...] = ()
    """The outcomes of this attempt's checks that were run."""
    entries: frozenset[str] = frozenset()
    """Dated log entries, by their content: a repeated one vanishes."""

    @property
    def complete(self) -> bool:
        """Whether every milestone has its commit in this attempt."""
        return self.milestones == frozenset(MILESTONES)

    @property
    def reviewed(self) -> bool:
        """Whether the receipts say that the product is what the plan says, and works."""
        return self.complete and len(self.checks) == CHECKS and all(self.checks)
