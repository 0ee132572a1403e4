"""The page of an order for its client: what both doors show, and the language it is shown in."""

from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.db.tables import Order
from axon_factory.domain.errors import AxonError, ValidationFailed
from axon_factory.domain.messages import Language
from axon_factory.domain.text import Sentence
from axon_factory.orders.portal_codes import CODE_DIGITS, CODE_MINUTES, CodeCheck
from axon_factory.orders.portal_view import PortalView, language_asked, named_credentials
from axon_factory.web.forms import see, set_cookie
from axon_factory.web.language import LANGUAGE_COOKIE
from axon_factory.web.portal.saying import delivered_words, promise_words, span_words
from axon_factory.web.rendering import plain_page
from axon_factory.web.site import reader

__all__ = [
    "CODE_PROBLEMS",
    "NOTICES",
    "Shown",
    "ended_page",
    "facts_of",
    "not_found_page",
    "sentence_of",
    "speak_as_asked",
    "switch_language",
]

_A_YEAR = 365 * 24 * 3600
_LANGUAGES = frozenset(Language)

NOTICES = {
    "codigo": Sentence(
        "Te mandamos un código por correo. Suele llegar en un minuto.",
        "We have mailed you a code. It usually comes within a minute.",
    ),
    "cambio": Sentence(
        "Tus credenciales anteriores ya no sirven. Las nuevas están listas en unos segundos.",
        "Your earlier credentials no longer serve. The new ones are ready in a few seconds.",
    ),
    "problema": Sentence(
        "Recibimos tu reporte. Nuestro equipo lo está viendo y te escribe.",
        "We have your report. Our team looks into it and writes to you.",
    ),
    "calificada": Sentence("Gracias por decirnos cómo te fue.", "Thank you for telling us."),
    "respondida": Sentence("Gracias: recibimos tu respuesta.", "Thank you: we have your answer."),
    "tarde": Sentence(
        "Esa pregunta ya no espera respuesta; no se cambió nada.",
        "That question does not wait for an answer any more; nothing was changed.",
    ),
}
"""What the page says once after a form; the address names it."""

CODE_PROBLEMS = {
    CodeCheck.NO_COINCIDE: Sentence(
        "Ese código no coincide. Revisa el último correo y escríbelo otra vez.",
        "That code does not match. Look at the newest mail and type it again.",
    ),
    CodeCheck.VENCIDO: Sentence(
        f"Ese código ya venció: vale {CODE_MINUTES} minutos. Pide otro.",
        f"That code has expired: it serves for {CODE_MINUTES} minutes. Ask for another.",
    ),
    CodeCheck.GASTADO: Sentence(
        "Ese código ya no sirve: se usó, o se escribió mal varias veces. Pide otro.",
        "That code no longer serves: it was used, or typed wrongly too often. Ask for another.",
    ),
    CodeCheck.NINGUNO: Sentence(
        "Primero pide un código; te llega por correo.",
        "First ask for a code; it comes by mail.",
    ),
}
"""What is said beside the field of a code that was not taken."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows besides its order: where it stands, and what was just done or refused.

    `problems` maps a field to what is wrong with it, `typed` to what was written there; the field
    of question 3 is `pregunta-3`.
    """

    home: str
    """The page's address; its forms and links begin with it."""
    signed_in: bool = False
    notice: Sentence | str = ""
    problems: dict[str, Sentence] = field(default_factory=dict[str, Sentence])
    typed: dict[str, str] = field(default_factory=dict[str, str])
    revealed: dict[str, str] | None = None
    code_open: bool = False
    """A code was mailed and still serves."""


def facts_of(request: Request, view: PortalView, shown: Shown) -> dict[str, Any]:
    """Return the facts of `portal/order.html`."""
    r = reader(request)
    return {
        "view": view,
        "home": shown.home,
        "shown": shown,
        "revealed": named_credentials(shown.revealed) if shown.revealed is not None else None,
        "digits": CODE_DIGITS,
        "minutes": CODE_MINUTES,
        "promise_words": partial(promise_words, r),
        "delivered_words": partial(delivered_words, r),
        "span_words": partial(span_words, r),
    }


def sentence_of(refusal: AxonError) -> Sentence:
    """Return what a refusal says: of the first field that is wrong, or altogether."""
    if isinstance(refusal, ValidationFailed):
        return next(iter(refusal.details.values()))
    return Sentence(refusal.message, refusal.message_en)


def speak_as_asked(request: Request, order: Order) -> None:
    """Let the page speak the order's language, unless the browser's reader has chosen one."""
    asked = language_asked(order)
    if asked is None or request.cookies.get(LANGUAGE_COOKIE) in _LANGUAGES:
        return
    request.state.reader = replace(reader(request), english=asked is Language.EN)


def switch_language(request: Request, home: str) -> Response | None:
    """Keep the language that `?idioma=` names and show the page in it; None if it names none.

    A link and no form: the page that only tells something sends nothing (`form-action 'none'`).
    """
    chosen = request.query_params.get("idioma")
    if chosen is None or chosen not in _LANGUAGES:
        return None
    answer = see(home)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    set_cookie(request, answer, LANGUAGE_COOKIE, chosen, _A_YEAR)
    return answer


def not_found_page(request: Request) -> HTMLResponse:
    """Say that no order stands behind the address."""
    return plain_page(request, "portal/not_found.html", HTTPStatus.NOT_FOUND, home="")


def ended_page(request: Request) -> HTMLResponse:
    """Say that the link no longer serves. Its holder was the client, or had it from the client."""
    return plain_page(request, "portal/ended.html", HTTPStatus.GONE, home="")
