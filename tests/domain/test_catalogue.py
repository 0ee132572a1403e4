"""The catalogue is the design's (§4.1, §4.2), its versions grow, and each schema can be drawn."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from axon_factory.domain.catalogue import INTEGRATIONS, PRODUCT_TYPES, integration_label
from axon_factory.domain.catalogue.product_types import PRODUCTS_FOLDER

Json = Any
EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
VERSIONS = Path(__file__).with_name("catalogue_versions.json")
UPDATE = "AXON_TEST_UPDATE"
SHOWN_TO_PEOPLE = ("title", "examples")
HINTS = {"x-control", "x-opciones", "x-orden"}


def example(name: str) -> Json:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def as_text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False)


def test_details_are_the_design_byte_for_byte() -> None:
    ours = {identifier: product.documented() for identifier, product in PRODUCT_TYPES.items()}
    design = {key: {"id": key, **product} for key, product in example("4.1-catalogue.json").items()}
    assert {key: dict(sorted(product.items())) for key, product in ours.items()} == {
        key: dict(sorted(product.items())) for key, product in design.items()
    }
    assert list(ours) == list(design)


def test_details_are_the_design_and_version_and_schema() -> None:
    for product in PRODUCT_TYPES.values():
        added = set(product.detail()) - set(product.documented())
        assert added == {"version", "configuracion_schema"}


def test_summaries_are_the_design_byte_for_byte() -> None:
    ours = {"products": [product.summary() for product in PRODUCT_TYPES.values()]}
    assert as_text(ours) == as_text(example("4.2-products.200.json"))


def test_every_folder_is_a_product_of_the_catalogue() -> None:
    folders = {path.name for path in PRODUCTS_FOLDER.iterdir() if path.is_dir()}
    assert folders == set(PRODUCT_TYPES)


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_milestones_add_up_to_the_estimate(identifier: str) -> None:
    product = PRODUCT_TYPES[identifier]
    assert sum(item.estimacion_horas for item in product.milestones) == product.estimacion_horas
    assert len({item.id for item in product.milestones}) == len(product.milestones)


def test_integrations_have_labels() -> None:
    assert all(integration_label(slug) == label for slug, label in INTEGRATIONS.items())
    assert integration_label("whatsapp") == "WhatsApp Business API"
    assert integration_label("inventada") is None


def test_the_version_of_a_type_grows_with_what_it_says() -> None:
    """Whoever changes a type adds one to its version; then UPDATE=1 notes the new content."""
    noted: dict[str, dict[str, str]] = json.loads(VERSIONS.read_text(encoding="utf-8"))
    for product in PRODUCT_TYPES.values():
        content = product.model_dump_json(exclude={"version"})
        digest = hashlib.sha256(content.encode()).hexdigest()
        versions = noted.setdefault(product.id, {})
        if os.environ.get(UPDATE):
            versions.setdefault(str(product.version), digest)
        assert versions.get(str(product.version)) == digest, f"{product.id} changed: a new version"
        assert max(map(int, versions)) == product.version
    if os.environ.get(UPDATE):
        VERSIONS.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")


def subschemas(schema: Json, name: str = "configuracion") -> Iterator[tuple[str, Json]]:
    yield name, schema
    for key, member in schema.get("properties", {}).items():
        yield from subschemas(member, f"{name}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{name}.{key}")


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_a_schema_is_valid_stands_alone_and_keeps_unknown_keys(identifier: str) -> None:
    schema = PRODUCT_TYPES[identifier].configuracion_schema
    Draft202012Validator.check_schema(schema)
    assert '"$ref"' not in as_text(schema)
    for name, part in subschemas(schema):
        if "properties" in part:
            assert part["additionalProperties"] is True, name
            assert part["x-orden"] == list(part["properties"]), name
        assert {key for key in part if key.startswith("x-")} <= HINTS, name


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_a_form_can_be_drawn_from_a_schema(identifier: str) -> None:
    schema = PRODUCT_TYPES[identifier].configuracion_schema
    assert {"title", "description", "examples"} <= set(schema)
    fields = {
        name: part
        for name, part in subschemas(schema)
        if "." in name and name.rpartition(".")[2] not in {"items", "additionalProperties"}
    }
    assert fields
    for name, part in fields.items():
        assert "type" in part, name
        assert all(part.get(key) for key in SHOWN_TO_PEOPLE), name


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_texts_and_lists_of_a_schema_have_limits(identifier: str) -> None:
    enumerated = {"currency", "phone", "time-of-day", "time-zone"}
    for name, part in subschemas(PRODUCT_TYPES[identifier].configuracion_schema):
        types = part["type"] if isinstance(part["type"], list) else [part["type"]]
        if "string" in types and part.get("format") not in enumerated:
            assert "maxLength" in part, name
        places = {keyword: place for place, keyword in enumerate(part)}
        if "array" in types:  # the limit stands first: beyond it no element is looked at
            assert places["maxItems"] < places["items"], name
        if isinstance(part.get("additionalProperties"), dict):
            assert places["maxProperties"] < places["additionalProperties"], name


def test_the_integrations_that_a_form_offers_are_those_of_the_catalogue() -> None:
    for product in PRODUCT_TYPES.values():
        offered = product.configuracion_schema["properties"]["integraciones"]["items"]["x-opciones"]
        assert {option["valor"]: option["etiqueta"] for option in offered} == INTEGRATIONS


def test_an_order_keeps_all_but_the_schema() -> None:
    for product in PRODUCT_TYPES.values():
        assert set(product.snapshot()) == set(product.model_dump()) - {"configuracion_schema"}
        assert product.snapshot()["version"] == product.version
