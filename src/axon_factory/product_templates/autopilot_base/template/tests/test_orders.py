from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.catalog import configured_items
from app.orders import Line, place_order
from app.product import Product

NOW = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)
KEY = {"X-API-Key": "clave-de-prueba"}


def place(client, contact="+5215500000001", product="<b>té</b>", price=None):
    context = client.app.state.context
    with context.database.transaction() as connection:
        return place_order(connection, "prueba", contact, [Line(product, 2, price)], NOW)


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "otra"}, {"Authorization": "Bearer otra"}])
def test_orders_need_the_key(start, headers):
    client = start()
    for path in ("/api/pedidos", "/api/pedidos/1", "/api/productos"):
        assert client.get(path, headers=headers).status_code == 401, path


def test_without_a_key_configured_no_key_is_right(start):
    client = start(API_KEY="")
    assert client.get("/api/pedidos", headers={"X-API-Key": ""}).status_code == 401


def test_orders_are_listed_newest_first_and_paged(start):
    client = start()
    numbers = [place(client, price=Decimal("9.50")) for _ in range(3)]
    body = client.get("/api/pedidos?limit=2", headers=KEY).json()
    assert [order["id"] for order in body["pedidos"]] == numbers[:0:-1]
    assert body["pedidos"][0]["total"] == "19.00"
    rest = client.get(f"/api/pedidos?antes_de={numbers[1]}", headers=KEY).json()["pedidos"]
    assert [order["id"] for order in rest] == numbers[:1]
    one = client.get(
        f"/api/pedidos/{numbers[0]}", headers={"Authorization": "Bearer clave-de-prueba"}
    )
    assert one.json()["estado"] == "confirmado"
    assert client.get("/api/pedidos/999", headers=KEY).status_code == 404


def test_the_index_lists_what_there_is(start):
    endpoints = start().get("/api").json()["endpoints"]
    assert endpoints["pedidos"] == "/api/pedidos"


def test_the_administrator_delivers_an_order_once(admin):
    number = place(admin)
    page = admin.get("/admin").text
    assert "&lt;b&gt;té" in page
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    path = f"/admin/pedidos/{number}/estado"
    assert admin.post(path, data={"csrf": "x", "estado": "entregado"}).status_code == 403
    assert admin.post(path, data={"csrf": csrf, "estado": "pagado"}).status_code == 409
    assert admin.post(path, data={"csrf": csrf, "estado": "entregado"}).status_code == 303
    assert admin.post(path, data={"csrf": csrf, "estado": "cancelado"}).status_code == 409


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("camisetas", []),
        ([], []),
        (["té", " té ", "", "  ", 3, None, ["x"]], ["té"]),
        ([{"nombre": "mesa", "precio": 10}, {"precio": 1}], ["mesa"]),
        (["a\x00b\nc"], ["a b c"]),
        (["x" * 500], ["x" * 120]),
    ],
)
def test_the_catalogue_is_what_can_be_read_of_the_configuration(value, names):
    items = configured_items(Product("p", configuration={"productos": value}))
    assert [item.name for item in items] == names


@pytest.mark.parametrize(
    ("price", "expected"),
    [(10, "10"), ("12.50", "12.50"), (9.9, "9.9"), (True, None), ("gratis", None), ("NaN", None),
     (-1, None), ([], None), ("1e99", None)],
)  # fmt: skip
def test_prices(price, expected):
    product = Product("p", configuration={"productos": [{"nombre": "mesa", "precio": price}]})
    (item,) = configured_items(product)
    assert item.price == (None if expected is None else Decimal(expected))
