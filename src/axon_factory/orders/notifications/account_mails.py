"""Mails about accounts: invitations, resets, and that a password changed. They belong to no order.

The composition root gives an `AccountMails` to `accounts.links`, which asks for one by its
protocol: accounts and orders stand side by side and do not import one another.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import AccountLink, OutboxMessage, User
from axon_factory.domain.messages import AccountMail, Language
from axon_factory.domain.permissions import Role
from axon_factory.jobs.queue import enqueue_message
from axon_factory.orders.notifications.sealing import MARK, seal_in_mail
from axon_factory.ports.product import SecretBox

__all__ = ["AccountMails", "SentLink"]

_KINDS = {"invitacion": AccountMail.INVITACION, "restablecer": AccountMail.RESTABLECER}


class SentLink(Protocol):
    """What a mail needs of a link: its row, and the token that the row does not hold."""

    @property
    def row(self) -> AccountLink:
        """The link's row."""
        ...

    @property
    def token(self) -> str:
        """The token in clear."""
        ...


class AccountMails:
    """Puts mails about accounts into the outbox, in the caller's transaction."""

    def __init__(self, box: SecretBox, *, public_url: str, support: str, zone: ZoneInfo) -> None:
        """`public_url` has no trailing slash; times are told in `zone`."""
        self._box = box
        self._public_url = public_url
        self._support = support
        self._zone = zone

    async def send_link(self, session: AsyncSession, user: User, link: SentLink) -> None:
        """Send a user their link; the token is sealed in the message's row."""
        row = link.row
        facts = {
            "link": f"{self._public_url}/cuenta/enlace/{MARK}",
            "until": self._spoken(row.expires_at, Language(row.language)),
            "is_client": user.role == Role.CLIENT,
        }
        kind = _KINDS[row.kind]
        await self._post(
            session, user, kind, Language(row.language), facts, topic=row.id, secret=link.token
        )

    async def tell_changed(self, session: AsyncSession, user: User, language: Language) -> None:
        """Tell a user that their account has another password."""
        facts = {"at": self._spoken(user.password_changed_at, language)}
        topic = f"{user.id}:{user.version}"
        await self._post(session, user, AccountMail.CAMBIADA, language, facts, topic=topic)

    async def _post(
        self,
        session: AsyncSession,
        user: User,
        kind: AccountMail,
        language: Language,
        facts: Mapping[str, object],
        *,
        topic: str,
        secret: str | None = None,
    ) -> None:
        # Imported here: templates and calendars, which most commands do not need.
        from axon_factory.orders.notifications.rendering import render_mail  # noqa: PLC0415 — see above

        about = {"name": user.nombre, "email": user.email, "support": self._support}
        letter = render_mail(kind, language, {**about, **facts})
        key = f"{kind.event}:{topic}"
        message = OutboxMessage(
            id=uuid4(),
            dedupe_key=key,
            event=kind.event,
            payload=None if secret is None else seal_in_mail(self._box, key, secret),
            recipient=user.email,
            subject=letter.subject,
            body=letter.text,
            html=letter.html,
            created_at=datetime.now(UTC),
        )
        session.add(message)
        await session.flush()
        await enqueue_message(session, message.id)

    def _spoken(self, moment: datetime, language: Language) -> str:
        from axon_factory.orders.notifications.rendering import spoken_time  # noqa: PLC0415 — as in _post

        return spoken_time(moment, self._zone, language)
