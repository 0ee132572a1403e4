"""What the matrix sends to each operation; an operation without an entry fails the matrix."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from axon_factory.db.tables import Order
from tests.support.plans import edited_plan
from tests.support.ports import check_receipt
from tests.support.workshop import PASSWORD, example_order

__all__ = ["ELSEWHERE", "OPERATIONS", "Operation"]

Json = Any
NEW_PASSWORD = "otra batería caballo correcto"
REASON = {"motivo": "Porque sí"}
ORDER = "/api/orders/{id}"
DESTINATIONS = "/api/notifications/destinations"
DESTINATION = f"{DESTINATIONS}/{{id}}"
DELIVERIES = "/api/notifications/deliveries"


@dataclass(frozen=True, slots=True)
class Operation:
    """A request about an order, or about none."""

    body: Json = None
    """What is sent, or a function that makes it for the order."""
    query: str = ""
    done: tuple[int, ...] = (200,)
    """The statuses of a request that may and can."""
    about: str = ""
    """What `{id}` names where it is no order: a key of what the matrix makes for it."""
    ends_session: bool = False
    """It is asked in a session of its own."""

    def body_for(self, order: Order | None) -> Json:
        return self.body(order) if callable(self.body) else self.body


def _plan(order: Order | None) -> Json:
    assert order is not None
    return {"plan_version": max(order.plan_version, 1), "plan_hash": order.plan_hash or "0" * 64}


def _rejection(order: Order | None) -> Json:
    return _plan(order) | REASON


def _edit(order: Order | None) -> Json:
    return _plan(order) | {"plan": edited_plan()}


def _question(order: Order | None) -> Json:
    return _plan(order) | {"para": "planificador", "pregunta": "¿Por qué?"}


def _receipt(order: Order | None) -> Json:
    assert order is not None
    return check_receipt(intento=order.intento)


def _erasure(order: Order | None) -> Json:
    assert order is not None
    return REASON | {"orden": order.order_number}


def _new_user(_: Order | None) -> Json:
    address = f"{uuid4().hex}@example.com"
    return {"email": address, "nombre": "Nueva", "rol": "operator"}


def _new_destination(_: Order | None) -> Json:
    return {"canal": "webhook", "nombre": uuid4().hex, "url": "https://crm.example/avisos"}


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/"): Operation(),
    ("GET", "/asyncapi.json"): Operation(),
    ("GET", "/health"): Operation(),
    ("GET", "/ready"): Operation(),
    ("GET", "/openapi.json"): Operation(),
    ("GET", "/api/products/types"): Operation(),
    ("GET", "/api/products/types/{product_id}"): Operation(),
    ("POST", "/api/auth/login"): Operation({"email": "operator@example.com", "password": PASSWORD}),
    ("GET", "/api/auth/me"): Operation(),
    ("POST", "/api/auth/refresh"): Operation({"refresh_token": "x"}, done=(401,)),
    ("GET", "/api/auth/sessions"): Operation(),
    ("POST", "/api/auth/logout"): Operation(ends_session=True),
    ("POST", "/api/auth/password"): Operation(
        {"password_actual": PASSWORD, "password_nueva": NEW_PASSWORD}, ends_session=True
    ),
    ("POST", "/api/auth/password/forgot"): Operation({"email": "x@example.com"}, done=(202,)),
    ("POST", "/api/auth/password/reset"): Operation(
        {"token": "x", "password_nueva": NEW_PASSWORD}, done=(404,)
    ),
    ("POST", "/api/auth/links/check"): Operation({"token": "x"}, done=(404,)),
    ("GET", "/api/users"): Operation(),
    ("POST", "/api/users"): Operation(_new_user, done=(201,)),
    ("GET", "/api/users/{id}"): Operation(about="user"),
    ("PATCH", "/api/users/{id}"): Operation({"nombre": "Otro"}, about="user"),
    ("POST", "/api/users/{id}/invite"): Operation(about="user"),
    ("POST", "/api/users/{id}/logout"): Operation(about="user"),
    ("GET", "/api/settings"): Operation(),
    ("GET", "/api/keys"): Operation(),
    ("POST", "/api/keys"): Operation({"nombre": "ventas", "permiso": "lectura"}, done=(201,)),
    ("GET", "/api/keys/{id}"): Operation(about="key"),
    ("POST", "/api/keys/{id}/rotate"): Operation(about="key", done=(201,)),
    ("DELETE", "/api/keys/{id}"): Operation(about="key"),
    ("POST", f"{ORDER}/invite"): Operation(),
    ("GET", f"{ORDER}/checks"): Operation(),
    ("POST", f"{ORDER}/checks"): Operation(_receipt, done=(201,)),
    ("POST", f"{ORDER}/accept"): Operation(REASON),
    ("GET", "/api/system-tokens"): Operation(),
    ("POST", "/api/system-tokens"): Operation({"agente": "QA Agent"}, done=(201,)),
    ("GET", "/api/system-tokens/{id}"): Operation(about="token"),
    ("DELETE", "/api/system-tokens/{id}"): Operation(about="token"),
    ("GET", "/api/audit"): Operation(),
    ("GET", "/api/audit/verification"): Operation(),
    ("GET", DESTINATIONS): Operation(),
    ("POST", DESTINATIONS): Operation(_new_destination, done=(201,)),
    ("GET", DESTINATION): Operation(about="destination"),
    ("PATCH", DESTINATION): Operation({"eventos": []}, about="destination"),
    ("DELETE", DESTINATION): Operation(about="destination"),
    ("POST", f"{DESTINATION}/rotate"): Operation(about="destination"),
    ("POST", f"{DESTINATION}/test"): Operation(about="destination", done=(201,)),
    ("GET", DELIVERIES): Operation(),
    ("GET", f"{DELIVERIES}/{{id}}"): Operation(about="delivery"),
    ("POST", f"{DELIVERIES}/{{id}}/redeliver"): Operation(about="delivery"),
    ("GET", f"{ORDER}/timeline"): Operation(),
    ("GET", f"{ORDER}/plans/{{version}}/brief"): Operation(done=(200, 404)),
    ("GET", "/api/pending"): Operation(),
    ("GET", "/api/board"): Operation(),
    ("GET", "/api/board/cards"): Operation(query="?order_number=ORD-2025-001"),
    ("GET", "/api/line"): Operation(),
    ("POST", "/api/line/pause"): Operation(REASON),
    ("POST", "/api/line/drain"): Operation(REASON),
    ("POST", "/api/line/stop"): Operation(REASON),
    ("POST", "/api/line/resume"): Operation(),
    ("POST", "/api/orders"): Operation(example_order(), done=(201,)),
    ("GET", "/api/orders"): Operation(),
    ("GET", "/api/events"): Operation(),
    ("POST", "/api/orders/bulk"): Operation(
        {"accion": "cancel", "ids": ["ORD-2001-001"], **REASON}
    ),
    ("GET", ORDER): Operation(),
    ("GET", f"{ORDER}/logs"): Operation(),
    ("GET", f"{ORDER}/history"): Operation(),
    ("GET", f"{ORDER}/events"): Operation(),
    ("GET", f"{ORDER}/result"): Operation(),
    ("PATCH", ORDER): Operation({}),
    ("DELETE", ORDER): Operation(),
    ("POST", f"{ORDER}/approve"): Operation(_plan),
    ("POST", f"{ORDER}/reject"): Operation(_rejection),
    ("GET", f"{ORDER}/plans"): Operation(),
    ("GET", f"{ORDER}/plans/{{version}}"): Operation(done=(200, 404)),  # not every order has a plan
    ("GET", f"{ORDER}/plans/{{version}}/diff"): Operation(done=(200, 404)),
    ("POST", f"{ORDER}/plans/edit"): Operation(_edit),
    ("POST", f"{ORDER}/plans/ask"): Operation(_question),
    ("POST", f"{ORDER}/budget"): Operation({"presupuesto_usd": "5.00"}),
    ("POST", f"{ORDER}/cancel"): Operation(REASON),
    ("POST", f"{ORDER}/retry"): Operation(),
    ("POST", f"{ORDER}/wake"): Operation(),
    ("POST", f"{ORDER}/credentials/reveal"): Operation(),
    ("GET", f"{ORDER}/client-mails"): Operation(),
    ("GET", f"{ORDER}/portal-links"): Operation(),
    ("POST", f"{ORDER}/portal-links"): Operation({"enviar": False}, done=(201,)),
    ("DELETE", f"{ORDER}/portal-links/{{numero}}"): Operation(),
    ("POST", f"{ORDER}/credentials/rotate"): Operation(),
    ("GET", f"{ORDER}/problems"): Operation(),
    ("POST", f"{ORDER}/problems"): Operation({"descripcion": "No contesta"}, done=(201,)),
    ("POST", f"{ORDER}/problems/{{numero}}/close"): Operation(done=(404,)),
    ("GET", f"{ORDER}/rating"): Operation(),
    ("POST", f"{ORDER}/rating"): Operation({"calificacion": 4}),
    ("POST", f"{ORDER}/erase"): Operation(_erasure),
    ("POST", f"{ORDER}/preguntas"): Operation(
        {"pregunta": "¿Y ahora?", "destinatario": "operador"}, done=(201,)
    ),
    ("GET", f"{ORDER}/preguntas"): Operation(),
    ("POST", f"{ORDER}/preguntas/{{numero}}/respuesta"): Operation({"respuesta": "Sí"}),
    ("POST", f"{ORDER}/latido"): Operation(),
    ("POST", f"{ORDER}/token"): Operation(done=(201,)),
}
"""Method and path template to what is sent."""

ELSEWHERE = {
    ("GET", "/api/orders/stream"): "tests/realtime: its answer does not end",
    ("GET", "/api/orders/{id}/stream"): "tests/realtime: its answer does not end",
    ("GET", "/git/{slug}.git/info/refs"): "test_repositories_for_every_principal",
    (
        "POST",
        "/git/{slug}.git/git-upload-pack",
    ): "tests/api/test_repositories.py",
    ("GET", "/docs"): "tests/web: public, and absent without its assets",
    ("GET", "/static/{name}"): "tests/web: public, and absent without its assets",
    ("GET", "/entrar"): "tests/web/test_sign_in.py",
    ("POST", "/entrar"): "tests/web/test_sign_in.py",
    ("POST", "/idioma"): "tests/web/test_sign_in.py",
    ("GET", "/cuenta/enlace/{token}"): "tests/web/test_account_links.py",
    ("POST", "/cuenta/enlace/{token}"): "tests/web/test_account_links.py",
    ("GET", "/cuenta/olvido"): "tests/web/test_account_links.py",
    ("POST", "/cuenta/olvido"): "tests/web/test_account_links.py",
    ("POST", "/mcp"): "tests/mcp: every tool for every caller",
    ("POST", "/mcp/"): "tests/mcp: the same",
    ("GET", "/portal/{token}"): "tests/web: the link is the permission",
    ("POST", "/portal/{token}/calificacion"): "tests/web: the link is the permission",
    ("POST", "/portal/{token}/codigo"): "tests/web/test_portal_codes.py",
    ("GET", "/portal/{token}/credenciales"): "tests/web/test_portal_codes.py",
    ("POST", "/portal/{token}/credenciales"): "tests/web/test_portal_codes.py",
    ("POST", "/portal/{token}/credenciales/nuevas"): "tests/web/test_portal_codes.py",
    ("POST", "/portal/{token}/preguntas/{number}"): "tests/web: the link is the permission",
    ("GET", "/portal/{token}/problema"): "tests/web/test_portal_feedback.py",
    ("POST", "/portal/{token}/problema"): "tests/web/test_portal_feedback.py",
}
"""Routes whose cells are tested elsewhere, and where."""
