"""Who gets in."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.texts.schema_text import SchemaText

__all__ = ["ACCESS"]

_EXAMPLE_USER = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "email": "ana@axon88.com",
    "nombre": "Ana Ruiz",
    "rol": "admin",
    "cliente_id": None,
    "debe_cambiar_password": False,
}

ACCESS: Mapping[str, SchemaText] = MappingProxyType(
    {
        "Role": SchemaText("Los cuatro roles (§8.2)."),
        "Grant": SchemaText("A qué se conceden los permisos: un rol, o el alcance de una clave."),
        "KeyScope": SchemaText("Alcance de una clave: lectura, escritura o admin (§8.1)."),
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
        "NewSystemToken": SchemaText(
            "Token de sistema nuevo.",
            {
                "agente": "El agente que lo usará.",
                "rol": "Qué hace (§6.2): `builder` construye, `council` revisa, `ops` entrega.",
            },
            {"agente": "Revisor externo", "rol": "council"},
        ),
        "TokenRole": SchemaText("El actor de §6.2 que es un agente."),
        "Outcome": SchemaText("Cómo terminó un acto: hecho, negado o fallido."),
    }
)
