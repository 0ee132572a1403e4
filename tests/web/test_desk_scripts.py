"""What scripts add to the pages of orders: answers while a form is filled in, drafts, counts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.chromium import CHROMIUM, chromium, sign_in, visit
from tests.support.workshop import Workshop, open_workshop

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.proven("browser"),
]

NEW = "/app/ordenes/nueva"


@pytest.fixture(scope="module")
async def factory(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder: Path = tmp_path_factory.mktemp("scripts")
    async with open_workshop(
        module_database_url, folder, public_url="http://127.0.0.1"
    ) as workshop:
        yield workshop


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def test_form_answers_while_it_is_filled_in(factory: Workshop, browser: Browser) -> None:
    async with visit(browser, str(factory.http.base_url)) as watched:
        await sign_in(watched, "admin@example.com")
        await watched.see(NEW)
        page = watched.page
        await page.get_by_label("Empresa o persona").fill("Café Mirador")
        await page.get_by_label("Correo").fill("no")
        await page.locator("#c-datos_cliente-telefono").fill("55 12")
        await page.locator("#c-datos_cliente-telefono").blur()
        await expect(page.locator("#c-datos_cliente-email-u .err")).to_be_visible()
        await expect(page.get_by_label("Correo")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#c-nombre_producto-u .err")).to_have_count(0)
        await page.locator("#c-datos_cliente-telefono").fill("")
        await page.get_by_label("Correo").fill("hola@cafe.example")
        await page.get_by_label("Nombre del producto").fill("Bot de pedidos")
        await page.get_by_label("Nombre del producto").blur()
        await expect(page.get_by_text("Plan previsto")).to_be_visible()
        await expect(page.get_by_label("Correo")).not_to_have_attribute("aria-invalid", "true")
        assert watched.complaints == []


async def test_draft_is_offered_restored_and_gone_once_placed(
    factory: Workshop, browser: Browser
) -> None:
    async with visit(browser, str(factory.http.base_url)) as watched:
        await sign_in(watched, "admin@example.com")
        await watched.see(NEW)
        page = watched.page
        await page.get_by_label("Empresa o persona").fill("Casa Telar")
        await page.get_by_label("Correo").fill("hola@telar.example")
        await page.get_by_label("Nombre del producto").fill("Embudo")
        await expect(page.locator("#draft-state")).to_contain_text("Borrador guardado")
        await watched.see(NEW)
        await page.get_by_role("button", name="Recuperarlo").click()
        await expect(page.get_by_label("Empresa o persona")).to_have_value("Casa Telar")
        await page.get_by_role("button", name="Crear orden").click()
        await expect(page.get_by_text("Creaste la orden")).to_be_visible()
        await watched.see(NEW)
        await expect(page.locator("#draft-offer")).to_be_hidden()


async def test_table_counts_what_is_chosen_and_keeps_views(
    factory: Workshop, browser: Browser
) -> None:
    for _ in range(2):
        await factory.place(tags=["contar"])
    async with visit(browser, str(factory.http.base_url)) as watched:
        await sign_in(watched, "admin@example.com")
        await watched.see("/app/ordenes?vista=tabla&tag=contar")
        page = watched.page
        await expect(page.locator("#elegidas")).to_be_hidden()
        await page.get_by_label("Elegir todas las de esta página").check()
        await expect(page.get_by_text("2 elegidas")).to_be_visible()
        await page.get_by_role("button", name="Guardar vista").click()
        await page.get_by_label("Nombre").fill("Las mías")
        await page.get_by_role("button", name="Guardar", exact=True).click()
        await watched.see("/app/ordenes")
        await page.get_by_role("link", name="Las mías").click()
        await expect(page.get_by_text("Etiqueta: contar")).to_be_visible()
        await page.get_by_role("button", name="Olvidar la vista Las mías").click()
        await expect(page.get_by_role("link", name="Las mías")).to_have_count(0)
