"""Login, sessions, one's own password, and who one is (design §8.1)."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, SecretStr

from axon_factory.accounts.authenticate import Login, PasswordChange, prepare_change
from axon_factory.accounts.errors import (
    InvalidCredentials,
    PasswordQueueFull,
    TooManyAttempts,
    WeakPassword,
)
from axon_factory.accounts.sessions import revoke_sessions
from axon_factory.api.access_views import LoggedOut, PasswordChanged, SessionList, session_document
from axon_factory.api.answers import json_response
from axon_factory.api.auditing import client_of
from axon_factory.api.authentication import authenticator_of, require
from axon_factory.api.parameters import known_parameters
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.answers import AnswerModel
from axon_factory.domain.errors import AuthenticationRequired, Conflict, Forbidden
from axon_factory.domain.permissions import Action, Grant, Principal, Role
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/auth", tags=["acceso"])

# Longer than any address (RFC 5321: 254) and any password of ours; hashing must not take megabytes.
_EMAIL_MAX_CHARACTERS = 320
_PASSWORD_MAX_CHARACTERS = 1024
_TOKEN_MAX_CHARACTERS = 4096


_EXAMPLE_USER = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "email": "ana@axon88.com",
    "nombre": "Ana Ruiz",
    "rol": "admin",
    "cliente_id": None,
    "debe_cambiar_password": False,
}

Password = Annotated[SecretStr, Field(min_length=1, max_length=_PASSWORD_MAX_CHARACTERS)]


class LoginRequest(RequestModel):
    """Correo y contraseña."""

    EXAMPLE: ClassVar = {"email": "ana@axon88.com", "password": "correcto caballo batería"}

    email: str = Field(
        min_length=1, max_length=_EMAIL_MAX_CHARACTERS, description="Correo del usuario."
    )
    password: Password = Field(description="Contraseña.")


class RefreshRequest(RequestModel):
    """El token de renovación de la última respuesta."""

    EXAMPLE: ClassVar = {"refresh_token": "axr_16fd27068baf_…"}

    refresh_token: SecretStr = Field(max_length=_TOKEN_MAX_CHARACTERS, description="Sirve una vez.")


class LogoutRequest(RequestModel):
    """Qué sesiones se cierran."""

    EXAMPLE: ClassVar = {"todas": False}

    todas: bool = Field(
        default=False, description="Verdadero: todas las del usuario; si no, solo esta."
    )


class PasswordRequest(RequestModel):
    """La contraseña de ahora y la nueva."""

    EXAMPLE: ClassVar = {
        "password_actual": "taza-nube-lento-cobre",
        "password_nueva": "correcto caballo batería",
    }

    password_actual: Password = Field(description="La que sirve ahora.")
    password_nueva: Password = Field(description="La que servirá; ni corta ni fácil de adivinar.")


class UserAnswer(AnswerModel):
    """Un usuario, como se ve a sí mismo."""

    EXAMPLE: ClassVar = _EXAMPLE_USER

    id: str = Field(description="UUID del usuario.")
    email: str = Field(description="Correo con el que inicia sesión.")
    nombre: str = Field(description="Nombre.")
    rol: Role = Field(description="Su rol.")
    cliente_id: str | None = Field(description="De un cliente, el de las órdenes que ve.")
    debe_cambiar_password: bool = Field(description="Su contraseña es de un solo uso.")


class LoginAnswer(AnswerModel):
    """Los tokens de una sesión, y de quién es."""

    EXAMPLE: ClassVar = {
        "access_token": "eyJhbGciOiJIUzI1NiIs…",
        "token_type": "bearer",
        "expires_in": 900,
        "refresh_token": "axr_16fd27068baf_…",
        "session_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "user": _EXAMPLE_USER,
    }

    access_token: str = Field(description="Para `Authorization: Bearer`.")
    token_type: str = Field(description="Siempre `bearer`.")
    expires_in: int = Field(description="Segundos que sirve el token de acceso.")
    refresh_token: str = Field(description="Para `POST /api/auth/refresh`; sirve una vez.")
    session_id: str = Field(description="UUID de la sesión.")
    user: UserAnswer = Field(description="Quién inició sesión.")


class PrincipalAnswer(AnswerModel):
    """De quién es la credencial."""

    EXAMPLE: ClassVar = {
        "id": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "nombre": "Ana Ruiz",
        "rol": "admin",
        "permiso": "admin",
        "cliente_id": None,
    }

    id: str = Field(description="Quién es: `user:…` o `key:…`.")
    nombre: str = Field(description="Nombre del usuario o de la clave.")
    rol: Role = Field(description="Su rol.")
    permiso: Grant = Field(description="A qué se le conceden los permisos.")
    cliente_id: str | None = Field(description="De un cliente, el de las órdenes que ve.")


@router.post(
    "/login",
    operation_id="logIn",
    summary="Iniciar sesión",
    responses=answers(LoginAnswer),
    dependencies=[Depends(known_parameters)],
)
@raises(InvalidCredentials, TooManyAttempts, PasswordQueueFull)
async def log_in(credentials: LoginRequest, request: Request, response: Response) -> LoginAnswer:
    """Cambia correo y contraseña por una sesión: un token de acceso y uno de renovación.

    El 401 es el mismo, en contenido y en tiempo, para un usuario que no existe.
    """
    response.headers["Cache-Control"] = "no-store"
    login = await authenticator_of(request).log_in(
        credentials.email, credentials.password.get_secret_value(), client_of(request)
    )
    return _login_answer(login)


@router.post(
    "/refresh",
    operation_id="refreshSession",
    summary="Renovar los tokens",
    responses=answers(LoginAnswer),
    dependencies=[Depends(known_parameters)],
)
@raises(AuthenticationRequired)
async def refresh(body: RefreshRequest, request: Request, response: Response) -> LoginAnswer:
    """Cambia el token de renovación por el siguiente y un token de acceso nuevo.

    Cada uno sirve una vez; uno que vuelve cierra su sesión (RFC 9700 §4.14.2). Si la respuesta se
    perdió, se puede repetir durante 30 segundos.
    """
    response.headers["Cache-Control"] = "no-store"
    login = await authenticator_of(request).refresh(body.refresh_token.get_secret_value())
    return _login_answer(login)


@router.post(
    "/logout",
    operation_id="logOut",
    summary="Cerrar la sesión",
    responses=answers(LoggedOut),
)
async def log_out(
    write: Annotated[Write, Depends(write_as(Action.END_SESSIONS))],
    body: LogoutRequest | None = None,
) -> Response:
    """Cierra esta sesión, o todas las del usuario; sus tokens dejan de servir de inmediato."""
    everywhere = body is not None and body.todas
    async with write.transaction("log_out") as session:
        user_id, session_id = _own_ids(write.principal)
        ended = await revoke_sessions(session, user_id, only=None if everywhere else session_id)
        return write.answer(
            {"sesiones_cerradas": ended, "message": Sentence("Sesión cerrada", "Session ended")}
        )


@router.get(
    "/sessions",
    operation_id="listSessions",
    summary="Listar las sesiones abiertas",
    responses=answers(SessionList, etag=True),
)
async def sessions(
    request: Request,
    principal: Annotated[Principal, Depends(require(Action.END_SESSIONS))],
    services: Services,
) -> Response:
    """Lista las sesiones abiertas del usuario, la más reciente primero."""
    user_id, _ = _own_ids(principal)
    async with services.database.reading() as session:
        found = await services.access.sessions.list_open(session, user_id)
    shown = [session_document(opened, principal.session_id) for opened in found]
    return json_response(request, {"total": len(shown), "sessions": shown})


@router.post(
    "/password",
    operation_id="changePassword",
    summary="Cambiar la contraseña",
    responses=answers(PasswordChanged),
)
@raises(WeakPassword, Conflict, TooManyAttempts, PasswordQueueFull)
async def change_password(
    body: PasswordRequest,
    request: Request,
    write: Annotated[Write, Depends(write_as(Action.CHANGE_PASSWORD))],
) -> Response:
    """Cambia la propia contraseña y cierra las demás sesiones."""
    # Before the old password is tried again: it is no longer the old one.
    await write.refuse_repetition()
    user_id, session_id = _own_ids(write.principal)
    # Hashed before the transaction; what is wrong is told within it, because a repeated request
    # whose first answer was lost must find that answer, and not that the old password is wrong.
    change = PasswordChange(
        body.password_actual.get_secret_value(),
        body.password_nueva.get_secret_value(),
        client_of(request),
    )
    services = write.services
    prepared = await prepare_change(
        services.authenticator, services.access.passwords, user_id, change
    )
    async with write.transaction("change_password") as session:
        await prepared.apply(session, keep_session=session_id)
        return write.answer(
            {
                "debe_cambiar_password": False,
                "message": Sentence("Contraseña cambiada", "Password changed"),
            }
        )


@router.get(
    "/me",
    operation_id="getMe",
    summary="Consultar de quién es la credencial",
    responses=answers(PrincipalAnswer),
)
async def me(
    principal: Annotated[Principal, Depends(require(Action.READ_SELF))], response: Response
) -> PrincipalAnswer:
    """Dice de quién es la credencial; los tokens de sistema no tienen nada que hacer aquí."""
    response.headers["Cache-Control"] = "no-store"
    return PrincipalAnswer(
        id=principal.id,
        nombre=principal.name,
        rol=principal.role,
        permiso=principal.grant,
        cliente_id=principal.client_id,
    )


def _login_answer(login: Login) -> LoginAnswer:
    user = login.user
    return LoginAnswer(
        access_token=login.access_token.token,
        token_type="bearer",  # noqa: S106 — the scheme's name
        expires_in=login.access_token.expires_in,
        refresh_token=login.refresh_token,
        session_id=str(login.session.id),
        user=UserAnswer(
            id=str(user.id),
            email=user.email,
            nombre=user.nombre,
            rol=Role(user.role),
            cliente_id=user.cliente_id,
            debe_cambiar_password=user.must_change_password,
        ),
    )


def _own_ids(principal: Principal) -> tuple[UUID, UUID]:
    """Return the ids of the user and of the session that ask.

    Raises:
        Forbidden: this machine's administrator asks, who has neither password nor session.
    """
    if principal.session_id is None:
        raise Forbidden(
            "Quien administra desde esta máquina no tiene contraseña ni sesiones",
            message_en="This machine's administrator has neither a password nor sessions",
        )
    return UUID(principal.id.removeprefix("user:")), UUID(principal.session_id)
