"""What an actor is offered where the principal that placed an order may not approve its plan."""

import pytest

from axon_factory.db.tables import Order
from axon_factory.domain.evidence import NO_EVIDENCE
from axon_factory.domain.states import Actor, ActorKind, OrderState, PlanStatus
from axon_factory.orders.transitions import legal_targets

PLACED_BY = "user:ana"
BESIDES_APPROVAL = {OrderState.PLANIFICACION, OrderState.FALLIDO, OrderState.CANCELADO}


@pytest.mark.parametrize(
    ("actor_id", "own_orders", "approves"),
    [(PLACED_BY, True, True), (PLACED_BY, False, False), ("user:eva", False, True)],
)
def test_only_the_approval_of_ones_own_order_is_barred(
    actor_id: str, own_orders: bool, approves: bool
) -> None:
    order = Order(
        estado=OrderState.PLANIFICACION,
        plan_estado=PlanStatus.PENDIENTE_APROBACION,
        created_by=PLACED_BY,
    )
    admin = Actor(ActorKind.ADMIN, actor_id, "Administradora")
    offered = set(legal_targets(order, admin, NO_EVIDENCE, own_orders=own_orders))
    assert offered == BESIDES_APPROVAL | ({OrderState.CONSTRUCCION} if approves else set())


def test_other_moves_of_ones_own_order_are_not_barred() -> None:
    order = Order(estado=OrderState.NUEVO, created_by=PLACED_BY)
    admin = Actor(ActorKind.ADMIN, PLACED_BY, "Administradora")
    every = legal_targets(order, admin, NO_EVIDENCE)
    assert legal_targets(order, admin, NO_EVIDENCE, own_orders=False) == every != []
