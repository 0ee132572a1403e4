"""Is the service alive, and can it work?"""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory import __version__
from axon_factory.api.documentation import answers
from axon_factory.api.schemas.health import Health
from axon_factory.api.services import Services
from axon_factory.orders.incidents import read_products_down

__all__ = ["router"]

router = APIRouter(tags=["salud"])


@router.get(
    "/health",
    operation_id="getHealth",
    summary="Consultar si el servicio responde",
    responses=answers(Health),
)
async def health(services: Services) -> dict[str, Any]:
    """Responde 200 cuando la base de datos responde; 503 si no."""
    async with services.database.reading() as session:
        products = await _products(session)
    return {"status": "ok", "version": __version__, **products}


async def _products(session: AsyncSession) -> dict[str, int]:
    """Return how many delivered products are in trouble: numbers, because anybody may ask."""
    products = await read_products_down(session, datetime.now(UTC))
    return {
        "productos_caidos": len(products.down),
        "productos_sin_vigilar": products.unwatched,
    }
