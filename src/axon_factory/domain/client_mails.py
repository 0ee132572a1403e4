"""Which mails a client gets, and in which language."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast

__all__ = ["EVENT_PREFIX", "ClientMail", "Language", "language_of"]


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

    @property
    def event(self) -> str:
        """The name of this kind in the delivery log."""
        return f"{EVENT_PREFIX}{self.value}"


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
