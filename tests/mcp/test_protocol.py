"""What clients of MCP get wrong, over plain HTTP: each is told what, in our words and theirs."""

import json
from typing import Any
from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Workshop

PLAIN = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-06-18",
}
KNOWN = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
META = "io.modelcontextprotocol/protocolVersion"


def rpc(method: str, **params: Any) -> str:  # noqa: ANN401 — any JSON value
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


def called(tool: str, **arguments: Any) -> str:  # noqa: ANN401 — any JSON value
    return rpc("tools/call", name=tool, arguments=arguments)


async def post(workshop: Workshop, body: str | bytes, who: str = "admin", **headers: str) -> Any:  # noqa: ANN401 — an answer
    path = headers.pop("path", "/mcp")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await workshop.http.post(
        path, content=body, headers={**PLAIN, **workshop.headers[who], **given}
    )


@pytest.mark.parametrize("version", [None, *KNOWN[1:-1]])
async def test_an_address_with_a_slash_is_the_same(workshop: Workshop, version: str | None) -> None:
    headers = {"MCP_Protocol_Version": version} if version else {}
    for path in ("/mcp", "/mcp/"):
        answer = await post(workshop, rpc("tools/list"), path=path, **headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["tools"]
    denied = await workshop.http.post("/mcp/", content=rpc("tools/list"), headers=PLAIN)
    assert denied.status_code == 401


async def test_with_a_slash_too_there_is_nothing_to_get(workshop: Workshop) -> None:
    for path in ("/mcp", "/mcp/"):
        answer = await workshop.http.get(path, headers=workshop.headers["admin"])
        assert answer.status_code == 405


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("{no", -32700, "no es JSON"),
        (b"\xff\xfe", -32700, "no es UTF-8"),
        ("", -32700, "no es JSON"),
        ('{"jsonrpc": "2.0", "id": 1, "method"', -32700, "no es JSON"),
        ("[" * 100_000, -32600, "como máximo"),
        (f"[{'1,' * 3000}1]", -32600, "como máximo"),
        ('{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "x"}', -32600, "id"),
        ("[]", -32600, "lotes"),
        (f"[{rpc('tools/list')}]", -32600, "lotes"),
        ("5", -32600, "objeto JSON-RPC"),
        ('{"a": 1}', -32600, "objeto JSON-RPC"),
        ('{"jsonrpc": "1.0", "id": 7, "method": "tools/list"}', -32600, "objeto JSON-RPC"),
        (rpc("tools/call", name="listar_ordenes", arguments=[1]), -32602, "arguments"),
        (rpc("tools/call", arguments={}), -32602, "name"),
    ],
)
async def test_what_is_no_message_is_told_as_json_rpc_has_it(
    workshop: Workshop, body: str | bytes, code: int, words: str
) -> None:
    answer = await post(workshop, body)
    assert answer.status_code == 400
    document = answer.json()
    assert (document["jsonrpc"], document["error"]["code"]) == ("2.0", code)
    assert words in document["error"]["message"]
    assert "pydantic" not in answer.text
    english = await post(workshop, body, Accept_Language="en")
    assert english.json()["error"]["code"] == code
    assert english.json()["error"]["message"] != document["error"]["message"]


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (rpc("tools/list"), "1999-01-01"),
        (rpc("tools/list", _meta={META: "2030-01-01"}), "2030-01-01"),
        (rpc("tools/list", _meta={META: "2030-01-01"}), ""),
    ],
)
async def test_an_unknown_version_lists_the_known_ones(
    workshop: Workshop, body: str, header: str
) -> None:
    answer = await post(workshop, body, MCP_Protocol_Version=header)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (answer.json()["id"], error["code"]) == (7, -32022)
    assert error["data"]["supported"] == KNOWN
    assert error["data"]["requested"] in {"1999-01-01", "2030-01-01"}
    assert ", ".join(KNOWN) in error["message"]


async def test_an_unknown_version_at_the_beginning_is_answered_with_a_known_one(
    workshop: Workshop,
) -> None:
    client = {"name": "x", "version": "1"}
    body = rpc("initialize", protocolVersion="1999-01-01", capabilities={}, clientInfo=client)
    headers = {**PLAIN, **workshop.headers["admin"]}
    del headers["MCP-Protocol-Version"]
    answer = await workshop.http.post("/mcp", content=body, headers=headers)
    assert answer.json()["result"]["protocolVersion"] in KNOWN


@pytest.fixture(scope="module")
async def built(workshop: Workshop) -> UUID:
    """An order in `construccion`, for tests that leave it as it is."""
    return await order_in(workshop, OrderState.CONSTRUCCION)


@pytest.mark.parametrize(
    ("who", "order", "code", "status"),
    [
        ("other", "{id}", -32002, 404),
        ("admin", "ORD-1999-001", -32002, 404),
        ("permanent", "{id}", -32010, 403),
    ],
)
async def test_a_resource_that_is_refused_is_no_internal_error(
    workshop: Workshop, built: UUID, who: str, order: str, code: int, status: int
) -> None:
    uri = f"axon://ordenes/{order.format(id=built)}"
    answer = await post(workshop, rpc("resources/read", uri=uri), who)
    error = answer.json()["error"]
    assert (error["code"], error["data"]["status"]) == (code, status)
    assert error["message"].startswith(f"{status} {error['data']['codigo']}: ")


@pytest.mark.parametrize(
    ("tool", "arguments", "spanish", "english"),
    [
        (
            "listar_ordenes",
            {"limit": "x", "estado": "y"},
            ["limit: Debe ser un número entero", "estado: Valor no válido. Opciones: nuevo"],
            ["limit: Must be a whole number", "estado: Not a valid value. One of: nuevo"],
        ),
        ("listar_ordenes", {"limit": 0}, ["limit: Debe ser ≥ 1"], ["limit: Must be ≥ 1"]),
        (
            "crear_orden",
            {"tipo_producto": 5, "datos_cliente": "x"},
            [
                "tipo_producto: Debe ser un texto",
                "nombre_producto: Falta este campo",
                "datos_cliente: Debe ser un objeto JSON",
            ],
            ["tipo_producto: Must be a text", "nombre_producto: This field is missing"],
        ),
        (
            "listar_ordenes",
            {"estdo": "qa"},
            ["estdo: No existe; ¿es «estado»?"],
            ["estdo: There is none; is it `estado`?"],
        ),
        ("ver_preguntas", {"orden": "a", "zzz": 1}, ["zzz: No existe; los hay: orden"], ["zzz: "]),
        ("listar_ordnes", {}, ["No hay una herramienta «listar_ordnes»; hay: "], ["no tool"]),
        ("consultar_orden", {"orden": "a/b"}, ["no es un id"], ["neither an id"]),
    ],
)
async def test_arguments_that_do_not_fit_are_explained_in_the_callers_language(
    workshop: Workshop, tool: str, arguments: dict[str, Any], spanish: list[str], english: list[str]
) -> None:
    for language, lines in (("es", spanish), ("en", english)):
        answer = await post(workshop, called(tool, **arguments), Accept_Language=language)
        result = answer.json()["result"]
        assert result["isError"]
        text = result["content"][0]["text"]
        assert not [line for line in lines if line not in text], text
        for foreign in ("pydantic", "Input should", "Error executing", "Arguments"):
            assert foreign not in text
