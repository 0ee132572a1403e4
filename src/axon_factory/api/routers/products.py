"""The public catalogue (design §4.2, resolutions 19)."""

from fastapi import APIRouter, Depends, Request, Response

from axon_factory.api.answers import json_response
from axon_factory.api.documentation import answers
from axon_factory.api.parameters import known_parameters
from axon_factory.api.schemas.products import ProductType, ProductTypeList
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import NotFound

__all__ = ["router"]

router = APIRouter(
    prefix="/api/products", tags=["productos"], dependencies=[Depends(known_parameters)]
)

_CACHED = {"Cache-Control": "public, max-age=300"}


@router.get(
    "/types",
    operation_id="listProductTypes",
    summary="Listar los tipos de producto",
    responses=answers(ProductTypeList, etag=True),
)
async def list_product_types(request: Request) -> Response:
    """Lista los tipos de productos disponibles."""
    products = [product.summary() for product in PRODUCT_TYPES.values()]
    return json_response(request, {"products": products}, headers=_CACHED)


@router.get(
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
