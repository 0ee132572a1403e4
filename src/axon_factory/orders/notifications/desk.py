"""What mails to staff share: the pages where they act, and plain words for our wire names.

A mail leads to the page where the act can be done; its reader signs in on the way. The command of
the terminal is the second choice.
"""

from types import MappingProxyType

from axon_factory.db.tables import Order
from axon_factory.domain.building import BuilderName
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import StepKind
from axon_factory.domain.states import Audience, OrderState
from axon_factory.orders.policy import Policy

__all__ = [
    "about",
    "audience_name",
    "builder_name",
    "cause_name",
    "how_to_act",
    "line_page",
    "order_page",
    "pending_page",
    "plan_page",
    "questions_page",
    "stage_name",
    "step_name",
    "type_name",
]


def order_page(policy: Policy, order: Order) -> str:
    """Return the address of an order's page."""
    return f"{policy.public_url}/app/ordenes/{order.order_number}"


def plan_page(policy: Policy, order: Order) -> str:
    """Return the address at which an order's plan is read and decided."""
    return f"{order_page(policy, order)}/plan"


def questions_page(policy: Policy, order: Order) -> str:
    """Return the address at which an order's questions are answered."""
    return f"{order_page(policy, order)}/preguntas"


def line_page(policy: Policy) -> str:
    """Return the address at which the line is watched and resumed."""
    return f"{policy.public_url}/app/linea"


def pending_page(policy: Policy) -> str:
    """Return the address of everything that waits for a person."""
    return f"{policy.public_url}/app/pendientes"


def how_to_act(purpose: str, page: str, *commands: str) -> str:
    """Return the end of a mail: the page where `purpose` is done, then the terminal's commands."""
    lines = [f"{purpose}:", page]
    if commands:
        lines += ["", "O desde la terminal:", *(f"  {command}" for command in commands)]
    return "\n".join(lines) + "\n"


def type_name(order: Order) -> str:
    """Return the name of the order's product type."""
    known = PRODUCT_TYPES.get(order.tipo_producto)
    return known.nombre if known is not None else order.tipo_producto


def about(order: Order) -> str:
    """Return number and product of an order, to stand in a sentence."""
    return f"{order.order_number} ({order.nombre_producto})"


_STAGES = MappingProxyType(
    {
        OrderState.NUEVO: "la entrada",
        OrderState.PLANIFICACION: "la planificación",
        OrderState.CONSTRUCCION: "la construcción",
        OrderState.QA: "la revisión",
        OrderState.LISTO: "la puesta en marcha",
        OrderState.ENTREGADO: "la entrega",
        OrderState.FALLIDO: "un fallo anterior",
        OrderState.CANCELADO: "la cancelación",
    }
)

_STEPS = MappingProxyType(
    {
        StepKind.CLAIM: "tomar la orden",
        StepKind.PLAN: "hacer el plan",
        StepKind.ANSWER: "responder la pregunta sobre el plan",
        StepKind.AUTO_APPROVE: "aprobar el plan",
        StepKind.START_SESSION: "empezar la construcción",
        StepKind.BUILD: "construir una parte",
        StepKind.PUBLISH: "publicar el código",
        StepKind.FINISH_BUILD: "terminar la construcción",
        StepKind.CHECK: "hacer una verificación",
        StepKind.VERDICT: "decidir la revisión",
        StepKind.CREDENTIALS: "generar las credenciales",
        StepKind.DEPLOY: "poner el producto en marcha",
        StepKind.DELIVER: "entregar el producto",
        StepKind.ROTATE: "cambiar las credenciales",
        StepKind.STOP_SESSION: "detener al agente",
        StepKind.INTERRUPT: "interrumpir la construcción",
        StepKind.UNDEPLOY: "retirar el producto",
        StepKind.ERASE: "borrar los datos",
    }
)

_CAUSES = MappingProxyType(
    {
        FailureCause.TIPO_NO_VALIDO: "el tipo de producto ya no está en el catálogo",
        FailureCause.PLANIFICACION_FALLIDA: "no se pudo hacer el plan",
        FailureCause.PLANTILLA_NO_DISPONIBLE: "falta una plantilla",
        FailureCause.CONSTRUCTOR_NO_DISPONIBLE: "quien construye no está disponible",
        FailureCause.SESION_PERDIDA: "el agente desapareció",
        FailureCause.CONSTRUCCION_FALLIDA: "la construcción no salió",
        FailureCause.AGENTE_INCOMPLETO: "el agente terminó sin acabar el producto",
        FailureCause.AGENTE_SIN_AVANCE: "el agente dejó de avanzar",
        FailureCause.REVISION_NO_EJECUTABLE: "la revisión no se pudo hacer",
        FailureCause.DEPLOY_FALLIDO: "el producto no se puso en marcha",
        FailureCause.ENTREGA_FALLIDA: "la entrega no salió",
        FailureCause.INTENTOS_AGOTADOS: "se probó varias veces sin éxito",
        FailureCause.DECISION_MANUAL: "una persona la dio por fallida",
    }
)

_AUDIENCES = MappingProxyType(
    {
        Audience.CLIENTE: "al cliente",
        Audience.OPERADOR: "al equipo",
        Audience.PLANIFICADOR: "al planificador",
    }
)

_BUILDERS = MappingProxyType(
    {
        BuilderName.TEMPLATES: "las plantillas de la fábrica",
        BuilderName.HTTP: "un agente externo (HTTP)",
        BuilderName.A2A: "un agente externo (A2A)",
        BuilderName.COMMAND: "un agente en esta máquina",
    }
)


def stage_name(state: OrderState) -> str:
    """Return a state as a noun, to stand after "en": "la construcción"."""
    return _STAGES[state]


def step_name(key: str) -> str:
    """Return what the step with this key does: "hacer una verificación"."""
    kind, _, _ = key.partition(":")
    return _STEPS[StepKind(kind)] if kind in set(StepKind) else key


def cause_name(cause: FailureCause) -> str:
    """Return why an order failed, in a few words."""
    return _CAUSES[cause]


def audience_name(audience: str) -> str:
    """Return whom a question is for: "al cliente"."""
    return _AUDIENCES[Audience(audience)]


def builder_name(name: str) -> str:
    """Return who builds, as people call it."""
    return _BUILDERS[BuilderName(name)] if name in set(BuilderName) else name
