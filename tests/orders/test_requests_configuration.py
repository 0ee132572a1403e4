"""Configurations: what a schema accepts, the product understands; what it refuses is named."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon_factory.adapters.builder.templates.builder import MILESTONES, TEMPLATE_ROOT
from axon_factory.adapters.builder.templates.render import RenderJob, render
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import ValidationFailed
from axon_factory.orders.requests import NewOrder, validated
from axon_factory.orders.requests.configuration import SENTENCES
from tests.support.template_app import product_module, understood_product

Json = Any
EXAMPLES = [
    (product.id, example)
    for product in PRODUCT_TYPES.values()
    for example in product.configuracion_schema["examples"]
]
ANNOTATIONS = {"$schema", "title", "description", "default", "examples"}
APPLICATORS = {"properties", "items", "additionalProperties", "required"}


def refused(product_type: str, configuration: Json) -> dict[str, str]:
    """Return what is said of a configuration, by the path below `configuracion`."""
    document = {
        "tipo_producto": product_type,
        "nombre_producto": "P",
        "datos_cliente": {"nombre": "A", "email": "a@empresa.com", "configuracion": configuration},
    }
    try:
        order = validated(NewOrder, document)
    except ValidationFailed as error:
        return dict(told_of(error))
    assert order.datos_cliente.configuracion == configuration
    return {}


def told_of(error: ValidationFailed) -> Iterator[tuple[str, str]]:
    assert set(error.details) == set(error.details_en)
    for field, spanish in error.details.items():
        assert field.startswith("datos_cliente."), field
        assert spanish
        assert error.details_en[field] not in {"", spanish}
        yield field.removeprefix("datos_cliente.configuracion").removeprefix("."), spanish


def keywords(schema: Json) -> Iterator[str]:
    yield from schema
    for member in schema.get("properties", {}).values():
        yield from keywords(member)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from keywords(schema[key])


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_every_keyword_of_a_schema_has_its_sentences(identifier: str) -> None:
    used = {
        keyword
        for keyword in keywords(PRODUCT_TYPES[identifier].configuracion_schema)
        if not keyword.startswith("x-")
    }
    assert used <= set(SENTENCES) | ANNOTATIONS | APPLICATORS


def properties_of(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    for name, member in schema.get("properties", {}).items():
        yield f"{path}{name}", member
        yield from properties_of(member, f"{path}{name}.")
        yield from properties_of(member.get("items", {}), f"{path}{name}.0.")


def nested(path: str, value: Json) -> Json:
    """Return a configuration in which `value` stands at "reglas.0.evento"."""
    for step in reversed(path.split(".")):
        value = [value] if step == "0" else {step: value}
    return value


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_every_example_and_default_of_a_field_is_accepted(identifier: str) -> None:
    schema = PRODUCT_TYPES[identifier].configuracion_schema
    for path, part in properties_of(schema):
        for value in [*part["examples"], *([part["default"]] if "default" in part else [])]:
            told = refused(identifier, nested(path, value))
            assert all(sentence == "Falta este campo" for sentence in told.values()), (path, told)


@pytest.mark.parametrize(("product_type", "example"), EXAMPLES)
def test_every_example_of_a_schema_is_accepted_and_renders(
    product_type: str, example: Json, tmp_path: Path
) -> None:
    assert refused(product_type, example) == {}
    product_dir, staging = tmp_path / "product", tmp_path / "staging"
    for folder in (product_dir, staging):
        folder.mkdir()
    document: Json = {"nombre": "P", "slug": "p", "cliente": {}, "configuracion": example}
    render(
        RenderJob(
            template_root=TEMPLATE_ROOT,
            templates=PRODUCT_TYPES[product_type].templates,
            staging=staging,
            product_dir=product_dir,
            files_of=frozenset(MILESTONES),
            document=document,
            integrations=tuple(example.get("integraciones", ())),
            journal={},
        )
    )
    built = json.loads((product_dir / "app" / "product.json").read_text(encoding="utf-8"))
    assert built["configuracion"] == example


CASES: dict[str, tuple[str, Json, set[str]]] = {
    "phone": ("autopilot_whatsapp", {"whatsapp_number": "5512345678"}, {"whatsapp_number"}),
    "hours": ("autopilot_whatsapp", {"horario_atencion": "de día"}, {"horario_atencion"}),
    "hours of no time": ("autopilot_whatsapp", {"horario_atencion": "9-25"}, {"horario_atencion"}),
    "no hours": ("autopilot_whatsapp", {"horario_atencion": "9:00-9:00"}, {"horario_atencion"}),
    "zone": ("autopilot_whatsapp", {"zona_horaria": "../etc/passwd"}, {"zona_horaria"}),
    "language": ("autopilot_whatsapp", {"idioma": "klingon"}, {"idioma"}),
    "old currency": ("autopilot_whatsapp", {"moneda": "ESP"}, {"moneda"}),
    "small letters": ("autopilot_whatsapp", {"moneda": "mxn"}, {"moneda"}),
    "blank": ("autopilot_whatsapp", {"personalidad_bot": "\u200b "}, {"personalidad_bot"}),
    "long": ("autopilot_whatsapp", {"personalidad_bot": "x" * 501}, {"personalidad_bot"}),
    "null": ("autopilot_whatsapp", {"productos": None}, {"productos"}),
    "product": ("autopilot_whatsapp", {"productos": ["a", 1]}, {"productos.1"}),
    "nameless": ("autopilot_whatsapp", {"productos": [{}]}, {"productos.0.nombre"}),
    "price": (
        "autopilot_ventas",
        {"productos": [{"nombre": "a", "precio": -1}, {"nombre": "b", "precio": "1,5"}]},
        {"productos.0.precio", "productos.1.precio"},
    ),
    "too many": ("autopilot_ventas", {"productos": ["a"] * 1001}, {"productos"}),
    "times": ("autopilot_ventas", {"citas": {"desde": "25:00"}}, {"citas.desde"}),
    "no room": ("autopilot_ventas", {"citas": {"desde": "16:45"}}, {"citas"}),
    "minutes": ("autopilot_ventas", {"citas": {"duracion_minutos": 4}}, {"citas.duracion_minutos"}),
    "true": ("webhook_service", {"limite_por_minuto": True}, {"limite_por_minuto"}),
    "a fraction": ("webhook_service", {"limite_por_minuto": 5.0}, {"limite_por_minuto"}),
    "huge": ("webhook_service", {"limite_por_minuto": 10**400}, {"limite_por_minuto"}),
    "no target": ("webhook_service", {"reglas": [{}]}, {"reglas.0.destino"}),
    "field": (
        "webhook_service",
        {"reglas": [{"destino": "slack", "campos": {"a": 1}}]},
        {"reglas.0.campos.a"},
    ),
    **{
        url: ("webhook_service", {"reglas": [{"destino": url}]}, {"reglas.0.destino"})
        for url in (
            "http://api.empresa.com",
            "https://u:p@api.empresa.com",
            "https://api.empresa.com:8443",
            "https:api.empresa.com",
            "https:\\\\api.empresa.com",
            "https://",
            "https:// api.empresa.com",
            "javascript:alert(1)",
            "teams",
        )
    },
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_field_is_named(name: str) -> None:
    product_type, configuration, fields = CASES[name]
    assert set(refused(product_type, configuration)) == fields


def test_of_very_many_errors_not_all_are_told() -> None:
    assert len(refused("autopilot_whatsapp", {"productos": [1] * 900})) == 100


def test_of_too_many_elements_none_is_looked_at() -> None:
    assert set(refused("autopilot_whatsapp", {"productos": [1] * 20_000})) == {"productos"}


KNOWN = st.sampled_from(
    sorted(
        {
            step
            for product in PRODUCT_TYPES.values()
            for path, _ in properties_of(product.configuracion_schema)
            for step in path.split(".")
        }
    )
)
PLAUSIBLE = st.sampled_from(
    ["+5215512345678", "9:00-20:00", "es", "MXN", "America/Lima", "slack", "https://a.co", "9:00"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | PLAUSIBLE
)
CONFIGURATIONS = st.dictionaries(
    KNOWN | st.text(max_size=6),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(KNOWN | st.text(max_size=6), inner)
        ),
        max_leaves=12,
    ),
    max_size=6,
)


@given(product_type=st.sampled_from(sorted(PRODUCT_TYPES)), configuration=CONFIGURATIONS)
@settings(max_examples=50, deadline=None)
def test_any_configuration_is_accepted_or_refused_by_field(
    product_type: str, configuration: dict[str, Json]
) -> None:
    refused(product_type, configuration)


HOURS = st.integers(0, 26).map(str)
MINUTES = st.sampled_from(["", ":00", ":30", ".15", "h45", ":60", "h", " hs", ":5", " "])
DASHES = st.sampled_from(["-", " - ", "\u2013", " a ", "to", "\u2014", "/", " hasta "])


@given(st.tuples(HOURS, MINUTES, DASHES, HOURS, MINUTES).map("".join) | st.text(max_size=12))
@settings(max_examples=100, deadline=None)
def test_hours_are_those_that_the_bot_understands(text: str) -> None:
    told = refused("autopilot_whatsapp", {"horario_atencion": text})
    product = understood_product({"horario_atencion": text})
    understood = product_module("app.whatsapp.hours").opening_hours(product) is not None
    assert (not told) == understood or len(text) > 40 or "\x00" in text


AMOUNTS = st.integers(-1, 10**10) | st.sampled_from([0, 10**9 - 1, 10**9])
PRICES = AMOUNTS | AMOUNTS.map(str) | st.floats(-1, 1e10) | st.floats(-1, 1e10).map(str)
ITEMS = st.text(max_size=125) | st.fixed_dictionaries(
    {"nombre": st.text(max_size=125)}, optional={"precio": PRICES | st.text(max_size=5)}
)


@given(ITEMS)
@settings(max_examples=100, deadline=None)
def test_a_product_that_is_accepted_is_sold(item: Json) -> None:
    if refused("autopilot_ventas", {"productos": [item]}):
        return
    sold = product_module("app.catalog").configured_items(understood_product({"productos": [item]}))
    assert len(sold) == 1
    assert (sold[0].price is not None) == (isinstance(item, dict) and "precio" in item)


TIMES = st.tuples(st.integers(0, 25), st.integers(0, 61)).map(lambda t: f"{t[0]}:{t[1]:02}")


@given(
    st.fixed_dictionaries(
        {},
        optional={"desde": TIMES, "hasta": TIMES, "duracion_minutos": st.integers(0, 500)},
    )
)
@settings(max_examples=100, deadline=None)
def test_appointments_that_are_accepted_are_offered(hours: Json) -> None:
    if refused("autopilot_ventas", {"citas": hours}):
        return
    appointments = product_module("app.appointments")
    product = understood_product({"citas": hours, "zona_horaria": "America/Bogota"})
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    slots = appointments.all_slots(product, monday)
    assert slots
    opens = f"{int(hours.get('desde', '9:00').partition(':')[0]) + 5:02}"  # Bogotá is UTC-5
    assert slots[0][11:13] == (opens if int(opens) < 24 else f"{int(opens) - 24:02}")


@pytest.mark.parametrize(("product_type", "example"), EXAMPLES)
def test_the_product_reads_all_of_an_example(product_type: str, example: Json) -> None:
    product = understood_product(example)
    items = product_module("app.catalog").configured_items(product)
    assert len(items) == len(example.get("productos", []))
    assert list(product.requested_integrations()) == example.get("integraciones", [])
    rules = product_module("app.webhooks.rules").configured_rules(product)
    assert [rule.target for rule in rules] == [r["destino"] for r in example.get("reglas", [])]
    if "zona_horaria" in example:
        assert product_module("app.appointments").time_zone(product).key == example["zona_horaria"]
    if "idioma" in example:
        assert product_module("app.whatsapp.texts").Voice(product).language == example["idioma"]
