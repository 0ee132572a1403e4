"""A new order: the form of its type's schema, what is wrong at its field, and one order placed."""

import json
import re
from html import unescape
from typing import Any, cast

import pytest

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.web.desk.schema_words import ENGLISH
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

ADDRESS = "/app/ordenes/nueva"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"
CONFIGURATION = "datos_cliente.configuracion"


async def sales(workshop: Workshop, language: str = "es") -> Browser:
    return await signed_in(workshop, "operator", language=language)


async def press(browser: Browser, act: str, **fields: str | list[str]) -> None:
    """Fill in the order's form and press the button `act`; a dot in a name is two underscores."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    await browser.send(ADDRESS, **named, _hacer=act)


def client(**changes: str) -> dict[str, str]:
    return {
        "datos_cliente__nombre": "Café Mirador",
        "datos_cliente__email": "hola@cafemirador.example",
        "nombre_producto": "Bot de pedidos",
        **changes,
    }


def value_of(browser: Browser, name: str) -> str:
    return browser.form(ADDRESS)[name]


@pytest.mark.parametrize("product_type", sorted(PRODUCT_TYPES))
async def test_form_has_a_field_for_every_property(workshop: Workshop, product_type: str) -> None:
    browser = await sales(workshop)
    await browser.see(f"{ADDRESS}?tipo={product_type}")
    assert browser.page.status_code == 200
    schema = PRODUCT_TYPES[product_type].configuracion_schema
    for name, part in schema["properties"].items():
        assert f"{CONFIGURATION}.{name}" in browser.page.text
        assert part["title"] in browser.words


def test_every_field_has_english_words() -> None:
    def texts(part: Any) -> list[str]:  # noqa: ANN401 — any part of a JSON document
        if isinstance(part, list):
            return [text for one in cast("list[Any]", part) for text in texts(one)]
        if not isinstance(part, dict):
            return []
        members = cast("dict[str, Any]", part)
        own = [
            members[key] for key in ("title", "description") if isinstance(members.get(key), str)
        ]
        return own + [text for one in members.values() for text in texts(one)]

    for product in PRODUCT_TYPES.values():
        missing = set(texts(dict(product.configuracion_schema["properties"]))) - set(ENGLISH)
        assert not missing


async def test_placing_makes_one_order_as_it_was_written(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    filled = client(prioridad="alta", tags="gastronomía, gdl") | {
        f"{CONFIGURATION}.productos.0.nombre": "café de olla",
        f"{CONFIGURATION}.productos.1.nombre": "chilaquiles",
        f"{CONFIGURATION}.productos.1.precio": "89.50",
        f"{CONFIGURATION}.horario_atencion": "8:00-21:00",
        f"{CONFIGURATION}.integraciones": ["stripe", "google_sheets"],
        f"{CONFIGURATION}.integraciones.__otros": "mi ERP",
    }
    sent = browser.form(ADDRESS) | {
        k.replace("__", ".") if "." not in k else k: v for k, v in filled.items()
    }
    sent["_hacer"] = "crear"
    first = await browser.http.post(ADDRESS, data=sent, follow_redirects=False)
    again = await browser.http.post(ADDRESS, data=sent, follow_redirects=False)
    assert first.status_code == again.status_code == 303
    assert first.headers["Location"] == again.headers["Location"]
    number = first.headers["Location"].rpartition("/")[2]
    answer = await workshop.http.get(f"/api/orders/{number}", headers=workshop.headers["admin"])
    order = answer.json()
    assert order["prioridad"] == "alta"
    assert order["tags"] == ["gastronomía", "gdl"]
    assert order["datos_cliente"]["configuracion"] == {
        "horario_atencion": "8:00-21:00",
        "idioma": "es",
        "productos": ["café de olla", {"nombre": "chilaquiles", "precio": "89.50"}],
        "integraciones": ["stripe", "google_sheets", "mi ERP"],
    }


async def test_review_shows_price_plan_and_promise(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    await press(browser, "revisar", **client())
    assert browser.page.status_code == 200
    for said in ("2,500 USD", "Plan previsto", "Todo está completo", "Si el plan se aprueba ahora"):
        assert said in browser.words


async def test_problem_stands_at_its_field(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    await press(browser, "crear", **client(datos_cliente__telefono="55 1234 5678"))
    assert browser.page.status_code == 400
    page = browser.page.text
    field = re.search(r'<input[^>]*name="datos_cliente\.telefono"[^>]*>', page)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert re.search(r'id="c-datos_cliente-telefono-u">\s*<p class="err">', page)
    assert value_of(browser, "datos_cliente.telefono") == "55 1234 5678"
    assert "Falta corregir 1 dato" in browser.words


async def test_problem_of_a_row_stands_in_its_row(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    place = f"{CONFIGURATION}.productos.1.precio"
    await browser.send(
        ADDRESS,
        **{name.replace("__", "."): value for name, value in client().items()},
        **{
            f"{CONFIGURATION}.productos.0.nombre": "pan",
            f"{CONFIGURATION}.productos.1.nombre": "café",
            place: "caro",
            "_hacer": "revisar",
        },
    )
    field = re.search(rf'<input[^>]*name="{re.escape(place)}"[^>]*>', browser.page.text)
    assert field
    assert 'aria-invalid="true"' in field[0]


async def test_rows_come_and_go_without_scripts(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    place = f"{CONFIGURATION}.productos"
    await browser.send(ADDRESS, **{f"{place}.0.nombre": "pan", "_hacer": f"agregar:{place}"})
    assert value_of(browser, f"{place}.1.nombre") == ""
    await browser.send(ADDRESS, **{f"{place}.1.nombre": "café", "_hacer": f"quitar:{place}.0"})
    assert value_of(browser, f"{place}.0.nombre") == "café"
    assert f"{place}.1.nombre" not in browser.form(ADDRESS)


async def test_another_type_keeps_the_client(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    written = client() | {f"{CONFIGURATION}.horario_atencion": "8:00-21:00"}
    await press(browser, "tipo:webhook_service", **written)
    assert value_of(browser, "datos_cliente.nombre") == "Café Mirador"
    assert value_of(browser, "tipo_producto") == "webhook_service"
    assert "horario_atencion" not in browser.page.text


async def test_imported_json_fills_the_form_and_loses_nothing(workshop: Workshop) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    order = {
        "tipo_producto": "webhook_service",
        "nombre_producto": "Avisos",
        "datos_cliente": {
            "nombre": "Rentas Palmar",
            "email": "a@palmar.example",
            "sucursal": "Centro",
            "configuracion": {
                "reglas": [{"destino": "slack", "campos": {"total": "datos.total"}, "nota": 7}],
                "limite_por_minuto": 300,
                "propia": {"a": [1]},
            },
        },
    }
    await browser.http.get(ADDRESS)
    token = browser.form(ADDRESS)["_ficha"]
    data = {"_ficha": token, "_hacer": "importar", "importar": json.dumps(order)}
    browser.page = await browser.http.post(ADDRESS, data=data)
    assert browser.page.status_code == 200
    assert "sucursal" in browser.words
    await press(browser, "crear")
    number = str(browser.page.url).rpartition("/")[2]
    answer = await workshop.http.get(f"/api/orders/{number}", headers=workshop.headers["admin"])
    assert answer.json()["datos_cliente"] == order["datos_cliente"]


@pytest.mark.parametrize("text", ["{", "[]", "7", '"x"'])
async def test_text_that_is_no_order_is_shown_again(workshop: Workshop, text: str) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    token = browser.form(ADDRESS)["_ficha"]
    data = {"_ficha": token, "_hacer": "importar", "importar": text}
    answer = await browser.http.post(ADDRESS, data=data)
    assert answer.status_code == 400
    assert 'id="importar-u"><p class="err">' in answer.text


async def test_duplicate_has_what_the_other_order_has(workshop: Workshop) -> None:
    order_id = await workshop.place(
        nombre_producto=HOSTILE, tags=["uno"], datos_cliente={"nombre": HOSTILE, "email": "b@b.mx"}
    )
    number = (await workshop.order(order_id)).order_number
    browser = await sales(workshop)
    await browser.see(f"{ADDRESS}?de={number}")
    assert unescape(value_of(browser, "datos_cliente.nombre")) == HOSTILE
    assert value_of(browser, "tags") == "uno"
    assert "<script>alert" not in browser.page.text


async def test_htmx_gets_the_review_and_only_problems_of_what_is_filled(
    workshop: Workshop,
) -> None:
    browser = await sales(workshop)
    await browser.see(ADDRESS)
    sent = browser.form(ADDRESS) | {"datos_cliente.email": "no es correo", "_hacer": ""}
    answer = await browser.http.post(
        ADDRESS, data=sent, headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert answer.text.count('<p class="err">') == 2  # at the address, and the count
    assert "Nombre del producto" in answer.text  # what is missing is in the count


@pytest.mark.parametrize("name", ["owner", "other"])
async def test_clients_place_nothing_here(workshop: Workshop, name: str) -> None:
    browser = await signed_in(workshop, name)
    await browser.see(ADDRESS)
    assert browser.page.status_code == 403


async def test_english(workshop: Workshop) -> None:
    browser = await sales(workshop, "en")
    await browser.see(ADDRESS)
    for said in ("New order", "Company or person", "Opening hours", "Place the order"):
        assert said in browser.words
    for wire in ("whatsapp_number", "horario_atencion", "texto_largo"):
        assert wire not in browser.words
