"""`axon users`: people who may log in."""

import sys
from typing import Annotated, Any

import typer

from axon_factory.accounts import users
from axon_factory.accounts.passwords import generate_password
from axon_factory.cli.context import DataDirOption, JsonOption, open_factory, out, print_json, run
from axon_factory.cli.render import add_row, local_time, table
from axon_factory.db.tables import User
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.permissions import Role
from axon_factory.orders.views import timestamp

__all__ = ["register"]

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
                {"role": "Los agentes no inician sesión: usa `axon keys create-system`"}
            )
        password = generate_password() if given is None else given
        async with open_factory(data_dir) as factory:
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
        return user, password if given is None else None

    user, password = run(command, as_json=as_json)
    if as_json:
        print_json(_document(user) | ({"password": password} if password else {}))
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
        print_json([_document(user) for user in found])
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
                raise NotFound(f"No existe el usuario {email}")
            await users.set_active(session, user.id, active=False)
        return user

    user = run(command, as_json=as_json)
    if as_json:
        print_json(_document(user))
    else:
        out.print(f"Usuario {user.email} desactivado", markup=False, highlight=False)


def _document(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "nombre": user.nombre,
        "rol": user.role,
        "cliente_id": user.cliente_id,
        "activo": user.active,
        "debe_cambiar_password": user.must_change_password,
        "created_at": timestamp(user.created_at),
        "last_login_at": timestamp(user.last_login_at),
    }
