"""Which fields of an order a grant may read and write (resolutions 11, 20; OWASP API3).

`READERS` has a row for every key that an answer about an order can have; a key without a row
cannot be answered. Dotted keys limit the members of an object for those who read the object.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from axon_factory.domain.permissions import STAFF_GRANTS, Grant

__all__ = [
    "PLAN_READERS",
    "READERS",
    "TEAM_NAME",
    "WRITERS",
    "public_name",
    "readable",
    "writable_by",
]

TEAM_NAME = "Equipo Axon"
"""What those outside the factory read where a person of the factory acted."""

_G = Grant
_AGENT = frozenset({_G.SYSTEM_ASSIGNED})
_CLIENT = frozenset({_G.CLIENT_OWN})
_ALL = STAFF_GRANTS | _CLIENT | _AGENT
_OUTSIDE = STAFF_GRANTS | _CLIENT


def _rows(names: tuple[str, ...], grants: frozenset[Grant]) -> dict[str, frozenset[Grant]]:
    return dict.fromkeys(names, grants)


READERS: Mapping[str, frozenset[Grant]] = MappingProxyType(
    _rows(
        (
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
            "datos_cliente",
            "datos_cliente.nombre",
            "datos_cliente.industria",
            "datos_cliente.configuracion",
            "plan",
            "plan_estado",
            "plan_version",
            "plan_hash",
            "logs",
            "planificado_at",
            "aprobado_at",
            "construccion_iniciada_at",
            "qa_iniciada_at",
            "listo_at",
            "entregado_at",
            "fallido_at",
            "cancelado_at",
            "intento",
            "version",
            "repo_url",
            "fallo",
            "fallo.causa",
            "fallo.estado",
            "fallo.at",
            "transiciones_permitidas",
            "promesa",
            "progreso_detalle",
            "progreso_detalle.*",
            "progreso_detalle.hitos",
            "progreso_detalle.hitos.*",
            "en_cola_desde",
            "borrado_at",
        ),
        _ALL,
    )
    | _rows(("tags", "deploy_url", "resultado"), _OUTSIDE)
    | _rows(("datos_cliente.*",), _OUTSIDE)
    | _rows(("fallo.mensaje", "fallo.paso"), STAFF_GRANTS | _AGENT)
    | _rows(("precio", "moneda"), _OUTSIDE)
    | _rows(("progreso_detalle.hitos.commit",), STAFF_GRANTS)
    | _rows(
        (
            "cliente_id",
            "session_id",
            "notas_internas",
            "espera",
            "espera_causa",
            "construye",
            "silencio",
            "latido_at",
            "slug",
            "created_by",
            "posicion_en_cola",
            "borrado_pendiente",
        ),
        STAFF_GRANTS,
    )
)
"""Key of an answer to the grants that read it; `x.*` stands for the members of x without a row.

Of a list the members of its items are meant.
"""

PLAN_READERS: Mapping[str, frozenset[Grant]] = MappingProxyType(
    _rows(
        (
            "order_id",
            "order_number",
            "plan_version",
            "plan_estado",
            "count",
            "planes",
            "version",
            "hash",
            "plan",
            "planificador",
            "autor",
            "version_base",
            "estado",
            "created_at",
            "decidido_at",
            "decidido_por",
        ),
        _ALL,
    )
    | _rows(
        (
            "motivo",
            "avisos",
            "modelo",
            "version_prompt",
            "recordatorios",
            "recordado_at",
            "escalado_at",
            "preguntas",
            "uso",
        ),
        STAFF_GRANTS,
    )
)
"""The same for answers about the plans of an order. A reason is the approver's word to the
planner; flags, models and costs are the factory's own business."""

_HINTS = frozenset({"planificado_at", "construccion_iniciada_at", "qa_iniciada_at", "entregado_at"})
_REPORTS = frozenset({"estado", "progreso", "asignado_a", "logs", "motivo"}) | _HINTS
_CORRECTIONS = frozenset({"datos_cliente", "nombre_producto", "cliente_id"})
_STAFF_WRITES = _REPORTS | _CORRECTIONS | {"prioridad", "tags", "notas_internas"}

WRITERS: Mapping[Grant, frozenset[str]] = MappingProxyType(
    {
        _G.SYSTEM_ASSIGNED: _REPORTS | {"session_id"},
        _G.SYSTEM_PERMANENT: _REPORTS | {"session_id"},
        _G.SYSTEM_COUNCIL: _REPORTS,
        _G.SYSTEM_OPS: _REPORTS,
        _G.OPERATOR: _STAFF_WRITES,
        _G.ADMIN: _STAFF_WRITES | {"session_id"},
        _G.KEY_ADMIN: _STAFF_WRITES | {"session_id"},
    }
)
"""Grant to the fields of PATCH that it may send (design §3.5, §8.2)."""

_AGENT_NAMES = frozenset({"Review Council", "Aprobador", "Axon Factory", "Cliente"})


def readable(
    document: Mapping[str, Any],
    grant: Grant,
    readers: Mapping[str, frozenset[Grant]] = READERS,
) -> dict[str, Any]:
    """Return the part of an answer that `grant` may read; `readers` is its table.

    Raises:
        KeyError: a key has no row in the table; nothing is answered by default.
    """
    seen: dict[str, Any] = {}
    for name, value in document.items():
        if grant not in readers[name]:
            continue
        seen[name] = _members(name, value, grant, readers)
    return seen


def writable_by(grant: Grant) -> frozenset[str]:
    """Return the fields of PATCH that `grant` may send."""
    return WRITERS.get(grant, frozenset())


def public_name(name: str | None, grant: Grant) -> str | None:
    """Return who acted as `grant` may read it: agents by name, people of the factory as a team."""
    if name is None or grant in STAFF_GRANTS:
        return name
    return name if name in _AGENT_NAMES or name.endswith(" Agent") else TEAM_NAME


def _parents(readers: Mapping[str, frozenset[Grant]]) -> frozenset[str]:
    return frozenset(name.rpartition(".")[0] for name in readers if "." in name)


def _members(
    name: str,
    value: Any,  # noqa: ANN401 — any JSON value
    grant: Grant,
    readers: Mapping[str, frozenset[Grant]],
) -> Any:  # noqa: ANN401 — any JSON value
    # Plain values first: they are nearly all there are, and each page of a list has hundreds.
    if not isinstance(value, dict | list) or name not in _parents(readers):
        return cast("Any", value)
    if isinstance(value, list):
        return [_members(name, item, grant, readers) for item in cast("list[Any]", value)]
    nobody: frozenset[Grant] = frozenset()
    others = readers.get(f"{name}.*", nobody)
    return {
        key: _members(f"{name}.{key}", member, grant, readers)
        for key, member in cast("dict[str, Any]", value).items()
        if grant in readers.get(f"{name}.{key}", others)
    }
