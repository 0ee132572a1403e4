"""The line's page: what it shows of the line, and the acts on its mode."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

PATH = "/app/linea"
HOSTILE = "<script>alert('1')</script>"


@pytest.fixture(autouse=True)
async def running_again(workshop: Workshop) -> AsyncIterator[None]:
    yield
    await workshop.http.post("/api/line/resume", headers=workshop.headers["admin"])


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await signed_in(workshop)


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
    shown = await admin.see(PATH)
    said = admin.words
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
        await admin.see(PATH)
        said = admin.words
    finally:
        async with workshop.container.database.transaction("test") as session:
            await session.execute(text("DELETE FROM procrastinate_jobs WHERE worker_id > 0"))
            await session.execute(text("DELETE FROM procrastinate_workers"))
            await session.execute(text("DELETE FROM order_steps WHERE step = 'construir:chat'"))
    assert f"Trabajador {alive} 1 en curso · señal hace 0 s" in said
    assert f"Trabajador {silent} callado · señal hace 10 min" in said
    assert "Construye · chat hace 4 min" in said


async def test_without_a_worker_it_says_what_to_start(admin: Browser) -> None:
    await admin.see(PATH)
    assert "Ningún trabajador da señal" in admin.words


async def test_a_pause_needs_its_reason(workshop: Workshop, admin: Browser) -> None:
    await admin.see(f"{PATH}/pausar")
    assert "No empieza ningún paso" in admin.words
    refused = await admin.send(f"{PATH}/pausar", motivo="  ")
    assert refused.status_code == 400
    assert 'id="motivo-error"' in refused.text
    assert await mode_of(workshop) == "activa"

    done = await admin.send(f"{PATH}/pausar", motivo=HOSTILE)
    assert "La línea está en pausa" in admin.words
    assert HOSTILE in admin.words
    assert HOSTILE not in done.text
    assert await mode_of(workshop) == "pausada"


@pytest.mark.parametrize(("name", "mode"), [("drenar", "drenando"), ("detener", "detenida")])
async def test_each_act_does_what_it_says(
    workshop: Workshop, admin: Browser, name: str, mode: str
) -> None:
    await admin.see(f"{PATH}/{name}")
    await admin.send(f"{PATH}/{name}", motivo="Mantenimiento")
    assert await mode_of(workshop) == mode
    await admin.send(f"{PATH}/reanudar")
    assert "La línea está en marcha" in admin.words
    assert await mode_of(workshop) == "activa"


async def test_nobody_acts_over_anothers_change(workshop: Workshop, admin: Browser) -> None:
    """The form was opened before somebody else drained the line."""
    await admin.see(f"{PATH}/pausar")
    reason = {"motivo": "Otra persona"}
    await workshop.http.post("/api/line/drain", json=reason, headers=workshop.headers["key_admin"])
    refused = await admin.send(f"{PATH}/pausar", motivo="La mía")
    assert refused.status_code == 412
    assert "La línea termina lo empezado" in admin.words
    assert await mode_of(workshop) == "drenando"
    assert admin.form(f"{PATH}/pausar")["motivo"] == "La mía"
    await admin.send(f"{PATH}/pausar")
    assert await mode_of(workshop) == "pausada"


async def test_an_operator_looks_and_does_not_act(workshop: Workshop) -> None:
    operator = await signed_in(workshop, "operator")
    shown = await operator.see(PATH)
    assert shown.status_code == 200
    assert f"{PATH}/pausar" not in shown.text
    assert (await operator.see(f"{PATH}/pausar")).status_code == 403
    assert (await operator.http.post(f"{PATH}/pausar", data={"motivo": "x"})).status_code == 403
    assert await mode_of(workshop) == "activa"


async def test_a_client_has_no_line(workshop: Workshop) -> None:
    assert (await (await signed_in(workshop, "owner")).see(PATH)).status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await admin.see(PATH)
    assert "The line runs" in admin.words
    assert "Places for building" in admin.words


async def test_an_act_that_is_none_is_not_found(admin: Browser) -> None:
    assert (await admin.see(f"{PATH}/acelerar")).status_code == 404
