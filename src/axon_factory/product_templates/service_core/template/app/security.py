"""Passwords, tokens and the brake on guessing them."""

import hashlib
import hmac
import secrets
import time
from collections import deque
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Header, HTTPException

from app.module import ContextDep

SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def same(given: str, expected: str) -> bool:
    """Compare in constant time; nothing is equal to an unset secret."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


class AdminAccount:
    """The one administrator. scrypt makes each guess cost some 50 ms and 16 MiB."""

    def __init__(self, email: str, password: str) -> None:
        self._email = email.strip().casefold()
        self._salt = secrets.token_bytes(16)
        self._password = password if email else ""

    def _derive(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(errors="replace"), salt=self._salt, **SCRYPT)

    @cached_property
    def _hash(self) -> bytes:
        return self._derive(self._password)

    def verify(self, email: str, password: str) -> bool:
        """Say whether these are the administrator's; costs the same when they are not."""
        derived = self._derive(password[:1024])
        right_password = bool(self._password) and hmac.compare_digest(derived, self._hash)
        return same(email.strip().casefold(), self._email) and right_password


class Throttle:
    """Counts failures: 5 in 5 minutes from one address, 50 from all."""

    def __init__(self, *, each: int = 5, total: int = 50, seconds: float = 300) -> None:
        self._each, self._total, self._seconds = each, total, seconds
        self._failures: deque[tuple[float, str]] = deque(maxlen=total)

    def allows(self, address: str) -> bool:
        """Say whether `address` may try."""
        oldest = time.monotonic() - self._seconds
        while self._failures and self._failures[0][0] < oldest:
            self._failures.popleft()
        own = sum(1 for _, failed in self._failures if failed == address)
        return own < self._each and len(self._failures) < self._total

    def failed(self, address: str) -> None:
        """Count one failure."""
        self._failures.append((time.monotonic(), address))


def require_api_key(
    context: ContextDep,
    x_api_key: Annotated[str, Header()] = "",
    authorization: Annotated[str, Header()] = "",
) -> None:
    """Let pass who shows API_KEY in `X-API-Key` or as a bearer token.

    Raises:
        HTTPException: 401 otherwise, and always while API_KEY is not set.
    """
    scheme, _, token = authorization.partition(" ")
    given = x_api_key or (token.strip() if scheme.lower() == "bearer" else "")
    if not same(given, context.settings.api_key):
        raise HTTPException(
            401, "Se requiere una clave de API válida.", {"WWW-Authenticate": "Bearer"}
        )


ApiKeyDep = Depends(require_api_key)
