"""Cursors: where a page ends, as an opaque text that says itself whether it is whole.

A cursor names the last order of a page by its sort key, so that orders which come or change
meanwhile neither repeat nor lose those that did not. Its digest covers the filter and the order of
the list too: it serves in the list that gave it, and nowhere else. It holds nothing that the page
did not show, so it is not secret.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

__all__ = ["Cursor", "decode", "encode"]

_LAYOUT = struct.Struct(">?bq16s")
_DIGEST_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place right beside an order. `rank` is -1 where the list is not sorted by priority."""

    forward: bool
    rank: int
    moment: datetime
    order_id: UUID
    seal: bytes = b""
    """What the text says that it belongs to; `check` compares it."""

    def check(self, identity: str) -> None:
        """Refuse a cursor that was changed, or is another list's.

        Raises:
            ValidationFailed: naming `cursor`.
        """
        if not hmac.compare_digest(self.seal, _seal(self, identity)):
            raise _refusal()


def encode(cursor: Cursor, identity: str) -> str:
    """Return the text of `cursor` in the list that `identity` names."""
    return _text(_packed(cursor) + _seal(cursor, identity))


def decode(text: str) -> Cursor:
    """Return the cursor of `text`, still to be checked against its list.

    Raises:
        ValidationFailed: it is none.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        forward, rank, microseconds, order_id = _LAYOUT.unpack(raw[: _LAYOUT.size])
        moment = _EPOCH + microseconds * _MICROSECOND
    except (ValueError, binascii.Error, struct.error, OverflowError):
        raise _refusal() from None
    cursor = Cursor(forward, rank, moment, UUID(bytes=order_id), seal=raw[_LAYOUT.size :])
    if _text(_packed(cursor) + cursor.seal) != text:  # another spelling of the same bits
        raise _refusal()
    return cursor


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _packed(cursor: Cursor) -> bytes:
    microseconds = (cursor.moment - _EPOCH) // _MICROSECOND
    return _LAYOUT.pack(cursor.forward, cursor.rank, microseconds, cursor.order_id.bytes)


def _seal(cursor: Cursor, identity: str) -> bytes:
    bound = _packed(cursor) + identity.encode()
    return hashlib.blake2b(bound, digest_size=_DIGEST_BYTES, person=b"axon-list-cursor").digest()


def _refusal() -> ValidationFailed:
    return ValidationFailed(
        {
            "cursor": Sentence(
                "No es un cursor de esta lista: usa `next` o `prev` con los mismos filtros",
                "Not a cursor of this list: use `next` or `prev` with the same filters",
            )
        }
    )
