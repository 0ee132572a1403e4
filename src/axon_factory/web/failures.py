"""What a browser is shown when a page cannot be: pages too, never JSON."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.domain.errors import AxonError
from axon_factory.web.backend import Refused
from axon_factory.web.forms import StaleForm, see
from axon_factory.web.language import Reader
from axon_factory.web.rendering import plain_page
from axon_factory.web.signed_in import SignInFirst
from axon_factory.web.site import reader

__all__ = ["failure_page", "install_failure_pages", "is_for_people", "refusal_page"]

_PROGRAMS = ("/api/", "/mcp", "/git/", "/static/", "/openapi.json", "/health", "/ready", "/ws/")


def install_failure_pages(app: FastAPI) -> None:
    """Make what the pages raise, and what else a browser meets, an answer that it shows."""
    app.state.failure_page = failure_page

    @app.exception_handler(SignInFirst)
    async def _sign_in(request: Request, wanted: SignInFirst) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        answer = see(wanted.path)
        if "hx-request" in request.headers:  # the whole page goes there, not a part of it
            answer.headers["HX-Redirect"] = wanted.path
        return answer

    @app.exception_handler(Refused)
    async def _refused(request: Request, refusal: Refused) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return see("/entrar")
        return refusal_page(request, refusal)

    @app.exception_handler(StaleForm)
    async def _stale(request: Request, _: StaleForm) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        looks = reader(request)
        return plain_page(
            request,
            "failure.html",
            HTTPStatus.FORBIDDEN,
            title=looks.t("Este formulario ya no sirve", "This form no longer serves"),
            sentence=looks.t(
                "Tu sesión cambió desde que lo abriste, o vino de otro sitio. No se cambió nada: "
                "vuelve a la página y envíalo de nuevo.",
                "Your session has changed since you opened it, or it came from another site. "
                "Nothing was changed: go back to the page and send it again.",
            ),
            fields={},
            back=_back(request),
        )


def failure_page(request: Request, error: AxonError) -> Response | None:
    """Return the page that tells of an error of the API's edge or routes; None for a program."""
    if not is_for_people(request):
        return None
    looks = reader(request)
    document = {
        "codigo": error.codigo,
        "message": (error.message_en if looks.english else error.message)
        or (error.title_en if looks.english else error.title),
    }
    page = refusal_page(request, Refused(error.status, document))
    if error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page


def is_for_people(request: Request) -> bool:
    """Return whether whoever asks is a browser that shows a page."""
    path: str = request.scope["path"]
    accepts = request.headers.get("accept", "")
    return not path.startswith(_PROGRAMS) and "text/html" in accepts


def refusal_page(request: Request, refusal: Refused) -> HTMLResponse:
    """Show the API's sentence, and where to go from here."""
    looks = reader(request)
    return plain_page(
        request,
        "failure.html",
        refusal.status,
        title=_title(refusal.status, looks),
        sentence=refusal.sentence,
        fields=refusal.fields,
        back=_back(request),
    )


def _title(status: int, looks: Reader) -> str:
    match status:
        case HTTPStatus.NOT_FOUND:
            return looks.t("Aquí no hay nada", "There is nothing here")
        case HTTPStatus.FORBIDDEN:
            return looks.t("No tienes acceso", "You have no access")
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return looks.t("Algo cambió mientras tanto", "Something has changed meanwhile")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return looks.t("Demasiadas peticiones", "Too many requests")
        case HTTPStatus.BAD_REQUEST:
            return looks.t("No se pudo hacer", "It could not be done")
        case _:
            return looks.t("La fábrica no pudo responder", "The factory could not answer")


def _back(request: Request) -> str:
    """Return the page before, if it is one of ours; else the beginning."""
    referrer = request.headers.get("referer", "")
    host = request.headers.get("host", "")
    for scheme in ("http://", "https://"):
        if referrer.startswith(f"{scheme}{host}/"):
            return referrer.removeprefix(f"{scheme}{host}")
    return "/"
