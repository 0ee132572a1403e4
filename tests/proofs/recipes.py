"""For every writing endpoint a request that it accepts, each time on something of its own."""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2

from axon_factory.accounts import users
from axon_factory.domain.building import LineMode
from axon_factory.domain.permissions import KeyScope, Role
from axon_factory.orders.line_mode import ModeChange, change_mode
from tests.proofs.copies import Copies
from tests.proofs.writes import Endpoint
from tests.support.destinations import make_destination
from tests.support.plans import edited_plan
from tests.support.ports import check_receipt
from tests.support.workshop import (
    ADMIN,
    PASSWORD,
    Headers,
    Workshop,
    example_order,
    password_hash_of,
)

_numbers = itertools.count(1)
_ORDER = "/api/orders/{id}"
NEW_PASSWORD = "otro burro grapadora lluvia"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is accepted. `again` is a credential of the same caller for repeating it.

    `otherwise` is a body of the same shape that asks for something else.
    """

    method: str
    path: str
    headers: Headers
    body: Mapping[str, Any] | None = None
    otherwise: Mapping[str, Any] | None = None
    again: Headers = field(default_factory=dict[str, str])

    async def send(
        self,
        http: httpx2.AsyncClient,
        key: str | bytes | None,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Headers | None = None,
    ) -> httpx2.Response:
        """Send it under an Idempotency-Key."""
        return await http.request(
            self.method,
            self.path,
            json=self.body if body is None else body,
            headers={**(headers or self.headers), **({"Idempotency-Key": key} if key else {})},
        )

    async def repeat(self, http: httpx2.AsyncClient, key: str) -> httpx2.Response:
        """Send it again, by a credential that still holds."""
        return await self.send(http, key, headers=self.again or self.headers)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What recipes are made from."""

    workshop: Workshop
    copies: Copies

    async def order(self, state: str) -> tuple[str, dict[str, Any]]:
        """Return the path of a fresh order and the decision about its plan."""
        order_id, model = await self.copies.copy(state)
        digest = self.copies.originals[state].digest
        plan = {"plan_version": model.plan_version, "plan_hash": digest, "motivo": "Leído"}
        return str(order_id), plan

    async def user(self, role: Role = Role.OPERATOR) -> tuple[str, str]:
        """Return the id and the address of a fresh user."""
        container = self.workshop.container
        password_hash = await password_hash_of(container)
        email = f"persona-{uuid4().hex[:12]}@example.com"
        async with container.database.transaction("test") as session:
            user = await users.create(
                session, email=email, name="Persona", role=role, password_hash=password_hash
            )
        return str(user.id), email

    async def log_in(self, email: str) -> Headers:
        """Return an access token of a new session."""
        answer = await self.workshop.http.post(
            "/api/auth/login", json={"email": email, "password": PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def set_line(self, mode: LineMode) -> None:
        """Bring the line into a mode."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            now = datetime.now(UTC)
            await change_mode(session, ModeChange(mode), ADMIN, container.policy, now)

    async def key(self) -> str:
        """Return the id of a fresh API key."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            made = await container.api_keys.create(
                session, name=f"k-{uuid4().hex[:12]}", scope=KeyScope.LECTURA, created_by="t"
            )
        return made.key.id

    async def token(self) -> str:
        """Return the id of a fresh system token."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            minted = await container.system_tokens.mint_permanent(
                session, agent="a", created_by="t"
            )
        return minted.id


Recipe = Callable[[Kitchen, Headers], Awaitable[Prepared]]
RECIPES: dict[Endpoint, Recipe] = {}


def _recipe(method: str, path: str) -> Callable[[Recipe], Recipe]:
    def register(recipe: Recipe) -> Recipe:
        RECIPES[Endpoint(method, path)] = recipe
        return recipe

    return register


def _on_order(
    method: str,
    suffix: str,
    state: str,
    body: Mapping[str, Any] | None,
    otherwise: Mapping[str, Any] | None,
) -> None:
    async def recipe(kitchen: Kitchen, by: Headers) -> Prepared:
        order_id, plan = await kitchen.order(state)
        if suffix == "/plans/ask":
            del plan["motivo"]
        decides = suffix in {"/approve", "/reject", "/plans/edit", "/plans/ask"}
        return Prepared(
            method,
            f"/api/orders/{order_id}{suffix}",
            by,
            {**plan, **(body or {})} if decides else body,
            {**plan, **(otherwise or {})} if decides else otherwise,
        )

    RECIPES[Endpoint(method, _ORDER + suffix)] = recipe


_on_order(
    "PATCH",
    "",
    "construccion",
    {"logs": [{"mensaje": "Va bien"}]},
    {"logs": [{"mensaje": "Va mal"}]},
)
_on_order("DELETE", "", "nuevo", None, None)
_on_order("POST", "/cancel", "construccion", {"motivo": "Ya no"}, {"motivo": "Nunca más"})
_on_order("POST", "/approve", "planificacion", {"motivo": "Bien"}, {"motivo": "Muy bien"})
_on_order("POST", "/reject", "planificacion", {"motivo": "Mal"}, {"motivo": "Muy mal"})
_on_order(
    "POST",
    "/plans/edit",
    "planificacion",
    {"plan": edited_plan()},
    {"plan": edited_plan(), "aprobar": False},
)
_on_order(
    "POST",
    "/plans/ask",
    "planificacion",
    {"para": "planificador", "pregunta": "¿Por qué?"},
    {"para": "planificador", "pregunta": "¿Cuánto?"},
)
_on_order(
    "POST", "/budget", "planificacion", {"presupuesto_usd": "5"}, {"planificador": "catalogo"}
)
_on_order("POST", "/accept", "qa", {"motivo": "Lo probé"}, {"motivo": "Lo vi"})
_on_order("POST", "/retry", "fallido", None, None)
_on_order("POST", "/wake", "construccion", None, None)
_on_order("POST", "/credentials/reveal", "listo", None, None)
_on_order("POST", "/portal-links", "construccion", {"enviar": True}, {"enviar": False})
_on_order(
    "POST",
    "/credentials/rotate",
    "entregado",
    {"nombres": ["api_key"]},
    {"nombres": ["webhook_secret"]},
)
_QUESTION = {"pregunta": "¿En qué idioma?", "destinatario": "cliente", "clave": "idioma"}
_on_order(
    "POST", "/preguntas", "construccion", _QUESTION, {**_QUESTION, "destinatario": "operador"}
)

_on_order("POST", "/problems", "entregado", {"descripcion": "Falla"}, {"descripcion": "Otra cosa"})


@_recipe("POST", f"{_ORDER}/problems/{{numero}}/close")
async def _close_problem(kitchen: Kitchen, by: Headers) -> Prepared:
    order_id, _ = await kitchen.order("entregado")
    path = f"/api/orders/{order_id}/problems"
    reported = await kitchen.workshop.http.post(path, json={"descripcion": "Falla"}, headers=by)
    assert reported.status_code == 201, reported.text
    return Prepared("POST", f"{path}/1/close", by)


@_recipe("POST", f"{_ORDER}/rating")
async def _rate(kitchen: Kitchen, by: Headers) -> Prepared:
    del by  # nobody but the client says what they think
    order_id, _ = await kitchen.order("entregado")
    owner = kitchen.workshop.headers["owner"]
    path = f"/api/orders/{order_id}/rating"
    return Prepared("POST", path, owner, {"calificacion": 4}, {"calificacion": 1})


@_recipe("POST", f"{_ORDER}/erase")
async def _erase(kitchen: Kitchen, by: Headers) -> Prepared:
    order_id, _ = await kitchen.order("entregado")
    order = await kitchen.workshop.order(UUID(order_id))
    body = {"motivo": "Lo pide el titular", "orden": order.order_number}
    otherwise = {**body, "producto": True}
    return Prepared("POST", f"/api/orders/{order_id}/erase", by, body, otherwise)


@_recipe("POST", f"{_ORDER}/preguntas/{{numero}}/respuesta")
async def _answer(kitchen: Kitchen, by: Headers) -> Prepared:
    order_id, _ = await kitchen.order("construccion")
    path = f"/api/orders/{order_id}/preguntas"
    asked = await kitchen.workshop.http.post(path, json=_QUESTION, headers=by)
    assert asked.status_code == 201, asked.text
    body, otherwise = {"respuesta": "Español"}, {"respuesta": "Inglés"}
    return Prepared("POST", f"{path}/1/respuesta", by, body, otherwise)


@_recipe("DELETE", f"{_ORDER}/portal-links/{{numero}}")
async def _revoke_link(kitchen: Kitchen, by: Headers) -> Prepared:
    order_id, _ = await kitchen.order("construccion")
    return Prepared("DELETE", f"/api/orders/{order_id}/portal-links/1", by)


@_recipe("POST", f"{_ORDER}/latido")
async def _beat(kitchen: Kitchen, by: Headers) -> Prepared:
    return await _of_the_agent(kitchen, "latido")


@_recipe("POST", f"{_ORDER}/token")
async def _renew(kitchen: Kitchen, by: Headers) -> Prepared:
    return await _of_the_agent(kitchen, "token")


@_recipe("POST", f"{_ORDER}/checks")
async def _check(kitchen: Kitchen, by: Headers) -> Prepared:
    order_id, _ = await kitchen.order("qa")
    return Prepared(
        "POST",
        f"/api/orders/{order_id}/checks",
        await kitchen.workshop.new_principal("council"),
        check_receipt(),
        check_receipt(verificacion="security"),
    )


async def _of_the_agent(kitchen: Kitchen, name: str) -> Prepared:
    order_id, _ = await kitchen.order("construccion")
    token = await kitchen.workshop.attempt_token(UUID(order_id))
    return Prepared("POST", f"/api/orders/{order_id}/{name}", token)


@_recipe("POST", "/api/orders")
async def _create(kitchen: Kitchen, by: Headers) -> Prepared:
    name = f"Producto {next(_numbers)}"
    return Prepared(
        "POST",
        "/api/orders",
        by,
        example_order(nombre_producto=name),
        example_order(nombre_producto=f"{name} bis"),
    )


@_recipe("POST", "/api/orders/bulk")
async def _bulk(kitchen: Kitchen, by: Headers) -> Prepared:
    ids = [(await kitchen.order("construccion"))[0] for _ in range(3)]
    body = {"accion": "cancel", "ids": ids, "motivo": "Ya no"}
    return Prepared("POST", "/api/orders/bulk", by, body, {**body, "motivo": "Nunca más"})


def _on_line(verb: str, before: LineMode, body: Mapping[str, Any] | None) -> None:
    async def recipe(kitchen: Kitchen, by: Headers) -> Prepared:
        await kitchen.set_line(LineMode.ACTIVA)  # whatever waited for the line has its job
        await kitchen.set_line(before)
        otherwise = {"motivo": "Otra cosa"} if body else None
        return Prepared("POST", f"/api/line/{verb}", by, body, otherwise)

    RECIPES[Endpoint("POST", f"/api/line/{verb}")] = recipe


_on_line("pause", LineMode.ACTIVA, {"motivo": "Porque sí"})
_on_line("drain", LineMode.PAUSADA, {"motivo": "Porque sí"})
_on_line("stop", LineMode.DRENANDO, {"motivo": "Porque sí"})
_on_line("resume", LineMode.DETENIDA, None)


@_recipe("POST", "/api/auth/logout")
async def _log_out(kitchen: Kitchen, by: Headers) -> Prepared:
    _, email = await kitchen.user()
    first, second = await kitchen.log_in(email), await kitchen.log_in(email)
    return Prepared(
        "POST", "/api/auth/logout", first, {"todas": False}, {"todas": True}, again=second
    )


@_recipe("POST", "/api/auth/password")
async def _change_password(kitchen: Kitchen, by: Headers) -> Prepared:
    _, email = await kitchen.user()
    body = {"password_actual": PASSWORD, "password_nueva": NEW_PASSWORD}
    headers = await kitchen.log_in(email)
    otherwise = {**body, "password_nueva": f"{NEW_PASSWORD} más"}
    return Prepared("POST", "/api/auth/password", headers, body, otherwise)


@_recipe("POST", "/api/users")
async def _create_user(kitchen: Kitchen, by: Headers) -> Prepared:
    email = f"nueva-{uuid4().hex[:12]}@example.com"
    body = {"email": email, "nombre": "Nueva", "rol": "operator"}
    return Prepared("POST", "/api/users", by, body, {**body, "nombre": "Otra"})


@_recipe("PATCH", "/api/users/{id}")
async def _update_user(kitchen: Kitchen, by: Headers) -> Prepared:
    user_id, _ = await kitchen.user()
    return Prepared(
        "PATCH", f"/api/users/{user_id}", by, {"restablecer_password": True}, {"nombre": "Otra"}
    )


@_recipe("POST", "/api/keys")
async def _create_key(kitchen: Kitchen, by: Headers) -> Prepared:
    body = {"nombre": f"n-{uuid4().hex[:12]}", "permiso": "lectura"}
    return Prepared("POST", "/api/keys", by, body, {**body, "permiso": "escritura"})


@_recipe("DELETE", "/api/keys/{id}")
async def _revoke_key(kitchen: Kitchen, by: Headers) -> Prepared:
    return Prepared("DELETE", f"/api/keys/{await kitchen.key()}", by)


@_recipe("POST", "/api/keys/{id}/rotate")
async def _rotate_key(kitchen: Kitchen, by: Headers) -> Prepared:
    path = f"/api/keys/{await kitchen.key()}/rotate"
    return Prepared("POST", path, by, {"gracia_horas": 1}, {"gracia_horas": 2})


@_recipe("POST", "/api/system-tokens")
async def _create_token(kitchen: Kitchen, by: Headers) -> Prepared:
    return Prepared("POST", "/api/system-tokens", by, {"agente": "a"}, {"agente": "b"})


@_recipe("DELETE", "/api/system-tokens/{id}")
async def _revoke_token(kitchen: Kitchen, by: Headers) -> Prepared:
    return Prepared("DELETE", f"/api/system-tokens/{await kitchen.token()}", by)


_DESTINATIONS = "/api/notifications/destinations"


@_recipe("POST", _DESTINATIONS)
async def _create_destination(kitchen: Kitchen, by: Headers) -> Prepared:
    body = {"canal": "webhook", "nombre": uuid4().hex, "url": "https://crm.example/avisos"}
    return Prepared("POST", _DESTINATIONS, by, body, {**body, "eventos": ["orden.creada"]})


def _on_destination(
    method: str,
    suffix: str,
    body: Mapping[str, Any] | None = None,
    otherwise: Mapping[str, Any] | None = None,
) -> None:
    async def recipe(kitchen: Kitchen, by: Headers) -> Prepared:
        destination_id, _ = await make_destination(kitchen.workshop, by)
        path = f"{_DESTINATIONS}/{destination_id}{suffix}"
        return Prepared(method, path, by, body, otherwise)

    RECIPES[Endpoint(method, f"{_DESTINATIONS}/{{id}}{suffix}")] = recipe


_on_destination("PATCH", "", {"activo": False}, {"eventos": []})
_on_destination("DELETE", "")
_on_destination("POST", "/rotate", {"gracia_horas": 1}, {"gracia_horas": 2})
_on_destination("POST", "/test")


@_recipe("POST", "/api/notifications/deliveries/{id}/redeliver")
async def _redeliver(kitchen: Kitchen, by: Headers) -> Prepared:
    _, delivery_id = await make_destination(kitchen.workshop, by)
    return Prepared("POST", f"/api/notifications/deliveries/{delivery_id}/redeliver", by)


ONE_OF_EACH_KIND = {
    Endpoint("POST", "/api/orders"): "a new row with a number of its own",
    Endpoint("POST", f"{_ORDER}/approve"): "a change of state and its job",
    Endpoint("POST", "/api/keys"): "a secret that is shown once",
    Endpoint("POST", "/api/auth/logout"): "the end of the caller's own session",
}
"""The endpoints of the proofs that are too long for all in the gate, and what each stands for."""
