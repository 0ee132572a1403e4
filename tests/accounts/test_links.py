"""Links to a password: what serves, for whom, how often, and what they change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from axon_factory.accounts import users
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.errors import (
    AccountInactive,
    InvalidCredentials,
    LinkNotServing,
    PasswordChosen,
    TooManyAttempts,
    WeakPassword,
)
from axon_factory.accounts.links import LinkLimits
from axon_factory.accounts.passwords import LoginLimits, Passwords
from axon_factory.accounts.sessions import Client, Sessions
from axon_factory.accounts.tokens import generate_token
from axon_factory.db.sessions import Database
from axon_factory.db.tables import AccountLink, User
from axon_factory.domain.errors import NotFound
from axon_factory.domain.messages import Language
from axon_factory.domain.permissions import Grant, Principal, Role
from tests.accounts.link_desk import HERE, Desk

NewUser = Callable[..., Awaitable[User]]
EMAIL, NEW = "ana@example.com", "tres lentas nubes de cobre"


@pytest.fixture
def desk(database: Database, passwords: Passwords) -> Desk:
    return Desk(database, passwords)


@pytest.fixture
async def invited(database: Database, password_hash: str) -> User:
    """A user who has not chosen a password."""
    async with database.transaction("test") as session:
        return await users.create(
            session,
            email=EMAIL,
            name="Ana",
            role=Role.OPERATOR,
            password_hash=password_hash,
            must_change_password=True,
        )


async def test_an_invitation_gives_a_first_password(
    desk: Desk, invited: User, authenticator: Authenticator
) -> None:
    link = await desk.invite(invited)
    assert link.row.expires_at - link.row.created_at == timedelta(days=7)
    token = await desk.token()
    assert token.startswith("axl_live_")

    read = await desk.links.read(token)
    assert (read.row.kind, read.user.email) == ("invitacion", EMAIL)
    user = await desk.links.redeem(token, NEW, HERE)

    assert not user.must_change_password
    login = await authenticator.log_in(EMAIL, NEW, HERE)
    assert not login.user.must_change_password


async def test_a_link_serves_once(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    token = await desk.token()
    await desk.links.redeem(token, NEW, HERE)

    for attempt in (desk.links.read(token), desk.links.redeem(token, "otra nube de cobre", HERE)):
        with pytest.raises(LinkNotServing):
            await attempt


async def test_the_newest_link_of_a_kind_serves_alone(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    old = await desk.token()
    await desk.forget(EMAIL)
    reset = await desk.token()
    await desk.invite(invited)
    new = await desk.token()

    with pytest.raises(LinkNotServing):
        await desk.links.read(old)
    assert (await desk.links.read(reset)).row.kind == "restablecer"
    await desk.links.redeem(new, NEW, HERE)
    with pytest.raises(LinkNotServing):
        await desk.links.read(reset)


@pytest.mark.parametrize(
    ("kind", "life"), [("invitacion", timedelta(days=2)), ("restablecer", timedelta(minutes=30))]
)
async def test_a_link_expires(
    database: Database, passwords: Passwords, invited: User, kind: str, life: timedelta
) -> None:
    limits = LinkLimits(timedelta(days=2), timedelta(minutes=30), timedelta(milliseconds=1))
    desk = Desk(database, passwords, limits=limits)
    await (desk.invite(invited) if kind == "invitacion" else desk.forget(EMAIL))
    token = await desk.token()
    link = (await desk.links.read(token)).row
    assert (link.kind, link.expires_at - link.created_at) == (kind, life)

    await desk.sql(
        "UPDATE account_links SET created_at = created_at - interval '3 days', "
        "expires_at = now() - interval '1 microsecond'"
    )
    for attempt in (desk.links.read(token), desk.links.redeem(token, NEW, HERE)):
        with pytest.raises(LinkNotServing):
            await attempt


async def test_what_is_no_token_of_ours_opens_nothing(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    token = await desk.token()
    other = generate_token("axl_live").plaintext
    # The same row, another secret: its checksum is right.
    forged = generate_token("axl_live")
    await desk.sql(
        "INSERT INTO account_links (id, user_id, kind, secret_mac, created_at, created_by, "
        "language, expires_at) SELECT :id, user_id, 'restablecer', secret_mac, "
        "created_at, created_by, language, expires_at FROM account_links",
        id=forged.id,
    )
    for text in ("", "x", token[:-1], token + "a", token.swapcase(), other, forged.plaintext):
        with pytest.raises(LinkNotServing):
            await desk.links.read(text)


async def test_two_who_redeem_at_once_are_one(
    desk: Desk, invited: User, authenticator: Authenticator
) -> None:
    await desk.invite(invited)
    token = await desk.token()
    passwords = [f"{NEW} número {n}" for n in range(4)]

    outcomes = await asyncio.gather(
        *(desk.links.redeem(token, one, HERE) for one in passwords), return_exceptions=True
    )

    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, User)]
    assert len(winners) == 1
    assert sum(isinstance(outcome, LinkNotServing) for outcome in outcomes) == 3
    await authenticator.log_in(EMAIL, passwords[winners[0]], HERE)


async def test_a_weak_password_does_not_use_the_link_up(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    token = await desk.token()
    for weak in ("corta", "ana@example.com ana", "contraseña123456"):
        with pytest.raises(WeakPassword) as refused:
            await desk.links.redeem(token, weak, HERE)
        assert list(refused.value.details) == ["password_nueva"]
    await desk.links.redeem(token, NEW, HERE)


async def test_a_reset_ends_sessions_and_forgives_failures(
    desk: Desk,
    new_user: NewUser,
    authenticator: Authenticator,
    sessions: Sessions,
    database: Database,
) -> None:
    user = await new_user()
    for _ in range(3):
        await authenticator.log_in(EMAIL, "correcto caballo batería", HERE)
    for n in range(10):
        with pytest.raises(InvalidCredentials):
            await authenticator.log_in(EMAIL, "equivocada", Client(f"192.0.2.{n}"))
    with pytest.raises(TooManyAttempts):
        await authenticator.log_in(EMAIL, NEW, Client("192.0.2.99"))

    await desk.forget(EMAIL)
    await desk.links.redeem(await desk.token(), NEW, HERE)

    async with database.reading() as session:
        assert await sessions.list_open(session, user.id) == []
    await authenticator.log_in(EMAIL, NEW, HERE)
    told = (await desk.mails())[-1]
    assert (told.row.event, told.row.recipient, told.token) == ("cuenta.cambiada", EMAIL, None)
    assert "contraseña" in told.row.subject


async def test_an_unknown_address_is_told_nothing_else(desk: Desk, new_user: NewUser) -> None:
    await new_user()
    switched_off = await new_user("baja@example.com")
    await desk.sql("UPDATE users SET active = false WHERE id = :id", id=switched_off.id)

    for email in ("nadie@example.com", "no es un correo", "baja@example.com", "\ud800"):
        await desk.forget(email)
    assert await desk.mails() == []
    await desk.forget("ANA@example.com")

    assert [mail.row.recipient for mail in await desk.mails()] == [EMAIL]
    entries = await desk.audited()
    assert [entry.action for entry in entries] == ["access:ask_reset"] * 5
    assert {entry.outcome for entry in entries} == {"ok"}
    assert all(set(entry.details) == {"correo_sha256"} for entry in entries)


async def test_a_reset_is_answered_at_a_step_whoever_asks(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    await new_user()
    step = timedelta(milliseconds=400)
    desk = Desk(database, passwords, limits=LinkLimits(answer_step=step))
    await desk.forget(EMAIL)  # the first one loads the templates
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    for email in (EMAIL, "nadie@example.com", EMAIL, "nadie@example.com"):
        begun = loop.time()
        await desk.forget(email)
        taken.append(loop.time() - begun)

    assert len(await desk.mails()) == 3
    # A busy machine may take longer; no answer comes before the step, whatever work there was.
    assert min(taken) >= step.total_seconds() * 0.99


async def test_resets_are_counted_apart_from_logins(
    database: Database, passwords: Passwords, new_user: NewUser, authenticator: Authenticator
) -> None:
    await new_user()
    desk = Desk(
        database, passwords, logins=LoginLimits(per_account=2, per_address=3, altogether=50)
    )
    await desk.forget(EMAIL, "192.0.2.1")
    await desk.forget(EMAIL, "192.0.2.2")
    with pytest.raises(TooManyAttempts):
        await desk.forget("ANA@example.com", "192.0.2.3")
    for n in range(3):
        await desk.forget(f"nadie{n}@example.com", "192.0.2.9")
    with pytest.raises(TooManyAttempts):
        await desk.forget("otra@example.com", "192.0.2.9")

    assert len(await desk.mails()) == 2
    await authenticator.log_in(EMAIL, "correcto caballo batería", HERE)


async def test_who_may_be_invited(desk: Desk, new_user: NewUser, invited: User) -> None:
    with_password = await new_user("eva@example.com")
    with pytest.raises(PasswordChosen):
        await desk.invite(with_password)
    await desk.sql("UPDATE users SET active = false WHERE id = :id", id=invited.id)
    with pytest.raises(AccountInactive):
        await desk.invite(invited)
    with pytest.raises(NotFound):
        await desk.invite(User.model_construct(id=uuid4()))
    assert await desk.mails() == []


@pytest.mark.parametrize("act", ["deactivate", "one-time password", "own change", "name"])
async def test_another_change_of_the_account_ends_its_links(
    desk: Desk, new_user: NewUser, database: Database, password_hash: str, act: str
) -> None:
    user = await new_user()
    await desk.forget(EMAIL)
    token = await desk.token()
    chief = (await new_user("jefa@example.com", Role.ADMIN)).id
    by = _principal(chief)
    async with database.transaction("test") as session:
        if act == "own change":
            assert await users.change_password(
                session, user.id, verified_hash=password_hash, new_hash="otro"
            )
        elif act == "deactivate":
            await users.change_user(session, user.id, users.UserChange(active=False), by)
            await users.change_user(session, user.id, users.UserChange(active=True), by)
        elif act == "name":
            await users.change_user(session, user.id, users.UserChange(name="Eva"), by)
        else:
            await users.change_user(session, user.id, users.UserChange(one_time_hash="x"), by)

    if act == "name":  # neither access nor password: the link serves on
        await desk.links.read(token)
        return
    with pytest.raises(LinkNotServing):
        await desk.links.read(token)


async def test_every_act_is_audited_and_no_token_is_kept(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    token = await desk.token()
    await desk.links.redeem(token, NEW, HERE)

    (entry,) = await desk.audited()
    assert (entry.action, entry.actor, entry.subject) == (
        "access:redeem_link",
        f"user:{invited.id}",
        f"user:{invited.id}",
    )
    assert entry.details == {"motivo": "invitacion"}
    secret = token.split("_")[3]
    async with desk.database.reading() as session:
        rows = [repr(row.model_dump()) for row in await session.scalars(select(AccountLink))]
    rows += [repr(mail.row.model_dump()) for mail in await desk.mails()]
    rows += [repr(row.model_dump()) for row in await desk.audited()]
    assert len(rows) == 3
    assert not any(secret in row for row in rows)


async def test_links_that_ended_long_ago_are_deleted(desk: Desk, invited: User) -> None:
    await desk.invite(invited)
    await desk.sql(
        "UPDATE account_links SET created_at = now() - interval '60 days', "
        "expires_at = now() - interval '31 days', revoked_at = now()"
    )
    await desk.invite(invited)
    async with desk.database.reading() as session:
        (kept,) = list(await session.scalars(select(AccountLink)))
    assert kept.expires_at > datetime.now(UTC)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CLIENT])
async def test_an_invitation_in_both_languages(
    desk: Desk, database: Database, password_hash: str, language: Language, role: Role
) -> None:
    async with database.transaction("test") as session:
        user = await users.create(
            session,
            email=EMAIL,
            name="Ana <b>Ruiz</b>",
            role=role,
            password_hash=password_hash,
            client_id="c-1" if role is Role.CLIENT else None,
            must_change_password=True,
        )
    await desk.invite(user, language)
    (mail,) = await desk.mails()

    assert (mail.row.event, mail.row.order_id) == ("cuenta.invitacion", None)
    word, client_word = {
        Language.ES: ("contraseña", "órdenes"),
        Language.EN: ("password", "orders"),
    }[language]
    assert word in mail.row.subject
    assert (client_word in mail.text) == (role is Role.CLIENT)
    for part in (mail.text, mail.html):
        assert EMAIL in part
        assert f"/cuenta/enlace/{mail.token}" in part
        assert "[secreto]" not in part
        for wire in ("operator", "client", "admin", "invitacion", "None", "cliente_id"):
            assert wire not in part.replace(EMAIL, "")
    assert "<b>" not in mail.html
    assert (await desk.links.read(str(mail.token))).row.language == language


def _principal(user_id: object) -> Principal:
    return Principal(f"user:{user_id}", "Jefa", Role.ADMIN, Grant.ADMIN)
