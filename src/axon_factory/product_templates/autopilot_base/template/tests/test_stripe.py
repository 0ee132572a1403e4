import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.orders import Line, place_order

NOW = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)
SECRET = "whsec_prueba"


def post(client, event, *, secret=SECRET, age=0, header=None):
    body = json.dumps(event)
    time = int(NOW.timestamp()) - age
    mac = hmac.new(secret.encode(), f"{time}.{body}".encode(), hashlib.sha256).hexdigest()
    header = f"t={time},v1=00,v1={mac}" if header is None else header
    return client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": header})


@pytest.fixture
def shop(start):
    client = start(STRIPE_WEBHOOK_SECRET=SECRET)
    with client.app.state.context.database.transaction() as connection:
        place_order(connection, "prueba", "+52", [Line("té", 2, Decimal("9.50"))], NOW)
    return client


def paid(reference="1", identifier="evt_1", amount=1900, **more):
    payment = {"client_reference_id": reference, "amount_total": amount, "currency": "mxn", **more}
    return {"id": identifier, "type": "checkout.session.completed", "data": {"object": payment}}


def state(client):
    return client.get("/api/pedidos/1", headers={"X-API-Key": "clave-de-prueba"}).json()["estado"]


def test_a_signed_payment_marks_the_order_once(shop):
    assert post(shop, paid()).json() == {"resultado": "pagado"}
    assert state(shop) == "pagado"
    assert post(shop, paid()).json() == {"resultado": "repetido"}


@pytest.mark.parametrize(
    "fault",
    [{"secret": "otro"}, {"age": 301}, {"age": -301}, {"header": ""}, {"header": b"t=1,v1=\xc3"},
     {"header": "t=x,v1=0"}],
)  # fmt: skip
def test_what_is_not_signed_is_refused(shop, fault):
    assert post(shop, paid(), **fault).status_code == 403
    assert state(shop) == "confirmado"


def test_without_the_secret_everything_is_refused_and_said(start):
    client = start()
    assert post(client, paid(), secret="").status_code == 403
    assert "stripe" in client.get("/health").json()["integrations_pending"]


def test_with_the_secret_it_is_configured(shop):
    assert "stripe" in shop.get("/health").json()["integrations_configured"]


@pytest.mark.parametrize(
    ("event", "result"),
    [
        (paid(amount=1899), "importe_insuficiente"),
        (paid("77"), "pedido_desconocido"),
        (paid(None, metadata={"pedido": "1"}), "pagado"),
        (paid("²"), "pedido_desconocido"),
        (paid(payment_status="unpaid"), "ignorado"),
        ({"id": "e", "type": "otro", "data": {"object": {}}}, "ignorado"),
    ],
)
def test_judgement_of_payments(shop, event, result):
    assert post(shop, event).json() == {"resultado": result}
    assert state(shop) == ("pagado" if result == "pagado" else "confirmado")


@pytest.mark.parametrize("event", [[], {}, {"id": 1, "type": 2, "data": None}])
def test_signed_nonsense_is_a_client_error(shop, event):
    assert post(shop, event).status_code == 400
