"""The audit trail's rules: what an entry is, how it is hashed, when a chain holds.

Entries are chained: the hash of each covers all of its columns and the hash of the entry before it
in its chain. Acts on an order are a chain of that order's, so that writes to different orders do
not wait for one another; logins, users, keys, sessions and refusals are one more chain.

The hashed bytes are `axon-audit-1` and then each field in the order of `AuditRecord`, `hash` left
out: absent as `-`, else `<length>:<bytes>`. Texts are UTF-8, numbers decimal, the moment
`2026-01-31T23:59:59.000001Z`, details JSON with sorted keys and no spaces, hashes raw.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from axon_factory.domain.permissions import Action, Principal

ACCESS_CHAIN = "acceso"
"""The chain of everything that is not an act on one order."""

NO_HASH = bytes(32)
"""What the first entry of a chain follows."""

_FORMAT = b"axon-audit-1"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_LONGEST_TEXT = 200


class Outcome(StrEnum):
    """How it ended."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


class AccessEvent(StrEnum):
    """What is recorded besides the actions of the permission table."""

    LOGIN = "access:login"
    ASK_RESET = "access:ask_reset"
    """Somebody asked for a link to another password."""
    REDEEM_LINK = "access:redeem_link"
    """A link gave an account its password."""


DETAILS = frozenset(
    {
        "unidad",
        "ruta",
        "codigo",
        "clave_idempotencia_sha256",
        "estado",
        "version",
        "intento",
        "plan_version",
        "rol",
        "alcance",
        "agente",
        "cliente_id",
        "expira",
        "correo_sha256",
        "motivo",
        "cuantas",
        "eventos_sha256",
        "producto",
    }
)
"""The facts that an entry may carry. No secret, no body, no free text of a request is among them;
`motivo` is one of our own words, such as `usuario_desconocido`."""

Fact = str | int | bool | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, from where, and how it ended.

    `actor` is the principal's id, `subject` what was acted on ("user:…", "key:…", an order's id).
    """

    chain: str
    actor: str
    actor_name: str
    actor_grant: str | None
    action: str
    outcome: Outcome = Outcome.OK
    subject: str | None = None
    address: str | None = None
    request_id: str | None = None
    details: Mapping[str, Fact] = field(default_factory=dict[str, Fact])

    @classmethod
    def by(
        cls,
        principal: Principal,
        action: Action | AccessEvent,
        *,
        chain: str = ACCESS_CHAIN,
        outcome: Outcome = Outcome.OK,
        subject: str | None = None,
        address: str | None = None,
        request_id: str | None = None,
        details: Mapping[str, Fact] | None = None,
    ) -> "AuditEntry":
        """Return the entry of an act of `principal`; without `subject` it is the chain's order."""
        if subject is None and chain != ACCESS_CHAIN:
            subject = chain
        return cls(
            chain,
            principal.id,
            principal.name,
            principal.grant.value,
            action.value,
            outcome,
            subject,
            address,
            request_id,
            details or {},
        )


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row. Fields are as the database says, believed only once the hash is checked.

    `position` counts through all chains in the order of commits within a chain, with gaps; `seq`
    counts within the chain from 1, without.
    """

    position: int
    chain: str
    seq: int
    at: datetime
    actor: str
    actor_name: str
    actor_grant: str | None
    action: str
    outcome: str
    subject: str | None
    address: str | None
    request_id: str | None
    details: Any
    previous_hash: bytes
    hash: bytes = NO_HASH

    @classmethod
    def after(
        cls, head: "Head", entry: AuditEntry, *, position: int, at: datetime
    ) -> "AuditRecord":
        """Return the sealed record that puts `entry` behind `head`."""
        columns = (
            position,
            head.chain,
            head.seq + 1,
            at,
            entry.actor,
            entry.actor_name,
            entry.actor_grant,
            entry.action,
            entry.outcome.value,
            entry.subject,
            entry.address,
            entry.request_id,
            dict(entry.details),
            head.hash,
        )
        return cls(*columns, entry_hash(cls(*columns)))

    def row(self) -> dict[str, Any]:
        """Return its columns by name."""
        return {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS = tuple(one.name for one in fields(AuditRecord))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: its newest entry's number and hash; 0 and `NO_HASH` before the first."""

    chain: str
    seq: int = 0
    hash: bytes = NO_HASH


class Fault(StrEnum):
    """What is wrong with a chain."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry at which a chain does not hold, and why."""

    chain: str
    seq: int
    fault: Fault


def cleaned(entry: AuditEntry) -> AuditEntry:
    """Return `entry` as it can be stored: printable texts of at most 200 characters.

    Raises:
        ValueError: a detail is not in `DETAILS`.
    """
    unknown = entry.details.keys() - DETAILS
    if unknown:
        raise ValueError(f"no details of an audit entry: {', '.join(sorted(unknown))}")
    details = {
        name: _printable(value) if isinstance(value, str) else value
        for name, value in entry.details.items()
    }
    # Not `replace`: it takes ten times as long, and every write comes by.
    return AuditEntry(
        entry.chain,
        entry.actor,
        _printable(entry.actor_name),
        entry.actor_grant,
        entry.action,
        entry.outcome,
        entry.subject and _printable(entry.subject),
        entry.address and _printable(entry.address),
        entry.request_id and _printable(entry.request_id),
        details,
    )


def entry_hash(record: AuditRecord) -> bytes:
    """Return the SHA-256 of everything in `record` but `hash`."""
    details = _canonical(record.details)
    moment = record.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    parts: tuple[str | bytes | None, ...] = (
        str(record.position),
        record.chain,
        str(record.seq),
        f"{moment}Z",
        record.actor,
        record.actor_name,
        record.actor_grant,
        record.action,
        record.outcome,
        record.subject,
        record.address,
        record.request_id,
        details,
        record.previous_hash,
    )
    return hashlib.sha256(_FORMAT + b"".join(map(_prefixed, parts))).digest()


def first_fault(
    record: AuditRecord, before: AuditRecord | None, following: AuditRecord | None
) -> Break | None:
    """Return what breaks the chain at `record`, if anything does.

    Args:
        record: The entry in question.
        before: The one with the next lower number in its chain, found to hold.
        following: The one with the next higher number; it only tells a swap from a change.
    """
    expected = before.seq + 1 if before else 1
    if record.seq > expected:
        return Break(record.chain, expected, Fault.MISSING)
    if record.seq < expected:
        return Break(record.chain, record.seq, Fault.UNKNOWN)
    if not _is_ordered(before, record, following):
        return Break(record.chain, record.seq, Fault.REORDERED)
    if entry_hash(record) != record.hash:
        return Break(record.chain, record.seq, Fault.ALTERED)
    if record.previous_hash != (before.hash if before else NO_HASH):
        # This one is whole, so it is its predecessor that was made anew.
        return Break(record.chain, max(record.seq - 1, 1), Fault.ALTERED)
    return None


def end_fault(last: AuditRecord, head: Head | None) -> Break | None:
    """Return how the end of a chain whose entries hold differs from its head, if it does."""
    if head is None or head.seq < last.seq:
        return Break(last.chain, head.seq + 1 if head else 1, Fault.UNKNOWN)
    if head.seq > last.seq:
        return Break(last.chain, last.seq + 1, Fault.TRUNCATED)
    if head.hash != last.hash:
        return Break(last.chain, last.seq, Fault.ALTERED)
    return None


def _is_ordered(*records: AuditRecord | None) -> bool:
    positions = [record.position for record in records if record]
    return all(one < other for one, other in pairwise(positions))


def _prefixed(part: str | bytes | None) -> bytes:
    if part is None:
        return b"-"
    content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
    return b"%d:%b" % (len(content), content)


def _printable(text: str) -> str:
    if len(text) <= _LONGEST_TEXT and text.isprintable():
        return text
    shown = "".join(sign if sign.isprintable() else "�" for sign in text)
    return shown if len(shown) <= _LONGEST_TEXT else shown[: _LONGEST_TEXT - 1] + "…"
