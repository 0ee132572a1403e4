"""The order's state machine as data (design §6, resolutions *States*).

`TRANSITIONS` is the one table: the code that decides, the documentation's diagram, the legal
buttons of the pages and the tests of every pair are all read from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.text import Sentence


class OrderState(StrEnum):
    """The eight states of an order, by their wire names (design §2.1)."""

    NUEVO = "nuevo"
    PLANIFICACION = "planificacion"
    CONSTRUCCION = "construccion"
    QA = "qa"
    LISTO = "listo"
    ENTREGADO = "entregado"
    FALLIDO = "fallido"
    CANCELADO = "cancelado"


class PlanStatus(StrEnum):
    """The sub-status within `planificacion`; it stays with the plan afterwards."""

    GENERANDO = "generando"
    PENDIENTE_APROBACION = "pendiente_aprobacion"
    APROBADO = "aprobado"
    RECHAZADO = "rechazado"


class PlanVersionStatus(StrEnum):
    """What became of one version of a plan.

    `reemplazado`: a person wrote another one from it. `retirado`: the order was corrected, so it
    is planned anew.
    """

    PENDIENTE_APROBACION = "pendiente_aprobacion"
    APROBADO = "aprobado"
    RECHAZADO = "rechazado"
    REEMPLAZADO = "reemplazado"
    RETIRADO = "retirado"


class ActorKind(StrEnum):
    """Who asks for a transition: the line itself, a role of a user, or a role of a token.

    `builder`, `council` and `ops` are the actors of design §6.2, as roles of system tokens.
    """

    WORKER = "worker"
    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT = "client"
    BUILDER = "builder"
    COUNCIL = "council"
    OPS = "ops"


AGENT_KINDS = frozenset({ActorKind.BUILDER, ActorKind.COUNCIL, ActorKind.OPS})
"""The kinds of actor that hold a system token."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the kind for the table, a stable id for the record, a name for people."""

    kind: ActorKind
    id: str
    name: str

    @property
    def is_person(self) -> bool:
        """True for users and for the person at the machine. Others are programs."""
        return self.id.startswith(("user:", "local:"))


TERMINAL_STATES = frozenset({OrderState.ENTREGADO, OrderState.CANCELADO})
ACTIVE_STATES = frozenset(
    {
        OrderState.NUEVO,
        OrderState.PLANIFICACION,
        OrderState.CONSTRUCCION,
        OrderState.QA,
        OrderState.LISTO,
    }
)


def attempt_is_over(attempt: int, current: int, state: OrderState) -> bool:
    """Return whether `attempt` at an order, now at its `current` one, has nothing left to do.

    What its agent sends then is refused, and what that holds to identify itself does not hold.
    """
    return attempt < current or state in TERMINAL_STATES


class Claim(StrEnum):
    """What a change of state says of the product, and so needs receipts for."""

    CODE_COMPLETE = "codigo_completo"
    """Every milestone of the plan has its commit in this attempt."""
    REVIEWED = "revisado"
    """Every milestone has its commit, and every check of the type has passed on the last one."""
    DEPLOYED = "desplegado"
    """The commit of this attempt runs, and has answered its health check and smoke requests."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: from where to where, who may, and what must hold."""

    source: OrderState
    target: OrderState
    actors: frozenset[ActorKind]
    condition: str
    """The condition in the design's Spanish, for documentation and pages."""
    evidence: Claim | None = None
    """What the factory's receipts must prove before the order moves."""
    waived: frozenset[ActorKind] = frozenset()
    """Kinds of actor that may make the move without the evidence, on record."""

    def claim_of(self, actor: ActorKind) -> Claim | None:
        """Return what must be proven before `actor` makes the move, None if nothing."""
        return None if actor in self.waived else self.evidence


_W, _A, _O = ActorKind.WORKER, ActorKind.ADMIN, ActorKind.OPERATOR
_B, _R, _D = ActorKind.BUILDER, ActorKind.COUNCIL, ActorKind.OPS
_N, _P, _C, _Q, _L, _E, _F, _X = OrderState


def _row(
    source: OrderState,
    target: OrderState,
    condition: str,
    *actors: ActorKind,
    evidence: Claim | None = None,
    waived: frozenset[ActorKind] = frozenset(),
) -> Transition:
    return Transition(source, target, frozenset(actors), condition, evidence, waived)


TRANSITIONS: tuple[Transition, ...] = (
    _row(_N, _P, "Automático: el trabajador toma la orden", _W, _A),
    _row(_P, _P, "Plan rechazado: se planifica de nuevo con el motivo", _W, _A),
    _row(_P, _C, "Plan aprobado por una persona, o por la política auto_aprobar", _W, _A),
    _row(
        _C,
        _Q,
        "Código completo",
        *(_W, _A, _O, _B),
        evidence=Claim.CODE_COMPLETE,
        # The review comes afterwards and needs every milestone: an admin only gets it looked at.
        waived=frozenset({_A}),
    ),
    _row(_Q, _L, "Review aprobado", _W, _A, _O, _R, evidence=Claim.REVIEWED),
    _row(_Q, _C, "Review rechazado: nuevo intento con los hallazgos", _W, _A, _O, _R),
    _row(_L, _E, "Deploy exitoso y entrega", _W, _A, _O, _D, evidence=Claim.DEPLOYED),
    *(_row(source, _F, "Error, con causa tipada", _W, _A) for source in (_N, _P, _C, _Q, _L)),
    *(
        _row(_F, target, "Reintento, solo al estado que falló", _A)
        for target in (_N, _P, _C, _Q, _L)
    ),
    *(_row(source, _X, "Cancelación manual", _A) for source in (_N, _P, _C, _Q, _L, _F)),
)

_BY_PAIR = {(row.source, row.target): row for row in TRANSITIONS}


def find_transition(source: OrderState, target: OrderState) -> Transition | None:
    """Return the table's row for the pair, or None when the pair is illegal for everybody."""
    return _BY_PAIR.get((source, target))


def needs_evidence(source: OrderState) -> bool:
    """Return whether a move out of `source` claims something that receipts must prove."""
    return any(row.source is source and row.evidence is not None for row in TRANSITIONS)


def targets_from(source: OrderState, actor: ActorKind) -> tuple[OrderState, ...]:
    """Return the states that `actor` may move an order to from `source`, in the table's order."""
    return tuple(row.target for row in TRANSITIONS if row.source is source and actor in row.actors)


class WaitsFor(StrEnum):
    """Each value of `espera`. While it is set, neither the line nor an agent moves the order.

    Only `MAQUINA` stops neither: it says why the line has not come further.
    """

    PERSONA = "persona"
    """The council rejected too often: a person decides."""
    CLIENTE = "cliente"
    """The client owes an answer."""
    OPERADOR = "operador"
    """Somebody of the factory owes an answer."""
    PRESUPUESTO = "presupuesto"
    """Models have used what they might: a person decides about more."""
    MAQUINA = "maquina"
    """The machine cannot do the next step: the line tries again by itself, and agents go on."""


class Needs(StrEnum):
    """Who owes an order its next act, as `necesita` of lists asks."""

    PERSONA = "persona"
    """Somebody of the factory: to decide (plan, budget, rework, failure) or to answer."""
    CLIENTE = "cliente"
    """The client: to answer a question."""
    NADIE = "nadie"
    """The line goes on by itself, or the order has ended."""


FOR_AN_ANSWER = frozenset({WaitsFor.CLIENTE, WaitsFor.OPERADOR})
"""Those that the answer to a question ends; the others end by a decision."""

_DECISION = Sentence(
    "La orden espera la decisión de una persona", "The order waits for a person's decision"
)
OBSTACLES: Mapping[WaitsFor, Sentence] = MappingProxyType(
    {
        WaitsFor.PERSONA: _DECISION,
        WaitsFor.PRESUPUESTO: _DECISION,
        WaitsFor.CLIENTE: Sentence(
            "La orden espera una respuesta del cliente", "The order waits for the client's answer"
        ),
        WaitsFor.OPERADOR: Sentence(
            "La orden espera una respuesta del equipo", "The order waits for the team's answer"
        ),
    }
)
"""What keeps the line and agents from moving an order that waits. `MAQUINA` has no entry."""


LONGEST_QUESTION = 4000
"""Characters."""
MOST_OPTIONS = 20


class Audience(StrEnum):
    """Who has to answer."""

    CLIENTE = "cliente"
    OPERADOR = "operador"
    PLANIFICADOR = "planificador"
