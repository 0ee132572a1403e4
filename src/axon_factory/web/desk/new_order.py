"""A new order: its type, the form of the type's JSON Schema, and what it would be, beside it.

The form is sent to one address, and the button that sent it says what is wanted: to look at it
again, a row more or less, another type, to take over a JSON text, or to place the order. Whatever
was filled in comes back with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web.backend import Refused, path_of
from axon_factory.web.desk.schema_form import MISSING, Control, control_of, controls_of, read_value
from axon_factory.web.desk.schema_words import CLIENT, INTERNAL, PRODUCT_NAME, told
from axon_factory.web.forms import Form
from axon_factory.web.rendering import is_fragment
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Document = dict[str, Any]
Guard = Annotated[Desk, Depends(page_for(Action.CREATE_ORDER))]

_ADDRESS = "/app/ordenes/nueva"
_COPIED = (
    "tipo_producto",
    "nombre_producto",
    "datos_cliente",
    "cliente_id",
    "prioridad",
    "tags",
    "notas_internas",
)
_BELONGS_ELSEWHERE = {"configuracion"}
_RECENT = 20


@dataclass(frozen=True, slots=True)
class _Draft:
    """An order as far as it is written."""

    document: Document
    problems: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the API says is wrong, by the place of the field."""
    sentence: str = ""
    imported: str = ""
    """A JSON text that could not be taken over."""
    import_problem: str = ""
    silent: bool = False
    """Nothing was checked yet: problems are not shown beside the fields."""


@router.get(_ADDRESS)
async def new_order(
    desk: Guard,
    tipo: Annotated[str | None, Query()] = None,
    de: Annotated[str | None, Query()] = None,
) -> Response:
    """Show the form: empty, or filled with what another order has (`de`)."""
    types = await _types(desk)
    if de and de.strip():
        order = await desk.get("orders", de.strip())
        draft = _Draft(_copied(order))
        return await _page(desk, types, await _checked(desk, draft))
    known = {one["id"] for one in types}
    chosen = tipo if tipo in known else types[0]["id"]
    return await _page(desk, types, _Draft({"tipo_producto": chosen}, silent=True))


@router.post(_ADDRESS)
async def fill_in(desk: Guard) -> Response:
    """Do what the pressed button asks; only `crear` changes anything."""
    form = await desk.form()
    types = await _types(desk)
    wanted, _, about = form.text("_hacer").partition(":")
    if wanted == "importar":
        return await _imported(desk, types, form)
    document = await _read(desk, form, types)
    match wanted:
        case "crear":
            return await _placed(desk, types, document, form)
        case "tipo":
            await _change_type(desk, document, about)
            return await _page(desk, types, _Draft(document, silent=True))
        case "agregar":
            _rows_at(document, about).append({})
            return await _page(desk, types, _Draft(document, silent=True))
        case "quitar":
            path, _, index = about.rpartition(".")
            rows = _rows_at(document, path)
            if index.isdecimal() and int(index) < len(rows):
                del rows[int(index)]
            return await _page(desk, types, _Draft(document, silent=True))
        case _:
            return await _page(desk, types, await _checked(desk, _Draft(document)))


async def _placed(desk: Desk, types: list[Document], document: Document, form: Form) -> Response:
    try:
        answer = await desk.api.ask("POST", path_of("orders"), body=document, key=form.key)
    except Refused as refusal:
        draft = _Draft(document, refusal.fields, refusal.sentence)
        return await _page(desk, types, (draft, None), refusal.status)
    number = str(answer.document["order_number"])
    return desk.done(
        f"/app/ordenes/{number}",
        desk.r.t(
            f"Creaste la orden {number}. El cliente recibe el enlace de su portal.",
            f"You placed order {number}. The client is sent the link of their portal.",
        ),
    )


async def _imported(desk: Desk, types: list[Document], form: Form) -> Response:
    """Take over a JSON text; one that is none is shown again with what is wrong."""
    text = form.text("importar")
    try:
        taken = json.loads(text)
    except ValueError as error:
        place = getattr(error, "lineno", 1)
        problem = desk.r.t(
            f"No es JSON: revisa la línea {place}.", f"This is not JSON: look at line {place}."
        )
        taken = None
    else:
        problem = desk.r.t(
            "Debe ser un objeto con los datos de una orden.",
            "It must be an object with the data of an order.",
        )
    if not isinstance(taken, dict):
        document = await _read(desk, form, types)
        draft = _Draft(document, imported=text, import_problem=problem, silent=True)
        return await _page(desk, types, draft, HTTPStatus.BAD_REQUEST)
    document = cast("Document", taken)
    if document.get("tipo_producto") not in {one["id"] for one in types}:
        document["tipo_producto"] = form.text("tipo_producto") or types[0]["id"]
    return await _page(desk, types, await _checked(desk, _Draft(document)))


async def _checked(desk: Desk, draft: _Draft) -> tuple[_Draft, Document | None]:
    """Return the draft with what is wrong with it, and what it would be if nothing is."""
    try:
        answer = await desk.api.ask(
            "POST", path_of("orders"), query={"dry_run": "true"}, body=draft.document
        )
    except Refused as refusal:
        if refusal.status != HTTPStatus.BAD_REQUEST:
            raise
        return _Draft(draft.document, refusal.fields, refusal.sentence), None
    return draft, answer.document


async def _page(
    desk: Desk,
    types: list[Document],
    drawn: _Draft | tuple[_Draft, Document | None],
    status: int = HTTPStatus.OK,
) -> Response:
    draft, preview = drawn if isinstance(drawn, tuple) else (drawn, None)
    product = await _product(desk, draft.document)
    fragment = is_fragment(desk.request)
    shown: Mapping[str, str] = {} if draft.silent else draft.problems
    if fragment:  # while somebody writes, what they have not come to yet is not called wrong
        shown = {place: text for place, text in shown.items() if _is_filled(draft.document, place)}
    sections = _sections(draft.document, product, shown)
    return await desk.page(
        "desk/new_order/answer.html" if fragment else "desk/new_order/page.html",
        status,
        types=types,
        product=product,
        sections=sections,
        problems=draft.problems,
        elsewhere=_elsewhere(draft.problems, sections),
        labels=_labels(draft.problems, sections),
        sentence=draft.sentence,
        silent=draft.silent,
        preview=preview,
        promised=_promised(desk, preview),
        import_problem=draft.import_problem,
        imported=draft.imported,
        recent=[] if fragment else await _recent(desk),
        tell=partial(told, english=desk.r.english),
    )


def _sections(
    document: Document, product: Document, problems: Mapping[str, str]
) -> dict[str, tuple[Control, ...]]:
    """Return the controls of the three parts of the form."""
    client = document.get("datos_cliente")
    client = cast("Document", client) if isinstance(client, dict) else {}
    place = "datos_cliente.configuracion"
    configuration = control_of(
        product["configuracion_schema"], client.get("configuracion", {}), place, problems
    )
    name = document.get("nombre_producto", MISSING)
    return {
        "client": controls_of(CLIENT, client, "datos_cliente", problems),
        "product": (
            control_of(PRODUCT_NAME, name, "nombre_producto", problems, required=True),
            *((configuration,) if configuration.kind == "json" else configuration.controls),
        ),
        "internal": tuple(
            control_of(part, document.get(key, MISSING), key, problems)
            for key, part in INTERNAL["properties"].items()
        ),
        "rest": (
            _rest("datos_cliente", client, {*CLIENT["properties"], *_BELONGS_ELSEWHERE}),
            _rest("datos_cliente.configuracion", None, set(), configuration.rest),
            _rest("orden", document, {*_COPIED}),
        ),
    }


def _rest(name: str, members: Document | None, known: set[str], given: str = "") -> Control:
    """Return a hidden field with the members that no control shows."""
    rest = {key: value for key, value in (members or {}).items() if key not in known}
    text = given or (json.dumps(rest, ensure_ascii=False) if rest else "")
    names = ", ".join(json.loads(text)) if text else ""
    return Control(f"{name}.__resto", "rest", name, value=text, rest_names=names)


async def _read(desk: Desk, form: Form, types: list[Document]) -> Document:
    """Return the order that the form describes."""
    known = {one["id"] for one in types}
    chosen = form.text("tipo_producto")
    document: Document = _members(form.text("orden.__resto"))
    document["tipo_producto"] = chosen if chosen in known else types[0]["id"]
    schema = (await _product(desk, document))["configuracion_schema"]
    client: Document = _members(form.text("datos_cliente.__resto"))
    for key, part in CLIENT["properties"].items():
        _put(client, key, read_value(form, part, f"datos_cliente.{key}"))
    _put(client, "configuracion", read_value(form, schema, "datos_cliente.configuracion"))
    _put(document, "nombre_producto", form.text("nombre_producto") or MISSING)
    document["datos_cliente"] = client
    for key, part in INTERNAL["properties"].items():
        _put(document, key, read_value(form, part, key))
    return document


def _put(members: Document, key: str, value: object) -> None:
    if value is not MISSING:
        members[key] = value


def _members(text: str) -> Document:
    try:
        value: object = json.loads(text) if text else {}
    except ValueError:
        return {}
    return cast("Document", value) if isinstance(value, dict) else {}


async def _change_type(desk: Desk, document: Document, chosen: str) -> None:
    """Choose another type: of the configuration, what the new one does not know stays behind."""
    before = (await _product(desk, document))["configuracion_schema"].get("properties", {})
    document["tipo_producto"] = chosen
    after = (await _product(desk, document))["configuracion_schema"].get("properties", {})
    configuration: object = document["datos_cliente"].get("configuracion")
    if isinstance(configuration, dict):
        for key in [key for key in before if key not in after]:
            cast("Document", configuration).pop(key, None)


def _rows_at(document: Document, path: str) -> list[Any]:
    """Return the list at a place of the document, made if it is missing; another is not kept."""
    *parents, name = path.split(".")
    holder: Any = document
    for parent in parents:
        if isinstance(holder, list):
            items = cast("list[Any]", holder)
            holder = items[int(parent)] if parent.isdecimal() and int(parent) < len(items) else {}
        elif isinstance(holder, dict):
            holder = cast("Document", holder).setdefault(parent, {})
        if not isinstance(holder, dict | list):
            return []
    if not isinstance(holder, dict):
        return []
    rows: object = cast("Document", holder).setdefault(name, [])
    return cast("list[Any]", rows) if isinstance(rows, list) else []


def _is_filled(document: Document, path: str) -> bool:
    value: Any = document
    for part in path.split("."):
        if isinstance(value, dict):
            value = cast("Document", value).get(part)
        elif isinstance(value, list) and part.isdecimal():
            items = cast("list[Any]", value)
            value = items[int(part)] if int(part) < len(items) else None
        else:
            return False
    return value not in (None, "", [], {})


def _drawn(controls: tuple[Control, ...]) -> list[Control]:
    """Return the controls and those within them."""
    return [one for control in controls for one in (control, *_drawn(control.controls))]


def _every(sections: Mapping[str, tuple[Control, ...]]) -> list[Control]:
    return [one for name in ("client", "product", "internal") for one in _drawn(sections[name])]


def _holder(place: str, sections: Mapping[str, tuple[Control, ...]]) -> Control | None:
    """Return the innermost control that shows the problem of a place."""
    fits = [
        one for one in _every(sections) if place == one.name or place.startswith(f"{one.name}.")
    ]
    return max(fits, key=lambda one: len(one.name), default=None)


def _elsewhere(
    problems: Mapping[str, str], sections: Mapping[str, tuple[Control, ...]]
) -> list[tuple[str, str]]:
    """Return the problems that stand beside no field."""
    return [(place, text) for place, text in problems.items() if _holder(place, sections) is None]


def _labels(
    problems: Mapping[str, str], sections: Mapping[str, tuple[Control, ...]]
) -> list[tuple[Control, str]]:
    """Return the fields that are wrong, and what is wrong with them."""
    held = ((_holder(place, sections), text) for place, text in problems.items())
    return [(control, text) for control, text in held if control is not None]


def _promised(desk: Desk, preview: Document | None) -> Document | None:
    """Return the days that would be promised if the plan were approved now."""
    if preview is None:
        return None
    estimate = preview["estimacion"]
    since = desk.r.now + timedelta(hours=estimate["horas_minimo"])
    until = desk.r.now + timedelta(hours=estimate["horas_maximo"])
    return {"since": since, "until": until}


async def _types(desk: Desk) -> list[Document]:
    return (await desk.get("products", "types"))["products"]


async def _product(desk: Desk, document: Document) -> Document:
    return await desk.get("products", "types", str(document["tipo_producto"]))


async def _recent(desk: Desk) -> list[Document]:
    """Return the newest orders, which one may want to duplicate."""
    return (await desk.get("orders", query={"limit": _RECENT}))["orders"]


def _copied(order: Document) -> Document:
    """Return what a new order takes over from another."""
    return {key: order[key] for key in _COPIED if order.get(key) not in (None, "", [])}
