"""`axon migrate`: bring the database to this program's schema."""

from typing import Annotated

import typer

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    database_url,
    out,
    print_json,
    run,
)
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.logs import configure_logging
from axon_factory.db.embedded import APP_ROLE
from axon_factory.db.migrate import SchemaState, migrate, schema_state
from axon_factory.db.server import RoleMissing, RoleUnfit, grant_app
from axon_factory.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("migrate")(migrate_command)


def migrate_command(
    *,
    app_role: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="An existing role of PostgreSQL, to be given what the other commands need: "
            "they cannot change the audit trail as this role.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run all missing migrations, and say from which revision to which.

    Safe to run at any time and in several places at once; `axon up` does it by itself.

    Example: AXON_DATABASE_URL=postgresql://axon:secret@db:5432/axon axon migrate --app-role app
    """

    async def command() -> tuple[SchemaState, SchemaState]:
        settings = load_settings(data_dir=data_dir)
        configure_logging(settings)
        url = await database_url(settings, owner=True)
        before, after = await schema_state(url), await migrate(url)
        role = app_role or _embedded_role(settings)
        if role is not None:
            await _grant(url, role)
        return before, after

    (before, _), (after, _) = run(command, as_json=as_json)
    if as_json:
        print_json({"desde": before, "hasta": after})
    elif before == after:
        out.print(f"El esquema ya está en la revisión {after}", highlight=False)
    else:
        start = f"la revisión {before}" if before else "una base vacía"
        out.print(f"Esquema migrado: de {start} a la revisión {after}", highlight=False)


def _embedded_role(settings: Settings) -> str | None:
    return APP_ROLE if settings.database_url is None else None


async def _grant(url: str, role: str) -> None:
    try:
        await grant_app(url, role)
    except RoleMissing:
        raise CliError(
            Exit.REFUSED, f"No existe el rol '{role}' en PostgreSQL: créalo con CREATE ROLE … LOGIN"
        ) from None
    except RoleUnfit:
        raise CliError(
            Exit.REFUSED,
            f"El rol '{role}' es superusuario o puede actuar como el dueño de las tablas, y podría "
            "cambiar la auditoría: crea otro",
        ) from None
