"""Every page in a real browser: as each person, in both languages, on desktop and phone.

axe finds no fault of WCAG 2.2 AA, the console is silent, no policy is broken, nothing is wider than
its screen.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser

from axon_factory.domain.states import OrderState
from tests.support.chromium import CHROMIUM, DESKTOP, PHONE, Screen, chromium, sign_in, visit
from tests.support.workshop import Workshop, open_workshop

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.proven("browser"),
]

PLAIN = ("/", "/entrar", "/no/hay/nada")
OWN = ("/cuenta", "/cuenta/contrasena", "/app/mas")
DESK = (
    "/app/pendientes",
    "/app/pendientes?clase=fallo",
    "/app/pendientes?clase=presupuesto",
    "/app/ordenes",
    "/app/ordenes?prioridad=normal&columna=construccion",
    "/app/ordenes?vista=tabla",
    "/app/ordenes?vista=tabla&estado=listo&tag=ninguna",
    "/app/ordenes/nueva",
    "/app/ordenes/nueva?tipo=webhook_service",
)
STATES = (
    OrderState.NUEVO,
    OrderState.PLANIFICACION,
    OrderState.CONSTRUCCION,
    OrderState.LISTO,
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


def paths_of(name: str, orders: dict[str, str]) -> list[str]:
    """What this person opens."""
    acts = [
        f"/app/ordenes/{orders['planificacion']}/actos/{act}" for act in ("rechazar", "cancelar")
    ]
    match name:
        case "nobody":
            return [*PLAIN]
        case "admin":
            copied = f"/app/ordenes/nueva?de={orders['construccion']}"
            return [*OWN, *acts, *DESK, copied]
        case "operator":
            return [*OWN, *DESK]
        case _:
            return [*OWN]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
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
    async with visit(
        browser, base_url, screen, language=language, dark=dark, state=states.get(name)
    ) as watched:
        for path in paths_of(name, orders):
            await watched.see(path)
            label = path.strip("/").replace("/", "_").replace("?", "_") or "inicio"
            found = await watched.judge(f"{label}-{name}-{language}")
            found = [one for one in found if "404" not in one or path != "/no/hay/nada"]
            if found:
                faults[path] = found
    assert faults == {}
