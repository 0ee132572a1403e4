"""The state machine against a table written by hand from the resolutions, and `due_step`."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.building import LineMode
from axon_factory.domain.lifecycle import Situation, StepKind, due_step
from axon_factory.domain.states import (
    ACTIVE_STATES,
    TERMINAL_STATES,
    TRANSITIONS,
    ActorKind,
    OrderState,
    PlanStatus,
    attempt_is_over,
    find_transition,
    targets_from,
)
from tests.support.legal_moves import LEGAL

PAIRS = list(product(OrderState, OrderState))


def test_there_are_eight_states_and_seven_kinds_of_actor() -> None:
    assert len(PAIRS) == 64
    assert {kind.value for kind in ActorKind} == (
        {"worker", "admin", "operator", "client"} | {"builder", "council", "ops"}
    )


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_pair_is_legal_exactly_for_its_actors(source: OrderState, target: OrderState) -> None:
    expected = set(LEGAL.get((source.value, target.value), "").split())
    row = find_transition(source, target)
    assert (set(row.actors) if row else set()) == expected
    for actor in ActorKind:
        assert (target in targets_from(source, actor)) == (actor.value in expected)


def test_table_has_each_pair_once_and_a_condition_for_people() -> None:
    assert len(TRANSITIONS) == len(LEGAL)
    assert all(row.condition for row in TRANSITIONS)


def test_nothing_leaves_a_terminal_state() -> None:
    assert {state.value for state in TERMINAL_STATES} == {"entregado", "cancelado"}
    assert not any(targets_from(state, actor) for state in TERMINAL_STATES for actor in ActorKind)
    assert set(OrderState) - TERMINAL_STATES - {OrderState.FALLIDO} == ACTIVE_STATES


@pytest.mark.parametrize("state", OrderState)
def test_an_attempt_is_over_when_a_later_one_has_begun_or_the_order_has_ended(
    state: OrderState,
) -> None:
    ended = state in TERMINAL_STATES
    assert attempt_is_over(1, 2, state)
    assert attempt_is_over(2, 2, state) == ended
    assert attempt_is_over(3, 2, state) == ended


NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)
SITUATIONS = st.builds(
    Situation,
    state=st.sampled_from(OrderState),
    plan_status=st.none() | st.sampled_from(PlanStatus),
    auto_approve=st.booleans(),
    waits_for_person=st.booleans(),
    session_open=st.booleans(),
    session_known=st.booleans(),
    deployment_open=st.booleans(),
    credentials_ready=st.booleans(),
    deployed=st.booleans(),
    published=st.booleans(),
    mode=st.sampled_from(LineMode),
    stopping=st.none() | st.integers(1, 3),
    begun=st.booleans(),
    outside=st.booleans(),
    milestones=NAMES,
    completed=NAMES,
    checks=NAMES,
    checked=NAMES,
)
STEPS_OF = {
    "nuevo": {StepKind.CLAIM},
    "planificacion": {StepKind.PLAN, StepKind.AUTO_APPROVE},
    "construccion": {
        StepKind.START_SESSION,
        StepKind.BUILD,
        StepKind.PUBLISH,
        StepKind.FINISH_BUILD,
        StepKind.INTERRUPT,
    },
    "qa": {StepKind.CHECK, StepKind.VERDICT},
    "listo": {StepKind.CREDENTIALS, StepKind.DEPLOY, StepKind.DELIVER},
    "entregado": set[StepKind](),
    "fallido": {StepKind.UNDEPLOY},
    "cancelado": {StepKind.UNDEPLOY},
}


def rests(now: Situation) -> bool:
    """Whether an order waits for a person or for the line, or has nothing left to do."""
    if now.stopping is not None:
        return False
    if now.state in {OrderState.CANCELADO, OrderState.FALLIDO}:
        return not now.deployment_open
    building = now.state is OrderState.CONSTRUCCION
    if now.mode is LineMode.DETENIDA and building and now.session_open and now.outside:
        return False
    begun = now.state in {OrderState.QA, OrderState.LISTO} or (
        building and (now.begun or now.session_known)
    )
    goes_on = now.mode is LineMode.ACTIVA or (now.mode is LineMode.DRENANDO and begun)
    if now.state is OrderState.ENTREGADO or now.waits_for_person or not goes_on:
        return True
    waiting_plan = now.plan_status is PlanStatus.PENDIENTE_APROBACION and not now.auto_approve
    return now.state is OrderState.PLANIFICACION and waiting_plan


@given(SITUATIONS)
def test_every_situation_has_one_step_or_rests(now: Situation) -> None:
    step = due_step(now)
    assert (step is None) == rests(now)
    assert step == due_step(now)
    if step is not None:
        stops = step.kind is StepKind.STOP_SESSION
        assert stops == (now.stopping is not None)
        assert stops or step.kind in STEPS_OF[now.state]
        assert step.key == (f"{step.kind}:{step.subject}" if step.subject else step.kind)


@given(SITUATIONS)
def test_only_what_is_not_done_is_due(now: Situation) -> None:
    step = due_step(now)
    if step is None:
        return
    if step.kind is StepKind.BUILD:
        assert step.subject == next(item for item in now.milestones if item not in now.completed)
    if step.kind is StepKind.CHECK:
        assert step.subject == next(item for item in now.checks if item not in now.checked)
    if step.kind in {StepKind.PUBLISH, StepKind.FINISH_BUILD}:
        assert set(now.milestones) <= set(now.completed)
    if step.kind is StepKind.DELIVER:
        assert now.deployed
        assert now.credentials_ready
