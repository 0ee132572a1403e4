"""Short cuts accept only what the models accept, and make the same of it."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from axon_factory.api.json_text import JsonLimits, certain_json, check_json
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.names import name_fault
from axon_factory.orders.requests import NewOrder
from axon_factory.orders.requests.certain import MAIL, NAME, PHONE, READABLE, certain_order
from axon_factory.orders.requests.configuration import configuration_errors
from axon_factory.orders.requests.formats import FORMATS, is_phone_number

Json = Any
LIMITS = JsonLimits()
SIGNS = st.text(
    st.one_of(
        st.sampled_from(
            "aZ9 .-_@+ñéÜ€🦩\t\n\r\x00\x1f\x7f\x85\xa0\xad\u200b\u202e\u2028\ud800\\\"'/"
        ),
        st.characters(),
    ),
    max_size=12,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    SIGNS,
    st.sampled_from(
        [
            "",
            " ",
            "+5215512345678",
            "+34600000000",
            "+1",
            "a@b.co",
            "9:00-20:00",
            "9:00-9:00",
            "es-MX",
            "MXN",
            "America/Bogota",
            "slack",
            "https://a.example/x",
            "urgente",
            "autopilot_ventas",
            "webhook_service",
            "x" * 41,
            "x" * 201,
            5,
            5.0,
            -1,
            480,
            10**9,
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcx"), inner, max_size=3)
    ),
    max_leaves=5,
)


def examples() -> list[Json]:
    return [
        {
            "tipo_producto": product.id,
            "nombre_producto": " Bot de Ñandú ",
            "datos_cliente": {
                "nombre": "Empresa XYZ S.A.",
                "email": "contacto@empresa.com",
                "telefono": "+5215512345678",
                "industria": "",
                "pais": "México",
                "configuracion": configuration,
                "otros": {"a": [1, None]},
            },
            "cliente_id": "cliente-7",
            "prioridad": "alta",
            "tags": ["a", " b "],
            "notas_internas": " dos\nlíneas ",
            "construye": None,
        }
        for product in PRODUCT_TYPES.values()
        for configuration in ({}, *product.configuracion_schema["examples"])
    ]


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else ()
    for name, member in (*members, *items):
        yield from places(member, (*path, name))


def changed(document: Json, path: tuple[Any, ...], value: Json) -> Json:
    if not path:
        return value
    document = copy.deepcopy(document)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return document


MUTATED = st.sampled_from(examples()).flatmap(
    lambda document: st.builds(
        changed, st.just(document), st.sampled_from([*places(document)]), VALUES
    )
)


def require_as_the_model(document: Json) -> bool:
    """Return whether the short cut accepts a document; then the model makes the same of it."""
    order = certain_order(copy.deepcopy(document))
    if order is None:
        return False
    expected = NewOrder.model_validate(document)
    assert order == expected
    assert order.model_dump(mode="json") == expected.model_dump(mode="json")
    client, same = order.datos_cliente, expected.datos_cliente
    assert json.dumps(client.model_dump(exclude_none=True)) == json.dumps(
        same.model_dump(exclude_none=True)
    )
    assert order.model_fields_set == expected.model_fields_set
    return True


@pytest.mark.parametrize("document", examples())
def test_every_example_of_the_catalogue_takes_the_short_cut(document: Json) -> None:
    body = json.dumps(document).encode()
    assert certain_json(body, LIMITS) == document
    assert require_as_the_model(document)


@given(MUTATED)
@settings(max_examples=400, deadline=None)
def test_an_order_that_is_certain_is_one_to_the_model(document: Json) -> None:
    try:
        body = json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        body = json.dumps(document).encode()
    read = certain_json(body, LIMITS)
    if read is not None:
        check_json(body, LIMITS)
        require_as_the_model(read)


BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.lists(
        st.sampled_from(
            [
                *("{", "}", "[", "]", ",", ":", '"a"', '"b"', "1", "1.5", "-0", "1e400", "1e5"),
                *("NaN", "Infinity", "null", "true", str(2**63), str(-(2**63)), "9" * 25),
                *('"\\u0000"', '"\\ud800"', '"\\ud83e\\udda9"', '"ñ"', '"\\n"', '"\\u003a"'),
                *("\ufeff", " ", "\n", "\x00", '"', "\\", '{"a":1,"a":2}', '{"a":1,"b":{}}'),
            ]
        ),
        max_size=9,
    ).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    st.binary(max_size=12),
    st.integers(1, 40).map(lambda levels: b"[" * levels + b"]" * levels),
    st.integers(1, 40).map(lambda levels: b'{"a":' * levels + b"1" + b"}" * levels),
    st.sampled_from([1900, 2100]).map(lambda count: json.dumps([1] * count).encode()),
)


@given(BODIES)
@settings(max_examples=600, deadline=None)
def test_a_body_that_is_certain_is_plain_json(body: bytes) -> None:
    document = certain_json(body, LIMITS)
    if document is not None:
        check_json(body, LIMITS)
        assert repr(document) == repr(json.loads(body))


def test_bodies_that_every_reader_would_take_alike_are_certain() -> None:
    assert certain_json(b' {"a": [1, -2.5e3, "\\u00f1"], "b": {"a": null}} ', LIMITS) is not None
    assert certain_json(b"[" + b"{}," * 100 + b"{}]", LIMITS) == [{}] * 101
    for doubtful in (b'{"a":1,"a":1}', b"9" * 20, b"1e999", b"NaN", b'"\\u0000"', b"[" * 33):
        assert certain_json(doubtful, LIMITS) is None
        with pytest.raises(ValidationFailed):
            check_json(doubtful, LIMITS)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_configuration_that_is_certain_has_no_error(data: st.DataObject) -> None:
    product = data.draw(st.sampled_from([*PRODUCT_TYPES.values()]))
    properties = product.configuracion_schema["properties"]
    configuration = data.draw(st.dictionaries(st.sampled_from([*properties]), VALUES, max_size=3))
    document = examples()[0] | {"tipo_producto": product.id}
    document["datos_cliente"] = document["datos_cliente"] | {"configuracion": configuration}
    if certain_order(document) is not None:
        assert configuration_errors(product.id, configuration) == {}


def takes(pattern: str, value: str) -> bool:
    try:
        _compiled[pattern].validate_python(value)
    except ValidationError:
        return False
    return True


_compiled = {
    pattern: SchemaValidator(core_schema.str_schema(pattern=pattern))
    for pattern in (MAIL, NAME, PHONE, READABLE)
}
PHONES = [
    *(f"+1{start:04}{rest}" for start in range(10_000) for rest in ("000000", "999999")),
    *(f"+52{start:04}{rest}" for start in range(10_000) for rest in ("000000", "5678901")),
    *(f"+34{start:04}{rest}" for start in range(10_000) for rest in ("00000", "99999")),
]


def test_phone_numbers_of_the_pattern_are_phone_numbers() -> None:
    taken = [number for number in PHONES if takes(PHONE, number)]
    assert len(taken) > len(PHONES) // 4
    assert [number for number in taken if not is_phone_number(number)] == []


PARTS = ("a", "Z9", "_", "-", "+", "a-b", "xn--a", "", ".", "ñ", "'", "a" * 30)
ENDS = ("com", "co", "mx", "es", "test", "local", "arpa", "c", "c0m", "COM", "onion", "info")


def test_addresses_of_the_pattern_are_normalised_already() -> None:
    taken = 0
    for local, middle, end in itertools.product(
        itertools.product(PARTS, repeat=2), itertools.product(PARTS, repeat=2), ENDS
    ):
        address = f"{'.'.join(local)}@{'.'.join(middle)}.{end}"
        if len(address) <= 64 and takes(MAIL, address):
            taken += 1
            try:
                assert validate_email(address, check_deliverability=False).normalized == address
            except EmailNotValidError:
                pytest.fail(address)
    assert taken > 100


@given(SIGNS)
@settings(max_examples=500, deadline=None)
def test_names_of_the_pattern_can_be_shown(text: str) -> None:
    name = text.strip()
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    if name and takes(NAME, name):
        assert name_fault(name) is None
    if takes(READABLE, name):
        assert FORMATS["readable-text"](name)
