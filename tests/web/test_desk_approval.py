"""The page of the plan: who decides, on which version, and what happens when it has changed."""

import re
from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

HOSTILE = "</textarea><script>alert('1')</script>"


@pytest.fixture
async def waiting(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.PLANIFICACION)


@pytest.fixture
async def desk(workshop: Workshop) -> Browser:
    return await signed_in(workshop, "admin")


async def page_of(workshop: Workshop, order_id: UUID) -> str:
    return f"/app/ordenes/{(await workshop.order(order_id)).order_number}/plan"


async def another_version(workshop: Workshop, order_id: UUID) -> None:
    """Somebody writes the next version while the page is read: its QA takes three hours more."""
    order = await workshop.show(order_id)
    plan = order["plan"]
    plan["milestones"][-1]["estimacion_horas"] += 3
    plan["estimacion_horas"] += 3
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/plans/edit",
        json={
            "plan_version": order["plan_version"],
            "plan_hash": order["plan_hash"],
            "plan": plan,
            "aprobar": False,
        },
        headers=workshop.headers["admin"],
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("language", ["es", "en"])
async def test_the_plan_says_what_is_decided_in_words(
    workshop: Workshop, waiting: UUID, language: str
) -> None:
    order = await workshop.show(waiting)
    desk = await signed_in(workshop, "admin", language=language)
    page = await desk.see(await page_of(workshop, waiting))
    assert page.status_code == 200
    for milestone in order["plan"]["milestones"]:
        assert milestone["nombre"] in desk.words
    assert "2,500 USD" in desk.words
    assert order["plan_hash"][:4] in desk.words
    assert "v1" in desk.words
    for key in "aepr":
        assert f'data-act-key="{key}"' in page.text
    assert not re.search(r"pendiente_aprobacion|recursos_|\bNone\b", desk.words)
    assert page.text.count('class="btn primary') == 1


async def test_approving_builds_the_version_that_was_read_once(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(path)
    sent = desk.form(f"{path}/aprobar")
    first = await desk.http.post(f"{path}/aprobar", data=sent)
    again = await desk.http.post(f"{path}/aprobar", data=sent)
    assert first.url.path == again.url.path == path.removesuffix("/plan")
    assert (await workshop.order(waiting)).estado == OrderState.CONSTRUCCION
    plans = await workshop.http.get(
        f"/api/orders/{waiting}/plans", headers=workshop.headers["admin"]
    )
    assert plans.json()["planes"][0]["decidido_por"] == "admin"
    assert f"{path}/aprobar" not in (await desk.see(path)).text


async def test_rejecting_needs_a_reason_and_another_plan_follows(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}?acto=rechazar")
    refused = await desk.send(f"{path}/rechazar", motivo="")
    assert refused.status_code == 400
    assert 'id="motivo-error"' in refused.text
    done = await desk.send(f"{path}/rechazar", motivo=f"Sin Redis {HOSTILE}")
    assert done.status_code == 200
    assert (await workshop.order(waiting)).plan_estado == "rechazado"
    await workshop.line.advance(waiting)
    await desk.see(path)
    assert "Sin Redis" in desk.words
    assert "<script>alert" not in desk.page.text
    assert "v2" in desk.words


async def test_a_question_about_the_plan_leaves_it_waiting(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}?acto=preguntar")
    assert "checked" not in desk.page.text.partition('id="acto"')[2].partition("</form>")[0]
    await desk.send(f"{path}/preguntar", para="cliente", pregunta="¿Cuántos mensajes al mes?")
    assert desk.page.url.path == path
    assert "¿Cuántos mensajes al mes?" in desk.words
    assert f"{path}/aprobar" in desk.page.text


@pytest.mark.parametrize(
    ("act", "typed"),
    [
        ("aprobar", {}),
        ("rechazar", {"motivo": "Faltan los encargos"}),
        ("preguntar", {"para": "cliente", "pregunta": "¿Y los encargos?"}),
    ],
)
async def test_a_plan_that_has_changed_shows_what_changed_and_keeps_what_was_typed(
    workshop: Workshop, desk: Browser, waiting: UUID, act: str, typed: dict[str, str]
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(path if act == "aprobar" else f"{path}?acto={act}")
    await another_version(workshop, waiting)
    stale = await desk.send(f"{path}/{act}", **typed)
    assert stale.status_code == 409
    assert "+3 h" in desk.words
    form = desk.form(f"{path}/{act}")
    assert form["plan_version"] == "2"
    assert {name: form[name] for name in typed} == typed
    assert (await workshop.order(waiting)).plan_estado == "pendiente_aprobacion"
    done = await desk.send(f"{path}/{act}")
    assert done.status_code == 200


async def test_editing_writes_the_next_version_with_its_order_hours_and_notes(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    before = (await workshop.show(waiting))["plan"]["milestones"]
    first, last = before[0]["id"], before[-1]["id"]
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}/editar")
    # `hito` comes several times: the form of a browser sends each.
    fields: dict[str, str | list[str]] = {
        "hito": [one["id"] for one in before],
        f"horas.{first}": "5,5",
        f"nombre.{first}": "Base nueva",
        f"lugar.{last}": "1.5",
        "observaciones": "Sin Redis\n\nCon pruebas",
        "aprobar": "0",
    }
    await desk.send(f"{path}/editar", **fields)
    assert desk.page.url.path == path, desk.words
    plan = (await workshop.show(waiting))["plan"]
    assert [one["id"] for one in plan["milestones"]][:2] == [first, last]
    assert plan["milestones"][0]["nombre"] == "Base nueva"
    assert plan["observaciones"] == ["Sin Redis", "Con pruebas"]
    assert plan["estimacion_horas"] == sum(one["estimacion_horas"] for one in plan["milestones"])
    assert (await workshop.order(waiting)).plan_version == 2
    assert "Base nueva" in desk.words


async def test_an_error_of_the_edited_plan_stands_at_its_field(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    milestones = (await workshop.show(waiting))["plan"]["milestones"]
    second = milestones[1]["id"]
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}/editar")
    fields: dict[str, str | list[str]] = {
        "hito": [one["id"] for one in milestones],
        f"horas.{second}": "muchas",
        "aprobar": "1",
    }
    page = await desk.send(f"{path}/editar", **fields)
    assert page.status_code == 400
    assert f'id="horas.{second}-error"' in page.text
    assert desk.form(f"{path}/editar")[f"horas.{second}"] == "muchas"
    assert (await workshop.order(waiting)).plan_version == 1


async def test_an_edit_of_a_plan_that_has_changed_keeps_what_was_typed(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    milestones = (await workshop.show(waiting))["plan"]["milestones"]
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}/editar")
    await another_version(workshop, waiting)
    ids = [one["id"] for one in milestones]
    fields: dict[str, str | list[str]] = {"hito": ids, f"nombre.{ids[0]}": "Mía", "aprobar": "0"}
    page = await desk.send(f"{path}/editar", **fields)
    assert page.status_code == 409
    form = desk.form(f"{path}/editar")
    assert (form[f"nombre.{ids[0]}"], form["plan_version"]) == ("Mía", "2")
    assert "+3 h" in desk.words


async def test_versions_and_what_they_are_compared_with_are_links(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    await another_version(workshop, waiting)
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}?leido=1")
    assert "Ya hay un plan v2" in desk.words
    assert "Frente a v1" in desk.words
    await desk.see(f"{path}?version=2&contra=catalogo")
    assert re.search(r'contra=catalogo#cambia" aria-current="true"', desk.page.text)
    await desk.see(f"{path}?version=1")
    assert "Lees una versión anterior" in desk.words
    assert f"{path}/aprobar" not in desk.page.text
    for odd in ("x", "0", "99", "9" * 30):
        assert (await desk.see(f"{path}?version={odd}")).status_code == 200


async def test_an_operator_reads_the_plan_and_does_not_decide(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    operator = await signed_in(workshop, "operator")
    assert (await operator.see(path)).status_code == 200
    for act in ("aprobar", "editar", "preguntar", "rechazar"):
        assert f"{path}/{act}" not in operator.page.text
        assert f"acto={act}" not in operator.page.text
    assert (await operator.see(f"{path}/editar")).status_code == 403
    await desk.see(path)
    sent = desk.form(f"{path}/aprobar")
    refused = await operator.http.post(f"{path}/aprobar", data=sent)
    assert refused.status_code == 403
    assert (await workshop.order(waiting)).estado == OrderState.PLANIFICACION


async def test_a_form_of_another_session_decides_nothing(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(path)
    sent = desk.form(f"{path}/aprobar") | {"_ficha": "x"}
    assert (await desk.http.post(f"{path}/aprobar", data=sent)).status_code == 403
    assert (await workshop.order(waiting)).estado == OrderState.PLANIFICACION


async def test_a_button_elsewhere_for_a_plan_that_has_changed_leads_to_its_page(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    path = await page_of(workshop, waiting)
    await desk.see(path)
    read = {name: desk.form(f"{path}/aprobar")[name] for name in ("plan_version", "plan_hash")}
    await another_version(workshop, waiting)
    elsewhere = path.replace("/plan", "/actos/aprobar")
    sent = desk.form(f"{path}/aprobar") | read
    page = await desk.http.post(elsewhere, data=sent)
    assert page.url.path == path
    assert "el que espera es el v2" in page.text
    assert (await workshop.order(waiting)).estado == OrderState.PLANIFICACION
    asking = await desk.see(path.replace("/plan", "/actos/rechazar"))
    assert asking.url.path == path
    assert desk.form(f"{path}/rechazar")["plan_version"] == "2"


async def test_removing_milestones_and_none_left(
    workshop: Workshop, desk: Browser, waiting: UUID
) -> None:
    milestones = (await workshop.show(waiting))["plan"]["milestones"]
    ids = [one["id"] for one in milestones]
    path = await page_of(workshop, waiting)
    await desk.see(f"{path}/editar")
    nothing: dict[str, str | list[str]] = {
        "hito": ids,
        "aprobar": "0",
        **{f"quitar.{key}": "1" for key in ids},
    }
    page = await desk.send(f"{path}/editar", **nothing)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    fewer: dict[str, str | list[str]] = {
        "hito": ids,
        "aprobar": "1",
        **{f"quitar.{key}": "" for key in ids[:-1]},
        f"quitar.{ids[-1]}": "1",
    }
    await desk.send(f"{path}/editar", **fewer)
    order = await workshop.order(waiting)
    assert order.estado == OrderState.CONSTRUCCION
    assert [one["id"] for one in (await workshop.show(waiting))["plan"]["milestones"]] == ids[:-1]
