"""Two who write one order at once, where one does what an agent does or answers a question.

The model has no questions, tokens and signs of life. So each pair is also sent one after the other,
both ways, to copies of the same order: what a collision leaves must be what one of the two leaves.
"""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from tests.proofs.collisions import Sending, Watch, collide, watching
from tests.proofs.copies import Copies
from tests.proofs.model import STATES, Act, OrderModel
from tests.proofs.operations import AGENTS, OPERATIONS, Operation, send, status_of
from tests.proofs.rows import facts
from tests.support.copies import copy_orders
from tests.support.workshop import Headers, Workshop

IN_FULL = int(os.environ.get("AXON_TEST_RACES", "50"))
AT_ONCE = 3
EITHER_FIRST = ((0, 1), (1, 0))
PAIRS = [
    *itertools.product(AGENTS, OPERATIONS),
    *itertools.combinations_with_replacement(AGENTS, 2),
]
WITH_ITSELF = [(name, name) for name in AGENTS]
WITH_ANOTHER = [
    ("question", "cancel"),  # asked of an order that ends
    ("answer", "to_qa"),  # an answer to a question that the new state closes
    ("heartbeat", "to_qa"),  # a sign of life of a session that ends
    ("renew", "fail"),  # a token for an attempt that is over
    ("check", "accept"),  # a receipt, and a person who does not wait for it
    ("correct", "budget"),  # a plan made anew for the client's data
    ("link", "erase"),  # a link to what is erased
    ("unlink", "cancel"),
    ("invite", "erase"),  # an account for the client of what is erased
    ("wake", "report"),
]
BUILT = "construccion"
_ROUND = 50
WITH_TOKEN = ("heartbeat", "renew")
_COUNTS = ("event_seq", "count", "last", "late")
"""They count the notes of refused tokens too, which are taken at the door only."""
_NEXT_ATTEMPT = text("UPDATE orders SET intento = intento + 1 WHERE id = :id")
_TOLD_SINCE = text("SELECT kind FROM order_events WHERE order_id = :id AND seq > :seq")
_TRACES = text(
    """
    SELECT
        (SELECT array_agg(kind || ' ' || split_part(actor, ':', 1) ORDER BY seq) FROM order_events
         WHERE order_id = :id AND kind <> 'construccion.intento_anterior') AS told,
        (SELECT jsonb_agg(jsonb_build_array(number, intento, audience, question, answer,
            answered_by, closed_at IS NULL, delivered_at IS NULL) ORDER BY number)
         FROM order_questions WHERE order_id = :id) AS questions,
        (SELECT jsonb_build_array(count(*), count(revoked_at)) FROM system_tokens
         WHERE order_id = :id) AS tokens,
        (SELECT array_agg(concat_ws(' ', event, channel, recipient) ORDER BY event, recipient)
         FROM outbox_messages WHERE order_id = :id) AS messages,
        (SELECT count(*) FROM procrastinate_jobs WHERE lock = 'order:' || :id) AS jobs,
        (SELECT heartbeat_at IS NOT NULL FROM orders WHERE id = :id) AS alive
    """
)


Turns = tuple[int, int]
"""Which of two requests is sent first."""


class Trial(NamedTuple):
    """Two requests about copies of `original`."""

    names: tuple[str, str]
    original: UUID
    operations: tuple[Operation, Operation]
    acts: tuple[Act, Act]


class Outcome(NamedTuple):
    """What two requests were answered and what they left of the order."""

    answers: tuple[str, ...]
    left: Mapping[str, Any]


@pytest.fixture(scope="session")
async def asked(workshop: Workshop, copies: Copies) -> UUID:
    """An order that is being built and waits for the answer to its first question."""
    order_id, _ = await copies.copy(BUILT)
    question = {"pregunta": "¿En qué idioma?", "destinatario": "cliente", "clave": "idioma"}
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas", json=question, headers=workshop.headers["admin"]
    )
    assert answer.status_code == 201, answer.text
    return order_id


async def test_a_collision_leaves_what_one_after_the_other_does(
    workshop: Workshop, copies: Copies, asked: UUID
) -> None:
    """A fixed choice, each with either as the first; every pair fifty times in `make races`."""
    trials = [t for pair in WITH_ITSELF for t in await trials_of(workshop, copies, asked, pair)]
    for pair in WITH_ANOTHER:
        made = await trials_of(workshop, copies, asked, pair)
        trials += [trial for trial in made if trial.acts[1].if_match is None]
    await run_trials(workshop, trials, EITHER_FIRST, alike=EITHER_FIRST[:1])


@pytest.mark.races
@pytest.mark.timeout(0)
async def test_a_collision_leaves_what_one_after_the_other_does_in_full(
    workshop: Workshop, copies: Copies, asked: UUID
) -> None:
    trials = [t for pair in PAIRS for t in await trials_of(workshop, copies, asked, pair)]
    await run_trials(workshop, trials, [EITHER_FIRST[number % 2] for number in range(IN_FULL)])


@pytest.mark.parametrize("name", ["report", "to_qa", "question", "heartbeat", "renew"])
async def test_an_attempt_that_ends_while_its_agent_waits_is_over(
    workshop: Workshop, asked: UUID, name: str
) -> None:
    """The token held at the door; the next attempt must get nothing of the earlier one's."""
    (order_id,) = await copy_orders(workshop, asked, 1)
    before = await workshop.order(order_id)
    operation = {**OPERATIONS, **AGENTS}[name]
    act = operation.on(OrderModel(estado=BUILT), "")
    token = await workshop.attempt_token(order_id)
    async with watching(workshop) as watch, asyncio.TaskGroup() as group:
        async with workshop.container.database.transaction("test") as holder:
            await holder.execute(_NEXT_ATTEMPT, {"id": order_id})
            asking = send(workshop, operation, order_id, act, by="none", headers=token)
            sent = group.create_task(asking)
            await watch(await holder.scalar(text("SELECT pg_backend_pid()")), 1)
        answer = await sent

    assert (answer.status_code, answer.json()["codigo"]) == (401, "intento_terminado")
    after = await workshop.order(order_id)
    assert (after.intento, after.estado) == (before.intento + 1, before.estado)
    assert (after.version, after.heartbeat_at) == (before.version, before.heartbeat_at)
    async with workshop.container.database.reading() as session:
        told = await session.execute(_TOLD_SINCE, {"id": order_id, "seq": before.event_seq})
    assert list(told.scalars()) == ["construccion.intento_anterior"]


async def run_trials(
    workshop: Workshop,
    trials: Sequence[Trial],
    turns: Sequence[Turns],
    *,
    alike: Sequence[Turns] | None = None,
) -> None:
    """Let each trial's pair collide once for each of `turns`; `alike`: those of equal requests."""
    limit, seen = asyncio.Semaphore(AT_ONCE), Counter[str]()
    async with watching(workshop) as watch:

        async def run(trial: Trial) -> None:
            same = trial.names[0] == trial.names[1]
            async with limit:
                seen.update(
                    await run_trial(workshop, trial, alike if same and alike else turns, watch)
                )

        for start in range(0, len(trials), _ROUND):
            await workshop.log_in()  # all of them take longer than an access token lives
            async with asyncio.TaskGroup() as group:  # the first failure ends the others
                for trial in trials[start : start + _ROUND]:
                    group.create_task(run(trial))
    print(f"{len(trials)} trials, {seen.total()} races: {dict(seen)}")  # noqa: T201 — with -s


async def trials_of(
    workshop: Workshop, copies: Copies, asked: UUID, pair: tuple[str, str]
) -> list[Trial]:
    """Return the pair's trials: while the order is built, and in a state in which the other serves.

    Each without If-Match, and with the version that both have read.
    """
    operations = tuple({**OPERATIONS, **AGENTS}[name] for name in pair)
    first, other = operations
    originals = [asked]
    if other.name in OPERATIONS and not other.serves(copies.originals[BUILT].model):
        state = next(s for s in STATES if other.serves(copies.originals[s].model))
        originals.append(copies.originals[state].id)
    trials: list[Trial] = []
    for original in originals:
        order = await workshop.order(original)
        model, digest = copies.originals[order.estado].model, order.plan_hash or ""
        for version in (None, order.version) if other.guarded else (None,):
            acts = (first.on(model, digest, if_match=version),
                    other.on(model, digest, if_match=version))  # fmt: skip
            trials.append(Trial(pair, original, (first, other), acts))
    return trials


async def run_trial(
    workshop: Workshop, trial: Trial, turns: Sequence[Turns], watch: Watch
) -> Sequence[str]:
    """Let the pair collide on copies of its order; return how each collision was answered."""
    forth, back, *collided = await copy_orders(workshop, trial.original, len(turns) + 2)
    serial = [
        await one_after_the_other(workshop, trial, order_id, one_way)
        for order_id, one_way in zip((forth, back), EITHER_FIRST, strict=True)
    ]
    found: list[str] = []
    for order_id, first in zip(collided, turns, strict=True):
        answers = await collide(
            workshop, order_id, await sendings(workshop, trial, order_id), watch, first
        )
        outcome = await outcome_of(workshop, trial, order_id, answers)
        assert outcome in serial, (trial.names, outcome.answers, differences(outcome, serial))
        found.append(" and ".join(sorted(outcome.answers)))
    return found


def differences(outcome: Outcome, serial: Sequence[Outcome]) -> list[tuple[object, ...]]:
    """Return, for each way one after the other, its answers and what it leaves otherwise."""
    return [
        (
            each.answers,
            {name: (value, each.left[name]) for name, value in outcome.left.items()
             if value != each.left[name]},
        )
        for each in serial
    ]  # fmt: skip


async def one_after_the_other(
    workshop: Workshop, trial: Trial, order_id: UUID, turns: Turns
) -> Outcome:
    sending = await sendings(workshop, trial, order_id)
    answers = {turn: await sending[turn]() for turn in turns}
    return await outcome_of(workshop, trial, order_id, [answers[turn] for turn in sorted(answers)])


async def sendings(workshop: Workshop, trial: Trial, order_id: UUID) -> list[Sending]:
    """Return the two requests about this copy; an agent's go with a token of its attempt."""
    token: Headers = {}
    if any(name in WITH_TOKEN for name in trial.names):
        token = await workshop.attempt_token(order_id)
    return [
        partial(send, workshop, operation, order_id, act, by="none", headers=token)
        if operation.name in WITH_TOKEN
        else partial(
            send,
            workshop,
            operation,
            order_id,
            act,
            by="council" if operation.name == "check" else "admin",
        )
        for operation, act in zip(trial.operations, trial.acts, strict=True)
    ]


async def outcome_of(
    workshop: Workshop, trial: Trial, order_id: UUID, answers: Sequence[httpx2.Response]
) -> Outcome:
    async with workshop.container.database.reading() as session:
        (found,) = await facts(session, [order_id])
        traces = (await session.execute(_TRACES, {"id": str(order_id)})).one()
    assert found.faults() == [], trial
    said = tuple(
        f"{status_of(act, answer)} {answer.json().get('codigo', '')}".rstrip()
        for act, answer in zip(trial.acts, answers, strict=True)
    )
    row = {name: value for name, value in found.row.items() if name not in _COUNTS}
    return Outcome(said, {**row, **traces._mapping})
