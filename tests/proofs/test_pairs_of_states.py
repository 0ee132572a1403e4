"""All 64 pairs of states, asked for by everybody who may write: the verdict is the model's."""

import asyncio
from itertools import product

import pytest

from tests.proofs.callers import CALLERS
from tests.proofs.copies import Copies
from tests.proofs.model import STATES, Act, By, perform
from tests.proofs.rows import compare_all
from tests.support.workshop import Workshop

WRITERS = [name for name, caller in CALLERS.items() if "patch" in caller.may and name != "agent"]


@pytest.mark.parametrize("source", STATES)
async def test_every_target_from(source: str, workshop: Workshop, copies: Copies) -> None:
    cells = list(product(WRITERS, STATES))
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
