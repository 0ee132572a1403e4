"""What goes wrong with accounts and credentials.

ValidationFailed                400
└── WeakPassword                    a new password that does not do
AuthenticationRequired          401
├── InvalidCredentials              e-mail and password do not go together
├── AmbiguousCredentials            more than one credential in one request
└── CredentialExpired               genuine, but its time is over: get the next one
NotFound                        404
└── LinkNotServing                  a link to a password that serves no more, or never did
Conflict                        409
├── EmailTaken
├── LastAdministrator               somebody must be left who can let others in
├── OwnAccount                      an administrator does not remove their own access
├── AccountInactive                 the user is switched off
├── AccountOfAnother                the client's address is that of another account
├── PasswordChosen                  the user has a password of their own: nothing to invite to
└── KeyInRotation                   two live keys of a family at most
TooManyAttempts                 429  too many logins were tried
Unavailable                     503
└── PasswordQueueFull               too many logins wait for their hash
"""

from typing import Self

from axon_factory.domain.errors import (
    AuthenticationRequired,
    AxonError,
    Conflict,
    NotFound,
    Unavailable,
    ValidationFailed,
)
from axon_factory.domain.text import Sentence


class WeakPassword(ValidationFailed):
    """A new password is too short, too long, too easy to guess, or the old one."""

    codigo = "password_debil"

    def __init__(self, field: str, sentence: Sentence) -> None:
        """Name the field of the request and say what to do."""
        super().__init__({field: sentence})


class TooManyAttempts(AxonError):
    """Too many logins were tried for this account, from this address, or altogether.

    Which of the three is not told, and an account that does not exist is counted like any other.
    """

    codigo = "demasiados_intentos"
    status = 429
    title = "Demasiados intentos"
    title_en = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(
            f"Demasiados intentos de acceso; inténtalo de nuevo en {retry_after} segundos",
            message_en=f"Too many login attempts; try again in {retry_after} seconds",
        )
        self.retry_after = retry_after


class InvalidCredentials(AuthenticationRequired):
    """The same answer for an unknown user, a wrong password and an account that is switched off."""

    codigo = "credenciales_invalidas"

    def __init__(self) -> None:
        super().__init__(
            "El correo o la contraseña no son correctos",
            message_en="The e-mail or the password is not correct",
        )


class AmbiguousCredentials(AuthenticationRequired):
    """The request has several credentials. It could be read as any of them, so none is taken."""

    codigo = "credenciales_ambiguas"

    def __init__(self) -> None:
        super().__init__(
            "Envía una sola credencial: Authorization, X-API-Key o X-System-Token",
            message_en="Send one credential only: Authorization, X-API-Key or X-System-Token",
        )


class CredentialExpired(AuthenticationRequired):
    """A genuine credential whose time is over. A forged one is answered as any that does not hold.

    The three constructors say how to get the next one.
    """

    codigo = "token_vencido"
    challenge_error = "invalid_token"

    @classmethod
    def access_token(cls) -> Self:
        """Return the refusal of a user's access token."""
        return cls(
            "El token de acceso venció: renuévalo con POST /api/auth/refresh",
            message_en="The access token has expired: renew it with POST /api/auth/refresh",
        )

    @classmethod
    def api_key(cls) -> Self:
        """Return the refusal of an API key, for instance of a rotated one after its grace."""
        return cls(
            "La clave API venció: usa la que la sustituye o pide una nueva",
            message_en="The API key has expired: use its successor or ask for a new one",
        )

    @classmethod
    def system_token(cls) -> Self:
        """Return the refusal of an attempt's token whose attempt goes on."""
        return cls(
            "El token del intento venció; se renueva antes de que venza",
            message_en="The attempt's token has expired; it is renewed before it expires",
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


class LastAdministrator(Conflict):
    """The change would leave no administrator."""

    codigo = "ultimo_administrador"

    def __init__(self) -> None:
        super().__init__(
            "Es el último administrador activo: nombra antes a otro",
            message_en="This is the last active administrator: appoint another one first",
        )


class OwnAccount(Conflict):
    """An administrator may not remove their own role or access, or reset their own password."""

    codigo = "cuenta_propia"

    def __init__(self) -> None:
        super().__init__(
            "Pide a otro administrador este cambio en tu propia cuenta",
            message_en="Ask another administrator for this change to your own account",
        )


class LinkNotServing(NotFound):
    """The same answer for a link that was used, replaced, expired or never issued."""

    codigo = "enlace_no_sirve"
    title = "El enlace no sirve"
    title_en = "The link does not serve"

    def __init__(self) -> None:
        super().__init__(
            "Este enlace ya se usó, venció o hay uno más nuevo. Si ya tienes contraseña, inicia "
            "sesión; si no, pide otro enlace",
            message_en="This link was used, has expired, or there is a newer one. If you have a "
            "password, sign in; otherwise ask for another link",
        )


class AccountInactive(Conflict):
    """The user is switched off, so that no link of theirs would serve."""

    codigo = "cuenta_inactiva"

    def __init__(self) -> None:
        super().__init__(
            "La cuenta está desactivada: actívala antes de invitar",
            message_en="The account is switched off: switch it on before you invite",
        )


class AccountOfAnother(Conflict):
    """The mail address of an order's client is that of an account that may not see the order."""

    codigo = "cuenta_de_otro"

    def __init__(self) -> None:
        super().__init__(
            "El correo del cliente ya es de otra cuenta: corrige el correo o el cliente_id de la "
            "orden",
            message_en="The client's address is that of another account: correct the address or "
            "the cliente_id of the order",
        )


class PasswordChosen(Conflict):
    """The user has chosen a password: whoever forgot it asks for a reset themselves."""

    codigo = "cuenta_con_password"

    def __init__(self) -> None:
        super().__init__(
            "Esta persona ya eligió su contraseña; si la olvidó, pide otra desde la página de "
            "acceso",
            message_en="This person has chosen a password already; if it is forgotten, they ask "
            "for another one on the sign-in page",
        )


class KeyInRotation(Conflict):
    """The key is no longer live, or two keys of its family are."""

    codigo = "clave_en_rotacion"

    def __init__(self) -> None:
        super().__init__(
            "Solo se rota una clave activa cuya rotación anterior terminó: revoca una de las dos",
            message_en="Only a live key without another rotation under way can be rotated: revoke "
            "one of the two",
        )
