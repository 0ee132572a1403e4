"""Every page in a real browser: as each person, in both languages, on desktop and phone.

axe finds no fault of WCAG 2.2 AA, the console is silent, no policy is broken, nothing is wider than
its screen.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.async_api import Browser

from axon_factory.domain.states import OrderState
from tests.support.chromium import CHROMIUM, DESKTOP, PHONE, Screen, chromium, sign_in, visit
from tests.support.workshop import Workshop, open_workshop

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.proven("browser"),
]

PLAIN = ("/", "/entrar", "/cuenta/olvido", "/cuenta/enlace/no-es-uno", "/no/hay/nada")
OWN = ("/cuenta", "/cuenta/contrasena", "/app/mas")
WORK = (
    "/app/pendientes",
    "/app/ordenes",
    "/app/ordenes?vista=tabla",
    "/app/ordenes/nueva",
    "/app/ordenes/nueva?tipo=autopilot_ventas",
    "/app/linea",
)
ADMINISTER = (
    "/app/personas",
    "/app/claves",
    "/app/avisos",
    "/app/auditoria",
    "/app/ajustes",
)
TABS = ("", "/plan", "/actividad", "/preguntas", "/entrega", "/correos", "/auditoria", "/json")
SCREENS = (
    ("es", DESKTOP, False),
    ("es", PHONE, True),
    ("en", DESKTOP, True),
    ("en", PHONE, False),
)
STATES = (
    OrderState.NUEVO,
    OrderState.PLANIFICACION,
    OrderState.CONSTRUCCION,
    OrderState.LISTO,
    OrderState.ENTREGADO,
    OrderState.FALLIDO,
    OrderState.CANCELADO,
)


@pytest.fixture(scope="module")
async def factory(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder: Path = tmp_path_factory.mktemp("walk")
    async with open_workshop(
        module_database_url, folder, public_url="http://127.0.0.1"
    ) as workshop:
        yield workshop


@pytest.fixture(scope="module")
async def orders(factory: Workshop) -> dict[str, str]:
    """The number of an order in each state."""
    found: dict[str, str] = {}
    for state in STATES:
        order = await factory.order(await factory.placed_in(state))
        found[state.value] = order.order_number
    return found


async def order_id_of(factory: Workshop, number: str) -> UUID:
    answer = await factory.http.get(f"/api/orders/{number}", headers=factory.headers["admin"])
    return UUID(answer.json()["id"])


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
async def states(factory: Workshop, browser: Browser) -> dict[str, Any]:
    """The cookies of each person, signed in once."""
    kept: dict[str, Any] = {}
    for name in ("admin", "operator", "owner"):
        async with visit(browser, str(factory.http.base_url)) as watched:
            await sign_in(watched, f"{name}@example.com")
            kept[name] = await watched.page.context.storage_state()
    return kept


def paths_of(name: str, orders: dict[str, str], link: str) -> list[str]:
    """What this person opens."""
    every = [f"/app/ordenes/{number}" for number in orders.values()]
    planned = f"/app/ordenes/{orders['planificacion']}"
    match name:
        case "nobody":
            return [*PLAIN, link]
        case "admin":
            acts = ("rechazar", "cancelar", "preguntar")
            return [
                *OWN,
                *WORK,
                *ADMINISTER,
                *every,
                *(f"{planned}{tab}" for tab in TABS),
                f"/app/ordenes/{orders['entregado']}/entrega",
                *(f"{planned}/actos/{act}" for act in acts),
            ]
        case "operator":
            return [*WORK, planned, f"{planned}/plan"]
        case _:
            return ["/portal", *(f"/portal/ordenes/{number}" for number in orders.values())]


@pytest.mark.parametrize(
    ("language", "screen", "dark"),
    SCREENS,
    ids=["es-desktop", "es-phone", "en-desktop", "en-phone"],
)
@pytest.mark.parametrize("name", ["nobody", "admin", "operator", "owner"])
async def test_every_page_is_sound(
    factory: Workshop,
    browser: Browser,
    states: dict[str, Any],
    orders: dict[str, str],
    name: str,
    language: Literal["es", "en"],
    screen: Screen,
    dark: bool,
) -> None:
    faults: dict[str, list[str]] = {}
    base_url = str(factory.http.base_url)
    delivered = await order_id_of(factory, orders["entregado"])
    link = urlsplit(factory.container.portal_links.url(delivered)).path
    async with visit(
        browser, base_url, screen, language=language, dark=dark, state=states.get(name)
    ) as watched:
        for path in paths_of(name, orders, link):
            await watched.see(path)
            label = path.strip("/").replace("/", "_").replace("?", "_") or "inicio"
            found = await watched.judge(f"{label}-{name}-{language}")
            # A browser notes each page that is answered with an error; these are.
            found = [
                one
                for one in found
                if not one.startswith("console: Failed to load resource") or path not in PLAIN
            ]
            if found:
                faults[path] = found
    assert faults == {}
