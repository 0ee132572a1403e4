"""Credentials of connections that last: let in once, and looked at again every two seconds.

All that are live in a process are looked at by one statement for each few hundred of them. So a
connection ends within five seconds of its credential's revocation or expiry.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import time

import structlog

from axon_factory.accounts.authenticate import Authenticator, Credential, CredentialKind
from axon_factory.accounts.live import read_live
from axon_factory.db.batches import Batches
from axon_factory.db.principals import Presented, principal_of
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.errors import AuthenticationRequired
from axon_factory.domain.permissions import Principal

__all__ = ["Admission", "Credentials", "credential_of"]

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
_AT_ONCE = 250


@dataclass(slots=True, eq=False)
class Admission:
    """A credential that let somebody in, and how to find out whether it still does.

    It has either `presented`, whose row is looked at with all others, or a `check` of its own.
    """

    principal: Principal
    presented: Presented | None = None
    check: Callable[[], Awaitable[bool]] | None = None
    who: str | None = None
    """What the row said when it was last looked at."""
    ended: Callable[[], None] = lambda: None
    """Called once when it holds no more."""

    @property
    def expires_at(self) -> float | None:
        """When it ends by itself, in Unix seconds, if that is known."""
        return None if self.presented is None else self.presented.expires_at


def credential_of(token: str) -> Credential:
    """Return a token as a credential of its kind, which its prefix tells."""
    if token.startswith("axk_live_"):
        return Credential(CredentialKind.API_KEY, token)
    if token.startswith("axs_live_"):
        return Credential(CredentialKind.SYSTEM_TOKEN, token)
    return Credential(CredentialKind.BEARER, token)


class Credentials:
    """Lets in, and watches who was let in."""

    def __init__(self, database: Database, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator
        self._asked: Batches[Presented, str] = Batches(self._read, most=_AT_ONCE)
        self._held: dict[Admission, None] = {}
        self._watch: asyncio.Task[None] | None = None

    async def admit(self, credential: Credential) -> Admission:
        """Return the admission of a credential that holds.

        Raises:
            AuthenticationRequired: it does not; what is told of it is what requests are told.
        """
        presented = self._authenticator.presented(credential.kind, credential.value)
        who = None if presented is None else await self._asked.ask(presented)
        principal = None if who is None else principal_of(who)
        if principal is not None:
            return Admission(principal, presented, who=who)
        # It says exactly why it does not hold, and knows this machine's own credential.
        principal = await self._authenticator.principal([credential])
        if presented is not None:
            return Admission(principal, presented)

        async def still_holds() -> bool:
            try:
                return await self._authenticator.principal([credential]) == principal
            except AuthenticationRequired:
                return False

        return Admission(principal, check=still_holds)

    def hold(self, admission: Admission) -> None:
        """Look at it again and again, until it is released or has ended."""
        self._held[admission] = None
        if self._watch is None:
            self._watch = asyncio.create_task(self._run(), name="credentials")

    def release(self, admission: Admission) -> None:
        """Look at it no more."""
        self._held.pop(admission, None)

    async def _run(self) -> None:
        while self._held:
            await asyncio.sleep(_LOOK_SECONDS)
            held = list(self._held)
            now = time()
            for admission in held:
                if admission.expires_at is not None and admission.expires_at <= now:
                    self._end(admission)
            try:
                await self._look_at_rows([one for one in held if one.presented is not None])
                await self._look_one_by_one([one for one in held if one.presented is None])
            except Exception as error:  # noqa: BLE001 — whatever it was, the next look tells
                # Nothing can be revoked either while the database is away.
                unknown = None if is_unavailable(error) else error
                _log.warning(
                    "credentials not looked at", error=type(error).__name__, exc_info=unknown
                )
        self._watch = None

    async def _look_at_rows(self, held: Sequence[Admission]) -> None:
        by_row: dict[Presented, list[Admission]] = {}
        for admission in held:
            if admission.presented is not None and admission in self._held:
                by_row.setdefault(admission.presented, []).append(admission)
        distinct = list(by_row)
        for begin in range(0, len(distinct), _AT_ONCE):
            some = distinct[begin : begin + _AT_ONCE]
            for presented, who in zip(some, await self._read(some, noted=False), strict=True):
                for admission in by_row[presented]:
                    if not _is_same(admission, who):
                        self._end(admission)
            await asyncio.sleep(0)  # between two batches others have their turn

    async def _look_one_by_one(self, held: Sequence[Admission]) -> None:
        for admission in held:
            if admission.check is not None and not await admission.check():
                self._end(admission)

    async def _read(
        self, asked: Sequence[Presented], *, noted: bool = True
    ) -> Sequence[str | None]:
        async with self._database.raw() as connection:
            return await read_live(connection, asked, noted=noted)

    def _end(self, admission: Admission) -> None:
        if admission in self._held:
            del self._held[admission]
            admission.ended()


def _is_same(admission: Admission, who: str | None) -> bool:
    """Return whether the row still says what let the caller in; a new name changes nothing."""
    if who == admission.who and who is not None:
        return True
    principal = None if who is None else principal_of(who)
    if principal is None or replace(principal, name=admission.principal.name) != (
        admission.principal
    ):
        return False
    admission.who = who
    return True
