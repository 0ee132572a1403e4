"""The audit trail, for administrators: it names people and where they were."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.documentation import answers
from axon_factory.api.schemas.audit import AuditPage
from axon_factory.api.services import Services
from axon_factory.db.audit import AuditQuery, audit_document, list_audit
from axon_factory.domain.audit import Outcome
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import Sentence

__all__ = ["router"]

router = APIRouter(prefix="/api/audit", tags=["auditoria"])

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
    following = filters.next_page(shown[-1].position) if len(found) > len(shown) else None
    page = {
        "count": len(shown),
        "next": following,
        "entries": [audit_document(record) for record in shown],
    }
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return json_response(request, page, headers=headers)
