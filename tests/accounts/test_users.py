import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from axon_factory.accounts import users
from axon_factory.accounts.errors import EmailTaken
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Role

NewUser = Callable[..., Awaitable[User]]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        ("o'hara+axon@example.com", "o'hara+axon@example.com"),
        ("ana@PEÑA.es", "ana@xn--pea-8ma.es"),
    ],
)
async def test_a_user_is_found_under_any_spelling_of_the_email(
    database: Database, new_user: NewUser, written: str, kept: str
) -> None:
    created = await new_user(email=written)

    async with database.transaction("test") as session:
        assert created.email == kept
        for spelling in (written, kept, kept.upper()):
            found = await users.find_by_email(session, spelling)
            assert found is not None
            assert found.id == created.id
        assert await users.find(session, created.id) is found
        assert await users.find(session, uuid4()) is None


NO_EMAILS = [
    "",
    "ana",
    "ana@",
    "@example.com",
    "a b@example.com",
    "ana@example.com\n",
    "a\0@example.com",
    "\ud800@example.com",
    "x" * 300 + "@example.com",
    "Ana <ana@example.com>",
    "ana@[127.0.0.1]",
]


async def test_what_is_no_email(database: Database, new_user: NewUser) -> None:
    for email in NO_EMAILS:
        with pytest.raises(ValidationFailed) as refusal:
            await new_user(email=email)
        assert refusal.value.details.keys() == {"email"}
        async with database.transaction("test") as session:
            assert await users.find_by_email(session, email) is None


async def test_of_many_creations_of_one_email_one_wins(
    database: Database, new_user: NewUser
) -> None:
    outcomes = await asyncio.gather(
        *(new_user(email=email) for email in ["ana@example.com", "ANA@example.com"] * 5),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == 9
    async with database.transaction("test") as session:
        assert [user.email for user in await users.list_all(session)] == ["ana@example.com"]


async def test_clients_and_only_they_have_a_client_id(database: Database) -> None:
    async def create(role: Role, client_id: str | None) -> User:
        async with database.transaction("test") as session:
            return await users.create(
                session,
                email=f"{role}@example.com",
                name="A",
                role=role,
                password_hash="x",
                client_id=client_id,
            )

    for role in Role:
        right = "cliente-1" if role is Role.CLIENT else None
        for client_id in {None, "", " ", "cliente-1"} - {right}:
            with pytest.raises(ValidationFailed) as refusal:
                await create(role, client_id)
            assert refusal.value.details.keys() == {"cliente_id"}
        assert (await create(role, right)).cliente_id == right
