"""What changed between two plans in words: each kind of field, its hours, in both languages."""

from typing import Any

import pytest

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.plan import Plan
from axon_factory.orders.desk.changes import changes_in_words

PLAN = default_plan(PRODUCT_TYPES["webhook_service"], {})


def changed(**members: Any) -> Plan:  # noqa: ANN401 — members of a plan
    return Plan.model_validate({**PLAN.model_dump(mode="json"), **members})


def milestones(**change: Any) -> list[dict[str, Any]]:  # noqa: ANN401 — members of a milestone
    """The plan's milestones, the first of them changed."""
    first, *others = PLAN.model_dump(mode="json")["milestones"]
    return [{**first, **change}, *others]


FIRST = PLAN.milestones[0]
EXTRA = {
    "id": "extra",
    "nombre": "Extra",
    "estimacion_horas": 3,
    "agente": "QA Agent",
    "entregable": "",
}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"integraciones": [*PLAN.integraciones, "Zapier"]}, [("Integración Zapier", None)]),
        ({"observaciones": ["Sin panel"]}, [("Nota: Sin panel", None)]),
        (
            {"recursos_requeridos": {"cpu_cores": 9, "ram_gb": 2, "storage_gb": 10}},
            [(f"Núcleos: {PLAN.recursos_requeridos.cpu_cores} → 9", None)],
        ),
        (
            {
                "estimacion_horas": PLAN.estimacion_horas + 3,
                "milestones": [*milestones(), EXTRA],
            },
            [
                (f"Horas en total: {PLAN.estimacion_horas:g} → {PLAN.estimacion_horas + 3:g}", 3),
                ("Hito «Extra»", 3),
            ],
        ),
        (
            {"milestones": milestones(agente="QA Agent")},
            [(f"Hito «{FIRST.nombre}»: otro agente", None)],
        ),
        ({"milestones": milestones()[::-1]}, [("Orden de los hitos", None)]),
    ],
)
def test_each_kind_of_change_is_told(
    members: dict[str, Any], told: list[tuple[str, float | None]]
) -> None:
    found = changes_in_words(PLAN, changed(**members))
    assert [(one["texto"], one["horas"]) for one in found] == told
    assert all(one["texto"].en != "" for one in found)


def test_the_same_plan_has_no_changes() -> None:
    assert changes_in_words(PLAN, changed()) == []
