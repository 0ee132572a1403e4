"""The document is whole: whatever a route answers is described, in Spanish, with an example."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from axon_factory.api.components import TAGS
from axon_factory.api.openapi import openapi_document
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant
from axon_factory.orders.answers.order import READERS
from axon_factory.orders.answers.shared import design_example
from tests.api.documents import examples, operations, resolved
from tests.support.workshop import Workshop, make_container

Json = Any

DESIGN = Path(__file__).parents[1] / "contract" / "examples"
SCHEMES = {"AccessToken", "ApiKey", "SystemToken"}
PUBLIC = {
    "logIn",
    "refreshSession",
    "forgotPassword",
    "resetPassword",
    "checkAccountLink",
    "listProductTypes",
    "getProductType",
    "getHealth",
} | {"getReadiness"}
WRITES = {"post", "put", "patch", "delete"}
WHERE = {
    "3.1-create": "createOrder",
    "3.2-show": "getOrder",
    "3.3-result": "getOrderResult",
    "3.4-list": "listOrders",
    "3.5-update": "updateOrder",
    "3.6-cancel": "deleteOrder",
    "4.2-products": "listProductTypes",
}


def responses(document: Json) -> Iterator[tuple[str, str, Json]]:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            yield operation["operationId"], status, resolved(document, response)


def test_it_is_a_valid_openapi_3_1_document(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)
    assert document["servers"][0]["url"] == "https://fabrica.example"


def test_every_operation_is_named_and_described(document: Json) -> None:
    missing: list[str] = []
    names: list[str] = []
    for path, method, operation in operations(document):
        where = f"{method.upper()} {path}"
        names.append(operation["operationId"])
        if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", operation["operationId"]):
            missing.append(f"{where}: operation_id in lowerCamelCase")
        if len(operation.get("tags", ())) != 1 or operation["tags"][0] not in TAGS:
            missing.append(f"{where}: one of the tags {', '.join(TAGS)}")
        missing += [
            f"{where}: {key}" for key in ("summary", "description") if not operation.get(key)
        ]
        if not any(status.startswith("2") for status in operation["responses"]):
            missing.append(f"{where}: an answer that succeeds")
    assert missing == []
    assert sorted(names) == sorted(set(names))


def test_every_answer_has_a_schema_and_an_example(document: Json) -> None:
    missing = [
        f"{operation} {status} {media_type}"
        for operation, status, response in responses(document)
        for media_type, media in response.get("content", {}).items()
        if not media.get("schema") or not examples(media)
    ]
    assert missing == []
    without = {(status, bool(one.get("content"))) for _, status, one in responses(document)}
    assert {status for status, has_content in without if not has_content} <= {"204", "304"}


def test_every_example_of_an_answer_or_a_body_fits_its_schema(document: Json) -> None:
    registry: Registry[Json] = Registry().with_resource(
        "urn:openapi", Resource(contents=document, specification=DRAFT202012)
    )
    wrong: list[str] = []
    bodies = (
        (operation["operationId"], "body", operation["requestBody"])
        for _, _, operation in operations(document)
        if "requestBody" in operation
    )
    for operation, status, holder in [*responses(document), *bodies]:
        for media in holder.get("content", {}).values():
            schema = {"$id": "urn:openapi", **media["schema"]}
            validator = Draft202012Validator(
                _absolute(schema), registry=registry, format_checker=None
            )
            wrong += [
                f"{operation} {status}: {error.json_path} {error.message}"
                for example in examples(media)
                for error in validator.iter_errors(example)
            ]
    assert wrong == []


def _absolute(schema: Json) -> Json:
    """Let references of a part of the document point into the whole."""
    if isinstance(schema, dict):
        return {
            key: f"urn:openapi{value}" if key == "$ref" else _absolute(value)
            for key, value in schema.items()
            if key != "$id"
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema


def test_every_parameter_and_every_field_is_described(document: Json) -> None:
    missing = [
        f"{operation['operationId']} {resolved(document, parameter)['name']}"
        for _, _, operation in operations(document)
        for parameter in operation["parameters"]
        if not resolved(document, parameter).get("description")
    ]
    for name, schema in document["components"]["schemas"].items():
        if not schema.get("description"):
            missing.append(name)
        missing += [
            f"{name}.{field}"
            for field, member in schema.get("properties", {}).items()
            if not member.get("description") and "$ref" not in member
        ]
    assert missing == []


ENGLISH = re.compile(r"\b(the|of|and|with|which|that|whose|order's|is)\b")


def test_descriptions_are_in_spanish(document: Json) -> None:
    def sentences(part: Json, path: str = "") -> Iterator[tuple[str, str]]:
        if isinstance(part, dict):
            for key, value in part.items():
                if key in {"description", "summary"} and isinstance(value, str):
                    yield f"{path}/{key}", value
                elif key not in {"example", "examples"}:
                    yield from sentences(value, f"{path}/{key}")
        elif isinstance(part, list):
            for value in part:
                yield from sentences(value, path)

    quoted = re.compile(r"`[^`]*`")
    english = {
        path: text for path, text in sentences(document) if ENGLISH.search(quoted.sub("", text))
    }
    assert english == {}


def test_the_examples_of_the_design_are_the_documents_own(document: Json) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    missing: list[str] = []
    for file in sorted(DESIGN.glob("[34].*.*.json")):
        section, kind = file.stem.rsplit(".", 1)
        assert design_example(file.stem) == _design(file)
        operation = by_name[WHERE[section]]
        holder = operation["requestBody"] if kind == "request" else operation["responses"][kind]
        shown = examples(resolved(document, holder)["content"]["application/json"])
        if not any(contains(one, _design(file)) for one in shown):
            missing.append(file.stem)
    assert missing == []
    assert design_example("4.1-catalogue") == _design(DESIGN / "4.1-catalogue.json")


def _design(file: Path) -> Json:
    return json.loads(file.read_text(encoding="utf-8"))


def contains(shown: Json, expected: Json) -> bool:
    """Return whether `shown` is `expected`, perhaps with more keys."""
    if isinstance(expected, dict):
        return isinstance(shown, dict) and all(
            key in shown and contains(shown[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(shown) == len(expected) and all(map(contains, shown, expected))
    return shown == expected


def test_all_three_ways_to_authenticate_are_documented(document: Json) -> None:
    assert set(document["components"]["securitySchemes"]) == SCHEMES
    public = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if "security" not in operation
    }
    assert public == PUBLIC
    for _, _, operation in operations(document):
        statuses = set(operation["responses"])
        assert ({"401", "403"} <= statuses) == ("security" in operation) or (
            operation["operationId"] in PUBLIC
        )


def test_an_operation_names_the_ways_that_its_permission_has(document: Json) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    assert by_name["updateOrder"]["security"] == [
        {"AccessToken": []},
        {"ApiKey": []},
        {"SystemToken": []},
    ]
    assert by_name["approvePlan"]["security"] == [{"AccessToken": []}]
    assert PERMISSIONS[Action.DECIDE_PLAN].grants == {Grant.ADMIN}


def test_writes_say_what_keys_and_versions_do(document: Json) -> None:
    for path, method, operation in operations(document):
        if method not in WRITES or "security" not in operation:
            continue
        names = {resolved(document, one)["name"] for one in operation["parameters"]}
        statuses = set(operation["responses"])
        assert {"Idempotency-Key", "If-Match"} <= names, path
        assert {"400", "401", "403", "409", "422", "429", "503"} <= statuses, path
        if path.startswith("/api/orders/{id}"):
            assert {"404", "412"} <= statuses, path


def test_no_refusal_has_fastapis_shape(document: Json) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for _, status, response in responses(document):
        if status == "422":
            refs = {one["schema"]["$ref"] for one in response["content"].values()}
            assert refs == {"#/components/schemas/IdempotencyKeyReused"}


def test_errors_are_told_apart_by_their_codigo(document: Json) -> None:
    for operation, status, response in responses(document):
        if not status.startswith(("4", "5")):
            continue
        assert set(response["content"]) == {"application/json", "application/problem+json"}
        schema = response["content"]["application/json"]["schema"]
        codes = [
            resolved(document, one)["properties"]["codigo"]["const"]
            for one in schema.get("oneOf", [schema])
        ]
        assert len(codes) == len(set(codes)), f"{operation} {status}"


def test_an_orders_required_keys_are_those_that_every_reader_reads(document: Json) -> None:
    schema = document["components"]["schemas"]["Order"]
    everybody = {name for name, grants in READERS.items() if grants >= set(ORDER_READERS)}
    assert set(schema["required"]) == everybody & set(schema["properties"])
    assert set(schema["properties"]) <= set(READERS)


ORDER_READERS = PERMISSIONS[Action.READ_ORDER].grants - {Grant.SYSTEM_PERMANENT}


async def test_it_is_served_to_everybody(workshop: Workshop, document: Json) -> None:
    answer = await workshop.http.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document


def test_a_document_can_be_made_for_another_address(tmp_path: Path) -> None:
    container = make_container("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    made = openapi_document(application_of(container), "https://otra.example")
    assert made["servers"][0]["url"] == "https://otra.example"
    container.passwords.close()
