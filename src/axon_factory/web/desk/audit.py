"""The audit trail: who did what, to what, from where; and whether the trail holds."""

from datetime import datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from axon_factory.domain.permissions import Action
from axon_factory.web.audit_words import ACTIONS, FAULTS, OUTCOMES, said_deed
from axon_factory.web.backend import Json, Refused
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/auditoria"
_AUDIT = Annotated[Desk, Depends(page_for(Action.READ_AUDIT))]
_A_PAGE = 50
_ACCESS = "acceso"


@router.get(_PATH)
async def audit_page(
    desk: _AUDIT,
    orden: str = "",
    actor: str = "",
    accion: str = "",
    resultado: str = "",
    desde: str = "",
    hasta: str = "",
    antes: str = "",
) -> HTMLResponse:
    """List entries, the newest first; the filters stand in the address."""
    filters = {
        "orden": orden.strip(),
        "actor": actor.strip(),
        "accion": accion,
        "resultado": resultado,
        "desde": desde,
        "hasta": hasta,
    }
    given = {name: value for name, value in filters.items() if value}
    status, problem, problems = HTTPStatus.OK, "", _wrong_days(desk, filters)
    page: Json = {"entries": [], "next": None}
    if problems:
        status = HTTPStatus.BAD_REQUEST
    else:
        try:
            query = await _query(desk, filters)
            page = await desk.get("audit", query={**query, "before": antes or None})
        except Refused as refusal:
            if refusal.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                raise
            status, problem = HTTPStatus(refusal.status), refusal.sentence
    people = await desk.get_or_none("users", query={"limit": 200})
    return await desk.page(
        "desk/audit.html",
        status,
        entries=page["entries"],
        next=_following(page["next"], given),
        filters=filters,
        filtered=bool(given),
        problem=problem,
        problems=problems,
        people=(people or {}).get("users", []),
        actions=sorted(((name, desk.r.say(said)) for name, said in ACTIONS.items()), key=_said),
        outcomes=OUTCOMES,
        said_deed=said_deed,
    )


@router.get(_PATH + "/comprobacion")
async def verification_page(desk: _AUDIT) -> HTMLResponse:
    """Read the whole trail and say whether it holds, and where not."""
    checked = await desk.get("audit", "verification")
    return await desk.page("desk/audit_check.html", checked=checked, faults=FAULTS)


async def _query(desk: Desk, filters: dict[str, str]) -> dict[str, str | int | None]:
    """Return the filters as the API takes them: an order's id, moments instead of days.

    Raises:
        Refused: there is no such order.
    """
    chain = filters["orden"]
    if chain and chain.lower() != _ACCESS:
        chain = str((await desk.get("orders", chain))["id"])
    return {
        "cadena": chain.lower() or None,
        "actor": filters["actor"] or None,
        "accion": filters["accion"] or None,
        "resultado": filters["resultado"] or None,
        "desde": _moment(desk, filters["desde"], 0),
        "hasta": _moment(desk, filters["hasta"], 1),
        "limit": _A_PAGE,
    }


def _wrong_days(desk: Desk, filters: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with the days that were written."""
    said = desk.r.t("Escribe el día así: 2026-12-01", "Write the day like this: 2026-12-01")
    return {name: said for name in ("desde", "hasta") if not _is_day(filters[name])}


def _is_day(text: str) -> bool:
    try:
        return not text or bool(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007 — a day
    except ValueError:
        return False


def _moment(desk: Desk, day: str, more: int) -> str | None:
    """Return when a day of the reader's zone begins, or the one `more` days later."""
    if not day:
        return None
    date = datetime.fromisoformat(day).date() + timedelta(days=more)
    return datetime.combine(date, time(), desk.r.zone).isoformat()


def _following(address: str | None, given: dict[str, str]) -> str:
    if address is None:
        return ""
    before = parse_qs(urlsplit(address).query)["before"][0]
    return f"{_PATH}?{urlencode({**given, 'antes': before})}"


def _said(pair: tuple[str, str]) -> str:
    return pair[1]
