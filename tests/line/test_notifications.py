"""What is told to whom, over real HTTP: written with the event, tried as promised, and logged."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from ledger import Fault
from rig import Act, Rig
from sqlalchemy.exc import IntegrityError
from standardwebhooks import Webhook, WebhookVerificationError

from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier import ChosenNotifier, SlackNotifier, WebhookNotifier
from axon_factory.db.tables import Order
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import (
    MOST_TRIES,
    WEBHOOK_DELAYS,
    Channel,
    delay_after,
)
from axon_factory.domain.notifications import NotificationKind as Kind
from axon_factory.line.outbox import OutboxSender
from axon_factory.orders.notifications.deliveries import redeliver
from axon_factory.orders.notifications.destinations import (
    CreatedDestination,
    DestinationChange,
    NewDestination,
    change_destination,
    create_destination,
    remove_destination,
    rotate_secret,
)
from axon_factory.orders.notifications.outbox import notify, post_message
from axon_factory.worker.maintenance import sweep
from tests.support.receiver import Receiver, receiving, says

LOOPBACK = OutboundRules.of(["127.0.0.0/8"])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


def sender(rig: Rig) -> OutboxSender:
    """The outbox over real webhooks, without the spread of its delays."""
    http = GuardedHttp(LOOPBACK, timeout_seconds=2)
    notifier = ChosenNotifier(
        {Channel.WEBHOOK: WebhookNotifier(http), Channel.SLACK: SlackNotifier(http)}
    )
    return OutboxSender(rig.database, replace(rig.ports, notifier=notifier), spread=lambda: 0.0)


async def listen(
    rig: Rig, url: str, *events: Kind, name: str = "crm", channel: Channel = Channel.WEBHOOK
) -> CreatedDestination:
    async with rig.database.transaction("test") as session:
        return await create_destination(
            session,
            NewDestination(channel, name, url, events),
            box=rig.ports.secret_box,
            rules=LOOPBACK,
            created_by="t",
            now=datetime.now(UTC),
        )


def told(kind: Kind = Kind.PLAN_PENDIENTE, topic: str = "t") -> Act:
    async def change(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await notify(session, order, kind, topic=topic, now=now)

    return change


async def messages(rig: Rig) -> Sequence[Any]:
    return await rig.rows("SELECT * FROM outbox_messages ORDER BY created_at, channel")


async def attempts(rig: Rig) -> list[tuple[int, bool, int | None]]:
    rows = await rig.rows("SELECT number, delivered, status FROM outbox_attempts ORDER BY number")
    return [tuple(row) for row in rows]


async def webhook(rig: Rig, receiver: Receiver) -> tuple[UUID, CreatedDestination]:
    """Return the message that tells a listener of a plan, and the listener."""
    created = await listen(rig, receiver.url, Kind.PLAN_PENDIENTE)
    await rig.change(await rig.place(), told())
    (message,) = await messages(rig)
    return message.id, created


async def test_a_whole_life_is_told_to_whoever_listens(rig: Rig, receiver: Receiver) -> None:
    everything = await listen(rig, receiver.url)
    await listen(rig, receiver.url, Kind.ORDEN_ENTREGADA, name="chat", channel=Channel.SLACK)
    await listen(rig, receiver.url, Kind.ORDEN_FALLIDA, name="averías")
    off = await listen(rig, receiver.url, name="apagado")
    async with rig.database.transaction("test") as session:
        await change_destination(session, off.destination.id, DestinationChange(active=False))
    await rig.deliver(await rig.place())

    found = await messages(rig)
    assert sorted((row.channel, row.event) for row in found) == [
        ("mail", "cliente.entregada"),
        ("mail", "plan.pendiente"),
        ("slack", "orden.entregada"),
        ("webhook", "orden.aprobada"),
        ("webhook", "orden.creada"),
        ("webhook", "orden.entregada"),
        *[("webhook", "orden.estado_cambiado")] * 5,
        ("webhook", "orden.lista"),
        ("webhook", "orden.plan_listo"),
        ("webhook", "plan.pendiente"),
    ]
    sending = sender(rig)
    for row in found:
        await sending.send(row.id)
        await sending.send(row.id)  # a job too many is harmless
    assert len(receiver.requests) == 12
    signed = [one for one in receiver.requests if "webhook-id" in one.headers]
    secret = everything.secret or ""
    documents = [Webhook(secret).verify(one.body, one.headers) for one in signed]
    assert len(documents) == 11
    # The portal's link is a permission, and the client's mail is nobody else's business.
    for one in receiver.requests:
        assert b"portal" not in one.body
        assert b"xyz@example.com" not in one.body
        assert b"Empresa XYZ" not in one.body
    assert {row.sent_at is None for row in await messages(rig)} == {False}


async def test_a_message_exists_only_with_what_it_tells_of(rig: Rig, receiver: Receiver) -> None:
    await listen(rig, receiver.url, Kind.PLAN_PENDIENTE)
    order_id = await rig.place()

    async def fails(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await told()(session, order, now)
        raise RuntimeError("the rest of the transaction")

    with pytest.raises(RuntimeError):
        await rig.change(order_id, fails)
    assert await messages(rig) == []
    await rig.change(order_id, told())
    await rig.change(order_id, told())  # the same occasion
    await rig.change(order_id, told(topic="otra"))
    assert len(await messages(rig)) == 2


async def test_a_call_without_a_kind_is_a_mail_alone(rig: Rig, receiver: Receiver) -> None:
    await listen(rig, receiver.url, Kind.PLAN_PENDIENTE)

    async def mail(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await post_message(
            session,
            order,
            topic="t",
            recipient="a@example.com",
            subject="s",
            body="b",
            now=now,
        )

    await rig.change(await rig.place(), mail)
    assert [(row.channel, row.event) for row in await messages(rig)] == [("mail", None)]


async def test_the_line_itself_can_be_told_of(rig: Rig, receiver: Receiver) -> None:
    created = await listen(rig, receiver.url)
    async with rig.database.transaction("test") as session:
        now = datetime.now(UTC)
        await notify(session, None, Kind.LINEA_DETENIDA, topic="detenida_1", now=now)
    (message,) = await messages(rig)
    await sender(rig).send(message.id)
    (request,) = receiver.requests
    document = Webhook(created.secret or "").verify(request.body, request.headers)
    assert document["data"] == {"mensaje": "La línea se detuvo de emergencia"}


async def test_ten_tries_over_three_days_then_given_up(rig: Rig, receiver: Receiver) -> None:
    message_id, _ = await webhook(rig, receiver)
    receiver.answers = [says(503)]
    sending = sender(rig)
    for delay in WEBHOOK_DELAYS:
        await rig.execute("DELETE FROM procrastinate_jobs")
        before = datetime.now(UTC)
        await sending.send(message_id)
        (job,) = await rig.jobs()
        assert job.priority == 0  # a dead receiver's backlog does not hold up the line
        waited = job.scheduled_at - before
        assert delay <= waited <= delay + timedelta(seconds=10)
    await rig.execute("DELETE FROM procrastinate_jobs")
    await sending.send(message_id)
    (message,) = await messages(rig)
    assert (message.attempts, message.sent_at) == (10, None)
    assert message.given_up_at is not None
    assert message.last_error == "El destino respondió 503."
    assert await attempts(rig) == [(number, False, 503) for number in range(1, 11)]
    assert {request.headers["webhook-id"] for request in receiver.requests} == {
        f"msg_{message_id.hex}"
    }
    # Nobody picks it up again: neither a job that is left over nor the sweep.
    await sending.send(message_id)
    await sweep(rig.database, rig.policy)
    assert [job.lock for job in await rig.jobs() if "message" in job.lock] == []
    assert len(receiver.requests) == 10

    receiver.answers = [says(200)]
    async with rig.database.transaction("test") as session:
        await redeliver(session, message_id)
    (job,) = [job for job in await rig.jobs() if "message" in job.lock]
    assert (job.scheduled_at, job.priority) == (None, 100)
    await sending.send(message_id)
    assert (await attempts(rig))[10:] == [(11, True, 200)]
    assert receiver.requests[-1].headers["webhook-id"] == f"msg_{message_id.hex}"


async def test_the_receiver_may_ask_for_patience(rig: Rig, receiver: Receiver) -> None:
    message_id, _ = await webhook(rig, receiver)
    receiver.answers = [says(429, "Retry-After: 3600"), says(204)]
    await rig.execute("DELETE FROM procrastinate_jobs")
    await sender(rig).send(message_id)
    (job,) = await rig.jobs()
    assert timedelta(minutes=59) < job.scheduled_at - datetime.now(UTC) <= timedelta(hours=1)
    async with rig.database.transaction("test") as session:
        await redeliver(session, message_id)  # a person need not wait
    (job,) = await rig.jobs()
    assert job.scheduled_at is None


async def test_gone_switches_the_destination_off(rig: Rig, receiver: Receiver) -> None:
    message_id, created = await webhook(rig, receiver)
    order_id = await rig.place()
    await rig.change(order_id, told())
    receiver.answers = [says(410)]
    sending = sender(rig)
    await sending.send(message_id)
    (row,) = await rig.rows(
        "SELECT active, disabled_reason, version FROM notification_destinations"
    )
    assert tuple(row) == (False, "El destino ya no quiere avisos (410).", 2)
    # What was waiting for it is given up without a call, and nothing new is written.
    (other,) = [row for row in await messages(rig) if row.id != message_id]
    await sending.send(other.id)
    await rig.change(order_id, told(topic="otra"))
    assert [row.given_up_at is not None for row in await messages(rig)] == [True, True]
    assert len(receiver.requests) == 1

    async with rig.database.transaction("test") as session:
        await change_destination(session, created.destination.id, DestinationChange(active=True))
    receiver.answers = [says(204)]
    async with rig.database.transaction("test") as session:
        await redeliver(session, message_id)
    await sending.send(message_id)
    assert len(receiver.requests) == 2


async def test_both_secrets_sign_until_the_grace_is_over(rig: Rig, receiver: Receiver) -> None:
    message_id, created = await webhook(rig, receiver)
    async with rig.database.transaction("test") as session:
        rotated = await rotate_secret(
            session, created.destination.id, box=rig.ports.secret_box, now=datetime.now(UTC)
        )
    await sender(rig).send(message_id)
    (request,) = receiver.requests
    for secret in (created.secret, rotated.secret):
        Webhook(secret or "").verify(request.body, request.headers)

    await rig.execute("UPDATE notification_destinations SET previous_secret_until = now()")
    async with rig.database.transaction("test") as session:
        await redeliver(session, message_id)
    await sender(rig).send(message_id)
    request = receiver.requests[-1]
    Webhook(rotated.secret or "").verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(created.secret or "").verify(request.body, request.headers)


async def test_a_removed_destination_keeps_nothing_but_its_log(
    rig: Rig, receiver: Receiver
) -> None:
    message_id, created = await webhook(rig, receiver)
    async with rig.database.transaction("test") as session:
        await remove_destination(session, created.destination.id, datetime.now(UTC))
    await sender(rig).send(message_id)
    (row,) = await rig.rows("SELECT sealed, active FROM notification_destinations")
    assert tuple(row) == ({}, False)
    assert receiver.connections == 0
    assert await attempts(rig) == [(1, False, None)]
    await listen(rig, receiver.url)  # its name is free again
    with pytest.raises(IntegrityError):
        await rig.execute("UPDATE notification_destinations SET active = true")


async def test_a_mail_that_is_refused_for_good_is_given_up(rig: Rig) -> None:
    rig.ledger.script(Fault("mailer.send", "permanent"))
    await rig.drive(await rig.place())
    (mail,) = await messages(rig)
    sending = OutboxSender(rig.database, rig.ports)
    await sending.send(mail.id)
    (mail,) = await messages(rig)
    assert (mail.given_up_at is None, mail.last_error) == (False, "Avería definitiva")
    assert rig.ledger.effects("mailer.send") == []
    async with rig.database.transaction("test") as session:
        await redeliver(session, mail.id)
    await sending.send(mail.id)
    assert len(rig.ledger.effects("mailer.send")) == 1


@pytest.mark.parametrize(
    ("channel", "least", "most"), [(Channel.WEBHOOK, 75, 76), (Channel.MAIL, 119, 121)]
)
def test_the_whole_schedule(channel: Channel, least: int, most: int) -> None:
    delays = [delay_after(channel, tries) for tries in range(1, MOST_TRIES[channel])]
    whole = sum((delay for delay in delays if delay is not None), timedelta())
    assert timedelta(hours=least) < whole < timedelta(hours=most)
    assert delays == sorted(delays)
    assert delay_after(channel, MOST_TRIES[channel]) is None
    for tries in range(1, MOST_TRIES[channel]):
        plain, spread = delay_after(channel, tries), delay_after(channel, tries, spread=1)
        assert plain is not None
        assert spread == plain * 1.1
        patient = delay_after(channel, tries, asked=timedelta(days=400))
        assert patient == timedelta(days=1)
