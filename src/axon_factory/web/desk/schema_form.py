"""Forms drawn from a JSON Schema: a document becomes controls, and a sent form a document again.

The document is the only state of such a form. A field is named by its place in the document
(`datos_cliente.configuracion.productos.0.nombre`), which is also what the API's `details` name. A
schema is drawn as far as people fill in forms; what lies beyond is kept and edited as JSON.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from axon_factory.web.forms import Form

__all__ = ["Control", "control_of", "controls_of", "read_value"]

Json = Any
Schema = Mapping[str, Any]

MISSING = object()
"""What an empty field is: the document does not have it."""

_JSON, _REST, _OTHERS = "__json", "__resto", "__otros"
_MOST_ROWS = 40
"""A longer list is edited as JSON: a form has a bounded number of fields."""
_NUMBERS: Mapping[str, type] = {"integer": int, "number": float}
_INPUTS = {"phone": "tel", "email": "email", "amount": "text", "integer": "text"}


@dataclass(frozen=True, slots=True)
class Control:
    """One field as a template draws it."""

    name: str
    kind: str
    """text, lines, choice, suggestions, marks, tags, flag, pairs, json, group, rows or row."""
    label: str
    help: str = ""
    value: str = ""
    example: str = ""
    default: str = ""
    required: bool = False
    problem: str = ""
    input_type: str = "text"
    options: tuple[tuple[str, str], ...] = ()
    chosen: frozenset[str] = frozenset()
    controls: tuple["Control", ...] = ()
    rest: str = ""
    """Members that the schema does not name, as JSON: they are sent along."""
    rest_names: str = ""
    longest: int | None = None

    @property
    def id(self) -> str:
        """The id of its element."""
        return "c-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.name)


def controls_of(
    schema: Schema, document: Json, path: str, problems: Mapping[str, str]
) -> tuple[Control, ...]:
    """Return the controls of an object's properties; `path` is its place in the whole."""
    members = _mapping(document)
    required: list[str] = schema.get("required") or []
    return tuple(
        control_of(
            part, members.get(name, MISSING), f"{path}.{name}", problems, required=name in required
        )
        for name, part in _properties(schema).items()
    )


def control_of(
    schema: Schema,
    value: Json,
    path: str,
    problems: Mapping[str, str],
    *,
    required: bool = False,
) -> Control:
    """Return the control of one value; MISSING draws it empty."""
    kind = _kind(schema, value)
    facts: dict[str, Any] = {
        "name": path,
        "kind": kind,
        "label": str(schema.get("title") or path.rpartition(".")[2].replace("_", " ")),
        "help": str(schema.get("description") or ""),
        "required": required,
        "longest": schema.get("maxLength"),
    }
    if kind in {"group", "rows"}:
        facts["problem"] = problems.get(path, "")
        parts = controls_of if kind == "group" else _rows
        return Control(
            **facts, controls=parts(schema, value, path, problems), **_rest(schema, value)
        )
    facts["problem"] = _problem(path, problems)
    default, examples = schema.get("default"), schema.get("examples") or ()
    options = _options(schema)
    chosen = frozenset(str(item) for item in _list(value)) if kind == "marks" else frozenset[str]()
    return Control(
        **facts,
        value=_text(kind, value, {name for name, _ in options}),
        example=_shown(examples[0]) if examples and not options else "",
        default="" if default in (None, "", [], {}) else _labelled(default, options),
        input_type=_INPUTS.get(str(schema.get("format")), "text"),
        options=_with_present(options, value) if kind == "choice" else options,
        chosen=chosen,
    )


def read_value(form: Form, schema: Schema, path: str) -> Json:
    """Return the value that the form has at `path`, MISSING if it is empty there.

    What a person wrote wrongly stays as it was written: the API says what is wrong with it.
    """
    if f"{path}.{_JSON}" in form.fields:
        return _parsed(form.text(f"{path}.{_JSON}"))
    match _kind(schema, MISSING):
        case "group":
            return _read_group(form, schema, path) or MISSING
        case "rows":
            return _read_rows(form, schema, path) or MISSING
        case "marks":
            others = [part.strip() for part in form.text(f"{path}.{_OTHERS}").split(",")]
            return [*form.all(path), *(part for part in others if part)] or MISSING
        case "tags":
            parts = [part.strip() for part in form.text(path).split(",")]
            return [part for part in parts if part] or MISSING
        case "pairs":
            return _pairs(form.text(path)) or MISSING
        case "flag":
            return bool(form.text(path))
        case _:
            return _number(form.text(path), schema)


def _kind(schema: Schema, value: Json) -> str:
    """Return how a value is drawn; `json` if it does not fit what its schema is drawn as."""
    types = _types(schema)
    items: Schema = schema.get("items") or {}
    match sorted(types):
        case ["array"] if _types(items) == {"string"}:
            kind = "marks" if _options(schema) else "tags"
        case ["array"] if "object" in _types(items) and _properties(items):
            kind = "rows"
        case ["object"] if _properties(schema):
            kind = "group"
        case ["object"] if _mapping(schema.get("additionalProperties")):
            kind = "pairs"
        case ["boolean"]:
            kind = "flag"
        case _ if types and types <= {"string", "integer", "number"}:
            kind = _text_kind(schema)
        case _:
            return "json"
    return kind if value is MISSING or _fits(kind, value, items) else "json"


def _text_kind(schema: Schema) -> str:
    if options := _options(schema):
        # With a default among them the options are all there is; otherwise they are proposals.
        closed = "enum" in schema or schema.get("default") in {name for name, _ in options}
        return "choice" if closed else "suggestions"
    return "lines" if schema.get("x-control") == "texto_largo" else "text"


def _fits(kind: str, value: Json, items: Schema) -> bool:
    match kind:
        case "group":
            return isinstance(value, dict)
        case "pairs":
            return isinstance(value, dict) and all(
                isinstance(item, str) and "\n" not in item for item in _mapping(value).values()
            )
        case "rows":
            rows = _list(value)
            plain = "string" in _types(items)
            return (
                isinstance(value, list)
                and len(rows) <= _MOST_ROWS
                and all(isinstance(row, dict) or (plain and isinstance(row, str)) for row in rows)
            )
        case "marks" | "tags":
            return isinstance(value, list) and all(
                isinstance(item, str) and "," not in item for item in _list(value)
            )
        case "flag":
            return isinstance(value, bool)
        case _:
            return isinstance(value, str | int | float) and not isinstance(value, bool)


def _rows(
    schema: Schema, value: Json, path: str, problems: Mapping[str, str]
) -> tuple[Control, ...]:
    """Return a row of controls for each item; one empty row if there is none."""
    items: Schema = schema["items"]
    named = _first_name(items)
    rows: list[Json] = [
        {named: item} if isinstance(item, str) else item for item in _list(value)
    ] or [{}]
    return tuple(
        Control(
            name=f"{path}.{index}",
            kind="row",
            label=str(index + 1),
            problem=problems.get(f"{path}.{index}", ""),
            controls=controls_of(items, row, f"{path}.{index}", problems),
            **_rest(items, row),
        )
        for index, row in enumerate(rows)
    )


def _rest(schema: Schema, value: Json) -> dict[str, Any]:
    """Return the members of an object that no control shows."""
    known = _properties(schema)
    rest = {name: item for name, item in _mapping(value).items() if name not in known}
    if not rest:
        return {}
    return {"rest": json.dumps(rest, ensure_ascii=False), "rest_names": ", ".join(rest)}


def _read_group(form: Form, schema: Schema, path: str) -> dict[str, Json]:
    read = {
        name: read_value(form, part, f"{path}.{name}") for name, part in _properties(schema).items()
    }
    rest = _mapping(_parsed(form.text(f"{path}.{_REST}")))
    return rest | {name: value for name, value in read.items() if value is not MISSING}


def _read_rows(form: Form, schema: Schema, path: str) -> list[Json]:
    """Return the items; empty rows at the end are not meant, others keep their place."""
    items: Schema = schema["items"]
    named = _first_name(items) if "string" in _types(items) else None
    place = re.compile(re.escape(path) + r"\.([0-9]{1,4})\.")
    found = (place.match(name) for name in form.fields)
    count = 1 + max((int(match[1]) for match in found if match), default=-1)
    rows: list[Json] = [
        _read_group(form, items, f"{path}.{index}") for index in range(min(count, _MOST_ROWS))
    ]
    while rows and not rows[-1]:
        rows.pop()
    return [row[named] if named and set(row) == {named} else row for row in rows]


def _problem(path: str, problems: Mapping[str, str]) -> str:
    """Return what is wrong at a place, or at one below it that no control shows."""
    below = (text for place, text in problems.items() if place.startswith(f"{path}."))
    return problems.get(path) or next(below, "")


def _options(schema: Schema) -> tuple[tuple[str, str], ...]:
    holder: Schema = schema.get("items") or schema
    offered: list[Mapping[str, str]] = holder.get("x-opciones") or []
    if offered:
        return tuple((one["valor"], one["etiqueta"]) for one in offered)
    return tuple((str(value), str(value)) for value in holder.get("enum") or ())


def _with_present(options: tuple[tuple[str, str], ...], value: Json) -> tuple[tuple[str, str], ...]:
    """Return the options and, of an imported document, the value that is none of them."""
    if value is MISSING or value in {name for name, _ in options}:
        return options
    return (*options, (str(value), str(value)))


def _labelled(value: Json, options: tuple[tuple[str, str], ...]) -> str:
    return dict(options).get(str(value), _shown(value))


def _text(kind: str, value: Json, offered: set[str]) -> str:
    """Return what stands in the field."""
    if value is MISSING:
        return ""
    match kind:
        case "json":
            return value if isinstance(value, str) else _written(value)
        case "marks":
            return ", ".join(item for item in _list(value) if item not in offered)
        case "tags":
            return ", ".join(_list(value))
        case "pairs":
            return "\n".join(f"{name} = {item}" for name, item in _mapping(value).items())
        case "flag":
            return "1" if value else ""
        case _:
            return str(value)


def _shown(value: Json) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name} = {item}" for name, item in _mapping(value).items())
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in _list(value))
    return str(value)


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _pairs(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in lines}


def _number(text: str, schema: Schema) -> Json:
    """Return the number that is meant, or the text if it is none or may be a text."""
    if not text:
        return MISSING
    types = _types(schema)
    for name, kind in _NUMBERS.items():
        if name in types and "string" not in types:
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _parsed(text: str) -> Json:
    if not text:
        return MISSING
    try:
        return json.loads(text)
    except ValueError:
        return text


def _types(schema: Schema) -> set[str]:
    named: str | list[str] = schema.get("type") or []
    return {named} if isinstance(named, str) else set(named)


def _properties(schema: Schema) -> Mapping[str, Schema]:
    return schema.get("properties") or {}


def _first_name(items: Schema) -> str:
    """Return the member that a plain text stands for."""
    return str((items.get("required") or list(_properties(items)))[0])


def _mapping(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else []
