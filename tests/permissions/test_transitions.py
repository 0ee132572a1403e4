"""Every pair of states for every kind of principal: 8 x 8 x 11 cells.

In `make test` all of them in process, and by PATCH one of each verdict for each principal. `make
matrix` asks for all of them by PATCH.
"""

from collections.abc import Mapping
from itertools import product
from uuid import UUID

import pytest

from axon_factory.db.tables import Order
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant
from axon_factory.domain.states import (
    ACTIVE_STATES,
    AGENT_KINDS,
    TERMINAL_STATES,
    TRANSITIONS,
    Actor,
    ActorKind,
    Claim,
    OrderState,
    PlanStatus,
    find_transition,
)
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.transitions import legal_targets
from tests.permissions.conftest import CALLERS, Caller
from tests.permissions.test_fields import by_name, headers_of
from tests.support.copies import copy_order
from tests.support.workshop import Headers, Workshop

ACTORS = {
    Grant.ADMIN: ActorKind.ADMIN,
    Grant.KEY_ADMIN: ActorKind.ADMIN,
    Grant.OPERATOR: ActorKind.OPERATOR,
    Grant.SYSTEM_ASSIGNED: ActorKind.BUILDER,
    Grant.SYSTEM_PERMANENT: ActorKind.BUILDER,
    Grant.SYSTEM_COUNCIL: ActorKind.COUNCIL,
    Grant.SYSTEM_OPS: ActorKind.OPS,
}
TABLE = {(row.source, row.target): row.actors for row in TRANSITIONS}
JUDGED = {OrderState.LISTO, OrderState.CONSTRUCCION}
"""Where a verdict of the review moves an order."""
RELATED = [caller for caller in CALLERS if caller.related and caller.grant]


def expected(caller: Caller, order: Order, target: OrderState) -> set[int]:
    source = OrderState(order.estado)
    built_it = caller.name == "attempt" and source is OrderState.QA and target in JUDGED
    if built_it or caller.grant not in PERMISSIONS[Action.UPDATE_ORDER].grants:
        return {403}
    if ACTORS[caller.grant] in AGENT_KINDS and source not in ACTIVE_STATES:
        # The order takes no reports of agents any more; the token of an attempt died with it.
        return {401 if caller.name == "attempt" and source in TERMINAL_STATES else 409}
    if source is target:
        return {200}  # nothing to move
    if ACTORS[caller.grant] not in TABLE.get((source, target), ()):
        return {409}
    if source is OrderState.FALLIDO and target not in {
        (order.fallo or {})["estado"],
        OrderState.CANCELADO,
    }:
        return {409}
    if (source, target) == (OrderState.PLANIFICACION, OrderState.CONSTRUCCION):
        if caller.grant is not Grant.ADMIN:
            return {403}  # a person's act
        return {200 if order.plan_estado == PlanStatus.PENDIENTE_APROBACION else 409}
    claim = find_transition(source, target)
    needed = claim.claim_of(ACTORS[caller.grant]) if claim else None
    # The templates of `construccion` and `qa` have nothing to show yet; that of `listo` runs.
    return {409 if needed in {Claim.CODE_COMPLETE, Claim.REVIEWED} else 200}


async def test_every_pair_in_process(
    workshop: Workshop, templates: Mapping[OrderState, UUID]
) -> None:
    """The function that tells callers what they may do next answers as the table says."""
    writers = [caller for caller in RELATED if caller.grant in ACTORS]
    for source in OrderState:
        order = await workshop.order(templates[source])
        async with workshop.container.database.reading() as session:
            evidence = await read_evidence(session, order)
        for caller in writers:
            actor = Actor(ACTORS[caller.grant], _id_of(caller), caller.name)
            offered = legal_targets(order, actor, evidence)
            wanted = {
                target
                for target in OrderState
                if target is not source and expected(caller, order, target) == {200}
            }
            assert set(offered) - {source} == wanted, (source, caller.name)


def _id_of(caller: Caller) -> str:
    return ("user:" if caller.grant in {Grant.ADMIN, Grant.OPERATOR} else "key:") + caller.name


@pytest.mark.parametrize("caller", RELATED, ids=by_name)
async def test_one_pair_of_each_verdict(
    workshop: Workshop,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
    caller: Caller,
) -> None:
    orders = {state: await workshop.order(templates[state]) for state in OrderState}
    chosen: dict[tuple[int, bool], tuple[OrderState, OrderState]] = {}
    for source, target in product(OrderState, OrderState):
        (status,) = expected(caller, orders[source], target)
        chosen.setdefault((status, source is target), (source, target))
    for source, target in chosen.values():
        order_id = await copy_order(workshop, templates[source])
        await ask(workshop, credentials, caller, order_id, target)


@pytest.mark.nightly
@pytest.mark.parametrize("source", OrderState)
@pytest.mark.parametrize("caller", RELATED, ids=by_name)
async def test_every_pair_of_states(
    workshop: Workshop,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
    caller: Caller,
    source: OrderState,
) -> None:
    order_id = await copy_order(workshop, templates[source])
    for target in OrderState:
        if await ask(workshop, credentials, caller, order_id, target):
            order_id = await copy_order(workshop, templates[source])


async def ask(
    workshop: Workshop,
    credentials: Mapping[str, Headers],
    caller: Caller,
    order_id: UUID,
    target: OrderState,
) -> bool:
    """Ask for a state, require the table's verdict, and return whether the order has moved."""
    order = await workshop.order(order_id)
    headers = await headers_of(caller, workshop, order_id, credentials)
    offered = await _offered(workshop, order_id, headers)
    answer = await workshop.http.patch(
        f"/api/orders/{order_id}", json={"estado": target}, headers=headers
    )
    cell = f"{order.estado} -> {target} as {caller.name}: {answer.text[:300]}"
    assert answer.status_code in expected(caller, order, target), cell
    moved = answer.status_code == 200 and order.estado != target
    if offered is not None and order.estado != target:
        assert (target in offered) == moved, cell
    return moved


async def _offered(workshop: Workshop, order_id: UUID, headers: Headers) -> list[str] | None:
    answer = await workshop.http.get(f"/api/orders/{order_id}", headers=headers)
    return answer.json()["transiciones_permitidas"] if answer.status_code == 200 else None
