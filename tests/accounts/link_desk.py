"""A factory's accounts as far as links go, and the mails that it would send."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlmodel import col

from axon_factory.accounts.link_rows import LiveLink
from axon_factory.accounts.links import AccountLinks, LinkLimits, Throttles
from axon_factory.accounts.passwords import LoginLimits, Passwords, Throttle
from axon_factory.accounts.sessions import Client
from axon_factory.adapters.secret_box import EnvelopeSecretBox
from axon_factory.db.sessions import Database
from axon_factory.db.tables import AuditRow, OutboxMessage, User
from axon_factory.domain.messages import Language
from axon_factory.orders.notifications.account_mails import AccountMails
from axon_factory.orders.notifications.sealing import filled_in
from tests.accounts.conftest import PEPPER

URL = "https://fabrica.example"
HERE = Client("192.0.2.7", "pruebas/1.0")
BOX = EnvelopeSecretBox({"k1": b"1" * 32}, "k1")
QUICK = timedelta(milliseconds=1)


@dataclass
class SentMail:
    """A mail as it leaves: `token` is None if it has no link."""

    row: OutboxMessage
    text: str
    html: str
    token: str | None


class Desk:
    """Invites, asks for resets, redeems, and reads what is mailed."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        *,
        limits: LinkLimits | None = None,
        logins: LoginLimits | None = None,
    ) -> None:
        self.database = database
        kept = logins or LoginLimits()
        mails = AccountMails(BOX, public_url=URL, support="ayuda@x.example", zone=ZoneInfo("UTC"))
        self.links = AccountLinks(
            database,
            mails,
            passwords,
            Throttles(Throttle(kept), Throttle(kept, of="reset")),
            PEPPER,
            limits or LinkLimits(answer_step=QUICK),
        )

    async def invite(self, user: User, language: Language = Language.ES) -> LiveLink:
        async with self.database.transaction("test") as session:
            return await self.links.invite(session, user.id, by="user:jefa", language=language)

    async def forget(self, email: str, address: str = HERE.address) -> None:
        await self.links.ask_reset(email, Client(address, "pruebas"), Language.ES)

    async def mails(self) -> list[SentMail]:
        query = select(OutboxMessage).order_by(col(OutboxMessage.created_at))
        async with self.database.reading() as session:
            rows = list(await session.scalars(query))
        return [_sent(row) for row in rows]

    async def token(self) -> str:
        """Return the token of the newest mail with a link."""
        return [mail.token for mail in await self.mails() if mail.token][-1]

    async def audited(self) -> list[AuditRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(AuditRow).order_by(col(AuditRow.position))))

    async def sql(self, statement: str, **parameters: object) -> None:
        async with self.database.transaction("test") as session:
            await session.execute(text(statement), parameters)


def _sent(row: OutboxMessage) -> SentMail:
    body, html = filled_in(BOX, row)
    _, found, rest = body.partition(f"{URL}/cuenta/enlace/")
    return SentMail(row, body, html or "", rest.split()[0] if found else None)
