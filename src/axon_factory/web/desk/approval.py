"""The page of the plan: read it, see what changed and what deciding now means, and decide.

A decision names the version and hash that its page showed. If another plan waits by then, the page
comes again with that one, with what changed since, and with what was typed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.acts import ACTS
from axon_factory.web.desk.order_page import OrderPage, order_page, path_of_order
from axon_factory.web.desk.plan_form import PlanForm, edited_plan, filled_in, form_of, problems_of
from axon_factory.web.desk.plan_words import change_lines, paragraph
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Reads = Annotated[Desk, Depends(OrderPage(Action.READ_ORDER))]
Decides = Annotated[Desk, Depends(OrderPage(Action.DECIDE_PLAN))]
_ASKS = frozenset({"rechazar", "preguntar"})
"""Acts that ask for words: their forms open on the page."""
_SHOWN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.FORBIDDEN})
"""Refusals that the page of the plan shows, as it stands by then."""


@router.get("/app/ordenes/{number}/plan")
async def plan(number: str, request: Request, desk: Reads) -> HTMLResponse:
    """Show the plan that waits, or a version of it, with what a decision needs to know."""
    asked = request.query_params
    version, seen = asked.get("version", ""), asked.get("leido", "")
    act = asked.get("acto", "")
    return await _page(
        desk,
        number,
        version=int(version) if version.isascii() and version.isdecimal() else None,
        against="catalogo" if asked.get("contra") == "catalogo" else "anterior",
        act=act if act in _ASKS else "",
        seen=int(seen) if seen.isascii() and seen.isdecimal() else None,
    )


@router.get("/app/ordenes/{number}/plan/editar")
async def edit_page(number: str, desk: Decides) -> HTMLResponse:
    """Show the form that writes another version of the plan."""
    order = await desk.get("orders", number)
    if order["plan"] is None:
        return await _page(desk, number)
    return await _edit_form(desk, order, filled_in(order))


@router.post("/app/ordenes/{number}/plan/editar")
async def edit(number: str, desk: Decides) -> Response:
    """Write another version of the plan, and approve it if that was asked."""
    form = await desk.form()
    order = await desk.get("orders", number)
    approves = form.text("aprobar") == "1"
    typed = form_of(form)
    read = {"plan_version": form.number("plan_version"), "plan_hash": form.text("plan_hash")}
    body = {**read, "aprobar": approves, "plan": edited_plan(order["plan"] or {}, typed)}
    note = form.text("motivo")
    try:
        await desk.api.ask(
            "POST",
            path_of("orders", number, "plans", "edit"),
            body=body | ({"motivo": note} if note else {}),
            key=form.key,
        )
    except Refused as refusal:
        if refusal.status not in _SHOWN:
            raise
        order = await desk.get("orders", number)
        if refusal.codigo == "plan_desactualizado":
            return await _edit_form(desk, order, typed.onto(order["plan"]), refusal)
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return await _edit_form(desk, order, typed, refusal)
        return await _page(desk, number, refusal=refusal)
    told = (
        desk.r.t("Guardaste y aprobaste el plan", "You saved and approved the plan")
        if approves
        else desk.r.t("Guardaste otra versión; espera decisión", "You saved another version")
    )
    return desk.done(path_of_order(order, "" if approves else "plan"), told)


@router.post("/app/ordenes/{number}/plan/{act}")
async def decide(number: str, act: str, desk: Decides) -> Response:
    """Approve, reject, or ask about the plan that was read."""
    form = await desk.form()
    chosen = ACTS.get(act)
    if chosen is None or act not in {"aprobar", *_ASKS} or chosen.body is None:
        said = desk.r.t("No hay tal acto", "There is no such act")
        raise Refused(HTTPStatus.NOT_FOUND, {"codigo": "no_encontrado", "message": said})
    path = f"{path_of('orders', number)}/{chosen.path}"
    try:
        await desk.api.ask(chosen.method, path, body=chosen.body(form), key=form.key)
    except Refused as refusal:
        if refusal.status not in _SHOWN:
            raise
        return await _page(
            desk, number, act=act if act in _ASKS else "", refusal=refusal, form=form
        )
    part = "plan" if act == "preguntar" else ""
    return desk.done(f"/app/ordenes/{number}/{part}".rstrip("/"), desk.r.say(chosen.done))


async def _page(
    desk: Desk,
    number: str,
    *,
    version: int | None = None,
    against: str = "anterior",
    act: str = "",
    seen: int | None = None,
    refusal: Refused | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    """Return the page of the plan; `refusal` is why a decision was not taken, if it was not."""
    order, plans, types = await asyncio.gather(
        desk.get("orders", number),
        desk.get("orders", number, "plans"),
        desk.get("products", "types"),
    )
    versions: list[Json] = plans["planes"]
    current = order["plan_version"]
    shown = version if version in {one["version"] for one in versions} else current
    found = next((one for one in versions if one["version"] == shown), None)
    brief = (
        await desk.get_or_none("orders", number, "plans", str(shown), "brief") if found else None
    )
    facts: dict[str, Any] = {}
    if found is not None:
        named = {one["id"]: one["nombre"] for one in types["products"]}
        type_name = named.get(order["tipo_producto"], order["tipo_producto"])
        facts["paragraph"] = paragraph(found["plan"], type_name, desk.r)
        facts["changes"] = _changes(desk, found, brief, against)
        facts["added"] = _added(versions, found)
    acts: list[str] = brief["actos"] if brief and shown == current else []
    return await order_page(
        desk,
        order["order_number"],
        "plan",
        "desk/order/plan.html",
        refusal.status if refusal else HTTPStatus.OK,
        order=order,
        plan=found,
        versions=versions,
        asked=plans["preguntas"],
        usage=plans["uso"],
        brief=brief,
        against=against if brief and brief["cambios_anterior"] is not None else "catalogo",
        plan_acts=acts,
        act=act if act in acts else "",
        newer=current if seen is not None and seen != current else None,
        stale=_stale(desk, order, refusal),
        problem=refusal.sentence if refusal and not refusal.fields else "",
        problems=refusal.fields if refusal else {},
        typed=form.text if form else _nothing,
        **facts,
    )


def _nothing(_: str) -> str:
    return ""


def _changes(desk: Desk, plan: Json, brief: Json | None, against: str) -> object:
    """Return what the version has otherwise than the catalogue, or than the version before."""
    if brief is None:
        return []
    before = brief["cambios_anterior"] if against == "anterior" else None
    found = before if before is not None else brief["cambios_catalogo"]
    return change_lines(found, _names(plan["plan"]), desk.r)


def _added(versions: Sequence[Json], plan: Json) -> set[str]:
    """Return the milestones that the version before did not have; none of the first."""
    before = [one for one in versions if one["version"] == plan["version"] - 1]
    return _names(plan["plan"]).keys() - _names(before[0]["plan"]).keys() if before else set()


def _stale(desk: Desk, order: Json, refusal: Refused | None) -> object:
    """Return what changed since the plan that was read; None if that is not what was wrong."""
    if refusal is None or refusal.codigo != "plan_desactualizado" or order["plan"] is None:
        return None
    return change_lines(refusal.document.get("cambios") or [], _names(order["plan"]), desk.r)


def _names(plan: Json) -> Mapping[str, str]:
    return {one["id"]: one["nombre"] for one in plan["milestones"]}


async def _edit_form(
    desk: Desk, order: Json, typed: PlanForm, refusal: Refused | None = None
) -> HTMLResponse:
    return await order_page(
        desk,
        order["order_number"],
        "plan",
        "desk/order/plan_edit.html",
        refusal.status if refusal else HTTPStatus.OK,
        order=order,
        typed=typed,
        stale=_stale(desk, order, refusal),
        problems=problems_of(typed, refusal.fields if refusal else {}, desk.r),
        problem=refusal.sentence if refusal else "",
    )
