"""The client's portal: one page behind an unguessable link, with no secret and no internals."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order
from axon_factory.domain.states import OrderState
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.orders.read import read_order_for_portal
from axon_factory.web.pages import render_page

__all__ = ["PortalServices", "router"]

router = APIRouter(include_in_schema=False)

# The client sees five plain stages; how the factory calls its own is not their concern.
_STAGES = ("Recibido", "Planificación", "Construcción", "Revisión de calidad", "Entregado")
_STAGE_OF = {
    OrderState.NUEVO: 0,
    OrderState.PLANIFICACION: 1,
    OrderState.CONSTRUCCION: 2,
    OrderState.QA: 3,
    OrderState.LISTO: 3,
    OrderState.ENTREGADO: 4,
}
_SENTENCES = {
    OrderState.NUEVO: "Recibimos tu orden.",
    OrderState.PLANIFICACION: "Estamos planificando tu producto.",
    OrderState.CONSTRUCCION: "Estamos construyendo tu producto.",
    OrderState.QA: "Estamos revisando la calidad de tu producto.",
    OrderState.LISTO: "Tu producto pasó la revisión; lo estamos poniendo en marcha.",
    OrderState.ENTREGADO: "Tu producto está en marcha.",
    OrderState.FALLIDO: "Tuvimos un contratiempo; nuestro equipo ya lo está viendo.",
    OrderState.CANCELADO: "Esta orden fue cancelada.",
}


@dataclass(frozen=True, slots=True)
class PortalServices:
    """What the portal needs; kept in `app.state.portal`."""

    database: Database
    links: PortalLinks
    support_email: str


@router.get("/portal/{token}")
async def portal(token: str, request: Request) -> HTMLResponse:
    """Show the order behind the link."""
    services = cast("PortalServices", request.app.state.portal)
    order_id = services.links.order_id(token)
    async with services.database.reading() as session:
        order = await _find(session, order_id)
    if order is None:
        return render_page("not_found.html", 404, support_email=services.support_email)
    return render_page("portal.html", 200, support_email=services.support_email, **_facts(order))


async def _find(session: AsyncSession, order_id: UUID | None) -> Order | None:
    return await read_order_for_portal(session, order_id) if order_id else None


def _facts(order: Order) -> dict[str, Any]:
    state = OrderState(order.estado)
    result = order.resultado or {}
    delivered = state is OrderState.ENTREGADO
    return {
        "number": order.order_number,
        "product": order.nombre_producto,
        "client": order.datos_cliente["nombre"],
        "sentence": _SENTENCES[state],
        "progress": order.progreso,
        "stages": _STAGES,
        "stage": _STAGE_OF.get(state),
        "delivered_at": order.entregado_at,
        "links": [
            ("Tu producto", order.deploy_url),
            ("Administración", result.get("admin_url")),
            ("Guía de uso", result.get("docs_url")),
            ("API", result.get("api_url")),
        ]
        if delivered
        else [],
        "webhooks": result.get("webhooks", {}) if delivered else {},
    }
