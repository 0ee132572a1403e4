"""The running API against a pure model: nothing that anybody does brings the two apart.

The gate lives a few short lives, the same every day; `make fuzz` a thousand longer ones and every
pair of states, for AXON_TEST_FUZZ_MINUTES (30) at most. AXON_TEST_SEED repeats a run.
"""

import asyncio
import os
import secrets
import time
from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proofs.copies import Copies
from tests.proofs.lifecycle_machine import LifecycleMachine, Tally
from tests.proofs.model import STATES
from tests.proofs.world import World
from tests.support.workshop import Workshop

BATCH = 50
LIVES, SEED = 12, 14
"""How many lives the gate lives, and which."""
PAIRS = list(product(STATES, STATES))


def run(machine: type[LifecycleMachine], number: int, examples: int, steps: int) -> None:
    seed(number)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # A failed life is told as it was: to shorten it takes hundreds of lives more.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),  # a slow machine is none of its concern
        ),
    )


def visit(machine: type[LifecycleMachine], source: str, target: str) -> None:
    """Ask for one pair directly, where chance did not."""
    life = machine()
    life.move(life.begin(source), "admin", target, "none")
    life.teardown()


async def explore(
    world: World, tally: Tally, *, number: int, examples: int, steps: int, minutes: float
) -> type[LifecycleMachine]:
    """Live `examples` lives and count them in `tally`; return the machine that lived them."""
    machine = type("Machine", (LifecycleMachine,), {"world": world, "tally": tally})
    print(f"AXON_TEST_SEED={number}")  # noqa: T201 — shown by pytest when the test fails
    end = time.monotonic() + 60 * minutes
    for done in range(0, examples, BATCH):
        if done:
            await world.log_in()
        batch = min(BATCH, examples - done)
        await asyncio.to_thread(run, machine, number + done, batch, steps)
        if time.monotonic() > end:
            break
    print(f"by chance: {tally}")  # noqa: T201 — the run's figures, shown with -s
    return machine


async def test_the_api_does_what_the_model_says(workshop: Workshop, copies: Copies) -> None:
    number = int(os.environ.get("AXON_TEST_SEED", str(SEED)))
    tally = Tally()
    await explore(
        World(workshop, copies), tally, number=number, examples=LIVES, steps=25, minutes=10
    )
    assert tally.examples >= LIVES


@pytest.mark.fuzz
@pytest.mark.timeout(0)
async def test_the_api_does_what_the_model_says_at_length(
    workshop: Workshop, copies: Copies
) -> None:
    number = int(os.environ.get("AXON_TEST_SEED") or secrets.randbelow(10**6))
    minutes = float(os.environ.get("AXON_TEST_FUZZ_MINUTES", "30"))
    world, tally = World(workshop, copies), Tally()
    machine = await explore(world, tally, number=number, examples=1000, steps=50, minutes=minutes)
    for pair in PAIRS:
        if pair not in tally.pairs:
            await asyncio.to_thread(visit, machine, *pair)
    assert set(tally.pairs) == set(PAIRS)
    print(f"at the end: {tally}")  # noqa: T201 — the run's figures, shown with -s
