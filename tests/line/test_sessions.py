"""What a builder's session says, and what the line keeps of it."""
# ruff: noqa: ARG002 — the builder has its port's signature

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rig import Rig

from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.ports.builder import (
    AgentLog,
    AgentQuestion,
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
    ReportedProgress,
    SessionLost,
)
from axon_factory.ports.planner import ModelUse

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
COMMIT = "c" * 40


class ScriptedBuilder:
    """Reports what it is told to, one report a call, and notes what it is asked."""

    name = "scripted"

    def __init__(self, reports: Sequence[BuildReport | SessionLost]) -> None:
        self.reports = list(reports)
        self.started: list[BuildRequest] = []
        self.asked: list[BuildRequest] = []

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        self.started.append(request)
        return f"ses-{request.attempt}"

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        return f"ses-{request.attempt}" if self.started else None

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        self.asked.append(request)
        report = self.reports.pop(0)
        if isinstance(report, SessionLost):
            raise report
        return report

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        return True


def working(**said: object) -> BuildReport:
    return replace(BuildReport(BuildStatus.WORKING, poll_after_seconds=0.001), **said)


def finished(*milestones: str) -> BuildReport:
    done = tuple(MilestoneReport(name, "QA Agent", f"{name} listo", COMMIT) for name in milestones)
    return BuildReport(BuildStatus.FINISHED, done)


ALL = finished("scaffolding", "backend_api", "integraciones", "qa")


def with_builder(rig: Rig, *reports: BuildReport | SessionLost) -> tuple[Rig, ScriptedBuilder]:
    builder = ScriptedBuilder(reports)
    return replace(rig, ports=replace(rig.ports, builder=builder)), builder


async def test_an_agents_words_are_kept_once_and_believed_in_nothing(rig: Rig) -> None:
    logs = (
        AgentLog("1", "Developer Agent", "Escribo pruebas", at=EARLIER),
        AgentLog("2", "Developer Agent", "Falla una", LogLevel.WARNING),
    )
    use = ModelUse("openai", "m", "v1", 10, 5, Decimal("0.25"), 900, "ok", EARLIER)
    rig, builder = with_builder(
        rig,
        working(logs=logs, reported=ReportedProgress(90, 12, ("qa",)), cursor="c1", uses=(use,)),
        working(logs=logs),  # the same again, as an agent that forgets what it has said
        ALL,
    )
    order_id = await rig.reach("construccion")
    steps = await rig.drive(order_id, until="qa")
    assert "construir:scaffolding" in [step.key for step in steps]
    assert [request.cursor for request in builder.asked] == [None, "c1", None]
    said = [e for e in await rig.events(order_id) if e.kind == EventKind.REGISTRO]
    assert [(e.mensaje, e.tipo, e.agente) for e in said] == [
        ("Escribo pruebas", "info", "Developer Agent"),
        ("Falla una", "warning", "Developer Agent"),
    ]
    assert said[0].occurred_at == EARLIER
    order = await rig.order(order_id)
    assert order.reported is not None
    assert order.reported["percent"] == 90
    (call,) = await rig.rows("SELECT purpose, input_tokens, cost_usd FROM model_calls")
    assert tuple(call) == ("construccion", 10, Decimal("0.25"))


async def test_only_milestones_of_the_plan_count(rig: Rig) -> None:
    rig, _ = with_builder(rig, finished("marte", "qa"), ALL)
    order_id = await rig.reach("construccion")
    line = rig.line()
    await line.advance(order_id)
    await line.advance(order_id)
    order = await rig.order(order_id)
    assert (order.estado, order.progreso) == ("construccion", 95 * 3 // 16)
    done = await rig.rows("SELECT milestone_id FROM order_milestones")
    assert [row.milestone_id for row in done] == ["qa"]


async def test_a_question_stops_the_line_until_it_is_answered(rig: Rig) -> None:
    question = AgentQuestion("q-1", "¿Qué color?", ("azul", "verde"))
    rig, builder = with_builder(rig, working(questions=(question,)), working(), ALL)
    order_id = await rig.reach("construccion")
    await rig.drive(order_id)
    assert (await rig.order(order_id)).espera == "cliente"
    await rig.execute(
        "UPDATE order_questions SET answer = 'azul', answered_by = 'user:1', "
        "answered_by_name = 'Ana', answered_at = now()"
    )
    order = await rig.order(order_id)

    async def lift(session: object, order: object, now: datetime) -> None:
        order.espera = None  # pyright: ignore[reportAttributeAccessIssue] — an order

    await rig.change(order_id, lift)
    await rig.drive(order_id, until="qa")
    (answer,) = builder.asked[1].answers
    assert (answer.key, answer.question, answer.answer) == ("q-1", "¿Qué color?", "azul")
    assert builder.asked[2].answers == ()
    assert (await rig.order(order_id)).estado == "qa"
    assert order.intento == 1


async def test_a_lost_session_is_begun_anew_from_what_is_verified(rig: Rig) -> None:
    rig, builder = with_builder(
        rig, finished("scaffolding"), SessionLost("el agente no la conoce"), ALL
    )
    order_id = await rig.reach("construccion")
    await rig.drive(order_id, until="qa")
    order = await rig.order(order_id)
    assert (order.estado, order.intento, order.session_id) == ("qa", 2, "ses-2")
    assert [request.attempt for request in builder.started] == [1, 2]
    assert builder.started[1].completed == {"scaffolding"}
    lost = [e for e in await rig.events(order_id) if e.kind == EventKind.SESION_PERDIDA]
    assert [(e.visibilidad, e.intento) for e in lost] == [("interno", 1)]


async def test_an_order_that_loses_every_session_fails_with_the_cause(rig: Rig) -> None:
    rig, builder = with_builder(rig, *(SessionLost("se perdió") for _ in range(9)))
    order_id = await rig.reach("construccion")
    await rig.drive(order_id)
    order = await rig.order(order_id)
    assert order.fallo is not None
    assert (order.estado, order.fallo["causa"]) == ("fallido", "sesion_perdida")
    assert len(builder.started) == 1 + rig.policy.agents.max_lost_sessions
    assert not order.session_open


async def test_who_reports_by_itself_gets_a_token_for_just_this_attempt(rig: Rig) -> None:
    for name, tokens in (("templates", 0), ("command", 0), ("http", 1), ("a2a", 1)):
        agents = replace(rig.policy.agents, builder=name)
        with_name, builder = with_builder(rig.with_policy(agents=agents), ALL)
        order_id = await with_name.reach("construccion")
        await with_name.line().advance(order_id)
        (request,) = builder.started
        assert request.builder == name
        assert (request.agent_token is not None) == bool(tokens)
        assert "agent_token" not in repr(request)
        rows = await rig.rows("SELECT id FROM system_tokens WHERE order_id = :id", id=order_id)
        assert len(rows) == tokens


async def test_a_session_is_asked_when_it_said(rig: Rig) -> None:
    rig, _ = with_builder(rig, working(poll_after_seconds=600.0), ALL)
    order_id = await rig.reach("construccion")
    line = rig.line()
    await line.advance(order_id)
    await line.advance(order_id)
    (job,) = [job for job in await rig.jobs(order_id) if job.scheduled_at is not None]
    assert job.scheduled_at > datetime.now(UTC) + timedelta(minutes=9)
