"""Typed causes of failure: why an order is `fallido` and where it may resume."""

from dataclasses import dataclass
from enum import StrEnum

from axon_factory.domain.states import OrderState

__all__ = ["Failure", "FailureCause"]


class FailureCause(StrEnum):
    """Stable wire names of the causes (`fallo.causa`)."""

    TIPO_NO_VALIDO = "tipo_no_valido"
    PLANIFICACION_FALLIDA = "planificacion_fallida"
    PLANTILLA_NO_DISPONIBLE = "plantilla_no_disponible"
    CONSTRUCTOR_NO_DISPONIBLE = "constructor_no_disponible"
    SESION_PERDIDA = "sesion_perdida"
    CONSTRUCCION_FALLIDA = "construccion_fallida"
    AGENTE_INCOMPLETO = "agente_incompleto"
    AGENTE_SIN_AVANCE = "agente_sin_avance"
    REVISION_NO_EJECUTABLE = "revision_no_ejecutable"
    DEPLOY_FALLIDO = "deploy_fallido"
    ENTREGA_FALLIDA = "entrega_fallida"
    INTENTOS_AGOTADOS = "intentos_agotados"
    DECISION_MANUAL = "decision_manual"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, in which state and step; `message` is the sentence a person reads.

    `detail` is what a program or provider outside said of it: staff alone read it, as an event.
    """

    cause: FailureCause
    message: str
    state: OrderState
    step: str | None = None
    detail: str = ""
