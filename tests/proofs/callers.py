"""Who asks, as design §8 and resolutions 18 to 21 give them their rights. A table of the tests."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CALLERS", "Caller"]

_REPORT = frozenset(
    {"estado", "progreso", "asignado_a", "logs", "motivo", "planificado_at", "qa_iniciada_at"}
)
_STAFF = _REPORT | {"prioridad", "tags", "notas_internas"}
_DECIDE = frozenset({"accept", "approve", "reject", "edit", "ask", "budget"})
_ADMINISTER = frozenset({"create", "patch", "delete", "cancel", "retry", "rotate", "bulk"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of principal: as the transition table calls it, and what it may do.

    `sees` says which orders exist for it: all, its own, the one it was given, or none.
    """

    name: str
    kind: str
    may: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    sees: str = "all"
    person: bool = False
    staff: bool = False


_ALL = (
    Caller(
        "admin",
        "admin",
        _ADMINISTER | _DECIDE | {"reveal", "erase", "read"},
        _STAFF | {"session_id"},
        person=True,
        staff=True,
    ),
    Caller(
        "operator",
        "operator",
        frozenset({"create", "patch", "read"}),
        _STAFF,
        person=True,
        staff=True,
    ),
    Caller("owner", "client", frozenset({"reveal", "rotate", "read"}), sees="own", person=True),
    Caller("other", "client", frozenset({"reveal", "rotate", "read"}), sees="nothing", person=True),
    Caller("key_lectura", "operator", frozenset({"read"}), staff=True),
    Caller("key_escritura", "operator", frozenset({"create"}), staff=True),
    Caller("key_admin", "admin", _ADMINISTER | {"read"}, _STAFF | {"session_id"}, staff=True),
    Caller("permanent", "builder", frozenset({"patch"}), _REPORT | {"session_id"}),
    Caller(
        "agent", "builder", frozenset({"patch", "read"}), _REPORT | {"session_id"}, sees="assigned"
    ),
)
CALLERS: Mapping[str, Caller] = {caller.name: caller for caller in _ALL}
"""`agent` holds the token of one attempt at one order; `permanent` the kind limited to PATCH."""
