"""Takes an order through the line with the generated client, in the generator's own environment.

It asks on its standard output for the line to go on ("advance ID"), which the test answers with a
line on its standard input, and writes "done" at the end. Credentials come in the environment.
"""

import json
import os
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from axon_client import AuthenticatedClient, Client, models
from axon_client.api.acceso import get_me, log_in
from axon_client.api.decisiones import approve_plan, cancel_order, reveal_credentials
from axon_client.api.ordenes import (
    create_order,
    delete_order,
    get_order,
    get_order_history,
    get_order_result,
    list_order_events,
    list_order_logs,
    list_orders,
    stream_order,
    update_order,
)
from axon_client.api.productos import get_product_type, list_product_types

ADDRESS = os.environ["AXON_ADDRESS"]
HEADERS: dict[str, dict[str, str]] = json.loads(os.environ["AXON_HEADERS"])
TAG = f"cliente-{uuid4().hex}"


def client_of(name: str) -> Client:
    return Client(base_url=ADDRESS, headers=HEADERS[name], raise_on_unexpected_status=True)


def advance(order_id: UUID) -> None:
    print("advance", order_id, flush=True)  # noqa: T201 — the test reads it
    assert input() == "advanced"


def new_order(**changes: Any) -> models.NewOrder:  # noqa: ANN401 — JSON values
    document = {
        "tipo_producto": "autopilot_whatsapp",
        "nombre_producto": "WhatsApp Bot Ventas - Empresa XYZ",
        "datos_cliente": {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"},
        "tags": [TAG],
        **changes,
    }
    return models.NewOrder.from_dict(document)


def log_in_as_admin() -> AuthenticatedClient:
    body = models.LoginRequest(os.environ["AXON_EMAIL"], os.environ["AXON_PASSWORD"])
    with Client(base_url=ADDRESS, raise_on_unexpected_status=True) as anonymous:
        login = log_in.sync(client=anonymous, body=body)
        refused = get_me.sync(client=anonymous)
    assert isinstance(login, models.LoginAnswer)
    assert isinstance(refused, models.AuthenticationRequired)
    return AuthenticatedClient(
        base_url=ADDRESS, token=login.access_token, raise_on_unexpected_status=True
    )


def create_once(sales: Client) -> UUID:
    key = uuid4().hex
    body = new_order()
    first = create_order.sync_detailed(client=sales, body=body, idempotency_key=key)
    again = create_order.sync_detailed(client=sales, body=body, idempotency_key=key)
    assert isinstance(first.parsed, models.OrderCreated)
    assert first.parsed == again.parsed
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Location"] == f"/api/orders/{first.parsed.id}"
    reused = create_order.sync(
        client=sales, body=new_order(nombre_producto="Otro"), idempotency_key=key
    )
    assert isinstance(reused, models.IdempotencyKeyReused)
    wrong = create_order.sync(client=sales, body=new_order(tipo_producto="autopilot_marte"))
    assert isinstance(wrong, models.ValidationFailed)
    assert "autopilot_whatsapp" in wrong.details.to_dict()["tipo_producto"]
    return first.parsed.id


def read_catalogue(reader: Client) -> None:
    catalogue = list_product_types.sync(client=reader)
    assert isinstance(catalogue, models.ProductTypeList)
    product = get_product_type.sync(catalogue.products[0].id, client=reader)
    assert isinstance(product, models.ProductType)
    assert product.features[:3] == catalogue.products[0].features


def read_lists(reader: Client, order_id: UUID) -> None:
    page = list_orders.sync(client=reader, tag=[TAG], estado=[models.OrderState.NUEVO], limit=10)
    assert isinstance(page, models.OrderPage)
    assert (page.total, page.count) == (1, 1)
    entry = page.orders[0]
    assert isinstance(entry, models.OrderSummary)
    assert entry.id == order_id
    assert entry.created_at.tzinfo is not None
    narrow = list_orders.sync(client=reader, tag=[TAG], fields=["order_number"])
    assert isinstance(narrow, models.OrderPage)
    assert isinstance(narrow.orders[0], models.OrderFields)
    bad = list_orders.sync(client=reader, limit=0)
    assert isinstance(bad, models.ValidationFailed)


def decide(admin: AuthenticatedClient, order_id: UUID) -> None:
    order = get_order.sync(str(order_id), client=admin)
    assert isinstance(order, models.Order)
    assert order.plan_estado is models.PlanStatus.PENDIENTE_APROBACION
    assert isinstance(order.plan, models.ConstructionPlan)
    assert order.plan.milestones
    stale = models.PlanApproval(plan_version=order.plan_version, plan_hash="0" * 64)
    refused = approve_plan.sync(str(order_id), client=admin, body=stale)
    assert isinstance(refused, models.PlanOutdated)
    assert refused.plan_hash == order.plan_hash
    assert isinstance(order.plan_hash, str)
    read = models.PlanApproval(plan_version=order.plan_version, plan_hash=order.plan_hash)
    decision = approve_plan.sync(str(order_id), client=admin, body=read)
    assert isinstance(decision, models.Decision)
    assert decision.estado is models.OrderState.CONSTRUCCION


def report(agent: Client, admin: AuthenticatedClient, order_id: UUID) -> None:
    entry = models.LogEntry(mensaje="Plantilla lista", tipo=models.LogLevel.SUCCESS)
    patch = models.OrderPatch(progreso=10, logs=[entry])
    updated = update_order.sync(str(order_id), client=agent, body=patch)
    assert isinstance(updated, models.OrderUpdated)
    stale = update_order.sync(str(order_id), client=agent, body=patch, if_match='"1"')
    assert isinstance(stale, models.PreconditionFailed)
    forbidden = get_me.sync(client=agent)
    assert isinstance(forbidden, models.Forbidden)
    early = get_order_result.sync(str(order_id), client=admin)
    assert isinstance(early, models.ResultNotReady)
    assert early.estado_actual is models.OrderState.CONSTRUCCION


def receive(admin: AuthenticatedClient, order_id: UUID) -> None:
    answer = get_order.sync_detailed(str(order_id), client=admin)
    assert isinstance(answer.parsed, models.Order)
    assert answer.parsed.estado is models.OrderState.ENTREGADO
    unchanged = get_order.sync_detailed(
        str(order_id), client=admin, if_none_match=answer.headers["ETag"]
    )
    assert unchanged.status_code is HTTPStatus.NOT_MODIFIED
    result = get_order_result.sync(str(order_id), client=admin)
    assert isinstance(result, models.OrderResult)
    assert isinstance(result.resultado, models.Product)
    revealed = reveal_credentials.sync(str(order_id), client=admin)
    assert isinstance(revealed, models.RevealedCredentials)
    assert revealed.credentials.api_key != result.resultado.credentials.api_key
    again = reveal_credentials.sync(str(order_id), client=admin)
    assert isinstance(again, models.Conflict)


def look_back(reader: Client, order_id: UUID) -> None:
    logs = list_order_logs.sync(str(order_id), client=reader)
    assert isinstance(logs, models.LogPage)
    events = list_order_events.sync(str(order_id), client=reader)
    assert isinstance(events, models.EventPage)
    assert events.count == logs.count > 0
    history = get_order_history.sync(str(order_id), client=reader)
    assert isinstance(history, models.History)
    assert history.etapas[-1].estado is models.OrderState.ENTREGADO
    stream = stream_order.sync(str(order_id), client=reader)
    assert isinstance(stream, str)
    assert stream.count("event: order_update") == logs.count


def cancel_another(sales: Client, admin: AuthenticatedClient) -> None:
    created = create_order.sync(client=sales, body=new_order())
    assert isinstance(created, models.OrderCreated)
    reason = models.Reason(motivo="El cliente desistió")
    cancelled = cancel_order.sync(created.order_number, client=admin, body=reason)
    assert isinstance(cancelled, models.OrderCancellation)
    assert cancelled.estado_anterior is models.OrderState.NUEVO
    refused = delete_order.sync(str(created.id), client=admin)
    assert isinstance(refused, models.NotCancellable)
    missing = get_order.sync(str(uuid4()), client=admin)
    assert isinstance(missing, models.OrderNotFound)
    assert (missing.codigo, missing.status) == ("orden_no_encontrada", 404)


def main() -> None:
    with (
        client_of("key_escritura") as sales,
        client_of("key_lectura") as reader,
        client_of("permanent") as agent,
        log_in_as_admin() as admin,
    ):
        drive(sales, reader, agent, admin)
    print("done")  # noqa: T201 — the test reads it


def drive(sales: Client, reader: Client, agent: Client, admin: AuthenticatedClient) -> None:
    read_catalogue(reader)
    order_id = create_once(sales)
    read_lists(reader, order_id)
    advance(order_id)
    decide(admin, order_id)
    report(agent, admin, order_id)
    advance(order_id)
    receive(admin, order_id)
    look_back(reader, order_id)
    cancel_another(sales, admin)


if __name__ == "__main__":
    main()
