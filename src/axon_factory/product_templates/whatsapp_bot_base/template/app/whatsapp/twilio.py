"""Twilio's two formats: the signature of a request and the TwiML of an answer."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from xml.sax.saxutils import escape

MAX_ANSWER = 1600  # characters of one WhatsApp message, as Twilio limits it


def signature(url: str, fields: Iterable[tuple[str, str]], token: str) -> str:
    """Return X-Twilio-Signature: base64 HMAC-SHA1 of the URL and the sorted form fields.

    See Twilio's "Validating Requests are coming from Twilio". Of a repeated field each distinct
    value counts once.
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    # Twilio prescribes SHA-1; HMAC does not depend on its resistance to collisions.
    mac = hmac.new(token.encode(), signed.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def signature_is_valid(given: str, url: str, fields: Iterable[tuple[str, str]], token: str) -> bool:
    """Compare in constant time; without a token nothing is valid."""
    if not token:
        return False
    return hmac.compare_digest(given.encode(), signature(url, fields, token).encode())


def twiml(answer: str) -> str:
    """Return the TwiML that sends `answer` back, whatever characters it has."""
    text = "".join(c for c in answer if _is_xml(c))
    if len(text) > MAX_ANSWER:
        text = text[: MAX_ANSWER - 1] + "…"
    message = f"<Message>{escape(text)}</Message>" if text else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'


def _is_xml(character: str) -> bool:
    code = ord(character)
    return (
        character in "\t\n" or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
    )
