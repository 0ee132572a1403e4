"""Requests that Schemathesis generates from the OpenAPI document, once for each kind of principal.

`make fuzz` sends 1000 to every operation (or as many as AXON_TEST_FUZZ_EXAMPLES says), every value
at its bounds, and chains of requests that go on with one another's answers, and shows the tool's
own progress. A failure prints how to repeat it. What the gate sends is in `test_fixed_requests.py`.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI

from axon_factory.domain.states import OrderState
from tests.support.server import running
from tests.support.workshop import Headers, Json, Workshop

ROLES = ("admin", "operator", "owner", "attempt")
CALLERS = (*ROLES, "key_lectura", "key_escritura", "key_admin", "permanent", "none")
MANY = int(os.environ.get("AXON_TEST_FUZZ_EXAMPLES", "1000"))


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent."""

    examples: int
    phases: str


LONG = {
    "bounds": Size(MANY, "examples,coverage"),
    "fuzzing": Size(MANY, "fuzzing"),
    # Examples are whole chains here, and not for one operation but for all of them.
    "chains": Size(max(1, MANY // 10), "stateful"),
}
AT_LENGTH = [pytest.mark.fuzz, pytest.mark.timeout(3 * 3600)]
HOOKS = Path(__file__).with_name("fresh_credentials.py")
Credentials = Callable[[], Coroutine[None, None, Headers]]
OWN_SESSION = ("logOut", "changePassword")
"""They end the session that the caller goes on with; they are asked in one of their own."""


@pytest.mark.parametrize(
    ("size", "caller"),
    [
        pytest.param(size, name, id=f"many-{name}-{kind}", marks=AT_LENGTH)
        for name in CALLERS
        for kind, size in LONG.items()
    ],
)
async def test_generated_requests(
    fuzzed: Workshop, orders: list[str], tmp_path: Path, size: Size, caller: str
) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(_config(orders), encoding="utf-8")
    document = (await fuzzed.http.get("/openapi.json")).json()
    names = [name for name in _operation_ids(document) if name not in OWN_SESSION]
    selection = [part for name in names for part in ("--include-operation-id", name)]
    await _run(fuzzed, config, size, _credentials(fuzzed, orders, caller), selection)


@pytest.mark.parametrize(
    "size",
    [
        # No answer of theirs leads to the other: there are no chains.
        pytest.param(LONG[kind], id=f"many-{kind}", marks=AT_LENGTH)
        for kind in ("bounds", "fuzzing")
    ],
)
async def test_requests_that_end_the_session(
    fuzzed: Workshop, orders: list[str], tmp_path: Path, size: Size
) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(_config(orders), encoding="utf-8")
    selection = [part for name in OWN_SESSION for part in ("--include-operation-id", name)]
    await _run(fuzzed, config, size, _credentials(fuzzed, orders, "other"), selection)


def _operation_ids(document: Json) -> list[str]:
    return [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]


def _credentials(fuzzed: Workshop, orders: list[str], caller: str) -> Credentials:
    """Return what gives the headers of a new principal of the caller's kind.

    A new one each time, because what is generated signs out, revokes and disables whom it finds.
    """

    async def attempt() -> Headers:
        """An attempt's token holds while its order is being built."""
        path = "/api/orders?estado=construccion&limit=100"
        answer = await fuzzed.http.get(path, headers=await fuzzed.new_principal("admin"))
        built = [each["id"] for each in answer.json()["orders"]]
        chosen = next((UUID(each) for each in orders if each in built), None)
        return await fuzzed.attempt_token(chosen or await fuzzed.placed_in(OrderState.CONSTRUCCION))

    async def other() -> Headers:
        return await fuzzed.new_principal(caller)

    return attempt if caller == "attempt" else other


@contextlib.asynccontextmanager
async def _handing_out(credentials: Credentials) -> AsyncGenerator[str]:
    """Yield an address on loopback that answers with the caller's headers."""
    desk = FastAPI()
    desk.get("/")(credentials)
    async with running(desk) as http:
        yield str(http.base_url)


async def _run(
    fuzzed: Workshop, config: Path, size: Size, credentials: Credentials, selection: list[str]
) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{fuzzed.http.base_url}/openapi.json", "--url", str(fuzzed.http.base_url)),
        *("--phases", size.phases, "--max-examples", str(size.examples), "--workers", "2"),
        *("--max-response-time", "10"),
        *("--no-color", "--continue-on-failure", *selection),
    ]
    async with _handing_out(credentials) as address:
        status, said = await _finished(command, config.parent, address)
    assert status == 0, said


async def _finished(command: list[str], folder: Path, credentials: str) -> tuple[int | None, str]:
    """Run the tool to its end and return its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 26,  # of a line: a failure shows its request whole
        env={**os.environ, "COLUMNS": "200", "FUZZ_CREDENTIALS": credentials},
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        async for line in process.stdout:
            said.append(line.decode(errors="replace"))
            print(said[-1], end="", flush=True)  # noqa: T201 — progress, shown with -s
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, "".join(said)


def _config(orders: list[str]) -> str:
    """Say what this API means by its answers where a general tool cannot know."""
    return f"""
hooks = {json.dumps(str(HOOKS))}

[dictionaries.orders]
values = {json.dumps(orders)}

[parameters]
"path.id" = {{ dictionary = "orders", probability = 0.7 }}
# A cancelled order stays readable: DELETE means "cancel" (design §3.6).
[checks.use_after_free]
enabled = false
# 400 also says "not in this state" (design §3.3, §3.6); 409 and 412 say it elsewhere.
[[operations]]
include-operation-id = ["streamOrder", "streamOrders"]
# OpenAPI 3.1 cannot describe a stream of events; ours is a string there, the tool reads events.
checks.response_schema_conformance.enabled = false
# What there is comes at once; the tool would wait ten seconds each time for what may come yet.
request-timeout = 0.5

# Parameters that are too long may be refused as an address that is.
[checks.negative_data_rejection]
expected-statuses = ["4xx"]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 412, 422, 429]
"""
