"""Which fields of an order a grant may read and write (resolutions 11, 20; OWASP API3).

`READERS` has a row for every key that an answer about an order can have; a key without a row
cannot be answered. Dotted keys limit the members of an object for those who read the object.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from axon_factory.domain.permissions import STAFF_GRANTS, Grant

__all__ = ["READERS", "TEAM_NAME", "WRITERS", "public_name", "readable", "writable_by"]

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
            "en_cola_desde",
        ),
        _ALL,
    )
    | _rows(("tags", "deploy_url", "resultado"), _OUTSIDE)
    | _rows(("datos_cliente.*",), _OUTSIDE)
    | _rows(("fallo.mensaje", "fallo.paso"), STAFF_GRANTS | _AGENT)
    | _rows(("precio", "moneda"), _OUTSIDE)
    | _rows(
        (
            "cliente_id",
            "session_id",
            "notas_internas",
            "espera",
            "slug",
            "created_by",
            "posicion_en_cola",
        ),
        STAFF_GRANTS,
    )
)
"""Key of an answer to the grants that read it; `x.*` stands for the members of x without a row."""

_HINTS = frozenset({"planificado_at", "construccion_iniciada_at", "qa_iniciada_at", "entregado_at"})
_REPORTS = frozenset({"estado", "progreso", "asignado_a", "logs", "motivo"}) | _HINTS
_STAFF_WRITES = _REPORTS | {"prioridad", "tags", "notas_internas"}

WRITERS: Mapping[Grant, frozenset[str]] = MappingProxyType(
    {
        _G.SYSTEM_ASSIGNED: _REPORTS | {"session_id"},
        _G.SYSTEM_PERMANENT: _REPORTS | {"session_id"},
        _G.OPERATOR: _STAFF_WRITES,
        _G.ADMIN: _STAFF_WRITES | {"session_id"},
        _G.KEY_ADMIN: _STAFF_WRITES | {"session_id"},
    }
)
"""Grant to the fields of PATCH that it may send (design §3.5, §8.2)."""

_AGENT_NAMES = frozenset({"Review Council", "Aprobador", "Axon Factory"})


def readable(document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """Return the part of an order's answer that `grant` may read.

    Raises:
        KeyError: a key has no row in `READERS`; nothing is answered by default.
    """
    seen: dict[str, Any] = {}
    for name, value in document.items():
        if grant not in READERS[name]:
            continue
        seen[name] = _members(name, value, grant)
    return seen


def writable_by(grant: Grant) -> frozenset[str]:
    """Return the fields of PATCH that `grant` may send."""
    return WRITERS.get(grant, frozenset())


def public_name(name: str | None, grant: Grant) -> str | None:
    """Return who acted as `grant` may read it: agents by name, people of the factory as a team."""
    if name is None or grant in STAFF_GRANTS:
        return name
    return name if name in _AGENT_NAMES or name.endswith(" Agent") else TEAM_NAME


def _members(name: str, value: Any, grant: Grant) -> Any:  # noqa: ANN401 — any JSON value
    if not isinstance(value, dict) or not any(row.startswith(f"{name}.") for row in READERS):
        return cast("Any", value)
    nobody: frozenset[Grant] = frozenset()
    others = READERS.get(f"{name}.*", nobody)
    members = cast("dict[str, Any]", value)
    return {
        key: member
        for key, member in members.items()
        if grant in READERS.get(f"{name}.{key}", others)
    }
