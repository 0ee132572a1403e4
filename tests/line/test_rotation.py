"""Rotating credentials: one working set whatever happens, and none is shown meanwhile."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from ledger import Fault
from ledger_ports import ledger_box
from rig import ADMIN, POLICY, Rig, cancel

from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import Conflict
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import (
    ROTATABLE,
    RotationInProgress,
    open_credentials,
    reveal_credentials,
    rotate_credentials,
)
from axon_factory.orders.line_mode import ModeChange, change_mode
from axon_factory.orders.read import lock_order_by_id

ENVIRONMENT = {
    "admin_password_temporal": "ADMIN_PASSWORD",
    "api_key": "API_KEY",
    "webhook_secret": "WEBHOOK_SECRET",
}
REPLACE = "deployer.replace_secrets"


async def rotate(rig: Rig, order_id: UUID, *names: str) -> Sequence[str]:
    async with rig.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        box = ledger_box()
        return await rotate_credentials(
            Change(session, order, ADMIN.actor, POLICY, datetime.now(UTC)), names, box
        )


async def reveal(rig: Rig, order_id: UUID) -> Mapping[str, str]:
    async with rig.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        return await reveal_credentials(
            Change(session, order, ADMIN.actor, POLICY, datetime.now(UTC)), ledger_box()
        )


async def values(rig: Rig, order_id: UUID) -> Mapping[str, str]:
    async with rig.database.reading() as session:
        return await open_credentials(session, await rig.order(order_id), ledger_box())


def in_service(rig: Rig) -> Mapping[str, str]:
    """The digests of the secrets that the product was restarted with last."""
    return rig.ledger.effects(REPLACE)[-1].details["secrets"]


def digests(secrets: Mapping[str, str]) -> Mapping[str, str]:
    return {
        ENVIRONMENT[name]: hashlib.sha256(secrets[name].encode()).hexdigest() for name in ROTATABLE
    }


async def delivered(rig: Rig) -> UUID:
    return await rig.reach("entregado")


async def test_a_delivered_product_gets_new_credentials_that_are_shown_once(rig: Rig) -> None:
    order_id = await delivered(rig)
    old = await reveal(rig, order_id)
    with pytest.raises(Conflict, match="rótalas"):
        await reveal(rig, order_id)
    assert await rotate(rig, order_id) == list(ROTATABLE)
    for act in (reveal, rotate):
        with pytest.raises(RotationInProgress):
            await act(rig, order_id)

    assert [step.key for step in await rig.drive(order_id)] == ["rotar_credenciales:2"]

    new = await reveal(rig, order_id)
    assert {name for name in old if new[name] == old[name]} == {"admin_email"}
    assert digests(new).items() <= in_service(rig).items()
    with pytest.raises(Conflict, match="rótalas"):
        await reveal(rig, order_id)
    order = await rig.order(order_id)
    assert (order.estado, order.deployment_open) == ("entregado", True)
    told = [event for event in await rig.events(order_id) if event.kind.startswith("entrega.")]
    assert [event.kind for event in told if "rota" in event.kind] == [
        "entrega.rotacion_pedida",
        "entrega.credenciales_rotadas",
    ]
    for event in told:
        assert not any(value in f"{event.mensaje} {event.details}" for value in new.values())


async def test_some_can_be_rotated_and_only_those_are_shown_again(rig: Rig) -> None:
    order_id = await delivered(rig)
    old = await reveal(rig, order_id)
    await rotate(rig, order_id, "api_key")
    await rig.drive(order_id)
    shown = await reveal(rig, order_id)
    assert shown["api_key"].startswith("axon_pk_live_")
    assert shown["api_key"] != old["api_key"]
    assert "•" in shown["admin_password_temporal"]
    assert "•" in shown["webhook_secret"]
    assert shown["admin_email"] == old["admin_email"]
    after = await values(rig, order_id)
    assert after["webhook_secret"] == old["webhook_secret"]
    assert digests(after).items() <= in_service(rig).items()


async def test_credentials_that_were_never_shown_are_shown_as_they_are_now(rig: Rig) -> None:
    order_id = await delivered(rig)
    await rotate(rig, order_id, "api_key")
    await rig.drive(order_id)
    assert digests(await reveal(rig, order_id)).items() <= in_service(rig).items()


@pytest.mark.parametrize(
    ("state", "do", "times"),
    [("listo", "permanent", 4), ("listo", "raise", 9), ("entregado", "transient", 4)],
)
async def test_a_failure_is_tried_again_and_never_fails_the_order(
    rig: Rig, state: str, do: str, times: int
) -> None:
    """More often than a step may fail, or be begun."""
    assert rig.policy.max_step_failures < times
    order_id = await rig.reach(state)
    await rotate(rig, order_id)
    rig.ledger.script(Fault(REPLACE, do, times=times))
    line = rig.line()
    for _ in range(times):
        assert await line.advance(order_id) is not None
        assert (await rig.order(order_id)).estado == state
        with pytest.raises(RotationInProgress):
            await reveal(rig, order_id)
    await line.advance(order_id)
    assert digests(await reveal(rig, order_id)).items() <= in_service(rig).items()
    assert (await rig.order(order_id)).estado == state


async def test_a_worker_that_dies_after_the_restart_leaves_one_set(rig: Rig) -> None:
    order_id = await delivered(rig)
    await rotate(rig, order_id)
    rig.ledger.script(Fault(REPLACE, "hang_after"))
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.effects(REPLACE))
    with pytest.raises(RotationInProgress):
        await reveal(rig, order_id)
    async with rig.working():
        await rig.until_quiet()
    keys = {entry.key for entry in rig.ledger.effects(REPLACE)}
    assert keys == {f"{order_id}:1:rotar_credenciales:2"}
    assert digests(await reveal(rig, order_id)).items() <= in_service(rig).items()


async def test_a_lost_job_is_found_by_the_sweep(rig: Rig) -> None:
    order_id = await delivered(rig)
    await rotate(rig, order_id)
    await rig.execute("DELETE FROM procrastinate_jobs")
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.effects(REPLACE))
        await rig.until_quiet()
    await reveal(rig, order_id)


@pytest.mark.parametrize("mode", [LineMode.PAUSADA, LineMode.DETENIDA])
async def test_it_is_done_whatever_the_lines_mode(rig: Rig, mode: LineMode) -> None:
    order_id = await delivered(rig)
    async with rig.database.transaction("test") as session:
        now = datetime.now(UTC)
        await change_mode(session, ModeChange(mode, "prueba"), ADMIN, rig.policy, now)
    await rotate(rig, order_id)
    assert await rig.drive(order_id)
    await reveal(rig, order_id)


async def test_a_cancelled_order_is_withdrawn_instead(rig: Rig) -> None:
    order_id = await rig.reach("listo")
    await rotate(rig, order_id)
    await rig.change(order_id, cancel)
    assert [step.key for step in await rig.drive(order_id)] == ["retirar"]
    assert rig.ledger.effects(REPLACE) == []
    with pytest.raises(Conflict, match="producto en marcha"):
        await rotate(rig, order_id)


async def test_without_a_product_there_is_nothing_to_rotate(rig: Rig) -> None:
    order_id = await rig.place()
    with pytest.raises(Conflict, match="producto en marcha"):
        await rotate(rig, order_id)
