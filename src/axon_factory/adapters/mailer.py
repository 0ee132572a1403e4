"""Mailers: the default is a Maildir on this machine, the other a mail server (SMTP).

A Maildir's file name is derived from the idempotency key. A repeated call finds the first delivery,
in ``new/`` or where a mail reader has moved it, and leaves it alone. SMTP knows no such key. A mail
that is sent twice, because the first answer was lost, has the same Message-ID both times.
"""

import asyncio
import fcntl
import hashlib
import os
import ssl
import unicodedata
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import localtime
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import aiosmtplib

from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.messages import Mail

# Control characters, line and paragraph separators, lone surrogates. The email package refuses
# only some of them, and its folding has let line breaks through before (CVE-2024-6923).
_REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})
_FOLDERS = ("tmp", "new", "cur")
_PERMANENT = HTTPStatus.INTERNAL_SERVER_ERROR  # SMTP's classes of codes are those of HTTP


def message_name(idempotency_key: str) -> str:
    """Return the name (32 hexadecimal digits) that every delivery under the key shares."""
    return hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def compose(mail: Mail, *, sender: str, idempotency_key: str) -> EmailMessage:
    """Build the message: one recipient, stable Message-ID, HTML as an alternative to the text.

    Raises:
        PortError: a header would hold a control character, an address is not exactly one
            address, or the text is not encodable. Another try does not help.
    """
    for name, value in (("remitente", sender), ("destinatario", mail.to), ("asunto", mail.subject)):
        if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in value):
            raise _refused(f"el {name} contiene caracteres de control")
    origin, recipient = _parse_address("remitente", sender), _parse_address("destinatario", mail.to)
    ascii_addresses = (origin.addr_spec + recipient.addr_spec).isascii()
    message = EmailMessage(policy=SMTP if ascii_addresses else SMTPUTF8)
    message["From"] = origin
    message["To"] = recipient
    message["Subject"] = mail.subject
    message["Date"] = localtime()
    message["Message-ID"] = f"<{message_name(idempotency_key)}@{origin.domain}>"
    # Keeps vacation responders quiet (RFC 3834, section 5).
    message["Auto-Submitted"] = "auto-generated"
    try:
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
    except UnicodeError as error:
        raise _refused("el texto no se puede codificar") from error
    return message


def _parse_address(name: str, value: str) -> Address:
    probe = EmailMessage(policy=SMTPUTF8)
    try:
        probe["To"] = value
        header = probe["To"]
    # The parser indexes into empty strings on some malformed addresses.
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise _refused(f"el {name} no es una dirección de correo") from error
    addresses: tuple[Address, ...] = header.addresses
    if (
        header.defects
        or len(addresses) != 1
        or not all((addresses[0].username, addresses[0].domain))
    ):
        raise _refused(f"el {name} no es una dirección de correo")
    return addresses[0]


def _refused(reason: str) -> PortError:
    return PortError(f"El correo no se puede enviar: {reason}.", cause=FailureCause.ENTREGA_FALLIDA)


class MaildirMailer:
    """Delivers into the Maildir at `root`, which is made when missing (mode 0700).

    Args:
        root: the Maildir; on a local disk, because writers exclude one another by `flock`.
        sender: the From address, with or without a display name.
    """

    name = "maildir"

    def __init__(self, root: Path, sender: str) -> None:
        self._root = root
        self._sender = sender

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Write `mail` durably into ``new/``, once for each idempotency key.

        Raises:
            PortError: a header or an address is not acceptable, or the folder is not writable
                (transient).
        """
        message = compose(mail, sender=self._sender, idempotency_key=idempotency_key)
        # Files at rest have the system's line ends; CRLF belongs on the wire (RFC 5321).
        content = message.as_bytes(policy=message.policy.clone(linesep=os.linesep))
        try:
            await asyncio.to_thread(self._deliver, message_name(idempotency_key), content)
        except OSError as error:
            raise PortError(
                f"El buzón de salida no admite el correo: {error.strerror}.",
                cause=FailureCause.ENTREGA_FALLIDA,
                transient=True,
            ) from error

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Remove the mails with these keys, wherever a mail reader has moved them to.

        Raises:
            PortError: one of them could not be removed (transient).
        """
        names = {message_name(key) for key in idempotency_keys}
        try:
            await asyncio.to_thread(self._remove, names)
        except OSError as error:
            raise PortError(
                f"No se pudieron borrar los correos: {error.strerror}.",
                cause=FailureCause.ENTREGA_FALLIDA,
                transient=True,
            ) from error

    def _remove(self, names: Collection[str]) -> None:
        if not self._root.is_dir():
            return
        for entry in self._root.rglob("*"):
            # A reader appends ":2," and flags, and may keep folders of its own.
            if entry.name.split(":")[0] in names and entry.is_file():
                entry.unlink(missing_ok=True)

    def _deliver(self, name: str, content: bytes) -> None:
        for folder in _FOLDERS:
            (self._root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with _exclusive(self._root / "tmp"):
            if not self._is_delivered(name):
                # A crashed delivery left this very name in tmp/: it is overwritten, not collected.
                temporary = self._root / "tmp" / name
                _write_durably(temporary, content)
                temporary.rename(self._root / "new" / name)
            # Also for one that was found: the process that renamed it may have died before this.
            _sync_folder(self._root / "new")

    def _is_delivered(self, name: str) -> bool:
        if (self._root / "new" / name).exists():
            return True
        # A reader that has seen a message moves it to cur/ and appends ":2," and flags.
        return any(entry.name.split(":")[0] == name for entry in (self._root / "cur").iterdir())


@contextmanager
def _exclusive(folder: Path) -> Generator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_durably(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode=0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
            PortError: it was not accepted. Transient: no server answered, the connection is not
                what the settings say, or the server says to try later (4xx). Final: it refuses
                the recipient, the sender or the message (5xx).
        """
        message = compose(mail, sender=self._sender, idempotency_key=idempotency_key)
        try:
            async with self._client() as client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            # One recipient, so one refusal.
            raise _of_code(error.recipients[0].code) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            # A matter between us and the server: the message is as good as any.
            raise _of_server(f"no acepta la cuenta ({error.code})") from None
        except aiosmtplib.SMTPNotSupported:
            raise _of_server("no ofrece lo que el correo o los ajustes piden") from None
        except aiosmtplib.SMTPConnectResponseError as error:
            raise _of_server(f"no atiende ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _of_code(error.code) from None
        except (aiosmtplib.SMTPException, OSError):
            raise _of_server("no responde, o su certificado no es válido") from None

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
            # Always asked for: a stranger between us must not decide it by leaving out the offer.
            start_tls=server.security == "starttls",
            timeout=server.timeout_seconds,
            tls_context=self._tls,
        )


def _of_code(code: int) -> PortError:
    """Return what a code says; the server's words may repeat what the mail says."""
    if code >= _PERMANENT:
        return PortError(
            f"El servidor de correo rechaza el mensaje ({code}).",
            cause=FailureCause.ENTREGA_FALLIDA,
        )
    return _of_server(f"pide intentarlo más tarde ({code})")


def _of_server(what: str) -> PortError:
    return PortError(
        f"El servidor de correo {what}.", cause=FailureCause.ENTREGA_FALLIDA, transient=True
    )
