"""The lists that are measured: every documented filter and some together, in every order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product

__all__ = ["Case", "cases"]

_SORTS = list(product(("created_at", "updated_at", "prioridad"), ("desc", "asc")))


@dataclass(frozen=True, slots=True)
class Case:
    """A filter by name, and the query of a list with it."""

    name: str
    order: str
    parameters: Mapping[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])


def cases(only: str = "") -> list[Case]:
    """Return each filter in each order, or those whose filter's name or order contains `only`."""
    every = [
        Case(name, f"{key} {way}", {**filters, "sort_by": key, "sort_order": way})
        for name, filters in _filters().items()
        for key, way in _SORTS
    ]
    return [case for case in every if only in case.name or only in case.order]


def _filters() -> dict[str, dict[str, str | list[str]]]:
    def ago(days: int, hours: int = 3) -> str:
        return f"{datetime.now(UTC) - timedelta(days=days, hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    return {
        "none": {},
        "estado, most orders": {"estado": "entregado"},
        "estado, the newest only": {"estado": "nuevo"},
        "estado, two": {"estado": ["qa", "fallido"]},
        "tipo_producto": {"tipo_producto": "webhook_service"},
        "prioridad, most orders": {"prioridad": "normal"},
        "prioridad, 1 %": {"prioridad": "urgente"},
        "tag, 20 %": {"tag": "retail"},
        "tag, 0.01 %": {"tag": "piloto"},
        "two tags": {"tag": ["retail", "whatsapp"]},
        "asignado_a, most orders": {"asignado_a": "Ops Agent"},
        "asignado_a, few": {"asignado_a": "QA Agent"},
        "cliente_id, the largest": {"cliente_id": "cliente-0"},
        "cliente_id, a small one": {"cliente_id": "cliente-90"},
        "creado_desde": {"creado_desde": ago(400)},
        "creado_hasta": {"creado_hasta": ago(200)},
        "both dates": {"creado_desde": ago(400), "creado_hasta": ago(40, hours=7)},
        "one day": {"creado_desde": ago(400), "creado_hasta": ago(399)},
        "q, every second order": {"q": "whats"},
        "q, one letter": {"q": "a"},
        "q, two broad words": {"q": "peluq jose"},
        "q, a mail host": {"q": "@empresa"},
        "q, an order number": {"q": "ORD-2025-12"},
        "q, nothing": {"q": "xyzzy"},
        "q and estado": {"q": "café", "estado": "cancelado"},
        "four together": {
            "estado": "entregado",
            "tag": "retail",
            "prioridad": "alta",
            "creado_desde": ago(700),
        },
        "few, on the far side": {"estado": ["nuevo", "qa"], "tag": "retail"},
    }
