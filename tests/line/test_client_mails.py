"""What a client hears of their order on its way, and that a correction reaches the plan."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, Act, Rig, patch

from axon_factory.adapters.mailer import MaildirMailer
from axon_factory.domain.messages import ClientMail
from axon_factory.domain.states import Audience
from axon_factory.line.outbox import OutboxSender
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.questions.asking import NewQuestion, answer_as, ask_question
from axon_factory.orders.requests import OrderPatch
from axon_factory.orders.update import patch_order
from axon_factory.settings import SettingsInvalid, load_settings


@pytest.fixture
def talking(rig: Rig) -> Rig:
    """A rig whose clients get every mail."""
    return rig.with_policy(client_mails=frozenset(ClientMail))


def as_person(rig: Rig) -> Act:
    async def change(session: Any, order: Any, now: Any) -> None:  # noqa: ANN401 — rows
        await approve_plan(Change(session, order, ADMIN.actor, rig.policy, now))

    return change


def changed(rig: Rig, **fields: Any) -> Act:  # noqa: ANN401 — JSON
    """Return what PATCH does under the rig's own policy."""
    body = OrderPatch.model_validate(fields)

    async def change(session: Any, order: Any, now: Any) -> None:  # noqa: ANN401 — rows
        await patch_order(Change(session, order, ADMIN.actor, rig.policy, now), body, ADMIN)

    return change


async def told(rig: Rig, order_id: UUID) -> Sequence[Any]:
    """Return the mails to the client, in the order in which they were written."""
    return await rig.rows(
        "SELECT event, recipient, subject, body, html FROM outbox_messages "
        "WHERE order_id = :id AND event LIKE 'cliente.%' ORDER BY created_at",
        id=order_id,
    )


async def kinds(rig: Rig, order_id: UUID) -> list[str]:
    return [row.event.removeprefix("cliente.") for row in await told(rig, order_id)]


@pytest.mark.parametrize(("language", "word"), [("es", "Hola"), ("en-GB", "Hello")])
async def test_a_client_hears_of_the_whole_way(talking: Rig, language: str, word: str) -> None:
    order_id = await talking.place(idioma=language)
    assert await kinds(talking, order_id) == ["recibida"]
    await talking.drive(order_id)
    await talking.change(order_id, as_person(talking))
    if language != "es":  # how both languages say it is tested with the texts
        await talking.drive(order_id)
    mails = await told(talking, order_id)
    assert [mail.event for mail in mails] == [
        "cliente.recibida",
        "cliente.aprobada",
        *(["cliente.entregada"] if language != "es" else []),
    ]
    link = talking.policy.portal_url(order_id, 1)
    for mail in mails:
        assert mail.recipient == "xyz@example.com"
        assert mail.body.startswith(word)
        assert link in mail.body
        assert link in mail.html
    assert "GMT-06:00" in mails[1].body
    assert ("Ciudad de México" if language == "es" else "Mexico City") in mails[1].body


async def test_failing_and_cancelling_are_told_in_plain_words(talking: Rig) -> None:
    talking.ledger.script(Fault("planner.make_plan", "permanent", times=None))
    order_id = await talking.place()
    await talking.drive(order_id)
    await talking.change(order_id, changed(talking, estado="cancelado", motivo="secreto interno"))
    assert await kinds(talking, order_id) == ["recibida", "fallida", "cancelada"]
    for mail in await told(talking, order_id):
        assert "secreto" not in mail.body + mail.html
        assert "planif" not in (mail.body + mail.html).lower()


async def paused(rig: Rig, pause: str) -> UUID:
    """Return an order that waited for its client for as long as `pause` says, and is answered."""
    order_id = await rig.place()
    await rig.drive(order_id)
    await rig.change(order_id, as_person(rig))

    async def ask(session: Any, order: Any, now: Any) -> None:  # noqa: ANN401 — rows
        question = NewQuestion(Audience.CLIENTE, "¿De qué color?")
        await ask_question(Change(session, order, ADMIN.actor, rig.policy, now), question)

    async def answer(session: Any, order: Any, now: Any) -> None:  # noqa: ANN401 — rows
        await answer_as(Change(session, order, ADMIN.actor, rig.policy, now), 1, "Verde", ADMIN)

    await rig.change(order_id, ask)
    await rig.execute(
        "UPDATE orders SET paused_at = paused_at - CAST(:pause AS interval)", pause=pause
    )
    await rig.change(order_id, answer)
    return order_id


@pytest.mark.parametrize(
    ("pause", "heard"),
    [
        ("3 hours", ["recibida", "aprobada", "pregunta", "plazo"]),
        ("1 minute", ["recibida", "aprobada", "pregunta"]),
    ],
)
async def test_a_promise_that_moves_is_told(talking: Rig, pause: str, heard: list[str]) -> None:
    order_id = await paused(talking, pause)
    assert await kinds(talking, order_id) == heard


async def test_small_moves_of_a_promise_add_up(talking: Rig) -> None:
    order_id = await paused(talking, "10 minutes")
    await talking.execute(
        "UPDATE orders SET promised_until = promised_until + interval '6 minutes'"
    )
    await talking.change(order_id, changed(talking, estado="qa"))
    assert (await kinds(talking, order_id))[-1] == "plazo"


async def test_switched_off_kinds_are_not_told(rig: Rig) -> None:
    some = rig.with_policy(client_mails=frozenset(ClientMail) - {ClientMail.RECIBIDA})
    order_id = await some.place()
    await some.change(order_id, changed(some, estado="cancelado"))
    assert await kinds(some, order_id) == ["cancelada"]
    silent = rig.with_policy(client_mails=frozenset())
    order_id = await silent.place()
    await silent.change(order_id, changed(silent, estado="cancelado"))
    assert await kinds(silent, order_id) == []


@pytest.mark.parametrize(
    ("value", "off"),
    [
        ("", set()),
        ("plazo, fallida", {"plazo", "fallida"}),
        ("todos", set(ClientMail)),
    ],
)
def test_a_setting_switches_mails_off(
    monkeypatch: pytest.MonkeyPatch, value: str, off: set[str]
) -> None:
    monkeypatch.setenv("AXON_CLIENT_MAILS_OFF", value)
    assert load_settings().client_mails_off == off


def test_an_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXON_CLIENT_MAILS_OFF", "entregado")
    with pytest.raises(SettingsInvalid, match=r"entregado.*known are .*entregada.*todos"):
        load_settings()


async def test_a_mail_arrives_as_text_and_html(talking: Rig, tmp_path: Path) -> None:
    await talking.place()
    (row,) = await talking.rows("SELECT id FROM outbox_messages")
    mailer = MaildirMailer(tmp_path / "mail", "fabrica@example.com")
    ports = replace(talking.ports, mailer=mailer)
    await OutboxSender(talking.database, ports).send(row.id)
    (file,) = (tmp_path / "mail" / "new").iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["To"] == "xyz@example.com"
    plain, rich = mail.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert "/portal/" in plain.get_content()
    assert "Ver mi orden" in rich.get_content()


async def test_a_corrected_configuration_does_not_get_the_plan_that_was_under_way(
    rig: Rig,
) -> None:
    order_id = await rig.place(idioma="es")
    line = rig.line()
    await line.advance(order_id)  # the claim
    rig.ledger.script(Fault("planner.make_plan", "hang", times=1))
    planning = asyncio.create_task(line.advance(order_id))
    await rig.until(order_id, lambda order: order.fence >= 2)
    await rig.change(order_id, patch(datos_cliente={"configuracion": {"idioma": "en"}}))
    await asyncio.wait_for(planning, 10)
    assert (await rig.order(order_id)).plan is None
    await rig.drive(order_id)
    order = await rig.order(order_id)
    assert (order.plan_version, order.plan_estado) == (1, "pendiente_aprobacion")
