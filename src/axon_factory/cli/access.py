"""`axon users` and `axon keys`: people who may log in, keys of other systems, tokens of agents."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from axon_factory.cli.client import Factory
from axon_factory.cli.tables import NOTHING, Table, local_time
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    print_json,
    said,
    say,
)
from axon_factory.domain.permissions import KeyScope, TokenRole

_users = typer.Typer(no_args_is_help=True, help="People who may log in.")
_keys = typer.Typer(no_args_is_help=True, help="API keys and system tokens.")

_GRACE_HOURS, _MOST_GRACE_HOURS = 24, 168
_PAGE = 200


class _Role(StrEnum):
    """The roles of people; agents do not log in: `axon keys create-system`."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT = "client"


class _Language(StrEnum):
    """The languages of mails."""

    ES = "es"
    EN = "en"


_EmailOption = Annotated[str, typer.Argument(help="E-mail address of the user.")]
_LanguageOption = Annotated[_Language, typer.Option(help="Language of the invitation's mail.")]
KeyId = Annotated[str, typer.Argument(help="The id that `axon keys list` shows.")]


def register(app: typer.Typer) -> None:
    """Add both groups to the program."""
    app.add_typer(_users, name="users")
    app.add_typer(_keys, name="keys")


@_users.command("create")
def create_user(  # noqa: PLR0913 — each option is a parameter
    *,
    email: Annotated[str, typer.Argument(help="E-mail address to log in with.")],
    role: Annotated[_Role, typer.Option(help="What they may do.")],
    name: Annotated[str, typer.Option(help="Name to show.")],
    client_id: Annotated[
        str | None, typer.Option(help="For role client: the cliente_id of their orders.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    invite: Annotated[
        bool, typer.Option("--invite", help="Mail a link to choose a password; none is shown.")
    ] = False,
    language: _LanguageOption = _Language.ES,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a user; without --password-stdin a one-time password is shown, once.

    Example: axon users create ana@empresa.com --role operator --name "Ana Ruiz"
    Example: axon users create ana@empresa.com --role operator --name "Ana Ruiz" --invite
    """
    wanted: dict[str, Any] = {"email": email, "nombre": name, "rol": role.value}
    if client_id is not None:
        wanted["cliente_id"] = client_id
    if password_stdin:
        wanted["password"] = sys.stdin.readline().rstrip("\r\n")
    if invite:
        wanted |= {"invitar": True, "idioma": language.value}
    user = _created_user(data_dir, wanted)
    if as_json:
        print_json(user)
        return
    mail, given = user["email"], user["rol"]
    say(
        said(
            f"Usuario {mail} creado con el rol {given}",
            f"User {mail} created with the role {given}",
        )
    )
    if one_time := user.get("password"):
        told = said(
            "Contraseña de un solo uso (no se muestra de nuevo)",
            "One-time password (it is not shown again)",
        )
        say(f"{told}: {one_time}")
    if until := user.get("invitacion_vence_at"):
        _say_invited(mail, until)


def _created_user(data_dir: Path | None, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Create a user at the factory, or the first administrator where none runs yet."""
    try:
        factory = Factory(data_dir)
    except CliError as error:
        # Without a factory nothing sends a mail.
        alone = wanted["rol"] == _Role.ADMIN and "invitar" not in wanted
        if error.code is not Exit.NOT_RUNNING or not alone:
            raise
        from axon_factory.cli.first_administrator import (  # noqa: PLC0415 — it opens the database
            create_first_administrator,
        )

        return create_first_administrator(data_dir, wanted, error)
    user = factory.post("users", body=wanted)
    one_time = user.pop("password_de_un_solo_uso", None)
    return user | ({"password": one_time} if one_time else {})


@_users.command("list")
def list_users(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List every user, inactive ones too.

    Example: axon users list --json
    """
    found = _all_users(Factory(data_dir))
    if as_json:
        print_json(found)
        return
    rows = Table(
        *("Correo", "Nombre", "Rol", "Cliente", "Activo", "Último acceso"),
        drop=("Último acceso", "Cliente", "Nombre"),
    )
    for user in found:
        active = "sí" if user["activo"] else "no"
        client, last = user["cliente_id"] or NOTHING, local_time(user["last_login_at"])
        rows.add(user["email"], user["nombre"], user["rol"], client, active, last)
    say(*rows.lines())


def _all_users(factory: Factory) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = factory.get("users", query={"limit": _PAGE, "offset": len(found) or None})
        found += page["users"]
        if not page["users"] or len(found) >= page["total"]:
            return found


@_users.command("invite")
def invite_user(
    *,
    email: _EmailOption,
    language: _LanguageOption = _Language.ES,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mail a user the link to choose their password anew; the link before stops working.

    Example: axon users invite ana@empresa.com --language en
    """
    factory = Factory(data_dir)
    user = _user_named(factory, email)
    sent = factory.post("users", user["id"], "invite", body={"idioma": language.value})
    if as_json:
        print_json(sent)
    else:
        _say_invited(sent["user"]["email"], sent["vence_at"])


def _say_invited(email: str, until: str) -> None:
    moment = local_time(until)
    say(
        said(
            f"Invitación enviada a {email}; el enlace sirve hasta {moment}",
            f"Invitation sent to {email}; the link works until {moment}",
        )
    )


@_users.command("deactivate")
def deactivate_user(
    *,
    email: _EmailOption,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a user off: their tokens stop working with the next request.

    Example: axon users deactivate ana@empresa.com
    """
    factory = Factory(data_dir)
    found = _user_named(factory, email)
    user = factory.ask("PATCH", "users", found["id"], body={"activo": False})
    if as_json:
        print_json(user)
    else:
        say(said(f"Usuario {user['email']} desactivado", f"User {user['email']} deactivated"))


def _user_named(factory: Factory, email: str) -> dict[str, Any]:
    """Return the user with this address.

    Raises:
        CliError: there is none.
    """
    for user in _all_users(factory):
        if user["email"].lower() == email.strip().lower():
            return user
    raise CliError(Exit.REFUSED, said(f"No existe el usuario {email}", f"There is no user {email}"))


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
    body: dict[str, Any] = {"nombre": name, "permiso": scope.value}
    if expires_days is not None:
        body["vence_en_dias"] = expires_days
    key = Factory(data_dir).post("keys", body=body)
    told = said(f"Clave {key['id']} creada ({scope})", f"Key {key['id']} created ({scope})")
    _show_once(key, told, key["api_key"], as_json=as_json)


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
    token = Factory(data_dir).post("system-tokens", body={"agente": agent, "rol": role.value})
    number = token["id"]
    told = said(f"Token de sistema {number} creado", f"System token {number} created")
    _show_once(token, told, token["system_token"], as_json=as_json)


@_keys.command("list")
def list_keys(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List API keys and permanent system tokens, revoked ones too.

    Example: axon keys list
    """
    factory = Factory(data_dir)
    found = factory.get("keys")["api_keys"]
    tokens = factory.get("system-tokens")["system_tokens"]
    if as_json:
        print_json({"api_keys": found, "system_tokens": tokens})
        return
    rows = Table(
        *("Id", "Nombre", "Permiso", "Estado", "Creada", "Por", "Vence", "Último uso"),
        drop=("Por", "Creada", "Último uso", "Vence"),
    )
    for key in found:
        until, used = local_time(key["expires_at"]), local_time(key["last_used_at"])
        rows.add(*_columns(key, key["nombre"], key["permiso"]), until, used)
    for token in tokens:
        rows.add(*_columns(token, token["agente"], "sistema"), NOTHING, NOTHING)
    say(*rows.lines())


@_keys.command("rotate")
def rotate_key(
    *,
    key_id: KeyId,
    grace_hours: Annotated[
        int,
        typer.Option(min=0, max=_MOST_GRACE_HOURS, help="Hours that the old key serves on."),
    ] = _GRACE_HOURS,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a second key like this one, shown once; the old one ends after the grace period.

    Example: axon keys rotate 3fK9aZ2b --grace-hours 48
    """
    key = Factory(data_dir).post("keys", key_id, "rotate", body={"gracia_horas": grace_hours})
    told = said(
        f"Clave {key['id']} creada; {key_id} sirve {grace_hours} horas más",
        f"Key {key['id']} created; {key_id} serves {grace_hours} hours more",
    )
    _show_once(key, told, key["api_key"], as_json=as_json)


@_keys.command("revoke")
def revoke_key(
    *, key_id: KeyId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """End an API key with the next request; a second time changes nothing.

    Example: axon keys revoke 3fK9aZ2b
    """
    _show_revoked(Factory(data_dir).ask("DELETE", "keys", key_id), as_json=as_json)


@_keys.command("revoke-system")
def revoke_system(
    *, token_id: KeyId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """End a system token with the next request; a second time changes nothing.

    Example: axon keys revoke-system 3fK9aZ2b
    """
    _show_revoked(Factory(data_dir).ask("DELETE", "system-tokens", token_id), as_json=as_json)


def _show_once(
    document: Mapping[str, Any], sentence: str, plaintext: str, *, as_json: bool
) -> None:
    if as_json:
        print_json(document)
    else:
        say(f"{sentence}; {said('no se muestra de nuevo', 'it is not shown again')}:", plaintext)


def _show_revoked(document: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        say(f"{document['id']}: {document['estado']}")


def _columns(item: Mapping[str, Any], name: str, scope: str) -> tuple[str, ...]:
    created = local_time(item["created_at"])
    return item["id"], name, scope, item["estado"], created, item["created_by"]
