"""Acts of people: which of them a caller may do now, by the permission table and the order's state.

An act is named for a page's button. The request behind it is one of the API, which decides again.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from axon_factory.domain.permissions import Action, Principal, may, serves_in
from axon_factory.domain.states import (
    FOR_AN_ANSWER,
    OrderState,
    PlanStatus,
    WaitsFor,
    targets_from,
)

__all__ = ["Act", "acts_on_line", "acts_on_message", "acts_on_order", "acts_on_problem", "only"]


class Act(StrEnum):
    """What a person can do about something that waits; beside it, the request."""

    APROBAR = "aprobar"
    """POST /api/orders/{id}/approve"""
    EDITAR = "editar"
    """POST /api/orders/{id}/plans/edit"""
    PREGUNTAR = "preguntar"
    """POST /api/orders/{id}/plans/ask"""
    RECHAZAR = "rechazar"
    """POST /api/orders/{id}/reject"""
    RESPONDER = "responder"
    """POST /api/orders/{id}/preguntas/{numero}/respuesta"""
    REINTENTAR = "reintentar"
    """POST /api/orders/{id}/retry"""
    ACEPTAR = "aceptar"
    """POST /api/orders/{id}/accept"""
    DEVOLVER = "devolver"
    """PATCH /api/orders/{id} with `estado: construccion`"""
    FALLAR = "fallar"
    """PATCH /api/orders/{id} with `estado: fallido`"""
    PRESUPUESTO = "presupuesto"
    """POST /api/orders/{id}/budget"""
    MIRAR = "mirar"
    """POST /api/orders/{id}/wake"""
    CANCELAR = "cancelar"
    """POST /api/orders/{id}/cancel"""
    REENVIAR = "reenviar"
    """POST /api/notifications/deliveries/{id}/redeliver"""
    CERRAR = "cerrar"
    """POST /api/orders/{id}/problems/{numero}/close"""
    REANUDAR = "reanudar"
    """POST /api/line/resume"""


class Standing(Protocol):
    """What of an order decides about acts, named as in `tables.Order`."""

    @property
    def estado(self) -> str: ...
    @property
    def plan_estado(self) -> str | None: ...
    @property
    def espera(self) -> str | None: ...
    @property
    def session_open(self) -> bool: ...
    @property
    def created_by(self) -> str: ...
    @property
    def borrado_at(self) -> Any | None: ...  # noqa: ANN401 — only whether there is one


_DECISIONS = (Act.APROBAR, Act.EDITAR, Act.PREGUNTAR, Act.RECHAZAR)
_NEEDED = MappingProxyType(
    {
        **dict.fromkeys(_DECISIONS, Action.DECIDE_PLAN),
        Act.RESPONDER: Action.ANSWER_QUESTION,
        Act.REINTENTAR: Action.RETRY_ORDER,
        Act.ACEPTAR: Action.ACCEPT_PRODUCT,
        Act.DEVOLVER: Action.UPDATE_ORDER,
        Act.FALLAR: Action.UPDATE_ORDER,
        Act.PRESUPUESTO: Action.DECIDE_BUDGET,
        Act.MIRAR: Action.WAKE_ORDER,
        Act.CANCELAR: Action.CANCEL_ORDER,
    }
)
_TARGETS = MappingProxyType({Act.DEVOLVER: OrderState.CONSTRUCCION, Act.FALLAR: OrderState.FALLIDO})


def acts_on_order(
    order: Standing, principal: Principal, *, own_orders: bool = True, question: bool = False
) -> list[Act]:
    """Return what the caller may do about the order now, the usual act first.

    Args:
        order: how it stands.
        principal: the caller.
        own_orders: whether the principal that placed an order may approve its plan.
        question: whether a question waits that the order does not wait for.
    """
    if order.borrado_at is not None:
        return []
    state = OrderState(order.estado)
    return [
        act
        for act, action in _NEEDED.items()
        if may(principal, action)
        and _serves(act, action, state, order, question=question)
        and (act not in _TARGETS or _TARGETS[act] in targets_from(state, principal.actor.kind))
        and not (act is Act.APROBAR and not own_orders and principal.id == order.created_by)
    ]


def _serves(
    act: Act, action: Action, state: OrderState, order: Standing, *, question: bool
) -> bool:
    waits = order.espera
    if act is Act.REINTENTAR and waits == WaitsFor.MAQUINA:
        return True  # the same step is tried at once, whatever the state
    if not serves_in(action, state):
        return False
    if act in _DECISIONS:
        return order.plan_estado == PlanStatus.PENDIENTE_APROBACION
    match act:
        case Act.RESPONDER:
            return question or waits in FOR_AN_ANSWER
        case Act.PRESUPUESTO:
            return waits == WaitsFor.PRESUPUESTO
        case Act.DEVOLVER | Act.FALLAR:
            return state is OrderState.QA
        case Act.MIRAR:
            return state is OrderState.CONSTRUCCION and order.session_open and waits is None
        case _:
            return True


def acts_on_line(principal: Principal) -> list[Act]:
    """Return what the caller may do about a line that does not run."""
    return [Act.REANUDAR] if may(principal, Action.CONTROL_LINE) else []


def acts_on_message(principal: Principal) -> list[Act]:
    """Return what the caller may do about a message that was given up."""
    return [Act.REENVIAR] if may(principal, Action.MANAGE_NOTIFICATIONS) else []


def acts_on_problem(principal: Principal) -> list[Act]:
    """Return what the caller may do about a problem that a client has reported."""
    return [Act.CERRAR] if may(principal, Action.CLOSE_PROBLEM) else []


def only(acts: list[Act], *wanted: Act) -> list[Act]:
    """Return those of `acts` that are `wanted`, in the order of `wanted`."""
    return [act for act in wanted if act in acts]
