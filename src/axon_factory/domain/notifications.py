"""What people and other systems are told of, under stable names, and what is said of it.

There are two sorts. The order's own kinds (`ORDER_KINDS`) follow from its events by the table
`OCCASIONS`: integrators build on them. All others are notices for the factory's people, sent where
something wants their attention.

A notification is thin: it says what happened to which order. A receiver that wants more asks the
API, with a credential of its own. Nothing here comes from a client but the product's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.states import Audience, OrderState
from axon_factory.domain.text import Sentence, timestamp


class NotificationKind(StrEnum):
    """Stable wire names (`type` of a webhook)."""

    PLAN_PENDIENTE = "plan.pendiente"
    PLAN_RECORDATORIO = "plan.recordatorio"
    PLAN_ESCALADO = "plan.escalado"
    ORDEN_CREADA = "orden.creada"
    ORDEN_ESTADO_CAMBIADO = "orden.estado_cambiado"
    ORDEN_PLAN_LISTO = "orden.plan_listo"
    ORDEN_APROBADA = "orden.aprobada"
    ORDEN_PREGUNTA = "orden.pregunta"
    ORDEN_LISTA = "orden.lista"
    ORDEN_ENTREGADA = "orden.entregada"
    ORDEN_FALLIDA = "orden.fallida"
    ORDEN_CANCELADA = "orden.cancelada"
    ORDEN_PREGUNTA_RECORDATORIO = "orden.pregunta_recordatorio"
    ORDEN_RESPUESTA = "orden.respuesta"
    ORDEN_PRESUPUESTO_AGOTADO = "orden.presupuesto_agotado"
    QA_DECISION_REQUERIDA = "qa.decision_requerida"
    CONSTRUCCION_SIN_RESPUESTA = "construccion.sin_respuesta"
    CONSTRUCCION_ESTANCADO = "construccion.estancado"
    PRODUCTO_CAIDO = "producto.caido"
    PRODUCTO_RECUPERADO = "producto.recuperado"
    LINEA_MAQUINA = "linea.maquina"
    LINEA_PAUSADA = "linea.pausada"
    LINEA_DETENIDA = "linea.detenida"
    LINEA_REANUDADA = "linea.reanudada"
    PRUEBA = "prueba"


FACTS = MappingProxyType(
    {
        "estado_anterior": "State that the order has left, if this told of a change of state",
        "seq": "Number of the event among those of the order: sort by it",
        "plan_version": "Version of the plan that waits, to be named in the decision",
        "plan_hash": "SHA-256 of that plan",
        "causa": "Typed cause of the failure",
        "estado_fallido": "State in which it failed",
        "retrabajos": "How often the council has sent the product back",
    }
)
"""What `data` may hold besides what every notification about an order holds."""


@dataclass(frozen=True, slots=True)
class NotificationType:
    """What one kind says: a sentence for people, further facts, and when it is sent."""

    message: Sentence
    when: str
    facts: tuple[str, ...] = ()


_PLAN = ("plan_version", "plan_hash")
_EVENT = ("estado_anterior", "seq")
_FOR_PROGRAMS = frozenset({"plan_hash", "seq"})
_K = NotificationKind

NOTIFICATIONS: Mapping[NotificationKind, NotificationType] = MappingProxyType(
    {
        _K.PLAN_PENDIENTE: NotificationType(
            Sentence("El plan espera aprobación", "The plan waits for approval"),
            "A plan was made and a person must decide",
            _PLAN,
        ),
        _K.PLAN_RECORDATORIO: NotificationType(
            Sentence("El plan sigue esperando aprobación", "The plan still waits for approval"),
            "Nobody has decided for a while",
            _PLAN,
        ),
        _K.PLAN_ESCALADO: NotificationType(
            Sentence(
                "El plan espera aprobación desde hace demasiado",
                "The plan has waited too long for approval",
            ),
            "Nobody has decided after the reminders",
            _PLAN,
        ),
        _K.ORDEN_CREADA: NotificationType(
            Sentence("Se creó la orden", "The order was placed"), "An order was placed", _EVENT
        ),
        _K.ORDEN_ESTADO_CAMBIADO: NotificationType(
            Sentence("La orden cambió de estado", "The order changed its state"),
            "The order went to another state, whichever",
            _EVENT,
        ),
        _K.ORDEN_PLAN_LISTO: NotificationType(
            Sentence("El plan de la orden está listo", "The order's plan is ready"),
            "A version of the plan was made or edited",
            (*_EVENT, *_PLAN),
        ),
        _K.ORDEN_APROBADA: NotificationType(
            Sentence("El plan se aprobó; empieza la construcción", "The plan was approved"),
            "The plan was approved, by a person or by the policy",
            (*_EVENT, *_PLAN),
        ),
        _K.ORDEN_PREGUNTA: NotificationType(
            Sentence("Una pregunta espera respuesta", "A question waits for an answer"),
            "An agent, or whoever decides about the plan, asks the client or the team something",
            _EVENT,
        ),
        _K.ORDEN_LISTA: NotificationType(
            Sentence("El producto pasó la revisión", "The product passed its review"),
            "The order went from `qa` to `listo`",
            _EVENT,
        ),
        _K.ORDEN_ENTREGADA: NotificationType(
            Sentence("El producto se entregó al cliente", "The product was delivered"),
            "The order went to `entregado`",
            _EVENT,
        ),
        _K.ORDEN_FALLIDA: NotificationType(
            Sentence("La orden falló", "The order failed"),
            "The order went to `fallido`",
            (*_EVENT, "causa", "estado_fallido"),
        ),
        _K.ORDEN_CANCELADA: NotificationType(
            Sentence("La orden se canceló", "The order was cancelled"),
            "The order went to `cancelado`",
            _EVENT,
        ),
        _K.ORDEN_PREGUNTA_RECORDATORIO: NotificationType(
            Sentence("Una pregunta sigue sin respuesta", "A question is still unanswered"),
            "Nobody has answered for a while",
        ),
        _K.ORDEN_RESPUESTA: NotificationType(
            Sentence("Una pregunta fue respondida", "A question was answered"),
            "The answer is on the order",
        ),
        _K.ORDEN_PRESUPUESTO_AGOTADO: NotificationType(
            Sentence(
                "Se agotó el presupuesto de modelos; decide una persona",
                "The budget for models is used up; a person decides",
            ),
            "Models have used what they may for the order or the day",
        ),
        _K.QA_DECISION_REQUERIDA: NotificationType(
            Sentence(
                "La revisión rechazó el producto varias veces; decide una persona",
                "The review has rejected the product several times; a person decides",
            ),
            "The council has sent the product back too often",
            ("retrabajos",),
        ),
        _K.CONSTRUCCION_SIN_RESPUESTA: NotificationType(
            Sentence("El agente que construye no responde", "The agent that builds is silent"),
            "No sign of life for a while",
        ),
        _K.CONSTRUCCION_ESTANCADO: NotificationType(
            Sentence("La construcción está estancada", "The build is stuck"),
            "No sign of life for much longer",
        ),
        _K.PRODUCTO_CAIDO: NotificationType(
            Sentence("El producto no está en marcha", "The product is not running"),
            "A delivered product ended, does not answer or starts again and again",
        ),
        _K.PRODUCTO_RECUPERADO: NotificationType(
            Sentence("El producto está de nuevo en marcha", "The product runs again"),
            "The incident is over",
        ),
        _K.LINEA_MAQUINA: NotificationType(
            Sentence(
                "La máquina de la fábrica no puede trabajar; las órdenes esperan",
                "The factory's machine cannot work; orders wait",
            ),
            "A step has met the same trouble of the machine several times (disk full, no memory, "
            "no sandbox, overload); once an hour; `data` names no order",
        ),
        _K.LINEA_PAUSADA: NotificationType(
            Sentence("La línea está en pausa", "The line is paused"),
            "Somebody paused or drains the line; `data` names no order",
        ),
        _K.LINEA_DETENIDA: NotificationType(
            Sentence("La línea se detuvo de emergencia", "The line was stopped in an emergency"),
            "Somebody pressed the emergency stop; `data` names no order",
        ),
        _K.LINEA_REANUDADA: NotificationType(
            Sentence("La línea trabaja de nuevo", "The line works again"),
            "Somebody resumed the line; `data` names no order",
        ),
        _K.PRUEBA: NotificationType(
            Sentence("Este es un aviso de prueba", "This is a test notification"),
            "An administrator asks for it; it goes to one destination, whatever it listens to",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """One row: the event, or the change of state, that `kind` tells of.

    `event` None means a change of state, from `source` to `target`; None is any of them. `unless`
    is a fact of the event (name and value) with which it is not told.
    """

    kind: NotificationKind
    event: EventKind | None = None
    source: OrderState | None = None
    target: OrderState | None = None
    unless: tuple[str, str] | None = None

    def fits(self, event: NewEvent, left: OrderState | None, state: OrderState) -> bool:
        """Return whether it tells of `event`, by which the order left `left` for `state`."""
        if self.event is not None:
            excluded = (
                self.unless is not None and event.metadata.get(self.unless[0]) == (self.unless[1])
            )
            return event.kind is self.event and not excluded
        return (
            left not in {None, state}
            and self.source in {None, left}
            and (self.target in {None, state})
        )


_S = OrderState

OCCASIONS: tuple[Occasion, ...] = (
    Occasion(_K.ORDEN_CREADA, event=EventKind.ORDEN_CREADA),
    Occasion(_K.ORDEN_ESTADO_CAMBIADO),
    Occasion(_K.ORDEN_PLAN_LISTO, event=EventKind.PLAN_GENERADO),
    Occasion(_K.ORDEN_PLAN_LISTO, event=EventKind.PLAN_EDITADO),
    Occasion(_K.ORDEN_APROBADA, source=_S.PLANIFICACION, target=_S.CONSTRUCCION),
    # What an approver asks the planner is answered by a program.
    Occasion(
        _K.ORDEN_PREGUNTA,
        event=EventKind.PREGUNTA,
        unless=("destinatario", Audience.PLANIFICADOR),
    ),
    Occasion(_K.ORDEN_LISTA, source=_S.QA, target=_S.LISTO),
    Occasion(_K.ORDEN_ENTREGADA, target=_S.ENTREGADO),
    Occasion(_K.ORDEN_FALLIDA, target=_S.FALLIDO),
    Occasion(_K.ORDEN_CANCELADA, target=_S.CANCELADO),
)
"""What is told of an order's events; a new kind is a row here and one in `NOTIFICATIONS`."""

ORDER_KINDS = frozenset(row.kind for row in OCCASIONS)
"""The order's own kinds, which an API key may be told of."""


def kinds_of(
    event: NewEvent, left: OrderState | None, state: OrderState
) -> tuple[NotificationKind, ...]:
    """Return what is told of an event of an order that is now in `state`.

    `left` is the state that it left by this event, None if it left none.
    """
    return tuple(row.kind for row in OCCASIONS if row.fits(event, left, state))


@dataclass(frozen=True, slots=True)
class Subject:
    """The order that a notification is about, as far as others may know it.

    `facts` are all of `FACTS` that there are; each kind takes its own.
    """

    order_id: str
    order_number: str
    state: str
    product_type: str
    product_name: str
    attempt: int
    facts: Mapping[str, str | int | None]


def payload_of(kind: NotificationKind, subject: Subject | None, at: datetime) -> dict[str, Any]:
    """Return what a webhook gets: `type`, `timestamp` and `data` (Standard Webhooks)."""
    told = NOTIFICATIONS[kind]
    data: dict[str, Any] = {"mensaje": str(told.message)}
    if subject is not None:
        data = {
            "order_id": subject.order_id,
            "order_number": subject.order_number,
            "estado": subject.state,
            "tipo_producto": subject.product_type,
            "nombre_producto": subject.product_name,
            "intento": subject.attempt,
            **{name: subject.facts.get(name) for name in told.facts},
            **data,
        }
    return {"type": kind.value, "timestamp": timestamp(at), "data": data}


def text_of(kind: NotificationKind, subject: Subject | None) -> tuple[str, str]:
    """Return title and text for people, plain and unescaped."""
    message = str(NOTIFICATIONS[kind].message)
    if subject is None:
        return message, kind.value
    about = f"{subject.product_name} ({subject.product_type}), en '{subject.state}'"
    facts = "".join(
        f"\n{name}: {subject.facts[name]}"
        for name in NOTIFICATIONS[kind].facts
        if name not in _FOR_PROGRAMS and subject.facts.get(name) is not None
    )
    return f"{subject.order_number}: {message}", about + facts
