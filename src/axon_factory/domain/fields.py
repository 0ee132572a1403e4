"""Which fields of an order a grant may write, and which names it reads (OWASP API3).

Who reads a field stands on the field itself (`domain.answers`, `orders.answers`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.permissions import STAFF_GRANTS, Grant

__all__ = [
    "TEAM_NAME",
    "WRITERS",
    "public_name",
    "writable_by",
]

TEAM_NAME = "Equipo Axon"
"""What those outside the factory read where a person of the factory acted."""

_G = Grant
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


def writable_by(grant: Grant) -> frozenset[str]:
    """Return the fields of PATCH that `grant` may send."""
    return WRITERS.get(grant, frozenset())


def public_name(name: str | None, grant: Grant) -> str | None:
    """Return who acted as `grant` may read it: agents by name, people of the factory as a team."""
    if name is None or grant in STAFF_GRANTS:
        return name
    return name if name in _AGENT_NAMES or name.endswith(" Agent") else TEAM_NAME
