"""The tools and resources: what an assistant can read and do about orders.

Creating asks twice. The first call tries and hands out a confirmation that the second must bring.
It binds the second call to the content that was tried. It also is the call's idempotency key, so a
model that repeats itself does not place the order again.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request

from axon_factory.domain.text import Sentence
from axon_factory.mcp.calls import Api, ApiRefused, Json, code_of

_NONCE_BYTES = 8


def confirmation_of(content: Mapping[str, Any], nonce: str | None = None) -> str:
    """Return "<nonce>.<digest>" for the content of an order, under a new nonce by default."""
    nonce = nonce or secrets.token_hex(_NONCE_BYTES)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(f"{nonce}\n{canonical}".encode()).hexdigest()
    return f"{nonce}.{digest[:32]}"


def confirms(confirmation: str, content: Mapping[str, Any]) -> bool:
    """Return whether the confirmation was handed out for just this content."""
    nonce, separator, _ = confirmation.partition(".")
    return bool(separator and nonce) and secrets.compare_digest(
        confirmation.encode(), confirmation_of(content, nonce).encode()
    )


Caller = Context[Any, Request]
Reference = Annotated[str, Field(description="Id o número de la orden, p. ej. ORD-2025-001")]
State = Literal[
    "nuevo", "planificacion", "construccion", "qa", "listo", "entregado", "fallido", "cancelado"
]
_OTHER_DATA = Sentence(
    "La confirmación no es de estos datos: ensaya de nuevo sin `confirmacion`",
    "The confirmation is not for these data: try again without `confirmacion`",
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_DECIDES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)


def request_of(context: Caller) -> Request:
    """Return the HTTP request that a tool or resource is asked by.

    Raises:
        ToolError: there is none.
    """
    request = context.request_context.request
    if request is None:
        raise ToolError("Este servidor solo atiende por HTTP")
    return request


def add_tools(server: MCPServer[Any], api: Api) -> None:
    """Register every tool on `server`; each asks `api` as the caller."""
    _add_reading(server, api)
    _add_creating(server, api)
    _add_deciding(server, api)
    _add_reporting(server, api)


def _add_reading(server: MCPServer[Any], api: Api) -> None:
    @server.tool("listar_ordenes", "Listar órdenes", annotations=_READS)
    async def list_orders(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        estado: State | None = None,
        tipo_producto: str | None = None,
        q: Annotated[
            str | None, Field(description="Palabras del número, el producto o el cliente")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
        cursor: Annotated[str | None, Field(description="`next` de la página anterior")] = None,
    ) -> Json:
        """Lista las órdenes que puedes ver, las más nuevas primero, con el total."""
        query = {
            "estado": estado,
            "tipo_producto": tipo_producto,
            "q": q,
            "limit": limit,
            "cursor": cursor,
        }
        return await api.ask(request_of(ctx), "GET", "/api/orders", query=query)

    @server.tool("consultar_orden", "Consultar una orden", annotations=_READS)
    async def read_order(ctx: Caller, orden: Reference) -> Json:  # pyright: ignore[reportUnusedFunction] — registered
        """Devuelve la orden: estado, progreso, plan con versión y hash, y sus últimos logs."""
        return await api.ask(request_of(ctx), "GET", f"/api/orders/{_segment(orden)}")

    @server.tool("tipos_de_producto", "Tipos de producto", annotations=_READS)
    async def product_types(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        tipo_producto: Annotated[
            str | None,
            Field(description="Con un tipo: su detalle, con el esquema de configuracion"),
        ] = None,
    ) -> Json:
        """Devuelve el catálogo, o un tipo con el esquema de lo que se puede configurar."""
        place = f"/{_segment(tipo_producto)}" if tipo_producto else ""
        return await api.ask(request_of(ctx), "GET", f"/api/products/types{place}")


def _add_creating(server: MCPServer[Any], api: Api) -> None:
    @server.tool("crear_orden", "Crear una orden", annotations=_WRITES)
    async def create_order(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        tipo_producto: Annotated[str, Field(description="Id de un tipo del catálogo")],
        nombre_producto: Annotated[str, Field(description="Nombre del producto para el cliente")],
        datos_cliente: Annotated[
            dict[str, Any],
            Field(description="`nombre`, `email`, y `configuracion` según el esquema del tipo"),
        ],
        prioridad: Literal["baja", "normal", "alta", "urgente"] = "normal",
        tags: list[str] | None = None,
        cliente_id: str | None = None,
        confirmacion: Annotated[
            str | None, Field(description="La que devolvió el ensayo de esta misma orden")
        ] = None,
    ) -> Json:
        """Primero ensaya: valida, planifica y da precio sin guardar, y devuelve `confirmacion`.

        Enséñale el ensayo a la persona. Con los mismos datos y esa `confirmacion` se crea la orden;
        repetirlo no la crea otra vez.
        """
        content: dict[str, Any] = {
            "tipo_producto": tipo_producto,
            "nombre_producto": nombre_producto,
            "datos_cliente": datos_cliente,
            "prioridad": prioridad,
            "tags": tags or [],
        }
        if cliente_id is not None:
            content["cliente_id"] = cliente_id
        request = request_of(ctx)
        if confirmacion is None:
            tried = await api.ask(
                request, "POST", "/api/orders", query={"dry_run": "true"}, body=content
            )
            return {**tried, "confirmacion": confirmation_of(content)}
        if not confirms(confirmacion, content):
            raise ToolError(_OTHER_DATA)
        key = {"Idempotency-Key": f"mcp-{confirmacion}"}
        return await api.ask(request, "POST", "/api/orders", body=content, headers=key)


def _add_deciding(server: MCPServer[Any], api: Api) -> None:
    @server.tool("aprobar_plan", "Aprobar un plan", annotations=_DECIDES)
    async def approve(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        orden: Reference,
        plan_version: Annotated[int, Field(description="La versión que la persona leyó")],
        plan_hash: Annotated[str, Field(description="El hash del plan que la persona leyó")],
        motivo: str | None = None,
    ) -> Json:
        """Aprueba el plan que una persona leyó; la construcción empieza.

        Es un acto de una persona: hace falta su sesión, no una clave.
        """
        body = {"plan_version": plan_version, "plan_hash": plan_hash}
        if motivo is not None:
            body["motivo"] = motivo
        path = f"/api/orders/{_segment(orden)}/approve"
        return await api.ask(request_of(ctx), "POST", path, body=body)

    @server.tool("rechazar_plan", "Rechazar un plan", annotations=_DECIDES)
    async def reject(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller, orden: Reference, plan_version: int, plan_hash: str, motivo: str
    ) -> Json:
        """Rechaza el plan que una persona leyó; se planifica de nuevo con el motivo."""
        body = {"plan_version": plan_version, "plan_hash": plan_hash, "motivo": motivo}
        path = f"/api/orders/{_segment(orden)}/reject"
        return await api.ask(request_of(ctx), "POST", path, body=body)


def _add_reporting(server: MCPServer[Any], api: Api) -> None:
    @server.tool("reportar_progreso", "Reportar progreso", annotations=_WRITES)
    async def report(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        orden: Reference,
        mensaje: Annotated[str, Field(description="Qué se hizo, en una frase")],
        tipo: Literal["info", "warning", "error", "success"] = "info",
        agente: str | None = None,
        progreso: Annotated[int | None, Field(ge=0, le=100)] = None,
        estado: State | None = None,
    ) -> Json:
        """Añade una entrada a los logs y, si se dan, reporta progreso y estado (§3.5)."""
        entry = {"mensaje": mensaje, "tipo": tipo, "agente": agente}
        body: dict[str, Any] = {"logs": [_without_nothing(entry)]}
        body |= _without_nothing({"progreso": progreso, "estado": estado})
        return await api.ask(request_of(ctx), "PATCH", f"/api/orders/{_segment(orden)}", body=body)

    @server.tool("preguntar", "Preguntar", annotations=_WRITES)
    async def ask(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller,
        orden: Reference,
        pregunta: str,
        destinatario: Literal["cliente", "operador"] = "cliente",
        opciones: list[str] | None = None,
    ) -> Json:
        """Pregunta al cliente o al operador; la orden espera la respuesta."""
        body = {"pregunta": pregunta, "destinatario": destinatario, "opciones": opciones}
        path = f"/api/orders/{_segment(orden)}/preguntas"
        return await api.ask(request_of(ctx), "POST", path, body=_without_nothing(body))

    @server.tool("ver_preguntas", "Ver preguntas y respuestas", annotations=_READS)
    async def questions(ctx: Caller, orden: Reference) -> Json:  # pyright: ignore[reportUnusedFunction] — registered
        """Devuelve las preguntas de la orden que puedes ver, con sus respuestas."""
        return await api.ask(request_of(ctx), "GET", f"/api/orders/{_segment(orden)}/preguntas")

    @server.tool("responder", "Responder una pregunta", annotations=_WRITES)
    async def answer(  # pyright: ignore[reportUnusedFunction] — registered
        ctx: Caller, orden: Reference, numero: int, respuesta: str
    ) -> Json:
        """Responde la pregunta con ese número; la construcción continúa."""
        path = f"/api/orders/{_segment(orden)}/preguntas/{numero}/respuesta"
        return await api.ask(request_of(ctx), "POST", path, body={"respuesta": respuesta})


def _segment(text: str) -> str:
    """Return a name as one segment of a path; what could leave its place is no name.

    Raises:
        ToolError: it is no name.
    """
    if not text or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        name = text[:60]
        raise ToolError(
            Sentence(
                f"'{name}' no es un id ni un número de orden",
                f"'{name}' is neither an id nor a number of an order",
            )
        )
    return text


def _without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


_PLAN = ("id", "order_number", "estado", "plan_estado", "plan_version", "plan_hash", "plan")
_JSON = "application/json"


def add_resources(server: MCPServer[Any], api: Api) -> None:
    """Register the resources on `server`; each asks `api` as the caller."""

    async def read(context: Caller, reference: str) -> Json:
        try:
            return await api.ask(request_of(context), "GET", f"/api/orders/{reference}")
        except ApiRefused as error:
            data = {"status": error.status, "codigo": error.codigo}
            raise MCPError(code_of(error.status), str(error), data) from None

    @server.resource("axon://ordenes/{orden}", title="Orden", mime_type=_JSON)
    async def order(orden: str, ctx: Caller) -> str:  # pyright: ignore[reportUnusedFunction] — registered
        """Una orden como la ve quien pregunta."""
        return _text(await read(ctx, orden))

    @server.resource("axon://ordenes/{orden}/plan", title="Plan", mime_type=_JSON)
    async def plan(orden: str, ctx: Caller) -> str:  # pyright: ignore[reportUnusedFunction] — registered
        """El plan vigente de una orden, con la versión y el hash que una aprobación nombra."""
        document = await read(ctx, orden)
        return _text({name: document[name] for name in _PLAN if name in document})


def _text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)
