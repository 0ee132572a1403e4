"""`axon users` and `axon keys`: people who may log in, keys of other systems, tokens of agents."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts import users
from axon_factory.accounts.api_keys import ROTATION_GRACE, ROTATION_GRACE_MAX, CreatedKey
from axon_factory.accounts.passwords import generate_password
from axon_factory.accounts.system_tokens import MintedToken
from axon_factory.accounts.users import UserChange, change_user
from axon_factory.api.access_views import key_document, standing, token_document, user_document
from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_container,
    out,
    print_json,
    record,
    run,
    writing,
)
from axon_factory.cli.render import add_row, local_time, table
from axon_factory.db.tables import ApiKey, SystemToken, User
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.permissions import Action, KeyScope, Role, TokenRole
from axon_factory.domain.text import Sentence

_users = typer.Typer(no_args_is_help=True, help="People who may log in.")
_keys = typer.Typer(no_args_is_help=True, help="API keys and system tokens.")

_HOUR = timedelta(hours=1)

KeyId = Annotated[str, typer.Argument(help="The id that `axon keys list` shows.")]


def register(app: typer.Typer) -> None:
    """Add both groups to the program."""
    app.add_typer(_users, name="users")
    app.add_typer(_keys, name="keys")


@_users.command("create")
def create_user(
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
        async with open_container(data_dir) as container:
            if given is not None:
                about = (email, name, client_id or "")
                await container.passwords.check(password, role, about)
            password_hash = await container.passwords.hash(password)
            async with container.database.transaction("create_user") as session:
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


@_users.command("list")
def list_users(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List every user, inactive ones too.

    Example: axon users list --json
    """

    async def command() -> list[User]:
        async with open_container(data_dir) as container, container.database.reading() as session:
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


@_users.command("deactivate")
def deactivate_user(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address of the user.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a user off: their tokens stop working with the next request.

    Example: axon users deactivate ana@empresa.com
    """

    async def command() -> User:
        async with writing(data_dir, "deactivate_user") as (_, session):
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


@_keys.command("create")
def create_key(
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[KeyScope, typer.Option(help="Read, write, or everything.")],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until it expires; without: never.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API key (header X-API-Key); it is shown once.

    Example: axon keys create ventas --scope escritura --expires-days 90
    """

    async def command() -> CreatedKey:
        async with writing(data_dir, "create_key") as (container, session):
            made = await container.api_keys.create(
                session,
                name=name,
                scope=scope,
                created_by=local_principal().id,
                lifetime=timedelta(days=expires_days) if expires_days else None,
            )
            await _record(session, "create_key", f"key:{made.key.id}")
            return made

    made = run(command, as_json=as_json)
    if as_json:
        print_json(key_document(made.key) | {"api_key": made.plaintext})
    else:
        _show_once(f"Clave {made.key.id} creada ({scope})", made.plaintext)


@_keys.command("create-system")
def create_system(
    *,
    agent: Annotated[str, typer.Argument(help="Name of the agent.")],
    role: Annotated[
        TokenRole,
        typer.Option(help="Builds orders, judges them, or hands them over; never two of these."),
    ] = TokenRole.BUILDER,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a permanent system token (header X-System-Token), for PATCH only; shown once.

    Example: axon keys create-system "Builder Agent"
    Example: axon keys create-system "Revisor externo" --role council
    """

    async def command() -> MintedToken:
        async with writing(data_dir, "create_system_token") as (container, session):
            made = await container.system_tokens.mint_permanent(
                session, agent=agent, role=role, created_by=local_principal().id
            )
            await _record(session, "create_system_token", f"token:{made.id}")
            return made

    made = run(command, as_json=as_json)
    if as_json:
        print_json(token_document(made.token) | {"system_token": made.plaintext})
    else:
        _show_once(f"Token de sistema {made.id} creado", made.plaintext)


@_keys.command("list")
def list_keys(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List API keys and permanent system tokens, revoked ones too.

    Example: axon keys list
    """

    async def command() -> tuple[Sequence[ApiKey], Sequence[SystemToken]]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            return (
                await container.api_keys.list_all(session),
                await container.system_tokens.list_permanent(session),
            )

    found, tokens = run(command, as_json=as_json)
    if as_json:
        print_json(
            {
                "api_keys": [key_document(key) for key in found],
                "system_tokens": [token_document(token) for token in tokens],
            }
        )
        return
    rows = table("Id", "Nombre", "Permiso", "Estado", "Creada", "Por", "Vence", "Último uso")
    for key in found:
        until, used = local_time(key.expires_at), local_time(key.last_used_at)
        add_row(rows, *_columns(key, key.name, key.scope), until, used)
    for token in tokens:
        add_row(rows, *_columns(token, token.agent, "sistema"), local_time(token.expires_at), "—")
    out.print(rows)


@_keys.command("rotate")
def rotate_key(
    *,
    key_id: KeyId,
    grace_hours: Annotated[
        int,
        typer.Option(
            min=0, max=ROTATION_GRACE_MAX // _HOUR, help="Hours that the old key serves on."
        ),
    ] = ROTATION_GRACE // _HOUR,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a second key like this one, shown once; the old one ends after the grace period.

    Example: axon keys rotate 3fK9aZ2b --grace-hours 48
    """

    async def command() -> CreatedKey:
        async with writing(data_dir, "rotate_key") as (container, session):
            made = await container.api_keys.rotate(
                session,
                key_id,
                created_by=local_principal().id,
                grace=timedelta(hours=grace_hours),
            )
            await _record(session, "rotate_key", f"key:{made.key.id}")
            return made

    made = run(command, as_json=as_json)
    if as_json:
        print_json(key_document(made.key) | {"api_key": made.plaintext})
    else:
        sentence = f"Clave {made.key.id} creada; {key_id} sirve {grace_hours} horas más"
        _show_once(sentence, made.plaintext)


@_keys.command("revoke")
def revoke_key(
    *, key_id: KeyId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """End an API key with the next request; a second time changes nothing.

    Example: axon keys revoke 3fK9aZ2b
    """

    async def command() -> None:
        async with writing(data_dir, "revoke_key") as (container, session):
            await container.api_keys.revoke(session, key_id)
            await _record(session, "revoke_key", f"key:{key_id}")

    run(command, as_json=as_json)
    _show_revoked("Clave", key_id, as_json=as_json)


@_keys.command("revoke-system")
def revoke_system(
    *, token_id: KeyId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """End a system token with the next request; a second time changes nothing.

    Example: axon keys revoke-system 3fK9aZ2b
    """

    async def command() -> None:
        async with writing(data_dir, "revoke_system_token") as (container, session):
            await container.system_tokens.revoke(session, token_id)
            await _record(session, "revoke_system_token", f"token:{token_id}")

    run(command, as_json=as_json)
    _show_revoked("Token de sistema", token_id, as_json=as_json)


def _show_once(sentence: str, plaintext: str) -> None:
    out.print(f"{sentence}; no se muestra de nuevo:", markup=False, highlight=False)
    out.print(plaintext, markup=False, highlight=False, soft_wrap=True)


async def _record(session: AsyncSession, unit: str, subject: str) -> None:
    await record(session, Action.MANAGE_KEYS, subject=subject, details={"unidad": unit})


def _show_revoked(what: str, key_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": key_id, "estado": "revocada"})
    else:
        out.print(f"{what} {key_id}: revocada", markup=False, highlight=False)


def _columns(item: ApiKey | SystemToken, name: str, scope: str) -> tuple[str, ...]:
    created = local_time(item.created_at)
    return item.id, name, scope, standing(item), created, item.created_by
