"""Generated requests to every operation of the OpenAPI document, the same every day.

For each operation Schemathesis makes a few requests that the document allows and one that it does
not. They are made without chance: they change with the document only. The answer must be documented
(`tests.support.conformance`) and no failure of the server. `make fuzz` searches at length.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from axon_factory.bootstrap.application import application_of
from tests.support.copies import copy_order
from tests.support.workshop import Headers, Workshop

ALLOWED, NOT_ALLOWED = 1, 1
"""How many requests an operation gets of each kind; `make fuzz` sends thousands."""
ELSEWHERE = frozenset(
    {"GET /api/orders/stream", "GET /api/orders/{id}/stream", "POST /api/auth/logout"}
)
"""Its answer does not end (tests/realtime); it ends the session that the caller goes on with."""
ROLES = ("operator", "owner", "attempt", "none")
"""They ask in turn, beside the admin, who asks everything."""
_NOT_TAKEN = frozenset({"Authorization", "X-API-Key", "X-System-Token", "Content-Length"})
"""Generated headers: a caller's credential is its own."""


class Request(NamedTuple):
    """One generated request; `allowed`: the document allows it; `wrong`: the parts that break it.

    A part is a ParameterLocation of Schemathesis: path, query, header, cookie or body.
    """

    operation: str
    allowed: bool
    wrong: frozenset[str]
    prepared: requests.PreparedRequest


@pytest.fixture(scope="module")
async def made(fuzzed: Workshop, orders: list[str]) -> list[Request]:
    document = application_of(fuzzed.container).openapi()
    return await asyncio.to_thread(_made, document, str(fuzzed.http.base_url), orders)


def _made(document: Mapping[str, Any], address: str, orders: Sequence[str]) -> list[Request]:
    schema = schemathesis.openapi.from_dict(dict(document))
    found: list[Request] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.label in ELSEWHERE:
            continue
        for mode, count in (
            (GenerationMode.POSITIVE, ALLOWED),
            (GenerationMode.NEGATIVE, NOT_ALLOWED),
        ):
            allowed = mode is GenerationMode.POSITIVE
            if not allowed and not operation.body and not list(operation.iter_parameters()):
                continue  # nothing in it can be wrong
            for case in _cases(operation.as_strategy(generation_mode=mode), count):
                if allowed and "/api/orders/{id}" in operation.label:
                    case.path_parameters["id"] = orders[7 * len(found) % len(orders)]
                if case.query and str(case.query.get("wait", "")).isdecimal():
                    case.query["wait"] = 0  # the feed of events would hold the answer for so long
                sent = case.as_transport_kwargs(base_url=address)
                wrong = frozenset(
                    part.value
                    for part, info in case.meta.components.items()
                    if info.mode is GenerationMode.NEGATIVE
                )
                found.append(Request(operation.label, allowed, wrong, _prepared(sent)))
    return found


def _cases(strategy: Any, count: int) -> list[Any]:  # noqa: ANN401 — Schemathesis types neither
    cases: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Any) -> None:  # noqa: ANN401
        cases.append(case)

    collect()
    return cases


def _prepared(sent: Mapping[str, Any]) -> requests.PreparedRequest:
    names = ("method", "url", "headers", "params", "data", "json", "cookies", "files")
    return requests.Request(**{name: sent[name] for name in names if name in sent}).prepare()


async def test_every_answer_is_documented(
    fuzzed: Workshop, made: list[Request], orders: list[str]
) -> None:
    assert len({request.operation for request in made}) > 70
    own = await copy_order(fuzzed, UUID(orders[12]))
    tokens = {**fuzzed.headers, "attempt": await fuzzed.attempt_token(own)}
    faults: list[str] = []
    for number, request in enumerate(made):
        for caller in ("admin", ROLES[number % len(ROLES)]) if request.allowed else ("admin",):
            headers = tokens[caller]
            if request.operation == "POST /api/auth/password":
                headers = await fuzzed.new_principal("other")
            faults += await _faults(fuzzed, request, caller, headers, orders, str(own))
    assert not faults, "\n".join(faults)


async def _faults(
    fuzzed: Workshop,
    request: Request,
    caller: str,
    credentials: Headers,
    orders: Sequence[str],
    own: str,
) -> list[str]:
    """Send it as `caller` and return what is wrong with the answer."""
    prepared, url = request.prepared, request.prepared.url or ""
    if caller == "attempt" and request.allowed:  # of the others it is told that there is none
        url = next((url.replace(each, own) for each in orders if each in url), url)
    headers: dict[str, str | bytes] = {"X-Request-Id": uuid4().hex, **credentials}
    for name, value in prepared.headers.items():
        if name not in _NOT_TAKEN:
            headers[name] = value.encode("latin-1") if isinstance(value, str) else value
    shown = f"{request.operation} as {caller}: {prepared.method} {url} {prepared.body!r}"
    try:
        answer = await fuzzed.http.request(
            prepared.method or "", url, content=prepared.body, headers=headers
        )
    except AssertionError as undocumented:
        return [f"{shown}: {undocumented}"]
    except httpx2.HTTPError as failed:
        return [f"{shown}: {failed!r}"]
    if answer.is_server_error:
        return [f"{shown}: {answer.status_code} {answer.text[:300]}"]
    # Headers that make no sense are ignored, as those of any other program's are.
    if request.wrong & {"path", "query", "body"} and not answer.is_client_error:
        return [f"{shown}: {answer.status_code}, with a wrong {set(request.wrong)}"]
    return []
