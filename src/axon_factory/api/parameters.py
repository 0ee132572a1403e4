"""Query and header parameters that several routes share."""

import re
from typing import Annotated, Literal

from fastapi import Depends, Header, Query

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.priority import Priority
from axon_factory.domain.states import OrderState
from axon_factory.orders.read import ListQuery

__all__ = ["IfMatch", "ListParameters"]

_MOST_ROWS = 200
_LARGEST_OFFSET = 2**31 - 1


def _list_query(
    estado: Annotated[list[OrderState] | None, Query()] = None,
    tipo_producto: Annotated[str | None, Query(max_length=100)] = None,
    prioridad: Annotated[Priority | None, Query()] = None,
    tag: Annotated[list[str] | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 50,
    offset: Annotated[int, Query(ge=0, le=_LARGEST_OFFSET)] = 0,
    sort_by: Literal["created_at", "updated_at", "prioridad"] = "created_at",
    sort_order: Literal["asc", "desc"] = "desc",
) -> ListQuery:
    if any("\x00" in text for text in [tipo_producto or "", *(tag or [])]):
        raise ValidationFailed({"tag": "No puede contener el carácter NUL"})
    return ListQuery(
        states=tuple(estado or ()),
        product_type=tipo_producto,
        priority=prioridad,
        tags=tuple(tag or ()),
        limit=limit,
        offset=offset,
        sort_by=sort_by,
        descending=sort_order == "desc",
    )


ListParameters = Annotated[ListQuery, Depends(_list_query)]


def _if_match(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'\s*"(\d{1,9})"\s*', if_match)
    if match is None:
        raise ValidationFailed({"If-Match": 'Debe ser el ETag de la orden, por ejemplo "7"'})
    return int(match[1])


IfMatch = Annotated[int | None, Depends(_if_match)]
