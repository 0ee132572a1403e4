"""The first administrator of a factory that nobody serves yet: the one act without a server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axon_factory.accounts import users
from axon_factory.accounts.passwords import generate_password
from axon_factory.api.access_views import user_document
from axon_factory.bootstrap import Container
from axon_factory.cli.context import open_container, record, run
from axon_factory.cli.terminal import CliError
from axon_factory.db.tables import User
from axon_factory.domain.permissions import Action, Role


def create_first_administrator(
    data_dir: Path | None, wanted: Mapping[str, Any], away: CliError
) -> dict[str, Any]:
    """Create the user of `wanted`, as POST /api/users takes it, and return their document.

    Raises:
        CliError: there is no database, the user does not fit, or there are users already (`away`).
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container:
            async with container.database.reading() as session:
                if await users.list_all(session):
                    raise away
            user, one_time = await add_administrator(
                container, wanted["email"], wanted["nombre"], wanted.get("password")
            )
            return user_document(user) | ({"password": one_time} if one_time else {})

    return run(command)


async def add_administrator(
    container: Container, email: str, name: str, given: str | None = None
) -> tuple[User, str | None]:
    """Create an administrator, on record; without a password they get one for one use.

    Raises:
        ValidationFailed: `given` is too weak, or `email` is no address.
    """
    if given is not None:
        await container.passwords.check(given, Role.ADMIN, (email, name))
    password = generate_password() if given is None else given
    password_hash = await container.passwords.hash(password)
    async with container.database.transaction("first_administrator") as session:
        user = await users.create(
            session,
            email=email,
            name=name,
            role=Role.ADMIN,
            password_hash=password_hash,
            must_change_password=given is None,
        )
        await record(session, Action.MANAGE_USERS, subject=f"user:{user.id}")
    return user, password if given is None else None
