"""Parameters that routes share: the header `If-Match`, and which query parameters a route has."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, get_origin
from weakref import WeakKeyDictionary

from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.messages import plain_name

__all__ = ["IfMatch", "known_parameters", "query_parameters", "refuse_repeated"]

_MOST_NAMED = 20
_LONGEST_NAME = 64
_ALIKE = 0.6
_ONCE = Sentence("Este parámetro se envía una sola vez", "This parameter is sent once only")
_ONE_HEADER = Sentence("Esta cabecera se envía una sola vez", "This header is sent once only")
_NONE_HERE = Sentence(
    "Esta operación no tiene parámetros de consulta", "This operation has no query parameters"
)
_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "agente": ("agent", "assignee", "assigned", "assigned_to", "owner"),
        "asignado_a": ("agent", "assignee", "assigned", "assigned_to", "owner"),
        "accion": ("action", "verb", "event"),
        "actualizado_desde": ("updated_after", "updated_since", "updated_gte", "modified_since"),
        "actualizado_hasta": ("updated_before", "updated_until", "updated_lte", "modified_before"),
        "after": ("after_id", "starting_after", "last_event_id", "offset", "cursor"),
        "before": ("ending_before", "before_id", "until"),
        "cadena": ("chain", "order", "order_id", "orden"),
        "cliente_id": ("client", "client_id", "customer", "customer_id", "cliente"),
        "contra": ("against", "compare", "compare_to", "base", "with"),
        "creado_desde": ("created_after", "created_since", "created_gte", "from", "since", "desde"),
        "creado_hasta": ("created_before", "created_until", "created_lte", "to", "until", "hasta"),
        "cursor": (
            "next",
            "next_cursor",
            "page_token",
            "next_token",
            "starting_after",
            "ending_before",
            "continuation",
        ),
        "desde": ("from", "since", "start", "created_after", "created_gte"),
        "destino": ("destination", "destination_id", "webhook", "endpoint"),
        "dry_run": ("preview", "simulate", "test", "validate_only", "solo_probar"),
        "entregado_desde": ("delivered_after", "delivered_since", "delivered_gte"),
        "entregado_hasta": ("delivered_before", "delivered_until", "delivered_lte"),
        "espera": ("waiting", "waits_for", "waiting_for", "blocked_by"),
        "estado": ("status", "state", "stage", "phase"),
        "fields": ("select", "include", "only", "campos", "columns", "expand"),
        "clase": ("class", "kind", "category"),
        "dias": ("days", "window", "period"),
        "hasta": ("to", "until", "end", "created_before", "created_lte"),
        "limit": ("per_page", "page_size", "pagesize", "size", "count", "top", "max", "limite"),
        "necesita": ("needs", "requires", "pending_on", "awaiting"),
        "offset": ("page", "skip", "start", "pagina", "page_number"),
        "orden": ("order", "order_id", "order_number"),
        "order_number": ("number", "numero", "order_id", "orden", "id", "ids"),
        "plan_estado": ("plan_status", "plan_state", "approval", "approval_status"),
        "prioridad": ("priority", "urgency"),
        "q": ("search", "query", "text", "buscar", "keyword", "term", "filter"),
        "resultado": ("result", "outcome", "status"),
        "separador": ("separator", "delimiter", "sep"),
        "sort_by": ("sort", "order_by", "orderby", "ordering", "ordenar"),
        "sort_order": ("order", "direction", "dir", "sort_dir", "sortdirection"),
        "tag": ("tags", "label", "labels", "etiqueta", "etiquetas"),
        "tipo_producto": ("type", "product_type", "product", "tipo", "producto", "kind"),
    }
)
"""Parameter of this API to what other APIs call it; those of the same route share no word."""

_declared: WeakKeyDictionary[Callable[..., Any], Mapping[str, bool]] = WeakKeyDictionary()


def refuse_repeated(request: Request, name: str) -> None:
    """Refuse a header that is sent twice, of which either could be meant.

    Raises:
        ValidationFailed: naming the header.
    """
    if len(request.headers.getlist(name)) > 1:
        raise ValidationFailed({name: _ONE_HEADER})


async def _if_match(
    request: Request, if_match: Annotated[str | None, Header()] = None
) -> int | None:
    refuse_repeated(request, "If-Match")
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'\s*"(\d{1,9})"\s*', if_match)
    if match is None:
        raise ValidationFailed(
            {
                "If-Match": Sentence(
                    'Debe ser el ETag de la orden, por ejemplo "7"',
                    'Must be the ETag of the order, for example "7"',
                )
            }
        )
    return int(match[1])


IfMatch = Annotated[int | None, Depends(_if_match)]


async def known_parameters(request: Request) -> None:
    """Refuse query parameters that the route does not declare, or that came twice but may not.

    Without this a misspelt filter would be answered with everything. Guards of routes call it;
    a public route of the API depends on it.

    Raises:
        ValidationFailed: naming each such parameter, and the declared one that it resembles.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    declared = query_parameters(request.scope["route"])
    wrong = dict(_wrong(given, declared))
    if wrong:
        raise ValidationFailed(wrong)


def query_parameters(route: APIRoute) -> Mapping[str, bool]:
    """Return the query parameters that a route declares: name to whether it may come repeatedly."""
    known = _declared.get(route.endpoint)
    if known is not None:
        return known
    found = _declared[route.endpoint] = dict(_parameters_of(route.dependant))
    return found


def _parameters_of(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        annotation: object = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, info in annotation.model_fields.items():
                yield info.alias or name, _is_list(info.annotation)
        else:
            yield field.alias, _is_list(annotation)
    for dependency in dependant.dependencies:
        yield from _parameters_of(dependency)


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 — any annotation
    return get_origin(annotation) is list


def _wrong(given: list[str], declared: Mapping[str, bool]) -> Iterator[tuple[str, Sentence]]:
    for name in list(dict.fromkeys(given))[:_MOST_NAMED]:
        if name not in declared:
            yield plain_name(name), _unknown(name, declared)
        elif not declared[name] and given.count(name) > 1:
            yield name, _ONCE


def _unknown(name: str, declared: Iterable[str]) -> Sentence:
    names = sorted(declared)
    if not names:
        return _NONE_HERE
    nearest = _nearest(name, names)
    if nearest is not None:
        return Sentence(
            f"No existe este parámetro; ¿quisiste decir `{nearest}`?",
            f"There is no such parameter; did you mean `{nearest}`?",
        )
    options = ", ".join(names)
    return Sentence(
        f"No existe este parámetro. Opciones: {options}",
        f"There is no such parameter. One of: {options}",
    )


def _nearest(name: str, names: list[str]) -> str | None:
    """Return the one of `names` that is meant: by another word for it, or by its spelling."""
    # Other APIs write `createdAfter`, `created[gte]`, `per-page`.
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:_LONGEST_NAME])
    spelling = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    if spelling in names:
        return spelling
    for known in names:
        if spelling in _ALIASES.get(known, ()):
            return known
    spellings = {word: known for known in names for word in (known, *_ALIASES.get(known, ()))}
    close = get_close_matches(spelling, list(spellings), n=1, cutoff=_ALIKE)
    return spellings[close[0]] if close else None
