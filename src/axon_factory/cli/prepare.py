"""`axon migrate` and `axon runtime`: the database's schema, and the Python that products run in."""

from typing import Annotated

import typer

from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.cli.context import configure_logging, database_url, run
from axon_factory.cli.tables import facts, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    print_json,
    say,
    tell,
)
from axon_factory.db.embedded import APP_ROLE
from axon_factory.db.migrate import SchemaState, migrate, schema_state
from axon_factory.db.server import RoleMissing, RoleUnfit, grant_app
from axon_factory.settings import Settings, load_settings

_group = typer.Typer(
    no_args_is_help=True, help="The Python environment that all products share, from a lock."
)


def register(app: typer.Typer) -> None:
    """Add both to the program."""
    app.command("migrate")(migrate_command)
    app.add_typer(_group, name="runtime")


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
        say(f"El esquema ya está en la revisión {after}")
    else:
        start = f"la revisión {before}" if before else "una base vacía"
        say(f"Esquema migrado: de {start} a la revisión {after}")


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


@_group.command("install")
def install(*, as_json: JsonOption = False) -> None:
    """Create the environment that products run in, if it is not there yet.

    Example: AXON_PRODUCT_RUNTIME=/srv/axon/runtime axon runtime install
    """

    async def command() -> dict[str, object]:
        settings = load_settings()
        runtime = ProductRuntime(settings.product_runtime)
        new = not runtime.is_ready()
        await runtime.install(lambda line: None if as_json else tell(f"Instalando: {safe(line)}"))
        tell("")
        return _document(settings, runtime) | {"instalado_ahora": new}

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        word = "instalado" if document["instalado_ahora"] else "ya estaba listo"
        say(f"Entorno de los productos {word}: {document['python']}")


@_group.command("show")
def show(*, as_json: JsonOption = False) -> None:
    """Say where the environment is and whether it is ready; the exit code is 11 if it is not.

    Example: axon runtime show --json
    """

    async def command() -> dict[str, object]:
        settings = load_settings()
        return _document(settings, ProductRuntime(settings.product_runtime))

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        ready = "sí" if document["listo"] else "no: ejecuta `axon runtime install`"
        rows = {"Carpeta": document["carpeta"], "Python": document["python"], "Listo": ready}
        say(*facts(rows))
    if not document["listo"]:
        raise typer.Exit(int(Exit.PRODUCT_RUNTIME))


def _document(settings: Settings, runtime: ProductRuntime) -> dict[str, object]:
    return {
        "carpeta": str(settings.product_runtime),
        "python": str(runtime.python),
        "listo": runtime.is_ready(),
    }
