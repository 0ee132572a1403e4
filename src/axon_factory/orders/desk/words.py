"""What the desk says in words: what is wanted of a person, and why an order stands still."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.building import LineMode, Silence
from axon_factory.domain.failure import TROUBLES, FailureCause, Trouble
from axon_factory.domain.messages import EVENT_PREFIX, ClientMail
from axon_factory.domain.product_watch import ProductTrouble
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence

__all__ = [
    "BUDGET",
    "CAUSES",
    "CLIENT_ANSWER",
    "LINE",
    "PROBLEM",
    "PRODUCTS",
    "QUESTION",
    "QUEUED",
    "SILENT",
    "STATES",
    "WAITS_FOR_CLIENT",
    "failed",
    "machine_waits",
    "message_lost",
    "plan_waits",
    "question_waits",
    "review_waits",
]

STATES: Mapping[OrderState, Sentence] = MappingProxyType(
    {
        OrderState.NUEVO: Sentence("Nueva", "New"),
        OrderState.PLANIFICACION: Sentence("Planificación", "Planning"),
        OrderState.CONSTRUCCION: Sentence("Construcción", "Construction"),
        OrderState.QA: Sentence("Revisión", "Review"),
        OrderState.LISTO: Sentence("Lista", "Ready"),
        OrderState.ENTREGADO: Sentence("Entregada", "Delivered"),
        OrderState.FALLIDO: Sentence("Fallida", "Failed"),
        OrderState.CANCELADO: Sentence("Cancelada", "Cancelled"),
    }
)
"""Names of the states, as a column or a step has them."""

_FAILED: Mapping[OrderState, Sentence] = MappingProxyType(
    {
        OrderState.NUEVO: Sentence("Falló al empezar", "Failed at the start"),
        OrderState.PLANIFICACION: Sentence("Falló la planificación", "Planning failed"),
        OrderState.CONSTRUCCION: Sentence("Falló la construcción", "Construction failed"),
        OrderState.QA: Sentence("Falló la revisión", "The review failed"),
        OrderState.LISTO: Sentence("Falló la puesta en marcha", "The deployment failed"),
    }
)

CAUSES: Mapping[FailureCause, Sentence] = MappingProxyType(
    {
        FailureCause.TIPO_NO_VALIDO: Sentence(
            "el tipo de producto no se puede construir", "the product type cannot be built"
        ),
        FailureCause.PLANIFICACION_FALLIDA: Sentence(
            "no se pudo hacer el plan", "the plan could not be made"
        ),
        FailureCause.PLANTILLA_NO_DISPONIBLE: Sentence(
            "falta una plantilla del producto", "a template of the product is missing"
        ),
        FailureCause.CONSTRUCTOR_NO_DISPONIBLE: Sentence(
            "el constructor no responde", "the builder does not answer"
        ),
        FailureCause.SESION_PERDIDA: Sentence(
            "el agente desapareció varias veces", "the agent vanished several times"
        ),
        FailureCause.CONSTRUCCION_FALLIDA: Sentence(
            "el agente no pudo construirlo", "the agent could not build it"
        ),
        FailureCause.AGENTE_INCOMPLETO: Sentence(
            "el agente terminó sin todos los hitos", "the agent ended without every milestone"
        ),
        FailureCause.AGENTE_SIN_AVANCE: Sentence(
            "el agente dejó de avanzar", "the agent made no more progress"
        ),
        FailureCause.REVISION_NO_EJECUTABLE: Sentence(
            "la revisión no se pudo hacer", "the review could not be done"
        ),
        FailureCause.DEPLOY_FALLIDO: Sentence(
            "el producto no arrancó", "the product did not start"
        ),
        FailureCause.ENTREGA_FALLIDA: Sentence(
            "no se pudo entregar", "it could not be handed over"
        ),
        FailureCause.INTENTOS_AGOTADOS: Sentence(
            "un paso se intentó demasiadas veces", "a step was tried too often"
        ),
        FailureCause.DECISION_MANUAL: Sentence("lo decidió una persona", "a person decided it"),
    }
)
"""Why an order failed, as the end of a sentence."""

PROBLEM = Sentence("El cliente reporta un problema", "The client reports a problem")
"""Of a product that is delivered, or on its way."""

PRODUCTS: Mapping[ProductTrouble, Sentence] = MappingProxyType(
    {
        ProductTrouble.SUPERVISOR: Sentence(
            "El producto se detuvo con su supervisor", "The product stopped with its supervisor"
        ),
        ProductTrouble.CAIDO: Sentence("El producto se cayó", "The product went down"),
        ProductTrouble.SIN_RESPUESTA: Sentence(
            "El producto no responde", "The product does not answer"
        ),
        ProductTrouble.PUERTO_OCUPADO: Sentence(
            "Otro programa ocupa el puerto del producto", "Another program has the product's port"
        ),
        ProductTrouble.BUCLE: Sentence(
            "El producto se cae una y otra vez", "The product goes down again and again"
        ),
        ProductTrouble.SIN_MAQUINA: Sentence(
            "Ninguna máquina en marcha tiene el producto", "No running machine has the product"
        ),
    }
)

LINE: Mapping[LineMode, Sentence] = MappingProxyType(
    {
        LineMode.DRENANDO: Sentence(
            "La línea termina lo empezado y no empieza nada",
            "The line finishes what was begun and begins nothing",
        ),
        LineMode.PAUSADA: Sentence("La línea está en pausa", "The line is paused"),
        LineMode.DETENIDA: Sentence("La línea está detenida", "The line is stopped"),
    }
)

SILENT: Mapping[Silence, Sentence] = MappingProxyType(
    {
        Silence.SIN_RESPUESTA: Sentence("El agente está callado", "The agent is silent"),
        Silence.ESTANCADO: Sentence("El agente parece estancado", "The agent seems stuck"),
    }
)

BUDGET = Sentence("Decide cuánto pueden gastar los modelos", "Decide what models may spend")
CLIENT_ANSWER = Sentence("El cliente no ha respondido", "The client has not answered")
WAITS_FOR_CLIENT = Sentence("Espera una respuesta del cliente", "Waits for the client's answer")
QUESTION = Sentence("Responde una pregunta", "Answer a question")
QUEUED = Sentence("Espera un lugar de construcción", "Waits for a place to be built")

_LOST: Mapping[str, Sentence] = MappingProxyType(
    {
        ClientMail.RECIBIDA.event: Sentence(
            "No llegó al cliente el aviso de su orden",
            "The client was not reached about their order",
        ),
        ClientMail.APROBADA.event: Sentence(
            "No llegó al cliente la fecha prometida", "The promised date did not reach the client"
        ),
        ClientMail.PLAZO.event: Sentence(
            "No llegó al cliente el cambio de fecha", "The new date did not reach the client"
        ),
        ClientMail.ENTREGADA.event: Sentence(
            "No llegó el correo de entrega", "The mail of the delivery did not arrive"
        ),
        ClientMail.FALLIDA.event: Sentence(
            "No llegó al cliente el aviso del fallo", "The client was not told of the failure"
        ),
        ClientMail.CANCELADA.event: Sentence(
            "No llegó al cliente el aviso de cancelación",
            "The client was not told of the cancellation",
        ),
        ClientMail.PREGUNTA.event: Sentence(
            "No llegó la pregunta al cliente", "The question did not reach the client"
        ),
        ClientMail.ENLACE.event: Sentence(
            "No llegó el enlace al cliente", "The link did not reach the client"
        ),
    }
)


def plan_waits(version: int, *, corrected: bool, decides: bool) -> Sentence:
    """Return what is wanted about a plan; `decides`: the reader may decide."""
    if not decides:
        return Sentence(
            f"El plan v{version} espera aprobación", f"Plan v{version} waits for approval"
        )
    if corrected:
        return Sentence(
            f"Aprueba el plan v{version}, ya corregido", f"Approve plan v{version}, now corrected"
        )
    return Sentence(f"Aprueba el plan v{version}", f"Approve plan v{version}")


def question_waits(asker: str) -> Sentence:
    """Return what is wanted about a question of `asker`."""
    return Sentence(f"Responde a {asker}", f"Answer {asker}")


def review_waits(rejections: int) -> Sentence:
    """Return what is wanted about a product that the council has rejected so often."""
    if rejections == 1:
        return Sentence("Decide tras 1 rechazo de la revisión", "Decide after 1 rejection")
    return Sentence(
        f"Decide tras {rejections} rechazos de la revisión",
        f"Decide after {rejections} rejections by the review",
    )


def failed(state: str | None, cause: str | None = None) -> Sentence:
    """Return where an order failed, and why if `cause` is given."""
    place = next(
        (said for one, said in _FAILED.items() if one == state), Sentence("Falló", "Failed")
    )
    why = next((said for one, said in CAUSES.items() if one == cause), None)
    return place if why is None else Sentence(f"{place}: {why}", f"{place.en}: {why.en}")


def machine_waits(trouble: str | None, orders: int = 0) -> Sentence:
    """Return what is wrong with the machine, and how many orders wait for it if there are some."""
    said = next(
        (said for one, said in TROUBLES.items() if one == trouble), TROUBLES[Trouble.SOBRECARGA]
    )
    if not orders:
        return said
    if orders == 1:
        return Sentence(f"{said}: 1 orden espera", f"{said.en}: 1 order waits")
    return Sentence(f"{said}: {orders} órdenes esperan", f"{said.en}: {orders} orders wait")


def message_lost(event: str | None, channel: str, recipient: str) -> Sentence:
    """Return which message did not arrive."""
    if event is not None and event.startswith(EVENT_PREFIX) and event in _LOST:
        return _LOST[event]
    if channel == "mail":
        return Sentence("No llegó un correo al equipo", "A mail to the team did not arrive")
    return Sentence(f"No llegó un aviso a {recipient}", f"A notification did not reach {recipient}")
