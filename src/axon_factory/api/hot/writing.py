"""What hot writes have in common: the body, the charge, and the end of a batch.

A batch has one transaction. Until its commit begins, whatever fails leaves the request to the
application, for nothing was written. From then on it may have been written: the request fails,
and it is for its Idempotency-Key to tell the caller what became of it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import psycopg
from starlette.types import Message, Receive

from axon_factory.api.hot.answer import Answer
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.idempotency import RequestKey, are_unused
from axon_factory.api.rate_limits import Charge, Kind, RateLimits
from axon_factory.db.principals import Presented
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Principal

__all__ = [
    "Body",
    "CommitFailed",
    "WriteRoute",
    "Written",
    "charged",
    "committing",
    "is_plain_write",
    "places_of",
    "read_body",
    "with_unused_keys",
]


@dataclass(frozen=True, slots=True)
class Written:
    """The answer of a committed write, and what it was charged."""

    answer: Answer
    charge: Charge | None


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """It is not known whether the write was committed."""

    error: Exception


WriteRoute = Callable[[PlainRequest, bytes], Awaitable[Written | CommitFailed | None]]
"""Answers a plain write; None leaves it to the application."""


@dataclass(slots=True)
class Body:
    """The messages of a request that were read already, for an application that reads it anew."""

    content: bytes = b""
    messages: list[Message] = field(default_factory=list[Message])

    @property
    def is_whole(self) -> bool:
        """Whether the request arrived whole."""
        return bool(self.messages) and not self.messages[-1].get("more_body", True)

    def again(self, receive: Receive) -> Receive:
        """Return a `receive` that gives the messages again before those of `receive`."""
        waiting = list(reversed(self.messages))

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay


async def read_body(request: PlainRequest, receive: Receive) -> Body:
    """Read as many bytes as the head has announced."""
    body = Body()
    while len(body.content) <= request.body_bytes:
        message = await receive()
        body.messages.append(message)
        if message["type"] != "http.request":
            break
        body.content += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def is_plain_write(request: PlainRequest, most_bytes: int) -> bool:
    """Return whether it has a JSON body of a size that is announced, and no precondition."""
    return (
        0 < request.body_bytes <= most_bytes
        and request.has_json
        and not request.query
        and b"if-match" not in request.fields
    )


def places_of(presented: Sequence[Presented]) -> tuple[list[Presented], dict[Presented, int]]:
    """Return each credential once, and at which place."""
    distinct = list(dict.fromkeys(presented))
    return distinct, {one: place for place, one in enumerate(distinct)}


async def charged(limits: RateLimits, principal: Principal) -> tuple[bool, Charge | None]:
    """Charge a write that will be made; return whether it may be, and what its answer says."""
    charge = limits.taken(Kind.WRITES, principal.id) or await limits.spend(
        Kind.WRITES, principal.id
    )
    return charge is None or not charge.refused, charge


class _NothingWritten(Exception):
    """Ends a transaction that has no member."""


@dataclass(slots=True)
class _Commit:
    has_begun: bool = False
    error: Exception | None = None

    def follows(self) -> None:
        """Say that all is written: the transaction commits when the block ends."""
        self.has_begun = True

    def require(self) -> None:
        """Undo a transaction that is not to be committed."""
        if not self.has_begun:
            raise _NothingWritten


@asynccontextmanager
async def committing(
    database: Database, unit: str
) -> AsyncGenerator[tuple[psycopg.AsyncConnection[tuple[Any, ...]], _Commit]]:
    """Lend a connection in a transaction, and its commit: call `follows` as the last thing.

    A failure after `follows` is in `error` behind the block, one before it is raised. Without
    `follows` nothing is written.
    """
    commit = _Commit()
    try:
        async with database.raw_transaction(unit) as connection:
            yield connection, commit
            commit.require()
    except _NothingWritten:
        return
    except Exception as error:
        if not commit.has_begun:
            raise
        commit.error = error


class Keyed(Protocol):
    """A member of a batch that may have an `Idempotency-Key`."""

    @property
    def key(self) -> RequestKey | None:
        """The key, None without one."""
        ...


Member = TypeVar("Member", bound=Keyed)


async def with_unused_keys(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], members: Sequence[Member], now: datetime
) -> list[Member]:
    """Leave out whose key is answered or being worked on, in this batch too."""
    keys = [member.key for member in members if member.key is not None]
    if not keys:
        return list(members)
    answers = zip(keys, await are_unused(connection, keys, now), strict=True)
    unused = {key.context for key, is_unused in answers if is_unused}
    chosen: list[Member] = []
    for member in members:
        if member.key is not None:
            if member.key.context not in unused:
                continue
            unused.remove(member.key.context)
        chosen.append(member)
    return chosen
