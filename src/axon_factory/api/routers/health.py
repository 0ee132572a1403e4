"""Is the service alive, can it work, and what is wrong?"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory import __version__
from axon_factory.api.documentation import answers, raises
from axon_factory.api.refusals import NotReady
from axon_factory.api.schemas.health import Health, Readiness
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.failure import TROUBLES, Trouble
from axon_factory.domain.text import Sentence
from axon_factory.insights.line import read_held_orders
from axon_factory.orders.incidents import read_products_down

__all__ = ["router"]

router = APIRouter(tags=["salud"])


@router.get(
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


@router.get(
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
