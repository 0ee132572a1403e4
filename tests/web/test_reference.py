"""The API reference works in a browser that may load nothing but files of this factory."""

import asyncio
import base64
import hashlib
import re
import shutil
from pathlib import Path

import pytest

from axon_factory.web import assets, reference
from tests.support.workshop import Workshop

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ASSET = re.compile(r'(?:src|href)="(?P<address>/static/[^"]+)" integrity="(?P<integrity>[^"]+)"')
BROWSER = (
    "--headless",
    "--disable-gpu",
    "--no-sandbox",  # tests may run as root
    "--disable-background-networking",
    "--no-first-run",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=20000",
)


async def test_the_page_loads_files_from_here_alone(workshop: Workshop) -> None:
    page = await workshop.http.get("/docs")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert policy == reference.REFERENCE_POLICY
    assert not {"unsafe-inline", "unsafe-eval", "http:", "https:"} & set(
        re.split(r"[ ';]+", policy)
    )
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert not re.findall(r'(?:src|href)="(?!/static/|/openapi\.json"|data:,")', page.text)
    assets = ASSET.findall(page.text)
    assert len(assets) == page.text.count("<script") + page.text.count('rel="stylesheet"') == 4
    for address, integrity in assets:
        answer = await workshop.http.get(address)
        assert answer.status_code == 200
        digest = hashlib.sha384(answer.content).digest()
        assert integrity == f"sha384-{base64.b64encode(digest).decode()}"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"].startswith(("text/css", "text/javascript"))


@pytest.mark.parametrize("name", ["..%2Freference.py", "reference.html", ".stamp", "a%00b", "x"])
async def test_no_other_file_is_served(workshop: Workshop, name: str) -> None:
    assert (await workshop.http.get(f"/static/{name}")).status_code == 404


async def test_without_its_files_the_page_says_so(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: file for name, file in assets._files().items() if name != "swagger-ui.css"}
    monkeypatch.setattr(assets, "_files", lambda: files)
    page = await workshop.http.get("/docs")
    assert page.status_code == 200
    assert "make assets" in page.text
    assert 'href="/openapi.json"' in page.text
    assert "swagger-ui.css" in page.text
    assert (await workshop.http.get("/static/swagger-ui.css")).status_code == 404


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.proven("browser")
async def test_a_browser_shows_the_operations_and_complains_of_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *BROWSER,
        f"--user-data-dir={tmp_path}",
        "--dump-dom",
        f"{workshop.http.base_url}/docs",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, told = (text.decode() for text in await process.communicate())
    for text in ("Crear una orden", "Aprobar el plan", 'id="operations-ordenes-createOrder"'):
        assert text in shown
    assert [line for line in told.splitlines() if "CONSOLE" in line] == []
