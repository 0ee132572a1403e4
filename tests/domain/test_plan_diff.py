"""Differences of plans: complete, readable, and nothing where nothing changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Change, Plan, differences
from axon_factory.domain.plan_review import problems_by_field, problems_of
from tests.support.plans import edited_plan

PRODUCT = PRODUCT_TYPES["autopilot_whatsapp"]
BASE, QA = edited_plan()["milestones"]
EVEN_LATER = {"id": "final", "nombre": "Final", "estimacion_horas": 1, "agente": "QA Agent"}

names = st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, max_size=4).map(tuple)
milestones = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["a", "b", "c"]),
            "nombre": st.sampled_from(["Uno", "Dos"]),
            "estimacion_horas": st.sampled_from([1, 1.5]),
            "agente": st.just("QA Agent"),
        }
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda item: item["id"],
)
plans = st.builds(
    lambda stack, integrations, items, cores, hours, notes: Plan.model_validate(
        edited_plan(
            stack_tecnologico=stack,
            integraciones=integrations,
            milestones=items,
            recursos_requeridos={"cpu_cores": cores, "ram_gb": 2, "storage_gb": 20},
            estimacion_horas=hours,
            observaciones=notes,
        )
    ),
    names,
    names,
    milestones,
    st.integers(1, 2),
    st.sampled_from([1, 2]),
    st.lists(st.sampled_from(["x", "y"]), max_size=2),
)


@given(plans, plans)
def test_nothing_changes_without_a_difference_and_the_way_back_is_the_mirror(
    one: Plan, other: Plan
) -> None:
    there, back = differences(one, other), differences(other, one)
    assert (there == []) == (one.digest() == other.digest())
    mirrored = {
        (item.field, _opposite(item.change), str(item.after), str(item.before)) for item in there
    }
    assert mirrored == {
        (item.field, item.change, str(item.before), str(item.after)) for item in back
    }


def _opposite(change: Change) -> Change:
    swapped = {Change.AGREGADO: Change.QUITADO, Change.QUITADO: Change.AGREGADO}
    return swapped.get(change, change)


CHANGES: list[tuple[dict[str, Any], list[tuple[str, str, Any, Any]]]] = [
    ({}, []),
    (
        {"integraciones": ["WhatsApp Business API", "HubSpot", "Google Sheets"]},
        [
            ("integraciones", "quitado", "Stripe", None),
            ("integraciones", "agregado", None, "HubSpot"),
        ],
    ),
    (
        {"integraciones": ["Stripe", "WhatsApp Business API", "Google Sheets"]},
        [
            (
                "integraciones",
                "cambiado",
                ["WhatsApp Business API", "Stripe", "Google Sheets"],
                ["Stripe", "WhatsApp Business API", "Google Sheets"],
            )
        ],
    ),
    (
        {"recursos_requeridos": {"cpu_cores": 2, "ram_gb": 8, "storage_gb": 20}},
        [("recursos_requeridos.ram_gb", "cambiado", 2, 8)],
    ),
    ({"estimacion_horas": 25.5}, [("estimacion_horas", "cambiado", 24, 25.5)]),
    (
        {"milestones": [BASE | {"estimacion_horas": 17}, QA]},
        [("milestones.base.estimacion_horas", "cambiado", 18, 17)],
    ),
    ({"milestones": [QA, BASE]}, [("milestones", "cambiado", ["base", "qa"], ["qa", "base"])]),
    (
        {"milestones": [BASE, EVEN_LATER]},
        [
            ("milestones.qa", "quitado", QA | {"entregable": ""}, None),
            ("milestones.final", "agregado", None, EVEN_LATER | {"entregable": ""}),
        ],
    ),
    ({"observaciones": ["Ojo"]}, [("observaciones", "agregado", None, "Ojo")]),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_each_kind_of_change(
    change: dict[str, Any], expected: list[tuple[str, str, Any, Any]]
) -> None:
    before, after = (Plan.model_validate(edited_plan(**item)) for item in ({}, change))
    found = [
        (item.field, item.change.value, item.before, item.after)
        for item in differences(before, after)
    ]
    assert found == expected


PROBLEMS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"templates": ["autopilot_base", "otra"]}, ["templates.1"]),
    ({"integraciones": ["Fax"]}, ["integraciones.0"]),
    ({"subagentes_asignados": ["QA", "Jefe"]}, ["subagentes_asignados.1"]),
    ({"milestones": [BASE, QA | {"agente": "QA"}]}, ["milestones.1.agente"]),
    ({"milestones": [BASE, QA | {"id": "base"}]}, ["milestones.1.id"]),
    ({"estimacion_horas": 20}, ["estimacion_horas"]),
]


@pytest.mark.parametrize(("change", "fields"), PROBLEMS)
def test_a_problem_names_its_field(change: dict[str, Any], fields: list[str]) -> None:
    plan = Plan.model_validate(edited_plan(**change))
    assert list(problems_by_field(plan, PRODUCT)) == fields
    assert len(problems_of(plan, PRODUCT)) == len(fields)
