"""The plan: strict, and its digest binds an approval to every part of it."""

from typing import Any

import pytest
from pydantic import ValidationError

from axon_factory.domain.plan import Plan

Json = Any
DOCUMENT: dict[str, Any] = {
    "stack_tecnologico": ["FastAPI"],
    "integraciones": ["Stripe"],
    "templates": ["autopilot_base"],
    "recursos_requeridos": {"cpu_cores": 2, "ram_gb": 4, "storage_gb": 20},
    "estimacion_horas": 24,
    "subagentes_asignados": ["Builder"],
    "milestones": [{"id": "a", "nombre": "A", "estimacion_horas": 1.5, "agente": "Builder Agent"}],
}
MILESTONE = DOCUMENT["milestones"][0]
CHANGES: list[dict[str, Any]] = [
    {"stack_tecnologico": ["Django"]},
    {"integraciones": []},
    {"templates": ["webhook_service_base"]},
    {"recursos_requeridos": {"cpu_cores": 3, "ram_gb": 4, "storage_gb": 20}},
    {"estimacion_horas": 25},
    {"subagentes_asignados": ["QA"]},
    {"milestones": [MILESTONE | {"agente": "Otro"}]},
    {"observaciones": ["nota"]},
]
WRONG: list[dict[str, Any]] = [
    {"inventado": 1},
    {"templates": []},
    {"templates": ["../../etc/passwd"]},
    {"templates": ["Mayúsculas"]},
    {"stack_tecnologico": []},
    {"stack_tecnologico": [""]},
    {"milestones": []},
    {"milestones": [MILESTONE | {"estimacion_horas": 0}]},
    {"milestones": [MILESTONE | {"id": "a b"}]},
    {"estimacion_horas": -1},
    {"estimacion_horas": 1001},
    {"estimacion_horas": "NaN"},
    {"recursos_requeridos": {"cpu_cores": 0, "ram_gb": 4, "storage_gb": 20}},
    {"subagentes_asignados": []},
]


def digest(**changes: Json) -> str:
    return Plan.model_validate(DOCUMENT | changes).digest()


def test_digest_survives_storage() -> None:
    plan = Plan.model_validate(DOCUMENT)
    assert Plan.model_validate(plan.model_dump(mode="json")).digest() == plan.digest()
    assert Plan.model_validate_json(plan.model_dump_json()).digest() == plan.digest()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_digest_changes_with_every_part(change: dict[str, Any]) -> None:
    assert digest(**change) != digest()


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_plan_that_is_not_strict_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(DOCUMENT | change)


def test_whole_hours_are_written_as_the_design_does() -> None:
    document = Plan.model_validate(DOCUMENT).model_dump(mode="json")
    assert repr(document["estimacion_horas"]) == "24"
    assert repr(document["milestones"][0]["estimacion_horas"]) == "1.5"
