"""An API process dies between a commit and its answer: another one knows the answer."""

import asyncio
import signal
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from crash_rig import Host, scene
from line_process import SECRET

from tests.proofs.contents import contents
from tests.proofs.copies import Copies
from tests.proofs.kitchen import Kitchen
from tests.proofs.recipes import RECIPES
from tests.proofs.writes import Endpoint
from tests.support.workshop import open_workshop

_SAMPLE = (
    Endpoint("POST", "/api/orders"),
    Endpoint("PATCH", "/api/orders/{id}"),
    Endpoint("POST", "/api/orders/{id}/credentials/reveal"),
)


async def test_a_write_survives_the_death_of_its_process(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    await _kill_and_repeat(_SAMPLE, host, postgres_url, template_database, tmp_path)


@pytest.mark.crash_matrix
@pytest.mark.timeout(0)
async def test_every_write_survives_the_death_of_its_process(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    await _kill_and_repeat(tuple(RECIPES), host, postgres_url, template_database, tmp_path)


async def _kill_and_repeat(
    endpoints: Iterable[Endpoint], host: Host, postgres_url: str, template: str, folder: Path
) -> None:
    async with (
        scene(postgres_url, template, folder / "scene") as stage,
        open_workshop(stage.database_url, stage.folder, SECRET) as workshop,
    ):
        kitchen = Kitchen(workshop, await Copies.of(workshop))
        for endpoint in endpoints:
            # All the writes take longer than an access token lives: its 401 would write nothing.
            await workshop.log_in()
            key = f"clave-{uuid4().hex}"
            request = await RECIPES[endpoint](kitchen, workshop.headers["admin"])
            before = await contents(workshop)
            victim = await host.run("api", stage, kill="response:before#1")
            base_url = f"http://127.0.0.1:{victim.port}"
            async with httpx2.AsyncClient(base_url=base_url, timeout=60) as client:
                # Not a timeout: then the process would not have come to its answer yet.
                with pytest.raises((httpx2.NetworkError, httpx2.RemoteProtocolError)):
                    await request.send(client, key)
            assert await asyncio.wait_for(victim.ended, 30) == -signal.SIGKILL
            after = await contents(workshop)
            assert after != before, endpoint
            found = await request.repeat(workshop.http, key)
            assert found.is_success, (endpoint, found.text)
            assert found.headers["Idempotency-Replayed"] == "true"
            assert await contents(workshop) == after, endpoint
