"""The query parameters of GET /api/orders (design §3.4, resolutions 16), as a `ListQuery`."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from axon_factory.api.answers import charsets_of
from axon_factory.api.authentication import require
from axon_factory.api.services import Services
from axon_factory.domain.building import Priority
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.pending import PendingKind
from axon_factory.domain.permissions import Action, Grant, Principal
from axon_factory.domain.states import Needs, OrderState, PlanStatus, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.order import READERS
from axon_factory.orders.lists.cursor import decode
from axon_factory.orders.lists.export import Dialect
from axon_factory.orders.lists.fields import SUMMARY, listed
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.requests.values import ClientId, ProductTypeId, ShortText

__all__ = [
    "CSV",
    "BoardParameters",
    "CardParameters",
    "ListParameters",
    "PendingParameters",
    "RequestedDialect",
    "RequestedFields",
    "RequestedList",
    "board_filters",
    "list_query",
    "unknown_field",
]

CSV = "text/csv"
_EXCEL_CHARSET = "utf-8-sig"
_LARGEST_OFFSET = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # any time zone's rendering stays within the calendar
_MOST_VALUES = 20
_NO_DATE = Sentence(
    "Debe ser una fecha (2025-11-14) o una fecha con hora y zona (2025-11-14T10:00:00Z)",
    "Must be a date (2025-11-14) or a time with its zone (2025-11-14T10:00:00Z)",
)
_NOT_YOURS = Sentence(
    "Tu credencial no lee este campo, así que no puede filtrar por él",
    "Your credential does not read this field, so it cannot filter by it",
)
_TWO_STARTS = Sentence(
    "Una página empieza en `cursor` o en `offset`, no en ambos",
    "A page begins at `cursor` or at `offset`, not at both",
)


def _split(values: Any) -> Any:  # noqa: ANN401 — whatever the query string had
    """Let several values be sent in one parameter, with commas between them."""
    if not isinstance(values, list):
        return values
    return [part.strip() for value in values for part in str(value).split(",")]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] — the query string's


def _moment(value: Any) -> Any:  # noqa: ANN401 — see above
    text = str(value)
    try:
        moment = date.fromisoformat(text) if len(text) == len("2025-11-14") else _time(text)
    except ValueError:
        raise ValueError(_NO_DATE) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(_NO_DATE)
    return moment


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(_NO_DATE)
    return moment.astimezone(UTC)


_Moment = Annotated[
    date | datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2025-11-14", "2025-11-14T10:00:00Z"]}),
]
_Several = (BeforeValidator(_split), Field(max_length=_MOST_VALUES))
RequestedFields = Annotated[list[str], BeforeValidator(_split), Field(max_length=60)]


class FilterParameters(BaseModel):
    """Los filtros que una lista y el tablero comparten, como llegan."""

    tipo_producto: Annotated[list[ProductTypeId], *_Several] = Field(
        default_factory=list[str],
        description="Cualquiera de estos tipos; repetido o separado por comas.",
    )
    prioridad: Annotated[list[Priority], *_Several] = Field(
        default_factory=list[Priority],
        description="Cualquiera de estas prioridades; repetida o separada por comas.",
    )
    asignado_a: Annotated[list[ShortText], *_Several] = Field(
        default_factory=list[str],
        description="Cualquiera de estos responsables; repetido o separado por comas.",
    )
    cliente_id: Annotated[list[ClientId], *_Several] = Field(
        default_factory=list[str],
        description="Cualquiera de estos clientes; repetido o separado por comas.",
    )
    tag: list[ShortText] = Field(
        default_factory=list[str],
        max_length=_MOST_VALUES,
        description="Repetible: la orden debe tenerlos todos.",
    )
    q: ShortText | None = Field(
        default=None,
        description="Palabras, o su comienzo, del número de orden, el producto, y el nombre y el "
        "correo del cliente. Deben estar todas; sin distinguir acentos ni mayúsculas.",
    )


class BoardParameters(FilterParameters):
    """Los parámetros del tablero, como llegan."""

    limit: int = Field(default=50, ge=1, le=200, description="Tarjetas de una columna.")
    dias: int = Field(
        default=7, ge=1, le=90, description="Días de lo entregado y lo cancelado que se muestran."
    )


class CardParameters(BaseModel):
    """Los parámetros de las tarjetas, como llegan."""

    order_number: Annotated[
        list[ShortText], BeforeValidator(_split), Field(min_length=1, max_length=200)
    ] = Field(description="Números de orden, completos; repetido o separado por comas.")


class PendingParameters(BaseModel):
    """Los parámetros de lo que espera a una persona, como llegan."""

    clase: Annotated[list[PendingKind], *_Several] = Field(
        default_factory=list[PendingKind],
        description="Solo estas clases; repetida o separada por comas.",
    )
    limit: int = Field(default=100, ge=1, le=200, description="Cuántas caben en una página.")
    offset: int = Field(default=0, ge=0, le=100_000, description="Cuántas saltar.")
    sort_by: Literal["desde", "precio"] = Field(
        default="desde",
        description="Lo más antiguo primero, o lo más costoso; antes, lo que detiene una orden.",
    )


class ListParameters(FilterParameters):
    """Los parámetros de una lista, como llegan."""

    estado: Annotated[list[OrderState], *_Several] = Field(
        default_factory=list[OrderState],
        description="Cualquiera de estos estados; repetido o separado por comas.",
    )
    creado_desde: _Moment | None = Field(
        default=None,
        description="Desde esta fecha, incluida. Sin hora: desde que empieza el día en la zona "
        "horaria de la fábrica.",
    )
    creado_hasta: _Moment | None = Field(
        default=None,
        description="Sin hora: hasta el final de ese día, incluido. Con hora: antes de ella.",
    )
    plan_estado: Annotated[list[PlanStatus], *_Several] = Field(
        default_factory=list[PlanStatus],
        description="Cualquiera de estos estados del plan; repetido o separado por comas.",
    )
    espera: Annotated[list[WaitsFor], *_Several] = Field(
        default_factory=list[WaitsFor],
        description="Órdenes detenidas por cualquiera de estas causas; no para clientes.",
    )
    necesita: Annotated[list[Needs], *_Several] = Field(
        default_factory=list[Needs],
        description="Quién debe el próximo paso: `persona` (del equipo: aprobar, decidir, "
        "responder, reintentar), `cliente` (responder) o `nadie`.",
    )
    order_number: Annotated[list[ShortText], *_Several] = Field(
        default_factory=list[str],
        description="Cualquiera de estos números de orden, completos.",
    )
    actualizado_desde: _Moment | None = Field(
        default=None, description="Cambiadas desde esta fecha; como `creado_desde`."
    )
    actualizado_hasta: _Moment | None = Field(
        default=None, description="Cambiadas hasta esta fecha; como `creado_hasta`."
    )
    entregado_desde: _Moment | None = Field(
        default=None, description="Entregadas desde esta fecha; como `creado_desde`."
    )
    entregado_hasta: _Moment | None = Field(
        default=None, description="Entregadas hasta esta fecha; como `creado_hasta`."
    )
    limit: int = Field(default=50, ge=1, le=200, description="Cuántas caben en una página.")
    offset: int = Field(default=0, ge=0, le=_LARGEST_OFFSET, description="Cuántas saltar.")
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="`next` o `prev` de otra página de la misma lista."
    )
    sort_by: Literal["created_at", "updated_at", "prioridad"] = Field(
        default="created_at",
        description="`prioridad` va por rango, y dentro de él primero la más antigua.",
    )
    sort_order: Literal["asc", "desc"] = "desc"
    fields: RequestedFields = Field(
        default_factory=list[str],
        description="Solo estos campos de cada orden, separados por comas.",
    )
    bom: bool = Field(
        default=False,
        description="En CSV: empieza con la marca de UTF-8 que Excel necesita para los acentos.",
    )
    separador: Literal[",", ";"] = Field(
        default=",",
        description="En CSV: `;` para Excel donde la coma separa los decimales (`%3B`).",
    )


def board_filters(asked: BoardParameters) -> ListQuery:
    """Return which orders the board has."""
    return ListQuery(
        product_types=tuple(asked.tipo_producto),
        priorities=tuple(asked.prioridad),
        tags=tuple(asked.tag),
        assignees=tuple(asked.asignado_a),
        client_ids=tuple(asked.cliente_id),
        text=asked.q,
    )


async def _parameters(asked: Annotated[ListParameters, Query()]) -> ListParameters:
    """Let two dependencies read the parameters that are validated once."""
    return asked


_Asked = Annotated[ListParameters, Depends(_parameters)]


async def _list_query(
    asked: _Asked,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.LIST_ORDERS))],
) -> ListQuery:
    return list_query(asked, services.policy.zone, principal.grant)


def list_query(asked: ListParameters, zone: ZoneInfo, grant: Grant) -> ListQuery:
    """Return what a caller with `grant` asks for; dates without a time are days in `zone`.

    Raises:
        ValidationFailed: the cursor is none, or the caller may not ask for this.
    """
    cursor = decode(asked.cursor) if asked.cursor is not None else None
    if cursor is not None and asked.offset:
        raise ValidationFailed({"cursor": _TWO_STARTS})
    if asked.espera and grant not in READERS["espera"]:
        raise ValidationFailed({"espera": _NOT_YOURS})
    return ListQuery(
        states=tuple(asked.estado),
        product_types=tuple(asked.tipo_producto),
        priorities=tuple(asked.prioridad),
        tags=tuple(asked.tag),
        assignees=tuple(asked.asignado_a),
        client_ids=tuple(asked.cliente_id),
        text=asked.q,
        created_from=_begin_of(asked.creado_desde, zone),
        created_before=_end_of(asked.creado_hasta, zone),
        plan_states=tuple(asked.plan_estado),
        waits=tuple(asked.espera),
        needs=tuple(asked.necesita),
        order_numbers=tuple(asked.order_number),
        updated_from=_begin_of(asked.actualizado_desde, zone),
        updated_before=_end_of(asked.actualizado_hasta, zone),
        delivered_from=_begin_of(asked.entregado_desde, zone),
        delivered_before=_end_of(asked.entregado_hasta, zone),
        limit=asked.limit,
        offset=asked.offset,
        sort_by=asked.sort_by,
        descending=asked.sort_order == "desc",
        fields=_checked_fields(asked.fields, grant),
        cursor=cursor,
    )


RequestedList = Annotated[ListQuery, Depends(_list_query)]


async def _dialect(asked: _Asked, request: Request) -> Dialect:
    marked = asked.bom or _EXCEL_CHARSET in charsets_of(request.headers.get("accept", ""), CSV)
    return Dialect(asked.separador, byte_order_mark=marked)


RequestedDialect = Annotated[Dialect, Depends(_dialect)]


def _begin_of(moment: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the instant, of a date alone the one that its day begins at in `zone`."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.min, tzinfo=zone).astimezone(UTC)


def _end_of(moment: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    return _begin_of(moment + timedelta(days=1), zone)


def _checked_fields(names: list[str], grant: Grant) -> tuple[str, ...]:
    """Return the fields to show; of one that the caller may not read it is said that it is none."""
    if not names:
        return SUMMARY
    known = listed(grant)
    if any(name not in known for name in names):
        raise unknown_field(known)
    return tuple(dict.fromkeys(names))


def unknown_field(known: Iterable[str]) -> ValidationFailed:
    """Return the refusal of `fields` with a name that is none of `known`."""
    options = ", ".join(known)
    sentence = Sentence(
        f"Campo no válido. Opciones: {options}", f"Not a valid field. One of: {options}"
    )
    return ValidationFailed({"fields": sentence})
