"""The fields of an order that are the same for every type, and the English of every field.

The catalogue's schemas are in Spanish; `told` has the English of their titles and descriptions.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["CLIENT", "ENGLISH", "INTERNAL", "PRODUCT_NAME", "told"]

Schema = Mapping[str, Any]

CLIENT: Schema = MappingProxyType(
    {
        "required": ["nombre", "email"],
        "properties": {
            "nombre": {"type": "string", "title": "Empresa o persona", "maxLength": 200},
            "email": {
                "type": "string",
                "title": "Correo",
                "format": "email",
                "description": "Aquí recibe el enlace de su portal.",
            },
            "telefono": {
                "type": "string",
                "title": "Teléfono",
                "format": "phone",
                "description": "Con + y la lada del país.",
                "examples": ["+5215512345678"],
            },
            "industria": {"type": "string", "title": "Industria", "maxLength": 200},
            "pais": {"type": "string", "title": "País", "maxLength": 200},
        },
    }
)
PRODUCT_NAME: Schema = MappingProxyType(
    {
        "type": "string",
        "title": "Nombre del producto",
        "description": "El que lee el cliente.",
        "maxLength": 200,
    }
)
INTERNAL: Schema = MappingProxyType(
    {
        "properties": {
            "prioridad": {
                "type": "string",
                "title": "Prioridad",
                "default": "normal",
                "x-opciones": [
                    {"valor": "baja", "etiqueta": "Baja"},
                    {"valor": "normal", "etiqueta": "Normal"},
                    {"valor": "alta", "etiqueta": "Alta"},
                    {"valor": "urgente", "etiqueta": "Urgente"},
                ],
            },
            "tags": {
                "type": "array",
                "title": "Etiquetas",
                "description": "Separadas por comas.",
                "items": {"type": "string"},
                "examples": [["gastronomía", "gdl"]],
            },
            "cliente_id": {
                "type": "string",
                "title": "Cuenta del cliente",
                "description": "El identificador con el que el cliente entra y ve sus órdenes.",
                "maxLength": 100,
            },
            "notas_internas": {
                "type": "string",
                "title": "Notas del equipo",
                "description": "Ni el cliente ni los agentes las leen.",
                "x-control": "texto_largo",
            },
        }
    }
)

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "Empresa o persona": "Company or person",
        "Correo": "Email",
        "Aquí recibe el enlace de su portal.": "The link of their portal is sent here.",
        "Teléfono": "Telephone",
        "Con + y la lada del país.": "With + and the country's code.",
        "Industria": "Industry",
        "País": "Country",
        "Nombre del producto": "Name of the product",
        "El que lee el cliente.": "The one that the client reads.",
        "Prioridad": "Priority",
        "Baja": "Low",
        "Normal": "Normal",
        "Alta": "High",
        "Urgente": "Urgent",
        "Etiquetas": "Tags",
        "Separadas por comas.": "Separated by commas.",
        "Cuenta del cliente": "The client's account",
        "El identificador con el que el cliente entra y ve sus órdenes.": (
            "The identifier with which the client signs in and sees their orders."
        ),
        "Notas del equipo": "Notes of the team",
        "Ni el cliente ni los agentes las leen.": "Neither the client nor agents read them.",
        "Integraciones": "Integrations",
        "Servicios con los que se conecta el producto. Lo que no está en el catálogo se anota en "
        "el plan para quien lo aprueba.": (
            "Services that the product connects to. What is not in the catalogue is noted in the "
            "plan for its approver."
        ),
        "Moneda": "Currency",
        "Moneda de los precios, por su código ISO 4217 en mayúsculas.": (
            "Currency of the prices, by its ISO 4217 code in capitals."
        ),
        "Productos": "Products",
        "Lo que el cliente vende: un nombre, o un objeto con nombre y precio.": (
            "What the client sells: a name, or a name and a price."
        ),
        "Nombre": "Name",
        "Precio": "Price",
        "En la moneda configurada, como número o como texto con punto decimal.": (
            "In the currency above, with a decimal point."
        ),
        "Zona horaria": "Time zone",
        "Nombre de la base de datos de zonas horarias (IANA).": (
            "A name of the time zone database (IANA)."
        ),
        "Mensaje principal": "Main message",
        "La frase que encabeza la página de venta.": "The sentence at the top of the sales page.",
        "Citas": "Appointments",
        "Cuándo se ofrecen citas, de lunes a viernes, durante los próximos catorce días.": (
            "When appointments are offered, Monday to Friday, for the next fourteen days."
        ),
        "Desde": "From",
        "Hora de la primera cita.": "Time of the first appointment.",
        "Hasta": "Until",
        "Hora a la que termina la última cita.": "Time at which the last appointment ends.",
        "Duración en minutos": "Length in minutes",
        "Número de WhatsApp": "WhatsApp number",
        "Número desde el que atiende el bot, en formato E.164: + y solo cifras.": (
            "Number from which the bot answers: + and digits only (E.164)."
        ),
        "Horario de atención": "Opening hours",
        "De apertura a cierre, todos los días; un cierre anterior a la apertura es pasada la "
        "medianoche. Sin él, el bot atiende a toda hora.": (
            "From opening to closing, every day; a closing before the opening is past midnight. "
            "Without it the bot answers at any hour."
        ),
        "Idioma": "Language",
        "Idioma en que responde el bot (BCP 47). Habla español e inglés; en otro idioma responde "
        "en español.": (
            "Language in which the bot answers. It speaks Spanish and English; otherwise it "
            "answers in Spanish."
        ),
        "Español": "Spanish",
        "Inglés": "English",
        "Personalidad del bot": "The bot's personality",
        "Cómo trata el bot a las personas, en pocas palabras.": (
            "How the bot treats people, in a few words."
        ),
        "Reglas": "Rules",
        "A dónde se reenvía cada evento que llega. Un evento sigue todas las reglas que le "
        "corresponden.": (
            "Where each event that arrives is sent on to. An event follows every rule that fits."
        ),
        "Evento": "Event",
        "Tipo de evento, o un patrón: * es cualquier texto, ? un carácter.": (
            "Type of event, or a pattern: * is any text, ? one character."
        ),
        "Destino": "Destination",
        "Una dirección https, o el nombre de un servicio conectado.": (
            "An https address, or the name of a connected service."
        ),
        "Campos": "Fields",
        "Qué se envía: nombres nuevos, y dónde está su valor en el evento. Sin campos se envía el "
        "evento entero.": (
            "What is sent: new names, and where their value is in the event. Without fields the "
            "whole event is sent."
        ),
        "Límite por minuto": "Limit a minute",
        "Cuántos eventos se aceptan por minuto.": "How many events are accepted a minute.",
    }
)


def told(text: str, *, english: bool) -> str:
    """Return a title or description in the reader's language, as it is if there is no English."""
    return ENGLISH.get(text, text) if english else text
