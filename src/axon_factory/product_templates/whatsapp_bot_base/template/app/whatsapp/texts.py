"""What the bot says, by language and tone. Values are filled in as text, never as a format."""

from collections.abc import Mapping
from string import Template

from app.product import Product
from app.whatsapp.understanding import words

FORMAL, FRIENDLY = "formal", "amigable"
_FORMAL_WORDS = {"formal", "profesional", "seria", "serio", "professional", "serious", "corporate"}
_FRIENDLY_WORDS = {"amigable", "cercano", "cercana", "divertido", "divertida", "casual", "friendly",
                   "warm", "fun", "informal", "alegre"}  # fmt: skip

# A text is one template, or one for each tone.
TEXTS: Mapping[str, Mapping[str, str | Mapping[str, str]]] = {
    "es": {
        "greeting": {
            FORMAL: "Buen día, le atiende el asistente de $business. ¿En qué puedo ayudarle?",
            FRIENDLY: "¡Hola! 👋 Soy el asistente de $business. ¿Qué estás buscando hoy?",
        },
        "greeting_both": "¡Hola! Le atiende el asistente de $business. ¿En qué puedo ayudarle?",
        "closed": "En este momento estamos fuera de horario (atendemos $hours), pero con gusto le "
        "respondo.",
        "hours": "Nuestro horario de atención es $hours.",
        "open_now": "Ahora estamos en horario de atención.",
        "closed_now": "Ahora estamos fuera de horario.",
        "no_hours": "Este asistente responde a toda hora.",
        "catalog": "Estos son nuestros productos:\n$catalog\nPara pedir, escriba por ejemplo: "
        "quiero 2 $example.",
        "no_catalog": "Todavía no tengo un catálogo cargado. Cuénteme qué necesita y el equipo de "
        "$business le responderá.",
        "available": {
            FORMAL: "Sí, tenemos $products. Para pedir, escriba por ejemplo: quiero 2 $example.",
            FRIENDLY: "¡Sí, tenemos $products! 🙌 ¿Cuántos quieres? Escribe: quiero 2 $example.",
        },
        "perhaps": "Quizás busca alguno de estos:\n$catalog\n¿Cuál le interesa?",
        "unknown_product": "Ese producto no está en nuestro catálogo. Esto es lo que tenemos:\n"
        "$catalog",
        "confirm": "Su pedido: $lines.$total ¿Lo confirma? Responda SÍ o NO.",
        "total": " Total: $amount.",
        "bad_quantity": "¿Cuántos desea? Puedo anotar de 1 a $max de cada producto.",
        "placed": {
            FORMAL: "Su pedido n.º $number quedó confirmado: $lines. Muchas gracias por su compra.",
            FRIENDLY: "¡Listo! 🎉 Tu pedido n.º $number quedó confirmado: $lines. ¡Gracias!",
        },
        "discarded": "De acuerdo, no anoté el pedido. ¿Le ayudo con algo más?",
        "still_pending": "Tiene un pedido por confirmar: $lines. Responda SÍ o NO.",
        "nothing_pending": "No tiene ningún pedido por confirmar. Para anular uno confirmado, "
        "escriba: cancelar pedido y su número.",
        "cancelled": "El pedido n.º $number quedó cancelado.",
        "not_cancelled": "No puedo cancelar el pedido n.º $number: no existe o ya se pagó, "
        "entregó o canceló.",
        "my_orders": "Sus últimos pedidos:\n$orders",
        "no_orders": "Todavía no tiene pedidos con nosotros.",
        "human": "Tomo nota: el equipo de $business verá su mensaje.$phone",
        "phone": " También puede llamar al $number.",
        "thanks": {
            FORMAL: "Para servirle. Que tenga un buen día.",
            FRIENDLY: "¡De nada! 😊 Aquí estoy para lo que necesites.",
        },
        "help": "Puedo mostrarle el catálogo, decirle el horario y tomar su pedido.",
        "and": " y ",
    },
    "en": {
        "greeting": {
            FORMAL: "Good day, this is the assistant of $business. How may I help you?",
            FRIENDLY: "Hi! 👋 I'm the assistant of $business. What are you looking for?",
        },
        "greeting_both": "Hello! This is the assistant of $business. How may I help you?",
        "closed": "We are closed at the moment (our hours are $hours), but I am happy to answer.",
        "hours": "Our opening hours are $hours.",
        "open_now": "We are open now.",
        "closed_now": "We are closed now.",
        "no_hours": "This assistant answers around the clock.",
        "catalog": "These are our products:\n$catalog\nTo order, write for example: "
        "I want 2 $example.",
        "no_catalog": "I have no catalogue yet. Tell me what you need and the team of $business "
        "will answer you.",
        "available": {
            FORMAL: "Yes, we have $products. To order, write for example: I want 2 $example.",
            FRIENDLY: "Yes, we have $products! 🙌 How many? Write: I want 2 $example.",
        },
        "perhaps": "Perhaps you are looking for one of these:\n$catalog\nWhich one?",
        "unknown_product": "That product is not in our catalogue. This is what we have:\n$catalog",
        "confirm": "Your order: $lines.$total Do you confirm it? Answer YES or NO.",
        "total": " Total: $amount.",
        "bad_quantity": "How many would you like? I can take 1 to $max of each product.",
        "placed": {
            FORMAL: "Your order no. $number is confirmed: $lines. Thank you for your purchase.",
            FRIENDLY: "Done! 🎉 Your order no. $number is confirmed: $lines. Thanks!",
        },
        "discarded": "All right, I did not take the order. Can I help you with anything else?",
        "still_pending": "You have an order to confirm: $lines. Answer YES or NO.",
        "nothing_pending": "You have no order to confirm. To cancel a confirmed one, write: cancel "
        "order and its number.",
        "cancelled": "Order no. $number is cancelled.",
        "not_cancelled": "I cannot cancel order no. $number: it does not exist or was already "
        "paid, delivered or cancelled.",
        "my_orders": "Your latest orders:\n$orders",
        "no_orders": "You have no orders with us yet.",
        "human": "Noted: the team of $business will see your message.$phone",
        "phone": " You can also call $number.",
        "thanks": {
            FORMAL: "You are welcome. Have a good day.",
            FRIENDLY: "You're welcome! 😊 I'm here whenever you need me.",
        },
        "help": "I can show you the catalogue, tell you our hours and take your order.",
        "and": " and ",
    },
}


class Voice:
    """The configured language and tone."""

    def __init__(self, product: Product) -> None:
        language = product.text("idioma", "es").casefold()[:2]
        self.language = language if language in TEXTS else "es"
        said = set(words(product.text("personalidad_bot")))
        self._both = bool(said & _FORMAL_WORDS) and bool(said & _FRIENDLY_WORDS)
        friendly = bool(said & _FRIENDLY_WORDS) and not said & _FORMAL_WORDS
        self.tone = FRIENDLY if friendly else FORMAL

    def say(self, key: str, **values: object) -> str:
        """Return a text with its values."""
        if key == "greeting" and self._both:
            key = "greeting_both"
        text = TEXTS[self.language][key]
        template = text if isinstance(text, str) else text[self.tone]
        for name, value in values.items():
            if str(value).endswith("."):  # "Empresa S.A." ends a sentence with its own full stop
                template = template.replace(f"${name}.", f"${name}")
        return Template(template).substitute({k: str(v) for k, v in values.items()})
