"""The administrator's session: a random cookie, of which the database keeps a digest.

The digest depends on the administrator's account. Another ADMIN_EMAIL or ADMIN_PASSWORD therefore
ends every session at the restart that brings it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from app.http import read_form
from app.module import Context, ContextDep
from app.security import same

COOKIE = "sesion"
LOGIN_COOKIE = "entrada"
LIFETIME_SECONDS = 8 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in: only the administrator can be."""

    token: str
    csrf: str


def _digest(context: Context, token: str) -> str:
    """Return what is stored of a session's token while the account is as it is now."""
    account = f"{context.settings.admin_email}\0{context.settings.admin_password}"
    return hmac.new(account.encode(), token.encode(), hashlib.sha256).hexdigest()


def open_session(context: Context) -> Session:
    """Start a session and forget the expired ones."""
    session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    now = int(context.clock().timestamp())
    with context.database.transaction() as connection:
        connection.execute("DELETE FROM sesiones WHERE vence_at <= ?", (now,))
        connection.execute(
            "INSERT INTO sesiones (huella, csrf, vence_at) VALUES (?, ?, ?)",
            (_digest(context, session.token), session.csrf, now + LIFETIME_SECONDS),
        )
    return session


def close_session(context: Context, session: Session) -> None:
    """End a session."""
    with context.database.transaction() as connection:
        connection.execute(
            "DELETE FROM sesiones WHERE huella = ?", (_digest(context, session.token),)
        )


def find_session(context: ContextDep, request: Request) -> Session | None:
    """Return the session that the request's cookie belongs to."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    with context.database.reading() as connection:
        row = connection.execute(
            "SELECT csrf FROM sesiones WHERE huella = ? AND vence_at > ?",
            (_digest(context, token), int(context.clock().timestamp())),
        ).fetchone()
    return Session(token, row["csrf"]) if row else None


def require_session(session: Annotated[Session | None, Depends(find_session)]) -> Session:
    """Return the administrator's session.

    Raises:
        HTTPException: 303 to the login page when there is none.
    """
    if session is None:
        raise HTTPException(303, "Inicie sesión.", {"Location": "/admin/entrar"})
    return session


SessionDep = Annotated[Session, Depends(require_session)]


async def require_form(request: Request, session: SessionDep) -> dict[str, str]:
    """Return the fields of an administrator's form.

    Raises:
        HTTPException: 403 when the form was not made by our own page.
    """
    fields = dict(await read_form(request))
    if not same(fields.get("csrf", ""), session.csrf):
        raise HTTPException(403, "El formulario venció; vuelva a cargar la página.")
    return fields


AdminFormDep = Annotated[dict[str, str], Depends(require_form)]
