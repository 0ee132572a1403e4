"""All 64 pairs of states, asked for by everybody who may write: the verdict is the model's.

In `make test` an admin asks over HTTP, and the function that says what everybody may do is asked in
process; `make variants` asks as everybody over HTTP.
"""

import asyncio
from collections.abc import Sequence
from itertools import product

import pytest

from axon_factory.domain.states import Actor, ActorKind
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.transitions import legal_targets
from tests.proofs.callers import CALLERS
from tests.proofs.copies import Copies
from tests.proofs.model import STATES, Act, By, moves, perform
from tests.proofs.rows import compare_all
from tests.support.workshop import Workshop

WRITERS = [name for name, caller in CALLERS.items() if "patch" in caller.may and name != "agent"]


@pytest.mark.parametrize("source", STATES)
async def test_what_everybody_may_do_from(source: str, workshop: Workshop, copies: Copies) -> None:
    original = copies.originals[source]
    order = await workshop.order(original.id)
    async with workshop.container.database.reading() as session:
        evidence = await read_evidence(session, order)
    for caller in CALLERS.values():
        kind = "user" if caller.person else "key"
        actor = Actor(ActorKind(caller.kind), f"{kind}:{caller.name}", caller.name)
        offered = {target.value for target in legal_targets(order, actor, evidence)}
        assert offered == moves(original.model, caller), caller.name


@pytest.mark.parametrize("source", STATES)
async def test_every_target_from(source: str, workshop: Workshop, copies: Copies) -> None:
    await ask_for_every_target(source, ["admin"], workshop, copies)


@pytest.mark.nightly
@pytest.mark.parametrize("source", STATES)
async def test_every_target_for_everybody_from(
    source: str, workshop: Workshop, copies: Copies
) -> None:
    await ask_for_every_target(source, WRITERS, workshop, copies)


async def ask_for_every_target(
    source: str, writers: Sequence[str], workshop: Workshop, copies: Copies
) -> None:
    cells = list(product(writers, STATES))
    ids = await copies.many(source, len(cells))
    model = copies.originals[source].model
    await compare_all(workshop, dict.fromkeys(ids, model))
    answers = await asyncio.gather(
        *(
            workshop.attempt_patch(order_id, name, estado=target)
            for order_id, (name, target) in zip(ids, cells, strict=True)
        )
    )
    verdicts = [
        perform(model, Act("patch", {"estado": target}), By(CALLERS[name]))
        for name, target in cells
    ]
    got = {cell: answer.status_code for cell, answer in zip(cells, answers, strict=True)}
    assert got == {cell: status for cell, (status, _) in zip(cells, verdicts, strict=True)}
    after = (model for _, model in verdicts)
    await compare_all(workshop, dict(zip(ids, after, strict=True)))
