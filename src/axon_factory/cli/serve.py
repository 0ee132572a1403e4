"""`axon serve`: the API and the pages, answered by one process or by several at one port."""

import asyncio
import gc
import resource
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer
import uvicorn
import uvloop
from pydantic import BaseModel, ConfigDict

from axon_factory.bootstrap import Container
from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    configure_logging,
    open_container,
    out,
    print_json,
    run,
    stop_signal,
)
from axon_factory.cli.local_access import local_access
from axon_factory.cli.processes import Fork, Processes
from axon_factory.settings import Settings, load_settings

ProcessesOption = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Processes that answer at the port (AXON_PROCESSES)."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("serve")(serve)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen at (AXON_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen at (AXON_PORT).")
    ] = None,
    processes: ProcessesOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the API and the pages, on AXON_DATABASE_URL or on the database of a running `axon up`.

    Any number of these may share one database. Ctrl-C or SIGTERM lets running requests end.

    Example: axon serve --host 0.0.0.0 --port 8000 --processes 4
    """

    async def prepare() -> tuple[Settings, socket.socket]:
        settings = load_settings(data_dir=data_dir, host=host, port=port, processes=processes)
        # Before the database is asked: a busy port is known at once.
        return settings, bind(settings.host, settings.port)

    settings, listener = run(prepare, as_json=as_json)

    def ready() -> None:
        where = f"http://{settings.host}:{settings.port}"
        if as_json:
            print_json({"evento": "lista", "url": settings.base_url, "escucha": where})
        else:
            out.print(f"API y páginas en {settings.base_url}", soft_wrap=True)

    def answer(fork: Fork | None = None) -> None:
        async def command() -> None:
            async with open_container(data_dir, host=host, port=port) as container:
                if fork is not None:
                    await answer_until_stopped(container, fork.listener, fork)
                    return
                with local_access(settings.data_dir, listener):  # before scripts are told
                    ready()
                    await answer_until_stopped(container, listener, None)

        run(command, as_json=as_json, loop_factory=uvloop.new_event_loop)

    with listener:
        if settings.processes == 1:
            answer()
        else:
            configure_logging(settings)
            load_application()
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with local_access(settings.data_dir, listener):
                ended = Processes(settings.processes, listener, answer).run(ready)
            raise typer.Exit(ended)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a busy port is known before anything starts.

    Raises:
        CliError: the port is taken, or not this user's to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: without
    # it every answer waits 40 ms for the reader's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CliError(
            Exit.PORT_BUSY,
            f"No se puede usar el puerto {port} de {host} ({error.strerror}): elige otro "
            "con --port",
        ) from None
    listener.listen(128)
    return listener


class _Server(uvicorn.Server):
    """Uvicorn, but the process's signals stay ours. It says when it answers."""

    def __init__(self, config: uvicorn.Config, answers: Callable[[], None]) -> None:
        super().__init__(config)
        self._answers = answers

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start answering."""
        await super().startup(sockets)
        self._answers()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture nothing."""
        yield


def load_application() -> ModuleType:
    """Load the API and the pages; what is loaded lives as long as the process.

    FastAPI comes first, without what validates OpenAPI documents until one is made. Its forty
    models of a document have no setting for that, so their base class has it meanwhile.
    """
    gc.disable()
    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import_module("fastapi")
        BaseModel.model_config = usual
        return import_module("axon_factory.bootstrap.application")
    finally:
        BaseModel.model_config = usual
        gc.freeze()
        gc.enable()


def _allow_many_connections() -> None:
    """Let this process open as many files as the system allows: many shells begin with 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def answer_until_stopped(
    container: Container, listener: socket.socket, fork: Fork | None
) -> None:
    """Answer requests at `listener` until SIGTERM or SIGINT, or the end of the fork's parent."""
    stop = stop_signal()
    if fork is None:
        await serve_until(container, listener, stop)
        return
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(fork.parent)
        stop.set()

    loop.add_reader(fork.parent, end)
    await serve_until(container, listener, stop, answers=fork.answers)


async def serve_until(
    container: Container,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    answers: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests at `listener` until `stop` is set; running requests get ten seconds.

    `answers` is called when requests are answered from now on.
    """
    _allow_many_connections()
    application = load_application().application_of(container)
    from axon_factory.api.http_protocol import ServerLimits, uvicorn_config  # noqa: PLC0415 — it loads FastAPI

    settings = container.settings
    limits = ServerLimits(settings.request_timeout_seconds, settings.keep_alive_seconds)
    server = _Server(uvicorn_config(application, limits), answers)

    async def end() -> None:
        await stop.wait()
        await container.end_streams()  # live streams would hold the server open
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve([listener])
    finally:
        ending.cancel()
