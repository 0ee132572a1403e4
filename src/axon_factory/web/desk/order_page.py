"""What every page of one order begins with: who may see it, its head, its tabs and its turn."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from starlette.requests import Request

from axon_factory.domain.permissions import Action, Role
from axon_factory.web.backend import Json, Refused
from axon_factory.web.desk.acts import acts_for
from axon_factory.web.signed_in import Desk, PageGuard, SignInFirst

__all__ = ["OrderPage", "Tab", "order_page", "path_of_order"]

_OF_THE_PLAN = frozenset({"aprobar", "rechazar", "preguntar"})


class OrderPage(PageGuard):
    """A guard that lets staff in and sends clients to the same order on their portal."""

    async def __call__(self, request: Request) -> Desk:
        """Let the person in.

        Raises:
            SignInFirst: nobody is signed in, or a client is: their page of the order is elsewhere.
            Refused: the table does not grant the page's action, or a client sends its form.
        """
        desk = await super().__call__(request)
        if desk.who.role is not Role.CLIENT:
            return desk
        if request.method == "POST":
            said = desk.r.t("Este formulario es del equipo", "This form is for the team")
            raise Refused(HTTPStatus.FORBIDDEN, {"codigo": "permiso_denegado", "message": said})
        raise SignInFirst(f"/portal/ordenes/{quote(request.path_params['number'], safe='')}")


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of the order as a link."""

    name: str
    """The last part of its address; empty for the first."""
    label: str
    note: str = ""
    """A count, or the plan's version."""


def path_of_order(order: Mapping[str, Any], part: str = "") -> str:
    """Return where a part of the order is shown."""
    return f"/app/ordenes/{order['order_number']}" + (f"/{part}" if part else "")


async def order_page(
    desk: Desk,
    number: str,
    tab: str,
    template: str,
    status: int = HTTPStatus.OK,
    /,
    *,
    order: Json | None = None,
    timeline: Json | None = None,
    **facts: object,
) -> HTMLResponse:
    """Return a page of the order: `facts` are its own, the head's are read here.

    Args:
        desk: Who asks.
        number: The order's number, or its id.
        tab: Which of the tabs it is.
        template: Its template, which extends `desk/order/page.html`.
        status: Of the answer.
        order: The order, if the page has read it already.
        timeline: Its timeline, the same.
        facts: What its template needs besides.
    """
    found, way, questions, types = await asyncio.gather(
        _given(order) if order is not None else desk.get("orders", number),
        _given(timeline) if timeline else desk.get_or_none("orders", number, "timeline"),
        desk.get_or_none("orders", number, "preguntas"),
        desk.get("products", "types"),
    )
    asked: list[Json] = questions["preguntas"] if questions else []
    waiting = [one for one in asked if one["estado"] == "abierta"]
    acts = acts_for(desk, found)
    return await desk.page(
        template,
        status,
        order=found,
        timeline=way,
        questions=asked,
        open_questions=waiting,
        acts={name: act for name, act in acts.items() if name not in _OF_THE_PLAN},
        decides_plan=not acts.keys().isdisjoint(_OF_THE_PLAN),
        type_name=_type_name(types, found["tipo_producto"]),
        tab=tab,
        tabs=_tabs(desk, found, len(waiting)),
        base=path_of_order(found),
        **facts,
    )


def _tabs(desk: Desk, order: Json, waiting: int) -> list[Tab]:
    t = desk.r.t
    version = order["plan_version"]
    tabs = [
        Tab("", t("Resumen", "Summary")),
        Tab("plan", "Plan", f"v{version}" if version else ""),
        Tab("actividad", t("Actividad", "Activity"), str(_events(order) or "")),
        Tab("preguntas", t("Preguntas", "Questions"), str(waiting or "")),
        Tab("entrega", t("Entrega", "Delivery")),
    ]
    if desk.may(Action.READ_CLIENT_MAILS):
        tabs.append(Tab("correos", t("Correos", "Mails")))
    if desk.may(Action.READ_AUDIT):
        tabs.append(Tab("auditoria", t("Auditoría", "Audit")))
    return [*tabs, Tab("json", "JSON")]


def _events(order: Json) -> int:
    """Return how much the order's history holds."""
    return max((int(entry["seq"]) for entry in order["logs"]), default=0)


def _type_name(types: Json, product_type: str) -> str:
    """Return how the catalogue calls a type; one that it no longer has keeps its own name."""
    named = {one["id"]: one["nombre"] for one in types["products"]}
    return named.get(product_type, product_type.replace("_", " "))


async def _given(read: Json) -> Json:
    return read
