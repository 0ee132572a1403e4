"""Workers as processes, and what `axon doctor` sees of them."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from axon_factory.bootstrap import Container
from axon_factory.cli.follow_rows import follow
from axon_factory.db.tables import Order
from tests.cli.program import Answer, Program
from tests.support.workshop import ADMIN


def checks_of(answer: Answer) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer.json["checks"]}


async def test_two_workers_plan_and_stop(
    axon: Program, container: Container, placed: Order, product_runtime: Path
) -> None:
    ready = axon.having(AXON_PRODUCT_RUNTIME=str(product_runtime))
    async with ready.started("worker", "--json") as one, ready.started("worker") as two:
        assert json.loads(await one.line()) == {"evento": "lista", "concurrencia": 2}
        assert "Trabajador en marcha" in await two.line()
        number = placed.order_number
        async for order, _ in follow(container, number, ADMIN):
            if order.plan_estado == "pendiente_aprobacion":
                break
        seen = checks_of(await ready("doctor", "--json"))
        assert seen["Trabajadores"]["status"] == "ok"
        assert seen["Trabajadores"]["detail"] == "2 vivos"
        assert seen["Esperan a una persona"]["status"] == "warning"
        assert number in seen["Esperan a una persona"]["action"]
        ended = [await one.end(signal.SIGTERM), await two.end(signal.SIGINT)]
    assert [answer.code for answer in ended] == [0, 0]
    assert "Traceback" not in ended[0].err + ended[1].err


async def test_doctor_where_nothing_runs(bare: Program, database_url: str, tmp_path: Path) -> None:
    nothing, away, wrong, empty, people = await bare.many(
        [
            ({}, ["doctor", "--json"], ""),
            ({"AXON_DATABASE_URL": "postgresql://a:geheim@127.0.0.1:1/b"}, ["doctor", "--json"],
             ""),
            ({"AXON_PROT": "1"}, ["doctor", "--json"], ""),
            ({"AXON_DATABASE_URL": database_url}, ["doctor", "--json"], ""),
            ({}, ["doctor"], ""),
        ]
    )  # fmt: skip
    assert nothing.code == people.code == empty.code == 0, (nothing, people, empty)
    assert checks_of(nothing)["Base de datos"]["status"] == "warning"
    assert checks_of(nothing)["PostgreSQL incluido"]["status"] == "ok"
    assert checks_of(nothing)["Entorno de los productos"]["status"] == "warning"
    assert away.code == wrong.code == 1
    assert checks_of(away)["Base de datos"]["status"] == "error"
    assert "geheim" not in away.out
    assert checks_of(wrong)["Configuración"]["status"] == "error"
    assert checks_of(empty)["Esquema"]["status"] == "ok"
    assert checks_of(empty)["Trabajadores"]["status"] == "warning"
    assert "axon up" in people.out
    assert os.listdir(tmp_path) == [], "looking changes nothing"  # noqa: PTH208 — see ASYNC240


async def test_runtime(bare: Program, product_runtime: Path) -> None:
    there = {"AXON_PRODUCT_RUNTIME": str(product_runtime)}
    missing, shown, installed = await bare.many(
        [
            ({}, ["runtime", "show", "--json"], ""),
            (there, ["runtime", "show", "--json"], ""),
            (there, ["runtime", "install", "--json"], ""),
        ]
    )
    assert missing.code == 11
    assert not missing.json["listo"]
    assert shown.json["listo"]
    assert installed.json == {**shown.json, "instalado_ahora": False}
