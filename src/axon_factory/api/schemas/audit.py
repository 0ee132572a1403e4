"""Answers about the audit trail."""

from typing import Any, ClassVar

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Count, Timestamp
from axon_factory.domain.audit import Outcome
from axon_factory.orders.answers.shared import EXAMPLE_ID

__all__ = ["AuditPage"]

_HASH = r"^[0-9a-f]{64}$"
_EXAMPLE_ENTRY = {
    "posicion": 42,
    "cadena": EXAMPLE_ID,
    "secuencia": 2,
    "fecha": "2025-11-14T10:05:00Z",
    "microsegundos": 123,
    "actor": "user:7f9c24e8-3b12-4fef-91e0-5a1b2c3d4e5f",
    "actor_nombre": "Ana Ruiz",
    "permiso": "admin",
    "accion": "orders:decide_plan",
    "resultado": "ok",
    "objeto": EXAMPLE_ID,
    "direccion": "203.0.113.7",
    "solicitud_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "detalles": {"unidad": "approve"},
    "hash_anterior": "0" * 64,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


class AuditEntryAnswer(AnswerModel):
    """Quién hizo qué, desde dónde y cómo terminó."""

    posicion: int = Field(ge=1, description="Lugar entre todas las entradas; puede tener huecos.")
    cadena: str = Field(description="La orden, o `acceso` para lo demás.")
    secuencia: int = Field(ge=1, description="Lugar en su cadena, sin huecos.")
    fecha: Timestamp
    microsegundos: int = Field(
        ge=0, le=999_999, description="Lo que sigue a los segundos de `fecha`; el hash lo incluye."
    )
    actor: str = Field(description="Quién: `user:…`, `key:…`, `token:…` o `local:…`.")
    actor_nombre: str = Field(description="Su nombre de entonces.")
    permiso: str | None = Field(description="Con qué permiso; null si no había entrado.")
    accion: str = Field(description="Qué, como en la tabla de permisos.")
    resultado: Outcome
    objeto: str | None = Field(description="Sobre qué: una orden, `user:…`, `key:…`.")
    direccion: str | None = Field(description="Dirección de red de quien llamó.")
    solicitud_id: str | None = Field(description="`X-Request-Id` de la solicitud.")
    detalles: dict[str, Any] = Field(description="Datos breves; nunca secretos ni cuerpos.")
    hash_anterior: str = Field(pattern=_HASH, description="Hash de la entrada anterior.")
    hash: str = Field(pattern=_HASH, description="SHA-256 de esta entrada.")


class AuditPage(AnswerModel):
    """Entradas de la auditoría."""

    EXAMPLE: ClassVar = {"count": 1, "next": None, "entries": [_EXAMPLE_ENTRY]}

    count: Count = Field(description="Cuántas trae esta respuesta.")
    next: str | None = Field(description="La página siguiente; null en la última.")
    entries: list[AuditEntryAnswer] = Field(description="Las entradas.")
