"""Every field of an order for every kind of principal: who reads it, who may write it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from axon_factory.domain.fields import WRITERS
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.order import READERS, Order
from axon_factory.orders.requests import OrderPatch
from tests.permissions.conftest import CALLERS, Caller
from tests.support.copies import copy_order
from tests.support.workshop import Headers, Workshop

READING = PERMISSIONS[Action.READ_ORDER].grants
UPDATING = PERMISSIONS[Action.UPDATE_ORDER].grants
RELATED = [caller for caller in CALLERS if caller.grant and caller.related]
VALUES: Mapping[str, Any] = {
    "estado": "construccion",
    "progreso": 50,
    "asignado_a": "QA Agent",
    "session_id": "sesion-1",
    "logs": [{"mensaje": "Hecho"}],
    "prioridad": "alta",
    "tags": ["uno"],
    "notas_internas": "Nota",
    "motivo": "Porque sí",
    "datos_cliente": {"telefono": "+525512345678"},
    "nombre_producto": "Otro nombre",
    "cliente_id": None,
    "planificado_at": "2025-11-14T10:00:00Z",
    "construccion_iniciada_at": "2025-11-14T10:00:00Z",
    "qa_iniciada_at": "2025-11-14T10:00:00Z",
    "entregado_at": "2025-11-14T10:00:00Z",
}


def by_name(caller: Caller) -> str:
    return caller.name


async def headers_of(
    caller: Caller, workshop: Workshop, order_id: UUID, credentials: Mapping[str, Headers]
) -> Headers:
    if caller.name == "attempt":
        return await workshop.attempt_token(order_id)
    return credentials[caller.name]


@pytest.mark.parametrize("state", [OrderState.CONSTRUCCION, OrderState.FALLIDO, OrderState.LISTO])
@pytest.mark.parametrize("caller", [item for item in RELATED if item.grant in READING], ids=by_name)
async def test_reads_exactly_what_the_table_grants(
    workshop: Workshop,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
    caller: Caller,
    state: OrderState,
) -> None:
    headers = await headers_of(caller, workshop, templates[state], credentials)
    answer = await workshop.http.get(f"/api/orders/{templates[state]}", headers=headers)
    document = answer.json()
    everything = await workshop.http.get(
        f"/api/orders/{templates[state]}", headers=credentials["admin"]
    )
    assert caller.grant is not None
    wanted = {name for name in everything.json() if caller.grant in READERS[name]}
    assert set(document) == wanted
    for parent in ("datos_cliente", "fallo"):
        members = everything.json()[parent] or {}
        assert set(document[parent] or {}) == {
            name
            for name in members
            if caller.grant in READERS.get(f"{parent}.{name}", READERS.get(f"{parent}.*", ()))
        }


def test_the_tables_name_every_field() -> None:
    assert set(VALUES) == set(OrderPatch.model_fields)
    assert set().union(*WRITERS.values()) == set(OrderPatch.model_fields)
    assert set(WRITERS) == set(UPDATING)


@pytest.mark.parametrize("field", VALUES)
async def test_writes_exactly_what_the_table_grants(
    workshop: Workshop,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
    field: str,
) -> None:
    for caller in RELATED:
        allowed = caller.grant in WRITERS and field in WRITERS[caller.grant]
        order_id = templates[OrderState.CONSTRUCCION]
        if allowed:
            order_id = await copy_order(workshop, order_id)
        headers = await headers_of(caller, workshop, order_id, credentials)
        answer = await workshop.http.patch(
            f"/api/orders/{order_id}", json={field: VALUES[field]}, headers=headers
        )
        assert answer.status_code == (200 if allowed else 403), (caller.name, answer.text)


def test_an_answer_with_an_undeclared_field_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="sin_declarar"):
        Order.of(None, Grant.ADMIN, id="x", sin_declarar=1)
