"""The catalogue is the design's (§4.1, §4.2), and each product's plan adds up."""

import json
from pathlib import Path
from typing import Any

import pytest

from axon_factory.domain.catalogue import INTEGRATIONS, PRODUCT_TYPES, integration_label

Json = Any
EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"


def example(name: str) -> Json:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def as_text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False)


def test_details_are_the_design_byte_for_byte() -> None:
    ours = {identifier: product.detail() for identifier, product in PRODUCT_TYPES.items()}
    design = {key: {"id": key, **product} for key, product in example("4.1-catalogue.json").items()}
    assert {key: dict(sorted(product.items())) for key, product in ours.items()} == {
        key: dict(sorted(product.items())) for key, product in design.items()
    }
    assert list(ours) == list(design)


def test_summaries_are_the_design_byte_for_byte() -> None:
    ours = {"products": [product.summary() for product in PRODUCT_TYPES.values()]}
    assert as_text(ours) == as_text(example("4.2-products.200.json"))


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
def test_milestones_add_up_to_the_estimate(identifier: str) -> None:
    product = PRODUCT_TYPES[identifier]
    assert sum(item.estimacion_horas for item in product.milestones) == product.estimacion_horas
    assert len({item.id for item in product.milestones}) == len(product.milestones)


def test_integrations_have_labels() -> None:
    assert all(integration_label(slug) == label for slug, label in INTEGRATIONS.items())
    assert integration_label("whatsapp") == "WhatsApp Business API"
    assert integration_label("inventada") is None
