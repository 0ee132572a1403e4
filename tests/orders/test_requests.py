"""What a request must say, and the two languages of what is said of a wrong one."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from axon_factory.domain.errors import ValidationFailed
from axon_factory.orders.requests import NewOrder, OrderPatch, validated

Json = Any
EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
MINIMAL = {
    "tipo_producto": "webhook_service",
    "nombre_producto": "Avisos",
    "datos_cliente": {"nombre": "Empresa XYZ", "email": "contacto@empresa.com"},
}


def order(**changes: Json) -> Json:
    return {**MINIMAL, **changes}


def client(**changes: Json) -> Json:
    return order(datos_cliente={**MINIMAL["datos_cliente"], **changes})  # type: ignore[dict-item]


def refusal(model: type[BaseModel], document: Json) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as failure:
        validated(model, document)
    return failure.value


def test_the_example_of_the_design_passes_unchanged() -> None:
    document = json.loads((EXAMPLES / "3.1-create.request.json").read_text(encoding="utf-8"))
    accepted = validated(NewOrder, document).model_dump(mode="json", exclude_unset=True)
    assert accepted == document


def test_a_configuration_is_not_required() -> None:
    assert validated(NewOrder, MINIMAL).datos_cliente.configuracion == {}


PHONES = {
    "+5215512345678": True,  # as WhatsApp writes Mexican mobiles, and as the design does
    "+525512345678": True,
    "+5491123456789": True,
    "+34600000000": True,
    "+12025550123": True,
    "": False,
    "+": False,
    "5512345678": False,
    "+52 55 1234 5678": False,
    "+52155123456789": False,
    "+52155123456": False,
    "+999123456789": False,
    "+52551234567890123456": False,
    "tel:+525512345678": False,
    "+٥٢٥٥١٢٣٤٥٦٧٨": False,
}


@pytest.mark.parametrize(("phone", "accepted"), PHONES.items())
def test_phone_numbers_are_e164_and_kept_as_given(phone: str, *, accepted: bool) -> None:
    document = client(telefono=phone)
    if accepted:
        assert validated(NewOrder, document).datos_cliente.telefono == phone
    else:
        assert set(refusal(NewOrder, document).details) == {"datos_cliente.telefono"}


WRONG: dict[str, tuple[type[BaseModel], Json, str]] = {
    "unknown type": (NewOrder, order(tipo_producto="x"), "tipo_producto"),
    "missing": (NewOrder, order(datos_cliente={"nombre": "A"}), "datos_cliente.email"),
    "unknown field": (NewOrder, order(otro=1), "otro"),
    "no text": (NewOrder, order(nombre_producto=1), "nombre_producto"),
    "empty text": (NewOrder, order(nombre_producto=""), "nombre_producto"),
    "long text": (NewOrder, order(nombre_producto="x" * 201), "nombre_producto"),
    "enum": (NewOrder, order(prioridad="x"), "prioridad"),
    "no list": (NewOrder, order(tags="x"), "tags"),
    "long list": (NewOrder, order(tags=["x"] * 51), "tags"),
    "no object": (NewOrder, order(datos_cliente=[]), "datos_cliente"),
    "mail": (NewOrder, client(email="x"), "datos_cliente.email"),
    "phone": (NewOrder, client(telefono="x"), "datos_cliente.telefono"),
    "NUL": (NewOrder, client(nombre="\x00"), "datos_cliente.nombre"),
    "surrogate": (NewOrder, client(nombre="\ud800"), "datos_cliente.nombre"),
    "further NUL": (NewOrder, client(otro="\x00"), "datos_cliente"),
    "configuration": (NewOrder, client(configuracion=1), "datos_cliente.configuracion"),
    "NaN": (NewOrder, client(configuracion={"a": float("nan")}), "datos_cliente.configuracion"),
    "no whole number": (OrderPatch, {"progreso": "5"}, "progreso"),
    "too small": (OrderPatch, {"progreso": -1}, "progreso"),
    "too large": (OrderPatch, {"progreso": 101}, "progreso"),
    "no time": (OrderPatch, {"logs": [{"mensaje": "x", "timestamp": []}]}, "logs.0.timestamp"),
    "year": (OrderPatch, {"qa_iniciada_at": "0001-01-01T00:00:00Z"}, "qa_iniciada_at"),
    "whole": (OrderPatch, [], "body"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_named_in_both_languages(name: str) -> None:
    model, document, field = WRONG[name]
    error = refusal(model, document)
    assert set(error.details) == set(error.details_en) == {field}
    assert error.details[field].startswith(SPANISH), error.details
    assert error.details_en[field].startswith(ENGLISH), error.details_en


SPANISH = ("Falta", "Este", "Debe", "No ", "Valor no", "Admite", "Los ", "El ", "Contiene", "Tipo")
ENGLISH = ("This", "There", "Must", "Not ", "May ", "Numbers", "The ", "Contains")


def test_all_that_is_wrong_is_told_at_once() -> None:
    document = order(
        tipo_producto="autopilot_whatsapp",
        nombre_producto="",
        prioridad="x",
        datos_cliente={
            "nombre": "A",
            "email": "x",
            "configuracion": {"whatsapp_number": "x", "productos": ["a", 7]},
        },
    )
    assert set(refusal(NewOrder, document).details) == {
        "nombre_producto",
        "prioridad",
        "datos_cliente.email",
        "datos_cliente.configuracion.whatsapp_number",
        "datos_cliente.configuracion.productos.1",
    }


def test_a_configuration_of_no_known_type_is_not_judged() -> None:
    document = client(configuracion={"whatsapp_number": 7}) | {"tipo_producto": "x"}
    assert set(refusal(NewOrder, document).details) == {"tipo_producto"}


def test_what_no_one_may_repeat_is_not_repeated() -> None:
    hostile = "<script>intruso"
    document = order(
        datos_cliente={
            **MINIMAL["datos_cliente"],  # type: ignore[dict-item]
            "configuracion": {"reglas": [{"destino": hostile, "campos": {hostile: 1}}]},
        }
    )
    error = refusal(NewOrder, document)
    assert set(error.details) == {
        "datos_cliente.configuracion.reglas.0.destino",
        "datos_cliente.configuracion.reglas.0.campos.?",
    }
    assert hostile not in str(error.body())
