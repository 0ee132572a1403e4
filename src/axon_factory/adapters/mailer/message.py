"""From a `Mail` to an RFC 5322 message, the same for every mailer."""

import hashlib
import unicodedata
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import localtime

from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.mailer import Mail

# Control characters, line and paragraph separators, lone surrogates. The email package refuses
# only some of them, and its folding has let line breaks through before (CVE-2024-6923).
_REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


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
