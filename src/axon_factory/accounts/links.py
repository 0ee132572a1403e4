"""First passwords by invitation, and resets by mail: a link that serves once and expires.

An invitation is written in the transaction of the administrator's act. What a link is redeemed for,
and a reset that somebody asks for, open their own transactions, as logins do: no connection is held
while a password is hashed.

A reset that is asked for takes the same time and has the same answer for an address without an
account. It is counted like a login, under names of its own: ten wrong passwords must not keep a
user from asking for another one.
"""

import asyncio
import hashlib
import math
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts import users
from axon_factory.accounts.errors import AccountInactive, LinkNotServing, PasswordChosen
from axon_factory.accounts.link_rows import (
    IssuedLink,
    LinkKind,
    LiveLink,
    add_link,
    end_links,
    find_live,
    use_link,
)
from axon_factory.accounts.passwords import Passwords, Throttle
from axon_factory.accounts.sessions import Client, revoke_sessions
from axon_factory.accounts.tokens import checked_pepper
from axon_factory.db.audit import append_audit
from axon_factory.db.principals import USER_GRANTS
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User
from axon_factory.domain.audit import ACCESS_CHAIN, AccessEvent, AuditEntry
from axon_factory.domain.messages import Language
from axon_factory.domain.permissions import Role

NEW_PASSWORD = "password_nueva"  # noqa: S105 — the name of a field
_ANYBODY = "anonymous"


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How long links serve.

    `answer_step`: a reset is answered at a whole multiple of it after it was asked for. It must be
    longer than the work for an address that has an account.
    """

    invitation: timedelta = timedelta(days=7)
    reset: timedelta = timedelta(hours=1)
    answer_step: timedelta = timedelta(milliseconds=400)


class LinkMails(Protocol):
    """Writes the mails about accounts, in the caller's transaction."""

    async def send_link(self, session: AsyncSession, user: User, link: IssuedLink) -> None:
        """Send a user their link, in the link's language."""
        ...

    async def tell_changed(self, session: AsyncSession, user: User, language: Language) -> None:
        """Tell a user that their account has another password."""
        ...


@dataclass(frozen=True, slots=True)
class Throttles:
    """What counts tries: of logins, and of resets that are asked for."""

    logins: Throttle
    resets: Throttle


class AccountLinks:
    """Issues, reads and redeems the links of accounts."""

    def __init__(
        self,
        database: Database,
        mails: LinkMails,
        passwords: Passwords,
        throttles: Throttles,
        pepper: bytes,
        limits: LinkLimits,
    ) -> None:
        """`pepper` is the secret of 32 bytes or more without which the kept MACs say nothing."""
        self._database = database
        self._mails = mails
        self._passwords = passwords
        self._throttles = throttles
        self._pepper = checked_pepper(pepper)
        self._limits = limits

    async def invite(
        self, session: AsyncSession, user_id: UUID, *, by: str, language: Language
    ) -> LiveLink:
        """Send a user the link to their first password; the invitation before serves no more.

        In the caller's transaction. `by` is the id of the principal that invites.

        Raises:
            NotFound: there is no such user.
            AccountInactive: the user may not log in.
            PasswordChosen: the user has a password of their own.
        """
        user = await _locked(session, user_id)
        if user is None:
            raise users.no_such_user(str(user_id))
        if not user.active:
            raise AccountInactive
        if not user.must_change_password:
            raise PasswordChosen
        link = await self._send(session, user, LinkKind.INVITACION, by, language)
        return LiveLink(link.row, user)

    async def ask_reset(self, email: str, client: Client, language: Language) -> None:
        """Send the user with this address a link to another password; without one, do nothing.

        Raises:
            TooManyAttempts: nothing was looked up.
        """
        begun = time.monotonic()
        async with self._database.transaction("count_reset") as session:
            await self._throttles.resets.count(session, email, client.address)
        async with self._database.transaction("ask_reset") as session:
            found = await users.find_by_email(session, email)
            user = await _locked(session, found.id) if found else None
            if user is not None and user.active:
                await self._send(session, user, LinkKind.RESTABLECER, _ANYBODY, language)
            await append_audit(session, _asked_entry(email, user, client))
        step = self._limits.answer_step.total_seconds()
        worked = time.monotonic() - begun
        # The work differs; the answer's time is a multiple of the step either way.
        await asyncio.sleep(math.ceil(worked / step) * step - worked)

    async def read(self, token: str) -> LiveLink:
        """Return the link of this token and its user.

        Raises:
            LinkNotServing: it is no token of ours, was used, was replaced or has expired.
        """
        async with self._database.reading() as session:
            link = await find_live(session, token, self._pepper)
        if link is None:
            raise LinkNotServing
        return link

    async def redeem(self, token: str, password: str, client: Client) -> User:
        """Give the link's user the password they chose, and end all of their sessions.

        Raises:
            LinkNotServing: as in `read`, or another request was first.
            WeakPassword: the password does not do; the link serves on.
            PasswordQueueFull: too many hashes are waiting; the link serves on.
        """
        link = await self.read(token)
        about = (link.user.email, link.user.nombre, link.user.cliente_id or "")
        role = Role(link.user.role)
        await self._passwords.check(password, role, about, field=NEW_PASSWORD)
        new_hash = await self._passwords.hash(password)
        async with self._database.transaction("redeem_link") as session:
            user = await _locked(session, link.user.id)
            # The password was checked for the role that the user had.
            if user is None or not user.active or user.role != role:
                raise LinkNotServing
            if not await use_link(session, link.row.id):
                raise LinkNotServing
            await users.replace_password(session, user, new_hash)
            await end_links(session, user.id)
            await revoke_sessions(session, user.id)
            await self._throttles.logins.forgive(session, user.email, client.address)
            if link.row.kind == LinkKind.RESTABLECER:
                await self._mails.tell_changed(session, user, Language(link.row.language))
            await append_audit(session, _redeemed_entry(user, link.row.kind, client))
        return user

    async def _send(
        self, session: AsyncSession, user: User, kind: LinkKind, by: str, language: Language
    ) -> IssuedLink:
        life = self._limits.reset if kind is LinkKind.RESTABLECER else self._limits.invitation
        link = await add_link(
            session, user.id, kind, life=life, by=by, language=language, pepper=self._pepper
        )
        await self._mails.send_link(session, user, link)
        return link


async def _locked(session: AsyncSession, user_id: UUID) -> User | None:
    """Lock a user's row: a link is issued or used while no other write is at the account."""
    return await session.get(User, user_id, with_for_update=True, populate_existing=True)


def _asked_entry(email: str, user: User | None, client: Client) -> AuditEntry:
    """Return the entry of a reset that was asked for; of the address only its hash."""
    digest = hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()
    return AuditEntry(
        chain=ACCESS_CHAIN,
        actor=_ANYBODY,
        actor_name="",
        actor_grant=None,
        action=AccessEvent.ASK_RESET,
        subject=None if user is None else f"user:{user.id}",
        address=client.address,
        request_id=client.request_id,
        details={"correo_sha256": digest},
    )


def _redeemed_entry(user: User, kind: str, client: Client) -> AuditEntry:
    return AuditEntry(
        chain=ACCESS_CHAIN,
        actor=f"user:{user.id}",
        actor_name=user.nombre,
        actor_grant=USER_GRANTS[Role(user.role)].value,
        action=AccessEvent.REDEEM_LINK,
        subject=f"user:{user.id}",
        address=client.address,
        request_id=client.request_id,
        details={"motivo": kind},
    )
