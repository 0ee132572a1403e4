"""Every pair of states for every kind of principal by PATCH: 8 x 8 x 11 cells.

A third of the pairs a day in `make test`, all of them in `make matrix`.
"""

from collections.abc import Mapping
from uuid import UUID

import pytest

from axon_factory.db.tables import Order
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant
from axon_factory.domain.states import (
    ACTIVE_STATES,
    AGENT_KINDS,
    TERMINAL_STATES,
    TRANSITIONS,
    ActorKind,
    Claim,
    OrderState,
    PlanStatus,
    find_transition,
)
from tests.permissions.conftest import CALLERS, Caller
from tests.permissions.test_fields import by_name, headers_of
from tests.support.copies import copy_order
from tests.support.rotation import todays_part
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
RELATED = [caller for caller in CALLERS if caller.related and caller.grant]


def expected(caller: Caller, order: Order, target: OrderState) -> set[int]:
    source = OrderState(order.estado)
    if caller.grant not in PERMISSIONS[Action.UPDATE_ORDER].grants:
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
    pairs = todays_part([(one, other) for one in OrderState for other in OrderState])
    for target in (other for one, other in pairs if one is source):
        order = await workshop.order(order_id)
        headers = await headers_of(caller, workshop, order_id, credentials)
        offered = await _offered(workshop, order_id, headers)
        answer = await workshop.http.patch(
            f"/api/orders/{order_id}", json={"estado": target}, headers=headers
        )
        cell = f"{source} -> {target} as {caller.name}: {answer.text[:300]}"
        assert answer.status_code in expected(caller, order, target), cell
        moved = answer.status_code == 200 and source is not target
        if offered is not None and source is not target:
            assert (target in offered) == moved, cell
        if moved:
            order_id = await copy_order(workshop, templates[source])


async def _offered(workshop: Workshop, order_id: UUID, headers: Headers) -> list[str] | None:
    answer = await workshop.http.get(f"/api/orders/{order_id}", headers=headers)
    return answer.json()["transiciones_permitidas"] if answer.status_code == 200 else None
