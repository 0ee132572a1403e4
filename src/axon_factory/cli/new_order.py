"""`axon orders new`: an order whose fields are asked for, from the JSON Schema of its type."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

from axon_factory.cli.client import Factory, Json
from axon_factory.cli.deciding import read_document
from axon_factory.cli.tables import Table, facts, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    YesOption,
    ask,
    confirm,
    paint,
    print_json,
    refuse_question,
    said,
    say,
)

_OPTIONAL = (
    ("telefono", "Teléfono, por ejemplo +5215512345678", "Telephone, for example +5215512345678"),
    ("industria", "Industria", "Industry"),
    ("pais", "País", "Country"),
)
_NUMBERS = {"integer": int, "number": float}


def register(group: typer.Typer) -> None:
    """Add the command to `axon orders`."""
    group.command("new")(new)


def new(
    *,
    file: Annotated[
        str | None, typer.Argument(help="File with the whole order as JSON; - is stdin.")
    ] = None,
    tipo: Annotated[str | None, typer.Option(help="The product type, else you are asked.")] = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for an order's fields, show what it would cost, and create it.

    An empty answer leaves a field out. With --json nothing is asked: the file has the order.

    Example: axon orders new --tipo autopilot_whatsapp

    Example: axon orders new --json order.json
    """
    if file is None:
        refuse_question(as_json=as_json)
    factory = Factory(data_dir)
    order = dict(read_document(file)) if file is not None else _asked(factory, tipo)
    if not as_json and not yes:
        _show_preview(_previewed(factory, order, may_ask=file is None))
        confirm(said("¿Crear la orden?", "Create the order?"))
    show_created(factory.post("orders", body=order), as_json=as_json)


def show_created(order: Mapping[str, Any], *, as_json: bool) -> None:
    """Say which order was created, and how to follow it."""
    if as_json:
        print_json(order)
        return
    number = order["order_number"]
    say(
        said(f"Orden {number} creada", f"Order {number} was created"),
        said(
            f"Síguela con: axon orders watch {number}",
            f"Follow it with: axon orders watch {number}",
        ),
    )


def _asked(factory: Factory, given_type: str | None) -> Json:
    product = factory.get("products", "types", given_type or _chosen_type(factory))
    say(paint(safe(product["nombre"]), "bold"), safe(product["descripcion"]))
    name = _required(said("Nombre del producto", "Name of the product"))
    client: Json = {
        "nombre": _required(said("Nombre del cliente", "Name of the client")),
        "email": _required(said("Correo del cliente", "The client's mail address")),
    }
    for field, spanish, in_english in _OPTIONAL:
        if text := ask(said(spanish, in_english)):
            client[field] = text
    schema = product["configuracion_schema"]
    known: Mapping[str, Mapping[str, Any]] = schema["properties"]
    configuration: Json = {}
    for field in (*(name for name in schema.get("x-orden", ()) if name in known), *known):
        if field not in configuration:
            configuration[field] = _value_of(field, known[field])
    client["configuracion"] = {
        field: value for field, value in configuration.items() if value is not None
    }
    return {"tipo_producto": product["id"], "nombre_producto": name, "datos_cliente": client}


def _chosen_type(factory: Factory) -> str:
    types = factory.get("products", "types")["products"]
    rows = Table(
        *("N.º", "Tipo", "Nombre", "Horas", "USD"),
        numbers=("N.º", "Horas", "USD"),
        drop=("Nombre",),
    )
    for number, one in enumerate(types, start=1):
        price = one["precio_base_usd"]
        rows.add(number, one["id"], one["nombre"], one["estimacion_horas"], price)
    say(*rows.lines())
    names = [str(one["id"]) for one in types]
    while True:
        answer = _required(said("Tipo, por su número o nombre", "Type, by its number or name"))
        if answer in names:
            return answer
        if answer.isascii() and answer.isdigit() and 0 < int(answer) <= len(names):
            return names[int(answer) - 1]
        say(said("No es uno de los tipos", "It is none of the types"))


def _required(question: str) -> str:
    while not (answer := ask(question)):
        say(said("Hace falta", "It is needed"))
    return answer


def _value_of(field: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 — any JSON value
    """Ask for one field of the configuration; None leaves it out."""
    question = safe(schema.get("title", field))
    if description := schema.get("description"):
        say(paint(safe(description), "dim"))
    if options := _options(schema):
        say(paint("  " + "; ".join(options), "dim"))
    if examples := schema.get("examples"):
        example = said("por ejemplo", "for example")
        question += f" ({example} {_shown(examples[0])})"
    default = schema.get("default")
    while True:
        text = ask(question, default=None if default in (None, [], {}) else _shown(default))
        try:
            return _parsed(text, schema) if text else None
        except ValueError as error:
            say(str(error))


def _options(schema: Mapping[str, Any]) -> list[str]:
    """Return the values that the schema offers, with their labels."""
    holder: Mapping[str, Any] = schema.get("items") or schema
    labels = [f"{one['valor']} ({one['etiqueta']})" for one in holder.get("x-opciones") or ()]
    return labels or [str(value) for value in holder.get("enum") or ()]


def _shown(value: Any) -> str:  # noqa: ANN401 — any JSON value
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in cast("list[Any]", value))
    if isinstance(value, bool):
        return said("s" if value else "n", "y" if value else "n")
    return safe(value)


def _parsed(text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 — any JSON value
    """Return what the text means for the schema's type.

    Raises:
        ValueError: it means nothing; the message is for the person.
    """
    kind = schema.get("type")
    if kind == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind == "boolean":
        if text.lower() not in {"s", "sí", "si", "y", "yes", "n", "no"}:
            raise ValueError(said("Responde s o n", "Answer y or n"))
        return text.lower() not in {"n", "no"}
    if kind in _NUMBERS:
        try:
            return _NUMBERS[kind](text)
        except ValueError:
            raise ValueError(said("Debe ser un número", "It must be a number")) from None
    if kind == "object":
        import json  # noqa: PLC0415 — few schemas have such a field

        try:
            return json.loads(text)
        except ValueError:
            raise ValueError(said("Debe ser JSON", "It must be JSON")) from None
    return text


def _previewed(factory: Factory, order: Json, *, may_ask: bool) -> Json:
    """Return the API's preview of the order; fields that it refuses are asked for again.

    Raises:
        CliError: something else is wrong with it.
    """
    while True:
        try:
            return factory.ask("POST", "orders", query={"dry_run": "true"}, body=order)
        except CliError as refusal:
            wrong: Mapping[str, str] = refusal.extra.get("details") or {}
            if not may_ask or refusal.code is not Exit.REFUSED or not wrong:
                raise
        for place, sentence in wrong.items():
            say(paint(f"{place}: {safe(sentence)}", "yellow"))
            _correct(order, place, sentence)


def _correct(order: Json, place: str, sentence: str) -> None:
    """Ask again for the field at `place`, of which the API says `sentence`; empty takes it away.

    Raises:
        CliError: it lies within a list.
    """
    *parents, name = place.split(".")
    fields = order
    for parent in parents:
        fields = fields.get(parent)
        if not isinstance(fields, dict):
            raise CliError(Exit.REFUSED, f"{place}: {sentence}")
        fields = cast("Json", fields)
    before = fields.pop(name, None)
    text = ask(name)
    if text:
        fields[name] = _parsed(text, {"type": "array"}) if isinstance(before, list) else text


def _show_preview(preview: Mapping[str, Any]) -> None:
    plan = preview["plan"]
    rows = {
        said("Tipo", "Type"): preview["tipo_producto"],
        said("Producto", "Product"): preview["nombre_producto"],
        said("Precio", "Price"): f"{preview['precio']} {preview['moneda']}",
        said("Horas", "Hours"): f"{plan['estimacion_horas']:g}",
    }
    say("", *facts(rows))
