"""`axon runtime`: the Python environment that products run in."""

from contextlib import nullcontext

import typer
from rich.text import Text

from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.cli.context import JsonOption, out, print_json, run
from axon_factory.cli.exits import Exit
from axon_factory.cli.render import facts, safe
from axon_factory.settings import Settings, load_settings

_group = typer.Typer(
    no_args_is_help=True, help="The Python environment that all products share, from a lock."
)


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="runtime")


@_group.command("install")
def install(*, as_json: JsonOption = False) -> None:
    """Create the environment that products run in, if it is not there yet.

    Example: AXON_PRODUCT_RUNTIME=/srv/axon/runtime axon runtime install
    """

    async def command() -> dict[str, object]:
        settings = load_settings()
        runtime = ProductRuntime(settings.product_runtime)
        new = not runtime.is_ready()
        status = out.status("Instalando el entorno de los productos")

        def tell(line: str) -> None:
            status.update(Text(f"Instalando: {safe(line)}", overflow="ellipsis", no_wrap=True))

        with status if out.is_terminal and not as_json else nullcontext():
            await runtime.install(tell)
        return _document(settings, runtime) | {"instalado_ahora": new}

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        word = "instalado" if document["instalado_ahora"] else "ya estaba listo"
        out.print(f"Entorno de los productos {word}: {document['python']}", soft_wrap=True)


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
        out.print(facts(rows))
    if not document["listo"]:
        raise typer.Exit(int(Exit.PRODUCT_RUNTIME))


def _document(settings: Settings, runtime: ProductRuntime) -> dict[str, object]:
    return {
        "carpeta": str(settings.product_runtime),
        "python": str(runtime.python),
        "listo": runtime.is_ready(),
    }
