"""What anybody may ask: whether the service works, and the catalogue (design §4.2)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory import __version__
from axon_factory.api.answers import json_response
from axon_factory.api.parameters import known_parameters
from axon_factory.api.refusals import NotReady
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.answers import AnswerModel, Count
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import NotFound
from axon_factory.domain.failure import TROUBLES, Trouble
from axon_factory.domain.text import Sentence
from axon_factory.insights.line import read_held_orders
from axon_factory.orders.answers.shared import design_example
from axon_factory.orders.incidents import read_products_down

__all__ = [
    "Health",
    "MachineProblem",
    "ProductType",
    "ProductTypeList",
    "Readiness",
    "catalogue",
    "probes",
]
_EXAMPLE_PROBLEM = {"codigo": "disco_lleno", "mensaje": "Falta espacio en el disco", "ordenes": 3}

_CODE = Annotated[Trouble, Field(description="Qué le pasa a la máquina.")]


class MachineProblem(AnswerModel):
    """Un problema de la máquina."""

    codigo: _CODE
    mensaje: str = Field(description="Lo mismo, en una frase.")
    ordenes: int = Field(ge=0, description="Cuántas órdenes esperan por esto ahora.")


class Health(AnswerModel):
    """El servicio y su base de datos responden."""

    EXAMPLE: ClassVar = {
        "status": "degradado",
        "version": "0.1.0",
        "problemas": [_EXAMPLE_PROBLEM],
        "productos_caidos": 0,
        "productos_sin_vigilar": 0,
    }

    status: Literal["ok", "degradado"] = Field(
        description="`degradado` si hay problemas o un producto caído; un 503 si la base de "
        "datos no responde."
    )
    version: str = Field(description="Versión del programa.")
    productos_caidos: Count = Field(
        description="Productos entregados que no marchan; `GET /api/line` los nombra."
    )
    productos_sin_vigilar: Count = Field(
        description="Productos entregados de los que ningún trabajador da noticia desde hace un "
        "minuto."
    )
    problemas: list[MachineProblem] = Field(description="Qué impide trabajar; vacía si nada.")


class Readiness(AnswerModel):
    """El servicio puede leer y escribir."""

    EXAMPLE: ClassVar = {"status": "listo", "version": "0.1.0"}

    status: Literal["listo"] = Field(description="Siempre `listo`; si no, la respuesta es un 503.")
    version: str = Field(description="Versión del programa.")


_TYPE = "autopilot_whatsapp"


class ProductTypeSummary(AnswerModel):
    """Un tipo de producto, en breve."""

    id: str = Field(description="Nombre estable del tipo; es el `tipo_producto` de una orden.")
    nombre: str = Field(description="Nombre para personas.")
    descripcion: str = Field(description="Qué hace, en una frase.")
    estimacion_horas: float = Field(gt=0, description="Horas de construcción estimadas.")
    precio_base_usd: float = Field(ge=0, description="Precio base, en dólares.")
    features: list[str] = Field(description="Sus tres primeras características.")


class ProductTypeList(AnswerModel):
    """Los tipos de producto que se pueden pedir (§4.2)."""

    EXAMPLE: ClassVar = design_example("4.2-products.200")

    products: list[ProductTypeSummary] = Field(description="Los tipos, en el orden del catálogo.")


class ProductType(ProductTypeSummary):
    """Todo lo que el catálogo sabe de un tipo (§4.1), y cómo se configura."""

    EXAMPLE: ClassVar = {
        "id": _TYPE,
        **design_example("4.1-catalogue")[_TYPE],
        "version": 1,
        "configuracion_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"idioma": {"type": "string", "title": "Idioma"}},
        },
    }

    features: list[str] = Field(description="Todas sus características.")
    stack_base: list[str] = Field(description="Tecnologías de las que parte.")
    templates: list[str] = Field(description="Plantillas de las que parte.")
    integraciones_comunes: list[str] = Field(description="Integraciones habituales.")
    version: int = Field(ge=1, description="Crece con cada cambio del tipo.")
    configuracion_schema: dict[str, Any] = Field(
        description="JSON Schema (2020-12) de `datos_cliente.configuracion`; sirve para un "
        "formulario."
    )


probes = APIRouter(route_class=Route, tags=["salud"])


@probes.get(
    "/health",
    operation_id="getHealth",
    summary="Consultar si el servicio responde, y qué le pasa",
    responses=answers(Health),
)
async def health(services: Services) -> dict[str, Any]:
    """Responde 200 cuando la base de datos responde, con lo que impide trabajar; 503 si no.

    Los problemas son los de la máquina de este proceso y los que detienen órdenes en cualquiera.
    """
    async with services.database.reading() as session:
        held = await _held(session)
        products = await _products(session)
    found = [*_present(services), *held]
    return {
        "status": "degradado" if found or products["productos_caidos"] else "ok",
        "version": __version__,
        "problemas": _told(found, held),
        **products,
    }


@probes.get(
    "/ready",
    operation_id="getReadiness",
    summary="Consultar si el servicio puede trabajar",
    responses=answers(Readiness),
)
@raises(NotReady)
async def ready(services: Services) -> dict[str, Any]:
    """Responde 200 cuando este proceso puede leer y escribir; 503 con las razones si no."""
    async with services.database.reading() as session:
        held = await _held(session)
    found = _present(services)
    if found:
        raise NotReady(_told(found, held))
    return {"status": "listo", "version": __version__}


def _present(services: ApiServices) -> list[Trouble]:
    """Return what is wrong with this process's machine, and with the database's."""
    troubles = [*services.machine.troubles()]
    if services.database.trouble is not None:
        troubles.append(services.database.trouble)
    return [trouble.kind for trouble in troubles]


async def _held(session: AsyncSession) -> dict[Trouble, int]:
    return {one.trouble: one.orders for one in await read_held_orders(session)}


def _told(found: list[Trouble], held: Mapping[Trouble, int]) -> list[dict[str, str | int]]:
    """Return each kind once, without details: these answers are for everybody."""
    return [
        {"codigo": kind.value, "mensaje": _sentence(kind), "ordenes": held.get(kind, 0)}
        for kind in dict.fromkeys(found)
    ]


def _sentence(kind: Trouble) -> Sentence:
    return TROUBLES[kind]


async def _products(session: AsyncSession) -> dict[str, int]:
    """Return how many delivered products are in trouble: numbers, because anybody may ask."""
    products = await read_products_down(session, datetime.now(UTC))
    return {
        "productos_caidos": len(products.down),
        "productos_sin_vigilar": products.unwatched,
    }


catalogue = APIRouter(
    route_class=Route,
    prefix="/api/products",
    tags=["productos"],
    dependencies=[Depends(known_parameters)],
)

_CACHED = {"Cache-Control": "public, max-age=300"}


@catalogue.get(
    "/types",
    operation_id="listProductTypes",
    summary="Listar los tipos de producto",
    responses=answers(ProductTypeList, etag=True),
)
async def list_product_types(request: Request) -> Response:
    """Lista los tipos de productos disponibles."""
    products = [product.summary() for product in PRODUCT_TYPES.values()]
    return json_response(request, {"products": products}, headers=_CACHED)


@catalogue.get(
    "/types/{product_id}",
    operation_id="getProductType",
    summary="Consultar un tipo de producto",
    responses=answers(ProductType, etag=True),
)
async def show_product_type(product_id: str, request: Request) -> Response:
    """Muestra todo lo que el catálogo sabe de un tipo de producto, y cómo se configura."""
    product = PRODUCT_TYPES.get(product_id)
    if product is None:
        known = ", ".join(PRODUCT_TYPES)
        raise NotFound(
            f"No hay un tipo de producto con ese id. Opciones: {known}",
            message_en=f"There is no product type with this id. One of: {known}",
        )
    return json_response(request, product.detail(), headers=_CACHED)
