"""Answers of writes, kept for a day under the caller's `Idempotency-Key` (resolutions 17).

The answer is stored in the transaction of the write that it tells of: after a crash, or a commit
whose answer was lost, the repeated request finds either both or neither. Only writes that succeed
are kept; one that was refused changed nothing, and is decided anew (draft-ietf-httpapi-
idempotency-key-header-07; Stripe's v2 conventions). Answers may hold client data or a secret that
is shown once, so they are kept sealed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.errors import AxonError, Conflict
from axon_factory.ports.product import SealedSecret, SecretBox

__all__ = [
    "KEPT_FOR",
    "IdempotencyKeyReused",
    "KeptAnswer",
    "RequestInFlight",
    "RequestKey",
    "fingerprint",
    "keep_answer",
    "kept_answer",
]

KEPT_FOR = timedelta(hours=24)

# The lock ends with the transaction, whatever becomes of it: no process leaves a key "in flight".
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_FIND = text(
    """
    SELECT fingerprint, status, headers, ciphertext, wrapped_key, key_id
    FROM idempotency_keys WHERE principal = :principal AND key = :key AND expires_at > :now
    """
)
_KEEP = text(
    """
    INSERT INTO idempotency_keys (principal, key, fingerprint, status, headers,
        ciphertext, wrapped_key, key_id, created_at, expires_at, order_id)
    VALUES (:principal, :key, :fingerprint, :status, CAST(:headers AS jsonb),
        :ciphertext, :wrapped_key, :key_id, :now, :expires_at, :order_id)
    ON CONFLICT (principal, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
        ciphertext = excluded.ciphertext, wrapped_key = excluded.wrapped_key,
        key_id = excluded.key_id, created_at = excluded.created_at,
        expires_at = excluded.expires_at, order_id = excluded.order_id
    """
)


class IdempotencyKeyReused(AxonError):
    """The `Idempotency-Key` was used for another request in the last 24 hours."""

    codigo = "clave_de_idempotencia_reutilizada"
    status = 422
    title = "Idempotency-Key reutilizada"
    title_en = "Idempotency-Key reused"


class RequestInFlight(Conflict):
    """A request with this `Idempotency-Key` is being worked on at this moment."""

    codigo = "solicitud_en_curso"
    title = "Solicitud en curso"
    title_en = "Request in flight"
    retry_after = 1


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Whose key (`Principal.idempotency_scope`), which key, and what the request asks for."""

    principal: str
    key: str
    fingerprint: bytes

    @property
    def context(self) -> str:
        """What the kept answer is sealed to: it opens under no other key."""
        return f"idempotency_keys|{self.principal}|{self.key}"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: str


def fingerprint(method: str, target: str, body: bytes) -> bytes:
    """Return the SHA-256 of what a request asks for; the spelling of its JSON does not count."""
    try:
        document: Any = json.loads(body) if body else None
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        content = body
    return hashlib.sha256(b"\n".join([method.encode(), target.encode(), content])).digest()


async def kept_answer(
    session: AsyncSession, request: RequestKey, box: SecretBox
) -> KeptAnswer | None:
    """Return the answer that this key's write was given, or None: then the caller does the work.

    Holds the key until the session's transaction ends.

    Raises:
        RequestInFlight: another transaction holds the key.
        IdempotencyKeyReused: the key's answer is that of another request.
    """
    if not await session.scalar(_LOCK, {"name": request.context}):
        raise RequestInFlight(
            "Una solicitud con esta Idempotency-Key está en curso; repítela en unos segundos",
            message_en="A request with this Idempotency-Key is in flight; repeat it in a moment",
        )
    found = await session.execute(
        _FIND, {"principal": request.principal, "key": request.key, "now": datetime.now(UTC)}
    )
    row = found.one_or_none()
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused(
            "Esta Idempotency-Key ya se usó para otra solicitud; usa una nueva",
            message_en="This Idempotency-Key was used for another request; use a new one",
        )
    sealed = SealedSecret(row.ciphertext, row.wrapped_key, row.key_id)
    return KeptAnswer(row.status, row.headers, box.open(sealed, context=request.context))


async def keep_answer(
    session: AsyncSession,
    request: RequestKey,
    answer: KeptAnswer,
    box: SecretBox,
    *,
    order_id: UUID | None = None,
) -> None:
    """Store the answer of the write that the session's transaction makes.

    An order that is erased takes the answers about it along.
    """
    sealed = box.seal(answer.body, context=request.context)
    now = datetime.now(UTC)
    await session.execute(
        _KEEP,
        {
            "principal": request.principal,
            "key": request.key,
            "fingerprint": request.fingerprint,
            "status": answer.status,
            "headers": json.dumps(dict(answer.headers)),
            "ciphertext": sealed.ciphertext,
            "wrapped_key": sealed.wrapped_key,
            "key_id": sealed.key_id,
            "now": now,
            "expires_at": now + KEPT_FOR,
            "order_id": order_id,
        },
    )
