"""The line's page: what it shows of the line, and the acts on its mode."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.browsing import Browser, entered, fields_of, words_of
from tests.support.copies import order_in
from tests.support.workshop import Workshop

PATH = "/app/linea"
HOSTILE = "<script>alert('1')</script>"


@pytest.fixture(autouse=True)
async def running_again(workshop: Workshop) -> AsyncIterator[None]:
    yield
    await workshop.http.post("/api/line/resume", headers=workshop.headers["admin"])


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await entered(workshop, "admin")


async def mode_of(workshop: Workshop) -> str:
    answer = await workshop.http.get("/api/line", headers=workshop.headers["admin"])
    return str(answer.json()["modo"])


async def test_it_says_how_the_line_runs(workshop: Workshop, admin: Browser) -> None:
    queued = await order_in(workshop, OrderState.CONSTRUCCION, nombre_producto=HOSTILE)
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET queued_at = now() - interval '3 hours' WHERE id = :id"),
            {"id": queued},
        )
    shown = await admin.get(PATH)
    assert shown.status_code == 200
    said = words_of(shown.text)
    assert "La línea está en marcha" in said
    assert "hace 3 h" in said
    assert (await workshop.order(queued)).order_number in said
    assert HOSTILE not in shown.text
    assert HOSTILE in said


async def test_workers_and_running_steps_have_names_and_ages(
    workshop: Workshop, admin: Browser
) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    async with workshop.container.database.transaction("test") as session:
        alive, silent = [
            await session.scalar(
                text(
                    "INSERT INTO procrastinate_workers (last_heartbeat) "
                    "VALUES (now() - make_interval(mins => :minutes)) RETURNING id"
                ),
                {"minutes": minutes},
            )
            for minutes in (0, 10)
        ]
        await session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status, worker_id) "
                "VALUES ('default', 'advance', :lock, 'doing', :worker)"
            ),
            {"lock": f"order:{order_id}", "worker": alive},
        )
        await session.execute(
            text(
                "INSERT INTO order_steps (order_id, intento, step, idempotency_key, attempts, "
                "failures, fence, worker, started_at) VALUES (:id, 1, 'construir:chat', :key, 1, "
                "0, 1, 'w', now() - interval '4 minutes')"
            ),
            {"id": order_id, "key": f"{order_id}:1:construir:chat"},
        )
    try:
        said = words_of((await admin.get(PATH)).text)
    finally:
        async with workshop.container.database.transaction("test") as session:
            await session.execute(text("DELETE FROM procrastinate_jobs WHERE worker_id > 0"))
            await session.execute(text("DELETE FROM procrastinate_workers"))
            await session.execute(text("DELETE FROM order_steps WHERE step = 'construir:chat'"))
    assert f"Trabajador {alive} 1 en curso · señal hace 0 s" in said
    assert f"Trabajador {silent} callado · señal hace 10 min" in said
    assert "Construye · chat hace 4 min" in said


async def test_without_a_worker_it_says_what_to_start(admin: Browser) -> None:
    assert "Ningún trabajador está en marcha" in words_of((await admin.get(PATH)).text)


async def test_a_pause_needs_its_reason(workshop: Workshop, admin: Browser) -> None:
    asked = words_of((await admin.get(f"{PATH}/pausar")).text)
    assert "No empieza ningún paso" in asked
    refused = await admin.send(f"{PATH}/pausar", motivo="  ")
    assert refused.status_code == 400
    assert 'id="motivo-error"' in refused.text
    assert await mode_of(workshop) == "activa"

    done = await admin.send(f"{PATH}/pausar", motivo=HOSTILE)
    assert "La línea está en pausa" in await admin.follow(done)
    page = await admin.get(PATH)
    assert HOSTILE in words_of(page.text)
    assert HOSTILE not in page.text
    assert await mode_of(workshop) == "pausada"


@pytest.mark.parametrize(("name", "mode"), [("drenar", "drenando"), ("detener", "detenida")])
async def test_each_act_does_what_it_says(
    workshop: Workshop, admin: Browser, name: str, mode: str
) -> None:
    await admin.send(f"{PATH}/{name}", motivo="Mantenimiento")
    assert await mode_of(workshop) == mode
    done = await admin.send(PATH, f"{PATH}/reanudar")
    assert "La línea está en marcha" in await admin.follow(done)
    assert await mode_of(workshop) == "activa"


async def test_nobody_acts_over_anothers_change(workshop: Workshop, admin: Browser) -> None:
    """The form was opened before somebody else drained the line."""
    opened = await admin.get(f"{PATH}/pausar")
    reason = {"motivo": "Otra persona"}
    await workshop.http.post(
        "/api/line/drain", json=reason, headers=workshop.headers["key_admin"]
    )
    stale = fields_of(opened.text, f"{PATH}/pausar") | {"motivo": "La mía"}
    refused = await admin.post(f"{PATH}/pausar", stale)
    assert refused.status_code == 412
    assert "La línea termina lo empezado" in words_of(refused.text)
    assert await mode_of(workshop) == "drenando"
    again = fields_of(refused.text, f"{PATH}/pausar")
    assert again["motivo"] == "La mía"
    assert (await admin.post(f"{PATH}/pausar", again)).status_code == 303
    assert await mode_of(workshop) == "pausada"


async def test_an_operator_looks_and_does_not_act(workshop: Workshop) -> None:
    operator = await entered(workshop, "operator")
    shown = await operator.get(PATH)
    assert shown.status_code == 200
    assert f"{PATH}/pausar" not in shown.text
    assert (await operator.get(f"{PATH}/pausar")).status_code == 403
    assert (await operator.post(f"{PATH}/pausar", {"motivo": "x"})).status_code == 403
    assert await mode_of(workshop) == "activa"


async def test_a_client_has_no_line(workshop: Workshop) -> None:
    assert (await (await entered(workshop, "owner")).get(PATH)).status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await entered(workshop, "admin", "en")
    said = words_of((await admin.get(PATH)).text)
    assert "The line runs" in said
    assert "Places for building" in said


async def test_an_act_that_is_none_is_not_found(admin: Browser) -> None:
    assert (await admin.get(f"{PATH}/acelerar")).status_code == 404
