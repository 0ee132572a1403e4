"""What goes wrong with accounts and credentials.

AuthenticationRequired          401
├── InvalidCredentials              e-mail and password do not go together
└── AmbiguousCredentials            more than one credential in one request
Unavailable                     503
└── PasswordQueueFull               too many logins wait for their hash
Conflict                        409
└── EmailTaken
"""

from axon_factory.domain.errors import AuthenticationRequired, Conflict, Unavailable

__all__ = ["AmbiguousCredentials", "EmailTaken", "InvalidCredentials", "PasswordQueueFull"]


class InvalidCredentials(AuthenticationRequired):
    """The same answer for an unknown user, a wrong password and an account that is switched off."""

    codigo = "credenciales_invalidas"

    def __init__(self) -> None:
        super().__init__(
            "El correo o la contraseña no son correctos",
            message_en="The e-mail or the password is not correct",
        )


class AmbiguousCredentials(AuthenticationRequired):
    """Whoever sends several credentials may be read as one or the other: neither is taken."""

    codigo = "credenciales_ambiguas"

    def __init__(self) -> None:
        super().__init__(
            "Envía una sola credencial: Authorization, X-API-Key o X-System-Token",
            message_en="Send one credential only: Authorization, X-API-Key or X-System-Token",
        )


class PasswordQueueFull(Unavailable):
    """More password hashes are asked for than may wait."""

    codigo = "acceso_saturado"

    def __init__(self) -> None:
        super().__init__(
            "Hay demasiados accesos a la vez; inténtalo de nuevo en unos segundos",
            message_en="Too many logins at once; try again in a few seconds",
        )


class EmailTaken(Conflict):
    """There is a user with this e-mail already."""

    codigo = "correo_en_uso"

    def __init__(self) -> None:
        super().__init__(
            "Ya existe un usuario con ese correo",
            message_en="There is a user with this e-mail already",
        )
