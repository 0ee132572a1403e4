"""The times of one order in an answer: its stages, spans of work and of waiting, and the turn."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.lifecycle import StepKind
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.orders.answers.timeline import (
    SpanState,
    Timeline,
    TimelineSpan,
    TimelineStage,
    TimelineStep,
    Turn,
    Who,
)
from axon_factory.orders.desk import words
from axon_factory.orders.desk.estimate import estimate_of, is_at_risk, range_document
from axon_factory.orders.desk.records import (
    LINE,
    TEAM,
    Json,
    Records,
    read_records,
    stages_of,
    time_of,
    time_or_none,
    waits_of,
)
from axon_factory.orders.desk.spans import Piece, Stage, Wait, cut_into_spans
from axon_factory.orders.desk.steps import step_title
from axon_factory.orders.desk.turn import agent_at_work, turn_of
from axon_factory.orders.promise import measured_pace

__all__ = ["read_timeline"]

_PATH = (
    OrderState.NUEVO,
    OrderState.PLANIFICACION,
    OrderState.CONSTRUCCION,
    OrderState.QA,
    OrderState.LISTO,
    OrderState.ENTREGADO,
)


async def read_timeline(
    session: AsyncSession, order: Order, principal: Principal, now: datetime
) -> dict[str, Any]:
    """Return the order's stages, spans and turn as staff read them."""
    records = await read_records(session, order)
    stages = stages_of(records)
    pieces = cut_into_spans(
        [stage for stage in stages if stage.state in _PATH[:-1]],
        waits_of(records, principal),
    )
    pieces = sorted([*pieces, *_failures(stages)], key=lambda piece: piece.since)
    pace = await measured_pace(session, order.tipo_producto)
    hours = float((order.plan or order.catalogo)["estimacion_horas"])
    estimate = estimate_of(order.estado, hours, order.progreso, pace, now)
    turn = turn_of(order, records.mode)
    spans = [_span(piece, order, records, now, last=piece is pieces[-1]) for piece in pieces]
    over = order.estado in {OrderState.ENTREGADO, OrderState.CANCELADO}
    end = stages[-1].entered_at if over and stages else now
    working = sum(span["segundos"] for span in spans if span["estado"] != SpanState.ESPERA.value)
    return Timeline.of(
        order,
        ahora=timestamp(now),
        total_segundos=_seconds(order.created_at, end),
        trabajo_segundos=round(working, 3),
        estimado=range_document(estimate),
        en_riesgo=is_at_risk(estimate, order.promised_until) or _is_late(order, now),
        turno=Turn.of(
            None,
            quien=turn.who.value,
            nombre=turn.name,
            frase=turn.sentence,
            desde=timestamp(pieces[-1].since if pieces and not over else None),
            senal_at=timestamp(order.heartbeat_at if turn.who is Who.AGENTE else None),
        ),
        paradas=[_stop(state, stages, order, pieces, now) for state in _PATH],
        tramos=spans,
    )


def _is_late(order: Order, now: datetime) -> bool:
    """Return whether the promise is broken; its clock stands still while the client owes."""
    if order.promised_until is None or order.estado == OrderState.CANCELADO:
        return False
    return (order.entregado_at or order.paused_at or now) > order.promised_until


_AFTER_FAILURE = Sentence(
    "Espera una decisión tras el fallo", "Waits for a decision on the failure"
)


def _failures(stages: Sequence[Stage]) -> Iterable[Piece]:
    """Yield the times in which the order had failed, as waits of the stage that failed."""
    for place, stage in enumerate(stages):
        if stage.state is not OrderState.FALLIDO or place == 0:
            continue
        wait = Wait(Who.PERSONA, TEAM, _AFTER_FAILURE, stage.entered_at, stage.left_at)
        yield Piece(stages[place - 1], stage.entered_at, stage.left_at, SpanState.ESPERA, wait)


def _span(
    piece: Piece, order: Order, records: Records, now: datetime, *, last: bool
) -> dict[str, Any]:
    wait = piece.wait
    if wait is not None:
        who, name, title, detail = wait.who, wait.name, wait.title, wait.detail
    else:
        who, name = _worker(piece, order, records)
        title = _work_title(piece, order, records)
        detail = piece.stage.why if piece.state is SpanState.FALLO else None
    return TimelineSpan.of(
        None,
        etapa=piece.stage.state.value,
        intento=piece.stage.attempt,
        desde=timestamp(piece.since),
        hasta=timestamp(piece.until),
        segundos=_seconds(piece.since, piece.until or now),
        estado=piece.state.value,
        quien=who.value,
        nombre=name,
        titulo=title,
        detalle=detail,
        pasos=[] if wait is not None else _steps(piece, order, records, last=last),
    )


_AGENTS = {
    OrderState.PLANIFICACION: "Planner Agent",
    OrderState.CONSTRUCCION: "Builder Agent",
    OrderState.QA: "Review Council",
    OrderState.LISTO: "Ops Agent",
}


def _worker(piece: Piece, order: Order, records: Records) -> tuple[Who, str]:
    working = agent_at_work(order)
    if piece.state is SpanState.EN_CURSO and working and piece.stage.state in _AGENTS:
        return Who.AGENTE, working
    if piece.stage.state is OrderState.CONSTRUCCION:
        names = [one["agente"] for one in _finished(piece, records)]
        if names:
            return Who.AGENTE, names[-1]
    agent = _AGENTS.get(piece.stage.state)
    return (Who.LINEA, LINE) if agent is None else (Who.AGENTE, agent)


def _finished(piece: Piece, records: Records) -> list[Json]:
    """Return the milestones that were verified in the piece; those of earlier attempts are not."""
    return [
        one
        for one in records.milestones
        if one["intento"] == piece.stage.attempt and _is_in(time_of(one["at"]), piece)
    ]


def _work_title(piece: Piece, order: Order, records: Records) -> Sentence | str:
    stage = piece.stage
    match stage.state:
        case OrderState.CONSTRUCCION:
            if piece.state is SpanState.FALLO:
                return words.failed(stage.state)
            planned: Sequence[Json] = (order.plan or {}).get("milestones", ())
            names = {one["id"]: one["nombre"] for one in planned}
            done = [names.get(one["id"], one["id"]) for one in _finished(piece, records)]
            return ", ".join(done) or words.STATES[stage.state]
        case OrderState.QA:
            return _review_title(piece, records)
        case OrderState.PLANIFICACION if piece.state is not SpanState.FALLO:
            made = [one["version"] for one in records.plans if _is_in(time_of(one["since"]), piece)]
            if made:
                return Sentence(f"Plan v{made[-1]}", f"Plan v{made[-1]}")
            return words.STATES[stage.state]
        case OrderState.LISTO if piece.state is not SpanState.FALLO:
            return Sentence("Puesta en marcha y entrega", "Deployment and handover")
        case _:
            if piece.state is SpanState.FALLO:
                return words.failed(stage.state)
            return words.STATES[stage.state]


def _review_title(piece: Piece, records: Records) -> Sentence:
    checks = [one for one in records.checks if one["intento"] == piece.stage.attempt]
    passed = sum(one["passed"] for one in checks)
    if piece.state is SpanState.FALLO:
        return Sentence("Rechazada por la revisión", "Rejected by the review")
    if piece.state is SpanState.EN_CURSO or not checks:
        return words.STATES[OrderState.QA]
    return Sentence(
        f"{passed} de {len(checks)} verificaciones", f"{passed} of {len(checks)} checks"
    )


def _steps(piece: Piece, order: Order, records: Records, *, last: bool) -> list[dict[str, Any]]:
    planned: Sequence[Json] = (order.plan or {}).get("milestones", ())
    names = {one["id"]: one["nombre"] for one in planned}
    rejected = {
        (one["intento"], f"{StepKind.CHECK}:{one['name']}"): "; ".join(one["findings"])
        for one in records.checks
        if not one["passed"]
    }
    shown: list[dict[str, Any]] = []
    for step in records.steps:
        if step["intento"] != piece.stage.attempt or not _is_in(time_of(step["started_at"]), piece):
            continue
        finding = rejected.get((step["intento"], step["step"]))
        error = step["error"] or finding
        shown.append(
            TimelineStep.of(
                None,
                paso=step["step"],
                titulo=step_title(step["step"], names),
                desde=timestamp(time_of(step["started_at"])),
                hasta=timestamp(time_or_none(step["finished_at"])),
                estado=_step_state(step, finding, open_piece=last and piece.until is None),
                veces=step["attempts"],
                error=error,
            )
        )
    return shown


def _step_state(step: Json, finding: str | None, *, open_piece: bool) -> str:
    if step["finished_at"] is not None:
        return "hecho" if finding is None else "fallo"
    if open_piece:
        return "en_curso"
    return "interrumpido" if step["error"] is None else "fallo"


def _stop(
    state: OrderState,
    stages: Sequence[Stage],
    order: Order,
    pieces: Sequence[Piece],
    now: datetime,
) -> dict[str, Any]:
    entries = [stage for stage in stages if stage.state is state]
    left = entries[-1].left_at if entries else None
    ended = state is OrderState.ENTREGADO
    seconds = sum(
        _seconds(stage.entered_at, stage.left_at or now) for stage in entries if not ended
    )
    return TimelineStage.of(
        None,
        estado=state.value,
        nombre=words.STATES[state],
        situacion=_situation(state, entries, order, pieces),
        desde=timestamp(entries[0].entered_at if entries else None),
        hasta=timestamp(left),
        segundos=round(seconds, 3),
        veces=len(entries),
    )


def _situation(
    state: OrderState, entries: Sequence[Stage], order: Order, pieces: Sequence[Piece]
) -> str:
    if order.estado == state:
        if state is OrderState.ENTREGADO:
            return "hecho"
        waits = bool(pieces) and pieces[-1].state is SpanState.ESPERA
        return "espera" if waits else "en_curso"
    current = _current(order)
    if current is state:
        return "fallo"
    if current is None:  # cancelled
        return "hecho" if entries else "omitido"
    return "hecho" if _PATH.index(state) < _PATH.index(current) else "pendiente"


def _current(order: Order) -> OrderState | None:
    """Return where on the path the order stands; of a failed one, where it failed."""
    if order.estado == OrderState.CANCELADO:
        return None
    if order.estado == OrderState.FALLIDO:
        return OrderState((order.fallo or {}).get("estado", OrderState.NUEVO))
    return OrderState(order.estado)


def _is_in(moment: datetime, piece: Piece) -> bool:
    return moment >= piece.since and (piece.until is None or moment <= piece.until)


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, round((until - since).total_seconds(), 3))
