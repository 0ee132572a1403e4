"""Is the service alive, and can it work?"""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import text

from axon_factory import __version__
from axon_factory.api.documentation import answers
from axon_factory.api.schemas.health import Health
from axon_factory.api.services import Services

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
        await session.execute(text("SELECT 1"))
    return {"status": "ok", "version": __version__}
