"""Sessions and their refresh tokens: rotation, theft, lost answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts.authenticate import Authenticator, Credential, CredentialKind, Login
from axon_factory.accounts.sessions import Client, SessionLimits, Sessions, revoke_sessions
from axon_factory.accounts.tokens import generate_token, parse_token
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User
from axon_factory.domain.errors import AuthenticationRequired

NewUser = Callable[..., Awaitable[User]]


class Desk:
    """A user who has logged in, and what becomes of it."""

    def __init__(self, database: Database, authenticator: Authenticator, password: str) -> None:
        self.database = database
        self.authenticator = authenticator
        self.password = password

    async def log_in(self, client: Client | None = None) -> Login:
        client = client or Client("192.0.2.7", "pruebas")
        return await self.authenticator.log_in("ana@example.com", self.password, client)

    async def refresh(self, token: str) -> str | None:
        """The successor, or None if the token does not serve."""
        try:
            return (await self.authenticator.refresh(token)).refresh_token
        except AuthenticationRequired:
            return None

    async def stands(self, login: Login) -> bool:
        credential = Credential(CredentialKind.BEARER, login.access_token.token)
        try:
            await self.authenticator.principal([credential])
        except AuthenticationRequired:
            return False
        return True

    async def later(self, **interval: float) -> None:
        """Let time pass: everything becomes older."""
        delta = timedelta(**interval)
        async with self.transaction() as session:
            for column in ("created_at", "last_used_at", "expires_at"):
                statement = f"UPDATE user_sessions SET {column} = {column} - :delta"  # noqa: S608 — constants
                await session.execute(text(statement), {"delta": delta})

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with self.database.transaction("test") as session:
            yield session


@pytest.fixture
async def desk(
    database: Database, authenticator: Authenticator, password: str, new_user: NewUser
) -> Desk:
    await new_user()
    return Desk(database, authenticator, password)


async def test_each_refresh_token_serves_once_and_the_session_goes_on(desk: Desk) -> None:
    login = await desk.log_in()
    token = login.refresh_token
    seen = {token}
    for _ in range(5):
        renewed = await desk.authenticator.refresh(token)
        token = renewed.refresh_token
        assert renewed.session.id == login.session.id
        assert await desk.stands(renewed)
        assert token not in seen
        seen.add(token)
    assert await desk.stands(login)


async def test_an_old_refresh_token_ends_its_session_and_no_other(desk: Desk) -> None:
    other = await desk.log_in()
    for age in (1, 2, 5):
        login = await desk.log_in()
        tokens = [login.refresh_token]
        for _ in range(age):
            successor = await desk.refresh(tokens[-1])
            assert successor is not None
            tokens.append(successor)
        if age == 1:
            await desk.later(seconds=31)
        assert await desk.stands(login)

        assert await desk.refresh(tokens[0]) is None

        assert not await desk.stands(login)
        assert [await desk.refresh(token) for token in tokens] == [None] * len(tokens)
    assert await desk.stands(other)


async def test_a_lost_answer_can_be_asked_for_again(desk: Desk) -> None:
    login = await desk.log_in()
    successor = await desk.refresh(login.refresh_token)
    await desk.later(seconds=25)

    assert await desk.refresh(login.refresh_token) == successor

    await desk.later(seconds=6)  # the window is the first answer's
    assert await desk.refresh(login.refresh_token) is None
    assert not await desk.stands(login)


async def test_a_repeat_does_not_outlive_the_successors_use(desk: Desk) -> None:
    login = await desk.log_in()
    successor = await desk.refresh(login.refresh_token)
    assert successor is not None
    assert await desk.refresh(successor)

    assert await desk.refresh(login.refresh_token) is None
    assert not await desk.stands(login)


async def test_a_thief_and_the_owner_cannot_both_go_on(desk: Desk) -> None:
    login = await desk.log_in()
    stolen = login.refresh_token
    mine, theirs = await desk.refresh(stolen), await desk.refresh(stolen)
    assert mine is not None
    assert mine == theirs
    await desk.later(minutes=14)

    assert await desk.refresh(mine)
    await desk.later(minutes=1)
    assert await desk.refresh(mine) is None
    assert not await desk.stands(login)


async def test_refreshes_at_once_all_get_the_one_successor(desk: Desk) -> None:
    login = await desk.log_in()

    answers = await asyncio.gather(*(desk.refresh(login.refresh_token) for _ in range(8)))

    assert len(set(answers)) == 1
    assert answers[0] is not None
    assert await desk.refresh(answers[0])
    async with desk.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM refresh_tokens")) == 3


async def test_a_session_ends_by_itself(desk: Desk) -> None:
    login = await desk.log_in()
    token: str | None = login.refresh_token
    for _ in range(8):  # each within the idle limit of a day
        await desk.later(hours=20)
        token = await desk.refresh(token or "")
        assert token is not None
    await desk.later(hours=8)  # seven days since the login
    assert await desk.refresh(token or "") is None
    assert not await desk.stands(login)

    idle = await desk.log_in()
    await desk.later(hours=24)
    assert await desk.refresh(idle.refresh_token) is None


async def test_what_is_no_refresh_token_changes_nothing(desk: Desk) -> None:
    login = await desk.log_in()
    token = parse_token("axr_live", login.refresh_token)
    assert token is not None
    forged = generate_token("axr_live").plaintext
    for text_ in ("", forged, login.access_token.token, token.id, login.refresh_token + " "):
        assert await desk.refresh(text_) is None
    guessed = forged.replace(forged.split("_")[2], token.id)
    assert await desk.refresh(guessed) is None

    assert await desk.refresh(login.refresh_token)


async def test_a_user_who_is_switched_off_is_out(desk: Desk) -> None:
    login = await desk.log_in()
    async with desk.transaction() as session:
        await session.execute(text("UPDATE users SET active = false"))

    assert await desk.refresh(login.refresh_token) is None
    assert not await desk.stands(login)


async def test_revoking_one_all_or_all_but_one(desk: Desk) -> None:
    for keyword, left in (
        ("only", [True, False, True]),
        ("keep_session", [False, True, False]),
        ("", []),
    ):
        logins = [await desk.log_in() for _ in range(3)]
        chosen = {keyword: logins[1].session.id} if keyword else {}
        async with desk.transaction() as session:
            ended = await revoke_sessions(session, logins[0].user.id, **chosen)

        assert ended >= 3 - sum(left)
        assert [await desk.stands(login) for login in logins] == (left or [False] * 3)
        expected = left or [False] * 3
        assert [bool(await desk.refresh(i.refresh_token)) for i in logins] == expected


async def test_open_sessions_say_where_they_are(
    desk: Desk, database: Database, sessions: Sessions
) -> None:
    login = await desk.log_in(Client("2001:db8::1", "x" * 300 + "\x1b[2J"))
    await desk.log_in(Client("192.0.2.9", "firefox\0\n"))
    async with database.transaction("test") as session:
        opened = await sessions.list_open(session, login.user.id)

    assert [(item.address, item.user_agent) for item in opened] == [
        ("192.0.2.9", "firefox"),
        ("2001:db8::1", "x" * 200),
    ]


async def test_no_secret_is_kept(desk: Desk) -> None:
    login = await desk.log_in()
    renewed = await desk.authenticator.refresh(login.refresh_token)
    async with desk.transaction() as session:
        kept = await session.scalar(
            text("SELECT string_agg(t::text, ' ') || (SELECT string_agg(s::text, ' ') "
                 "FROM user_sessions s) FROM refresh_tokens t")
        )  # fmt: skip
    for token in (login.refresh_token, renewed.refresh_token):
        secret = token.split("_")[3]
        assert secret not in kept
        assert token not in repr(login) + repr(renewed)
        assert secret[:43].encode().hex() not in kept


async def test_ended_sessions_are_deleted_with_their_tokens(desk: Desk, sessions: Sessions) -> None:
    login = await desk.log_in()
    await desk.refresh(login.refresh_token)
    await desk.later(days=7)
    living = await desk.log_in()
    async with desk.transaction() as session:
        await sessions.purge(session)

    async with desk.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM refresh_tokens")) == 1
    assert await desk.stands(living)


def test_a_pepper_must_be_long() -> None:
    with pytest.raises(ValueError, match="pepper"):
        Sessions(b"short", SessionLimits())
