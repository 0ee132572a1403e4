"""What probes are told: that it lives, whether it can work, and what is wrong."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from axon_factory.bootstrap.application import application_of
from axon_factory.db.sessions import Database
from tests.support.server import running
from tests.support.workshop import Workshop, make_container

_MORE_THAN_ANY_DISK_MB = 1024 * 1024 * 1024
CAUSE = {
    "codigo": "sin_aislamiento",
    "mensaje": "El aislamiento de los productos no funciona: /srv/secreto",
    "paso": "verificar:tests",
    "desde": "2026-01-02T03:04:05+00:00",
    "intentos": 6,
}


async def test_all_is_well(fresh_workshop: Workshop) -> None:
    http = fresh_workshop.http
    health, ready = await http.get("/health"), await http.get("/ready")
    assert (health.status_code, ready.status_code) == (200, 200)
    assert (health.json()["status"], health.json()["problemas"]) == ("ok", [])
    assert ready.json()["status"] == "listo"


async def test_a_disk_below_its_floor_is_told(
    database_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = make_container(database_url, tmp_path)
    # The largest floor that the setting takes may be less than this disk has.
    monkeypatch.setattr(container.machine, "_floors", {tmp_path: _MORE_THAN_ANY_DISK_MB * 2**20})
    try:
        async with running(application_of(container)) as http:
            health, ready = await http.get("/health"), await http.get("/ready")
            english = await http.get("/ready", headers={"Accept-Language": "en"})
    finally:
        await container.close()
    problem = {"codigo": "disco_lleno", "mensaje": "Falta espacio en el disco", "ordenes": 0}
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["problemas"]) == ("degradado", [problem])
    assert ready.status_code == 503
    assert (ready.json()["codigo"], ready.json()["problemas"]) == ("no_listo", [problem])
    assert ready.headers["Retry-After"]
    assert english.json()["problemas"][0]["mensaje"] == "The disk is full"


async def test_orders_that_wait_for_a_machine_elsewhere_are_told(fresh_workshop: Workshop) -> None:
    order_id = await fresh_workshop.place()
    async with fresh_workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET espera = 'maquina', espera_causa = CAST(:cause AS jsonb)"),
            {"cause": json.dumps(CAUSE)},
        )
    told = (await fresh_workshop.http.get("/health")).json()
    assert told["problemas"] == [
        {
            "codigo": "sin_aislamiento",
            "mensaje": "El aislamiento de los productos no funciona",
            "ordenes": 1,
        }
    ]
    # This process can work: what is wrong is the worker's machine.
    assert (await fresh_workshop.http.get("/ready")).status_code == 200
    staff = await fresh_workshop.show(order_id)
    assert (staff["espera"], staff["espera_causa"]) == (
        "maquina",
        {**CAUSE, "desde": "2026-01-02T03:04:05Z"},
    )
    client = await fresh_workshop.show(order_id, by="owner")
    assert {"espera", "espera_causa"}.isdisjoint(client)

    retried = await fresh_workshop.http.post(
        f"/api/orders/{order_id}/retry", headers=fresh_workshop.headers["admin"]
    )
    assert retried.status_code == 200, retried.text
    assert retried.json()["estado"] == staff["estado"]
