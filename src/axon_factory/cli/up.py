"""`axon up`: a whole factory on this machine, with one command, and the demonstration.

The demonstration is the design's example order (§3.1), from nuevo to entregado, live.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlmodel import col

from axon_factory.bootstrap import Container
from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    configure_logging,
    local_principal,
    out,
    print_json,
    record,
    run,
    stop_signal,
)
from axon_factory.cli.follow_rows import follow
from axon_factory.cli.render import event_line, render_plan
from axon_factory.cli.serve import ProcessesOption
from axon_factory.cli.standalone import Standalone, make_data_folder, standalone
from axon_factory.cli.terminal import say
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.errors import TransitionRefused
from axon_factory.domain.permissions import Action, Grant, Principal, Role
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.orders.answers.events import log_entry
from axon_factory.orders.change import Change
from axon_factory.orders.create import create_order
from axon_factory.orders.notifications.outbox import count_unsent
from axon_factory.orders.plans.decisions import PlanReference, approve_plan
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.requests import NewOrder, validated
from axon_factory.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("up")(up)


def up(
    *,
    port: Annotated[int | None, typer.Option(help="Port of the API (AXON_PORT).")] = None,
    processes: ProcessesOption = None,
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

    async def command() -> None:
        settings = load_settings(port=port, data_dir=data_dir, processes=processes)
        await _up(settings, demo=demo or once, once=once, as_json=as_json)

    run(command, as_json=as_json)


async def _up(settings: Settings, *, demo: bool, once: bool, as_json: bool) -> None:
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
        voice.delivered(await run_demo(running.container, voice.event), running)
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
        url = running.container.settings.base_url
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
                say(*render_plan(_plan_of(order)))
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
            say(event_line(log_entry(event, local_principal())))

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
                    "correo": str(running.container.maildir),
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
            ("Correo de entrega", running.container.maildir),
            ("Credenciales", f"axon orders reveal {order.order_number}  (una sola vez)"),
        )
        for name, value in rows:
            out.print(f"  {name:<20} {value}", highlight=False, soft_wrap=True)

    def serving(self, running: Standalone) -> None:
        """Say that it goes on."""
        if self._json:
            print_json({"evento": "sirviendo", "url": running.container.settings.base_url})
        else:
            out.print("\nLa fábrica sigue en marcha. Ctrl-C la detiene.", style="dim")


def _plan_of(order: Order) -> dict[str, object]:
    """Return what is shown of an order's plan, under the API's names."""
    names = ("plan", "plan_version", "plan_estado", "plan_hash", "precio", "moneda")
    return {name: getattr(order, name) for name in names}


def _log_file(settings: Settings) -> Path:
    """Return where the log goes: the screen is for the story."""
    folder = settings.data_dir / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "axon.log"


_DEMO = Principal("local:demo", "Demostración", Role.ADMIN, Grant.ADMIN)
_MAIL_SECONDS = 10.0
_EXAMPLE = Path(__file__).with_name("example_order.json")


async def run_demo(container: Container, show: Callable[[Order, OrderEvent | None], None]) -> Order:
    """Place the example order in an empty factory, or find the one placed before; follow it.

    `show` gets every event, and the order alone (None) when its plan is about to be approved. The
    approval is recorded as the demonstration's. Returns the delivered order.

    Raises:
        CliError: the factory has other orders, or the order ended elsewhere than in `entregado`.
    """
    order = await _place(container)
    decided = 0
    async for current, event in follow(container, order.order_number, _DEMO):
        show(current, event)
        order = current
        waits = current.plan_estado == PlanStatus.PENDIENTE_APROBACION
        if waits and current.plan_version > decided:
            decided = current.plan_version
            await _approve(container, current, show)
        if current.espera is not None:
            raise CliError(
                Exit.NOT_DELIVERED,
                f"La revisión rechazó {current.order_number} {current.retrabajos + 1} veces: "
                "decide una persona (axon orders show)",
            )
    if order.estado != OrderState.ENTREGADO:
        cause = (order.fallo or {}).get("mensaje", "la orden fue cancelada")
        raise CliError(
            Exit.NOT_DELIVERED,
            f"La orden {order.order_number} quedó en '{order.estado}': {cause}",
        )
    await _let_mail_leave(container, order)
    return order


async def _let_mail_leave(container: Container, order: Order) -> None:
    """Wait a moment for the delivery mail; one that is late leaves at the next start."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MAIL_SECONDS):
            while True:
                async with container.database.reading() as session:
                    if not await count_unsent(session, order.id):
                        return
                await asyncio.sleep(0.1)


async def _place(container: Container) -> Order:
    request = validated(NewOrder, json.loads(_EXAMPLE.read_text(encoding="utf-8")))
    async with container.database.transaction("create") as session:
        placed = await session.scalar(
            select(Order).where(col(Order.created_by) == _DEMO.id).limit(1)
        )
        if placed is not None:
            return placed
        if await session.scalar(select(col(Order.id)).limit(1)) is not None:
            raise CliError(
                Exit.NOT_DELIVERED,
                "La fábrica ya tiene órdenes: la demostración solo se coloca en una vacía",
            )
        order = await create_order(session, request, _DEMO, container.policy, datetime.now(UTC))
        await record(session, Action.CREATE_ORDER, order_id=order.id, principal=_DEMO)
        return order


async def _approve(
    container: Container, order: Order, show: Callable[[Order, OrderEvent | None], None]
) -> None:
    if order.plan_hash is None or order.estado != OrderState.PLANIFICACION:
        return
    show(order, None)
    # It places and approves, because no person is there to do it.
    policy = replace(container.policy, approval=ApprovalRules())
    try:
        async with container.database.transaction("approve") as session:
            await approve_plan(
                Change(
                    session,
                    await lock_order_by_id(session, order.id),
                    _DEMO.actor,
                    policy,
                    datetime.now(UTC),
                ),
                plan=PlanReference(order.plan_version, order.plan_hash),
                note="Aprobado por la demostración, después de mostrar el plan",
            )
            await record(session, Action.DECIDE_PLAN, order_id=order.id, principal=_DEMO)
    except TransitionRefused:
        return  # somebody at the keyboard was faster
