"""Every writing operation on one order, for the races: its route, its request, its model.

The model knows those of people in OPERATIONS; it has no questions, tokens, signs of life, client's
data and links, which those in AGENTS are about.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from tests.proofs.model import ADMIN, Act, OrderModel, perform
from tests.proofs.writes import Endpoint
from tests.support.plans import edited_plan
from tests.support.ports import check_receipt
from tests.support.workshop import Workshop

__all__ = ["AGENTS", "OPERATIONS", "Operation", "send", "status_of"]

_marks = itertools.count(1)
_ORDER = "/api/orders/{id}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A way to write an order. `body` makes the request's body for an order as it was read."""

    name: str
    endpoint: Endpoint
    act: str
    body: Callable[[OrderModel, str], Mapping[str, Any]] = field(default=lambda _order, _digest: {})

    def on(self, order: OrderModel, digest: str, *, if_match: int | None = None) -> Act:
        """Return the request for an order whose plan has the hash `digest`."""
        return Act(self.act, self.body(order, digest), if_match)

    @property
    def guarded(self) -> bool:
        """True if it takes If-Match: an act on many orders is about no version."""
        return self.act != "bulk"

    def serves(self, order: OrderModel) -> bool:
        """Return whether the model lets an administrator do it now."""
        status, _ = perform(order, self.on(order, ""), ADMIN)
        return status == 200


def _to(state: str) -> Callable[[OrderModel, str], Mapping[str, Any]]:
    return lambda _order, _digest: {"estado": state}


def _report(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {"logs": [{"mensaje": f"Informe {next(_marks)}", "agente": "QA Agent"}]}


def _progress(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {"progreso": 60 if order.estado == "construccion" else order.progreso}


def _plan(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {"plan_version": order.plan_version, "plan_hash": digest, "motivo": "Leído"}


def _edit(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {**_plan(order, digest), "plan": edited_plan()}


def _question(order: OrderModel, digest: str) -> Mapping[str, Any]:
    read = {"plan_version": order.plan_version, "plan_hash": digest}
    return {**read, "para": "planificador", "pregunta": f"¿Pregunta {next(_marks)}?"}


def _receipt(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return check_receipt(intento=order.intento)


def _correction(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {"datos_cliente": {"email": f"otra-{next(_marks)}@example.com"}}


def _bulk(accion: str, **more: Any) -> Callable[[OrderModel, str], Mapping[str, Any]]:  # noqa: ANN401 — JSON
    return lambda _order, _digest: {"accion": accion, **more}


def _tag(order: OrderModel, digest: str) -> Mapping[str, Any]:
    return {"accion": "tag", "agregar": [f"marca-{next(_marks)}"]}


_BULK = Endpoint("POST", "/api/orders/bulk")
_PATCH = Endpoint("PATCH", _ORDER)
_ALL = (
    Operation("report", _PATCH, "patch", _report),
    Operation("progress", _PATCH, "patch", _progress),
    Operation("start", _PATCH, "patch", _to("construccion")),
    Operation("to_qa", _PATCH, "patch", _to("qa")),
    Operation(
        "accept",
        Endpoint("POST", f"{_ORDER}/accept"),
        "accept",
        lambda _order, _digest: {"motivo": "Lo probé"},
    ),
    Operation("deliver", _PATCH, "patch", _to("entregado")),
    Operation("fail", _PATCH, "patch", _to("fallido")),
    Operation("delete", Endpoint("DELETE", _ORDER), "delete"),
    Operation(
        "cancel",
        Endpoint("POST", f"{_ORDER}/cancel"),
        "cancel",
        lambda _order, _digest: {"motivo": "Ya no"},
    ),
    Operation("approve", Endpoint("POST", f"{_ORDER}/approve"), "approve", _plan),
    Operation("reject", Endpoint("POST", f"{_ORDER}/reject"), "reject", _plan),
    Operation("edit", Endpoint("POST", f"{_ORDER}/plans/edit"), "edit", _edit),
    Operation("ask", Endpoint("POST", f"{_ORDER}/plans/ask"), "ask", _question),
    Operation(
        "budget",
        Endpoint("POST", f"{_ORDER}/budget"),
        "budget",
        lambda _order, _digest: {"presupuesto_usd": "5.00"},
    ),
    Operation("retry", Endpoint("POST", f"{_ORDER}/retry"), "retry"),
    Operation("reveal", Endpoint("POST", f"{_ORDER}/credentials/reveal"), "reveal"),
    Operation(
        "erase",
        Endpoint("POST", f"{_ORDER}/erase"),
        "erase",
        lambda _order, _digest: {"motivo": "Lo pide el titular"},
    ),
    Operation("rotate", Endpoint("POST", f"{_ORDER}/credentials/rotate"), "rotate"),
    Operation("bulk_cancel", _BULK, "bulk", _bulk("cancel", motivo="Ya no")),
    Operation("bulk_retry", _BULK, "bulk", _bulk("retry")),
    Operation("bulk_prioridad", _BULK, "bulk", _bulk("prioridad", prioridad="alta")),
    Operation("bulk_tag", _BULK, "bulk", _tag),
)
OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}
_QUESTION = {"pregunta": "¿De qué color?", "destinatario": "operador", "clave": "color"}
_AGENTS = (
    Operation(
        "question",
        Endpoint("POST", f"{_ORDER}/preguntas"),
        "question",
        lambda _order, _digest: _QUESTION,
    ),
    Operation(
        "answer",
        Endpoint("POST", f"{_ORDER}/preguntas/{{numero}}/respuesta"),
        "answer",
        lambda _order, _digest: {"respuesta": f"Respuesta {next(_marks)}"},
    ),
    Operation("heartbeat", Endpoint("POST", f"{_ORDER}/latido"), "heartbeat"),
    Operation("renew", Endpoint("POST", f"{_ORDER}/token"), "renew"),
    Operation("wake", Endpoint("POST", f"{_ORDER}/wake"), "wake"),
    Operation("check", Endpoint("POST", f"{_ORDER}/checks"), "check", _receipt),
    Operation("correct", _PATCH, "correct", _correction),
    Operation("invite", Endpoint("POST", f"{_ORDER}/invite"), "invite"),
    Operation("link", Endpoint("POST", f"{_ORDER}/portal-links"), "link"),
    Operation("unlink", Endpoint("DELETE", f"{_ORDER}/portal-links/{{numero}}"), "unlink"),
)
AGENTS: Mapping[str, Operation] = {operation.name: operation for operation in _AGENTS}


async def send(
    workshop: Workshop,
    operation: Operation,
    order_id: UUID,
    act: Act,
    *,
    by: str = "admin",
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """Send the request of `act`."""
    sent = {**workshop.headers[by], **(headers or {})}
    if act.if_match is not None:
        sent["If-Match"] = f'"{act.if_match}"'
    body = {**act.body, **await _names(workshop, act.name, order_id)}
    return await workshop.http.request(
        operation.endpoint.method,
        operation.endpoint.path.replace("{id}", str(order_id)).replace("{numero}", "1"),
        json=body or None,
        headers=sent,
    )


async def _names(workshop: Workshop, act: str, order_id: UUID) -> Mapping[str, Any]:
    """Return what the body says of which order is meant."""
    match act:
        case "bulk":
            return {"ids": [str(order_id)]}
        case "erase":
            return {"orden": (await workshop.order(order_id)).order_number}
        case _:
            return {}


def status_of(act: Act, answer: httpx2.Response) -> int:
    """Return the status, for the model: of a bulk act that of its one result."""
    if act.name != "bulk" or answer.status_code != 200:
        return answer.status_code
    (result,) = answer.json()["results"]
    return 200 if result["status"] == "ok" else 409
