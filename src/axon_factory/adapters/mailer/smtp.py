"""Mail over SMTP: one connection a message, protected, under a stable Message-ID.

SMTP knows no idempotency key. Whoever gets a message twice, because the first answer was lost, sees
the same Message-ID, by which mail readers and servers recognise it.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import aiosmtplib

from axon_factory.adapters.mailer.message import compose
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.mailer import Mail

_PERMANENT = HTTPStatus.INTERNAL_SERVER_ERROR  # SMTP's classes of codes are those of HTTP


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server and how it is talked to; `user` and `password` go together.

    `timeout_seconds` is for each step of the dialogue.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 20.0


class SmtpMailer:
    """Hands each message to one server, which is responsible for it from then on."""

    name = "smtp"

    def __init__(
        self, server: SmtpServer, sender: str, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """`sender` is the From address; `tls` replaces the system's trust in certificates."""
        self._server = server
        self._sender = sender
        self._tls = tls

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Deliver `mail`.

        Raises:
            PortError: it was not accepted. Transient: nobody answered, the connection is not what
                the settings say, or the server says to try later (4xx); final: it refuses the
                recipient, the sender or the message (5xx).
        """
        message = compose(mail, sender=self._sender, idempotency_key=idempotency_key)
        try:
            async with self._client() as client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            # One recipient, so one refusal.
            raise _refused(error.recipients[0].code) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            # A matter between us and the server: the message is as good as any.
            raise _failed(f"no acepta la cuenta ({error.code})") from None
        except aiosmtplib.SMTPNotSupported:
            raise _failed("no ofrece lo que el correo o los ajustes piden") from None
        except aiosmtplib.SMTPConnectResponseError as error:
            raise _failed(f"no atiende ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error.code) from None
        except (aiosmtplib.SMTPException, OSError):
            raise _failed("no responde, o su certificado no es válido") from None

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Do nothing: what was sent is with the server and its reader."""

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            # Asked for, never taken if offered: whoever sits between must not decide it.
            start_tls=server.security == "starttls",
            timeout=server.timeout_seconds,
            tls_context=self._tls,
        )


def _refused(code: int) -> PortError:
    """Return what a code says; the server's words may repeat what the mail says."""
    if code >= _PERMANENT:
        return PortError(
            f"El servidor de correo rechaza el mensaje ({code}).",
            cause=FailureCause.ENTREGA_FALLIDA,
        )
    return _failed(f"pide intentarlo más tarde ({code})")


def _failed(what: str) -> PortError:
    return PortError(
        f"El servidor de correo {what}.", cause=FailureCause.ENTREGA_FALLIDA, transient=True
    )
