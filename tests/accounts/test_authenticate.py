import contextlib
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, event, text

from axon_factory.accounts import users
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator, Credential, CredentialKind
from axon_factory.accounts.errors import AmbiguousCredentials, InvalidCredentials
from axon_factory.accounts.sessions import Client
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User
from axon_factory.domain.errors import AuthenticationRequired
from axon_factory.domain.permissions import Grant, KeyScope, Principal, Role

NewUser = Callable[..., Awaitable[User]]
NewToken = Callable[[User], Awaitable[str]]
NewOrder = Callable[[], Awaitable[UUID]]


def bearer(token: str) -> list[Credential]:
    return [Credential(CredentialKind.BEARER, token)]


@pytest.mark.parametrize(
    ("role", "grant"),
    [
        (Role.ADMIN, Grant.ADMIN),
        (Role.OPERATOR, Grant.OPERATOR),
        (Role.CLIENT, Grant.CLIENT_OWN),
        (Role.SYSTEM, Grant.SYSTEM_PERMANENT),
    ],
)
async def test_a_user_by_login(
    authenticator: Authenticator,
    new_user: NewUser,
    password: str,
    client: Client,
    role: Role,
    grant: Grant,
) -> None:
    user = await new_user(role=role)
    login = await authenticator.log_in("ANA@example.com", password, client)

    assert login.user.last_login_at is not None
    assert await authenticator.principal(bearer(login.access_token.token)) == Principal(
        id=f"user:{user.id}",
        name="Ana",
        role=role,
        grant=grant,
        client_id="cliente-1" if role is Role.CLIENT else None,
        session_id=str(login.session.id),
    )


@pytest.mark.parametrize(
    ("scope", "role", "grant"),
    [
        (KeyScope.LECTURA, Role.OPERATOR, Grant.KEY_READ),
        (KeyScope.ESCRITURA, Role.OPERATOR, Grant.KEY_WRITE),
        (KeyScope.ADMIN, Role.ADMIN, Grant.KEY_ADMIN),
    ],
)
async def test_a_system_by_api_key(
    database: Database,
    authenticator: Authenticator,
    api_keys: ApiKeys,
    scope: KeyScope,
    role: Role,
    grant: Grant,
) -> None:
    async with database.transaction("test") as session:
        created = await api_keys.create(session, name="crm", scope=scope, created_by="local:test")

    principal = await authenticator.principal(
        [Credential(CredentialKind.API_KEY, created.plaintext)]
    )

    name = f"key:{created.key.id}"
    assert principal == Principal(id=name, name="crm", role=role, grant=grant, family=name)


async def test_an_agent_by_system_token(
    database: Database,
    authenticator: Authenticator,
    system_tokens: SystemTokens,
    new_order: NewOrder,
) -> None:
    order_id = await new_order()
    async with database.transaction("test") as session:
        assigned = await system_tokens.mint_for_attempt(
            session, order_id=order_id, intento=1, agent="build", created_by="worker"
        )
        permanent = await system_tokens.mint_permanent(
            session, agent="ops", created_by="local:test"
        )

    assert await authenticator.principal(
        [Credential(CredentialKind.SYSTEM_TOKEN, assigned.plaintext)]
    ) == Principal(
        id=f"token:{assigned.id}",
        name="build",
        role=Role.SYSTEM,
        grant=Grant.SYSTEM_ASSIGNED,
        order_id=str(order_id),
        attempt=1,
        family=f"attempt:{order_id}:1:build",
    )
    assert await authenticator.principal(
        [Credential(CredentialKind.SYSTEM_TOKEN, permanent.plaintext)]
    ) == Principal(
        id=f"token:{permanent.id}", name="ops", role=Role.SYSTEM, grant=Grant.SYSTEM_PERMANENT
    )


async def test_the_row_says_what_a_user_is_now(
    database: Database, authenticator: Authenticator, new_user: NewUser, new_token: NewToken
) -> None:
    user = await new_user(role=Role.ADMIN)
    credentials = bearer(await new_token(user))
    assert (await authenticator.principal(credentials)).role is Role.ADMIN

    async with database.transaction("test") as session:
        await session.execute(text("UPDATE users SET role = 'operator'"))
    assert (await authenticator.principal(credentials)).grant is Grant.OPERATOR

    async with database.transaction("test") as session:
        await session.execute(text("UPDATE users SET must_change_password = true"))
    assert (await authenticator.principal(credentials)).must_change_password

    async with database.transaction("test") as session:
        await session.execute(text("UPDATE users SET active = false"))
    with pytest.raises(AuthenticationRequired):
        await authenticator.principal(credentials)


async def test_one_query_says_who_a_user_is(
    authenticator: Authenticator, new_user: NewUser, new_token: NewToken
) -> None:
    credentials = bearer(await new_token(await new_user()))
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await authenticator.principal(credentials)
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert len(statements) == 1, statements


async def test_no_or_a_foreign_credential(
    authenticator: Authenticator, access_tokens: AccessTokens
) -> None:
    for credentials in ([], bearer(""), bearer(access_tokens.issue(uuid4(), uuid4()).token)):
        with pytest.raises(AuthenticationRequired) as refusal:
            await authenticator.principal(credentials)
        assert type(refusal.value) is AuthenticationRequired


async def test_several_credentials_are_taken_as_none(
    authenticator: Authenticator, new_user: NewUser, new_token: NewToken
) -> None:
    [valid] = bearer(await new_token(await new_user()))
    for other in (valid, *(Credential(kind, "") for kind in CredentialKind)):
        for pair in ([valid, other], [other, valid]):
            with pytest.raises(AmbiguousCredentials):
                await authenticator.principal(pair)


async def test_logins_that_fail_all_fail_alike(
    database: Database,
    authenticator: Authenticator,
    new_user: NewUser,
    password: str,
    client: Client,
) -> None:
    inactive = await new_user(email="off@example.com")
    await new_user()
    async with database.transaction("test") as session:
        inactive.active = False
        session.add(inactive)
    bodies: list[object] = []
    for email, attempt in [
        ("ana@example.com", "equivocada"),
        ("ana@example.com", ""),
        ("nadie@example.com", password),
        ("off@example.com", password),
        ("no es un correo", password),
        ("a\0@example.com", password),
    ]:
        with pytest.raises(InvalidCredentials) as refusal:
            await authenticator.log_in(email, attempt, client)
        bodies.append(refusal.value.body())

    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize("email", ["ana@example.com", "nadie@example.com", "no es un correo"])
async def test_an_unknown_user_costs_the_hash_of_a_wrong_password(
    authenticator: Authenticator,
    new_user: NewUser,
    client: Client,
    email: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await new_user()
    hashed: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, kept: str, given: bytes) -> bool:
        hashed.append(kept.rsplit("$", 2)[0])
        return verify(hasher, kept, given)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    with pytest.raises(InvalidCredentials):
        await authenticator.log_in(email, "equivocada", client)

    # Once, and at the cost of a real one: the rest of a login takes a tenth of that time.
    assert hashed == ["$argon2id$v=19$m=19456,t=2,p=1"]


async def test_a_login_renews_a_hash_of_an_older_cost(
    database: Database,
    authenticator: Authenticator,
    new_user: NewUser,
    password: str,
    client: Client,
) -> None:
    await new_user()
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash(password)
    async with database.transaction("test") as session:
        await session.execute(text("UPDATE users SET password_hash = :old"), {"old": old})

    renewed = (await authenticator.log_in("ana@example.com", password, client)).user.password_hash

    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    again = await authenticator.log_in("ana@example.com", password, client)
    assert again.user.password_hash == renewed


async def test_a_one_time_password_expires(
    database: Database,
    authenticator: Authenticator,
    new_user: NewUser,
    password: str,
    client: Client,
) -> None:
    await new_user()
    statement = """
        UPDATE users SET must_change_password = :must,
            password_changed_at = now() - make_interval(days => :days)
    """
    for must, days, serves in [(True, 6, True), (True, 7, False), (False, 900, True)]:
        async with database.transaction("test") as session:
            await session.execute(text(statement), {"must": must, "days": days})
        with contextlib.nullcontext() if serves else pytest.raises(InvalidCredentials):
            await authenticator.log_in("ana@example.com", password, client)


async def test_a_password_changed_during_a_login_counts(
    database: Database, new_user: NewUser
) -> None:
    user = await new_user()
    async with database.transaction("test") as session:
        await session.execute(text("UPDATE users SET password_hash = 'another'"))
    async with database.transaction("test") as session:
        assert await users.record_login(session, user, new_hash=None) is None
