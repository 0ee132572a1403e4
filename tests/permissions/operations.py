"""What the matrix sends to each operation; an operation without an entry fails the matrix."""

from dataclasses import dataclass
from typing import Any

from axon_factory.db.tables import Order
from tests.support.workshop import PASSWORD, example_order

__all__ = ["ELSEWHERE", "OPERATIONS", "Operation"]

Json = Any
REASON = {"motivo": "Porque sí"}
ORDER = "/api/orders/{id}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A request about an order, or about none."""

    body: Json = None
    """What is sent, or a function that makes it for the order."""
    query: str = ""
    done: tuple[int, ...] = (200,)
    """The statuses of a request that may and can."""

    def body_for(self, order: Order | None) -> Json:
        return self.body(order) if callable(self.body) else self.body


def _plan(order: Order | None) -> Json:
    assert order is not None
    return {"plan_version": max(order.plan_version, 1), "plan_hash": order.plan_hash or "0" * 64}


def _rejection(order: Order | None) -> Json:
    return _plan(order) | REASON


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/"): Operation(),
    ("GET", "/health"): Operation(),
    ("GET", "/openapi.json"): Operation(),
    ("GET", "/api/products/types"): Operation(),
    ("GET", "/api/products/types/{product_id}"): Operation(),
    ("POST", "/api/auth/login"): Operation({"email": "operator@example.com", "password": PASSWORD}),
    ("GET", "/api/auth/me"): Operation(),
    ("POST", "/api/orders"): Operation(example_order(), done=(201,)),
    ("GET", "/api/orders"): Operation(),
    ("GET", ORDER): Operation(),
    ("GET", f"{ORDER}/logs"): Operation(),
    ("GET", f"{ORDER}/result"): Operation(),
    ("PATCH", ORDER): Operation({}),
    ("DELETE", ORDER): Operation(),
    ("POST", f"{ORDER}/approve"): Operation(_plan),
    ("POST", f"{ORDER}/reject"): Operation(_rejection),
    ("POST", f"{ORDER}/cancel"): Operation(REASON),
    ("POST", f"{ORDER}/retry"): Operation(),
    ("POST", f"{ORDER}/credentials/reveal"): Operation(),
}
"""Method and path template to what is sent."""

ELSEWHERE = {
    ("GET", "/api/orders/{id}/stream"): "tests/realtime: its answer does not end",
    ("GET", "/git/{slug}.git/{path:path}"): "test_repositories_for_every_principal",
    ("GET", "/portal/{token}"): "tests/web: the link is the permission",
}
"""Routes whose cells are tested elsewhere, and where."""
