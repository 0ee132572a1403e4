"""`axon migrate`: bring the database to this program's schema."""

import typer

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    database_url,
    out,
    print_json,
    run,
)
from axon_factory.cli.logs import configure_logging
from axon_factory.db.migrate import SchemaState, migrate, schema_state
from axon_factory.settings import load_settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("migrate")(migrate_command)


def migrate_command(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Run all missing migrations, and say from which revision to which.

    Safe to run at any time and in several places at once; `axon up` does it by itself.

    Example: AXON_DATABASE_URL=postgresql://axon:secret@db:5432/axon axon migrate
    """

    async def command() -> tuple[SchemaState, SchemaState]:
        settings = load_settings(data_dir=data_dir)
        configure_logging(settings)
        url = await database_url(settings)
        return await schema_state(url), await migrate(url)

    (before, _), (after, _) = run(command, as_json=as_json)
    if as_json:
        print_json({"desde": before, "hasta": after})
    elif before == after:
        out.print(f"El esquema ya está en la revisión {after}", highlight=False)
    else:
        start = f"la revisión {before}" if before else "una base vacía"
        out.print(f"Esquema migrado: de {start} a la revisión {after}", highlight=False)
