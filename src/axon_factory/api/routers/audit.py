"""The audit trail, for administrators: it names people and where they were."""

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers
from axon_factory.api.services import Services
from axon_factory.db.audit import (
    AuditQuery,
    Verification,
    audit_document,
    cut,
    list_audit,
    verify_audit,
)
from axon_factory.domain.answers import AnswerModel, Count, OrderNumber, Timestamp
from axon_factory.domain.audit import ACCESS_CHAIN, Outcome
from axon_factory.domain.errors import Unavailable
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.insights.order_numbers import numbers_of
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER

__all__ = ["AuditPage", "router"]
_HASH = r"^[0-9a-f]{64}$"

_EXAMPLE_ENTRY = {
    "posicion": 42,
    "cadena": EXAMPLE_ID,
    "order_number": EXAMPLE_NUMBER,
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
    order_number: OrderNumber | None = Field(
        description="Número de la orden de la cadena, si todavía existe."
    )
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


class AuditBreak(AnswerModel):
    """Dónde no se sostiene una cadena."""

    cadena: str = Field(description="La orden, o `acceso`.")
    secuencia: int = Field(ge=1, description="La primera entrada que no se sostiene.")
    motivo: Literal["altered", "missing", "reordered", "truncated", "unknown"] = Field(
        description="Alterada, ausente, en otro orden, cortada, o de otra mano."
    )


class AuditCheckpoint(AnswerModel):
    """Un resumen de toda la auditoría hasta un corte, para guardarlo fuera de la base."""

    version: int = Field(description="Versión del formato.")
    at: Timestamp
    position: int = Field(ge=0, description="El corte: la posición de la última entrada.")
    entries: Count = Field(description="Entradas hasta el corte.")
    chains: Count = Field(description="Cadenas hasta el corte.")
    digest: str = Field(pattern=_HASH, description="SHA-256 del final de cada cadena.")


class AuditVerification(AnswerModel):
    """Si la auditoría se sostiene, y dónde no."""

    EXAMPLE: ClassVar = {
        "integra": True,
        "entradas": 42,
        "cadenas": 7,
        "cadenas_rotas": 0,
        "roturas": [],
        "punto_de_control": {
            "version": 1,
            "at": "2025-11-14T10:05:00Z",
            "position": 42,
            "entries": 42,
            "chains": 7,
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
    }

    integra: bool = Field(description="Verdadero si todas las cadenas se sostienen.")
    entradas: Count = Field(description="Entradas leídas.")
    cadenas: Count = Field(description="Cadenas leídas.")
    cadenas_rotas: Count = Field(description="Cadenas que no se sostienen.")
    roturas: list[AuditBreak] = Field(description="Las primeras de ellas.")
    punto_de_control: AuditCheckpoint | None = Field(description="null si no hay entradas.")


router = APIRouter(route_class=Route, prefix="/api/audit", tags=["auditoria"])

_MOST_ROWS = 200
_LARGEST_POSITION = 2**63 - 1
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_NO_MOMENT = Sentence(
    "Debe ser una fecha con zona horaria, por ejemplo 2025-11-14T10:00:00Z",
    "Must be a time with a time zone, for example 2025-11-14T10:00:00Z",
)


def _spelt_out(value: str) -> str:
    """Refuse numbers, which Pydantic takes for seconds since 1970."""
    if "-" not in value[1:]:
        raise ValueError(_NO_MOMENT)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_spelt_out)]


class AuditFilters(BaseModel):
    """Which entries: all filters must be met."""

    model_config = ConfigDict(extra="ignore")

    cadena: str | None = Field(
        None, max_length=64, pattern=_PRINTABLE, description="Id de una orden, o `acceso`"
    )
    actor: str | None = Field(
        None, max_length=200, pattern=_PRINTABLE, description="Por ejemplo `user:…`"
    )
    accion: str | None = Field(
        None, max_length=64, pattern=_PRINTABLE, description="Por ejemplo `orders:create`"
    )
    resultado: Outcome | None = Field(None, description="Cómo terminó")
    desde: Moment | None = Field(None, description="Desde este momento, con zona horaria")
    hasta: Moment | None = Field(None, description="Antes de este momento")
    after: int | None = Field(
        None,
        ge=0,
        le=_LARGEST_POSITION,
        description="Las más antiguas posteriores a esta posición; sin él, las más recientes",
    )
    before: int | None = Field(
        None, ge=0, le=_LARGEST_POSITION, description="Solo las anteriores a esta posición"
    )
    limit: int = Field(50, ge=1, le=_MOST_ROWS, description="Cuántas como máximo")

    def query(self) -> AuditQuery:
        """Return the same for the database, with one row more that tells of a next page."""
        return AuditQuery(
            chain=self.cadena,
            actor=self.actor,
            action=self.accion,
            outcome=self.resultado,
            since=self.desde,
            until=self.hasta,
            after=self.after,
            before=self.before,
            limit=self.limit + 1,
        )

    def next_page(self, position: int) -> str:
        """Return the address of what follows the entry at `position`."""
        given = self.model_dump(mode="json", exclude_none=True)
        given["before" if self.after is None else "after"] = position
        return f"{router.prefix}?{urlencode(given)}"


@router.get(
    "",
    operation_id="listAudit",
    summary="Consultar la auditoría",
    responses=answers(AuditPage, etag=True, headers=["Link"]),
)
async def list_entries(
    filters: Annotated[AuditFilters, Query()],
    request: Request,
    services: Services,
    _principal: Annotated[Principal, Depends(require(Action.READ_AUDIT))],
) -> Response:
    """Devuelve quién hizo qué, de lo más reciente a lo más antiguo; con `after`, al revés."""
    async with services.database.reading() as session:
        found = await list_audit(session, filters.query())
        shown = found[: filters.limit]
        numbers = await numbers_of(session, {record.chain for record in shown} - {ACCESS_CHAIN})
    following = filters.next_page(shown[-1].position) if len(found) > len(shown) else None
    page = {
        "count": len(shown),
        "next": following,
        "entries": [
            audit_document(record) | {"order_number": numbers.get(record.chain)} for record in shown
        ],
    }
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return json_response(request, page, headers=headers)


class _OneAtATime:
    """Keeps a second verification out: each reads every entry."""

    def __init__(self) -> None:
        self._busy = False

    def __enter__(self) -> None:
        if self._busy:
            raise Unavailable(
                "Otra comprobación de la auditoría está en curso; intenta de nuevo después",
                message_en="The audit trail is being verified already; try again later",
            )
        self._busy = True

    def __exit__(self, *_: object) -> None:
        self._busy = False


_one_at_a_time = _OneAtATime()


@router.get(
    "/verification",
    operation_id="verifyAudit",
    summary="Comprobar la auditoría",
    responses=answers(AuditVerification, etag=True),
)
async def verify(
    request: Request,
    services: Services,
    _principal: Annotated[Principal, Depends(require(Action.READ_AUDIT))],
    posicion: Annotated[
        int | None,
        Query(
            ge=0,
            le=_LARGEST_POSITION,
            description="Hasta dónde llega el punto de control: la `position` de uno que se "
            "guardó. Sin ella, hasta la entrada más reciente.",
        ),
    ] = None,
) -> Response:
    """Lee todas las entradas y comprueba que ninguna falta, sobra ni fue alterada.

    Tarda según cuántas hay. `punto_de_control` resume la auditoría: guardado fuera de la base,
    muestra después lo que dentro de ella no se ve.
    """
    with _one_at_a_time:
        if posicion is None:
            async with services.database.transaction("audit_cut") as session:
                posicion = await cut(session)
        async with services.database.reading() as session:
            result = await verify_audit(session, posicion)
    return json_response(request, _verification_document(result))


def _verification_document(result: Verification) -> dict[str, Any]:
    kept = result.checkpoint
    return {
        "integra": result.holds,
        "entradas": result.entries,
        "cadenas": result.chains,
        "cadenas_rotas": result.broken_chains,
        "roturas": [
            {"cadena": found.chain, "secuencia": found.seq, "motivo": found.fault.value}
            for found in result.breaks
        ],
        "punto_de_control": None
        if kept is None
        else {**kept.model_dump(mode="json"), "at": timestamp(kept.at)},
    }
