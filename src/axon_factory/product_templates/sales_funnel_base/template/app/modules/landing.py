"""`/`: the landing page with its form; what it captures enters the pipeline."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.appointments import free_slots, shown, take_slot
from app.catalog import load_items, money
from app.http import read_form
from app.leads import read_lead, save_lead
from app.module import Context, ContextDep, Help, Module
from app.pages import page
from app.security import Throttle

router = APIRouter()
# One address may send ten forms in five minutes; everybody together, 300.
_throttle = Throttle(each=10, total=300)


def _page(context: Context, message: str, status: int, *, visit: bool = False) -> Response:
    with context.database.transaction() as connection:
        if visit:
            _count_visit(connection, context)
        items = load_items(connection)
        slots = free_slots(connection, context.product, context.clock())
    values: dict[str, Any] = {
        "items": [
            {"name": i.name, "price": "" if i.price is None else money(context.product, i.price)}
            for i in items
        ],
        "slots": [(slot, shown(slot, context.product)) for slot in slots],
    }
    slogan = context.product.text("mensaje_principal", "Cuéntenos qué necesita.")
    return page(
        "landing.html", status, product=context.product, slogan=slogan, message=message, **values
    )


def _count_visit(connection: sqlite3.Connection, context: Context) -> None:
    connection.execute(
        "INSERT INTO visitas (dia, cuantas) VALUES (?, 1)"
        " ON CONFLICT (dia) DO UPDATE SET cuantas = cuantas + 1",
        (context.clock().strftime("%Y-%m-%d"),),
    )


@router.get("/")
def landing(context: ContextDep) -> Response:
    """Show what the client sells, the form and the free appointments."""
    return _page(context, "", 200, visit=True)


@router.post("/contacto")
async def contact(request: Request, context: ContextDep) -> Response:
    """Take a lead, and the appointment it asks for."""
    fields = dict(await read_form(request))
    address = request.client.host if request.client else ""
    if not _throttle.allows(address):
        return await run_in_threadpool(_page, context, "Espere unos minutos, por favor.", 429)
    _throttle.failed(address)
    message, status = await run_in_threadpool(_capture, context, fields)
    return await run_in_threadpool(_page, context, message, status)


def _capture(context: Context, fields: dict[str, str]) -> tuple[str, int]:
    thanks = "¡Gracias! Le escribiremos pronto."
    # People do not see this field; who fills it in is a program, and learns nothing.
    if fields.get("sitio_web"):
        return thanks, 200
    lead = read_lead(fields)
    if lead is None:
        return "Faltan su nombre o un correo válido.", 400
    slot = fields.get("cita", "")
    with context.database.transaction() as connection:
        number = save_lead(connection, lead, context.clock())
        if not slot:
            return thanks, 200
        if not take_slot(connection, context.product, number, slot, context.clock()):
            return "Recibimos sus datos, pero esa hora ya no está libre; elija otra.", 409
    return f"¡Gracias! Su cita: {shown(slot, context.product)}.", 200


def _help(context: Context) -> list[str]:
    return [
        f"Su página está en {context.settings.public_url}/: muestra sus productos, recibe los "
        "datos de los interesados y ofrece citas.",
        "Cada interesado aparece en el panel, donde se mueve de etapa en etapa.",
    ]


module = Module(name="landing", router=router, help=(Help("Página de venta", _help),))
