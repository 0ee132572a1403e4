"""The commit's answer is lost: the repeated request finds the first result, and there is one.

One endpoint of each kind in `make test`: `test_idempotency.py` proves there that every endpoint
writes its answer and its work in one transaction. All of them in `make variants`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import pytest

from axon_factory.bootstrap.application import application_of
from tests.proofs.commit_cutter import CommitCutter
from tests.proofs.contents import contents
from tests.proofs.copies import Copies
from tests.proofs.kitchen import Kitchen
from tests.proofs.recipes import ONE_OF_EACH_KIND, RECIPES
from tests.proofs.writes import Endpoint
from tests.support.server import running
from tests.support.workshop import Workshop, make_container


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An API process whose way to the database may lose the answer to a commit."""

    cutter: CommitCutter
    http: httpx2.AsyncClient


@pytest.fixture(scope="module")
async def doubtful(workshop: Workshop) -> AsyncIterator[Doubtful]:
    async with CommitCutter(workshop.container.database.url).serving() as cutter:
        container = make_container(cutter.url, workshop.container.data_dir)
        async with running(application_of(container)) as http:
            yield Doubtful(cutter, http)
        await container.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(endpoint, marks=[] if endpoint in ONE_OF_EACH_KIND else pytest.mark.nightly)
        for endpoint in RECIPES
    ],
    ids=str,
)
async def test_a_lost_commit_is_found_again(
    workshop: Workshop, copies: Copies, doubtful: Doubtful, endpoint: Endpoint
) -> None:
    key = f"clave-{uuid4().hex}"
    request = await RECIPES[endpoint](Kitchen(workshop, copies), workshop.headers["admin"])
    before, cuts = await contents(workshop), doubtful.cutter.cuts
    doubtful.cutter.lose_commit_of(key)
    lost = await request.send(doubtful.http, key)
    assert (lost.status_code, doubtful.cutter.cuts) == (503, cuts + 1), lost.text
    after = await contents(workshop)
    assert after != before, "the commit was not lost but never made"
    for http in (workshop.http, doubtful.http):
        found = await request.repeat(http, key)
        assert found.is_success, found.text
        assert found.headers["Idempotency-Replayed"] == "true"
    assert await contents(workshop) == after
