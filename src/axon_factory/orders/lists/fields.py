"""The fields that a list can show, and how each is written."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from axon_factory.domain.fields import READERS, public_name, readable
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.orders.views import timestamp

__all__ = ["SUMMARY", "listed", "shown"]

SUMMARY = (
    "id",
    "order_number",
    "tipo_producto",
    "nombre_producto",
    "estado",
    "progreso",
    "asignado_a",
    "prioridad",
    "created_at",
    "updated_at",
)
"""What an entry of a list has unless `fields` says otherwise (design §3.4)."""

_TIMES = (
    "created_at",
    "updated_at",
    "planificado_at",
    "aprobado_at",
    "construccion_iniciada_at",
    "qa_iniciada_at",
    "listo_at",
    "entregado_at",
    "fallido_at",
    "cancelado_at",
)
_PLAIN = (
    "cliente_id",
    "created_by",
    "datos_cliente",
    "deploy_url",
    "espera",
    "intento",
    "moneda",
    "notas_internas",
    "plan_estado",
    "plan_version",
    "repo_url",
    "slug",
    "tags",
    "version",
)


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    return value


_WRITTEN: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    dict.fromkeys(SUMMARY, _as_it_is)
    | dict.fromkeys(_PLAIN, _as_it_is)
    | dict.fromkeys(_TIMES, timestamp)
    | {"id": str, "precio": str}
)
"""Field, which is its column's name, to how its value becomes JSON."""


def listed(grant: Grant) -> Sequence[str]:
    """Return the names that `fields` may have for this grant."""
    return [name for name in _WRITTEN if grant in READERS[name]]


def shown(names: Sequence[str], row: Sequence[Any], principal: Principal) -> dict[str, Any]:
    """Return one entry of a list, as this caller may read it; `row` has the columns `names`."""
    document = {name: _WRITTEN[name](value) for name, value in zip(names, row, strict=True)}
    if "asignado_a" in document:
        document["asignado_a"] = public_name(document["asignado_a"], principal.grant)
    return readable(document, principal.grant)
