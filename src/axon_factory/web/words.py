"""What people read instead of wire names: states, roles, priorities, turns."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.text import Sentence

__all__ = [
    "ADDRESSES",
    "AUDIENCES",
    "AUDIT_ACTS",
    "AUDIT_RESULTS",
    "CHANNELS",
    "CHECKS",
    "CLASSES",
    "CREDENTIALS",
    "DELIVERIES",
    "DELIVERY_TONES",
    "FAILURE_CAUSES",
    "LINK_STATES",
    "MAILS",
    "MAIL_STATES",
    "PLANNERS",
    "PLAN_STATES",
    "PRIORITIES",
    "PRODUCT_ICONS",
    "QUESTION_STATES",
    "ROLES",
    "SCOPES",
    "STATES",
    "STATE_TONES",
    "TOKEN_ROLES",
    "TO_AUDIENCE",
    "WAITS",
]


def _table(**words: tuple[str, str]) -> Mapping[str, Sentence]:
    return MappingProxyType({name: Sentence(*both) for name, both in words.items()})


STATES = _table(
    nuevo=("Nueva", "New"),
    planificacion=("Planificación", "Planning"),
    construccion=("Construcción", "Building"),
    qa=("Revisión", "Review"),
    listo=("Lista", "Ready"),
    entregado=("Entregada", "Delivered"),
    fallido=("Falló", "Failed"),
    cancelado=("Cancelada", "Cancelled"),
)
STATE_TONES: Mapping[str, str] = MappingProxyType(
    {
        "nuevo": "idle",
        "planificacion": "work",
        "construccion": "work",
        "qa": "work",
        "listo": "work",
        "entregado": "go",
        "fallido": "bad",
        "cancelado": "idle",
    }
)
"""Whose turn it is, while nobody is waited for."""

ROLES = _table(
    admin=("Administra la fábrica", "Administers the factory"),
    operator=("Opera la fábrica", "Operates the factory"),
    client=("Cliente", "Client"),
    system=("Sistema", "System"),
)
SCOPES = _table(
    lectura=("Lee", "Reads"),
    escritura=("Crea órdenes", "Places orders"),
    admin=("Administra", "Administers"),
)
TOKEN_ROLES = _table(
    builder=("Construye", "Builds"),
    council=("Revisa", "Checks"),
    ops=("Despliega y entrega", "Deploys and delivers"),
)
CHANNELS = _table(mail=("Correo", "Mail"), webhook=("Webhook", "Webhook"), slack=("Chat", "Chat"))
DELIVERIES = _table(
    pendiente=("En camino", "On its way"),
    entregada=("Llegó", "Arrived"),
    abandonada=("Se abandonó", "Given up"),
)
DELIVERY_TONES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"pendiente": ("work", "clock"), "entregada": ("go", "check"), "abandonada": ("bad", "x")}
)
"""Hue and icon of a delivery."""
PRIORITIES = _table(
    baja=("baja", "low"),
    normal=("normal", "normal"),
    alta=("alta", "high"),
    urgente=("urgente", "urgent"),
)
WAITS = _table(
    persona=("Decide tras los rechazos de la revisión", "Decide after the review's rejections"),
    cliente=("Espera la respuesta del cliente", "Waits for the client's answer"),
    operador=("Espera una respuesta del equipo", "Waits for an answer of the team"),
    presupuesto=("Decide el presupuesto de modelos", "Decide the budget for models"),
    maquina=(
        "La máquina no puede seguir; se intenta sola",
        "The machine cannot go on; it tries again",
    ),
)
MAIL_STATES = _table(
    pendiente=("por enviar", "to be sent"),
    entregada=("enviado", "sent"),
    abandonada=("no llegó", "did not arrive"),
)
MAILS = _table(
    recibida=("Recibimos tu orden", "Your order was received"),
    aprobada=("Plan aprobado y fecha", "Plan approved, with the date"),
    plazo=("Cambio de fecha", "Another date"),
    entregada=("Entrega", "Delivery"),
    fallida=("Aviso de falla", "Notice of a failure"),
    cancelada=("Cancelación", "Cancellation"),
    pregunta=("Pregunta", "Question"),
    enlace=("Enlace al portal", "Link to the portal"),
)
LINK_STATES = _table(
    vigente=("vigente", "in force"),
    vencido=("vencido", "expired"),
    revocado=("revocado", "revoked"),
)
QUESTION_STATES = _table(
    abierta=("sin respuesta", "open"),
    respondida=("respondida", "answered"),
    cerrada=("ya no hace falta", "no longer needed"),
)
AUDIENCES = _table(
    cliente=("el cliente", "the client"),
    operador=("el equipo", "the team"),
    planificador=("el planificador", "the planner"),
)
CHECKS = _table(
    tests=("Pruebas", "Tests"),
    security=("Seguridad", "Security"),
    health=("Arranque", "Start"),
    conversations=("Conversaciones", "Conversations"),
    secrets=("Secretos", "Secrets"),
    performance=("Rendimiento", "Performance"),
    accessibility=("Accesibilidad", "Accessibility"),
    dependencies=("Dependencias", "Dependencies"),
)
"""Checks of the council; one that is not here keeps its own name."""
PLAN_STATES = _table(
    pendiente_aprobacion=("espera decisión", "waits for a decision"),
    aprobado=("aprobado", "approved"),
    rechazado=("rechazado", "rejected"),
    reemplazado=("reemplazado", "replaced"),
    retirado=("retirado", "withdrawn"),
)
TO_AUDIENCE = _table(
    cliente=("al cliente", "the client"),
    operador=("al equipo", "the team"),
    planificador=("al planificador", "the planner"),
)
PLANNERS = _table(
    catalogue=("plan del catálogo", "the catalogue's plan"),
    persona=("una persona", "a person"),
)
"""Who made a plan; a model keeps its name."""
ADDRESSES = _table(
    admin_url=("Administración", "Administration"),
    api_url=("API del producto", "The product's API"),
    docs_url=("Guía de uso", "Guide"),
    portal_url=("Portal del cliente", "The client's portal"),
)
CREDENTIALS = _table(
    admin_email=("Administrador", "Administrator"),
    admin_password_temporal=("Contraseña temporal", "Temporary password"),
    api_key=("Clave de API", "API key"),
    webhook_secret=("Secreto de webhooks", "Secret of webhooks"),
)
AUDIT_ACTS: Mapping[str, Sentence] = MappingProxyType(
    {
        "orders:create": Sentence("Creó la orden", "Placed the order"),
        "orders:update": Sentence("Cambió la orden", "Changed the order"),
        "orders:delete": Sentence("Borró la orden", "Deleted the order"),
        "orders:cancel": Sentence("Canceló la orden", "Cancelled the order"),
        "orders:decide_plan": Sentence("Decidió sobre el plan", "Decided about the plan"),
        "orders:decide_budget": Sentence("Decidió el presupuesto", "Decided the budget"),
        "orders:retry": Sentence("Reintentó la orden", "Tried the order again"),
        "orders:accept": Sentence("Aceptó el producto", "Accepted the product"),
        "orders:record_check": Sentence("Escribió un recibo", "Wrote a receipt"),
        "orders:wake": Sentence("Despertó la orden", "Woke the order"),
        "orders:bulk": Sentence("Actuó sobre varias órdenes", "Acted on several orders"),
        "orders:reveal_credentials": Sentence("Vio las credenciales", "Saw the credentials"),
        "orders:rotate_credentials": Sentence("Rotó las credenciales", "Rotated the credentials"),
        "orders:portal_links": Sentence(
            "Cambió el enlace del cliente", "Changed the client's link"
        ),
        "orders:erase": Sentence("Borró datos personales", "Erased personal data"),
        "orders:ask": Sentence("Preguntó", "Asked"),
        "orders:answer": Sentence("Respondió una pregunta", "Answered a question"),
        "orders:repository": Sentence("Leyó el repositorio", "Read the repository"),
        "orders:token": Sentence("Renovó el permiso de un agente", "Renewed an agent's token"),
        "orders:heartbeat": Sentence("Dio señal de vida", "Gave a sign of life"),
        "orders:read": Sentence("Leyó la orden", "Read the order"),
        "orders:result": Sentence("Leyó el resultado", "Read the result"),
    }
)
"""What an entry of an order's audit tells; others are shown by their own name."""
AUDIT_RESULTS = _table(
    ok=("hecho", "done"),
    denied=("negado", "denied"),
    failed=("fallido", "failed"),
)
FAILURE_CAUSES = _table(
    tipo_no_valido=(
        "El tipo de producto no se puede construir",
        "The product type cannot be built",
    ),
    planificacion_fallida=("No se pudo hacer el plan", "The plan could not be made"),
    plantilla_no_disponible=(
        "Falta una plantilla del producto",
        "A template of the product is missing",
    ),
    constructor_no_disponible=("El constructor no responde", "The builder does not answer"),
    sesion_perdida=("El agente desapareció varias veces", "The agent vanished several times"),
    construccion_fallida=("El agente no pudo construirlo", "The agent could not build it"),
    agente_incompleto=(
        "El agente terminó sin todos los hitos",
        "The agent ended without every milestone",
    ),
    agente_sin_avance=("El agente dejó de avanzar", "The agent made no more progress"),
    revision_no_ejecutable=("La revisión no se pudo hacer", "The review could not be done"),
    deploy_fallido=("El producto no arrancó", "The product did not start"),
    entrega_fallida=("No se pudo entregar", "It could not be handed over"),
    intentos_agotados=("Un paso se intentó demasiadas veces", "A step was tried too often"),
    decision_manual=("Lo decidió una persona", "A person decided it"),
)
CLASSES = _table(
    plan=("Planes", "Plans"),
    pregunta=("Preguntas", "Questions"),
    cliente=("Clientes", "Clients"),
    fallo=("Fallas", "Failures"),
    revision=("Revisión", "Review"),
    presupuesto=("Presupuesto", "Budget"),
    silencio=("Agentes", "Agents"),
    maquina=("Máquina", "Machine"),
    linea=("Línea", "Line"),
    producto=("Productos", "Products"),
    problema=("Problemas", "Problems"),
    aviso=("Avisos", "Messages"),
)
PRODUCT_ICONS: Mapping[str, str] = MappingProxyType(
    {
        "autopilot_whatsapp": "message-circle",
        "autopilot_ventas": "filter",
        "webhook_service": "webhook",
    }
)
