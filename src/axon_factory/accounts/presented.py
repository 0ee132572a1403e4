"""Credentials as requests present them, before any row is read."""

from dataclasses import dataclass, field
from enum import StrEnum
from time import time

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.errors import CredentialExpired
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens
from axon_factory.db.principals import Presented

__all__ = ["Credential", "CredentialKind", "PresentedCredentials"]

_MOST_KNOWN = 1024


class CredentialKind(StrEnum):
    """The three ways to say who one is (design §8.1)."""

    BEARER = "bearer"
    API_KEY = "api_key"
    SYSTEM_TOKEN = "system_token"  # noqa: S105 — the name of a kind


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as it was presented; not yet believed."""

    kind: CredentialKind
    value: str = field(repr=False)


class PresentedCredentials:
    """Understands credentials, and remembers those that it understood; rows say if they hold."""

    def __init__(
        self, access_tokens: AccessTokens, api_keys: ApiKeys, system_tokens: SystemTokens
    ) -> None:
        self._access_tokens = access_tokens
        self._api_keys = api_keys
        self._system_tokens = system_tokens
        self._known: dict[tuple[CredentialKind, str], Presented] = {}

    def of(self, kind: CredentialKind, text: str) -> Presented | None:
        """Return a credential as a hot path looks for its row; None if it proves nothing.

        The signature of a login is checked once.
        """
        known = self._known.get((kind, text))
        if known is not None and (known.expires_at is None or known.expires_at > time()):
            return known
        understood = self._understood(kind, text)
        if understood is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[kind, text] = understood
        return understood

    def _understood(self, kind: CredentialKind, text: str) -> Presented | None:
        if kind is CredentialKind.BEARER:
            try:
                claims = self._access_tokens.verify(text)
            except CredentialExpired:
                return None
            if claims is None:
                return None
            return Presented(
                "user",
                str(claims.user_id),
                session_id=str(claims.session_id),
                expires_at=claims.expires_at,
            )
        named, kept = (
            ("key", self._api_keys)
            if kind is CredentialKind.API_KEY
            else ("token", self._system_tokens)
        )
        token, mac = kept.parsed(text) or (None, b"")
        return None if token is None else Presented(named, token, mac)
