"""Login, sessions, one's own password, and who one is (design §8.1)."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from axon_factory.accounts.authenticate import Login
from axon_factory.accounts.errors import (
    InvalidCredentials,
    PasswordQueueFull,
    TooManyAttempts,
    WeakPassword,
)
from axon_factory.accounts.own_password import PasswordChange, prepare_change
from axon_factory.accounts.sessions import Client, revoke_sessions
from axon_factory.api.access_views import LoggedOut, PasswordChanged, SessionList, session_document
from axon_factory.api.answers import json_response
from axon_factory.api.auditing import origin_of
from axon_factory.api.authentication import authenticator_of, require
from axon_factory.api.parameters import known_parameters
from axon_factory.api.routes import answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import AuthenticationRequired, Conflict
from axon_factory.domain.permissions import Action, Grant, Principal, Role
from axon_factory.domain.sentences import Sentence

__all__ = ["router"]

router = APIRouter(prefix="/api/auth", tags=["acceso"])

# Longer than any address (RFC 5321: 254) and any password of ours; hashing must not take megabytes.
_EMAIL_MAX_CHARACTERS = 320
_PASSWORD_MAX_CHARACTERS = 1024
_TOKEN_MAX_CHARACTERS = 4096


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Password = Annotated[SecretStr, Field(min_length=1, max_length=_PASSWORD_MAX_CHARACTERS)]


class LoginRequest(_Request):
    """E-mail and password of a user."""

    email: str = Field(min_length=1, max_length=_EMAIL_MAX_CHARACTERS)
    password: Password


class RefreshRequest(_Request):
    """The refresh token of the last answer."""

    refresh_token: SecretStr = Field(max_length=_TOKEN_MAX_CHARACTERS)


class LogoutRequest(_Request):
    """Which sessions end: this one, or all of the user's."""

    todas: bool = False


class PasswordRequest(_Request):
    """The password that serves now and the one that is to serve."""

    password_actual: Password
    password_nueva: Password


class UserAnswer(BaseModel):
    """A user as they see themselves."""

    id: str
    email: str
    nombre: str
    rol: Role
    cliente_id: str | None
    debe_cambiar_password: bool


class LoginAnswer(BaseModel):
    """An access token (RFC 6750 §4), the refresh token that replaces it, and whose they are."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    session_id: str
    user: UserAnswer

    @classmethod
    def of(cls, login: Login) -> Self:
        """Show a login that succeeded."""
        user = login.user
        return cls(
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


class PrincipalAnswer(BaseModel):
    """Who is asking: a user or an API key."""

    id: str
    nombre: str
    rol: Role
    permiso: Grant
    cliente_id: str | None


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
        credentials.email, credentials.password.get_secret_value(), _client(request)
    )
    return LoginAnswer.of(login)


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
    return LoginAnswer.of(login)


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
        _client(request),
    )
    services = write.services
    prepared = await prepare_change(
        services.authenticator, services.access.passwords, user_id, change
    )
    async with write.transaction("change_password") as session:
        await prepared.apply(session, but=session_id)
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


def _client(request: Request) -> Client:
    origin = origin_of(request)
    agent = request.headers.get("user-agent", "")
    return Client(origin.address or "", agent, origin.request_id)


def _own_ids(principal: Principal) -> tuple[UUID, UUID]:
    """Return the ids of the user and of the session that ask; only users have these actions."""
    if principal.session_id is None:
        raise TypeError(f"{principal.id} has no session")
    return UUID(principal.id.removeprefix("user:")), UUID(principal.session_id)
