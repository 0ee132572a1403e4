"""What an assistant does about orders, with the client of the official SDK."""

import json
from typing import Any
from uuid import UUID

import pytest
from mcp import Client

from axon_factory.domain.states import OrderState
from axon_factory.mcp.tools import confirmation_of, confirms
from tests.mcp.conftest import Assistant
from tests.support.copies import order_in
from tests.support.workshop import Headers, Json, Workshop, example_order

CONTENT = {
    "tipo_producto": "webhook_service",
    "nombre_producto": "Avisos",
    "datos_cliente": {"nombre": "Empresa XYZ", "email": "xyz@example.com", "configuracion": {}},
    "prioridad": "alta",
    "tags": ["mcp"],
}


async def call(client: Client, tool: str, **arguments: Json) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Json) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return "".join(getattr(part, "text", "") for part in result.content)


async def test_an_assistant_takes_an_order_from_trial_to_delivery(
    workshop: Workshop, assistant: Assistant
) -> None:
    async with assistant(workshop.headers["admin"]) as client:
        tried = await call(client, "crear_orden", **CONTENT)
        assert (tried["dry_run"], tried["precio"]) == (True, "1500.00")
        confirmation = tried["confirmacion"]
        made = await call(client, "crear_orden", **CONTENT, confirmacion=confirmation)
        again = await call(client, "crear_orden", **CONTENT, confirmacion=confirmation)
        assert made == again
        found = await call(client, "listar_ordenes", q=made["order_number"])
        assert [order["id"] for order in found["orders"]] == [made["id"]]

        order_id = UUID(made["id"])
        while await workshop.line.advance(order_id) is not None:
            pass
        read = await call(client, "consultar_orden", orden=made["order_number"])
        assert read["plan_estado"] == "pendiente_aprobacion"
        plan = {name: read[name] for name in ("plan_version", "plan_hash")}
        answer = await call(client, "aprobar_plan", orden=made["id"], **plan)
        assert answer["estado"] == "construccion"
        while await workshop.line.advance(order_id) is not None:
            pass
        assert (await call(client, "consultar_orden", orden=made["id"]))["estado"] == "entregado"


async def test_nothing_is_created_without_its_own_trial(
    workshop: Workshop, assistant: Assistant
) -> None:
    other = {**CONTENT, "nombre_producto": "Otro"}
    async with assistant(workshop.headers["key_escritura"]) as client:
        before = await total(workshop)
        tried = await call(client, "crear_orden", **CONTENT)
        for confirmation in (
            tried["confirmacion"][:-1] + "x",
            "x",
            "",
            ".",
            confirmation_of(CONTENT)[:20],
        ):
            text = await refused(client, "crear_orden", **other, confirmacion=confirmation)
            assert "ensaya de nuevo" in text
        assert "ensaya" in await refused(
            client, "crear_orden", **other, confirmacion=tried["confirmacion"]
        )
        assert await total(workshop) == before


async def total(workshop: Workshop) -> int:
    answer = await workshop.http.get("/api/orders", headers=workshop.headers["admin"])
    return answer.json()["total"]


def test_a_confirmation_is_of_its_content_alone() -> None:
    assert confirms(confirmation_of(CONTENT), CONTENT)
    assert confirms(confirmation_of(CONTENT), dict(reversed(CONTENT.items())))
    assert not confirms(confirmation_of(CONTENT), {**CONTENT, "prioridad": "baja"})
    assert confirmation_of(CONTENT) != confirmation_of(CONTENT)


async def test_a_refusal_says_what_the_api_says(workshop: Workshop, assistant: Assistant) -> None:
    wrong = {**CONTENT, "tipo_producto": "autopilot_marte"}
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    async with assistant(workshop.headers["admin"]) as client:
        text = await refused(client, "crear_orden", **wrong)
        assert "400 validacion" in text
        assert "- tipo_producto: Tipo de producto no válido" in text
        plan = {"plan_version": 1, "plan_hash": "0" * 64}
        text = await refused(client, "aprobar_plan", orden=str(order_id), **plan)
        assert text.startswith("409 ")
        assert "404 orden_no_encontrada" in await refused(
            client, "consultar_orden", orden="ORD-1999-001"
        )
        for name in ("../users", "a/b", "", "x?y=1", "%2e%2e", "ñ"):
            assert "no es un id" in await refused(client, "consultar_orden", orden=name)


async def test_an_agent_reports_about_its_order(workshop: Workshop, assistant: Assistant) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    token = await workshop.attempt_token(order_id)
    as_bearer = {"Authorization": f"Bearer {token['X-System-Token']}"}
    for headers in (token, as_bearer):
        async with assistant(headers) as client:
            told = {"orden": str(order_id), "mensaje": "Base lista ✅", "progreso": 40}
            assert (await call(client, "reportar_progreso", **told))["progreso"] == 40
            resource = await client.read_resource(f"axon://ordenes/{order_id}")
            document = json.loads(getattr(resource.contents[0], "text", ""))
            assert document["logs"][-1]["mensaje"] == "Base lista ✅"
            assert "precio" not in document
            plan = await client.read_resource(f"axon://ordenes/{order_id}/plan")
            assert json.loads(getattr(plan.contents[0], "text", ""))["plan_version"] == 1


TOOLS: dict[str, dict[str, Any]] = {
    "listar_ordenes": {},
    "consultar_orden": {"orden": "{id}"},
    "tipos_de_producto": {},
    "crear_orden": CONTENT,
    "aprobar_plan": {"orden": "{id}", "plan_version": 1, "plan_hash": "0" * 64},
    "rechazar_plan": {"orden": "{id}", "plan_version": 1, "plan_hash": "0" * 64, "motivo": "no"},
    "reportar_progreso": {"orden": "{id}", "mensaje": "hola"},
    "preguntar": {"orden": "{id}", "pregunta": "¿Qué color?", "destinatario": "operador"},
    "ver_preguntas": {"orden": "{id}"},
    "responder": {"orden": "{id}", "numero": 2, "respuesta": "azul"},  # 1 is answered over HTTP
}
REQUESTS = {
    "listar_ordenes": ("GET", "/api/orders"),
    "consultar_orden": ("GET", "/api/orders/{id}"),
    "tipos_de_producto": ("GET", "/api/products/types"),
    "crear_orden": ("POST", "/api/orders?dry_run=true"),
    "aprobar_plan": ("POST", "/api/orders/{id}/approve"),
    "rechazar_plan": ("POST", "/api/orders/{id}/reject"),
    "reportar_progreso": ("PATCH", "/api/orders/{id}"),
    "preguntar": ("POST", "/api/orders/{id}/preguntas"),
    "ver_preguntas": ("GET", "/api/orders/{id}/preguntas"),
    "responder": ("POST", "/api/orders/{id}/preguntas/1/respuesta"),
}
CALLERS = ("owner", "key_lectura", "attempt")
"""One for each kind of credential."""
OTHERS = ("admin", "operator", "other", "key_escritura", "key_admin", "permanent")


async def test_every_tool_is_a_request_that_is_listed_here(
    workshop: Workshop, assistant: Assistant
) -> None:
    async with assistant(workshop.headers["key_lectura"]) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
    assert offered == set(TOOLS) == set(REQUESTS)


@pytest.mark.parametrize(
    "caller", [*CALLERS, *(pytest.param(other, marks=pytest.mark.nightly) for other in OTHERS)]
)
async def test_a_tool_may_what_its_request_may(
    workshop: Workshop, assistant: Assistant, caller: str
) -> None:
    """Whoever is asked over MCP answers as whoever is asked over HTTP: refused alike or not."""
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    headers: Headers = (
        await workshop.attempt_token(order_id) if caller == "attempt" else workshop.headers[caller]
    )
    async with assistant(headers) as client:
        for tool, (method, path) in REQUESTS.items():
            body = {key: value for key, value in TOOLS[tool].items() if value != "{id}"}
            asked = await workshop.http.request(
                method,
                path.format(id=order_id),
                json=None if method == "GET" else _body(tool, body),
                headers=headers,
            )
            arguments = {
                name: str(order_id) if value == "{id}" else value
                for name, value in TOOLS[tool].items()
            }
            result = await client.call_tool(tool, arguments)
            text = "".join(getattr(part, "text", "") for part in result.content)
            if asked.is_error:
                assert result.is_error, (tool, asked.text)
                assert text.startswith(f"{asked.status_code} {asked.json()['codigo']}: "), (
                    tool,
                    text,
                )
            else:
                assert not result.is_error, (tool, text)


def _body(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if tool == "reportar_progreso":
        return {"logs": [{"mensaje": arguments["mensaje"]}]}
    return {name: value for name, value in arguments.items() if name != "numero"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Authorization": "Bearer axk_live_aaaaaaaa_x"}, 401),
        ({"X-API-Key": "axk_live_aaaaaaaa_x"}, 401),
        ({"Authorization": "Bearer axs_live_x", "X-API-Key": "y"}, 401),
    ],
)
async def test_nobody_is_let_in_without_a_credential(
    workshop: Workshop, headers: Headers, status: int
) -> None:
    answer = await workshop.http.post("/mcp", json=_LIST, headers={**_ACCEPT, **headers})
    assert answer.status_code == status, answer.text
    assert "codigo" in answer.json()


async def test_pages_of_other_origins_are_refused(workshop: Workshop) -> None:
    for origin, status in (("https://malo.example", 403), ("https://fabrica.example", 200)):
        headers = {**_ACCEPT, **workshop.headers["admin"], "Origin": origin}
        answer = await workshop.http.post("/mcp", json=_LIST, headers=headers)
        assert answer.status_code == status, answer.text


_ACCEPT = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


async def test_the_trial_is_the_apis_own(workshop: Workshop, assistant: Assistant) -> None:
    body = example_order()
    asked = await workshop.http.post(
        "/api/orders?dry_run=true", json=body, headers=workshop.headers["admin"]
    )
    async with assistant(workshop.headers["admin"]) as client:
        tried = await call(client, "crear_orden", **body)
    del tried["confirmacion"]
    assert tried == asked.json()
