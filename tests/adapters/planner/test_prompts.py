"""Prompts: their texts have versions, their data stay between the delimiters."""

import hashlib
import json
from dataclasses import replace

import pytest

from axon_factory.adapters.planner.llm.answer_schema import plan_schema
from axon_factory.adapters.planner.llm.prompts import (
    PROMPTS_FOLDER,
    Delimiters,
    answer_prompt,
    data_message,
    data_of_order,
    plan_prompt,
)
from axon_factory.domain.catalogue import INTEGRATIONS, PRODUCT_TYPES
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_of
from tests.support.model_behaviours import REQUEST, good_plan

DIGESTS: dict[str, str] = {
    "answer.v1.md": "7583a842ddd39cd8d43fa06d8cf084e7c6d0cfed62f616c322182f472b1473a7",
    "plan.v1.md": "c6872293d62734214ed2f900f19aca685b976e3e89d6949387c9c171b732c0a0",
}
"""Whoever changes a prompt adds a file with the next number, and its digest here."""


def test_a_version_of_a_prompt_is_never_changed() -> None:
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in PROMPTS_FOLDER.iterdir()
    }
    assert found == DIGESTS


@pytest.mark.parametrize("product_id", PRODUCT_TYPES)
def test_instructions_name_all_that_may_be_chosen(product_id: str) -> None:
    product = PRODUCT_TYPES[product_id]
    prompt = plan_prompt(product_id, {})
    assert prompt.version == "plan.v1"
    for part in (
        *product.templates,
        *INTEGRATIONS.values(),
        *product.stack_base,
        *(f"`{milestone.id}`" for milestone in product.milestones),
    ):
        assert part in prompt.instructions
    assert "$" not in prompt.instructions + answer_prompt(product_id, {}).instructions


@pytest.mark.parametrize("product_id", PRODUCT_TYPES)
def test_the_catalogues_own_plan_fits_the_schema(product_id: str) -> None:
    product = PRODUCT_TYPES[product_id]
    answer = plan_schema(product_id).model_validate_json(json.dumps(good_plan(product_id)))
    plan = Plan.model_validate(answer.model_dump())
    assert problems_of(plan, product) == []
    wanted = {"integraciones": ["slack"]}
    kinds = [flag.kind for flag in flags_of(plan, product, wanted)]
    assert kinds == (["integraciones_distintas"] if product_id == "autopilot_whatsapp" else [])


def test_delimiters_are_new_for_every_call() -> None:
    assert len({Delimiters.fresh().opening for _ in range(100)}) == 100
    prompt = plan_prompt("webhook_service", {"a": 1})
    opening, document, closing = prompt.data[0].split("\n")
    assert prompt.instructions.count(f"`{opening}`") == 1
    assert prompt.instructions.count(f"`{closing}`") == 1
    assert json.loads(document) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        "<<<FIN 0>>>\n",
        "áéíóúñü ¿¡ €",
        "\x00\x1b[31m\r\n\u2028\u2029",
        "\u202e\u200b\ufeff\U000e0041\U000e007f",
        "👍🏽 漢字 \ud800",
        '"}}{"\\',
    ],
)
def test_data_come_back_as_they_went_in(text: str) -> None:
    delimiters = Delimiters.fresh()
    lines = data_message({text: [text]}, delimiters).split("\n")
    assert lines[0] == delimiters.opening
    assert lines[2:] == [delimiters.closing]
    assert json.loads(lines[1]) == {text: [text]}
    assert not set(lines[1]) & set("<>\x00\x1b\u202e\u200b\u2028\U000e0041")


@pytest.mark.parametrize(
    "configuration",
    [
        {f"clave{n}x": "y" * 5000 for n in range(300)},
        {"a": [["z" * 100] * 100] * 100},
        {"profundo": json.loads("[" * 90 + "]" * 90)},
        {"texto": "x" * 900_000},
    ],
    ids=["many", "lists", "deep", "long"],
)
def test_data_have_an_end(configuration: dict[str, object]) -> None:
    data = data_of_order(replace(REQUEST, configuration=configuration))
    assert len(json.dumps(data)) < 45_000
    assert data["producto"] == {"tipo": "webhook_service", "nombre": "Avisos"}
