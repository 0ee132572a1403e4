"""How users, sessions, API keys and system tokens are shown: to the API and the command line."""

from datetime import UTC, datetime
from typing import Any

from axon_factory.db.tables import ApiKey, SystemToken, User, UserSession
from axon_factory.domain.times import timestamp

__all__ = ["key_document", "session_document", "standing", "token_document", "user_document"]


def user_document(user: User) -> dict[str, Any]:
    """Show a user; never the hash of their password."""
    return {
        "id": str(user.id),
        "email": user.email,
        "nombre": user.nombre,
        "rol": user.role,
        "cliente_id": user.cliente_id,
        "activo": user.active,
        "debe_cambiar_password": user.must_change_password,
        "created_at": timestamp(user.created_at),
        "last_login_at": timestamp(user.last_login_at),
        "version": user.version,
    }


def session_document(opened: UserSession, current: str | None) -> dict[str, Any]:
    """Show a session to its user; `current` is the id of the one that asks."""
    return {
        "id": str(opened.id),
        "actual": str(opened.id) == current,
        "direccion": opened.address,
        "programa": opened.user_agent,
        "created_at": timestamp(opened.created_at),
        "last_used_at": timestamp(opened.last_used_at),
        "expires_at": timestamp(opened.expires_at),
    }


def key_document(key: ApiKey) -> dict[str, Any]:
    """Show an API key without its secret."""
    return {
        "id": key.id,
        "familia": key.family,
        "nombre": key.name,
        "permiso": key.scope,
        "estado": standing(key),
        "created_at": timestamp(key.created_at),
        "created_by": key.created_by,
        "expires_at": timestamp(key.expires_at),
        "last_used_at": timestamp(key.last_used_at),
    }


def token_document(token: SystemToken) -> dict[str, Any]:
    """Show a system token without its secret."""
    return {
        "id": token.id,
        "agente": token.agent,
        "rol": token.role,
        "estado": standing(token),
        "created_at": timestamp(token.created_at),
        "created_by": token.created_by,
    }


def standing(item: ApiKey | SystemToken) -> str:
    """Say whether a key or token serves: activa, vencida or revocada."""
    if item.revoked_at is not None:
        return "revocada"
    expired = item.expires_at is not None and item.expires_at <= datetime.now(UTC)
    return "vencida" if expired else "activa"
