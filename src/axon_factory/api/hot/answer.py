"""Whole answers of hot paths: the fields that the application's middleware would have added."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
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

__all__ = ["Answer", "Answers", "Kept"]

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
    _compressed: bytes | None = field(default=None, init=False)

    def compressed(self) -> bytes:
        """Return the body with gzip; an answer that is kept compresses once."""
        if self._compressed is None:
            packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
            self._compressed = packer.compress(self.body) + packer.flush()
        return self._compressed


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
            fields.append(_VARY)
        else:
            packed = answer.is_read and len(body) >= SMALLEST_COMPRESSED and gzip
            if packed:
                body = answer.compressed()
            fields.append((b"content-length", b"%d" % len(body)))
            fields.append(_JSON)
            if answer.is_read and len(answer.body) >= SMALLEST_COMPRESSED:
                fields.append(_VARY)
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


class Kept(Generic[Key]):
    """The newest answers to reads, up to a number of bytes; each with its validator."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` bounds the bodies together."""
        self._most = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[Key, tuple[str, Answer]] = OrderedDict()

    def find(self, key: Key) -> tuple[str, Answer] | None:
        """Return the answer that was kept for `key` and its validator."""
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def keep(self, key: Key, validator: str, answer: Answer) -> None:
        """Keep an answer in place of an older one, and drop those that were not asked for."""
        before = self._answers.pop(key, None)
        if before is not None:
            self._bytes -= len(before[1].body)
        self._answers[key] = validator, answer
        self._bytes += len(answer.body)
        while self._bytes > self._most:
            _, (_, dropped) = self._answers.popitem(last=False)
            self._bytes -= len(dropped.body)
