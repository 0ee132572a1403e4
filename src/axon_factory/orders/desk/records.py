"""What is recorded of one order's times, by one statement: its stages, and what it waited for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.building import LineMode
from axon_factory.domain.events import EventKind
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.shared import actor_name
from axon_factory.orders.answers.timeline import Who
from axon_factory.orders.desk import words
from axon_factory.orders.desk.spans import Stage, Wait

__all__ = [
    "LINE",
    "TEAM",
    "Json",
    "Records",
    "read_records",
    "stages_of",
    "time_of",
    "time_or_none",
    "waits_of",
]

Json = Mapping[str, Any]
TEAM = Sentence("Equipo", "Team")
_CLIENT = Sentence("Cliente", "Client")
LINE = Sentence("Línea", "Line")
_MACHINE = Sentence("Máquina", "Machine")

# The event of a change of state has the time of the stage that it begins.
_RECORDS = text(
    """
    SELECT
        (SELECT jsonb_agg(jsonb_build_object('estado', estado, 'intento', intento,
                'entered_at', entered_at, 'left_at', left_at, 'kind', event.kind,
                'said', event.mensaje, 'reasons', event.reasons) ORDER BY ordinal)
         FROM order_stages AS stage LEFT JOIN LATERAL (
             SELECT kind, mensaje, metadata -> 'hallazgos' AS reasons FROM order_events
             WHERE order_id = stage.order_id AND received_at = stage.entered_at
               AND metadata ->> 'estado_nuevo' = stage.estado AND kind <> 'agente.registro'
             ORDER BY seq LIMIT 1
         ) AS event ON true WHERE stage.order_id = :id) AS stages,
        (SELECT jsonb_agg(jsonb_build_object('intento', intento, 'step', step,
                'attempts', attempts, 'started_at', started_at, 'finished_at', finished_at,
                'error', error) ORDER BY started_at, step)
         FROM order_steps WHERE order_id = :id) AS steps,
        (SELECT jsonb_agg(jsonb_build_object('version', version, 'since', created_at,
                'until', decided_at, 'by', decided_by, 'why', motivo, 'estado', estado,
                'name', (SELECT agente FROM order_events e
                         WHERE e.order_id = p.order_id AND e.actor = p.decided_by
                           AND e.received_at = p.decided_at ORDER BY seq LIMIT 1)
                ) ORDER BY version)
         FROM order_plans p WHERE order_id = :id) AS plans,
        (SELECT jsonb_agg(jsonb_build_object('audience', audience, 'since', asked_at,
                'until', coalesce(answered_at, closed_at), 'question', question) ORDER BY number)
         FROM order_questions
         WHERE order_id = :id AND blocking AND audience <> 'planificador') AS questions,
        (SELECT jsonb_agg(jsonb_build_object('kind', kind, 'at', received_at,
                'said', mensaje) ORDER BY seq)
         FROM order_events WHERE order_id = :id AND kind = ANY (:kinds)) AS events,
        (SELECT jsonb_agg(jsonb_build_object('id', milestone_id, 'intento', intento,
                'at', completed_at, 'agente', agente) ORDER BY completed_at, milestone_id)
         FROM order_milestones WHERE order_id = :id) AS milestones,
        (SELECT jsonb_agg(jsonb_build_object('name', check_name, 'intento', intento,
                'passed', passed, 'findings', findings) ORDER BY created_at, check_name)
         FROM order_checks WHERE order_id = :id) AS checks,
        (SELECT mode FROM line_controls) AS mode
    """
)
_PAIRS = {
    EventKind.EN_COLA: (EventKind.SESION_INICIADA,),
    EventKind.DECISION_REQUERIDA: (),
    EventKind.PRESUPUESTO_AGOTADO: (EventKind.PRESUPUESTO_DECIDIDO,),
    EventKind.ESPERA_MAQUINA: (EventKind.MAQUINA_RECUPERADA, EventKind.ESPERA_MAQUINA),
}
"""Events that begin a wait, and those that end it; a change of state ends any."""
_KINDS = [kind.value for kind in {*_PAIRS, *(end for ends in _PAIRS.values() for end in ends)}]


@dataclass(frozen=True, slots=True)
class Records:
    """What is recorded of an order, by kind, each oldest first."""

    stages: Sequence[Json]
    steps: Sequence[Json]
    plans: Sequence[Json]
    questions: Sequence[Json]
    events: Sequence[Json]
    milestones: Sequence[Json]
    checks: Sequence[Json]
    mode: LineMode


async def read_records(session: AsyncSession, order: Order) -> Records:
    """Return what is recorded of the order."""
    found: Any = (await session.execute(_RECORDS, {"id": order.id, "kinds": _KINDS})).one()
    parts: Sequence[Sequence[Json] | None] = found[:-1]
    return Records(*(part or () for part in parts), mode=LineMode(found.mode))


def stages_of(records: Records) -> list[Stage]:
    """Return the entries of states, each with how it ended: the next one's event says that."""
    stages: list[Stage] = []
    for place, entry in enumerate(records.stages):
        after = records.stages[place + 1] if place + 1 < len(records.stages) else None
        failed = after is not None and (
            after["estado"] == OrderState.FALLIDO
            or (entry["estado"], after["estado"]) == (OrderState.QA, OrderState.CONSTRUCCION)
        )
        why = None
        if failed and after is not None:
            reasons: Sequence[str] = after["reasons"] or []
            why = "; ".join(reasons) or after["said"]
        stages.append(
            Stage(
                OrderState(entry["estado"]),
                entry["intento"],
                time_of(entry["entered_at"]),
                time_or_none(entry["left_at"]),
                failed,
                why,
            )
        )
    return stages


def waits_of(records: Records, principal: Principal) -> Iterable[Wait]:
    """Yield what the order waited for, with names as the caller may read them."""
    for plan in records.plans:
        name = TEAM if plan["by"] is None else _named(plan, principal)
        yield Wait(
            Who.PERSONA,
            name,
            _decided(plan),
            time_of(plan["since"]),
            time_or_none(plan["until"]),
            plan["why"],
        )
    for question in records.questions:
        client = question["audience"] == "cliente"
        yield Wait(
            Who.CLIENTE if client else Who.PERSONA,
            _CLIENT if client else TEAM,
            words.WAITS_FOR_CLIENT if client else _TEAMS_ANSWER,
            time_of(question["since"]),
            time_or_none(question["until"]),
            question["question"],
        )
    for place, event in enumerate(records.events):
        kind = EventKind(event["kind"])
        if kind not in _PAIRS:
            continue
        ends = (one["at"] for one in records.events[place + 1 :] if one["kind"] in _PAIRS[kind])
        who, name, title = _EVENT_WAITS[kind]
        until = time_or_none(next(ends, None))
        yield Wait(who, name, title, time_of(event["at"]), until, event["said"])


_TEAMS_ANSWER = Sentence("Espera una respuesta del equipo", "Waits for the team's answer")
_EVENT_WAITS = {
    EventKind.EN_COLA: (Who.LINEA, LINE, words.QUEUED),
    EventKind.DECISION_REQUERIDA: (
        Who.PERSONA,
        TEAM,
        Sentence("Espera una decisión sobre el producto", "Waits for a decision on the product"),
    ),
    EventKind.PRESUPUESTO_AGOTADO: (
        Who.PERSONA,
        TEAM,
        Sentence("Espera presupuesto para los modelos", "Waits for a budget for models"),
    ),
    EventKind.ESPERA_MAQUINA: (
        Who.MAQUINA,
        _MACHINE,
        Sentence("Espera a la máquina", "Waits for the machine"),
    ),
}


def _named(plan: Json, principal: Principal) -> str:
    return actor_name(plan["name"] or plan["by"], plan["by"], principal)


def _decided(plan: Json) -> Sentence:
    version = plan["version"]
    match plan["estado"]:
        case "aprobado":
            return Sentence(f"Plan v{version} aprobado", f"Plan v{version} approved")
        case "rechazado":
            return Sentence(f"Plan v{version} rechazado", f"Plan v{version} rejected")
        case "reemplazado" | "retirado":
            return Sentence(f"Plan v{version} reemplazado", f"Plan v{version} replaced")
        case _:
            return Sentence(f"Plan v{version} espera aprobación", f"Plan v{version} waits")


def time_of(written: str) -> datetime:
    """Return a time as JSON of the database has it."""
    return datetime.fromisoformat(written)


def time_or_none(written: str | None) -> datetime | None:
    """Return the same of a time that may be missing."""
    return None if written is None else time_of(written)
