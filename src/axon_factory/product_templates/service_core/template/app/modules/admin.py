"""`/admin`: what the business looks at, behind a password."""

import json
import secrets
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.http import read_form
from app.module import Context, ContextDep, Help, Module, integration_state
from app.pages import page
from app.security import same
from app.sessions import (
    COOKIE,
    LIFETIME_SECONDS,
    LOGIN_COOKIE,
    AdminFormDep,
    Session,
    SessionDep,
    close_session,
    find_session,
    open_session,
)

router = APIRouter()


def _cookie_options(context: Context) -> dict[str, Any]:
    secure = context.settings.public_url.startswith("https://")
    return {"httponly": True, "samesite": "lax", "secure": secure, "path": "/admin"}


def _login_page(context: Context, message: str = "", status: int = 200) -> Response:
    token = secrets.token_urlsafe(32)
    answer = page("login.html", status, product=context.product, csrf=token, message=message)
    answer.set_cookie(LOGIN_COOKIE, token, max_age=3600, **_cookie_options(context))
    return answer


@router.get("/admin/entrar")
def login_page(context: ContextDep) -> Response:
    """Show the login form."""
    return _login_page(context)


@router.post("/admin/entrar")
async def login(request: Request, context: ContextDep) -> Response:
    """Start a session for the right e-mail and password."""
    fields = dict(await read_form(request))
    if not same(fields.get("csrf", ""), request.cookies.get(LOGIN_COOKIE, "")):
        return _login_page(context, "El formulario venció; intente de nuevo.", 403)
    address = request.client.host if request.client else ""
    throttle = request.app.state.throttle
    if not throttle.allows(address):
        answer = _login_page(context, "Demasiados intentos; espere cinco minutos.", 429)
        answer.headers["Retry-After"] = "300"
        return answer
    # scrypt is slow on purpose; in a thread it does not hold up the other requests.
    right = await run_in_threadpool(
        request.app.state.admin.verify, fields.get("email", ""), fields.get("password", "")
    )
    if not right:
        throttle.failed(address)
        return _login_page(context, "El correo o la contraseña no son correctos.", 401)
    session = await run_in_threadpool(open_session, context)
    answer = RedirectResponse("/admin", 303)
    answer.set_cookie(COOKIE, session.token, max_age=LIFETIME_SECONDS, **_cookie_options(context))
    answer.delete_cookie(LOGIN_COOKIE, path="/admin")
    return answer


@router.post("/admin/salir")
def logout(context: ContextDep, session: SessionDep, _form: AdminFormDep) -> Response:
    """End the session."""
    close_session(context, session)
    answer = RedirectResponse("/admin/entrar", 303)
    answer.delete_cookie(COOKIE, path="/admin")
    return answer


@router.get("/admin")
def overview(context: ContextDep, session: Session | None = Depends(find_session)) -> Response:
    """Show every module's sections; without a session, the login page."""
    if session is None:
        return RedirectResponse("/admin/entrar", 303)
    with context.database.reading() as connection:
        sections = [
            {"title": s.title, "template": s.template, **s.load(context, connection)}
            for module in context.modules
            for s in module.sections
        ]
    configured, pending = integration_state(context)
    return page(
        "admin.html",
        product=context.product,
        csrf=session.csrf,
        sections=sections,
        configured=configured,
        pending=pending,
        configuration=json.dumps(context.product.configuration, indent=2, ensure_ascii=False),
    )


def _help(context: Context) -> list[str]:
    return [
        f"Entre en {context.settings.public_url}/admin con el correo y la contraseña que recibió.",
        "Verá la actividad, la configuración y el estado de cada integración.",
        "La sesión dura ocho horas. Tras cinco contraseñas equivocadas hay que esperar cinco "
        "minutos.",
    ]


module = Module(name="admin", router=router, help=(Help("Panel de administración", _help),))
