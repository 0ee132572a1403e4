"""The pages that run the factory, and the links of accounts, in a real browser.

As in test_walk: axe, the console, the policies and the width of the screen.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.chromium import CHROMIUM, DESKTOP, PHONE, Screen, chromium, sign_in, visit
from tests.support.workshop import Workshop, open_workshop
from tests.web.test_account_links import mailed

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.proven("browser"),
]


@pytest.fixture(scope="module")
async def factory(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder: Path = tmp_path_factory.mktemp("walk")
    async with open_workshop(
        module_database_url, folder, public_url="http://127.0.0.1", max_builds=4
    ) as workshop:
        yield workshop


async def ask(factory: Workshop, path: str, body: object = None) -> dict[str, Any]:
    answer = await factory.http.post(path, json=body, headers=factory.headers["admin"])
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


@pytest.fixture(scope="module")
async def paths(factory: Workshop) -> dict[str, list[str]]:
    """What is opened, by whom, of a factory in which something has happened."""
    queued = await factory.placed_in(OrderState.CONSTRUCCION, nombre_producto="Embudo de clases")
    building = await factory.placed_in(OrderState.CONSTRUCCION, nombre_producto="Bot de Ana")
    async with factory.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET queued_at = now() - interval '3 hours' WHERE id = :id"),
            {"id": queued},
        )
        worker = await session.scalar(
            text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        )
        await session.execute(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat) "
                "VALUES (now() - interval '9 minutes')"
            )
        )
        await session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status, worker_id) "
                "VALUES ('default', 'advance', :lock, 'doing', :worker)"
            ),
            {"lock": f"order:{building}", "worker": worker},
        )
    invited = {"email": "ines@example.com", "nombre": "Inés Carmona", "rol": "operator"}
    person = await ask(factory, "/api/users", invited | {"invitar": True})
    key = await ask(factory, "/api/keys", {"nombre": "CRM de ventas", "permiso": "escritura"})
    await ask(factory, "/api/system-tokens", {"agente": "Revisor externo", "rol": "council"})
    wanted = {"canal": "webhook", "nombre": "crm", "url": "https://93.184.216.34/avisos"}
    destination = await ask(factory, "/api/notifications/destinations", wanted)
    api = f"/api/notifications/destinations/{destination['id']}/test"
    delivery = await ask(factory, api)
    await factory.http.get("/api/audit", headers=factory.headers["operator"])
    where = f"/app/avisos/{destination['id']}"
    return {
        "admin": [
            "/app/linea",
            "/app/linea/detener",
            "/app/personas",
            "/app/personas/invitar",
            f"/app/personas/{person['id']}",
            f"/app/personas/{person['id']}/acceso",
            "/app/claves",
            "/app/claves/nueva",
            "/app/claves/tokens/nuevo",
            f"/app/claves/{key['id']}/rotar",
            "/app/avisos",
            "/app/avisos/nuevo",
            where,
            "/app/avisos/entregas",
            f"/app/avisos/entregas/{delivery['id']}",
            "/app/auditoria",
            "/app/auditoria/comprobacion",
            "/app/ajustes",
            "/app/ajustes?solo=dados",
        ],
        "operator": ["/app/linea"],
        "nobody": [
            await mailed(factory, "ines@example.com"),
            "/cuenta/enlace/no-sirve",
            "/cuenta/olvido",
        ],
    }


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
async def states(factory: Workshop, browser: Browser) -> dict[str, Any]:
    """The cookies of each person, signed in once."""
    kept: dict[str, Any] = {}
    for name in ("admin", "operator"):
        async with visit(browser, str(factory.http.base_url)) as watched:
            await sign_in(watched, f"{name}@example.com")
            kept[name] = await watched.page.context.storage_state()
    return kept


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("name", ["nobody", "admin", "operator"])
async def test_every_page_is_sound(
    factory: Workshop,
    browser: Browser,
    states: dict[str, Any],
    paths: dict[str, list[str]],
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
        for number, path in enumerate(paths[name]):
            await watched.see(path)
            label = f"{number:02}-{path.strip('/').replace('/', '_').replace('?', '_')}"[:60]
            found = await watched.judge(f"{label}-{name}-{language}")
            found = [one for one in found if "404" not in one or not path.endswith("no-sirve")]
            if found:
                faults[path] = found
    assert faults == {}
