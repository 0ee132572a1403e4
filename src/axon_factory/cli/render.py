"""How orders, plans and events look on a terminal, and following an order's events.

Texts of clients and agents are shown without control characters: they must not drive a terminal.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from axon_factory.bootstrap import Container
from axon_factory.cli.context import local_principal
from axon_factory.db.sessions import is_unavailable
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.events import LogLevel
from axon_factory.domain.permissions import Principal
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import FlagKind
from axon_factory.domain.states import TERMINAL_STATES, OrderState, PlanStatus, WaitsFor
from axon_factory.orders.answers.events import log_entry
from axon_factory.orders.answers.progress import progress_detail
from axon_factory.orders.evidence import Receipts
from axon_factory.orders.promise import promise_of
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order

# A symbol beside each colour: neither colour-blind people nor a log file lose anything.
_LEVELS = {
    LogLevel.INFO: ("·", "cyan"),
    LogLevel.SUCCESS: ("✓", "green"),
    LogLevel.WARNING: ("!", "yellow"),
    LogLevel.ERROR: ("✗", "red"),
}
_STATES = {
    OrderState.NUEVO: ("○", "white"),
    OrderState.PLANIFICACION: ("◔", "cyan"),
    OrderState.CONSTRUCCION: ("◑", "blue"),
    OrderState.QA: ("◕", "magenta"),
    OrderState.LISTO: ("●", "green"),
    OrderState.ENTREGADO: ("✓", "bold green"),
    OrderState.FALLIDO: ("✗", "bold red"),
    OrderState.CANCELADO: ("⊘", "yellow"),
}
_WHOLE = frozenset({"Número", "Estado", "Id"})
_NOBODY = "—"
_SHORT_COMMIT = 10
_AWAITED = {
    WaitsFor.PERSONA: "decisión de una persona",
    WaitsFor.CLIENTE: "respuesta del cliente",
    WaitsFor.OPERADOR: "respuesta del operador",
    WaitsFor.PRESUPUESTO: "decisión sobre el presupuesto",
    WaitsFor.MAQUINA: "que la máquina pueda",
}

LIST_FIELDS = (
    "order_number",
    "estado",
    "progreso",
    "prioridad",
    "tipo_producto",
    "datos_cliente",
    "created_at",
    "plan_estado",
    "plan_version",
    "espera",
)
"""What a list's table is made of."""


def safe(value: object) -> str:
    """Return the text of `value` on one line, each unprintable character as "�"."""
    words = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "�" for character in words)


def local_time(moment: datetime | None) -> str:
    """Return e.g. "2025-11-14 04:00:00" in this machine's time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else _NOBODY


def state_text(estado: str) -> Text:
    """Return the state with its symbol and colour."""
    symbol, style = _STATES[OrderState(estado)]
    return Text(f"{symbol} {estado}", style)


def render_event(
    event: OrderEvent, *, state: str | None = None, progress: int | None = None
) -> Text:
    """Return one line: time, level, state and progress where given, agent, message.

    An event that changed the state shows the state it led to; `state` is for the others.
    """
    symbol, style = _LEVELS[LogLevel(event.tipo)]
    line = Text().append(event.occurred_at.astimezone().strftime("%H:%M:%S "), "dim")
    line.append(f"{symbol} ", style)
    shown = event.details.get("estado_nuevo", state)
    if shown in _STATES:
        line.append_text(state_text(str(shown))).append(" ")
    if progress is not None:
        line.append(f"{progress:3} % ", "dim")
    line.append(f"{safe(event.agente)}  ", "bold")
    return line.append(safe(event.mensaje), "" if event.tipo == LogLevel.INFO else style)


def event_document(order: Order, event: OrderEvent) -> dict[str, Any]:
    """Return one event for scripts: the entry of `logs`, its kind, and the order as it was read."""
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "progreso": order.progreso,
        "kind": event.kind,
        **log_entry(event, local_principal()),
    }


def render_plan(order: Order, flags: Iterable[Mapping[str, Any]] = ()) -> RenderableType:
    """Return the order's plan as an approver reads it: version, hash and its `flags` included."""
    if order.plan is None:
        return Text("Todavía no hay un plan.", "dim")
    title = Text(f"Plan v{order.plan_version} ({order.plan_estado or _NOBODY})", "bold")
    rows = {"Precio": f"{order.precio} {order.moneda}", "Hash": order.plan_hash or _NOBODY}
    return Group(title, facts(rows), *plan_details(Plan.model_validate(order.plan), flags))


def plan_details(plan: Plan, flags: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    """Return what a plan says, its milestones and notes, and what to look at in it."""
    milestones = table("Hito", "Horas", "Agente", "Entregable", numbers=("Horas",))
    for item in plan.milestones:
        hours = f"{item.estimacion_horas:g}"
        add_row(milestones, item.nombre, hours, item.agente, item.entregable)
    needs = plan.recursos_requeridos
    rows: dict[str, object] = {
        "Estimación": f"{plan.estimacion_horas:g} horas",
        "Agentes": ", ".join(plan.subagentes_asignados),
        "Integraciones": ", ".join(plan.integraciones) or _NOBODY,
        "Plantillas": ", ".join(plan.templates),
        "Stack": ", ".join(plan.stack_tecnologico),
        "Recursos": f"{needs.cpu_cores} CPU, {needs.ram_gb} GB de memoria, "
        f"{needs.storage_gb} GB de disco",
    }
    # The flag about unknown parts repeats the notes in one sentence.
    told = [flag["mensaje"] for flag in flags if flag["codigo"] != FlagKind.PARTES_DESCONOCIDAS]
    notes = [Text(f"! {safe(note)}", "yellow") for note in (*plan.observaciones, *told)]
    return [facts(rows), milestones, *notes]


def render_order(
    order: Order,
    events: Sequence[OrderEvent],
    receipts: Receipts,
    *,
    flags: Iterable[Mapping[str, Any]] = (),
    place: int | None = None,
) -> RenderableType:
    """Return the whole order: facts, client, progress, plan, result, newest events.

    `flags` belong to its plan. `place` is its turn among the orders that wait to be built.
    """
    client: Mapping[str, Any] = order.datos_cliente
    parts: list[RenderableType] = [
        Text(f"{order.order_number}  {safe(order.nombre_producto)}", "bold"),
        facts(
            {
                "Estado": state_text(order.estado),
                "Espera": _wait(order) or _place(order, place) or _NOBODY,
                "Progreso": f"{order.progreso} %",
                "Tipo": order.tipo_producto,
                "Prioridad": order.prioridad,
                "Cliente": f"{client.get('nombre')} <{client.get('email')}>",
                "Asignado a": order.asignado_a or _NOBODY,
                "Intento": order.intento,
                "Etiquetas": ", ".join(order.tags) or _NOBODY,
                "Promesa": _promise(order),
                "Silencio": Text(order.silence, "bold red") if order.silence else _NOBODY,
                "Último latido": local_time(order.heartbeat_at),
                "Creada": local_time(order.created_at),
                "Entregada": local_time(order.entregado_at),
                **({"Borrada": local_time(order.borrado_at)} if order.borrado_at else {}),
                "Repositorio": order.repo_url or _NOBODY,
                "Producto": order.deploy_url or _NOBODY,
                "Id": order.id,
            }
        ),
    ]
    if order.fallo is not None:
        cause, message = order.fallo.get("causa"), order.fallo.get("mensaje")
        parts.append(Text(f"✗ {safe(cause)}: {safe(message)}", "red"))
    if order.plan is not None:
        parts += [Text(), _progress(order, receipts)]
    parts += [Text(), render_plan(order, flags), Text(), Text("Eventos", "bold")]
    return Group(*parts, *(render_event(event) for event in events))


def _place(order: Order, place: int | None) -> str:
    if order.queued_at is None:
        return ""
    turn = "" if place is None else f", turno {place}"
    return f"lugar para construirla desde {local_time(order.queued_at)}{turn}"


def _promise(order: Order) -> str:
    made = promise_of(order)
    if made is None:
        return _NOBODY
    paused = f", en pausa desde {local_time(made.paused_at)}" if made.paused_at else ""
    return f"{local_time(made.since)} a {local_time(made.until)}{paused}"


def _progress(order: Order, receipts: Receipts) -> RenderableType:
    """Return what the progress is made of: each milestone, and why it is what it is."""
    detail = progress_detail(order, receipts, local_principal().grant)
    rows = table("Hito", "Peso", "Estado", "Agente", "Commit", "Verificado", numbers=("Peso",))
    for item in detail["hitos"]:
        verified = item["at"] is not None
        add_row(
            rows,
            item["nombre"],
            f"{item['peso']:g} %",
            Text("✓ verificado", "green") if verified else Text("○ pendiente", "dim"),
            item["agente"],
            (item["commit"] or _NOBODY)[:_SHORT_COMMIT],
            local_time(datetime.fromisoformat(item["at"])) if verified else _NOBODY,
        )
    title = Text(f"Avance verificado: {detail['verificado']} %", "bold")
    return Group(title, Text(safe(detail["explicacion"])), rows)


def render_orders(orders: Iterable[Mapping[str, Any]]) -> Table:
    """Return a list's table; each entry has `LIST_FIELDS`."""
    headers = ("Número", "Estado", "%", "Prioridad", "Tipo", "Cliente", "Creada", "Espera")
    rows = table(*headers, numbers=("%",))
    for order in orders:
        add_row(
            rows,
            order["order_number"],
            state_text(order["estado"]),
            order["progreso"],
            order["prioridad"],
            order["tipo_producto"],
            order["datos_cliente"].get("nombre"),
            local_time(datetime.fromisoformat(order["created_at"])),
            _awaited(order["plan_estado"], order["plan_version"], order["espera"]),
        )
    return rows


def waiting_for(order: Order) -> str:
    """Return what a person must decide, empty when the line moves the order by itself."""
    return _awaited(order.plan_estado, order.plan_version, order.espera)


def _wait(order: Order) -> str:
    """Return whom the order waits for, with the cause for a machine; empty if none."""
    cause = order.espera_causa
    if cause is None:
        return waiting_for(order)
    since = local_time(datetime.fromisoformat(cause["desde"]))
    return f"a la máquina, desde {since}: {cause['mensaje']} (paso {cause['paso']}; sigue sola)"


def _awaited(plan_status: str | None, plan_version: int, waits_for: str | None) -> str:
    if waits_for:
        return _AWAITED[WaitsFor(waits_for)]
    waits = plan_status == PlanStatus.PENDIENTE_APROBACION
    return f"aprobar el plan v{plan_version}" if waits else ""


def facts(rows: Mapping[str, object]) -> Table:
    """Return names and values in two columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        add_row(grid, name, value)
    return grid


def table(*headers: str, numbers: Sequence[str] = ()) -> Table:
    """Return an empty table; the columns in `numbers` are set to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        made.add_column(
            header,
            justify="right" if header in numbers else "left",
            overflow="fold",
            no_wrap=header in _WHOLE,  # people copy these
        )
    return made


def add_row(rows: Table, *values: object) -> None:
    """Add a row of values; what is no Text already is shown as it is, without markup."""
    rows.add_row(*(value if isinstance(value, Text) else Text(safe(value)) for value in values))


ENDED = TERMINAL_STATES | {OrderState.FALLIDO}
"""States in which nothing more happens by itself."""

_PATIENCE_SECONDS = 30.0


async def follow(
    container: Container, reference: str, principal: Principal, *, poll_seconds: float = 0.2
) -> AsyncGenerator[tuple[Order, OrderEvent]]:
    """Yield each event from the first on, with the order as it was read together with it.

    Ends once the order is entregado, fallido or cancelado and all its events were yielded. A
    database that goes away meanwhile is waited for, half a minute at most.

    Raises:
        OrderNotFound: there is no such order.
        sqlalchemy.exc.OperationalError: the database is away.
    """
    after = 0
    answered = float("-inf")
    while True:
        try:
            order, events = await _read(container, reference, principal, after)
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() - answered > _PATIENCE_SECONDS:
                raise
            await asyncio.sleep(poll_seconds)
            continue
        answered = time.monotonic()
        for event in events:
            after = event.seq
            yield order, event
        if len(events) < NEWEST_EVENTS:
            if order.estado in ENDED:
                return
            await asyncio.sleep(poll_seconds)


async def _read(
    container: Container, reference: str, principal: Principal, after: int
) -> tuple[Order, Sequence[OrderEvent]]:
    # One snapshot: an order that was read before its newest event would be shown as it was before.
    async with container.database.reading() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        order = await read_order(session, reference, principal)
        return order, await events_after(session, order, principal, after)
