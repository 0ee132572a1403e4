"""Answers of writes, kept for a day under the caller's `Idempotency-Key` (resolutions 17).

The answer is stored in the transaction of the write that it tells of: after a crash, or a commit
whose answer was lost, the repeated request finds either both or neither. Only writes that succeed
are kept; one that was refused changed nothing, and is decided anew (draft-ietf-httpapi-
idempotency-key-header-07; Stripe's v2 conventions). Answers may hold client data or a secret that
is shown once, so they are kept sealed.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.row_batches import RowBatch, insert_of, write_statement
from axon_factory.db.tables import IdempotencyKey
from axon_factory.domain.errors import AxonError, Conflict
from axon_factory.ports.product import SealedSecret, SecretBox

__all__ = [
    "KEPT",
    "KEPT_FOR",
    "IdempotencyKeyReused",
    "KeptAnswer",
    "RequestInFlight",
    "RequestKey",
    "are_unused",
    "fingerprint",
    "is_well_formed",
    "keep_answer",
    "kept_answer",
    "kept_row",
]

KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

# The lock ends with the transaction, whatever becomes of it: no process leaves a key "in flight".
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_FIND = text(
    """
    SELECT fingerprint, status, headers, ciphertext, wrapped_key, key_id
    FROM idempotency_keys WHERE principal = :principal AND key = :key AND expires_at > :now
    """
)
_LOCK_MANY = """
    SELECT pg_try_advisory_xact_lock(hashtextextended(name, 0))
    FROM jsonb_array_elements_text(%(names)s::jsonb) AS wanted(name)
"""
_FIND_MANY = """
    SELECT EXISTS (
        SELECT FROM idempotency_keys AS kept
        WHERE kept.principal = wanted.principal AND kept.key = wanted.key
            AND kept.expires_at > %(now)s
    )
    FROM jsonb_to_recordset(%(keys)s::jsonb) AS wanted(principal text, key text)
"""
_REPLACED = (
    "fingerprint",
    "status",
    "headers",
    "ciphertext",
    "wrapped_key",
    "key_id",
    "created_at",
    "expires_at",
    "order_id",
)
_ANEW = ", ".join(f"{column} = excluded.{column}" for column in _REPLACED)
KEPT = insert_of(
    IdempotencyKey,
    "principal",
    "key",
    *_REPLACED,
    conflict=f"(principal, key) DO UPDATE SET {_ANEW}",
)
"""Inserts the answers of a batch (`kept_row`)."""
_KEEP = text(write_statement([KEPT]).decode().replace("%(rows)s::jsonb", "CAST(:rows AS jsonb)"))


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


def is_well_formed(key: str) -> bool:
    """Return whether a value of `Idempotency-Key` may be one."""
    return _KEY.fullmatch(key) is not None


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
    rows = RowBatch()
    rows.add(KEPT.name, kept_row(request, answer, box, datetime.now(UTC), order_id))
    await session.execute(_KEEP, {"rows": rows.document()})


def kept_row(
    request: RequestKey, answer: KeptAnswer, box: SecretBox, now: datetime, order_id: UUID | None
) -> dict[str, Any]:
    """Return the row that keeps an answer, sealed."""
    sealed = box.seal(answer.body, context=request.context)
    return {
        "principal": request.principal,
        "key": request.key,
        "fingerprint": request.fingerprint,
        "status": answer.status,
        "headers": dict(answer.headers),
        "ciphertext": sealed.ciphertext,
        "wrapped_key": sealed.wrapped_key,
        "key_id": sealed.key_id,
        "created_at": now,
        "expires_at": now + KEPT_FOR,
        "order_id": order_id,
    }


async def are_unused(
    connection: AsyncConnection[tuple[Any, ...]], requests: Sequence[RequestKey], now: datetime
) -> list[bool]:
    """Return of each key whether it has no answer and is held by this transaction from now on.

    A key that stands twice in `requests` is said to be free both times.
    """
    names = to_json([request.context for request in requests]).decode()
    keys = [{"principal": request.principal, "key": request.key} for request in requests]
    # Two statements: what is looked for after the lock must be seen as of after the lock.
    async with connection.pipeline():
        locked = await connection.execute(_LOCK_MANY, {"names": names})
        found = await connection.execute(_FIND_MANY, {"keys": to_json(keys).decode(), "now": now})
    return [
        is_ours and not is_answered
        for (is_ours,), (is_answered,) in zip(
            await locked.fetchall(), await found.fetchall(), strict=True
        )
    ]
