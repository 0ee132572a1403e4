"""The same matrix over the real adapters: by `make crash`, a sample first.

The product runtime is AXON_TEST_PRODUCT_RUNTIME, or `.venv-product` in the repository's root.
"""

import asyncio
import json
import os
import random
import re
import secrets
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from crash_rig import Host, Scene, scene
from pydantic import TypeAdapter

from axon_factory.orders.requests import NewOrder

_ROOT = Path(__file__).parents[2]
_SAMPLE = 1
_LONGEST_LIFE = 240

Left = tuple[list[str], int, int]
"""Stages and events without addresses, running products, doubled mails."""


@pytest.fixture(autouse=True, scope="module")
def product_runtime() -> None:
    """Tell the host, started after this, where the products' Python is (made if it is missing)."""
    os.environ.setdefault("AXON_TEST_PRODUCT_RUNTIME", str(_ROOT / ".venv-product"))


@pytest.fixture(scope="module")
async def real_host(product_runtime: None) -> AsyncGenerator[Host]:
    """A host of its own, which has read the variable above."""
    async with Host.started() as host:
        yield host


@asynccontextmanager
async def _stage(postgres_url: str, template: str, folder: Path) -> AsyncGenerator[Scene]:
    """Yield a scene with the demo order; take down what runs of its products at the end."""
    text = (files("axon_factory.cli") / "example_order.json").read_text(encoding="utf-8")
    document = TypeAdapter(NewOrder).validate_python(json.loads(text))
    async with scene(postgres_url, template, folder) as stage:
        stage.product = document.tipo_producto
        stage.configuration = document.datos_cliente.configuracion
        try:
            yield stage
        finally:
            container = stage.container()
            await container.deployer.stop_all()
            await container.close()


async def _left(stage: Scene) -> Left:
    """Return what the order's life has left; numbers differ from life to life and are hidden."""
    life = await stage.life()
    told = [re.sub(r"\S*\d\S*", "N", f"{kind} | {who} | {what}") for kind, who, what in life.events]
    container = stage.container()
    running = await container.deployer.status()
    mails = await stage.rows("SELECT count(*) AS posted FROM outbox_messages")
    kept = await asyncio.to_thread(lambda: list((container.maildir / "new").iterdir()))
    await container.close()
    return [life.state, *life.stages, *told], len(running), len(kept) - mails[0].posted


async def _record(host: Host, stage: Scene) -> tuple[Left, list[str]]:
    log = stage.folder / "crossings.log"
    await stage.place()
    worker = await host.run("real_worker", stage, log=log)
    await stage.to_rest(seconds=_LONGEST_LIFE)
    await host.stop(worker, by=signal.SIGTERM)
    crossed = (await asyncio.to_thread(log.read_text, encoding="utf-8")).split()
    return await _left(stage), [item for item in crossed if "commit:maintenance" not in item]


async def _kill_at(host: Host, crossing: str, stage: Scene) -> Left:
    await stage.place()
    victim = await host.run("real_worker", stage, kill=crossing)
    rest = asyncio.create_task(stage.to_rest(seconds=2 * _LONGEST_LIFE))
    assert await asyncio.wait_for(victim.ended, _LONGEST_LIFE) == -signal.SIGKILL
    heir = await host.run("real_worker", stage)
    await rest
    await host.stop(heir)
    return await _left(stage)


async def _compare(
    host: Host, postgres_url: str, template: str, folder: Path, *, sample: int | None
) -> None:
    async with _stage(postgres_url, template, folder / "quiet") as stage:
        quiet, crossings = await _record(host, stage)
    assert quiet[0][0] == "entregado"
    assert quiet[1:] == (1, 0)
    if sample is not None:
        seed = int(os.environ.get("AXON_TEST_SEED") or secrets.randbelow(10**6))
        print(f"AXON_TEST_SEED={seed}")  # noqa: T201 — shown by pytest when the test fails
        after_calls = [item for item in crossings if re.match(r"port:.*:after#1$", item)]
        crossings = random.Random(seed).sample(after_calls, sample)  # noqa: S311 — no secret
    for number, crossing in enumerate(crossings):
        async with _stage(postgres_url, template, folder / str(number)) as stage:
            assert await _kill_at(host, crossing, stage) == quiet, f"killed at {crossing}"


@pytest.mark.crash_matrix
@pytest.mark.timeout(600)
async def test_a_sample_of_kills_with_the_real_adapters(
    real_host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    await _compare(real_host, postgres_url, template_database, tmp_path, sample=_SAMPLE)


@pytest.mark.crash_matrix
@pytest.mark.timeout(0)
async def test_every_kill_with_the_real_adapters(
    real_host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    await _compare(real_host, postgres_url, template_database, tmp_path, sample=None)
