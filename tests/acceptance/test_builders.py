"""Each builder delivers an order, though the worker dies in the middle of the building.

`make builders` has all four do it.
"""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from axon_factory.accounts import users
from axon_factory.domain.permissions import KeyScope, Role
from tests.acceptance.builders import BUILDERS, OutsideAgent, outside_agent
from tests.acceptance.demonstration import git_clone, report
from tests.acceptance.program import processes_of
from tests.acceptance.split_factory import SplitFactory
from tests.support.workshop import PASSWORD, SECRET_KEY, make_container

# A delivery on a busy machine.
pytestmark = [pytest.mark.builders, pytest.mark.timeout(900)]

ORDER = {
    "tipo_producto": "webhook_service",
    "nombre_producto": "Avisos de pedidos",
    "datos_cliente": {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"},
}
ADMIN = "ana@axon88.com"
MILESTONE = "construccion.hito_completado"
ONCE = (
    "construccion.sesion_iniciada",
    "construccion.repositorio_publicado",
    "entrega.desplegado",
    "entrega.entregado",
)


@pytest.fixture(params=BUILDERS)
def builder(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def agent(builder: str, tmp_path: Path) -> Iterator[OutsideAgent]:
    with outside_agent(builder, tmp_path / "agent", tmp_path / "data") as running:
        yield running
    assert processes_of(tmp_path) == {}


@pytest.fixture
async def api_key(database_url: str, tmp_path: Path) -> str:
    """Make an administrator's account, and a key for whoever clones; return the key."""
    beside = make_container(database_url, tmp_path / "data")
    password_hash = await beside.passwords.hash(PASSWORD)
    async with beside.database.transaction("test") as session:
        await users.create(
            session, email=ADMIN, name="Ana", role=Role.ADMIN, password_hash=password_hash
        )
        made = await beside.api_keys.create(
            session, name="copias", scope=KeyScope.ADMIN, created_by="test"
        )
    beside.passwords.close()
    await beside.close()
    return made.plaintext


@pytest.fixture
def factory(
    builder: str,
    agent: OutsideAgent,
    tmp_path: Path,
    database_url: str,
    surroundings: dict[str, str],
) -> Iterator[SplitFactory]:
    settings = {
        "AXON_BUILDER": builder,
        "AXON_AGENT_POLL_SECONDS": "0.5",
        "AXON_SECRET_KEY": SECRET_KEY,
    }
    environment = surroundings | settings | agent.environment
    with SplitFactory(tmp_path / "data", database_url, environment) as running:
        yield running


def test_a_killed_worker_changes_nothing_whoever_builds(
    builder: str, agent: OutsideAgent, factory: SplitFactory, api_key: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    factory.start("serve")
    factory.log_in(ADMIN, PASSWORD)
    victim = factory.start("worker")
    order = f"/api/orders/{factory.post('/api/orders', ORDER)['id']}"
    factory.wait_until("SELECT 1 FROM orders WHERE plan_estado = 'pendiente_aprobacion'")
    approve(factory, order)
    factory.wait_until("SELECT 1 FROM order_milestones")
    kill(victim)
    planned = [milestone["id"] for milestone in factory.get(order)["plan"]["milestones"]]
    assert 0 < len(verified(factory)) < len(planned)
    report(f"killed {time.monotonic() - began:.1f} s after the start")

    token = agent.token()
    assert (token is not None) == (builder in {"http", "a2a"})
    if token:
        assert beat(factory, order, token) == (200, None)
    agent.open_gate()
    heir = factory.start("worker")
    factory.wait_until("SELECT 1 FROM orders WHERE estado IN ('entregado', 'fallido')")
    report(f"delivered {time.monotonic() - began:.1f} s after the start")

    assert_delivered_once(factory, order, planned)
    assert len(agent.started()) == (builder != "templates")
    if token:
        assert beat(factory, order, token) == (401, "intento_terminado")
    assert commits_of(factory.get(order)["repo_url"], api_key, tmp_path / "clone") == Counter(
        planned
    )
    assert heir.poll() is None
    assert factory.stop() == [0, 0]
    product = processes_of(factory.data_dir / "deployments")
    assert processes_of(factory.data_dir).keys() == product.keys()


def approve(factory: SplitFactory, order: str) -> None:
    """Approve the plan as whoever has read it."""
    shown = factory.get(order)
    read = {name: shown[name] for name in ("plan_version", "plan_hash")}
    factory.post(f"{order}/approve", read)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    assert process.wait(10) == -signal.SIGKILL


def beat(factory: SplitFactory, order: str, token: str) -> tuple[int, str | None]:
    """Give a sign of life as the agent; return status and code of the answer."""
    answer = httpx2.post(
        f"{factory.url}{order}/latido", headers={"X-System-Token": token}, trust_env=False
    )
    return answer.status_code, answer.json().get("codigo")


def verified(factory: SplitFactory) -> list[str]:
    """Return the milestones of the one order, in the order in which they were told."""
    events = factory.rows(
        "SELECT metadata FROM order_events WHERE kind = %s ORDER BY seq", MILESTONE
    )
    return [metadata["milestone"] for (metadata,) in events]


def assert_delivered_once(factory: SplitFactory, order: str, planned: list[str]) -> None:
    """Check that the order is delivered, by one attempt and one session, each thing once."""
    shown = factory.get(order)
    assert shown["estado"] == "entregado", factory.story()
    assert shown["intento"] == 1
    assert factory.rows("SELECT intento FROM order_sessions") == [(1,)]
    assert verified(factory) == planned
    kept = factory.rows("SELECT intento, milestone_id FROM order_milestones")
    assert Counter(kept) == Counter((1, name) for name in planned)
    events = factory.rows("SELECT seq, kind FROM order_events ORDER BY seq")
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    kinds = Counter(kind for _, kind in events)
    assert {kind: kinds[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert len(list((factory.data_dir / "deployments").glob("*/deployment.json"))) == 1
    assert len(list((factory.data_dir / "deployments").glob("*/releases/*"))) == 1
    health = httpx2.get(f"{shown['deploy_url']}/health", trust_env=False)
    assert (health.status_code, health.json()["status"]) == (200, "ok")


def commits_of(url: str, api_key: str, folder: Path) -> Counter[str]:
    """Clone the product's repository, and count the commits of each milestone."""
    done = git_clone(url, folder, password=api_key)
    assert done.returncode == 0, done.stderr
    log = subprocess.run(
        ["git", "log", "--format=%(trailers:key=Axon-Milestone,valueonly,separator=%x2C)"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return Counter(line.removeprefix("1/") for line in log.stdout.split())
