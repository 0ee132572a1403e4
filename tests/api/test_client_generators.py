"""The document has what generators of clients can take, whatever routes are added to it."""

import builtins
import keyword
import typing
from typing import Any

from axon_factory.api.client_generators import (
    OTHER_ANSWERS,
    OTHER_MEDIA,
    OTHER_PARAMETERS,
    suit_generators,
)
from tests.api.documents import examples, operations, resolved, schemas_within

Json = Any

CSV, BATCH = "text/csv", "application/cloudevents-batch+json"


def test_no_field_is_always_null(document: Json) -> None:
    """openapi-generator 7.26 ends with an error on one."""
    found = [
        f"{where}/{name}"
        for where, part in schemas_within(document)
        for name, field in part.get("properties", {}).items()
        if field.get("type") == "null"
    ]
    assert found == []


# Names that every runtime of JavaScript has: ECMAScript's and those of browsers' interfaces that
# Node.js, Deno and Bun share; TypeScript's utility types; Python's are asked of Python.
JAVASCRIPT = """
Object Function Array Number Infinity NaN Boolean String Symbol Date Promise RegExp Error
AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError JSON Math Intl
ArrayBuffer SharedArrayBuffer Uint8Array Uint8ClampedArray DataView Map Set WeakMap WeakSet BigInt
Proxy Reflect WeakRef Atomics WebAssembly Iterator Buffer URL URLSearchParams DOMException
AbortController AbortSignal Event EventTarget EventSource MessageEvent CustomEvent WebSocket
TextEncoder TextDecoder ReadableStream WritableStream TransformStream Blob File FormData Headers
Request Response RequestInit BodyInit Performance Crypto Navigator Storage
Partial Required Readonly Record Pick Omit Exclude Extract NonNullable Parameters ReturnType
InstanceType Awaited ThisType Uppercase Lowercase Capitalize Uncapitalize NoInfer
"""
TYPING = {*dir(typing), "UUID", "Decimal", "Enum", "BaseModel", "Field"}
CLASHING = {*JAVASCRIPT.split(), *dir(builtins), *keyword.kwlist, *TYPING}


def test_no_schema_has_the_name_of_something_that_generated_code_uses(document: Json) -> None:
    """orval 7.13's client, with a schema `Promise`, had 66 errors."""
    names = [name[:1].upper() + name[1:] for name in document["components"]["schemas"]]
    assert [name for name in names if name in CLASHING] == []
    assert len({name.lower() for name in names}) == len(names)  # files, on some systems


def test_a_field_with_a_default_says_so_in_words(document: Json) -> None:
    """openapi-typescript 7.13 requires a field that has a `default` of who sends it."""
    defaults = [
        f"{where}/{name}"
        for where, part in schemas_within(document)
        for name, field in part.get("properties", {}).items()
        if "default" in field
    ]
    assert defaults == []
    field = document["components"]["schemas"]["NewOrder"]["properties"]["prioridad"]
    assert field["description"].endswith('Si falta: `"normal"`.')
    assert "prioridad" not in document["components"]["schemas"]["NewOrder"]["required"]


def test_an_object_with_fields_is_no_union(document: Json) -> None:
    """openapi-generator takes the branches for the schema, and forgets the fields beside them."""
    found = [
        where
        for where, part in schemas_within(document["components"]["schemas"])
        if isinstance(part.get("properties"), dict) and {"oneOf", "anyOf", "allOf"} & set(part)
    ]
    assert found == []


def test_the_discriminator_of_a_union_is_required_and_fixed_in_each_branch(document: Json) -> None:
    unions = [(where, part) for where, part in schemas_within(document) if "discriminator" in part]
    assert unions
    for where, part in unions:
        name, mapping = (part["discriminator"][key] for key in ("propertyName", "mapping"))
        assert sorted(mapping.values()) == sorted(one["$ref"] for one in part["oneOf"]), where
        for value, reference in mapping.items():
            branch = resolved(document, {"$ref": reference})
            assert branch["properties"][name]["const"] == value, f"{where} {value}"
            assert name in branch["required"], f"{where} {value}"


def test_an_operation_that_succeeds_has_one_schema(document: Json) -> None:
    """Generators make a union of several, or read all as that of the lowest status."""
    for path, method, operation in operations(document):
        answers = [one for code, one in operation["responses"].items() if code.startswith("2")]
        contents = [one["content"] for one in answers if "content" in one]
        assert all(len(content) == 1 for content in contents), f"{method} {path}"
        schemas = [media["schema"] for content in contents for media in content.values()]
        assert all(schema == schemas[0] for schema in schemas), f"{method} {path}"
        for schema in schemas:
            assert set(schema) == {"$ref"} or schema == {"type": "string"}, f"{method} {path}"
            # What is told apart by a constant may be one of several; a part of another may not.
            branches = resolved(document, schema).get("anyOf", [])
            assert all("required" in resolved(document, one) for one in branches), path


def test_answers_that_generators_are_not_shown_are_documented(document: Json) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    preview = by_name["createOrder"][OTHER_ANSWERS]["200"]["content"]["application/json"]
    assert preview["schema"] == {"$ref": "#/components/schemas/OrderPreview"}
    assert "`?dry_run=true`" in by_name["createOrder"]["description"]
    assert [one["name"] for one in by_name["createOrder"][OTHER_PARAMETERS]] == ["dry_run"]
    for name, media in {"listOrders": CSV, "listOrderEvents": BATCH}.items():
        answer = by_name[name]["responses"]["200"]
        assert media in answer["description"]
        assert examples(answer[OTHER_MEDIA][media])


def test_an_answer_that_a_reader_may_narrow_is_the_whole() -> None:
    """In the union of an order and some of its keys, no key is certain to be there."""
    references = [{"$ref": f"#/components/schemas/{name}"} for name in ("Whole", "Part", "Reply")]
    keys = {"properties": {"id": {"type": "string"}}}
    operation: Json = {
        "parameters": [{"name": "id"}, {"name": "fields"}],
        "responses": {"200": {"content": {"application/json": {"schema": references[2]}}}},
    }
    schemas: Json = {
        "Whole": {**keys, "required": ["id"]},
        "Part": {**keys, "examples": [{}]},
        "Reply": {"anyOf": references[:2]},
    }
    suit_generators({"components": {"schemas": schemas}, "paths": {"/": {"get": operation}}})
    for member, schema in zip(("responses", OTHER_ANSWERS), references, strict=False):
        assert operation[member]["200"]["content"]["application/json"]["schema"] == schema
    assert operation["parameters"] == [{"name": "id"}]
    assert operation[OTHER_PARAMETERS] == [{"name": "fields"}]
    assert set(schemas) == {"Whole", "Part"}
