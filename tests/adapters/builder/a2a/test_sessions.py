"""Sessions as the port knows them, against an agent of the official SDK over real HTTP."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from a2a.types.a2a_pb2 import TaskState
from starlette.responses import JSONResponse

from axon_factory.ports.builder import AgentAnswer, BuildStatus, Finding
from axon_factory.ports.errors import PortError
from tests.adapters.builder.a2a.conftest import MILESTONES, Begin
from tests.support.a2a_script import Act, Ask, Commit, End, HandOver, Say, Wait

ALL = tuple(Commit(milestone) for milestone in MILESTONES)
GOOD: tuple[Act, ...] = (Say("Empiezo"), *ALL, HandOver(), End(text="Listo"))


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "polling"])
async def test_an_agent_builds_over_every_transport(
    begin: Begin, binding: str, *, streaming: bool
) -> None:
    path = {"JSONRPC": "/a2a", "HTTP+JSON": "/rest"}[binding]
    session = await begin(script=GOOD, streaming=streaming, bindings=[(binding, "1.0", path)])
    await session.start()
    reports = await session.until_finished()

    assert [item.id for report in reports for item in report.milestones] == list(MILESTONES)
    logs = [line for report in reports for line in report.logs]
    assert [(line.agent, line.message) for line in logs] == [
        ("Constructor A2A", "Empiezo"),
        ("Constructor A2A", "Listo"),
    ]
    assert (session.request.product_dir / "qa-1.txt").read_text() == "hecho"


@pytest.mark.parametrize("how", ["raw", "chunks", "url"])
async def test_a_repository_comes_in_every_form(begin: Begin, how: str) -> None:
    session = await begin(script=(*ALL, HandOver(how), End()))
    await session.start()
    await session.until_finished()
    assert session.request.completed == set(MILESTONES)


async def test_the_agent_gets_what_it_needs_and_no_secret(begin: Begin) -> None:
    session = await begin(script=GOOD)
    secrets = {"stripe_secret": "hunter2hunter2", "idioma": "es"}
    session.request = replace(
        session.request,
        configuration=secrets,
        findings=(Finding("pruebas", "falla"),),
        completed=frozenset({"base"}),
    )
    await session.start()

    (message,) = session.agent.received
    told = session.agent.documents()
    assert message.parts[0].text == "Construir un producto"
    assert told["orden"]["id"] == session.request.order_id
    assert [item["id"] for item in told["plan"]["milestones"]] == list(MILESTONES)
    assert told["configuracion"] == {"idioma": "es"}
    assert told["cliente"]["nombre"] == session.request.client["nombre"]
    assert told["hallazgos"] == [{"revision": "pruebas", "mensaje": "falla"}]
    assert told["hitos_completados"] == ["base"]
    assert told["api"] == {"url": "https://fabrica.example", "system_token": "axs_live_prueba"}
    assert "hunter2" not in str(message)


async def test_a_task_is_started_once(begin: Begin) -> None:
    session = await begin(script=(Wait("end"),))
    assert await session.builder.find(session.request, idempotency_key="") is None
    first = await session.start()

    assert await session.start() == first
    assert await session.builder.find(session.request, idempotency_key="") == first
    assert len(await session.agent.all_tasks()) == 1
    other = replace(session.request, attempt=2)
    assert await session.builder.find(other, idempotency_key="") is None


async def test_an_agent_that_does_not_list_is_told_the_same_ids(begin: Begin) -> None:
    async def no_list(asked: str) -> JSONResponse | None:
        if asked != "ListTasks":
            return None
        error = {"code": -32601, "message": "Method not found"}
        return JSONResponse({"jsonrpc": "2.0", "id": 1, "error": error})

    session = await begin(script=(Wait("end"),), intercept=no_list)
    await session.start()
    await session.start()
    first, second = session.agent.received
    assert (first.message_id, first.context_id) == (second.message_id, second.context_id)
    with pytest.raises(PortError, match="rechazó la petición"):
        await session.builder.find(session.request, idempotency_key="")


async def test_words_become_logs_and_claims_but_no_milestones(begin: Begin) -> None:
    lies = {"progreso": 95, "milestone": "qa", "agente": "QA Agent", "nivel": "warning"}
    session = await begin(
        script=(
            Say("Uno", {"progreso": 10}),
            Say("Do\0s", lies),
            Say("", {"progreso": 96}),
            Wait("x"),
        )
    )
    await session.start()
    await session.agent.gate("at x").wait()
    report = await session.look()

    assert [(line.agent, line.message, line.level.value) for line in report.logs] == [
        ("Constructor A2A", "Uno", "info"),
        ("QA Agent", "Dos", "warning"),
        ("Constructor A2A", "Progreso reportado: 96 %", "info"),
    ]
    assert report.reported is not None
    assert (report.reported.percent, report.reported.milestones) == (96, ("qa",))
    assert report.milestones == ()
    again = await session.look()
    assert (again.logs, again.reported) == ((), report.reported)
    assert again.heartbeat_at is not None  # answering for a task is no sign of life
    lost = await session.look(cursor=None)
    assert [line.key for line in lost.logs] == [line.key for line in report.logs]


@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "polling"])
async def test_milestones_count_as_they_are_handed_over(begin: Begin, *, streaming: bool) -> None:
    session = await begin(
        script=(
            *(ALL[0], HandOver(), Wait("one")),
            *(ALL[1], ALL[2], HandOver(), Wait("two")),
            *(Commit(""), HandOver(), End()),
        ),
        streaming=streaming,
    )
    await session.start()
    await session.agent.gate("at one").wait()
    first = await session.look()
    again = await session.look(cursor=None, completed=frozenset())
    session.agent.gate("one").set()
    await session.agent.gate("at two").wait()
    second = await session.look()
    session.agent.gate("two").set()
    rest = await session.until_finished()

    assert [item.id for item in first.milestones] == ["base"]
    assert again.milestones == first.milestones  # of a call that was interrupted
    # The last one waits for the end: what the agent still hands over must not be left behind.
    assert [item.id for item in second.milestones] == ["api"]
    assert [item.id for report in rest for item in report.milestones] == ["qa"]
    assert (session.request.product_dir / "otro-1.txt").exists()


async def test_a_question_is_asked_and_its_answer_given_once(begin: Begin) -> None:
    asked = Ask("¿Qué color?", {"opciones": ["rojo", 7, "azul"], "para": "cliente"})
    session = await begin(script=(asked, Say("Gracias"), *ALL, HandOver(), End()))
    await session.start()
    report = await session.look()
    (question,) = report.questions
    assert (question.text, question.options, question.to_client) == (
        "¿Qué color?",
        ("rojo", "azul"),
        True,
    )

    answer = AgentAnswer(question.key, 1, question.text, "azul")
    for _ in range(2):  # the first call was killed before its outcome was recorded
        await session.look(answers=(answer,), cursor=None, completed=frozenset())

    _, told = session.agent.received
    assert told.parts[0].text == "azul"
    assert session.agent.documents()["respuesta"]["numero"] == 1


async def test_a_question_is_for_the_operator_unless_it_says_otherwise(begin: Begin) -> None:
    session = await begin(script=(Ask(""),))
    await session.start()
    (question,) = (await session.look()).questions
    assert (question.text, question.to_client) == (
        "El agente necesita una respuesta para continuar.",
        False,
    )


async def test_a_rework_goes_on_from_the_repository(begin: Begin) -> None:
    session = await begin(script=GOOD)
    await session.start()
    await session.until_finished()

    session.request = replace(session.request, attempt=2, completed=frozenset(), cursor=None)
    await session.start()
    await session.until_finished()

    assert len(await session.agent.all_tasks()) == 2
    assert {"qa-1.txt", "qa-2.txt"} <= {path.name for path in session.request.product_dir.iterdir()}


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ((Say("Empiezo"), Wait("x")), True),
        ((Ask("¿Sí?"),), True),
        (GOOD, True),
        ((End(TaskState.TASK_STATE_FAILED),), True),
    ],
    ids=["working", "asking", "completed", "failed"],
)
async def test_a_task_is_stopped(begin: Begin, script: Sequence[Act], *, ended: bool) -> None:
    session = await begin(script=script, streaming=False)
    await session.start()
    for _ in range(2):
        stopped = await session.builder.stop(
            session.id, session.request, force=False, idempotency_key="parar"
        )
        assert stopped is ended


async def test_a_task_that_is_gone_has_ended(begin: Begin) -> None:
    session = await begin(script=GOOD)
    await session.start()
    await session.agent.forget()
    assert await session.builder.stop(
        session.id, session.request, force=False, idempotency_key="parar"
    )


@pytest.mark.parametrize("force", [False, True])
async def test_an_agent_that_ignores_a_cancellation_has_not_ended(
    begin: Begin, *, force: bool
) -> None:
    session = await begin(
        {"timeout_seconds": 0.5}, script=(Say("Sigo"), Wait("x")), unstoppable=True, streaming=False
    )
    await session.start()
    assert not await session.builder.stop(
        session.id, session.request, force=force, idempotency_key="parar"
    )
    session.agent.gate("never").set()


async def test_pushes_are_asked_for_with_the_attempts_token(begin: Begin) -> None:
    session = await begin(script=(Wait("x"),), pushes=True)
    await session.start()
    assert "CreateTaskPushNotificationConfig" in session.agent.requests
    session.request = replace(session.request, api_url="http://fabrica.example")
    session.agent.requests.clear()
    await session.start()
    assert "CreateTaskPushNotificationConfig" not in session.agent.requests


async def test_an_agent_that_thinks_about_an_answer_has_it(begin: Begin) -> None:
    session = await begin({"timeout_seconds": 0.5}, script=(Ask("¿Sí?"), Wait("x")))
    await session.start()
    (question,) = (await session.look()).questions
    answer = AgentAnswer(question.key, 1, question.text, "Sí")
    report = await session.look(answers=(answer,))
    assert (report.status, report.questions) == (BuildStatus.WORKING, (question,))


async def test_a_stream_brings_news_without_a_pause(begin: Begin) -> None:
    session = await begin(
        {"poll_seconds": 10.0}, script=(Say("Uno"), Wait("a"), Say("Dos"), Wait("b"))
    )

    async def go_on(asked: str) -> None:
        if asked == "SubscribeToTask":
            session.agent.gate("a").set()

    session.agent.intercept = go_on
    await session.start()
    await session.agent.gate("at a").wait()
    report = await session.look()
    assert report.status is BuildStatus.WORKING
    assert [line.message for line in report.logs] == ["Uno", "Dos"]
    assert report.poll_after_seconds <= 1
