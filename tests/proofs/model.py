"""One order as the resolutions have it: a pure model, in which no code of the factory decides.

`perform` answers what the API must answer and how the order is afterwards; `line_model` does the
same for the line's own steps.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.proofs.callers import CALLERS, Caller
from tests.proofs.order_model import (
    BANDS,
    CHECKS,
    MILESTONES,
    MOST_REWORKS,
    NAMES,
    ON_ENTRY,
    STATES,
    TERMINAL,
    OrderModel,
)
from tests.support.legal_moves import LEGAL

__all__ = [
    "ADMIN",
    "BANDS",
    "CHECKS",
    "MILESTONES",
    "MOST_REWORKS",
    "STATES",
    "TERMINAL",
    "Act",
    "By",
    "OrderModel",
    "credential_holds",
    "entered",
    "moves",
    "perform",
    "status_of_read",
]

_NOT_CANCELLABLE_BY_DELETE = frozenset(STATES) - {"nuevo", "planificacion"}


@dataclass(frozen=True, slots=True)
class By:
    """Who asks: a caller, whether the credential was revoked, the attempt that a token is for.

    `here` is False for the token of another order.
    """

    caller: Caller
    alive: bool = True
    attempt: int | None = None
    here: bool = True


@dataclass(frozen=True, slots=True)
class Act:
    """One request: what `_ACTS` names, on one order."""

    name: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    if_match: int | None = None


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def perform(order: OrderModel, act: Act, by: By) -> tuple[int, OrderModel]:
    """Return the status that the API must answer, and the order afterwards.

    Of a bulk act the status is that of the one order's result, as if it had been alone.
    """
    try:
        _admit(order, act.name, by)
        _require_open(order, act)
        return 200, _ACTS[act.name](order, act, by.caller)
    except _Refused as refused:
        return refused.status, order


def moves(order: OrderModel, caller: Caller) -> set[str]:
    """Return the states that the caller may move the order to now."""
    return {
        target
        for (source, target), kinds in LEGAL.items()
        if source == order.estado
        and caller.kind in kinds.split()
        and _unobstructed(order, target, caller)
    }


def credential_holds(order: OrderModel, by: By) -> bool:
    """Return whether the credential itself still says who is asking."""
    if not by.alive:
        return False
    if by.attempt is None or not by.here:
        return True
    return by.attempt == order.intento and order.estado not in TERMINAL


def _admit(order: OrderModel, action: str, by: By) -> None:
    if not credential_holds(order, by):
        raise _Refused(401)
    if action not in by.caller.may:
        raise _Refused(403)
    if by.caller.sees == "nothing" or not by.here:
        raise _Refused(404)


def _require_open(order: OrderModel, act: Act) -> None:
    if act.if_match is not None and act.if_match != order.version:
        raise _Refused(412)
    if order.erased and act.name != "erase":
        raise _Refused(409)


def status_of_read(order: OrderModel, by: By) -> int:
    """Return the status of GET."""
    try:
        _admit(order, "read", by)
    except _Refused as refused:
        return refused.status
    return 200


def _unobstructed(order: OrderModel, target: str, caller: Caller) -> bool:
    source = order.estado
    if order.waits and caller.kind == "builder":
        return False
    if not _proven(order, target, caller):
        return False
    if source == "fallido" and target not in {order.failed_in, "cancelado"}:
        return False
    if source == "planificacion" and target in {"planificacion", "construccion"}:
        return caller.person and order.plan_estado == "pendiente_aprobacion"
    return True


def _proven(order: OrderModel, target: str, caller: Caller) -> bool:
    """What a move says of the product needs receipts, whoever makes it."""
    match (order.estado, target):
        case ("construccion", "qa"):
            return order.complete or caller.kind == "admin"
        case ("qa", "listo"):
            return order.reviewed
        case ("listo", "entregado"):
            return order.deployed and order.answered
        case _:
            return True


def _may_speak(entry: Mapping[str, Any], caller: Caller) -> bool:
    name = entry.get("agente")
    if caller.kind != "builder" or name is None:
        return True
    return name in NAMES


def _require_reporter(order: OrderModel, body: Mapping[str, Any], caller: Caller) -> None:
    if set(body) - caller.writes:
        raise _Refused(403)
    if caller.kind == "builder" and order.estado in {"entregado", "cancelado", "fallido"}:
        raise _Refused(409)
    if not all(_may_speak(entry, caller) for entry in body.get("logs", ())):
        raise _Refused(403)


def _patch(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    body = act.body
    _require_reporter(order, body, caller)
    target = body.get("estado") or order.estado
    after = order
    if target != order.estado:
        after = _move(order, target, caller)
        if (order.estado, target) == ("construccion", "qa") and not order.complete:
            after = replace(after, event_seq=after.event_seq + 1)  # what is missing, for staff
    elif body:
        after = replace(order, version=order.version + 1)
    if "progreso" in body:
        after = replace(after, progreso=_progress(order, after, body["progreso"]))
    if "prioridad" in body:
        after = replace(after, prioridad=body["prioridad"])
    if "session_id" in body:
        taken = after.estado == "construccion" and not after.stopping
        after = replace(after, session_known=True, session_open=after.session_open or taken)
    for entry in body.get("logs", ()):
        after = _log(after, entry)
    return after


def _move(order: OrderModel, target: str, caller: Caller) -> OrderModel:
    if (order.estado, target) == ("planificacion", "construccion") and caller.name == "key_admin":
        raise _Refused(403)
    if target not in moves(order, caller):
        raise _Refused(409)
    sent_back = (order.estado, target) == ("qa", "construccion")
    if sent_back and caller.kind == "builder" and order.retrabajos >= MOST_REWORKS:
        raise _Refused(409)
    return entered(order, target)


def entered(order: OrderModel, target: str) -> OrderModel:
    """Return the order after a legal move, whoever made it."""
    source = order.estado
    after = replace(
        order,
        estado=target,
        version=order.version + 1,
        event_seq=order.event_seq + (2 if target == "fallido" else 1),  # the cause stands apart
        failed_in=source if target == "fallido" else None,
        waits=False,
    )
    if source == "construccion":
        after = replace(after, session_open=False, stopping=after.stopping or after.session_open)
    if source == "fallido" and target != "cancelado":
        return _resumed(after)
    if (source, target) == ("qa", "construccion"):
        return _sent_back(after)
    return replace(after, **ON_ENTRY.get((source, target), {}))


def _resumed(order: OrderModel) -> OrderModel:
    """A retry keeps what the failed attempt had finished, and passed checks."""
    return replace(
        order,
        intento=order.intento + 1,
        session_known=False,
        published=False,
        checks=tuple(passed for passed in order.checks if passed),
        answered=False,
    )


def _sent_back(order: OrderModel) -> OrderModel:
    return replace(
        order,
        intento=order.intento + 1,
        retrabajos=order.retrabajos + 1,
        progreso=70,
        session_known=False,
        published=False,
        milestones=frozenset(),
        checks=(),
        answered=False,
    )


def _progress(before: OrderModel, after: OrderModel, value: int) -> int:
    state = after.failed_in or after.estado
    low, high = BANDS[state]
    rejected = (before.estado, after.estado) == ("qa", "construccion")
    if not low <= value <= high or (value < before.progreso and not rejected):
        raise _Refused(400)
    return value


def _log(order: OrderModel, entry: Mapping[str, Any]) -> OrderModel:
    appended = replace(order, event_seq=order.event_seq + 1)
    if "timestamp" not in entry:
        return appended
    content = json.dumps(entry, sort_keys=True)
    if content in order.entries:
        return order
    return replace(appended, entries=order.entries | {content})


def _delete(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    if order.estado in _NOT_CANCELLABLE_BY_DELETE:
        raise _Refused(400)
    return _move(order, "cancelado", caller)


def _cancel(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    return _move(order, "cancelado", caller)


def _decide(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    target = "construccion" if act.name == "approve" else "planificacion"
    if order.estado != "planificacion" or target not in moves(order, caller):
        raise _Refused(409)
    _require(act.body["plan_version"] == order.plan_version)
    return entered(order, target)


def _accept(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    """A person answers for what no receipt proves; what was missing is told to staff."""
    if order.estado != "qa":
        raise _Refused(409)
    accepted = entered(order, "listo")
    return replace(accepted, event_seq=accepted.event_seq + 1)


def _edit(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    """A person's own version, approved at once: told of first as a version, then as approved."""
    approved = _decide(order, replace(act, name="approve"), caller)
    return replace(approved, plan_version=order.plan_version + 1, event_seq=approved.event_seq + 1)


def _require(holds: bool) -> None:
    if not holds:
        raise _Refused(409)


def _noted(order: OrderModel, **changes: bool) -> OrderModel:
    """The order with `changes`, of which one event tells."""
    return replace(order, version=order.version + 1, event_seq=order.event_seq + 1, **changes)


def _ask(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    _decide(order, act, caller)  # who asks has read a plan that waits
    return _noted(order)


def _budget(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    _require(order.estado not in TERMINAL)
    return _noted(order)


def _retry(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    if order.failed_in is None:
        raise _Refused(409)
    return _move(order, order.failed_in, caller)


def _reveal(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    _require(order.credentials and not order.revealed and not order.rotating)
    _require(order.estado in {"listo", "entregado"})
    return _noted(order, revealed=True)


def _rotate(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    _require(order.deployed and order.deployment_open and not order.rotating)
    _require(order.estado in {"listo", "entregado"})
    return _noted(order, rotating=True, revealed=False)


def _erase(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    _require(order.estado in {"entregado", "cancelado", "fallido"})
    _require(not order.rotating or order.estado != "entregado")
    gone = ("session_known", "deployed", "credentials", "revealed", "rotating")
    return (
        order
        if order.erased
        else _noted(order, erased=True, erasing=True, **dict.fromkeys(gone, False))
    )


def _bulk(order: OrderModel, act: Act, caller: Caller) -> OrderModel:
    match act.body["accion"]:
        case "cancel":
            return _cancel(order, act, caller)
        case "retry":
            return _retry(order, act, caller)
        case "prioridad" if order.prioridad == act.body["prioridad"]:
            return order
        case "prioridad":
            changed = replace(order, prioridad=act.body["prioridad"])
            return replace(changed, version=order.version + 1)
        case _:
            return replace(order, version=order.version + 1)


_ACTS: Mapping[str, Callable[[OrderModel, Act, Caller], OrderModel]] = {
    "patch": _patch,
    "delete": _delete,
    "cancel": _cancel,
    "accept": _accept,
    "approve": _decide,
    "reject": _decide,
    "edit": _edit,
    "ask": _ask,
    "budget": _budget,
    "retry": _retry,
    "reveal": _reveal,
    "rotate": _rotate,
    "erase": _erase,
    "bulk": _bulk,
}
ADMIN = By(CALLERS["admin"])
