"""Destinations and deliveries."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.texts.schema_text import SchemaText

__all__ = ["NOTIFICATIONS"]

NOTIFICATIONS: Mapping[str, SchemaText] = MappingProxyType(
    {
        "EventKind": SchemaText("Qué le ocurrió a una orden, con nombres estables."),
        "NotificationKind": SchemaText("De qué trata un aviso, con nombres estables."),
        "Channel": SchemaText("Por dónde sale un mensaje: correo, webhook o chat."),
        "DeliveryState": SchemaText("Si una entrega espera, llegó o ya no se intenta."),
        "NewDestinationRequest": SchemaText(
            "Destino nuevo de avisos.",
            {
                "canal": "`webhook` (firmado) o `slack` (un webhook entrante de chat).",
                "nombre": "Cómo se llama; único.",
                "url": "Su dirección, https; se guarda cifrada y no se muestra de nuevo.",
                "eventos": "Los avisos que recibe; sin ellos, todos los que puede recibir. Una "
                "clave recibe los de la orden: `orden.creada`, `orden.estado_cambiado`, …",
                "clientes": "Solo los de órdenes de estos clientes; sin ellos, de todas.",
                "tags": "Solo los de órdenes que tienen todas estas etiquetas.",
            },
            {
                "canal": "webhook",
                "nombre": "crm",
                "url": "https://crm.example/avisos",
                "eventos": ["plan.pendiente", "orden.entregada"],
            },
        ),
        "DestinationPatch": SchemaText(
            "Cambio de un destino; al menos un campo.",
            {
                "nombre": "Cómo se llama; único.",
                "eventos": "Los avisos que recibe; vacío, todos.",
                "clientes": "Solo los de órdenes de estos clientes; vacío, de todas.",
                "tags": "Solo los de órdenes con todas estas etiquetas; vacío, de todas.",
                "activo": "Falso: ya no recibe avisos, y los que esperan se abandonan.",
            },
            {"activo": False},
        ),
        "SecretRotation": SchemaText(
            "Rotación del secreto de un webhook.",
            {"gracia_horas": "Horas que el secreto anterior firma todavía; 0 lo termina ahora."},
            {"gracia_horas": 24},
        ),
    }
)
