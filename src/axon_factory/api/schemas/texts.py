"""Spanish descriptions of what the OpenAPI document shows besides answers: inputs and names.

Models of requests and the domain's names live where they are used, with docstrings for programmers.
"""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.examples import design_example
from axon_factory.api.schemas.schema_text import SchemaText
from axon_factory.api.schemas.texts_plans import PLANS

__all__ = ["PARAMETERS", "PATH_IDS", "SCHEMAS", "TAGS", "SchemaText"]

_ACT = {"accion": "Qué se hace.", "filtro": "Las órdenes que cumplen estos filtros."}
_EXAMPLE_USER = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "email": "ana@axon88.com",
    "nombre": "Ana Ruiz",
    "rol": "admin",
    "cliente_id": None,
    "debe_cambiar_password": False,
}

SCHEMAS: Mapping[str, SchemaText] = MappingProxyType(
    {
        "OrderState": SchemaText("Los ocho estados de una orden (§2.1)."),
        "PlanStatus": SchemaText("Estado del plan dentro de `planificacion`."),
        "Priority": SchemaText("Prioridad: `urgente` antes que `alta`, `normal` y `baja`."),
        "LogLevel": SchemaText("Tipo de una entrada del historial."),
        "FailureCause": SchemaText("Causas de fallo, con nombres estables."),
        "Outcome": SchemaText("Cómo terminó un acto: hecho, negado o fallido."),
        "Role": SchemaText("Los cuatro roles (§8.2)."),
        "Grant": SchemaText("A qué se conceden los permisos: un rol, o el alcance de una clave."),
        "KeyScope": SchemaText("Alcance de una clave: lectura, escritura o admin (§8.1)."),
        "NewOrder": SchemaText(
            "Orden nueva (§3.1).",
            {
                "tipo_producto": "Tipo de producto: uno de `GET /api/products/types`.",
                "nombre_producto": "Nombre que el cliente lee.",
                "datos_cliente": "Quién es el cliente y cómo quiere su producto.",
                "cliente_id": "Cliente dueño; los usuarios con ese `cliente_id` la ven.",
                "prioridad": "Prioridad en la fila.",
                "tags": "Etiquetas.",
                "notas_internas": "Notas del equipo; ni el cliente ni los agentes las leen.",
            },
            design_example("3.1-create.request"),
        ),
        "ClientData": SchemaText(
            "Datos del cliente; las claves adicionales se conservan.",
            {
                "nombre": "Nombre del cliente.",
                "email": "Correo del cliente.",
                "telefono": "Teléfono, en E.164.",
                "industria": "Sector.",
                "pais": "País.",
                "configuracion": "Según el JSON Schema de su tipo de producto "
                "(`GET /api/products/types/{id}`).",
            },
        ),
        "OrderPatch": SchemaText(
            "Cambio de una orden (§3.5). Las fechas de fase son pistas y no cambian nada.",
            {
                "estado": "Estado al que pasa; solo por la tabla de transiciones.",
                "progreso": "Avance, en %; dentro de la banda del estado, y nunca hacia atrás.",
                "asignado_a": "Agente responsable.",
                "session_id": "Sesión del agente que construye.",
                "logs": "Entradas que se agregan al historial; una repetida se ignora.",
                "prioridad": "Prioridad en la fila.",
                "tags": "Etiquetas; reemplazan a las que había.",
                "notas_internas": "Notas del equipo.",
                "motivo": "Por qué; queda en el historial.",
                "planificado_at": "Pista: cuándo hubo plan.",
                "construccion_iniciada_at": "Pista: cuándo empezó a construirse.",
                "qa_iniciada_at": "Pista: cuándo empezó la revisión.",
                "entregado_at": "Pista: cuándo se entregó.",
            },
            design_example("3.5-update.request"),
        ),
        "LogEntry": SchemaText(
            "Entrada del historial que un agente envía (§2.1).",
            {
                "timestamp": "Cuándo pasó; sin ella, ahora.",
                "agente": "Quién lo dice; sin él, quien autentica.",
                "mensaje": "Qué pasó, en una frase.",
                "tipo": "Tipo de la entrada.",
                "metadata": "Datos adicionales.",
            },
        ),
        **PLANS,
        "Reason": SchemaText(
            "Por qué.",
            {"motivo": "Queda en el historial de la orden."},
            {"motivo": "El cliente desistió"},
        ),
        "LoginRequest": SchemaText(
            "Correo y contraseña.",
            {"email": "Correo del usuario.", "password": "Contraseña."},
            {"email": "ana@axon88.com", "password": "correcto caballo batería"},
        ),
        "RefreshRequest": SchemaText(
            "El token de renovación de la última respuesta.",
            {"refresh_token": "Sirve una vez."},
            {"refresh_token": "axr_16fd27068baf_…"},
        ),
        "LogoutRequest": SchemaText(
            "Qué sesiones se cierran.",
            {"todas": "Verdadero: todas las del usuario; si no, solo esta."},
            {"todas": False},
        ),
        "PasswordRequest": SchemaText(
            "La contraseña de ahora y la nueva.",
            {
                "password_actual": "La que sirve ahora.",
                "password_nueva": "La que servirá; ni corta ni fácil de adivinar.",
            },
            {
                "password_actual": "taza-nube-lento-cobre",
                "password_nueva": "correcto caballo batería",
            },
        ),
        "LoginAnswer": SchemaText(
            "Los tokens de una sesión, y de quién es.",
            {
                "access_token": "Para `Authorization: Bearer`.",
                "token_type": "Siempre `bearer`.",
                "expires_in": "Segundos que sirve el token de acceso.",
                "refresh_token": "Para `POST /api/auth/refresh`; sirve una vez.",
                "session_id": "UUID de la sesión.",
                "user": "Quién inició sesión.",
            },
            {
                "access_token": "eyJhbGciOiJIUzI1NiIs…",
                "token_type": "bearer",
                "expires_in": 900,
                "refresh_token": "axr_16fd27068baf_…",
                "session_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
                "user": _EXAMPLE_USER,
            },
        ),
        "UserAnswer": SchemaText(
            "Un usuario, como se ve a sí mismo.",
            {
                "id": "UUID del usuario.",
                "email": "Correo con el que inicia sesión.",
                "nombre": "Nombre.",
                "rol": "Su rol.",
                "cliente_id": "De un cliente, el de las órdenes que ve.",
                "debe_cambiar_password": "Su contraseña es de un solo uso.",
            },
            _EXAMPLE_USER,
        ),
        "PrincipalAnswer": SchemaText(
            "De quién es la credencial.",
            {
                "id": "Quién es: `user:…` o `key:…`.",
                "nombre": "Nombre del usuario o de la clave.",
                "rol": "Su rol.",
                "permiso": "A qué se le conceden los permisos.",
                "cliente_id": "De un cliente, el de las órdenes que ve.",
            },
            {
                "id": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "nombre": "Ana Ruiz",
                "rol": "admin",
                "permiso": "admin",
                "cliente_id": None,
            },
        ),
        "NewUser": SchemaText(
            "Usuario nuevo.",
            {
                "email": "Correo con el que inicia sesión.",
                "nombre": "Nombre.",
                "rol": "Su rol; los agentes no inician sesión.",
                "cliente_id": "De un cliente, el de las órdenes que verá.",
            },
            {"email": "ana@axon88.com", "nombre": "Ana Ruiz", "rol": "operator"},
        ),
        "UserPatch": SchemaText(
            "Cambio de un usuario; al menos un campo.",
            {
                "nombre": "Nombre.",
                "rol": "Su rol.",
                "cliente_id": "De un cliente, el de las órdenes que ve.",
                "activo": "Falso: no puede iniciar sesión, y sus sesiones terminan.",
                "restablecer_password": "Le da una contraseña de un solo uso.",
            },
            {"activo": False},
        ),
        "NewKey": SchemaText(
            "Clave nueva para un sistema.",
            {
                "nombre": "El sistema que la usará.",
                "permiso": "Su alcance.",
                "vence_en_dias": "Días que sirve; sin él, hasta que se revoque.",
            },
            {"nombre": "crm", "permiso": "escritura", "vence_en_dias": 365},
        ),
        "Rotation": SchemaText(
            "Rotación de una clave.",
            {"gracia_horas": "Horas que la clave anterior todavía sirve; 0 la termina ahora."},
            {"gracia_horas": 24},
        ),
        "OrderFilter": SchemaText(
            "Los filtros de `GET /api/orders`; al menos uno.",
            {
                "estado": "Cualquiera de estos estados.",
                "tipo_producto": "Cualquiera de estos tipos.",
                "prioridad": "Cualquiera de estas prioridades.",
                "tag": "Todas estas etiquetas.",
                "asignado_a": "Cualquiera de estos responsables.",
                "cliente_id": "Cualquiera de estos clientes.",
                "q": "Palabras de la orden, el producto o el cliente.",
                "creado_desde": "Creadas desde este momento.",
                "creado_hasta": "Creadas antes de este momento.",
            },
        ),
        "CancelOrders": SchemaText("Cancela órdenes, con un motivo.", _ACT),
        "RetryOrders": SchemaText("Reintenta órdenes fallidas.", _ACT),
        "PrioritiseOrders": SchemaText("Cambia la prioridad de órdenes.", _ACT),
        "TagOrders": SchemaText("Agrega y quita etiquetas de órdenes.", _ACT),
        "NewSystemToken": SchemaText(
            "Token de sistema nuevo.", {"agente": "El agente que lo usará."}, {"agente": "QA Agent"}
        ),
    }
)
"""By the schema's name in the document."""

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
        "/api/orders/": "Id de la orden, o su número (`ORD-2025-001`).",
    }
)
"""What `id` is, by the beginning of the path."""

TAGS: Mapping[str, str] = MappingProxyType(
    {
        "ordenes": "Crear, consultar, listar, actualizar y cancelar órdenes (§3).",
        "decisiones": "Actos de personas sobre una orden: aprobar o editar su plan, preguntar, "
        "rechazar, cancelar, reintentar.",
        "productos": "El catálogo de tipos de producto (§4).",
        "acceso": "Sesiones, usuarios, claves y tokens (§8).",
        "auditoria": "El registro de quién hizo qué.",
        "salud": "Si el servicio responde.",
    }
)
"""The groups of operations, in the document's order."""
