"""`axon serve`: the API and the pages."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
import uvloop

from axon_factory.api.http_protocol import ServerLimits, uvicorn_config
from axon_factory.bootstrap import Factory
from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    open_factory,
    out,
    print_json,
    run,
    stop_signal,
)
from axon_factory.cli.exits import CliError, Exit
from axon_factory.settings import load_settings

__all__ = ["bind", "register", "serve_until"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("serve")(serve)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen at (AXON_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen at (AXON_PORT).")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the API and the pages, on AXON_DATABASE_URL or on the database of a running `axon up`.

    Any number of these may share one database. Ctrl-C or SIGTERM lets running requests end.

    Example: axon serve --host 0.0.0.0 --port 8000
    """

    async def command() -> None:
        settings = load_settings(data_dir=data_dir, host=host, port=port)
        # Before the database is asked: a busy port is known at once.
        with bind(settings.host, settings.port) as listener:
            async with open_factory(data_dir, host=host, port=port) as factory:
                stop = stop_signal()
                where = f"http://{settings.host}:{settings.port}"
                serving = serve_until(factory, listener, stop)
                if as_json:
                    print_json({"evento": "lista", "url": settings.base_url, "escucha": where})
                else:
                    out.print(f"API y páginas en {settings.base_url}", soft_wrap=True)
                await serving

    run(command, as_json=as_json, loop_factory=uvloop.new_event_loop)


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
    """Uvicorn, but the process's signals stay ours."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture nothing."""
        yield


async def serve_until(factory: Factory, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests at `listener` until `stop` is set; running requests get ten seconds."""
    settings = factory.settings
    limits = ServerLimits(settings.request_timeout_seconds, settings.keep_alive_seconds)
    server = _Server(uvicorn_config(factory.application(), limits))

    async def end() -> None:
        await stop.wait()
        await factory.signals.close()  # live streams would hold the server open
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve([listener])
    finally:
        ending.cancel()
