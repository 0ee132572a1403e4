"""The browser's example of docs/realtime.md, run in Chromium on a page of the factory's origin."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from fastapi.responses import HTMLResponse
from starlette.routing import Route

from axon_factory.bootstrap.application import application_of
from tests.realtime.sockets import token_of
from tests.support.server import running
from tests.support.workshop import Workshop

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_PAGE = Path(__file__).parents[2] / "docs" / "realtime.md"
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--no-sandbox",  # tests may run as root
    "--disable-background-networking",
    "--no-first-run",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",  # it stays until it is ended
)


@pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.proven("browser")
async def test_the_example_of_the_page_follows_an_order(workshop: Workshop, tmp_path: Path) -> None:
    assert _CHROMIUM is not None
    order_id = await workshop.place()
    number = (await workshop.order(order_id)).order_number
    found = re.search(r"```javascript\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    example = found[1]
    assert len(example.strip().splitlines()) <= 10
    app = application_of(workshop.container)
    async with running(app) as http:
        address = str(http.base_url).replace("http", "ws", 1).rstrip("/") + "/ws/orders"
        script = example.replace("wss://api.axon88.com/ws/orders", address)
        script = script.replace("JWT_TOKEN", token_of(workshop.headers["owner"]))
        script = script.replace("ORD-2025-001", number)

        async def page(_request: object) -> HTMLResponse:
            policy = {"Content-Security-Policy": "script-src 'unsafe-inline'; connect-src *"}
            return HTMLResponse(f"<script>{script}</script>", headers=policy)

        app.router.routes.append(Route("/ejemplo", page))
        process = await asyncio.create_subprocess_exec(
            _CHROMIUM,
            *_OPTIONS,
            f"--user-data-dir={tmp_path}",
            f"{http.base_url}/ejemplo",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert await _console(process, workshop, order_id)
        finally:
            process.kill()
            await process.wait()


async def _console(
    process: asyncio.subprocess.Process, workshop: Workshop, order_id: object
) -> bool:
    """Report progress until the page writes it to its console."""
    assert process.stderr is not None
    async with asyncio.timeout(40):
        told = asyncio.create_task(_written(process.stderr))
        while not told.done():
            await workshop.http.patch(
                f"/api/orders/{order_id}",
                json={"logs": [{"mensaje": "sigue"}]},
                headers=workshop.headers["admin"],
            )
            await asyncio.wait({told}, timeout=0.5)
        return told.result()


async def _written(lines: asyncio.StreamReader) -> bool:
    async for line in lines:
        if b"CONSOLE" in line:
            return b"nuevo 0" in line
    return False
