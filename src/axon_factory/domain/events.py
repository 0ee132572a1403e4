"""Events of an order: append-only facts. `logs` of answers is a view of them (resolutions 3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

ERASED = "[borrado]"
"""What stands where a text was erased."""


class LogLevel(StrEnum):
    """`tipo` of a log entry (design §2.1)."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"


class Visibility(StrEnum):
    """Who may read an entry: everybody who may read the order, or staff only."""

    CLIENTE = "cliente"
    INTERNO = "interno"


class EventKind(StrEnum):
    """What happened; stable names for the event feed."""

    ORDEN_CREADA = "orden.creada"
    ESTADO_CAMBIADO = "orden.estado_cambiado"
    ORDEN_CORREGIDA = "orden.corregida"
    PLAN_GENERADO = "plan.generado"
    PLAN_APROBADO = "plan.aprobado"
    PLAN_RECHAZADO = "plan.rechazado"
    PLAN_EDITADO = "plan.editado"
    PLAN_RETIRADO = "plan.retirado"
    PREGUNTA = "orden.pregunta"
    RESPUESTA = "orden.respuesta"
    PRESUPUESTO_AGOTADO = "orden.presupuesto_agotado"
    PRESUPUESTO_DECIDIDO = "orden.presupuesto_decidido"
    EN_COLA = "construccion.en_cola"
    SESION_PERDIDA = "construccion.sesion_perdida"
    SESION_EN_SILENCIO = "construccion.sesion_en_silencio"
    CONSTRUCCION_INTERRUMPIDA = "construccion.interrumpida"
    INTENTO_ANTERIOR = "construccion.intento_anterior"
    SESION_INICIADA = "construccion.sesion_iniciada"
    HITO_COMPLETADO = "construccion.hito_completado"
    REPOSITORIO_PUBLICADO = "construccion.repositorio_publicado"
    VERIFICACION = "qa.verificacion"
    PRODUCTO_RECHAZADO = "qa.producto_rechazado"
    PRODUCTO_ACEPTADO = "qa.producto_aceptado"
    SIN_EVIDENCIA = "qa.sin_evidencia"
    DECISION_REQUERIDA = "qa.decision_requerida"
    DESPLEGADO = "entrega.desplegado"
    ENTREGADO = "entrega.entregado"
    ROTACION_PEDIDA = "entrega.rotacion_pedida"
    CREDENCIALES_ROTADAS = "entrega.credenciales_rotadas"
    PRODUCTO_CAIDO = "entrega.producto_caido"
    PRODUCTO_RECUPERADO = "entrega.producto_recuperado"
    CREDENCIAL_REVELADA = "entrega.credencial_revelada"
    FALLO_DETALLADO = "orden.fallo_detallado"
    PASO_REINTENTADO = "linea.paso_reintentado"
    ESPERA_MAQUINA = "linea.espera_maquina"
    MAQUINA_RECUPERADA = "linea.maquina_recuperada"
    MAQUINA_REINTENTO = "linea.maquina_reintento"
    PASO_INTERRUMPIDO = "linea.paso_interrumpido"
    RECURSOS_LIBERADOS = "linea.recursos_liberados"
    ENLACE_EMITIDO = "portal.enlace_emitido"
    ENLACE_REVOCADO = "portal.enlace_revocado"
    PROBLEMA_REPORTADO = "portal.problema_reportado"
    PROBLEMA_CERRADO = "portal.problema_cerrado"
    CALIFICADA = "portal.calificada"
    ORDEN_BORRADA = "orden.borrada"
    ACTUALIZACION = "orden.actualizacion"
    REGISTRO = "agente.registro"


class AboutOrder(Protocol):
    """What an event, and a message about it, take from their order, named as in `tables.Order`."""

    id: UUID
    order_number: str
    tipo_producto: str
    nombre_producto: str
    cliente_id: str | None
    tags: list[str]
    estado: str
    plan_version: int
    plan_hash: str | None
    fallo: dict[str, Any] | None
    intento: int
    retrabajos: int
    event_seq: int
    borrado_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended; order, sequence, actor and `recibido_at` are added on writing.

    `occurred_at` is the time an agent gave, None for the server's own. `dedupe_key` makes a
    repeated entry of the same order vanish.
    """

    kind: EventKind
    agent: str
    message: str
    level: LogLevel = LogLevel.INFO
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    visibility: Visibility = Visibility.CLIENTE
    occurred_at: datetime | None = None
    dedupe_key: str | None = None

    def erased(self, *, by_line: bool) -> "NewEvent":
        """Return the event without texts, as an erased order takes it.

        The line's own names stay (`by_line`), for they name its parts and no person.
        """
        agent = self.agent if by_line else ERASED
        return replace(self, agent=agent, message=ERASED, metadata={})
