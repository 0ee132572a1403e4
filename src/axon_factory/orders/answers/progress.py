"""An order's progress and promise in answers: what is verified, what an agent says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, ForReader, Timestamp
from axon_factory.domain.fields import public_name
from axon_factory.domain.permissions import Grant
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.domain.progress import MilestoneShare, explain_progress
from axon_factory.domain.states import Claim, OrderState
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.shared import STAFF
from axon_factory.orders.evidence import Receipts
from axon_factory.orders.promise import promise_of
from axon_factory.orders.runs.state import reported_percent

__all__ = ["OrderPromise", "ProgressDetail", "progress_detail", "promise_detail"]


class OrderPromise(AnswerModel):
    """Entre cuándo y cuándo se prometió entregar la orden; se fija al aprobar el plan."""

    desde: Annotated[Timestamp, Column("since")]
    hasta: Annotated[Timestamp, Column("until")]
    pausada_desde: Annotated[Timestamp | None, Column("paused_at")] = Field(
        description="Desde cuándo el plazo está en pausa, porque el cliente debe una respuesta."
    )


class ReportedProgress(AnswerModel):
    """Lo que el agente dice de su propio avance; nada depende de ello."""

    progreso: int | None = Field(ge=0, le=100, description="El avance que dice, en %.")
    acciones: Count | None = Field(description="Acciones que dice haber completado.")
    hitos: list[str] = Field(description="Hitos que dice haber terminado.")
    at: Timestamp


class MilestoneProgress(AnswerModel):
    """Un hito del plan, verificado o no."""

    id: str = Field(description="Identificador del hito dentro del plan.")
    nombre: str = Field(description="Nombre del hito.")
    horas: Annotated[float, Column("estimacion_horas")] = Field(
        gt=0, description="Horas estimadas."
    )
    peso: float = Field(ge=0, le=100, description="Parte de las horas del plan, en %.")
    estado: Literal["pendiente", "verificado"] = Field(
        description="`verificado`: su commit está en el repositorio del producto."
    )
    agente: Annotated[str, ForReader(public_name)] = Field(
        description="Quién lo construye, o lo construyó."
    )
    commit: Annotated[str | None, STAFF] = Field(description="El commit; solo para el equipo.")
    at: Timestamp | None = Field(description="Cuándo se verificó.")


class ProgressDetail(AnswerModel):
    """De qué se compone el avance de una orden."""

    verificado: int = Field(ge=0, le=100, description="Lo que la fábrica comprobó, en %.")
    reportado: ReportedProgress | None = Field(
        description="Lo que el agente dice; null si no dice nada."
    )
    banda: list[int] = Field(
        min_length=2, max_length=2, description="El menor y el mayor avance de este estado."
    )
    hitos: list[MilestoneProgress] = Field(description="Los hitos del plan, en orden.")
    explicacion: str = Field(description="Por qué el avance es el que es, para personas.")


def progress_detail(order: tables.Order, receipts: Receipts, grant: Grant) -> dict[str, Any]:
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
    return ProgressDetail.of(
        None,
        grant,
        verificado=explained.verified,
        reportado=_reported(order.reported),
        banda=list(explained.band),
        hitos=[
            _milestone(share, done.get(share.milestone.id), grant) for share in explained.milestones
        ],
        explicacion=explained.sentence,
    )


def promise_detail(order: tables.Order) -> dict[str, Any] | None:
    """Return `promesa`, None while nothing is promised."""
    made = promise_of(order)
    return None if made is None else OrderPromise.of(made)


def _planned(order: tables.Order) -> Sequence[Milestone]:
    """Return the plan's milestones; of a damaged plan none: the order must still be readable."""
    try:
        return () if order.plan is None else Plan.model_validate(order.plan).milestones
    except ValidationError:
        return ()


def _reported(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return ReportedProgress.of(
        None,
        progreso=report.get("percent"),
        acciones=report.get("completed_actions"),
        hitos=report.get("milestones", []),
        at=timestamp(datetime.fromisoformat(report["at"])),
    )


def _milestone(
    share: MilestoneShare, done: tables.OrderMilestone | None, grant: Grant
) -> dict[str, Any]:
    return MilestoneProgress.of(
        share.milestone,
        grant,
        peso=share.percent,
        estado="pendiente" if done is None else "verificado",
        agente=public_name(share.milestone.agente if done is None else done.agente, grant),
        commit=None if done is None else done.commit_id,
        at=None if done is None else timestamp(done.completed_at),
    )
