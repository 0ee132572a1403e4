"""The public catalogue (design §4.2, resolutions 19)."""

from typing import Any

from fastapi import APIRouter

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import NotFound

__all__ = ["router"]

router = APIRouter(prefix="/api/products", tags=["productos"])


@router.get("/types")
async def list_product_types() -> dict[str, Any]:
    """Lista los tipos de productos disponibles."""
    return {"products": [product.summary() for product in PRODUCT_TYPES.values()]}


@router.get("/types/{product_id}")
async def show_product_type(product_id: str) -> dict[str, Any]:
    """Muestra todo lo que el catálogo sabe de un tipo de producto."""
    product = PRODUCT_TYPES.get(product_id)
    if product is None:
        raise NotFound(
            f"No hay un tipo de producto '{product_id}'. Opciones: {', '.join(PRODUCT_TYPES)}",
            message_en=f"There is no product type '{product_id}'. One of: "
            f"{', '.join(PRODUCT_TYPES)}",
        )
    return product.detail()
