"""What a client reads about their order: no word of the factory's inside stands here.

Five stages, milestones by what they give the client, the steps that connect their accounts, the
names of credentials. Every text is in both languages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from axon_factory.domain.catalogue import INTEGRATIONS
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence

__all__ = [
    "ACCEPTED",
    "CREDENTIALS",
    "STAGES",
    "Connection",
    "connections_of",
    "heading_of",
    "lead_of",
    "milestone_name",
    "panel_of",
    "word_of",
]

STAGES = (
    Sentence("Recibido", "Received"),
    Sentence("Plan aprobado", "Plan approved"),
    Sentence("En construcción", "Being built"),
    Sentence("Revisión de calidad", "Quality review"),
    Sentence("Entregado", "Delivered"),
)
_HEADINGS: Mapping[OrderState, tuple[str, str]] = MappingProxyType(
    {
        OrderState.NUEVO: ("Recibimos tu orden: {}", "We have your order: {}"),
        OrderState.PLANIFICACION: ("Preparamos el plan de {}", "We are planning {}"),
        OrderState.CONSTRUCCION: ("Estamos construyendo {}", "We are building {}"),
        OrderState.QA: ("Revisamos la calidad de {}", "We are reviewing {}"),
        OrderState.LISTO: ("Ponemos en marcha {}", "We are starting {}"),
        OrderState.ENTREGADO: ("{} está en marcha", "{} is up and running"),
        OrderState.FALLIDO: ("Tuvimos un contratiempo con {}", "We met a setback with {}"),
        OrderState.CANCELADO: ("{}: orden cancelada", "{}: order cancelled"),
    }
)
_LEADS: Mapping[OrderState, Sentence] = MappingProxyType(
    {
        OrderState.NUEVO: Sentence(
            "Te avisamos por correo en cada paso.", "We mail you at each step."
        ),
        OrderState.PLANIFICACION: Sentence(
            "Cuando el plan esté aprobado, verás aquí la fecha prometida.",
            "Once the plan is approved you will see the promised date here.",
        ),
        OrderState.CONSTRUCCION: Sentence(
            "No tienes que hacer nada por ahora.", "You need not do anything for now."
        ),
        OrderState.QA: Sentence(
            "Está construido. Lo probamos antes de entregártelo.",
            "It is built. We test it before you get it.",
        ),
        OrderState.LISTO: Sentence(
            "Pasó la revisión; en breve te llega el aviso.",
            "It passed the review; you will hear from us shortly.",
        ),
        OrderState.ENTREGADO: Sentence(
            "Aquí están tus accesos y los pasos para conectarlo.",
            "Here are your access and the steps to connect it.",
        ),
        OrderState.FALLIDO: Sentence(
            "Nuestro equipo ya lo está viendo. No tienes que hacer nada; te avisamos.",
            "Our team is on it. You need not do anything; we will tell you.",
        ),
        OrderState.CANCELADO: Sentence(
            "Ya no trabajamos en ella. Si no lo esperabas, escríbenos.",
            "We no longer work on it. If you did not expect that, write to us.",
        ),
    }
)
_WAITING = Sentence("Esperamos tu respuesta para seguir.", "We wait for your answer to go on.")
ACCEPTED = Sentence(
    "Nuestro equipo aceptó tu producto; lo estamos poniendo en marcha.",
    "Our team accepted your product; we are starting it.",
)
"""In `listo`, where a person has accepted what the review does not prove."""


_WORDS: Mapping[OrderState, Sentence] = MappingProxyType(
    {
        OrderState.NUEVO: Sentence("Recibida", "Received"),
        OrderState.PLANIFICACION: Sentence("En preparación", "Being prepared"),
        OrderState.CONSTRUCCION: Sentence("En construcción", "Being built"),
        OrderState.QA: Sentence("En revisión de calidad", "In quality review"),
        OrderState.LISTO: Sentence("En revisión de calidad", "In quality review"),
        OrderState.ENTREGADO: Sentence("Entregada", "Delivered"),
        OrderState.FALLIDO: Sentence("Con contratiempo", "Met a setback"),
        OrderState.CANCELADO: Sentence("Cancelada", "Cancelled"),
    }
)


def word_of(state: OrderState) -> Sentence:
    """Return where an order is, in a word or two."""
    return _WORDS[state]


def heading_of(state: OrderState, product: str) -> Sentence:
    """Return what the page says first."""
    spanish, english = _HEADINGS[state]
    return Sentence(spanish.format(product), english.format(product))


def lead_of(state: OrderState, *, waits: bool, accepted: bool) -> Sentence:
    """Return the sentence below it. `waits`: an answer is owed; `accepted`: by a person."""
    if waits:
        return _WAITING
    return ACCEPTED if accepted else _LEADS[state]


_MILESTONES: Mapping[str, Sentence] = MappingProxyType(
    {
        "scaffolding": Sentence("La base de tu producto", "The base of your product"),
        "backend_api": Sentence("Lo que hace tu producto", "What your product does"),
        "frontend": Sentence("Tu panel y tu guía de uso", "Your panel and your guide"),
        "integraciones": Sentence("Conexión con tus cuentas", "Connection to your accounts"),
        "qa": Sentence("Pruebas de que todo funciona", "Tests that it all works"),
    }
)
_MILESTONES_OF: Mapping[tuple[str, str], Sentence] = MappingProxyType(
    {
        ("autopilot_whatsapp", "backend_api"): Sentence(
            "Conversaciones y pedidos", "Conversations and orders"
        ),
        ("autopilot_ventas", "backend_api"): Sentence(
            "Tu embudo de ventas y tus contactos", "Your sales funnel and your contacts"
        ),
        ("autopilot_ventas", "frontend"): Sentence("Tu página y tu panel", "Your page and panel"),
        ("webhook_service", "backend_api"): Sentence(
            "Recibir y reenviar tus avisos", "Receiving and forwarding your notices"
        ),
        ("webhook_service", "integraciones"): Sentence(
            "Conexión con tus destinos", "Connection to your destinations"
        ),
    }
)


def milestone_name(product_type: str, identifier: str, name: str, usual: str | None) -> str:
    """Return what the client reads for a milestone of their plan.

    A name that a planner gave says more than ours; where it is the catalogue's (`usual`), which
    speaks to builders, ours stands for it.
    """
    if name != usual:
        return name
    return _MILESTONES_OF.get((product_type, identifier)) or _MILESTONES.get(identifier, name)


@dataclass(frozen=True, slots=True)
class Connection:
    """How the client connects one of their accounts: `url` is the address to paste."""

    title: Sentence
    url: str
    steps: tuple[Sentence, ...]


_WHATSAPP = (
    Sentence(
        "Abre tu cuenta de Twilio y entra a Messaging → Senders → WhatsApp.",
        "Open your Twilio account and go to Messaging → Senders → WhatsApp.",
    ),
    Sentence(
        "Elige tu número y pega esta dirección en «When a message comes in», con el método POST.",
        "Choose your number and paste this address at “When a message comes in”, method POST.",
    ),
    Sentence(
        "Twilio te muestra un «Auth Token». Escríbenos y te decimos cómo cargarlo; no lo "
        "mandes por correo.",
        "Twilio shows you an “Auth Token”. Write to us and we tell you how to load it; do not mail "
        "it.",
    ),
    Sentence(
        "Escribe «hola» a tu número desde otro teléfono: la conversación aparece en tu panel.",
        "Write “hello” to your number from another phone: the conversation appears in your panel.",
    ),
)
_STRIPE = (
    Sentence(
        "En Stripe abre Developers → Webhooks y elige «Add endpoint».",
        "In Stripe open Developers → Webhooks and choose “Add endpoint”.",
    ),
    Sentence(
        "Pega esta dirección y marca «checkout.session.completed».",
        "Paste this address and select “checkout.session.completed”.",
    ),
    Sentence(
        "Stripe te muestra un «Signing secret». Escríbenos y te decimos cómo cargarlo; no lo "
        "mandes por correo.",
        "Stripe shows you a “Signing secret”. Write to us and we tell you how to load it; do not "
        "mail it.",
    ),
)
_INPUT = (
    Sentence(
        "En tu sistema, manda cada aviso a esta dirección: POST con un cuerpo JSON.",
        "In your system, send each notice to this address: POST with a JSON body.",
    ),
    Sentence(
        "Fírmalo con tu secreto de conexiones, según Standard Webhooks; la guía trae un ejemplo.",
        "Sign it with your connection secret, as Standard Webhooks says; the guide has an example.",
    ),
    Sentence(
        "Manda uno de prueba: aparece en tu panel con lo que se hizo con él.",
        "Send one to try: it appears in your panel with what was done with it.",
    ),
)
_OTHER = (
    Sentence(
        "En tu cuenta busca «Webhooks» y pega esta dirección.",
        "In your account look for “Webhooks” and paste this address.",
    ),
    Sentence(
        "Haz una prueba desde ahí; la guía de uso dice qué esperar.",
        "Send a test from there; the guide says what to expect.",
    ),
)
_CONNECTIONS: Mapping[str, tuple[Sentence, tuple[Sentence, ...]]] = MappingProxyType(
    {
        "whatsapp": (Sentence("Conecta tu WhatsApp", "Connect your WhatsApp"), _WHATSAPP),
        "stripe": (Sentence("Conecta tus cobros con Stripe", "Connect Stripe"), _STRIPE),
        "entrada": (Sentence("Conecta tu sistema", "Connect your system"), _INPUT),
    }
)


def connections_of(webhooks: Mapping[str, str]) -> Sequence[Connection]:
    """Return how to connect what a product takes messages from, the most usual first."""
    usual = [name for name in _CONNECTIONS if name in webhooks]
    names = [*usual, *(name for name in webhooks if name not in usual)]
    return [_connection(name, webhooks[name]) for name in names]


def _connection(name: str, url: str) -> Connection:
    """Return how to connect the account behind a webhook called `name`."""
    label = INTEGRATIONS.get(name, name)
    usual = (Sentence(f"Conecta {label}", f"Connect {label}"), _OTHER)
    title, steps = _CONNECTIONS.get(name, usual)
    return Connection(title, url, steps)


CREDENTIALS: Mapping[str, Sentence] = MappingProxyType(
    {
        "admin_email": Sentence("Correo para entrar a tu panel", "Mail to sign in to your panel"),
        "admin_password_temporal": Sentence("Contraseña de tu panel", "Password of your panel"),
        "api_key": Sentence("Clave para tus sistemas", "Key for your systems"),
        "webhook_secret": Sentence("Secreto para tus conexiones", "Secret for your connections"),
    }
)
"""What a client calls each credential, in the order in which they need them."""

_PANELS: Mapping[str, Sentence] = MappingProxyType(
    {
        "autopilot_whatsapp": Sentence(
            "Conversaciones, pedidos y catálogo", "Conversations, orders and catalogue"
        ),
        "autopilot_ventas": Sentence("Contactos, citas y ventas", "Contacts, bookings and sales"),
        "webhook_service": Sentence("Avisos recibidos y enviados", "Notices received and sent"),
    }
)


def panel_of(product_type: str) -> Sentence:
    """Return what the client finds in their panel."""
    return _PANELS.get(product_type, Sentence("Para administrarlo", "To run it"))
