"""Takes an order to construction with the Python client of openapi-generator."""

import json
import os
from uuid import uuid4

from axon_client import ApiClient, Configuration, DecisionesApi, OrdenesApi, models

HEADERS: dict[str, dict[str, str]] = json.loads(os.environ["AXON_HEADERS"])


def client_of(name: str) -> ApiClient:
    client = ApiClient(Configuration(host=os.environ["AXON_ADDRESS"]))
    for header, value in HEADERS[name].items():
        client.set_default_header(header, value)
    return client


def main() -> None:
    tag = f"cliente-{uuid4().hex}"
    new = models.NewOrder(
        tipo_producto="autopilot_whatsapp",
        nombre_producto="Avisos",
        datos_cliente=models.ClientData(nombre="Empresa XYZ", email="contacto@empresa.com"),
        tags=[tag],
    )
    created = OrdenesApi(client_of("key_escritura")).create_order(new)
    assert isinstance(created, models.OrderCreated)
    page = OrdenesApi(client_of("key_lectura")).list_orders(tag=[tag])
    assert page.total == 1
    (entry,) = (one.actual_instance for one in page.orders)
    assert isinstance(entry, models.OrderSummary)
    assert entry.order_number == created.order_number
    print("advance", created.id, flush=True)  # noqa: T201 — the test reads it
    assert input() == "advanced"
    admin = client_of("admin")
    order = OrdenesApi(admin).get_order(str(created.id))
    assert order.plan is not None
    assert order.plan.milestones
    approval = models.PlanApproval(plan_version=order.plan_version, plan_hash=order.plan_hash)
    decision = DecisionesApi(admin).approve_plan(str(created.id), approval)
    assert decision.estado is models.OrderState.CONSTRUCCION
    print("done")  # noqa: T201 — the test reads it


if __name__ == "__main__":
    main()
