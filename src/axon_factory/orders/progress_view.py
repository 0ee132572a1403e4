"""How an order's progress and promise look in answers: what is verified, what is only said."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from axon_factory.db.tables import Order, OrderMilestone
from axon_factory.domain.fields import public_name
from axon_factory.domain.permissions import Grant
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.domain.progress import MilestoneShare, explain_progress
from axon_factory.domain.states import Claim, OrderState
from axon_factory.domain.times import timestamp
from axon_factory.orders.evidence import Receipts
from axon_factory.orders.promise import promise_of
from axon_factory.orders.runs.state import reported_percent

__all__ = ["progress_detail", "promise_detail"]


def progress_detail(order: Order, receipts: Receipts, grant: Grant) -> dict[str, Any]:
    """Return `progreso_detalle`, as the receipts of the order's current attempt have it."""
    done = {item.milestone_id: item for item in receipts.milestones}
    explained = explain_progress(
        OrderState(order.estado),
        _planned(order),
        done.keys(),
        reworks=order.retrabajos,
        shown=order.progreso,
        reviewed=receipts.evidence.proves(Claim.REVIEWED),
        reported=reported_percent(order),
    )
    return {
        "verificado": explained.verified,
        "reportado": _reported(order),
        "banda": list(explained.band),
        "hitos": [
            _milestone(share, done.get(share.milestone.id), grant) for share in explained.milestones
        ],
        "explicacion": explained.sentence,
    }


def promise_detail(order: Order) -> dict[str, Any] | None:
    """Return `promesa`, None while nothing is promised."""
    made = promise_of(order)
    if made is None:
        return None
    return {
        "desde": timestamp(made.since),
        "hasta": timestamp(made.until),
        "pausada_desde": timestamp(made.paused_at),
    }


def _planned(order: Order) -> Sequence[Milestone]:
    """Return the plan's milestones; of a damaged plan none: the order must still be readable."""
    try:
        return () if order.plan is None else Plan.model_validate(order.plan).milestones
    except ValidationError:
        return ()


def _reported(order: Order) -> dict[str, Any] | None:
    said: Mapping[str, Any] | None = order.reported
    if said is None:
        return None
    return {
        "progreso": said.get("percent"),
        "acciones": said.get("completed_actions"),
        "hitos": said.get("milestones", []),
        "at": timestamp(datetime.fromisoformat(said["at"])),
    }


def _milestone(share: MilestoneShare, done: OrderMilestone | None, grant: Grant) -> dict[str, Any]:
    planned = share.milestone
    return {
        "id": planned.id,
        "nombre": planned.nombre,
        "horas": planned.estimacion_horas,
        "peso": share.percent,
        "estado": "pendiente" if done is None else "verificado",
        "agente": public_name(planned.agente if done is None else done.agente, grant),
        "commit": None if done is None else done.commit_id,
        "at": None if done is None else timestamp(done.completed_at),
    }
