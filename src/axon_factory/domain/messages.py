"""Messages that leave: which mails a client gets, and how often a delivery is tried."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast


class Channel(StrEnum):
    """How a message leaves."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    SLACK = "slack"


class DeliveryState(StrEnum):
    """How far a delivery is: it waits, has arrived, or is tried no more."""

    PENDIENTE = "pendiente"
    ENTREGADA = "entregada"
    ABANDONADA = "abandonada"


_S, _M, _H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

WEBHOOK_DELAYS = (5 * _S, 5 * _M, 30 * _M, 2 * _H, 5 * _H, 10 * _H, 14 * _H, 20 * _H, 24 * _H)
"""Between the tries of a webhook, as Standard Webhooks suggests: 75.6 hours in all."""

_MAIL_FIRST = 5 * _S
_MAIL_LONGEST = _H
_MAIL_DOUBLINGS = 10  # after these the longest delay is reached, and a timedelta would overflow
_LONGEST_ASKED = 24 * _H

MOST_TRIES = MappingProxyType(
    {
        # 85 minutes of growing delays, then one an hour: five days (RFC 5321 §4.5.4.1).
        Channel.MAIL: 129,
        Channel.WEBHOOK: len(WEBHOOK_DELAYS) + 1,
        Channel.SLACK: len(WEBHOOK_DELAYS) + 1,
    }
)
"""After so many tries a message is given up; a person can still have it delivered again."""


def delay_after(
    channel: Channel, tries: int, *, asked: timedelta | None = None, spread: float = 0.0
) -> timedelta | None:
    """Return how long to wait after `tries` tries without success, None to give up.

    Args:
        channel: How the message leaves.
        tries: How many there were, 1 or more.
        asked: How long the other side asks to be left alone (`Retry-After`); at most a day of it
            is granted.
        spread: From 0 to 1: how much of a tenth of the delay is added, so that messages which
            failed together do not come back together.
    """
    if tries >= MOST_TRIES[channel]:
        return None
    if channel is Channel.MAIL:
        delay = min(_MAIL_FIRST * 2 ** min(tries - 1, _MAIL_DOUBLINGS), _MAIL_LONGEST)
    else:
        delay = WEBHOOK_DELAYS[tries - 1]
    delay *= 1 + spread / 10
    return delay if asked is None else max(delay, min(asked, _LONGEST_ASKED))


EVENT_PREFIX = "cliente."
"""How the names of mails to clients begin in the delivery log."""


class Language(StrEnum):
    """The languages of mails to clients."""

    ES = "es"
    EN = "en"


class ClientMail(StrEnum):
    """The kinds of mail to a client; `AXON_CLIENT_MAILS_OFF` takes these names."""

    RECIBIDA = "recibida"
    """The order was placed."""
    APROBADA = "aprobada"
    """The plan was approved, so there is a promised date."""
    PLAZO = "plazo"
    """The promised date has moved."""
    ENTREGADA = "entregada"
    """The product was delivered."""
    FALLIDA = "fallida"
    """The order failed."""
    CANCELADA = "cancelada"
    """The order was cancelled."""
    PREGUNTA = "pregunta"
    """A question waits for the client's answer, or still waits."""
    ENLACE = "enlace"
    """The portal has another link."""
    CODIGO = "codigo"
    """The code with which the page shows the credentials; only its reader asks for it."""

    @property
    def event(self) -> str:
        """The name of this kind in the delivery log."""
        return f"{EVENT_PREFIX}{self.value}"


class AccountMail(StrEnum):
    """The kinds of mail about an account; they belong to no order."""

    INVITACION = "cuenta_invitacion"
    """The link with which a new user chooses their first password."""
    RESTABLECER = "cuenta_restablecer"
    """The link with which a user chooses another password."""
    CAMBIADA = "cuenta_cambiada"
    """A link gave the account another password."""

    @property
    def event(self) -> str:
        """The name of this kind in the delivery log."""
        return self.value.replace("_", ".")


def language_of(client: Mapping[str, Any]) -> Language:
    """Return the language of a client from `datos_cliente`.

    It is English if the language tag (BCP 47) in `configuracion.idioma` begins with "en", else
    Spanish.
    """
    configuration: object = client.get("configuracion")
    if not isinstance(configuration, Mapping):
        return Language.ES
    tag: object = cast("Mapping[str, Any]", configuration).get("idioma")
    if not isinstance(tag, str):
        return Language.ES
    primary = tag.strip().replace("_", "-").partition("-")[0]
    return Language.EN if primary.lower() == Language.EN else Language.ES
