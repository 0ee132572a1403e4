import csv
from datetime import UTC, datetime

import pytest

from app.modules.google_sheets import cell, feed_token
from app.orders import Line, place_order

NOW = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)


def test_the_feed_holds_the_orders_and_no_formula(start):
    client = start()
    with client.app.state.context.database.transaction() as connection:
        place_order(connection, "prueba", "+52155", [Line('=1+1,"x"', 2)], NOW)
    answer = client.get("/api/pedidos.csv", params={"token": feed_token("clave-de-prueba")})
    assert answer.headers["content-type"].startswith("text/csv")
    _, row = csv.reader(answer.text.splitlines())
    assert row == ["1", "2025-11-14T18:00:00Z", "confirmado", "'+52155", '\'=1+1,"x"', "2", ""]


@pytest.mark.parametrize("token", ["", "ñ", "clave-de-prueba"])
def test_the_feed_needs_its_own_token(start, token):
    assert start().get("/api/pedidos.csv", params={"token": token}).status_code == 403


def test_without_an_api_key_there_is_no_feed(start):
    client = start(API_KEY="")
    assert client.get("/api/pedidos.csv", params={"token": ""}).status_code == 403
    assert "google_sheets" in client.get("/health").json()["integrations_pending"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx"])
def test_formulas_are_text(text):
    assert cell(text) == f"'{text}"
