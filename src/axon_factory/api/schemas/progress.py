"""Parts of an order's answer: its progress, its promise, its failure, what was erased of it."""

from typing import Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count, Timestamp
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.states import OrderState

__all__ = ["ErasureState", "Failure", "OrderPromise", "ProgressDetail"]


class Failure(AnswerModel):
    """Por qué una orden está en `fallido`."""

    causa: FailureCause
    estado: OrderState = Field(description="Estado en el que falló; un reintento vuelve a él.")
    at: Timestamp = Field(description="Cuándo falló.")
    mensaje: str = Field(default="", description="Qué pasó; solo para quien opera la fábrica.")
    paso: str | None = Field(default=None, description="Paso que falló; solo para quien opera.")


class ErasureState(AnswerModel):
    """Si se borraron los datos personales de la orden."""

    borrado_at: Timestamp | None = Field(description="Cuándo se borraron sus datos personales.")
    borrado_pendiente: bool = Field(
        default=False,
        description="Correos, o el producto, todavía se están borrando fuera de la base de datos.",
    )


class OrderPromise(AnswerModel):
    """Entre cuándo y cuándo se prometió entregar la orden; se fija al aprobar el plan."""

    desde: Timestamp
    hasta: Timestamp
    pausada_desde: Timestamp | None = Field(
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
    horas: float = Field(gt=0, description="Horas estimadas.")
    peso: float = Field(ge=0, le=100, description="Parte de las horas del plan, en %.")
    estado: Literal["pendiente", "verificado"] = Field(
        description="`verificado`: su commit está en el repositorio del producto."
    )
    agente: str = Field(description="Quién lo construye, o lo construyó.")
    commit: str | None = Field(default=None, description="El commit; solo para el equipo.")
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
