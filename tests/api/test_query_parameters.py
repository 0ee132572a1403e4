"""Query parameters: what a route does not declare, or may not be sent twice, is refused by name."""

import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from axon_factory.api.client_generators import OTHER_PARAMETERS
from axon_factory.api.parameters import query_parameters
from axon_factory.api.routes import declared_routes, documented_path
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import PERMISSIONS, Grant
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Json, Workshop

LIST = "/api/orders"
SUGGESTED = {
    # As seen: each was answered with every order.
    f"{LIST}?status=nuevo": ("status", "estado"),
    f"{LIST}?State=nuevo": ("State", "estado"),
    f"{LIST}?estados=nuevo": ("estados", "estado"),
    f"{LIST}?planEstado=aprobado": ("planEstado", "plan_estado"),
    f"{LIST}?type=webhook_service": ("type", "tipo_producto"),
    f"{LIST}?priority=alta": ("priority", "prioridad"),
    f"{LIST}?page=2": ("page", "offset"),
    f"{LIST}?per_page=10": ("per_page", "limit"),
    f"{LIST}?pageSize=10": ("pageSize", "limit"),
    f"{LIST}?created%5Bgte%5D=2025-01-01": ("created[gte]", "creado_desde"),
    f"{LIST}?updated_after=2025-01-01": ("updated_after", "actualizado_desde"),
    f"{LIST}?starting_after=x": ("starting_after", "cursor"),
    f"{LIST}?customer=x": ("customer", "cliente_id"),
    f"{LIST}?tags=x": ("tags", "tag"),
    f"{LIST}?search=x": ("search", "q"),
    f"{LIST}?order=asc": ("order", "sort_order"),
    f"{LIST}?order_by=prioridad": ("order_by", "sort_by"),
    f"{LIST}?delimiter=;": ("delimiter", "separador"),
    "/api/audit?since=2025-01-01T00:00:00Z": ("since", "desde"),
    "/api/audit?action=x": ("action", "accion"),
    "/api/notifications/deliveries?status=x": ("status", "estado"),
    "/api/users?page=2": ("page", "offset"),
}


@pytest.mark.parametrize("address", SUGGESTED)
async def test_the_nearest_parameter_is_named(workshop: Workshop, address: str) -> None:
    name, nearest = SUGGESTED[address]
    answer = await workshop.http.get(address, headers=workshop.headers["admin"])
    assert answer.status_code == 400, answer.text
    said = f"No existe este parámetro; ¿quisiste decir `{nearest}`?"
    assert answer.json() | {"error": "Validation error", "details": {name: said}} == answer.json()


async def test_every_wrong_parameter_is_named(workshop: Workshop) -> None:
    query = "zzzzzz=1&limit=1&limit=2&tag=a&tag=b&%3Cscript%3E=1&estado="
    answer = await workshop.http.get(
        f"{LIST}?{query}", headers={**workshop.headers["admin"], "Accept-Language": "en"}
    )
    details = answer.json()["details"]
    assert set(details) == {"zzzzzz", "limit", "?"}
    assert details["limit"] == "This parameter is sent once only"
    assert details["zzzzzz"].startswith("There is no such parameter. One of: actualizado_desde, ")
    many = "&".join(f"p{number}=1" for number in range(90))
    answer = await workshop.http.get(f"{LIST}?{many}", headers=workshop.headers["admin"])
    assert len(answer.json()["details"]) == 20


async def test_no_route_ignores_a_parameter(workshop: Workshop) -> None:
    """Of writes too: `?dryrun=true` placed an order."""
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    agent = await workshop.attempt_token(order)
    asked = 0
    for route in declared_routes(application_of(workshop.container).routes):
        if not route.path.startswith("/api/"):
            continue
        grants = PERMISSIONS[route.action].grants if route.action else frozenset({Grant.ADMIN})
        headers = workshop.headers["admin"] if Grant.ADMIN in grants else agent
        if grants == {Grant.CLIENT_OWN}:
            headers = workshop.headers["owner"]
        if grants == {Grant.SYSTEM_COUNCIL}:
            headers = workshop.headers["council"]
        path = re.sub(r"\{\w+\}", "1", route.path)
        for method in route.methods:
            answer = await workshop.http.request(method, f"{path}?zzzzzz=1", headers=headers)
            assert answer.status_code == 400, (method, path, answer.text)
            assert list(answer.json()["details"]) == ["zzzzzz"], (method, path)
            asked += 1
    assert asked > 60


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "axk_live_x"}])
async def test_who_is_not_let_in_is_told_that_first(
    workshop: Workshop, headers: dict[str, str]
) -> None:
    answer = await workshop.http.get(f"{LIST}?status=nuevo", headers=headers)
    assert answer.status_code == 401


async def test_pages_for_people_take_what_others_append(workshop: Workshop) -> None:
    assert (await workshop.http.get("/health?utm_source=x")).status_code == 200


def test_what_is_documented_is_what_is_known(workshop: Workshop, document: Json) -> None:
    app = application_of(workshop.container)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            documented = {
                parameter["name"]
                for member in ("parameters", OTHER_PARAMETERS)
                for parameter in operation.get(member, ())
                if parameter.get("in") == "query"
            }
            [route] = (
                context.original_route
                for context in iter_route_contexts(app.routes)
                if documented_path(context) == path and method.upper() in (context.methods or ())
            )
            assert isinstance(route, APIRoute)
            assert documented == set(query_parameters(route)), (method, path)
