"""The client's portal: one page behind an unguessable link.

The portal shows no secret and no internals. The signed link is the permission, to read and to
answer, until it expires or is revoked. No cookie or other ambient authority is involved, so
another site has nothing to make a browser send along (CSRF). Referrers are off, so that the
address does not travel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from axon_factory.db.audit import append_audit
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.evidence import Evidence
from axon_factory.domain.names import CLIENT_NAME
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import Audience, Claim, OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.notifications.client_mails import has_account
from axon_factory.orders.portal_links import serves
from axon_factory.orders.questions.asking import (
    QuestionClosed,
    answer_by_link,
    is_answered,
    portal_actor,
)
from axon_factory.orders.questions.open import open_questions
from axon_factory.orders.read import lock_order_by_id, read_order_for_portal
from axon_factory.orders.requests import QuestionAnswer, validated
from axon_factory.web.rendering import plain_page
from axon_factory.web.site import Site, site_of

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
_ACCEPTED = "Nuestro equipo aceptó tu producto; lo estamos poniendo en marcha."
"""In `listo`, where a person has accepted what the review does not prove."""
_MOST_DIGITS = 8
_WAITING = "Esperamos tu respuesta para seguir."
_THANKS = "Gracias: recibimos tu respuesta."
_TOO_LATE = "Esa pregunta ya no espera respuesta; no se cambió nada."


class _LinkEnded(Exception):
    """The link has expired or was revoked."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An answer that was not taken: shown again, with what is wrong with it."""

    number: int
    text: str
    problem: str


@router.get("/portal/{token}")
async def portal(token: str, request: Request, respondida: str = "") -> HTMLResponse:
    """Show the order behind the link; `respondida` is the question that was just answered."""
    return await _page(request, token, answered=respondida)


@router.post("/portal/{token}/preguntas/{number}")
async def answer(token: str, number: str, request: Request) -> Response:
    """Take the client's answer and show the page anew: reloading it sends nothing again."""
    services = site_of(request)
    link = services.links.read(token)
    asked = _number(number)
    if link is None or asked is None:
        return _not_found(request)
    text = _answer_in(await request.body())
    try:
        await _record(services, request, link, asked, text)
    except _LinkEnded:
        return _ended(request)
    except NotFound:
        return _not_found(request)
    except QuestionClosed:
        return await _page(request, token, notice=_TOO_LATE, status=HTTPStatus.CONFLICT)
    except ValidationFailed as wrong:
        problem = next(iter(wrong.details.values()))
        tried = _Attempt(asked, text, problem)
        return await _page(request, token, tried=tried, status=HTTPStatus.BAD_REQUEST)
    return RedirectResponse(f"/portal/{token}?respondida={asked}", HTTPStatus.SEE_OTHER)


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def _answer_in(body: bytes) -> str:
    """Return the form's answer with the line ends of the question's options; empty if none."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, errors="replace")
    except ValueError:
        return ""
    return fields.get("respuesta", [""])[0].replace("\r\n", "\n")


async def _record(
    services: Site, request: Request, link: tuple[UUID, int], number: int, text: str
) -> None:
    """Record the answer, and on the audit trail that it came by the link.

    Raises:
        _LinkEnded: the link has expired or was revoked.
        NotFound: there is no such order, or no such question to its client.
        QuestionClosed: it does not wait for an answer any more.
        ValidationFailed: it is no answer to it.
    """
    given = validated(QuestionAnswer, {"respuesta": text}).respuesta
    async with services.database.transaction("answer") as session:
        order_id, now = link[0], datetime.now(UTC)
        order = await lock_order_by_id(session, order_id)
        # After the lock, which a revocation holds too: it ends the link for the next request.
        if not await serves(session, *link, now):
            raise _LinkEnded
        await answer_by_link(
            Change(session, order, portal_actor(order_id), services.policy, now), number, given
        )
        entry = AuditEntry(
            chain=str(order_id),
            actor="portal",
            actor_name=CLIENT_NAME,
            actor_grant=None,
            action=Action.ANSWER_QUESTION.value,
            subject=str(order_id),
            address=request.client.host if request.client else None,
            request_id=getattr(request.state, "request_id", None),
            details={"unidad": "answer", "ruta": "/portal/{token}/preguntas/{number}"},
        )
        await append_audit(session, entry)


async def _page(
    request: Request,
    token: str,
    *,
    answered: str = "",
    notice: str = "",
    tried: _Attempt | None = None,
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    services = site_of(request)
    link = services.links.read(token)
    async with services.database.reading() as session:
        order = await read_order_for_portal(session, link[0]) if link else None
        if link is None or order is None:
            return _not_found(request)
        if not await serves(session, *link, datetime.now(UTC)):
            return _ended(request)
        account = await has_account(session, order)
        questions = await open_questions(session, order, Audience.CLIENTE)
        number = _number(answered)
        if number is not None and await is_answered(session, order, number):
            notice = _THANKS
        evidence = await read_evidence(session, order)
    facts = _facts(order, evidence) | {"has_account": account} | _asked(token, questions, tried)
    return plain_page(
        request,
        "portal.html",
        status,
        forms=bool(questions),
        notice=notice,
        **facts,
    )


def _not_found(request: Request) -> HTMLResponse:
    return plain_page(request, "not_found.html", 404)


def _ended(request: Request) -> HTMLResponse:
    """Say that the link no longer serves. Its holder was the client, or had it from the client."""
    return plain_page(request, "ended.html", HTTPStatus.GONE)


def _asked(
    token: str, questions: Sequence[OrderQuestion], tried: _Attempt | None
) -> dict[str, Any]:
    waits = {"sentence": _WAITING} if any(item.blocking for item in questions) else {}
    return {
        **waits,
        "questions": [
            {
                "number": item.number,
                "text": item.question,
                "options": item.options,
                "action": f"/portal/{token}/preguntas/{item.number}",
                "tried": tried.text if tried and tried.number == item.number else "",
                "problem": tried.problem if tried and tried.number == item.number else "",
            }
            for item in questions
        ],
    }


def _facts(order: Order, evidence: Evidence) -> dict[str, Any]:
    state = OrderState(order.estado)
    result = order.resultado or {}
    delivered = state is OrderState.ENTREGADO
    accepted = state is OrderState.LISTO and not evidence.proves(Claim.REVIEWED)
    return {
        "number": order.order_number,
        "product": order.nombre_producto,
        "client": order.datos_cliente["nombre"],
        "sentence": _ACCEPTED if accepted else _SENTENCES[state],
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
