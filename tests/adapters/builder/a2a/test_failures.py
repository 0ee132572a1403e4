"""What goes wrong with an agent, and what the order is told of it: one table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from a2a.types.a2a_pb2 import TaskState
from starlette.responses import JSONResponse, PlainTextResponse, Response

from axon_factory.adapters.builder.a2a import A2ABuilder, A2AOptions
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.ports.builder import BuildReport, BuildStatus, SessionLost
from axon_factory.ports.errors import PortError
from tests.adapters.builder.a2a.conftest import MILESTONES, Begin
from tests.support.a2a_script import Act, Commit, End, HandOver, Say, Wait

GOOD: tuple[Act, ...] = (*(Commit(item) for item in MILESTONES), HandOver(), End())
JSONRPC = ("JSONRPC", "1.0", "/a2a")
HUGE = b"# v2 git bundle\n" + bytes(2**20)
NOT_GIT = b"# v2 git bundle\nno es nada"


@dataclass(frozen=True)
class Case:
    """How the agent behaves, and what `place` then raises."""

    name: str
    says: str
    place: str = "proceed"
    transient: bool = False
    script: Sequence[Act] = (Say("Va"),)
    agent: dict[str, Any] = field(default_factory=dict[str, Any])
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return self.name


def _answers(method: str, answer: Response) -> dict[str, Any]:
    """Return an agent that answers `method` with `answer`."""

    async def intercept(asked: str) -> Response | None:
        return answer if asked == method else None

    return {"intercept": intercept}


def _error(code: int) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "ay\0"}})


def _result(value: object) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": 1, "result": value})


CARD = "/.well-known/agent-card.json"
_E = TaskState
CASES = [
    Case("fails", "falló: no pude", script=(Say("x"), End(_E.TASK_STATE_FAILED, "no\0 pude"))),
    Case("fails-silently", "falló: no dice por qué", script=(End(_E.TASK_STATE_FAILED),)),
    Case("fails-at-length", "falló: a{1,2000}…?$", script=(End(_E.TASK_STATE_FAILED, "a" * 9999),)),
    Case("rejects", "rechazó el encargo: no", script=(End(_E.TASK_STATE_REJECTED, "no"),)),
    Case("wants-login", "pide una autoriz", script=(End(_E.TASK_STATE_AUTH_REQUIRED, "x"),)),
    Case("nothing", "sin entregar un repositorio", script=(End(),)),
    Case("no-git", "no se acepta", script=(HandOver(instead=NOT_GIT), End())),
    Case("huge", "no se acepta: pasa de 1 MB", script=(HandOver(instead=HUGE), End())),
    Case(
        "elsewhere",
        "en otro servidor",
        script=(HandOver("url", NOT_GIT, "http://127.0.0.1:1/x.bundle"), End()),
    ),
    Case(
        "url-gone", "código HTTP 404", script=(HandOver("url", NOT_GIT, "/files/x.bundle"), End())
    ),
    Case("410", "código HTTP 410", agent=_answers("GetTask", Response("", 410))),
    Case("moved", "código HTTP 302", agent=_answers("GetTask", Response("", 302))),
    Case("refuses", "rechazó la petición", agent=_answers("GetTask", _error(-32602))),
    Case(
        "zipped",
        "respondió demasiado: gzip",
        agent=_answers("GetTask", Response("x", headers={"Content-Encoding": "gzip"})),
    ),
    Case(
        "endless",
        "respondió demasiado",
        agent=_answers("GetTask", PlainTextResponse("x" * (20 * 2**20))),
        options={"max_artifact_bytes": 2**20},
    ),
    Case("wrong-token", "AXON_AGENT_A2A_TOKEN", "start", options={"token": "otra"}),
    Case("no-card", "código HTTP 404", "start", agent=_answers(CARD, Response("", 404))),
    Case(
        "card-prose",
        "no es una respuesta",
        "start",
        transient=True,
        agent=_answers(CARD, Response("x")),
    ),
    Case(
        "card-list",
        "no es una resp",
        "start",
        transient=True,
        agent=_answers(CARD, JSONResponse([1])),
    ),
    Case(
        "grpc",
        "nuestros transportes .JSONRPC, HTTP.JSON.: su tarjeta ofrece GRPC 1.0",
        "start",
        agent={"bindings": [("GRPC", "1.0", "/a2a")]},
    ),
    Case(
        "version",
        "la versión 1 del protocolo: su tarjeta ofrece HTTP.JSON 2.0, JSONRPC 0.3",
        "start",
        agent={"bindings": [("JSONRPC", "0.3", "/a2a"), ("HTTP+JSON", "2.0", "/rest")]},
    ),
    Case(
        "no-interface",
        "su tarjeta ofrece ninguna interfaz",
        "start",
        agent={"bindings": [("visita http://x.example ya", "1.0", "/a2a")]},
    ),
    Case(
        "other-host",
        "señala otro servidor",
        "start",
        agent={"bindings": [("JSONRPC", "1.0", "https://otro.example/a2a")]},
    ),
    Case(
        "message",
        "un mensaje y no con una tarea",
        "start",
        agent=_answers(
            "SendMessage", _result({"message": {"messageId": "m", "role": "ROLE_AGENT"}})
        ),
    ),
    Case(
        "bad-id",
        "identificador que no se acepta",
        "start",
        agent=_answers("SendMessage", _result({"task": {"id": "../../x", "contextId": "c"}})),
    ),
]


UNHEARD = {
    "500": Response("", 500),
    "503": Response("", 503),
    "429": Response("", 429),
    "prose": Response("x"),
    "list": JSONResponse([]),
    "text": _result("x"),
    "wrong types": _result({"id": []}),
    "deep": Response('{"a":' * 100_000),
    "internal error": _error(-32603),
    "unknown error": _error(1),
}


@pytest.mark.parametrize("answer", UNHEARD.values(), ids=UNHEARD)
async def test_an_agent_that_is_not_understood_is_only_not_heard(
    begin: Begin, answer: Response
) -> None:
    session = await begin(script=(Say("Va"),), bindings=[JSONRPC], **_answers("GetTask", answer))
    await session.start()
    assert await session.look(cursor="c") == BuildReport(
        BuildStatus.WORKING, poll_after_seconds=0.05, heard=False, cursor="c"
    )


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_agent_that_goes_wrong(begin: Begin, case: Case) -> None:
    agent = {"bindings": [JSONRPC], "streaming": False, **case.agent}
    session = await begin(case.options, script=case.script, **agent)
    if case.place == "proceed":
        await session.start()
    call = session.until_finished if case.place == "proceed" else session.start
    with pytest.raises(PortError) as raised:
        await call()
    assert re.search(case.says, raised.value.for_staff)
    assert raised.value.detail not in str(raised.value) or not raised.value.detail
    assert raised.value.transient is case.transient
    assert not isinstance(raised.value, SessionLost)
    assert "\0" not in str(raised.value)
    assert session.request.completed == frozenset()


@pytest.mark.parametrize("end", ["canceled", "forgotten"])
@pytest.mark.parametrize("binding", [JSONRPC, ("HTTP+JSON", "1.0", "/rest")], ids=lambda b: b[0])
async def test_a_session_that_is_gone_is_lost(
    begin: Begin, end: str, binding: tuple[str, str, str]
) -> None:
    canceled = End(TaskState.TASK_STATE_CANCELED)
    session = await begin(
        script=(canceled if end == "canceled" else Wait("x"),), bindings=[binding]
    )
    await session.start()
    if end == "forgotten":
        await session.agent.forget()
    with pytest.raises(SessionLost):
        await session.look()


async def test_an_agent_that_does_not_answer_is_asked_again(begin: Begin) -> None:
    session = await begin({"timeout_seconds": 0.3}, script=(Wait("x"),))

    async def stall(asked: str) -> None:
        if asked == "GetTask":
            await session.agent.gate("never").wait()

    await session.start()
    session.agent.intercept = stall
    assert not (await session.look()).heard
    session.agent.gate("never").set()


async def test_an_agent_that_is_not_there_is_asked_again(begin: Begin) -> None:
    session = await begin()
    nowhere = A2ABuilder(A2AOptions("http://127.0.0.1:1"), HandoverLimits())
    with pytest.raises(PortError, match="No hay conexión") as raised:
        await nowhere.start(session.request, idempotency_key="iniciar")
    assert raised.value.transient


async def test_a_bad_handover_of_an_agent_at_work_is_told_and_forgiven(begin: Begin) -> None:
    session = await begin(
        script=(Say("Va"), HandOver(instead=NOT_GIT), Wait("x"), *GOOD), streaming=False
    )
    await session.start()
    await session.agent.gate("at x").wait()
    first, second = await session.look(), await session.look()
    session.agent.gate("x").set()
    await session.until_finished()

    assert first.status is BuildStatus.WORKING
    assert [line.level.value for line in first.logs] == ["info", "warning"]
    assert "no se acepta" in first.logs[-1].message
    assert second.logs == ()
    assert session.request.completed == set(MILESTONES)


async def test_a_push_address_that_is_refused_is_no_failure(begin: Begin) -> None:
    refused = _answers("CreateTaskPushNotificationConfig", _error(-32602))
    session = await begin(script=GOOD, pushes=True, **refused)
    await session.start()
    await session.until_finished()


async def test_a_broken_stream_is_no_failure(begin: Begin) -> None:
    broken = _answers("SubscribeToTask", PlainTextResponse("no", media_type="text/event-stream"))
    session = await begin(script=(Say("Va"), Wait("x")), **broken)
    await session.start()
    await session.agent.gate("at x").wait()
    report = await session.look()
    assert [line.message for line in report.logs] == ["Va"]
    assert "SubscribeToTask" in session.agent.requests


async def test_what_an_agent_calls_trouble_is_for_staff(begin: Begin) -> None:
    words = "El proveedor dice: saldo agotado"
    script = (Say("Va"), Say(words, data={"nivel": "error"}), Say("Ojo", data={"nivel": "warning"}))
    session = await begin(script=(*script, *GOOD))
    await session.start()
    logs = [line for report in await session.until_finished() for line in report.logs]
    shown = {line.message: line.visibility.value for line in logs}
    assert shown == {"Va": "cliente", words: "interno", "Ojo": "interno"} | {
        text: "cliente" for text in shown if text not in {"Va", words, "Ojo"}
    }


UPGRADES = {
    # Where a remembered card leads to, after the upgrade, and what that place then answers.
    "gone": ("JSONRPC", "HTTP+JSON", Response("", 404)),
    "moved": ("JSONRPC", "HTTP+JSON", Response("", 302)),
    "other-version": ("JSONRPC", "HTTP+JSON", _error(-32009)),
    "no-method": ("JSONRPC", "HTTP+JSON", _error(-32601)),
    "rest-gone": ("HTTP+JSON", "JSONRPC", Response("", 404)),
}
_PATHS = {"JSONRPC": "/a2a", "HTTP+JSON": "/rest"}


@pytest.mark.parametrize(
    ("upgrade", "call"),
    [
        *((upgrade, "proceed") for upgrade in UPGRADES),
        *(("gone", call) for call in ("start", "find", "stop")),
        ("no-method", "start"),
    ],
)
async def test_a_card_out_of_date_is_fetched_anew(begin: Begin, upgrade: str, call: str) -> None:
    """An upgrade of the agent costs no order: not even the first one that finds it changed."""
    before, after, answer = UPGRADES[upgrade]
    session = await begin(
        script=(Say("Va"), Wait("x")),
        streaming=False,
        bindings=[(before, "1.0", _PATHS[before])],
    )
    await session.start()

    async def old_place(asked: str) -> Response | None:
        is_old = asked.startswith(_PATHS[before]) if before == "HTTP+JSON" else asked[0] != "/"
        return answer if is_old else None

    session.agent.intercept = old_place
    session.agent.bindings = [(after, "1.0", _PATHS[after])]
    session.agent.listen_at(session.agent.url)
    builder, request = session.builder, session.request
    if call == "start":
        assert await builder.start(request, idempotency_key="k") == session.id
    elif call == "proceed":
        assert (await session.look()).heard
    elif call == "find":
        assert await builder.find(request, idempotency_key="k") == session.id
    else:
        assert await builder.stop(session.id, request, force=False, idempotency_key="k")
    assert session.agent.requests.count(CARD) == 2


async def test_an_agent_that_fails_is_not_asked_twice(begin: Begin) -> None:
    session = await begin(script=(End(_E.TASK_STATE_FAILED, "no pude"),), streaming=False)
    await session.start()
    with pytest.raises(PortError, match="falló"):
        await session.look()
    assert session.agent.requests.count("GetTask") == 1
