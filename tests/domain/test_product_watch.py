"""What the watch decides, look by look: stories of one product, two seconds between looks."""

from collections.abc import Sequence

import pytest

from axon_factory.domain.product_watch import (
    ProductAction,
    ProductMemory,
    ProductSighting,
    ProductTrouble,
    RunState,
    WatchRules,
    judge,
)

RULES = WatchRules()
PAUSE = 2.0

Story = Sequence[tuple[ProductSighting, ProductTrouble | None, ProductAction]]


def well(run: str = "a") -> ProductSighting:
    return ProductSighting(RunState.RUNNING, run, healthy=True)


def deaf(run: str = "a") -> ProductSighting:
    return ProductSighting(RunState.RUNNING, run, healthy=False)


BACKOFF = ProductSighting(RunState.STARTING)
STOPPED = ProductSighting(RunState.STOPPED)
FATAL = ProductSighting(RunState.FAILED)
ORPHANED = ProductSighting(RunState.ORPHANED)
HANDLED = ProductSighting(RunState.RUNNING, "b", handled=True)
UNASKED = ProductSighting(RunState.RUNNING, "a")
PORT_GONE = ProductSighting(RunState.STARTING, port_taken=True)

T, A = ProductTrouble, ProductAction
OK = (well(), None, A.NONE)

STORIES: dict[str, Story] = {
    "all is well": [OK, (UNASKED, None, A.NONE), OK],
    "a start takes its time": [
        (ProductSighting(RunState.STARTING, "a"), None, A.NONE),
        *[(deaf(), None, A.NONE)] * 20,
        OK,
    ],
    "it died and is back before it was missed": [
        OK,
        (well("b"), T.CAIDO, A.NONE),
        (well("b"), None, A.NONE),
    ],
    "it died and comes back": [
        OK,
        (BACKOFF, T.CAIDO, A.NONE),
        (ProductSighting(RunState.STARTING, "b"), T.CAIDO, A.NONE),
        (deaf("b"), T.CAIDO, A.NONE),
        (well("b"), None, A.NONE),
    ],
    "the supervisor died": [
        OK,
        (ORPHANED, T.SUPERVISOR, A.NONE),
        (BACKOFF, T.SUPERVISOR, A.NONE),
        (well("b"), None, A.NONE),
    ],
    "a deployment restarts it": [OK, (HANDLED, None, A.NONE), (well("b"), None, A.NONE)],
    "it was stopped by hand": [
        OK,
        (STOPPED, T.CAIDO, A.START),
        *[(STOPPED, T.CAIDO, A.NONE)] * 14,
        (STOPPED, T.CAIDO, A.START),
    ],
    "it lives and does not answer": [
        OK,
        (deaf(), None, A.NONE),
        (deaf(), None, A.NONE),
        (deaf(), T.SIN_RESPUESTA, A.RESTART),
        (ProductSighting(RunState.STARTING, "b", handled=True), T.SIN_RESPUESTA, A.NONE),
        (well("b"), None, A.NONE),
    ],
    "a slow moment": [OK, (deaf(), None, A.NONE), (deaf(), None, A.NONE), OK],
    "another program has its port": [
        OK,
        (PORT_GONE, T.PUERTO_OCUPADO, A.NONE),
        (ProductSighting(RunState.STARTING, "b"), T.PUERTO_OCUPADO, A.NONE),
        (PORT_GONE, T.PUERTO_OCUPADO, A.NONE),
        (well("c"), None, A.NONE),
    ],
    "five ends are a loop, which is stopped, tried more slowly and forgiven": [
        OK,
        *[(well(run), T.CAIDO, A.NONE) for run in "bcde"],
        (well("f"), T.BUCLE, A.STOP),
        (ProductSighting(RunState.STOPPED, handled=True), T.BUCLE, A.NONE),
        *[(STOPPED, T.BUCLE, A.NONE)] * 13,
        (STOPPED, T.BUCLE, A.START),
        (ProductSighting(RunState.STARTING, "g", handled=True), T.BUCLE, A.NONE),
        (well("g"), T.BUCLE, A.NONE),
        (BACKOFF, T.BUCLE, A.STOP),
        (ProductSighting(RunState.STOPPED, handled=True), T.BUCLE, A.NONE),
        *[(STOPPED, T.BUCLE, A.NONE)] * 58,
        (STOPPED, T.BUCLE, A.START),
        (ProductSighting(RunState.STARTING, "h", handled=True), T.BUCLE, A.NONE),
        *[(well("h"), T.BUCLE, A.NONE)] * 30,
        (well("h"), None, A.NONE),
        (well("h"), None, A.NONE),
    ],
    "its supervisor has given up": [
        (FATAL, T.BUCLE, A.NONE),
        *[(FATAL, T.BUCLE, A.NONE)] * 14,
        (FATAL, T.BUCLE, A.START),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story(name: str) -> None:
    memory = ProductMemory()
    for number, (seen, trouble, action) in enumerate(STORIES[name]):
        done = judge(memory, seen, 1000.0 + number * PAUSE, RULES)
        assert (memory.trouble, done) == (trouble, action), (number, seen)


def test_ends_that_lie_far_apart_are_no_loop() -> None:
    memory = ProductMemory()
    for number in range(20):
        judge(memory, well(str(number)), number * 100.0, RULES)
    assert not memory.looping


def test_only_the_doubtful_are_asked_out_of_turn() -> None:
    memory = ProductMemory()
    assert memory.should_ask(turn=False)
    judge(memory, well(), 0.0, RULES)
    assert not memory.should_ask(turn=False)
    assert memory.should_ask(turn=True)
    judge(memory, deaf(), 2.0, RULES)
    assert memory.should_ask(turn=False)
