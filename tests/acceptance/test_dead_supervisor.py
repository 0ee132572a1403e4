"""A whole factory whose products' supervisor is killed, and that then moves to another folder."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.demonstration import Demonstration
from tests.acceptance.program import eventually
from tests.support.deployments import port_of_url, product_process, supervisors
from tests.support.prefork import Prefork

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

BACK_SECONDS = 20.0


@pytest.fixture
def demo(surroundings: dict[str, str], tmp_path: Path, axon: Prefork) -> Iterator[Demonstration]:
    running = Demonstration(tmp_path / "data", surroundings, axon)
    try:
        yield running
    finally:
        running.http.close()
        running.close()


def answers(demo: Demonstration) -> bool:
    try:
        return demo.http.get(f"{demo.delivered['deploy_url']}/health").status_code == 200
    except httpx2.HTTPError:
        return False


def told(demo: Demonstration) -> list[tuple[str, bool]]:
    return [
        (kind, over)
        for kind, over in demo.rows(
            "SELECT kind, closed_at IS NOT NULL FROM product_incidents ORDER BY id"
        )
    ]


def mails(demo: Demonstration) -> list[str]:
    rows = demo.rows(
        "SELECT subject FROM outbox_messages WHERE dedupe_key LIKE '%incidente:%' "
        "ORDER BY created_at"
    )
    return [row[0].partition(": ")[2] for row in rows]


def test_the_products_come_back_and_the_factory_says_so(
    demo: Demonstration, tmp_path: Path
) -> None:
    demo.bot().say("Quiero 2 pantalones")
    assert "n.º 1" in demo.bot().say("sí")
    orders = demo.product_orders()

    (daemon,) = supervisors(demo.data_dir / "deployments")
    os.kill(daemon, signal.SIGKILL)
    assert eventually(lambda: not answers(demo))
    assert eventually(lambda: answers(demo), BACK_SECONDS)
    assert eventually(lambda: told(demo) == [("supervisor", True)], BACK_SECONDS)
    assert mails(demo) == ["sin marchar", "en marcha de nuevo"]

    for _ in range(6):
        killed = product_process(port_of_url(demo.delivered["deploy_url"]))
        os.kill(killed, signal.SIGKILL)
        if not eventually(lambda: answers(demo), BACK_SECONDS):
            break
    assert eventually(lambda: told(demo)[-1] == ("bucle", False), BACK_SECONDS)
    health = demo.http.get(f"{demo.up.url}/health").json()
    assert (health["productos_caidos"], health["productos_sin_vigilar"]) == (1, 0)
    (check,) = [
        one for one in demo.axon("doctor")["checks"] if one["name"] == "Productos entregados"
    ]
    assert demo.number in check["detail"]
    # Stopped for thirty seconds, and healthy for sixty.
    assert eventually(lambda: told(demo)[-1] == ("bucle", True), 150)

    assert demo.up.interrupt() == 0
    moved = tmp_path / "otro disco" / "data"
    shutil.copytree(demo.data_dir, moved)
    shutil.rmtree(demo.data_dir)
    demo.data_dir = moved
    demo.start_again()
    assert eventually(lambda: answers(demo), BACK_SECONDS)
    assert demo.product_orders() == orders
