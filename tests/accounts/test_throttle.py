"""Logins per account, per address and altogether."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from unittest.mock import Mock

import pytest
from sqlalchemy import text

from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.errors import InvalidCredentials, TooManyAttempts
from axon_factory.accounts.passwords import LoginLimits, Passwords, Throttle
from axon_factory.accounts.sessions import Client
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User

NewUser = Callable[..., Awaitable[User]]
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
LIMITS = LoginLimits(per_account=3, per_address=5, altogether=8)


class Door:
    """Tries logins; each transaction is one of a process of its own."""

    def __init__(self, database: Database, limits: LoginLimits = LIMITS) -> None:
        self.database = database
        self.limits = limits

    async def lets_in(self, email: str, address: str = HERE) -> bool:
        try:
            async with self.database.transaction("test") as session:
                await Throttle(self.limits).count(session, email, address)
        except TooManyAttempts:
            return False
        return True

    async def forgive(self, email: str, address: str = HERE) -> None:
        async with self.database.transaction("test") as session:
            await Throttle(self.limits).forgive(session, email, address)

    async def counts(self) -> dict[str, int]:
        async with self.database.reading() as session:
            rows = await session.execute(text("SELECT bucket, attempts FROM login_throttles"))
            return {row.bucket.split(":")[0]: row.attempts for row in rows}


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


async def test_an_account_is_known_under_any_spelling_and_from_any_address(door: Door) -> None:
    spellings = ["ana@example.com", "ANA@example.com", "Ana@Example.COM", "ana@example.com"]

    answers = [await door.lets_in(email, f"192.0.2.{n}") for n, email in enumerate(spellings)]

    assert answers == [True, True, True, False]
    assert await door.lets_in("eva@example.com")


@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        ([HERE] * 6, True),
        ([HERE, f"::ffff:{HERE}"] * 3, True),
        ([f"2001:db8::{n}" for n in range(6)], True),
        ([f"2001:db8:0:{n}::1" for n in range(6)], False),
        ([f"192.0.2.{n}" for n in range(6)], False),
        (["", "un-socket"] * 3, True),
    ],
    ids=["IPv4", "mapped", "one network", "networks", "addresses", "no address"],
)
async def test_an_address_is_one_whatever_it_tries(
    door: Door, addresses: list[str], one: bool
) -> None:
    answers = [await door.lets_in(f"{n}@example.com", a) for n, a in enumerate(addresses)]

    assert answers == [True] * 5 + [not one]


async def test_there_is_a_limit_altogether_and_what_is_refused_does_not_use_it_up(
    door: Door,
) -> None:
    for n in range(50):
        await door.lets_in(f"{n}@example.com", HERE)
    assert (await door.counts())["global"] == 5

    others = [await door.lets_in(f"otro{n}@example.com", f"198.51.100.{n}") for n in range(4)]

    assert others == [True, True, True, False]


async def test_of_tries_at_once_no_more_are_let_in(door: Door) -> None:
    answers = await asyncio.gather(*(door.lets_in("ana@example.com") for _ in range(8)))

    assert sum(answers) == 3
    assert await door.counts() == {"account": 3, "address": 3, "global": 3}


async def test_many_who_try_and_are_right_at_once_do_not_wait_for_one_another(
    database: Database,
) -> None:
    door = Door(database, LoginLimits(per_account=1000, per_address=1000, altogether=1000))

    async def log_in(number: int) -> None:
        email, address = f"{number % 3}@example.com", f"192.0.2.{number % 2}"
        await door.lets_in(email, address)
        await door.forgive(email, address)

    await asyncio.gather(*(log_in(number) for number in range(40)))

    assert set((await door.counts()).values()) == {0}


async def test_a_window_closes(door: Door, database: Database) -> None:
    assert [await door.lets_in("ana@example.com") for _ in range(4)] == [True, True, True, False]
    with pytest.raises(TooManyAttempts) as refusal:
        async with database.transaction("test") as session:
            await Throttle(LIMITS).count(session, "ana@example.com", HERE)
    assert 290 < (refusal.value.retry_after or 0) <= 300

    async with database.transaction("test") as session:
        statement = "UPDATE login_throttles SET opened_at = opened_at - interval '5 minutes'"
        await session.execute(text(statement))

    assert [await door.lets_in("ana@example.com") for _ in range(4)] == [True, True, True, False]


async def test_who_is_right_begins_anew_and_costs_others_nothing(door: Door) -> None:
    for _ in range(10):
        assert await door.lets_in("ana@example.com")
        assert await door.lets_in("ana@example.com")
        await door.forgive("ana@example.com")
        await door.forgive("ana@example.com")

    assert await door.counts() == {"account": 0, "address": 0, "global": 0}


async def test_closed_windows_are_deleted(door: Door, database: Database) -> None:
    await door.lets_in("ana@example.com")
    for window, left in [(timedelta(minutes=5), 3), (timedelta(0), 0)]:
        async with database.transaction("test") as session:
            await Throttle(LoginLimits(window=window)).purge(session)
        assert len(await door.counts()) == left


async def test_a_login_that_is_refused_verifies_nothing(
    authenticator: Authenticator,
    new_user: NewUser,
    password: str,
    passwords: Passwords,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await new_user()
    client = Client(HERE)
    verify = Mock(wraps=passwords.verify)
    monkeypatch.setattr(passwords, "verify", verify)
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            await authenticator.log_in("ana@example.com", "equivocada", client)
    verify.reset_mock()

    bodies: list[object] = []
    # Unknown users are told the same, and the right password does not help.
    for email, given in [("ana@example.com", password), ("nadie@example.com", "x")]:
        with pytest.raises(TooManyAttempts) as refusal:
            await authenticator.log_in(email, given, client)
        bodies.append(refusal.value.codigo)
    assert bodies == ["demasiados_intentos"] * 2
    with pytest.raises(TooManyAttempts):
        await authenticator.log_in("ana@example.com", password, Client(ELSEWHERE))
    assert verify.call_count == 0


async def test_a_login_that_succeeds_resets_the_account(
    authenticator: Authenticator, new_user: NewUser, password: str
) -> None:
    await new_user()
    for round_ in range(2):
        for _ in range(9):
            with pytest.raises(InvalidCredentials):
                await authenticator.log_in(
                    "ana@example.com", "equivocada", Client(f"198.51.100.{round_}")
                )
        await authenticator.log_in("ana@example.com", password, Client(HERE))
