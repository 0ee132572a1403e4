"""What deciding about a plan needs, in one answer."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.plan import Change
from axon_factory.domain.plan_review import FlagKind
from axon_factory.domain.states import PlanVersionStatus
from axon_factory.orders.answers.desk_order import DESK_ORDER_EXAMPLE, DeskOrder
from axon_factory.orders.answers.plans import EXAMPLE_HASH
from axon_factory.orders.desk.acts import Act

__all__ = [
    "BriefChange",
    "BriefCost",
    "BriefEffect",
    "BriefRange",
    "BriefWarning",
    "PlanBrief",
    "SimilarOrder",
    "SimilarOrders",
]


class BriefWarning(AnswerModel):
    """Algo que mirar antes de aprobar."""

    codigo: FlagKind | Literal["cliente_debe_respuesta", "sobre_presupuesto"] = Field(
        description="Nombre estable."
    )
    mensaje: str = Field(description="Qué, en una frase.")


class BriefChange(AnswerModel):
    """Un cambio del plan, en palabras."""

    cambio: Change
    texto: str = Field(description="Qué cambia.")
    horas: float | None = Field(description="Cuántas horas suma o resta; null si no toca horas.")


class BriefCost(AnswerModel):
    """Lo que los modelos costarán, por lo que costaron en entregas del mismo tipo."""

    previsto_minimo_usd: str | None = Field(
        description="El décimo más barato; null con menos de 5 entregas de costo conocido."
    )
    previsto_maximo_usd: str | None = Field(description="El décimo más caro.")
    ordenes_medidas: Count = Field(description="Cuántas entregas lo dicen.")
    usado_usd: str | None = Field(description="Lo que esta orden ya costó; null si no se conoce.")
    presupuesto_usd: str | None = Field(description="Su tope; null si no hay.")
    margen: float | None = Field(
        description="Parte del precio que queda con el costo mayor; null si no se conoce, o si el "
        "precio no está en USD."
    )


class BriefRange(AnswerModel):
    """Lo que se prometería."""

    desde: Annotated[Timestamp, Column("since")]
    hasta: Annotated[Timestamp, Column("until")]


class BriefEffect(AnswerModel):
    """Qué pasa si se aprueba ahora."""

    promesa: BriefRange = Field(description="Lo que se prometería ahora.")
    promesa_manana: BriefRange = Field(description="Lo que se prometería dentro de 24 horas.")
    promesas_cumplidas: float | None = Field(
        ge=0,
        le=1,
        description="Parte de las entregas de este tipo que llegó a tiempo; null con menos de 5.",
    )
    promesas_medidas: Count = Field(description="Cuántas entregas lo dicen.")
    en_cola_antes: Count = Field(description="Órdenes que esperan un lugar y van antes.")
    pasa_delante_de: Count = Field(description="Órdenes que esperan un lugar y van después.")
    lugar_libre: bool = Field(description="Hay un lugar: la construcción empieza enseguida.")


class SimilarOrder(AnswerModel):
    """Una orden entregada del mismo tipo."""

    order_number: OrderNumber
    nombre_producto: str = Field(description="Nombre de su producto.")
    cliente: str = Field(description="Nombre de su cliente.")
    horas: float | None = Field(description="Horas que su plan estimó.")
    horas_reales: float | None = Field(description="De la construcción a la entrega.")
    retrabajos: Count = Field(description="Cuántas veces la revisión la devolvió.")
    a_tiempo: bool | None = Field(description="Llegó dentro de lo prometido; null sin promesa.")
    entregado_at: Timestamp


class SimilarOrders(AnswerModel):
    """Las entregas del mismo tipo, y las más parecidas."""

    ordenes: Count = Field(description="Cuántas entregas del tipo hay entre las últimas 1,000.")
    sin_correcciones: Count = Field(description="De ellas, las que la revisión pasó a la primera.")
    horas_minimo: float | None = Field(description="La que menos horas tomó.")
    horas_maximo: float | None = Field(description="La que más horas tomó.")
    parecidas: list[SimilarOrder] = Field(
        description="Hasta tres: de la misma industria y con las mismas integraciones antes."
    )


_EXAMPLE_CHANGE: dict[str, Any] = {
    "cambio": "agregado",
    "texto": "Hito «Pedidos por encargo»",
    "horas": 7.0,
}
_EXAMPLE_RANGE = {"desde": "2025-11-15T02:12:00Z", "hasta": "2025-11-15T10:18:00Z"}


class PlanBrief(AnswerModel):
    """Lo que hace falta para decidir sobre una versión del plan."""

    EXAMPLE: ClassVar = {
        "orden": DESK_ORDER_EXAMPLE,
        "version": 2,
        "hash": EXAMPLE_HASH,
        "estado": "pendiente_aprobacion",
        "horas": 27.0,
        "horas_catalogo": 24.0,
        "rechazo_anterior": "Faltan los pedidos por encargo",
        "advertencias": [
            {"codigo": "integraciones_distintas", "mensaje": "Integraciones que no pide: Slack"}
        ],
        "cuentas_del_cliente": ["Google Sheets", "Stripe"],
        "cambios_catalogo": [_EXAMPLE_CHANGE],
        "cambios_anterior": [_EXAMPLE_CHANGE],
        "costo": {
            "previsto_minimo_usd": "0.31",
            "previsto_maximo_usd": "0.37",
            "ordenes_medidas": 6,
            "usado_usd": "0.02",
            "presupuesto_usd": "4.50",
            "margen": 0.999,
        },
        "si_apruebas_ahora": {
            "promesa": _EXAMPLE_RANGE,
            "promesa_manana": {"desde": "2025-11-16T02:12:00Z", "hasta": "2025-11-16T10:18:00Z"},
            "promesas_cumplidas": 0.94,
            "promesas_medidas": 32,
            "en_cola_antes": 1,
            "pasa_delante_de": 2,
            "lugar_libre": False,
        },
        "similares": {
            "ordenes": 6,
            "sin_correcciones": 5,
            "horas_minimo": 24.0,
            "horas_maximo": 30.0,
            "parecidas": [
                {
                    "order_number": "ORD-2025-097",
                    "nombre_producto": "Bot de pedidos",
                    "cliente": "Café Nube",
                    "horas": 24.0,
                    "horas_reales": 26.0,
                    "retrabajos": 0,
                    "a_tiempo": True,
                    "entregado_at": "2025-11-01T10:00:00Z",
                }
            ],
        },
        "actos": ["aprobar", "editar", "preguntar", "rechazar", "cancelar"],
    }

    orden: DeskOrder
    version: int = Field(ge=1, description="La versión; una decisión la cita.")
    hash: str = Field(description="SHA-256 del plan; una decisión lo cita.")
    estado: PlanVersionStatus
    horas: float = Field(description="Horas estimadas.")
    horas_catalogo: float = Field(description="Horas del plan del catálogo para lo que se pidió.")
    rechazo_anterior: str | None = Field(
        description="Por qué se rechazó la versión anterior; null si no se rechazó."
    )
    advertencias: list[BriefWarning] = Field(description="Lo que hay que mirar primero.")
    cuentas_del_cliente: list[str] = Field(
        description="Servicios externos del plan: el cliente pone su cuenta de cada uno."
    )
    cambios_catalogo: list[BriefChange] = Field(
        description="Frente al plan del catálogo, en palabras; `/diff` lo dice campo por campo."
    )
    cambios_anterior: list[BriefChange] | None = Field(
        description="Frente a la versión anterior; null en la primera."
    )
    costo: BriefCost
    si_apruebas_ahora: BriefEffect | None = Field(
        description="null si esta versión no espera aprobación."
    )
    similares: SimilarOrders
    actos: list[Act] = Field(
        description="Lo que quien pregunta puede hacer ahora sobre esta versión."
    )
