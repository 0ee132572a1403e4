"""Plain requests: those whose head says nothing that only the application understands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.presented import CredentialKind
from axon_factory.api.answers import prefers_english
from axon_factory.api.middleware.guards import host_name
from axon_factory.api.middleware.incoming import EdgeOptions
from axon_factory.api.middleware.outgoing import takes_gzip, well_formed_id
from axon_factory.api.versioning import HEADER as VERSION_HEADER
from axon_factory.db.principals import Presented

__all__ = ["PlainHeads", "PlainRequest"]

_CREDENTIALS = {
    b"authorization": CredentialKind.BEARER,
    b"x-api-key": CredentialKind.API_KEY,
    b"x-system-token": CredentialKind.SYSTEM_TOKEN,
    b"x-a2a-notification-token": CredentialKind.SYSTEM_TOKEN,
}
_UNDERSTOOD = frozenset(
    {
        *_CREDENTIALS,
        b"host",
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-length",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-none-match",
        b"x-request-id",
    }
)
_LEFT_TO_APPLICATION = frozenset(
    {
        b"transfer-encoding",
        b"content-encoding",
        b"expect",
        b"origin",
        b"access-control-request-method",
        VERSION_HEADER.lower().encode(),
    }
)
_MOST_FIELDS = 40
_MOST_BYTES = 8 * 1024
_UTF8_JSON = frozenset({b"application/json", b"application/json; charset=utf-8"})


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """What a hot path needs of a request's head."""

    path: str
    query: bytes
    presented: Presented
    request_id: str
    address: str | None
    fields: dict[bytes, bytes]
    """Header fields by their names in small letters, of those that hot paths understand."""
    english: bool
    gzip: bool

    @property
    def body_bytes(self) -> int:
        """How long the body says that it is; 0 without one."""
        return int(self.fields.get(b"content-length", b"0"))

    @property
    def has_json(self) -> bool:
        """Whether the body is said to be JSON, in the spellings that most clients use."""
        return self.fields.get(b"content-type", b"").lower() in _UTF8_JSON

    def field(self, name: bytes) -> str | None:
        """Return the value of a field, None without it."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")


class PlainHeads:
    """Reads heads for one application."""

    def __init__(self, authenticator: Authenticator, options: EdgeOptions) -> None:
        """`options` are those of the edge that other requests meet."""
        self._authenticator = authenticator
        self._hosts = options.hosts
        self._most_bytes = min(_MOST_BYTES, options.max_header_bytes, options.max_address_bytes)
        self._languages: dict[bytes, bool] = {}
        self._codings: dict[bytes, bool] = {}

    def read(self, scope: Any) -> PlainRequest | None:  # noqa: ANN401 — an ASGI scope
        """Return the request, None if it is for the application alone."""
        fields: dict[bytes, bytes] = {}
        size = len(scope["raw_path"]) + len(scope["query_string"])
        count = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            count += 1
            if name in _UNDERSTOOD:
                if name in fields:
                    return None
                fields[name] = value
            elif name in _LEFT_TO_APPLICATION:
                return None
        if count > _MOST_FIELDS or size > self._most_bytes or not self._is_ours(fields):
            return None
        presented = self._presented(fields)
        if presented is None or not fields.get(b"content-length", b"0").isdigit():
            return None
        given = fields.get(b"x-request-id", b"").decode("latin-1")
        client = scope["client"]
        return PlainRequest(
            path=scope["path"],
            query=scope["query_string"],
            presented=presented,
            request_id=given if given and well_formed_id(given) else uuid4().hex,
            address=client[0] if client else None,
            fields=fields,
            english=self._remembered(self._languages, prefers_english, fields, b"accept-language"),
            gzip=self._remembered(self._codings, _takes_gzip, fields, b"accept-encoding"),
        )

    def _is_ours(self, fields: dict[bytes, bytes]) -> bool:
        host = fields.get(b"host")
        if host is None:
            return False
        return not self._hosts or host_name(host.decode("latin-1")) in self._hosts

    def _presented(self, fields: dict[bytes, bytes]) -> Presented | None:
        """Return the one credential; of none and of several the application speaks."""
        given = [name for name in _CREDENTIALS if name in fields]
        if len(given) != 1:
            return None
        kind, text = _CREDENTIALS[given[0]], fields[given[0]].decode("latin-1")
        if kind is CredentialKind.BEARER:
            scheme, _, text = text.partition(" ")
            if scheme.lower() != "bearer":
                return None
            text = text.strip(" ")
        return self._authenticator.presented(kind, text)

    @staticmethod
    def _remembered(
        known: dict[bytes, bool],
        understand: Callable[[str], bool],
        fields: dict[bytes, bytes],
        name: bytes,
    ) -> bool:
        value = fields.get(name)
        if value is None:
            return False
        found = known.get(value)
        if found is None:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            found = known[value] = understand(value.decode("latin-1"))
        return found


_MOST_REMEMBERED = 256


def _takes_gzip(value: str) -> bool:
    return takes_gzip([value])
