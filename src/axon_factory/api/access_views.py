"""Users, sessions, API keys and system tokens in answers (design §8), also of the command line."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, Timestamp
from axon_factory.domain.permissions import KeyScope, Role, TokenRole
from axon_factory.domain.text import timestamp

__all__ = [
    "ApiKey",
    "ApiKeyCreated",
    "ApiKeyList",
    "Invitation",
    "LoggedOut",
    "PasswordChanged",
    "SessionList",
    "SystemToken",
    "SystemTokenCreated",
    "SystemTokenList",
    "User",
    "UserPage",
    "UserWithPassword",
    "invitation_document",
    "key_document",
    "session_document",
    "standing",
    "token_document",
    "user_document",
]

Message = Annotated[str, Field(description="Una frase para personas.")]
Standing = Annotated[
    Literal["activa", "vencida", "revocada"], Field(description="Si todavía sirve.")
]
_USER: dict[str, Any] = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "email": "ana@axon88.com",
    "nombre": "Ana Ruiz",
    "rol": "operator",
    "cliente_id": None,
    "activo": True,
    "debe_cambiar_password": False,
    "created_at": "2025-11-14T09:00:00Z",
    "last_login_at": "2025-11-14T10:00:00Z",
    "version": 2,
}
_KEY: dict[str, Any] = {
    "id": "k7m2q9x4w8t3",
    "familia": "k7m2q9x4w8t3",
    "nombre": "crm",
    "permiso": "escritura",
    "estado": "activa",
    "created_at": "2025-11-14T09:00:00Z",
    "created_by": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "expires_at": None,
    "last_used_at": "2025-11-14T10:00:00Z",
}
_TOKEN: dict[str, Any] = {
    "id": "t4n8c2v6b9z1",
    "agente": "QA Agent",
    "rol": "builder",
    "estado": "activa",
    "created_at": "2025-11-14T09:00:00Z",
    "created_by": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
}


class User(AnswerModel):
    """Un usuario."""

    EXAMPLE: ClassVar = _USER

    id: UUID = Field(description="UUID del usuario.")
    email: str = Field(description="Correo con el que inicia sesión.")
    nombre: str = Field(description="Nombre.")
    rol: Annotated[Role, Column("role")]
    cliente_id: str | None = Field(description="De un cliente, el de las órdenes que ve.")
    activo: Annotated[bool, Column("active")] = Field(description="Puede iniciar sesión.")
    debe_cambiar_password: Annotated[bool, Column("must_change_password")] = Field(
        description="Su contraseña es de un solo uso."
    )
    created_at: Timestamp
    last_login_at: Timestamp | None = Field(description="Último inicio de sesión.")
    version: int = Field(ge=1, description="Crece con cada cambio; es el `ETag`.")


class UserWithPassword(User):
    """Un usuario y, si se le dio, su contraseña de un solo uso."""

    EXAMPLE: ClassVar = {**_USER, "password_de_un_solo_uso": "taza-nube-lento-cobre"}

    password_de_un_solo_uso: str = Field(
        default="", description="Solo en esta respuesta, y solo si se pidió o el usuario es nuevo."
    )
    invitacion_vence_at: Timestamp | None = Field(
        default=None, description="Solo si se le invitó: hasta cuándo sirve el enlace."
    )


class Invitation(AnswerModel):
    """Un usuario y la invitación que se le envió."""

    EXAMPLE: ClassVar = {
        "user": {**_USER, "debe_cambiar_password": True, "last_login_at": None},
        "enviada": True,
        "vence_at": "2025-11-21T09:00:00Z",
        "message": "Invitación enviada a ana@axon88.com",
    }

    user: User = Field(description="El usuario.")
    enviada: bool = Field(description="Falso: ya tiene contraseña, y no se envió nada.")
    vence_at: Timestamp | None = Field(description="Hasta cuándo sirve el enlace.")
    message: Message


class UserPage(AnswerModel):
    """Una página de usuarios, por correo."""

    EXAMPLE: ClassVar = {"total": 1, "limit": 50, "offset": 0, "users": [_USER]}

    total: Count = Field(description="Cuántos usuarios hay.")
    limit: int = Field(ge=1, le=200, description="Cuántos caben en una página.")
    offset: Count = Field(description="Cuántos se saltaron.")
    users: list[User] = Field(description="Los usuarios de la página.")


class Session(AnswerModel):
    """Una sesión abierta."""

    id: UUID = Field(description="UUID de la sesión.")
    actual: bool = Field(description="Es la sesión que pregunta.")
    direccion: Annotated[str, Column("address")] = Field(
        description="Dirección IP desde la que se abrió."
    )
    programa: Annotated[str, Column("user_agent")] = Field(
        description="Programa que la abrió (`User-Agent`)."
    )
    created_at: Timestamp
    last_used_at: Timestamp = Field(description="Última renovación.")
    expires_at: Timestamp = Field(description="Cuándo termina.")


class SessionList(AnswerModel):
    """Las sesiones abiertas de quien pregunta."""

    EXAMPLE: ClassVar = {
        "total": 1,
        "sessions": [
            {
                "id": "16fd2706-8baf-433b-82eb-8c7fada847da",
                "actual": True,
                "direccion": "203.0.113.7",
                "programa": "Mozilla/5.0",
                "created_at": "2025-11-14T10:00:00Z",
                "last_used_at": "2025-11-14T10:15:00Z",
                "expires_at": "2025-12-14T10:00:00Z",
            }
        ],
    }

    total: Count = Field(description="Cuántas hay.")
    sessions: list[Session] = Field(description="La más reciente primero.")


class LoggedOut(AnswerModel):
    """Las sesiones que se cerraron."""

    EXAMPLE: ClassVar = {"sesiones_cerradas": 1, "message": "Sesión cerrada"}

    sesiones_cerradas: Count = Field(description="Cuántas se cerraron.")
    message: Message


class PasswordChanged(AnswerModel):
    """La contraseña cambió."""

    EXAMPLE: ClassVar = {"debe_cambiar_password": False, "message": "Contraseña cambiada"}

    debe_cambiar_password: Literal[False] = Field(description="Siempre falso.")
    message: Message


class ApiKey(AnswerModel):
    """Una clave, sin su secreto."""

    EXAMPLE: ClassVar = _KEY

    id: str = Field(description="Parte pública de la clave.")
    familia: Annotated[str, Column("family")] = Field(
        description="La misma en las claves que se rotaron una por otra."
    )
    nombre: Annotated[str, Column("name")] = Field(description="El sistema que la usa.")
    permiso: Annotated[KeyScope, Column("scope")]
    estado: Standing
    created_at: Timestamp
    created_by: str = Field(description="Quién la creó.")
    expires_at: Timestamp | None = Field(description="Cuándo vence; null si no vence.")
    last_used_at: Timestamp | None = Field(description="Último uso.")


class ApiKeyCreated(ApiKey):
    """Una clave nueva, con su secreto."""

    EXAMPLE: ClassVar = {
        **_KEY,
        "last_used_at": None,
        "api_key": "axk_k7m2q9x4w8t3_…",
    }

    api_key: str = Field(description="La clave entera; solo en esta respuesta.")


class ApiKeyList(AnswerModel):
    """Las claves, también las revocadas."""

    EXAMPLE: ClassVar = {"total": 1, "api_keys": [_KEY]}

    total: Count = Field(description="Cuántas hay.")
    api_keys: list[ApiKey] = Field(description="Las más recientes primero.")


class SystemToken(AnswerModel):
    """Un token de sistema, sin su secreto."""

    EXAMPLE: ClassVar = _TOKEN

    id: str = Field(description="Parte pública del token.")
    agente: Annotated[str, Column("agent")] = Field(description="El agente que lo usa.")
    rol: Annotated[TokenRole, Column("role")]
    estado: Standing
    created_at: Timestamp
    created_by: str = Field(description="Quién lo creó.")


class SystemTokenCreated(SystemToken):
    """Un token nuevo, con su secreto."""

    EXAMPLE: ClassVar = {**_TOKEN, "system_token": "axs_t4n8c2v6b9z1_…"}

    system_token: str = Field(description="El token entero; solo en esta respuesta.")


class SystemTokenList(AnswerModel):
    """Los tokens permanentes, también los revocados."""

    EXAMPLE: ClassVar = {"total": 1, "system_tokens": [_TOKEN]}

    total: Count = Field(description="Cuántos hay.")
    system_tokens: list[SystemToken] = Field(description="Los más recientes primero.")


def user_document(user: tables.User) -> dict[str, Any]:
    """Show a user; never the hash of their password."""
    return User.of(user)


def invitation_document(
    user: tables.User, link: tables.AccountLink | None, message: str
) -> dict[str, Any]:
    """Show whom an invitation was sent to; without `link` none was."""
    return {
        "user": user_document(user),
        "enviada": link is not None,
        "vence_at": None if link is None else timestamp(link.expires_at),
        "message": message,
    }


def session_document(opened: tables.UserSession, current: str | None) -> dict[str, Any]:
    """Show a session to its user; `current` is the id of the session that asks."""
    return Session.of(opened, actual=str(opened.id) == current)


def key_document(key: tables.ApiKey) -> dict[str, Any]:
    """Show an API key without its secret."""
    return ApiKey.of(key, estado=standing(key))


def token_document(token: tables.SystemToken) -> dict[str, Any]:
    """Show a system token without its secret."""
    return SystemToken.of(token, estado=standing(token))


def standing(item: tables.ApiKey | tables.SystemToken) -> str:
    """Say whether a key or token serves: activa, vencida or revocada."""
    if item.revoked_at is not None:
        return "revocada"
    expired = item.expires_at is not None and item.expires_at <= datetime.now(UTC)
    return "vencida" if expired else "activa"
