"""The lists that are measured: every documented filter and many together, in every order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product

__all__ = ["Case", "cases"]

_SORTS = list(product(("created_at", "updated_at", "prioridad"), ("desc", "asc")))
_NARROW_MS, _WIDE_MS = 50.0, 300.0
_Filters = dict[str, dict[str, str | list[str]]]


@dataclass(frozen=True, slots=True)
class Case:
    """A filter by name, the query of a list with it, and how long its p99 may be."""

    name: str
    order: str
    promised_ms: float
    parameters: Mapping[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])


def cases(only: str = "") -> list[Case]:
    """Return each filter in each order, or those whose filter's name or order contains `only`."""
    every = [
        Case(name, f"{key} {way}", promised, {**filters, "sort_by": key, "sort_order": way})
        for promised, group in ((_NARROW_MS, _by_value()), (_WIDE_MS, _by_others()))
        for name, filters in group.items()
        for key, way in _SORTS
    ]
    return [case for case in every if only in case.name or only in case.order]


def _by_value() -> _Filters:
    """Return filters by state, type, priority, tag and client, alone and together."""
    return {
        "none": {},
        "estado, most orders": {"estado": "entregado"},
        "estado, the newest only": {"estado": "nuevo"},
        "estado, two": {"estado": ["qa", "fallido"]},
        "tipo_producto": {"tipo_producto": "webhook_service"},
        "prioridad, most orders": {"prioridad": "normal"},
        "prioridad, 1 %": {"prioridad": "urgente"},
        "tag, 20 %": {"tag": "retail"},
        "tag, 0.25 %": {"tag": "zona-7"},
        "tag, 0.01 %": {"tag": "piloto"},
        "cliente_id, the largest": {"cliente_id": "cliente-0"},
        "cliente_id, a small one": {"cliente_id": "cliente-90"},
        "two tags": {"tag": ["retail", "whatsapp"]},
        "estado and tipo_producto": {"estado": "entregado", "tipo_producto": "webhook_service"},
        "estado and prioridad": {"estado": "qa", "prioridad": "urgente"},
        "estado and tag": {"estado": ["nuevo", "qa"], "tag": "retail"},
        "tipo_producto and prioridad": {"tipo_producto": "webhook_service", "prioridad": "alta"},
        "tipo_producto and tag": {"tipo_producto": "webhook_service", "tag": "retail"},
        "prioridad and tag": {"prioridad": "urgente", "tag": "retail"},
        "cliente_id and estado": {"cliente_id": "cliente-0", "estado": "fallido"},
        "cliente_id and tag": {"cliente_id": "cliente-0", "tag": "retail"},
        "four of them": {
            "estado": "entregado",
            "tipo_producto": "webhook_service",
            "prioridad": "alta",
            "tag": "retail",
        },
    }


def _by_others() -> _Filters:
    def ago(days: int, hours: int = 3) -> str:
        return f"{datetime.now(UTC) - timedelta(days=days, hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    return {
        "asignado_a, most orders": {"asignado_a": "Ops Agent"},
        "asignado_a, few": {"asignado_a": "QA Agent"},
        "plan_estado": {"plan_estado": "aprobado"},
        "necesita": {"necesita": "persona"},
        "creado_desde": {"creado_desde": ago(400)},
        "creado_hasta": {"creado_hasta": ago(200)},
        "both dates": {"creado_desde": ago(400), "creado_hasta": ago(40, hours=7)},
        "one day": {"creado_desde": ago(400), "creado_hasta": ago(399)},
        "dates and tag": {"creado_desde": ago(400), "tag": "retail"},
        "actualizado_desde": {"actualizado_desde": ago(300)},
        "actualizado_desde, an hour": {"actualizado_desde": ago(0, hours=1)},
        "entregado": {"entregado_desde": ago(300), "entregado_hasta": ago(100)},
        "q, every second order": {"q": "whats"},
        "q, one letter": {"q": "a"},
        "q, two broad words": {"q": "peluq jose"},
        "q, a mail host": {"q": "@empresa"},
        "q, an order number": {"q": "ORD-2025-12"},
        "q, nothing": {"q": "xyzzy"},
        "q and estado": {"q": "café", "estado": "cancelado"},
        "q and tag": {"q": "whats", "tag": "retail"},
    }
