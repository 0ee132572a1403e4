"""The line as a whole in answers, of the API and of `axon line`."""

from types import MappingProxyType
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field

from axon_factory.db.tables import LineControl
from axon_factory.domain.answers import AnswerModel, Column, Count, Message, Timestamp
from axon_factory.domain.building import BuildLimits, LineMode
from axon_factory.domain.product_watch import ProductTrouble
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.insights.line import LineStatus
from axon_factory.insights.line_work import LineWork
from axon_factory.orders.incidents import ProductsDown

__all__ = ["Line", "line_document"]

Most = Annotated[int | None, Field(ge=1, description="Cuántas como máximo; null: sin límite.")]


class BuildingOfType(AnswerModel):
    """Lo que se construye de un tipo de producto."""

    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    total: Count = Field(description="Lugares ocupados.")
    limite: Most


class Building(AnswerModel):
    """Los lugares de construcción: cada sesión ocupa uno hasta que termina."""

    total: Count = Field(description="Lugares ocupados.")
    limite: Most
    limite_por_cliente: Most
    parando: Count = Field(description="De ellos, los de sesiones a las que se pidió parar.")
    por_tipo: list[BuildingOfType] = Field(description="Por tipo de producto.")


class ProductDown(AnswerModel):
    """Un producto entregado que no marcha; la fábrica lo inicia de nuevo por sí sola."""

    order_id: UUID = Field(description="Id de la orden.")
    order_number: str = Field(description="Número de la orden.")
    causa: Annotated[ProductTrouble, Column("trouble")] = Field(description="Qué le pasa.")
    desde: Annotated[Timestamp, Column("since")] = Field(description="Desde cuándo.")


class LineWorker(AnswerModel):
    """Un trabajador que la base conoce."""

    numero: Annotated[int, Column("number")] = Field(ge=1, description="Su número.")
    ultima_senal: Annotated[Timestamp, Column("last_sign")] = Field(
        description="Su última señal de vida."
    )
    vivo: Annotated[bool, Column("alive")] = Field(
        description="Falso: calla desde hace demasiado, y otros toman lo que tenía."
    )
    trabajos: Annotated[Count, Column("jobs")] = Field(
        description="Lo que ejecuta ahora, también mensajes."
    )


class StepRunning(AnswerModel):
    """Una orden que un trabajador tiene entre manos."""

    order_id: UUID = Field(description="Id de la orden.")
    order_number: str = Field(description="Número de la orden.")
    nombre_producto: Annotated[str, Column("product_name")] = Field(description="Su producto.")
    paso: Annotated[str | None, Column("step")] = Field(
        description="El paso en curso; null entre dos pasos."
    )
    trabajador: Annotated[int | None, Column("worker")] = Field(description="Quién lo ejecuta.")
    desde: Annotated[Timestamp | None, Column("since")] = Field(description="Desde cuándo.")


class OrderQueued(AnswerModel):
    """Una orden que espera un lugar de construcción."""

    order_id: UUID = Field(description="Id de la orden.")
    order_number: str = Field(description="Número de la orden.")
    nombre_producto: Annotated[str, Column("product_name")] = Field(description="Su producto.")
    desde: Annotated[Timestamp, Column("since")] = Field(description="Desde cuándo espera.")


class Line(AnswerModel):
    """Cómo marcha la línea y qué espera en ella."""

    EXAMPLE: ClassVar = {
        "modo": "drenando",
        "motivo": "Actualización del servidor",
        "cambiado_por": "Ana Ruiz",
        "desde": "2025-11-14T10:00:00Z",
        "version": 4,
        "drenada": False,
        "nuevas": 3,
        "en_cola": 2,
        "en_cola_desde": "2025-11-14T09:40:00Z",
        "en_construccion": {
            "total": 2,
            "limite": 5,
            "limite_por_cliente": None,
            "parando": 0,
            "por_tipo": [{"tipo_producto": "autopilot_ventas", "total": 2, "limite": 2}],
        },
        "por_terminar": 3,
        "pasos_en_curso": 1,
        "esperan_personas": 7,
        "esperan_personas_desde": "2025-11-13T18:20:00Z",
        "productos_caidos": [
            {
                "order_id": "0194f3c2-8a1b-7c3d-9e5f-2a4b6c8d0e1f",
                "order_number": "ORD-2025-014",
                "causa": "bucle",
                "desde": "2025-11-14T09:58:12Z",
            }
        ],
        "productos_sin_vigilar": 0,
        "trabajadores": [
            {"numero": 3, "ultima_senal": "2025-11-14T10:04:58Z", "vivo": True, "trabajos": 1}
        ],
        "en_curso": [
            {
                "order_id": "0194f3c2-8a1b-7c3d-9e5f-2a4b6c8d0e1f",
                "order_number": "ORD-2025-014",
                "nombre_producto": "Bot de Ana",
                "paso": "construir:scaffolding",
                "trabajador": 3,
                "desde": "2025-11-14T10:04:12Z",
            }
        ],
        "cola": [
            {
                "order_id": "0194f3c2-8a1b-7c3d-9e5f-2a4b6c8d0e2a",
                "order_number": "ORD-2025-015",
                "nombre_producto": "Embudo de clases",
                "desde": "2025-11-14T09:40:00Z",
            }
        ],
        "message": "La línea termina lo empezado y no empieza nada nuevo",
    }

    modo: LineMode
    motivo: str | None = Field(description="Por qué; null si está activa o nadie lo cambió.")
    cambiado_por: Annotated[str | None, Column("changed_by")] = Field(
        description="Quién lo cambió por última vez."
    )
    desde: Annotated[Timestamp | None, Column("changed_at")] = Field(
        description="Desde cuándo está en este modo."
    )
    version: int = Field(ge=1, description="Crece con cada cambio de modo; `If-Match` la cita.")
    drenada: bool = Field(description="No está activa, y nada de lo empezado sigue en curso.")
    nuevas: Count = Field(description="Órdenes que aún no se planifican.")
    en_cola: Count = Field(description="Órdenes que esperan un lugar de construcción.")
    en_cola_desde: Timestamp | None = Field(description="Desde cuándo espera la más antigua.")
    en_construccion: Building
    por_terminar: Count = Field(
        description="Órdenes empezadas que siguen por sí solas hasta su entrega."
    )
    pasos_en_curso: Count = Field(description="Pasos que un trabajador ejecuta ahora.")
    esperan_personas: Count = Field(
        description="Órdenes que esperan una aprobación, una decisión o una respuesta."
    )
    esperan_personas_desde: Timestamp | None = Field(
        description="Desde cuándo espera la más antigua."
    )
    productos_caidos: list[ProductDown] = Field(
        description="Productos entregados que no marchan, el primero es el que más tiempo lleva."
    )
    productos_sin_vigilar: Count = Field(
        description="Productos entregados de los que ningún trabajador da noticia desde hace un "
        "minuto."
    )
    trabajadores: list[LineWorker] = Field(
        description="Los trabajadores, los vivos primero; 50 como máximo."
    )
    en_curso: list[StepRunning] = Field(
        description="Lo que se ejecuta ahora, lo más antiguo primero; 50 como máximo."
    )
    cola: list[OrderQueued] = Field(
        description="Quiénes esperan un lugar, en el orden en que lo reciben; 50 como máximo."
    )
    message: Message


_SENTENCES = MappingProxyType(
    {
        LineMode.ACTIVA: Sentence("La línea está en marcha", "The line runs"),
        LineMode.DRENANDO: Sentence(
            "La línea termina lo empezado y no empieza nada nuevo",
            "The line finishes what was begun and begins nothing new",
        ),
        LineMode.PAUSADA: Sentence(
            "La línea está en pausa: no empieza ningún paso", "The line is paused: no step begins"
        ),
        LineMode.DETENIDA: Sentence(
            "La línea está detenida: lo que estaba en curso se interrumpe",
            "The line is stopped: what was running is interrupted",
        ),
    }
)


def line_document(
    control: LineControl,
    status: LineStatus,
    limits: BuildLimits,
    products: ProductsDown,
    work: LineWork,
) -> dict[str, Any]:
    """Return mode, reason, figures and limits; a limit that is not set is null."""
    mode = LineMode(control.mode)
    types = sorted({*status.building, *(name for name, most in limits.by_type.items() if most)})
    return Line.of(
        control,
        modo=mode.value,
        motivo=control.reason or None,
        drenada=mode is not LineMode.ACTIVA and status.at_rest,
        nuevas=status.new,
        en_cola=status.queued,
        en_cola_desde=timestamp(status.queued_since),
        en_construccion=Building.of(
            None,
            total=sum(status.building.values()),
            limite=limits.altogether or None,
            limite_por_cliente=limits.per_client or None,
            parando=status.stopping,
            por_tipo=[
                BuildingOfType.of(
                    None,
                    tipo_producto=name,
                    total=status.building.get(name, 0),
                    limite=limits.by_type.get(name) or None,
                )
                for name in types
            ],
        ),
        por_terminar=status.to_finish,
        pasos_en_curso=status.steps_running,
        esperan_personas=status.waiting_for_people,
        esperan_personas_desde=timestamp(status.waiting_since),
        productos_caidos=[ProductDown.of(one) for one in products.down],
        productos_sin_vigilar=products.unwatched,
        trabajadores=[LineWorker.of(one) for one in work.workers],
        en_curso=[StepRunning.of(one) for one in work.steps],
        cola=[OrderQueued.of(one) for one in work.queue],
        message=_SENTENCES[mode],
    )
