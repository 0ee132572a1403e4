"""What is due for an order: a pure function of its row and records, called by every advance.

The answer is one step (or nothing). Each step is one port call or one database change; the names
of steps are keys: with order and attempt they make the idempotency key of the port call.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from axon_factory.domain.building import LineMode
from axon_factory.domain.states import OrderState, PlanStatus


class StepKind(StrEnum):
    """The kinds of step. `line/steps/` does each."""

    CLAIM = "reclamar"
    PLAN = "planificar"
    ANSWER = "responder"
    AUTO_APPROVE = "aprobar"
    START_SESSION = "iniciar_sesion"
    BUILD = "construir"
    PUBLISH = "publicar"
    FINISH_BUILD = "terminar_construccion"
    CHECK = "verificar"
    VERDICT = "dictaminar"
    CREDENTIALS = "generar_credenciales"
    DEPLOY = "desplegar"
    DELIVER = "entregar"
    ROTATE = "rotar_credenciales"
    STOP_SESSION = "detener_sesion"
    INTERRUPT = "interrumpir"
    UNDEPLOY = "retirar"
    ERASE = "borrar"


@dataclass(frozen=True, slots=True)
class DueStep:
    """One thing to do next. `subject` tells apart steps of a kind: a milestone, a check.

    That of stopping a session is the attempt that the session was for. That of a rotation is the
    newest version of the credentials.
    """

    kind: StepKind
    subject: str = ""

    @property
    def key(self) -> str:
        """The step's stable name, e.g. "construir:scaffolding"."""
        return f"{self.kind}:{self.subject}" if self.subject else self.kind.value


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision depends on."""

    state: OrderState
    plan_status: PlanStatus | None
    auto_approve: bool
    waits_for_person: bool
    session_open: bool
    session_known: bool
    deployment_open: bool
    credentials_ready: bool
    deployed: bool
    published: bool
    mode: LineMode = LineMode.ACTIVA
    stopping: int | None = None
    """The attempt whose session is not wanted any more and has not ended yet."""
    begun: bool = False
    """Whether the order has ever had a session."""
    outside: bool = False
    """Whether somebody else than the factory itself builds it."""
    milestones: Sequence[str] = ()
    completed: Collection[str] = ()
    checks: Sequence[str] = ()
    checked: Collection[str] = ()
    rotation: int | None = None
    """The newest version of credentials that the deployed product does not use yet."""
    erasing: bool = False
    """Whether something of an erased order is still to be removed outside the database."""
    questions: Sequence[str] = ()
    """Numbers of the questions that the planner has not answered yet."""
    outranked: bool = False
    """Whether a more urgent order waits for a worker: it goes before the next step of this one."""


_REVIEWED = frozenset({OrderState.QA, OrderState.LISTO})
_DEPLOYED = frozenset({OrderState.LISTO, OrderState.ENTREGADO})


def due_step(now: Situation) -> DueStep | None:
    """Return the one step that is due, or None when the order waits or is at rest.

    Nothing else is begun for an order while a session that it does not want is at work. Removing
    and replacing secrets is due in every mode of the line.
    """
    if now.stopping is not None:
        return DueStep(StepKind.STOP_SESSION, str(now.stopping))
    if now.state in {OrderState.CANCELADO, OrderState.FALLIDO}:
        if now.deployment_open:
            return DueStep(StepKind.UNDEPLOY)
        return DueStep(StepKind.ERASE) if now.erasing else None
    if now.state is OrderState.ENTREGADO and now.erasing:
        return DueStep(StepKind.ERASE)
    if now.state in _DEPLOYED and now.rotation is not None:
        return DueStep(StepKind.ROTATE, str(now.rotation))
    if now.mode is LineMode.DETENIDA and _is_at_work_outside(now):
        return DueStep(StepKind.INTERRUPT)
    if now.waits_for_person or not _may_go_on(now):
        return None
    return _work(now)


def _work(now: Situation) -> DueStep | None:
    match now.state:
        case OrderState.NUEVO:
            return DueStep(StepKind.CLAIM)
        case OrderState.PLANIFICACION:
            return _planning(now)
        case OrderState.CONSTRUCCION:
            return _construction(now)
        case OrderState.QA:
            return _review(now)
        case OrderState.LISTO:
            return _delivery(now)
        case _:
            return None


def _planning(now: Situation) -> DueStep | None:
    if now.plan_status is PlanStatus.PENDIENTE_APROBACION:
        if now.questions:
            return DueStep(StepKind.ANSWER, now.questions[0])
        return DueStep(StepKind.AUTO_APPROVE) if now.auto_approve else None
    return DueStep(StepKind.PLAN)


def _construction(now: Situation) -> DueStep:
    if not now.session_known:
        return DueStep(StepKind.START_SESSION)
    missing = next((item for item in now.milestones if item not in now.completed), None)
    if missing is not None:
        return DueStep(StepKind.BUILD, missing)
    return DueStep(StepKind.FINISH_BUILD if now.published else StepKind.PUBLISH)


def _review(now: Situation) -> DueStep:
    missing = next((item for item in now.checks if item not in now.checked), None)
    return DueStep(StepKind.VERDICT) if missing is None else DueStep(StepKind.CHECK, missing)


def _delivery(now: Situation) -> DueStep:
    if not now.credentials_ready:
        return DueStep(StepKind.CREDENTIALS)
    return DueStep(StepKind.DELIVER if now.deployed else StepKind.DEPLOY)


def _is_at_work_outside(now: Situation) -> bool:
    return now.state is OrderState.CONSTRUCCION and now.session_open and now.outside


def _may_go_on(now: Situation) -> bool:
    """Return whether the line's mode lets the order take its next step."""
    match now.mode:
        case LineMode.ACTIVA:
            return True
        case LineMode.DRENANDO:
            return now.state in _REVIEWED or (
                now.state is OrderState.CONSTRUCCION and (now.begun or now.session_known)
            )
        case _:
            return False
