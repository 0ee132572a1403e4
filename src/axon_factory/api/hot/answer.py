"""Whole answers of hot paths: the fields that the application's middleware would have added."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.types import Send

from axon_factory.api.middleware.outgoing import (
    COMPRESSION_LEVEL,
    SMALLEST_COMPRESSED,
    security_fields,
)
from axon_factory.api.rate_limits import Charge
from axon_factory.api.versioning import CURRENT, HEADER
from axon_factory.failpoints import failpoint

__all__ = ["Answer", "Answers", "Fields", "Kept"]

Fields = list[tuple[bytes, bytes]]
Key = TypeVar("Key")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


@dataclass(slots=True)
class Answer:
    """An answer of 200 to 299, or 304: `fields` are those that its route gives."""

    status: int
    body: bytes
    fields: Fields
    is_read: bool = True
    """Whether it answers a GET, and so depends on `Accept-Encoding`."""
    packed: bytes | None = None

    def compressed(self) -> bytes:
        """Return the body with gzip; an answer that is kept compresses once."""
        if self.packed is None:
            packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
            self.packed = packer.compress(self.body) + packer.flush()
        return self.packed


class Answers:
    """Sends answers with the fields that every answer has."""

    def __init__(self, *, https: bool) -> None:
        """`https`: the world reaches this factory over TLS only."""
        self._always: Fields = [
            (name.lower().encode(), value.encode())
            for name, value in security_fields(https=https).items()
        ]
        self._version: Fields = [(HEADER.lower().encode(), CURRENT.name.encode())]
        self._version += [
            (name.lower().encode(), value.encode()) for name, value in CURRENT.notices().items()
        ]

    async def send(
        self, send: Send, answer: Answer, *, request_id: str, charge: Charge | None, gzip: bool
    ) -> None:
        """Send the whole answer; `charge` is what the request was charged."""
        body, fields = answer.body, list(answer.fields)
        if answer.status == _NOT_MODIFIED:
            _vary(fields)
        else:
            packed = answer.is_read and len(body) >= SMALLEST_COMPRESSED and gzip
            if packed:
                body = answer.compressed()
            fields.append((b"content-length", b"%d" % len(body)))
            fields.append(_JSON)
            if answer.is_read and len(answer.body) >= SMALLEST_COMPRESSED:
                _vary(fields)
            if packed:
                fields.append(_GZIPPED)
        fields += self._version
        if charge is not None:
            fields += [
                (name.lower().encode(), value.encode()) for name, value in charge.headers.items()
            ]
        fields += self._always
        fields.append((b"x-request-id", request_id.encode("latin-1")))
        failpoint("response:before")
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        failpoint("response:after")


_NOT_MODIFIED = 304
_JSON = (b"content-type", b"application/json")
_VARY = (b"vary", b"Accept-Encoding")
_GZIPPED = (b"content-encoding", b"gzip")


def _vary(fields: Fields) -> None:
    """Say that the answer depends on `Accept-Encoding`, too."""
    for place, (name, value) in enumerate(fields):
        if name == b"vary":
            fields[place] = name, value + b", " + _VARY[1]
            return
    fields.append(_VARY)


class Kept(Generic[Key]):
    """Answers of 200 to reads with their validators, up to a number of bytes; the newest stay.

    Those that were asked for lately are kept whole, the others compressed.
    """

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` bounds the bodies together; a quarter of them is for whole ones."""
        self._whole: OrderedDict[Key, tuple[str, Answer]] = OrderedDict()
        self._packed: OrderedDict[Key, tuple[str, Fields, bytes]] = OrderedDict()
        self._room_for_whole = most_bytes // 4
        self._room_for_packed = most_bytes - self._room_for_whole

    def find(self, key: Key) -> tuple[str, Answer] | None:
        """Return the validator of the answer that is kept for `key`, and the answer."""
        found = self._whole.get(key)
        if found is not None:
            self._whole.move_to_end(key)
            return found
        packed = self._take_packed(key)
        if packed is None:
            return None
        validator, fields, body = packed
        answer = Answer(200, zlib.decompress(body, _GZIP_WINDOW), fields, packed=body)
        self.keep(key, validator, answer)
        return validator, answer

    def keep(self, key: Key, validator: str, answer: Answer) -> None:
        """Keep an answer in place of an older one."""
        self._take_packed(key)
        before = self._whole.pop(key, None)
        if before is not None:
            self._room_for_whole += len(before[1].body)
        self._whole[key] = validator, answer
        self._room_for_whole -= len(answer.body)
        while self._room_for_whole < 0:
            self._pack()

    def _pack(self) -> None:
        """Compress the whole answer that was not asked for longest."""
        key, (validator, answer) = self._whole.popitem(last=False)
        self._room_for_whole += len(answer.body)
        body = answer.compressed()
        self._packed[key] = validator, answer.fields, body
        self._room_for_packed -= len(body)
        while self._room_for_packed < 0:
            self._take_packed(next(iter(self._packed)))

    def _take_packed(self, key: Key) -> tuple[str, Fields, bytes] | None:
        found = self._packed.pop(key, None)
        if found is not None:
            self._room_for_packed += len(found[2])
        return found
