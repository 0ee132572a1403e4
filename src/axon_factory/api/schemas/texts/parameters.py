"""Parameters, names in paths, and tags."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["PARAMETERS", "PATH_IDS", "TAGS"]

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "product_id": "Id del tipo de producto.",
        "If-Match": "ETag de la orden leída; si la orden cambió desde entonces, 412.",
        "Idempotency-Key": "Clave de esta solicitud, de 1 a 255 caracteres ASCII visibles: "
        "repetirla con la misma clave en 24 horas recibe la misma respuesta.",
        "If-None-Match": "ETag de una respuesta anterior; si nada cambió, 304 sin cuerpo.",
        "Last-Event-ID": "Última entrada recibida; el flujo continúa después de ella.",
        "Axon-Version": "Versión de la API, por su fecha; sin ella, la más reciente.",
        "Accept-Language": "`es` (por defecto) o `en`: idioma de las frases para personas.",
        "estado": "Solo órdenes en estos estados; se repite para varios.",
        "tipo_producto": "Solo órdenes de estos tipos de producto.",
        "prioridad": "Solo órdenes con estas prioridades.",
        "tag": "Solo órdenes con esta etiqueta; repetida, con todas.",
        "limit": "Cuántas órdenes trae la página, de 1 a 200.",
        "offset": "Cuántas órdenes se saltan antes de la página.",
        "sort_by": "Campo por el que se ordena; los empates, por id.",
        "sort_order": "`desc` o `asc`.",
        "after": "Solo entradas con `seq` mayor que este.",
    }
)
"""By the parameter's name, where its route does not say it."""

PATH_IDS: Mapping[str, str] = MappingProxyType(
    {
        "/api/users/": "UUID del usuario.",
        "/api/keys/": "Parte pública de la clave.",
        "/api/system-tokens/": "Parte pública del token.",
        "/api/notifications/destinations/": "UUID del destino.",
        "/api/notifications/deliveries/": "UUID de la entrega.",
        "/api/orders/": "Id de la orden, o su número (`ORD-2025-001`).",
    }
)
"""What `id` is, by the beginning of the path."""

TAGS: Mapping[str, str] = MappingProxyType(
    {
        "ordenes": "Crear, consultar, listar, actualizar y cancelar órdenes (§3).",
        "decisiones": "Actos de personas sobre una orden: aprobar o editar su plan, preguntar, "
        "rechazar, cancelar, reintentar.",
        "preguntas": "Preguntas sobre una orden, y sus respuestas.",
        "portal": "Los enlaces con que un cliente sigue su orden.",
        "agentes": "Lo que hace el agente de un intento además de reportar.",
        "productos": "El catálogo de tipos de producto (§4).",
        "acceso": "Sesiones, usuarios, claves y tokens (§8).",
        "linea": "La línea entera: mirarla, pausarla, drenarla, detenerla y reanudarla.",
        "auditoria": "El registro de quién hizo qué.",
        "avisos": "A dónde van los avisos y cómo llegó cada uno.",
        "salud": "Si el servicio responde.",
    }
)
"""The groups of operations, in the document's order."""
