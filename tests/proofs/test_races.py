"""Two who write one order at once: as if one had come after the other, and nothing is lost.

Both requests are made to wait at the order's row, so that every trial is a collision; what comes
of it must be what the model says of one order of the two or the other.
"""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

import httpx2
import pytest

from axon_factory.bootstrap.application import application_of
from tests.proofs.collisions import Watch, collide, watching
from tests.proofs.copies import Copies
from tests.proofs.model import ADMIN, STATES, Act, OrderModel, perform
from tests.proofs.operations import AGENTS, OPERATIONS, Operation, send, status_of
from tests.proofs.rows import facts
from tests.proofs.writes import Endpoint, writing_endpoints
from tests.support.workshop import Workshop

IN_FULL = int(os.environ.get("AXON_TEST_RACES", "50"))
AT_ONCE = 3
EITHER_FIRST = ((0, 1), (1, 0))
PAIRS = list(itertools.combinations_with_replacement(OPERATIONS, 2))
WITH_ITSELF = [(name, name) for name in OPERATIONS]
"""That an operation waits for the row, and decides about what it then finds, shows here."""
WITH_ANOTHER = [
    ("approve", "reject"),  # two decisions about one plan
    ("approve", "cancel"),  # a decision and an end
    ("edit", "budget"),  # both enqueue the planner or the line
    ("report", "fail"),  # an entry in the history that the other one ends
    ("progress", "to_qa"),  # a value that the new state's band excludes
    ("accept", "bulk_cancel"),  # one order of many
    ("deliver", "rotate"),  # a change of state and of credentials
    ("reveal", "rotate"),  # credentials that are shown, and replaced
    ("retry", "erase"),  # an order goes on, or ends for good
    ("delete", "start"),  # a row that may not be deleted any more
    ("bulk_tag", "bulk_prioridad"),  # fields of their own: both stay
]


class Trial(NamedTuple):
    """Two operations on one order; `guarded`: both with the ETag that both have read.

    `turns` says which is sent first.
    """

    operations: tuple[Operation, Operation]
    state: str
    guarded: bool
    turns: tuple[int, int] = (0, 1)


def trials_of(pair: tuple[str, str], copies: Copies) -> list[Trial]:
    """Return the pair's trials: in a state in which both serve, else where one does."""
    operations = (OPERATIONS[pair[0]], OPERATIONS[pair[1]])
    serving = [
        {s for s in STATES if operation.serves(copies.originals[s].model)}
        for operation in operations
    ]
    both = serving[0] & serving[1]
    states = [next(s for s in STATES if s in both)] if both else [min(s) for s in serving]
    ways = (False, True) if all(operation.guarded for operation in operations) else (False,)
    return [Trial(operations, state, guarded) for state in states for guarded in ways]


# What the client says is a row of its own, added under the order's lock; it changes no order.
_ADDED = {
    Endpoint("POST", "/api/orders/{id}/problems"),
    Endpoint("POST", "/api/orders/{id}/problems/{numero}/close"),
    Endpoint("POST", "/api/orders/{id}/rating"),
}


async def test_every_write_on_an_order_takes_part(workshop: Workshop) -> None:
    on_an_order = {
        endpoint
        for endpoint in writing_endpoints(application_of(workshop.container))
        if endpoint.path.startswith("/api/orders/")
    }
    taking_part = (*OPERATIONS.values(), *AGENTS.values())
    assert on_an_order - _ADDED == {operation.endpoint for operation in taking_part}


async def test_races(workshop: Workshop, copies: Copies) -> None:
    """A fixed choice, each with either as the first; every pair fifty times in `make races`."""
    trials = [trial for pair in WITH_ITSELF for trial in trials_of(pair, copies)]
    for pair in WITH_ANOTHER:
        for trial in trials_of(pair, copies):
            if not trial.guarded:
                trials += [trial._replace(turns=turns) for turns in EITHER_FIRST]
    await run_trials(workshop, copies, trials)


@pytest.mark.races
@pytest.mark.timeout(0)
async def test_races_in_full(workshop: Workshop, copies: Copies) -> None:
    trials = [trial for pair in PAIRS for trial in trials_of(pair, copies)]
    for number in range(IN_FULL):
        await workshop.log_in()  # fifty rounds take longer than an access token lives
        turns = EITHER_FIRST[number % 2]
        await run_trials(workshop, copies, [trial._replace(turns=turns) for trial in trials])


async def run_trials(workshop: Workshop, copies: Copies, trials: Sequence[Trial]) -> None:
    needed = Counter(trial.state for trial in trials)
    given = {state: iter(await copies.many(state, count)) for state, count in needed.items()}
    limit = asyncio.Semaphore(AT_ONCE)
    async with watching(workshop) as watch:

        async def run(trial: Trial) -> bool:
            async with limit:
                order_id = next(given[trial.state])
                return await run_trial(workshop, copies, trial, order_id, watch)

        async with asyncio.TaskGroup() as group:  # the first failure ends the others
            races = [group.create_task(run(trial)) for trial in trials]
    exclusive = sum(race.result() for race in races)
    print(f"{len(trials)} races, {exclusive} of pairs with one winner")  # noqa: T201 — with -s


async def run_trial(
    workshop: Workshop, copies: Copies, trial: Trial, order_id: UUID, watch: Watch
) -> bool:
    """Run one trial; return whether the two exclude each other."""
    original = copies.originals[trial.state]
    if_match = original.model.version if trial.guarded else None
    acts = [o.on(original.model, original.digest, if_match=if_match) for o in trial.operations]
    sending = [
        partial(send, workshop, operation, order_id, act)
        for operation, act in zip(trial.operations, acts, strict=True)
    ]
    answers = await collide(workshop, order_id, sending, watch, trial.turns)
    return await judge(workshop, order_id, original.model, trial, acts, answers)


async def judge(
    workshop: Workshop,
    order_id: UUID,
    before: OrderModel,
    trial: Trial,
    acts: list[Act],
    answers: list[httpx2.Response],
) -> bool:
    """Require one of the two serial outcomes; return whether only one of the two could win."""
    got = tuple(status_of(act, answer) for act, answer in zip(acts, answers, strict=True))
    outcomes = [serial(before, acts, turns) for turns in ((0, 1), (1, 0))]
    async with workshop.container.database.reading() as session:
        (found,) = await facts(session, [order_id])
    assert found.faults() == [], trial
    possible = [
        statuses
        for statuses, after in outcomes
        if statuses == got and found.differences(after) == {}
    ]
    assert possible, (trial, got, outcomes, found.row)
    served = [operation.serves(before) for operation in trial.operations]
    if trial.guarded:
        assert sorted(got) == sorted([200, 412]) or not all(served), (trial, got)
    if any("logs" in act.body or "agregar" in act.body for act in acts):
        await require_nothing_lost(workshop, order_id, acts, got)
    exclusive = all(sorted(statuses)[1] != 200 for statuses, _ in outcomes)
    assert not exclusive or got.count(200) == 1, (trial, got)
    return exclusive


async def require_nothing_lost(
    workshop: Workshop, order_id: UUID, acts: list[Act], got: tuple[int, ...]
) -> None:
    """Require every accepted entry and tag once, and none of a refused request.

    An order that was erased shows neither.
    """
    shown = await workshop.show(order_id)
    told = [entry["mensaje"] for entry in shown["logs"]]
    for act, status in zip(acts, got, strict=True):
        expected = status == 200 and shown["borrado_at"] is None
        for entry in act.body.get("logs", ()):
            assert told.count(entry["mensaje"]) == expected
        for tag in act.body.get("agregar", ()):
            assert shown["tags"].count(tag) == expected


def serial(
    before: OrderModel, acts: list[Act], turns: tuple[int, ...]
) -> tuple[tuple[int, ...], OrderModel]:
    """Return the statuses, in the order of `acts`, and the order after acting in `turns`."""
    after, statuses = before, {}
    for turn in turns:
        statuses[turn], after = perform(after, acts[turn], ADMIN)
    return tuple(statuses[turn] for turn in sorted(statuses)), after


async def test_fifty_reports_at_once_lose_none(workshop: Workshop, copies: Copies) -> None:
    order_id, model = await copies.copy("construccion")
    entries = [f"Informe {number} de cincuenta" for number in range(50)]
    answers = await asyncio.gather(
        *(
            workshop.attempt_patch(order_id, "permanent", logs=[{"mensaje": entry}])
            for entry in entries
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ETag"] for answer in answers}) == 50
    shown = await workshop.show(order_id)
    told = [entry["mensaje"] for entry in shown["logs"]]
    assert sorted(told[model.event_seq :]) == sorted(entries)
    assert [entry["seq"] for entry in shown["logs"]] == list(range(1, model.event_seq + 51))
    assert shown["version"] == model.version + 50


async def test_of_twenty_changes_of_one_version_one_is_made(
    workshop: Workshop, copies: Copies
) -> None:
    order_id, model = await copies.copy("construccion")
    headers = {**workshop.headers["admin"], "If-Match": f'"{model.version}"'}
    answers = await asyncio.gather(
        *(
            workshop.http.patch(
                f"/api/orders/{order_id}", json={"asignado_a": f"{number}"}, headers=headers
            )
            for number in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 19]
