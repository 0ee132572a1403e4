"""What people read instead of wire names: states, roles, priorities, turns."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.text import Sentence

__all__ = [
    "CHANNELS",
    "CLASSES",
    "DELIVERIES",
    "DELIVERY_TONES",
    "PRIORITIES",
    "PRODUCT_ICONS",
    "ROLES",
    "SCOPES",
    "STATES",
    "STATE_TONES",
    "TOKEN_ROLES",
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
CLASSES = _table(
    plan=("Planes", "Plans"),
    fallo=("Fallas", "Failures"),
    pregunta=("Preguntas", "Questions"),
    revision=("Revisión", "Review"),
    presupuesto=("Presupuesto", "Budget"),
    agente=("Agentes", "Agents"),
    maquina=("Máquina", "Machine"),
    producto=("Productos", "Products"),
    correo=("Correos", "Mails"),
    aviso=("Avisos", "Notifications"),
    linea=("Línea", "Line"),
)
PRODUCT_ICONS: Mapping[str, str] = MappingProxyType(
    {
        "autopilot_whatsapp": "message-circle",
        "autopilot_ventas": "filter",
        "webhook_service": "webhook",
    }
)
