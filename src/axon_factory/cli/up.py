"""`axon up`: a whole factory on this machine, with one command."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    out,
    print_json,
    run,
    stop_signal,
)
from axon_factory.cli.demo import run_demo
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.logs import configure_logging
from axon_factory.cli.render import render_event, render_plan
from axon_factory.cli.standalone import Standalone, make_data_folder, standalone
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.orders.answers.events import log_entry
from axon_factory.settings import Settings, load_settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("up")(up)


def up(
    *,
    port: Annotated[int | None, typer.Option(help="Port of the API (AXON_PORT).")] = None,
    data_dir: DataDirOption = None,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Place the example order in an empty factory.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when the demo order is delivered: 0, else not 0.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a whole factory here: PostgreSQL, API, pages, worker and the products it delivers.

    Everything is kept in one data folder. Ctrl-C stops all of it, delivered products included;
    the next `axon up` brings them back.

    Example: axon up --demo --port 8080
    """
    run(lambda: _up(port, data_dir, demo=demo or once, once=once, as_json=as_json), as_json=as_json)


async def _up(
    port: int | None, data_dir: Path | None, *, demo: bool, once: bool, as_json: bool
) -> None:
    settings = load_settings(port=port, data_dir=data_dir)
    voice = _Voice(as_json=as_json)
    stop = stop_signal()
    make_data_folder(settings)
    configure_logging(settings, _log_file(settings))
    async with standalone(settings, voice.tell) as running:
        voice.ready(running)
        story = asyncio.create_task(_story(running, voice, demo=demo, once=once))
        stopped = asyncio.create_task(stop.wait())
        waiting = {story, stopped, running.failure}
        try:
            while True:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if running.failure in done:
                    await running.failure
                if stopped in done:
                    break
                try:
                    await story
                except CliError as error:
                    if once:
                        raise
                    voice.tell(error.message)
                if once:
                    return
                waiting.discard(story)
        finally:
            for task in (story, stopped):
                task.cancel()
            await asyncio.gather(story, stopped, return_exceptions=True)
            voice.tell("Deteniendo la fábrica y sus productos")
        if once:
            raise CliError(Exit.NOT_DELIVERED, "Interrumpido antes de la entrega")


async def _story(running: Standalone, voice: "_Voice", *, demo: bool, once: bool) -> None:
    if demo:
        voice.delivered(await run_demo(running.factory, voice.event), running)
    if not once:
        voice.serving(running)


class _Voice:
    """Says what happens: to people by rich, to scripts as JSON lines."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json

    def tell(self, sentence: str) -> None:
        """Say something that takes time."""
        if self._json:
            print_json({"evento": "mensaje", "mensaje": sentence})
        else:
            out.print(f"· {sentence}", style="dim", highlight=False)

    def ready(self, running: Standalone) -> None:
        """Say that the factory answers, and show the administrator's password this one time."""
        url = running.factory.settings.base_url
        if self._json:
            print_json(
                {
                    "evento": "lista",
                    "url": url,
                    "admin_email": running.admin_email,
                    "admin_password": running.admin_password,
                }
            )
            return
        out.print(f"[bold]Axon Factory[/] en marcha: {url}")
        if running.admin_password:
            out.print(
                f"Administración: {running.admin_email}  contraseña (se muestra una sola vez): "
                f"[bold]{running.admin_password}[/]",
                highlight=False,
            )

    def event(self, order: Order, event: OrderEvent | None) -> None:
        """Show one event, or the plan that is about to be approved."""
        if event is None:
            if self._json:
                print_json(
                    {"evento": "plan", "order_number": order.order_number, "plan": order.plan}
                )
            else:
                out.print(render_plan(order))
        elif self._json:
            print_json(
                {
                    "evento": "orden",
                    "order_number": order.order_number,
                    "estado": order.estado,
                    "progreso": order.progreso,
                    **log_entry(event, local_principal()),
                }
            )
        else:
            out.print(render_event(event), soft_wrap=True)

    def delivered(self, order: Order, running: Standalone) -> None:
        """Show where the delivered product is."""
        result = order.resultado or {}
        if self._json:
            print_json(
                {
                    "evento": "entregada",
                    "order_number": order.order_number,
                    "deploy_url": order.deploy_url,
                    "repo_url": order.repo_url,
                    "resultado": result,
                    "correo": str(running.factory.maildir),
                }
            )
            return
        out.print(f"\n[bold green]✔ {order.order_number} entregada[/]: {order.nombre_producto}")
        rows = (
            ("Producto", order.deploy_url),
            ("Salud", f"{order.deploy_url}/health"),
            ("Administración", result.get("admin_url")),
            ("Guía", result.get("docs_url")),
            ("Webhook de WhatsApp", result.get("webhooks", {}).get("whatsapp")),
            ("Portal del cliente", result.get("portal_url")),
            ("Repositorio", order.repo_url),
            ("Correo de entrega", running.factory.maildir),
            ("Credenciales", f"axon orders reveal {order.order_number}  (una sola vez)"),
        )
        for name, value in rows:
            out.print(f"  {name:<20} {value}", highlight=False, soft_wrap=True)

    def serving(self, running: Standalone) -> None:
        """Say that it goes on."""
        if self._json:
            print_json({"evento": "sirviendo", "url": running.factory.settings.base_url})
        else:
            out.print("\nLa fábrica sigue en marcha. Ctrl-C la detiene.", style="dim")


def _log_file(settings: Settings) -> Path:
    """Return where the log goes: the screen is for the story."""
    folder = settings.data_dir / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "axon.log"
