"""Parts of the OpenAPI document that operations share: headers, parameters, tags, security."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from axon_factory.api.versioning import CURRENT, VERSIONS
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant

__all__ = [
    "HEADERS",
    "NAMES",
    "PARAMETERS",
    "PARAMETER_TEXTS",
    "PATH_IDS",
    "SCHEMAS",
    "SECURITY",
    "TAGS",
    "security_of",
]

Json = dict[str, Any]


PARAMETER_TEXTS: Mapping[str, str] = MappingProxyType(
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

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "OrderState": "Los ocho estados de una orden (§2.1).",
        "Priority": "Prioridad: `urgente` antes que `alta`, `normal` y `baja`.",
        "LogLevel": "Tipo de una entrada del historial.",
        "FailureCause": "Causas de fallo, con nombres estables.",
        "BuilderName": "Quién construye: la fábrica o un agente externo.",
        "LineMode": "Cómo marcha la línea: `activa`, `drenando`, `pausada`, `detenida`.",
        "ProductTrouble": "Qué le pasa a un producto: `supervisor` (murió el supervisor de "
        "todos), `caido` (terminó), `sin_respuesta` (vive y no responde), `puerto_ocupado`, "
        "`bucle` (termina una y otra vez), `sin_maquina` (ningún trabajador lo tiene).",
        "ClientMail": "De qué trata un correo al cliente.",
        "LinkState": "Si un enlace sirve: `vigente`, `vencido` o `revocado`.",
        "LinkReason": "Por qué se emitió un enlace: `alta` de la orden, otro `correo` del "
        "cliente, una `persona` lo pidió, o el anterior estaba `vencido`.",
        "Audience": "Quién responde una pregunta.",
        "WaitsFor": "Por qué la orden está detenida.",
        "Needs": "Quién debe el próximo paso de la orden.",
        "Trouble": "Qué le impide trabajar a la máquina.",
        "Silence": "Desde hace cuánto el agente que construye no da señales de vida.",
        "PendingKind": "Por qué algo espera a una persona: un `plan` por aprobar, una `pregunta` "
        "al equipo, un `cliente` que no responde, un `fallo`, una `revision` que rechaza una y "
        "otra vez, un `presupuesto` agotado, el `silencio` de un agente, la `maquina`, la `linea`, "
        "un `producto` caído, un `aviso` que no llegó.",
        "Act": "Lo que una persona puede hacer: cada uno es una solicitud de esta API "
        "(`aprobar` es `POST /api/orders/{id}/approve`).",
        "SpanState": "Cómo fue un tramo: trabajo `hecho`, `en_curso` o que terminó en `fallo`, "
        "o una `espera`.",
        "Who": "A quién le toca, o le tocaba.",
        "PlanStatus": "Estado del plan dentro de `planificacion`.",
        "PlanVersionStatus": "Qué fue de una versión del plan; `reemplazado`: alguien escribió "
        "otra desde ella.",
        "Change": "Qué fue de un campo del plan.",
        "FlagKind": "Avisos sobre un plan, con nombres estables.",
        "Role": "Los cuatro roles (§8.2).",
        "Grant": "A qué se conceden los permisos: un rol, o el alcance de una clave.",
        "KeyScope": "Alcance de una clave: lectura, escritura o admin (§8.1).",
        "TokenRole": "El actor de §6.2 que es un agente.",
        "Outcome": "Cómo terminó un acto: hecho, negado o fallido.",
        "EventKind": "Qué le ocurrió a una orden, con nombres estables.",
        "NotificationKind": "De qué trata un aviso, con nombres estables.",
        "Language": "Idioma de un correo: español o inglés.",
        "Channel": "Por dónde sale un mensaje: correo, webhook o chat.",
        "DeliveryState": "Si una entrega espera, llegó o ya no se intenta.",
    }
)
"""What the enumerations of the domain are; their docstrings are for programmers."""

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
        "escritorio": "Lo que espera a una persona, y el tablero de órdenes.",
        "portal": "Los enlaces con que un cliente sigue su orden.",
        "agentes": "Lo que hace el agente de un intento además de reportar.",
        "productos": "El catálogo de tipos de producto (§4).",
        "acceso": "Sesiones, usuarios, claves y tokens (§8).",
        "linea": "La línea entera: mirarla, pausarla, drenarla, detenerla y reanudarla.",
        "ajustes": "Los ajustes con los que se inició la fábrica.",
        "auditoria": "El registro de quién hizo qué.",
        "avisos": "A dónde van los avisos y cómo llegó cada uno.",
        "salud": "Si el servicio responde.",
    }
)
"""The groups of operations, in the document's order."""


def _header(description: str, schema: Json, example: str | int) -> Json:
    return {"description": description, "schema": schema, "example": example}


def _parameter(name: str, schema: Json) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": PARAMETER_TEXTS[name],
        "schema": schema,
    }


_TEXT: Json = {"type": "string"}

HEADERS: Json = {
    "Axon-Version": _header(
        "Versión de la API con la que se respondió.",
        {"type": "string", "format": "date"},
        CURRENT.name,
    ),
    "ETag": _header("Validador de la respuesta, para `If-None-Match` e `If-Match`.", _TEXT, '"7"'),
    "Location": _header(
        "Dirección de lo que se creó.", _TEXT, "/api/orders/550e8400-e29b-41d4-a716-446655440000"
    ),
    "Link": _header(
        "Páginas siguiente y anterior (RFC 8288).", _TEXT, '</api/orders?cursor=…>; rel="next"'
    ),
    "RateLimit": _header(
        "Solicitudes que quedan, y segundos hasta que se renuevan.", _TEXT, '"default";r=119;t=30'
    ),
    "RateLimit-Policy": _header("Solicitudes por periodo.", _TEXT, '"default";q=120;w=60'),
    "Retry-After": _header("Segundos que conviene esperar.", {"type": "integer"}, 2),
    "WWW-Authenticate": _header(
        "Cómo autenticarse (RFC 9110).", _TEXT, 'Bearer realm="axon-factory"'
    ),
    "X-Request-Id": _header(
        "Nombre de esta solicitud en los registros; el que se envió, si está bien formado.",
        _TEXT,
        "0f8fad5bd9cb469fa16570867728950e",
    ),
    "Content-Language": _header("Idioma de las frases para personas.", _TEXT, "es"),
    "Idempotency-Replayed": _header(
        "`true` si es la respuesta guardada de la misma `Idempotency-Key`.",
        {"type": "string", "const": "true"},
        "true",
    ),
}

PARAMETERS: Json = {
    "Axon-Version": _parameter("Axon-Version", {"$ref": "#/components/schemas/ApiVersion"}),
    "Accept-Language": _parameter("Accept-Language", {"type": "string", "examples": ["es", "en"]}),
    "If-None-Match": _parameter("If-None-Match", {"type": "string", "examples": ['"7"']}),
}

SCHEMAS: Json = {
    "ApiVersion": {
        "type": "string",
        "enum": [version.name for version in VERSIONS],
        "description": "Las versiones de la API que se atienden (docs/versioning.md).",
    }
}

_BEARER, _API_KEY, _SYSTEM_TOKEN = "AccessToken", "ApiKey", "SystemToken"
SECURITY: Json = {
    _BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Usuarios: el token de `POST /api/auth/login`.",
    },
    _API_KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Sistemas internos: una clave de alcance lectura, escritura o admin.",
    },
    _SYSTEM_TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": "X-System-Token",
        "description": "Agentes: el token de su orden y su intento, o el permanente. Las "
        "notificaciones push de A2A lo traen en `X-A2A-Notification-Token`.",
    },
}
_SCHEME_OF = {
    Grant.ADMIN: _BEARER,
    Grant.OPERATOR: _BEARER,
    Grant.CLIENT_OWN: _BEARER,
    Grant.KEY_READ: _API_KEY,
    Grant.KEY_WRITE: _API_KEY,
    Grant.KEY_ADMIN: _API_KEY,
    Grant.SYSTEM_ASSIGNED: _SYSTEM_TOKEN,
    Grant.SYSTEM_PERMANENT: _SYSTEM_TOKEN,
    Grant.SYSTEM_COUNCIL: _SYSTEM_TOKEN,
    Grant.SYSTEM_OPS: _SYSTEM_TOKEN,
}


def security_of(action: Action) -> list[dict[str, list[str]]]:
    """Return the ways to authenticate for `action`, each alone enough."""
    schemes = {_SCHEME_OF[grant] for grant in PERMISSIONS[action].grants}
    return [{name: []} for name in SECURITY if name in schemes]
