"""The pages of one order: who sees them, what they say, and forms that act once."""

import re
from datetime import UTC, datetime
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from axon_factory.db.tables import AuditRow, OrderQuestion
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.reviewing import ask_person
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

HOSTILE = "</textarea><script>alert('1')</script>\"><img src=x onerror=alert(2)>"
PARTS = ("", "/plan", "/actividad", "/preguntas", "/entrega", "/json")
ADMIN_PARTS = ("/correos", "/auditoria", "/datos")
WIRE = re.compile(
    r"pendiente_aprobacion|orden\.[a-z]|estado_cambiado|plan_version|en_curso|orders:|interno\b"
    r"|hito_completado|autopilot_whatsapp|\bNone\b"
)


async def number_of(workshop: Workshop, order_id: UUID) -> str:
    return (await workshop.order(order_id)).order_number


async def base_of(workshop: Workshop, order_id: UUID) -> str:
    return f"/app/ordenes/{await number_of(workshop, order_id)}"


async def ask(workshop: Workshop, order_id: UUID, **more: object) -> None:
    question = {"pregunta": "¿Qué cuenta usa?", "destinatario": "operador", **more}
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas", json=question, headers=workshop.headers["operator"]
    )
    assert answer.status_code == 201, answer.text


async def count(workshop: Workshop, action: str, order_id: UUID) -> int:
    async with workshop.container.database.reading() as session:
        found = await session.scalar(
            select(func.count())
            .select_from(AuditRow)
            .where(
                col(AuditRow.chain) == str(order_id),
                col(AuditRow.action) == action,
                col(AuditRow.outcome) == "ok",
            )
        )
    return found or 0


@pytest.fixture
async def delivered(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.ENTREGADO)


@pytest.fixture
async def building(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


@pytest.fixture
async def desk(workshop: Workshop) -> Browser:
    return await signed_in(workshop, "admin")


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("state", OrderState)
async def test_every_part_in_every_state_is_a_page_without_wire_words(
    workshop: Workshop, state: OrderState, language: str
) -> None:
    order_id = await order_in(workshop, state)
    base = await base_of(workshop, order_id)
    desk = await signed_in(workshop, "admin", language=language)
    for part in (*PARTS, *ADMIN_PARTS):
        page = await desk.see(base + part)
        assert page.status_code == 200, (part, page.text)
        assert page.text.count("<h1") == 1, part
        assert page.headers["Content-Language"] == language
        assert " style=" not in page.text
        if part != "/json":
            assert not WIRE.search(desk.words), (part, WIRE.search(desk.words))


async def test_staff_see_it_a_client_goes_to_the_portal_and_a_stranger_signs_in(
    workshop: Workshop, delivered: UUID
) -> None:
    base = await base_of(workshop, delivered)
    operator = await signed_in(workshop, "operator")
    for part in (*PARTS, "/correos", "/datos"):
        assert (await operator.see(base + part)).status_code == 200, part
    assert (await operator.see(f"{base}/auditoria")).status_code == 403
    assert 'href="' + base + '/auditoria"' not in (await operator.see(base)).text
    owner = await signed_in(workshop, "owner")
    owner.http.follow_redirects = False
    for part in PARTS:
        answer = await owner.see(base + part)
        assert answer.status_code == 303
        assert answer.headers["Location"] == base.replace("/app/", "/portal/")
    stranger = await workshop.http.get(base, headers={"Accept": "text/html"})
    assert stranger.status_code == 303
    assert stranger.headers["Location"].startswith("/entrar?volver=")


async def test_an_id_leads_to_the_number_and_no_order_is_a_page(
    workshop: Workshop, desk: Browser, delivered: UUID
) -> None:
    page = await desk.see(f"/app/ordenes/{delivered}")
    assert page.url.path == await base_of(workshop, delivered)
    missing = await desk.see("/app/ordenes/ORD-1999-001")
    assert missing.status_code == 404
    assert missing.headers["content-type"].startswith("text/html")


async def test_a_delivered_order_shows_its_way_evidence_receipts_and_links(
    workshop: Workshop, desk: Browser, delivered: UUID
) -> None:
    order = await workshop.show(delivered)
    await desk.see(await base_of(workshop, delivered))
    assert order["nombre_producto"] in desk.words
    assert "a nadie le toca nada" in desk.words
    for stop in ("Nueva", "Planificación", "Construcción", "Revisión", "Lista", "Entregada"):
        assert stop in desk.words
    for milestone in order["progreso_detalle"]["hitos"]:
        assert milestone["nombre"] in desk.words
        assert milestone["commit"][:7] in desk.words
    assert f'href="{order["repo_url"]}"' in desk.page.text
    assert desk.page.text.count('class="span ') >= 4
    assert "La misma en una tabla" in desk.words


async def test_stages_and_steps_are_two_views_of_the_same_timeline(
    workshop: Workshop, desk: Browser, delivered: UUID
) -> None:
    base = await base_of(workshop, delivered)
    stages = (await desk.see(base)).text.count("bar-row")
    steps = (await desk.see(f"{base}?zoom=pasos")).text.count("bar-row")
    assert steps > stages
    assert re.search(r'href="[^"]+\?zoom=pasos" aria-current="true"', desk.page.text)


async def test_a_failure_says_cause_last_good_point_and_what_can_be_done(
    workshop: Workshop, desk: Browser
) -> None:
    failed = await order_in(workshop, OrderState.FALLIDO)
    base = await base_of(workshop, failed)
    await desk.see(base)
    for said in ("Causa", "Lo decidió una persona", "Último punto bueno", "Reintentar"):
        assert said in desk.words
    await desk.send(f"{base}/actos/reintentar")
    assert desk.page.url.path == base
    assert (await workshop.order(failed)).estado != OrderState.FALLIDO


async def test_activity_is_newest_first_filtered_and_paged(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    for batch in range(11):
        entries = [{"mensaje": f"paso {batch}-{n}", "tipo": "info"} for n in range(20)]
        await workshop.patch(building, logs=entries)
    await workshop.patch(building, logs=[{"mensaje": "se rompió el cobro", "tipo": "error"}])
    await desk.see(f"{base}/actividad")
    assert desk.words.index("paso 10-19") < desk.words.index("paso 9-0")
    assert "paso 0-0" not in desk.words
    following = re.search(r'href="([^"]*antes=\d+)"', desk.page.text)
    assert following is not None
    await desk.see(following[1].replace("&amp;", "&"))
    assert "paso 0-0" in desk.words
    assert "paso 10-19" not in desk.words
    await desk.see(f"{base}/actividad?ver=fallas")
    assert "se rompió el cobro" in desk.words
    assert "paso 10-19" not in desk.words
    await desk.see(f"{base}/actividad?agente=Nadie")
    assert "Nada que mostrar" in desk.words


@pytest.mark.parametrize("before", ["x", "-1", "0", "99999999999999999999", "1"])
async def test_any_page_of_the_activity_can_be_asked_for(
    workshop: Workshop, desk: Browser, building: UUID, before: str
) -> None:
    page = await desk.see(f"{await base_of(workshop, building)}/actividad?antes={before}")
    assert page.status_code == 200


async def test_a_question_is_answered_once_and_its_text_stays_text(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await ask(workshop, building, pregunta=HOSTILE)
    await desk.see(base)
    assert "<script>alert" not in desk.page.text
    await desk.see(f"{base}/preguntas")
    assert "<script>alert" not in desk.page.text
    sent = desk.form(f"{base}/preguntas/1") | {"respuesta": "La de pruebas"}
    first = await desk.http.post(f"{base}/preguntas/1", data=sent)
    again = await desk.http.post(f"{base}/preguntas/1", data=sent)
    assert (first.status_code, again.status_code) == (200, 200)
    assert await count(workshop, "orders:answer", building) == 1
    async with workshop.container.database.reading() as session:
        question = await session.get_one(OrderQuestion, (building, 1))
    assert question.answer == "La de pruebas"


async def test_an_answer_of_none_of_the_options_is_refused_beside_the_question(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await ask(workshop, building, opciones=["Sí", "No"])
    await desk.see(f"{base}/preguntas")
    assert "checked" not in desk.page.text.partition("preguntas/1")[2].partition("</form>")[0]
    page = await desk.send(f"{base}/preguntas/1", respuesta="Quizá")
    assert page.status_code == 400
    assert 'class="err"' in page.text or 'role="alert"' in page.text


async def test_the_client_is_asked_from_the_page(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await desk.see(f"{base}/preguntas")
    await desk.send(
        f"{base}/preguntas",
        destinatario="cliente",
        pregunta="¿Qué tono usa?",
        opciones="Cercano\nFormal",
    )
    assert "¿Qué tono usa?" in desk.words
    order = await workshop.order(building)
    assert order.espera == "cliente"
    refused = await desk.send(f"{base}/preguntas", destinatario="cliente", pregunta="")
    assert refused.status_code == 400
    assert 'id="pregunta-error"' in refused.text


async def test_credentials_are_shown_once_on_the_answer_alone(
    workshop: Workshop, desk: Browser
) -> None:
    order_id = await order_in(workshop, OrderState.ENTREGADO)
    base = await base_of(workshop, order_id)
    await desk.see(f"{base}/entrega")
    assert "•" in desk.words
    shown = await desk.send(f"{base}/credenciales")
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    secret = re.search(r'id="c-api_key">([^<]+)<', shown.text)
    assert secret is not None
    assert "•" not in secret[1]
    assert secret[1] not in (await desk.see(f"{base}/entrega")).text
    again = await desk.send(f"{base}/credenciales")
    assert secret[1] not in again.text
    operator = await signed_in(workshop, "operator")
    assert "/credenciales" not in (await operator.see(f"{base}/entrega")).text


async def test_the_clients_link_is_renewed_and_revoked(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await desk.see(f"{base}/entrega")
    await desk.send(f"{base}/enlaces", enviar="")
    url = re.search(r'id="enlace-(\d+)">([^<]+)<', desk.page.text)
    assert url is not None
    portal = await workshop.http.get(httpx2.URL(url[2]).path)
    assert portal.status_code == 200
    await desk.send(f"{base}/enlaces/{url[1]}/revocar")
    assert "El enlace ya no abre" in desk.words
    gone = await workshop.http.get(httpx2.URL(url[2]).path)
    assert gone.status_code != 200


async def test_data_are_corrected_and_what_others_changed_is_shown_in_place(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await desk.see(f"{base}/datos")
    page_before = desk.page
    await workshop.patch(building, notas_internas="Llamó por teléfono")
    stale = await desk.send(f"{base}/datos", nombre_producto=HOSTILE, notas_internas="Mía")
    assert stale.status_code == 412
    assert "Llamó por teléfono" in desk.words
    assert "<script>alert" not in stale.text
    form = desk.form(f"{base}/datos")
    assert form["notas_internas"] == "Mía"
    assert form["nombre_producto"] == HOSTILE
    saved = await desk.send(f"{base}/datos", nombre_producto="Bot nuevo", tags="a, b")
    assert saved.status_code == 200
    order = await workshop.order(building)
    assert (order.nombre_producto, order.tags, order.notas_internas) == (
        "Bot nuevo",
        ["a", "b"],
        "Mía",
    )
    desk.page = page_before
    assert desk.form(f"{base}/datos")["version"] != form["version"]


async def test_an_error_of_the_data_stands_at_its_field(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    await desk.see(f"{base}/datos")
    page = await desk.send(f"{base}/datos", nombre_producto="")
    assert page.status_code == 400
    assert 'id="nombre_producto-error"' in page.text


async def test_the_json_is_what_this_person_may_read_and_the_key_is_none(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    page = await desk.see(f"{base}/json")
    assert "$AXON_KEY" in desk.words
    assert '"order_number"' in desk.words
    assert f"/api/orders/{await number_of(workshop, building)}" in desk.words
    assert "axk_live" not in page.text


async def test_parts_say_what_they_read_anew(
    workshop: Workshop, desk: Browser, building: UUID
) -> None:
    base = await base_of(workshop, building)
    page = await desk.see(base)
    assert page.text.count(f'data-order="{building}"') == 3
    for url in re.findall(r'data-live="([^"]+)"', page.text):
        part = await desk.http.get(
            url.replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Request-Type": "partial"}
        )
        assert part.status_code == 200
        assert "<html" not in part.text
        assert 'id="principal"' in part.text


async def test_a_product_that_the_review_gave_up_is_decided_on_its_page(
    workshop: Workshop, desk: Browser
) -> None:
    order_id = await order_in(workshop, OrderState.QA)
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        policy = workshop.container.policy
        change = Change(session, order, SUPER_AXON, policy, datetime.now(UTC))
        await ask_person(change, reasons=["La página tarda 4.1 s"])
    base = await base_of(workshop, order_id)
    await desk.see(base)
    assert "La revisión no lo aprobó: decides tú" in desk.words
    for act in ("aceptar", "devolver", "cancelar"):
        assert f'href="{base}/actos/{act}"' in desk.page.text
    await desk.see(f"{base}/actividad?ver=fallas")
    assert "La página tarda 4.1 s" in desk.words
    await desk.see(f"{base}/actos/aceptar")
    await desk.send(f"{base}/actos/aceptar", motivo="Lo revisé")
    assert desk.page.url.path == base
    assert (await workshop.order(order_id)).estado == OrderState.LISTO
