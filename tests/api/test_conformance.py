"""The hook that holds answers against the document does refuse what is not in it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from axon_factory.bootstrap.application import application_of
from axon_factory.orders.answers.shared import design_example
from tests.support.conformance import Conformance
from tests.support.workshop import make_container

Json = Any
CREATED = design_example("3.1-create.201")


@pytest.fixture
async def conformance(tmp_path: Path) -> AsyncIterator[Conformance]:
    container = make_container("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    yield Conformance(application_of(container).openapi)
    container.passwords.close()


def answer(
    status: int = 201,
    body: Json = None,
    *,
    method: str = "POST",
    path: str = "/api/orders",
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    request = httpx2.Request(method, f"http://127.0.0.1{path}")
    return httpx2.Response(status, json=body or CREATED, headers=headers, request=request)


@pytest.mark.parametrize(
    "fits",
    [
        answer(),
        answer(headers={"Location": "/api/orders/1", "ETag": '"1"'}),
        answer(404, {"anything": 1}, path="/api/orders/nowhere/at/all"),
        answer(200, {"anything": 1}, method="OPTIONS"),
    ],
)
async def test_a_documented_answer_passes(conformance: Conformance, fits: httpx2.Response) -> None:
    await conformance.check(fits)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (answer(202), "status 202 is not documented"),
        (answer(headers={"X-Secret": "1"}), "x-secret"),
        (answer(headers={"Content-Type": "application/xml"}), "media type 'application/xml'"),
        (answer(body={**CREATED, "notas_internas": "x"}), "notas_internas"),
        (answer(body={**CREATED, "progreso": "0"}), r"\$\.progreso"),
        (answer(body={**CREATED, "estado": "zzz"}), r"\$\.estado"),
        (answer(body={"id": CREATED["id"]}), "order_number"),
        (answer(409, {"error": "Conflicto", "codigo": "conflicto"}), "of 409"),
    ],
)
async def test_an_undocumented_answer_does_not(
    conformance: Conformance, wrong: httpx2.Response, complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        await conformance.check(wrong)
