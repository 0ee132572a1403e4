"""For every writing endpoint a request that it accepts, each time on something of its own."""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from axon_factory.domain.building import LineMode
from tests.proofs.kitchen import Kitchen, Prepared
from tests.proofs.writes import Endpoint
from tests.support.destinations import make_destination
from tests.support.plans import edited_plan
from tests.support.ports import check_receipt
from tests.support.workshop import (
    PASSWORD,
    Headers,
    example_order,
)

_numbers = itertools.count(1)
_ORDER = "/api/orders/{id}"
NEW_PASSWORD = "otro burro grapadora lluvia"


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
_on_order("POST", "/invite", "construccion", {"idioma": "es"}, {"idioma": "en"})
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
    owner = await kitchen.workshop.new_principal("owner")
    path = f"/api/orders/{order_id}/rating"
    body, otherwise = {"calificacion": 4}, {"calificacion": 1}
    return Prepared("POST", path, owner, body, otherwise, other=("POST", "/credentials/rotate"))


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


@_recipe("POST", "/api/users/{id}/invite")
async def _invite_user(kitchen: Kitchen, by: Headers) -> Prepared:
    user_id, _ = await kitchen.user(invited=True)
    path = f"/api/users/{user_id}/invite"
    return Prepared("POST", path, by, {"idioma": "es"}, {"idioma": "en"})


@_recipe("POST", "/api/users/{id}/logout")
async def _end_user_sessions(kitchen: Kitchen, by: Headers) -> Prepared:
    user_id, _ = await kitchen.user()
    return Prepared("POST", f"/api/users/{user_id}/logout", by)


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
