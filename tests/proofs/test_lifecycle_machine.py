"""The running API against a pure model: nothing that anybody does brings the two apart.

The gate looks at a few short lives; `make fuzz` at a thousand longer ones, for as long as
AXON_TEST_FUZZ_MINUTES (30) at most. AXON_TEST_SEED repeats a run.
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
    workshop: Workshop, copies: Copies, *, examples: int, steps: int, minutes: float
) -> Tally:
    world, tally = World(workshop, copies), Tally()
    machine = type("Machine", (LifecycleMachine,), {"world": world, "tally": tally})
    number = int(os.environ.get("AXON_TEST_SEED") or secrets.randbelow(10**6))
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
    for pair in PAIRS:
        if pair not in tally.pairs:
            await asyncio.to_thread(visit, machine, *pair)
    return tally


async def test_the_api_does_what_the_model_says(workshop: Workshop, copies: Copies) -> None:
    tally = await explore(workshop, copies, examples=20, steps=25, minutes=1)
    assert set(tally.pairs) == set(PAIRS)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
async def test_the_api_does_what_the_model_says_at_length(
    workshop: Workshop, copies: Copies
) -> None:
    minutes = float(os.environ.get("AXON_TEST_FUZZ_MINUTES", "30"))
    tally = await explore(workshop, copies, examples=1000, steps=50, minutes=minutes)
    assert set(tally.pairs) == set(PAIRS)
    print(f"at the end: {tally}")  # noqa: T201 — the run's figures, shown with -s
