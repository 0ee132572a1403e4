"""`axon users`: people who may log in."""

import sys
from typing import Annotated

import typer

from axon_factory.accounts import users
from axon_factory.accounts.passwords import generate_password
from axon_factory.accounts.users import UserChange, change_user
from axon_factory.api.access_views import user_document
from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.recording import record
from axon_factory.cli.render import add_row, local_time, table
from axon_factory.db.tables import User
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.permissions import Action, Role
from axon_factory.domain.text import Sentence

_group = typer.Typer(no_args_is_help=True, help="People who may log in.")


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="users")


@_group.command("create")
def create(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address to log in with.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    name: Annotated[str, typer.Option(help="Name to show.")],
    client_id: Annotated[
        str | None, typer.Option(help="For role client: the cliente_id of their orders.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a user; without --password-stdin a one-time password is shown, once.

    Example: axon users create ana@empresa.com --role operator --name "Ana Ruiz"
    """
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def command() -> tuple[User, str | None]:
        if role is Role.SYSTEM:
            raise ValidationFailed(
                {
                    "role": Sentence(
                        "Los agentes no inician sesión: usa `axon keys create-system`",
                        "Agents do not log in: use `axon keys create-system`",
                    )
                }
            )
        password = generate_password() if given is None else given
        async with open_factory(data_dir) as factory:
            if given is not None:
                about = (email, name, client_id or "")
                await factory.passwords.check(password, role, about)
            password_hash = await factory.passwords.hash(password)
            async with factory.database.transaction("create_user") as session:
                user = await users.create(
                    session,
                    email=email,
                    name=name,
                    role=role,
                    password_hash=password_hash,
                    client_id=client_id,
                    must_change_password=given is None,
                )
                await record(
                    session,
                    Action.MANAGE_USERS,
                    subject=f"user:{user.id}",
                    details={"unidad": "create_user", "rol": role.value},
                )
        return user, password if given is None else None

    user, password = run(command, as_json=as_json)
    if as_json:
        print_json(user_document(user) | ({"password": password} if password else {}))
        return
    out.print(f"Usuario {user.email} creado con el rol {user.role}", markup=False, highlight=False)
    if password:
        out.print(f"Contraseña de un solo uso (no se muestra de nuevo): {password}", markup=False)


@_group.command("list")
def list_users(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List every user, inactive ones too.

    Example: axon users list --json
    """

    async def command() -> list[User]:
        async with open_factory(data_dir) as factory, factory.database.reading() as session:
            return await users.list_all(session)

    found = run(command, as_json=as_json)
    if as_json:
        print_json([user_document(user) for user in found])
        return
    rows = table("Correo", "Nombre", "Rol", "Cliente", "Activo", "Último acceso")
    for user in found:
        active = "sí" if user.active else "no"
        client, last = user.cliente_id or "—", local_time(user.last_login_at)
        add_row(rows, user.email, user.nombre, user.role, client, active, last)
    out.print(rows)


@_group.command("deactivate")
def deactivate(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address of the user.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a user off: their tokens stop working with the next request.

    Example: axon users deactivate ana@empresa.com
    """

    async def command() -> User:
        async with (
            open_factory(data_dir) as factory,
            factory.database.transaction("deactivate_user") as session,
        ):
            user = await users.find_by_email(session, email)
            if user is None:
                raise NotFound(
                    f"No existe el usuario {email}", message_en=f"There is no user {email}"
                )
            change = UserChange(active=False)
            changed = await change_user(session, user.id, change, local_principal())
            await record(
                session,
                Action.MANAGE_USERS,
                subject=f"user:{user.id}",
                details={"unidad": "deactivate_user"},
            )
            return changed

    user = run(command, as_json=as_json)
    if as_json:
        print_json(user_document(user))
    else:
        out.print(f"Usuario {user.email} desactivado", markup=False, highlight=False)
