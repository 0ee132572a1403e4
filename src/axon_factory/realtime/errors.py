"""What a WebSocket is refused or ended for, beside the errors of requests.

AxonError
├── OriginRefused            403  a page of another origin asks for the connection
├── AuthenticationLate       401  nothing authenticated within the time for it
├── CredentialEnded          401  it expired, was revoked, or allows something else now
├── AnotherAccount           403  `auth` names somebody else than before
├── TooManyConnections       429  of one account
├── TooManySubscriptions     429  of one account
├── TooManyMessages          429  on one connection
└── Unavailable              503
    ├── NoRoomForSockets          more connections than this process takes
    └── Restarting                the process is shutting down
"""

from axon_factory.domain.errors import AuthenticationRequired, AxonError, Forbidden, Unavailable

__all__ = [
    "AnotherAccount",
    "AuthenticationLate",
    "CredentialEnded",
    "NoRoomForSockets",
    "OriginRefused",
    "Restarting",
    "TooManyConnections",
    "TooManyMessages",
    "TooManySubscriptions",
    "close_code",
]


class OriginRefused(Forbidden):
    """A page of an origin that is not this factory's, nor one of `AXON_CORS_ORIGINS`."""

    codigo = "origen_no_permitido"

    def __init__(self) -> None:
        super().__init__(
            "Esta página no puede conectarse a la fábrica: agrega su origen a AXON_CORS_ORIGINS",
            message_en="This page may not connect to the factory: add its origin to "
            "AXON_CORS_ORIGINS",
        )


class AuthenticationLate(AuthenticationRequired):
    """The connection did not authenticate in time."""

    codigo = "autenticacion_tardia"

    def __init__(self, seconds: float = 5) -> None:
        """`seconds` is the time there was."""
        super().__init__(
            f"Envía el mensaje auth en los primeros {seconds:.0f} segundos",
            message_en=f"Send the message auth within the first {seconds:.0f} seconds",
        )


class CredentialEnded(AuthenticationRequired):
    """The credential expired or was revoked, or its holder's rights have changed."""

    codigo = "credencial_terminada"

    def __init__(self) -> None:
        super().__init__(
            "Tu credencial venció, se revocó o cambió: conéctate de nuevo con una vigente",
            message_en="Your credential expired, was revoked or has changed: connect again with "
            "one that holds",
        )


class AnotherAccount(Forbidden):
    """A connection is renewed with a credential of the same account alone."""

    codigo = "otra_cuenta"

    def __init__(self) -> None:
        super().__init__(
            "La conexión es de otra cuenta: abre una conexión nueva",
            message_en="The connection belongs to another account: open a new connection",
        )


class TooManyConnections(AxonError):
    """One account has as many connections to this process as it may."""

    codigo = "demasiadas_conexiones"
    status = 429
    title = "Demasiadas conexiones"
    title_en = "Too many connections"

    def __init__(self, most: int = 50) -> None:
        """`most` is how many it may have."""
        super().__init__(
            f"Tu cuenta admite {most} conexiones a la vez: cierra una antes",
            message_en=f"Your account may have {most} connections at once: close one first",
        )


class TooManySubscriptions(AxonError):
    """One account follows as many orders in this process as it may."""

    codigo = "demasiadas_suscripciones"
    status = 429
    title = "Demasiadas suscripciones"
    title_en = "Too many subscriptions"

    def __init__(self, most: int = 1000) -> None:
        """`most` is how many it may have."""
        super().__init__(
            f"Tu cuenta admite {most} suscripciones a la vez: termina una, o usa filtros",
            message_en=f"Your account may have {most} subscriptions at once: end one, or use "
            "filters",
        )


class TooManyMessages(AxonError):
    """A connection sends more messages than anybody needs."""

    codigo = "demasiados_mensajes"
    status = 429
    title = "Demasiados mensajes"
    title_en = "Too many messages"

    def __init__(self) -> None:
        super().__init__(
            "Envías demasiados mensajes: espera y conéctate de nuevo",
            message_en="You send too many messages: wait and connect again",
        )


class NoRoomForSockets(Unavailable):
    """This process holds as many connections as it may (`AXON_SOCKETS_AT_ONCE`)."""

    codigo = "sin_lugar"

    def __init__(self) -> None:
        super().__init__(
            "Hay demasiadas conexiones abiertas; intenta de nuevo en unos segundos",
            message_en="Too many connections are open; try again in a few seconds",
        )


class Restarting(Unavailable):
    """The process is shutting down: another one answers."""

    codigo = "reinicio"

    def __init__(self) -> None:
        super().__init__(
            "El servidor se reinicia: conéctate de nuevo y sigue desde tu última posición",
            message_en="The server restarts: connect again and go on from your last position",
        )


_RESTART = 1012
_INTERNAL = 1011
_PRIVATE = 4000
"""Close codes from 4000 on are the application's own (RFC 6455 §7.4.2)."""


def close_code(error: AxonError) -> int:
    """Return the close code of an error: 1012 for a restart, else 4000 and its HTTP status."""
    if isinstance(error, Restarting):
        return _RESTART
    if type(error) is AxonError:
        return _INTERNAL
    return _PRIVATE + (408 if isinstance(error, AuthenticationLate) else error.status)
