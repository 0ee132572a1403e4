"""Webhooks of orders: what each event is told as, and to whom, written with the event itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, POLICY, Act, Rig, cancel, patch
from standardwebhooks import Webhook

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier import ChosenNotifier, WebhookNotifier
from axon_factory.db.tables import ApiKey, Order
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import OCCASIONS, ORDER_KINDS, NotificationKind
from axon_factory.domain.permissions import KeyScope
from axon_factory.domain.plan import Plan
from axon_factory.domain.states import Audience
from axon_factory.line.outbox import OutboxSender
from axon_factory.orders.change import Change
from axon_factory.orders.moves import retry_order
from axon_factory.orders.notifications.deliveries import redeliver, send_test
from axon_factory.orders.notifications.destinations import (
    CreatedDestination,
    DestinationChange,
    NewDestination,
    change_destination,
    create_destination,
)
from axon_factory.orders.notifications.outbox import KEY_ENDED
from axon_factory.orders.plans.decisions import PlanEdit, edit_plan
from axon_factory.orders.questions.asking import NewQuestion, ask_question
from axon_factory.worker.maintenance import switch_off_orphans
from tests.support.receiver import Receiver, receiving

LOOPBACK = OutboundRules.of(["127.0.0.0/8"])
PUBLIC = OutboundRules()
KEYS = ApiKeys(b"p" * 32)
CHANGED = "orden.estado_cambiado"

Told = list[tuple[str, str | None]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def register(
    rig: Rig,
    *events: NotificationKind,
    family: str | None = None,
    url: str = "https://crm.example/",
    rules: OutboundRules = PUBLIC,
) -> CreatedDestination:
    async with rig.database.transaction("test") as session:
        return await create_destination(
            session,
            NewDestination(Channel.WEBHOOK, "crm", url, events),
            box=rig.ports.secret_box,
            rules=rules,
            created_by="t",
            now=datetime.now(UTC),
            family=family,
        )


async def new_key(rig: Rig, scope: KeyScope = KeyScope.LECTURA) -> ApiKey:
    async with rig.database.transaction("test") as session:
        return (await KEYS.create(session, name="crm", scope=scope, created_by="t")).key


async def told(rig: Rig) -> Told:
    """Return type and earlier state of the order's own webhooks, in the order of their events."""
    rows = await rig.rows(
        "SELECT payload FROM outbox_messages WHERE channel = 'webhook' "
        "ORDER BY (payload -> 'data' ->> 'seq')::integer, event <> :changed, event",
        changed=CHANGED,
    )
    payloads = [row.payload for row in rows if row.payload["type"] in ORDER_KINDS]
    return [(one["type"], one["data"]["estado_anterior"]) for one in payloads]


async def test_a_life_is_told_step_by_step(rig: Rig, receiver: Receiver) -> None:
    created = await register(rig, url=receiver.url, rules=LOOPBACK)
    order_id = await rig.place()
    await rig.deliver(order_id)
    assert await told(rig) == [
        ("orden.creada", None),
        (CHANGED, "nuevo"),
        ("orden.plan_listo", None),
        (CHANGED, "planificacion"),
        ("orden.aprobada", "planificacion"),
        (CHANGED, "construccion"),
        (CHANGED, "qa"),
        ("orden.lista", "qa"),
        (CHANGED, "listo"),
        ("orden.entregada", "listo"),
    ]
    http = GuardedHttp(LOOPBACK, timeout_seconds=2)
    notifier = ChosenNotifier({Channel.WEBHOOK: WebhookNotifier(http)})
    ports = replace(rig.ports, notifier=notifier)
    sending = OutboxSender(rig.database, ports, public_url="https://fabrica.example")
    for row in await rig.rows("SELECT id FROM outbox_messages WHERE event = 'orden.aprobada'"):
        await sending.send(row.id)
    (request,) = receiver.requests
    document = Webhook(created.secret or "").verify(request.body, request.headers)
    order = await rig.order(order_id)
    assert document == {
        "type": "orden.aprobada",
        "timestamp": document["timestamp"],
        "data": {
            "order_id": str(order_id),
            "order_number": order.order_number,
            "estado": "construccion",
            "estado_anterior": "planificacion",
            "seq": document["data"]["seq"],
            "tipo_producto": "webhook_service",
            "nombre_producto": "Bot de prueba",
            "intento": 1,
            "plan_version": 1,
            "plan_hash": order.plan_hash,
            "mensaje": "El plan se aprobó; empieza la construcción",
            "url": f"https://fabrica.example/api/orders/{order_id}",
        },
    }


def asks(audience: Audience) -> Act:
    async def change(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        question = NewQuestion(audience, "¿Color?")
        await ask_question(Change(session, order, ADMIN.actor, Rig.policy, now), question)

    return change


async def edits(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    plan = Plan.model_validate(order.plan)
    changed = plan.model_copy(update={"observaciones": ("Otra",)})
    edit = PlanEdit(changed, None, approve=False)
    await edit_plan(Change(session, order, ADMIN.actor, Rig.policy, now), edit)


async def retries(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    await retry_order(Change(session, order, ADMIN.actor, POLICY, now))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cancel, [(CHANGED, "planificacion"), ("orden.cancelada", "planificacion")]),
        (patch(estado="fallido"), [(CHANGED, "planificacion"), ("orden.fallida", "planificacion")]),
        (asks(Audience.CLIENTE), [("orden.pregunta", None)]),
        (asks(Audience.OPERADOR), [("orden.pregunta", None)]),
        (asks(Audience.PLANIFICADOR), []),
        (edits, [("orden.plan_listo", None)]),
        (patch(prioridad="alta"), []),
        (patch(logs=[{"mensaje": "orden.cancelada"}]), []),
    ],
    ids=["cancel", "fail", "client", "team", "planner", "edit", "priority", "log"],
)
async def test_each_way_is_told_as_the_table_says(
    rig: Rig, change: Callable[..., Awaitable[object]], expected: Told
) -> None:
    order_id = await rig.reach("planificacion")
    await register(rig)
    await rig.change(order_id, change)
    assert await told(rig) == expected


async def test_a_retry_is_a_change_of_state_and_no_approval(rig: Rig) -> None:
    rig.ledger.script(Fault("council.run_check", "permanent"))
    order_id = await rig.reach("qa")
    await rig.drive(order_id)
    await register(rig)
    await rig.change(order_id, retries)
    assert await told(rig) == [(CHANGED, "fallido")]


def test_every_kind_of_an_order_has_its_occasion() -> None:
    assert {
        "orden.creada",
        "orden.estado_cambiado",
        "orden.plan_listo",
        "orden.aprobada",
        "orden.pregunta",
        "orden.lista",
        "orden.entregada",
        "orden.fallida",
        "orden.cancelada",
    } == ORDER_KINDS
    assert len({replace(row) for row in OCCASIONS}) == len(OCCASIONS)


async def test_what_is_rolled_back_is_told_to_nobody(rig: Rig) -> None:
    order_id = await rig.place()
    await register(rig)

    async def fails(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await cancel(session, order, now)
        raise RuntimeError("the rest of the transaction")

    with pytest.raises(RuntimeError):
        await rig.change(order_id, fails)
    assert await told(rig) == []


async def revoke(rig: Rig, key: ApiKey) -> None:
    async with rig.database.transaction("test") as session:
        await KEYS.revoke(session, key.id)


async def expire(rig: Rig, key: ApiKey) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await rig.execute("UPDATE api_keys SET expires_at = :at WHERE id = :id", at=past, id=key.id)


async def narrow(rig: Rig, key: ApiKey) -> None:
    await rig.execute("UPDATE api_keys SET scope = 'escritura' WHERE id = :id", id=key.id)


@pytest.mark.parametrize("end", [revoke, expire, narrow])
async def test_a_key_that_ends_ends_its_webhooks(
    rig: Rig, receiver: Receiver, end: Callable[[Rig, ApiKey], Awaitable[None]]
) -> None:
    key, other = await new_key(rig), await new_key(rig)
    created = await register(rig, family=key.id, url=receiver.url, rules=LOOPBACK)
    await register(rig, family=other.id)
    await rig.place()
    before = [row.id for row in await rig.rows("SELECT id FROM outbox_messages")]
    assert len(before) == 2
    await end(rig, key)
    await rig.place()  # nothing is written for it any more
    rows = await rig.rows(
        "SELECT id FROM outbox_messages WHERE destination_id = :id", id=created.destination.id
    )
    (message_id,) = [row.id for row in rows]
    await loopback_sender(rig, of_keys=LOOPBACK).send(message_id)  # nor sent what waited
    assert receiver.connections == 0
    (row,) = await rig.rows("SELECT * FROM outbox_messages WHERE id = :id", id=message_id)
    assert (row.given_up_at is None, row.last_error) == (False, KEY_ENDED)

    await switch_off_orphans(rig.database)
    standing = await rig.rows(
        "SELECT active, disabled_reason FROM notification_destinations ORDER BY active"
    )
    assert [tuple(row) for row in standing] == [(False, KEY_ENDED), (True, None)]
    again: Sequence[Callable[[Any], Awaitable[object]]] = [
        lambda session: change_destination(
            session, created.destination.id, DestinationChange(active=True)
        ),
        lambda session: send_test(session, created.destination.id, datetime.now(UTC)),
        lambda session: redeliver(session, message_id),
    ]
    for attempt in again:  # not even by an administrator
        async with rig.database.reading() as session:
            with pytest.raises(Exception, match="clave"):
                await attempt(session)


async def test_a_rotated_key_keeps_its_webhooks(rig: Rig) -> None:
    key = await new_key(rig)
    await register(rig, family=key.id)
    async with rig.database.transaction("test") as session:
        await KEYS.rotate(session, key.id, created_by="t", grace=timedelta())
    await rig.place()
    assert await told(rig) == [("orden.creada", None)]


def loopback_sender(rig: Rig, *, of_keys: OutboundRules) -> OutboxSender:
    """What administrators name may be on this machine; what keys name, only if `of_keys` says."""
    notifier = ChosenNotifier(
        {Channel.WEBHOOK: WebhookNotifier(GuardedHttp(LOOPBACK, timeout_seconds=2))},
        of_keys={Channel.WEBHOOK: WebhookNotifier(GuardedHttp(of_keys, timeout_seconds=2))},
    )
    return OutboxSender(rig.database, replace(rig.ports, notifier=notifier))


async def messages_to(rig: Rig, created: CreatedDestination) -> list[UUID]:
    rows = await rig.rows(
        "SELECT id FROM outbox_messages WHERE destination_id = :id", id=created.destination.id
    )
    return [row.id for row in rows]


async def test_an_address_of_a_key_does_not_reach_what_an_administrators_does(
    rig: Rig, receiver: Receiver
) -> None:
    """The name may resolve to an address inside only when it is called: that counts too."""
    key = await new_key(rig)
    of_key = await register(rig, family=key.id, url=receiver.url, rules=LOOPBACK)
    of_admin = await register(rig, url=receiver.url, rules=LOOPBACK)
    await rig.place()
    sending = loopback_sender(rig, of_keys=PUBLIC)
    for message_id in await messages_to(rig, of_key):
        await sending.send(message_id)
    assert receiver.connections == 0
    for message_id in await messages_to(rig, of_admin):
        await sending.send(message_id)
    assert receiver.connections == 1
    async with rig.database.transaction("test") as session:
        (message_id,) = await messages_to(rig, of_key)
        await redeliver(session, message_id, key.id)
    await loopback_sender(rig, of_keys=LOOPBACK).send(message_id)
    document = Webhook(of_key.secret or "").verify(
        receiver.requests[-1].body, receiver.requests[-1].headers
    )
    assert document["type"] == "orden.creada"
