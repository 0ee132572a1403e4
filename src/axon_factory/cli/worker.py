"""`axon worker`: the factory line."""

from typing import Annotated

import typer

from axon_factory.bootstrap import Container
from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    open_container,
    out,
    print_json,
    run,
    stop_signal,
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("worker")(worker)


def worker(
    *,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Steps at once (AXON_WORKER_CONCURRENCY)."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move orders along the line: plan, build, review, deploy, deliver.

    Any number, on any machine, may share one database. Ctrl-C or SIGTERM gives running steps a
    few seconds; what is interrupted is done again by another worker.

    Example: axon worker --concurrency 4
    """

    async def command() -> None:
        async with open_container(data_dir, worker_concurrency=concurrency) as container:
            _check_runtime(container)
            stop = stop_signal()
            await container.deployer.start_all()  # after a restart of the machine
            line = container.worker()
            _announce(container, as_json=as_json)
            await line.run(stop)

    run(command, as_json=as_json)


def _check_runtime(container: Container) -> None:
    if not container.runtime.is_ready():
        raise CliError(
            Exit.PRODUCT_RUNTIME,
            f"Falta el entorno de los productos en {container.settings.product_runtime}: ejecuta "
            "`axon runtime install`",
        )


def _announce(container: Container, *, as_json: bool) -> None:
    concurrency = container.settings.worker_concurrency
    if as_json:
        print_json({"evento": "lista", "concurrencia": concurrency})
    else:
        out.print(f"Trabajador en marcha: {concurrency} pasos a la vez", highlight=False)
