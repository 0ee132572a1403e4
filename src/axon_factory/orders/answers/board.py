"""The board of orders in answers: the lane that needs people, a column a state, cards."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Column, Count, Timestamp
from axon_factory.domain.building import Silence
from axon_factory.domain.states import OrderState, WaitsFor
from axon_factory.orders.answers.desk_order import DESK_ORDER_EXAMPLE, Amount, DeskOrder
from axon_factory.orders.answers.shared import Attempt, Progress
from axon_factory.orders.desk.acts import Act

__all__ = [
    "Board",
    "BoardCard",
    "BoardCards",
    "BoardColumn",
    "BoardLane",
    "BoardMilestone",
    "BoardPromise",
    "DateRange",
    "MilestoneState",
]

MilestoneState = Literal["verificado", "en_curso", "espera", "fallo", "pendiente"]


class BoardMilestone(AnswerModel):
    """Un hito del plan, como segmento de la barra de avance."""

    id: str = Field(description="Identificador del hito dentro del plan.")
    nombre: str = Field(description="Nombre del hito.")
    horas: float = Field(description="Horas estimadas; dan el ancho del segmento.")
    estado: MilestoneState = Field(
        description="`verificado`: su commit está en el repositorio. `en_curso`, `espera`, "
        "`fallo`: el primero que falta, según cómo está la orden."
    )


class DateRange(AnswerModel):
    """Entre cuándo y cuándo."""

    desde: Timestamp
    hasta: Timestamp


class BoardPromise(AnswerModel):
    """Lo prometido, y si se cumple."""

    desde: Timestamp
    hasta: Timestamp
    pausada_desde: Timestamp | None = Field(
        description="Desde cuándo el plazo está en pausa, porque el cliente debe una respuesta."
    )
    tarde: bool = Field(description="Se pasó, o se entregó después.")


class BoardCard(DeskOrder):
    """Una orden en el tablero."""

    progreso: Progress
    desde: Annotated[Timestamp | None, Column("since")] = Field(
        description="Desde cuándo está en su estado."
    )
    intento: Attempt
    retrabajos: Count = Field(description="Cuántas veces la revisión la devolvió.")
    espera: WaitsFor | None = Field(description="A quién espera; null si a nadie.")
    razon: str | None = Field(description="Qué la detiene o qué se quiere, en palabras.")
    hitos: list[BoardMilestone] = Field(description="Los hitos del plan; vacía sin plan.")
    agente: Annotated[str | None, Column("asignado_a")] = Field(description="Agente responsable.")
    latido_at: Annotated[Timestamp | None, Column("heartbeat_at")] = Field(
        description="Última señal de vida del agente."
    )
    silencio: Annotated[Silence | None, Column("silence")] = Field(
        description="Si el agente no da señales de vida; null si las da."
    )
    en_cola_desde: Annotated[Timestamp | None, Column("queued_at")] = Field(
        description="Desde cuándo espera un lugar de construcción; null si no lo espera."
    )
    promesa: BoardPromise | None = Field(description="Lo prometido; null antes de aprobar el plan.")
    estimado: DateRange | None = Field(
        description="Cuándo se entregaría si sigue ahora, al ritmo medido, a 10 minutos; null si "
        "no está en la línea. Lo que esperan las personas no cuenta."
    )
    en_riesgo: bool = Field(description="Ni a buen ritmo llega a lo prometido, o ya se pasó.")
    tags: list[str] = Field(description="Etiquetas.")
    version: int = Field(ge=1, description="Crece con cada cambio; `If-Match` la cita.")
    actos: list[Act] = Field(
        description="Lo que quien pregunta puede hacer ahora; el primero es el habitual."
    )


class BoardLane(AnswerModel):
    """Las órdenes que esperan a una persona, sacadas de sus columnas."""

    nombre: str = Field(description="Título.")
    total: Count = Field(description="Cuántas hay; las mismas que `necesita=persona` lista.")
    count: Count = Field(description="Cuántas tarjetas trae.")
    desde: Timestamp | None = Field(description="La que más tiempo lleva en su estado.")
    valor: list[Amount] = Field(description="La suma de sus precios, por moneda.")
    tarjetas: list[BoardCard] = Field(
        description="Por prioridad, y dentro de ella primero la que más tiempo lleva."
    )


class BoardColumn(BoardLane):
    """Las órdenes de un estado que no esperan a una persona."""

    estado: OrderState
    total: Count = Field(
        description="Órdenes en este estado, las de `te_necesita` incluidas; lo mismo que la lista."
    )
    en_te_necesita: Count = Field(description="De ellas, las que están en `te_necesita`.")
    plegada: bool = Field(
        description="Verdadero para entregadas y canceladas: solo las últimas de unos días."
    )
    recientes: Count = Field(
        description="De una plegada, cuántas llegaron en esos días; de otra, las de la columna."
    )


_EXAMPLE_CARD: dict[str, Any] = {
    **DESK_ORDER_EXAMPLE,
    "progreso": 0,
    "desde": "2025-11-14T10:05:00Z",
    "intento": 1,
    "retrabajos": 0,
    "espera": None,
    "razon": "Aprueba el plan v2",
    "hitos": [{"id": "base", "nombre": "Base del proyecto", "horas": 2.0, "estado": "pendiente"}],
    "agente": "Aprobador",
    "latido_at": None,
    "silencio": None,
    "en_cola_desde": None,
    "promesa": None,
    "estimado": {"desde": "2025-11-15T02:20:00Z", "hasta": "2025-11-15T10:20:00Z"},
    "en_riesgo": False,
    "tags": ["panaderia"],
    "version": 4,
    "actos": ["aprobar", "editar", "preguntar", "rechazar", "cancelar"],
}


class Board(AnswerModel):
    """El tablero: primero lo que espera a una persona, después una columna por estado."""

    EXAMPLE: ClassVar = {
        "abiertas": 1,
        "limit": 50,
        "dias": 7,
        "te_necesita": {
            "nombre": "Te necesita",
            "total": 1,
            "count": 1,
            "desde": "2025-11-14T10:05:00Z",
            "valor": [{"moneda": "USD", "monto": "2500.00"}],
            "tarjetas": [_EXAMPLE_CARD],
        },
        "columnas": [
            {
                "nombre": "Planificación",
                "total": 1,
                "count": 0,
                "desde": None,
                "valor": [],
                "tarjetas": [],
                "estado": "planificacion",
                "en_te_necesita": 1,
                "plegada": False,
                "recientes": 0,
            }
        ],
    }

    abiertas: Count = Field(description="Órdenes que cumplen los filtros y no han terminado.")
    limit: int = Field(ge=1, le=200, description="Tarjetas que caben en una columna.")
    dias: int = Field(ge=1, le=90, description="Días que una columna plegada muestra.")
    te_necesita: BoardLane
    columnas: list[BoardColumn] = Field(description="Una por estado, en el orden de la línea.")


class BoardCards(AnswerModel):
    """Las tarjetas de las órdenes que se nombran."""

    EXAMPLE: ClassVar = {"tarjetas": [_EXAMPLE_CARD]}

    tarjetas: list[BoardCard] = Field(
        description="Una por orden que existe, en el orden en que se nombran."
    )
