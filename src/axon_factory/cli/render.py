"""How orders, plans and events look on a terminal, from the API's documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from axon_factory.cli.tables import (
    NOTHING,
    Styled,
    Table,
    clock_time,
    facts,
    local_time,
    safe,
)
from axon_factory.cli.terminal import paint

# A symbol beside each colour: neither colour-blind people nor a log file lose anything.
_LEVELS = {
    "info": ("·", "cyan"),
    "success": ("✓", "green"),
    "warning": ("!", "yellow"),
    "error": ("✗", "red"),
}
_STATES = {
    "nuevo": ("○", "white"),
    "planificacion": ("◔", "cyan"),
    "construccion": ("◑", "blue"),
    "qa": ("◕", "magenta"),
    "listo": ("●", "green"),
    "entregado": ("✓", "bold green"),
    "fallido": ("✗", "bold red"),
    "cancelado": ("⊘", "yellow"),
}
_SHORT_COMMIT = 10
_AWAITED = {
    "persona": "decisión de una persona",
    "cliente": "respuesta del cliente",
    "operador": "respuesta del operador",
    "presupuesto": "decisión sobre el presupuesto",
    "maquina": "que la máquina pueda",
}
_UNKNOWN_PARTS = "partes_desconocidas"

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


def state_text(estado: str) -> Styled:
    """Return the state with its symbol and colour."""
    symbol, style = _STATES.get(estado, ("?", ""))
    return Styled(f"{symbol} {safe(estado)}", style)


def event_line(
    entry: Mapping[str, Any], *, state: str | None = None, progress: int | None = None
) -> str:
    """Return one line of an entry of `logs`: time, level, state, progress, agent, message.

    An entry that changed the state shows the state it led to; `state` is for the others.
    """
    symbol, style = _LEVELS.get(str(entry.get("tipo")), ("·", ""))
    moment = entry.get("recibido_at") or entry["timestamp"]
    parts = [paint(clock_time(moment), "dim"), paint(symbol, style)]
    details: Mapping[str, Any] = entry.get("metadata") or {}
    shown = details.get("estado_nuevo", state)
    if shown in _STATES:
        told = state_text(str(shown))
        parts.append(paint(told.text, told.style))
    if progress is not None:
        parts.append(paint(f"{progress:3} %", "dim"))
    message = paint(safe(entry["mensaje"]), "" if entry.get("tipo") == "info" else style)
    return " ".join([*parts, paint(safe(entry["agente"]), "bold"), "", message])


def render_plan(order: Mapping[str, Any], flags: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Return the order's plan as an approver reads it: version, hash and its `flags` included."""
    if order.get("plan") is None:
        return [paint("Todavía no hay un plan.", "dim")]
    title = paint(f"Plan v{order['plan_version']} ({order['plan_estado'] or NOTHING})", "bold")
    price = f"{order['precio']} {order['moneda']}"
    rows = {"Precio": price, "Hash": order["plan_hash"] or NOTHING}
    return [title, *facts(rows), *plan_details(order["plan"], flags)]


def plan_details(plan: Mapping[str, Any], flags: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what a plan says, its milestones and notes, and what to look at in it."""
    milestones = Table(
        "Hito", "Horas", "Agente", "Entregable", numbers=("Horas",), drop=("Entregable", "Agente")
    )
    for item in plan["milestones"]:
        hours = f"{item['estimacion_horas']:g}"
        milestones.add(item["nombre"], hours, item["agente"], item["entregable"])
    needs = plan["recursos_requeridos"]
    rows: dict[str, object] = {
        "Estimación": f"{plan['estimacion_horas']:g} horas",
        "Agentes": ", ".join(plan["subagentes_asignados"]),
        "Integraciones": ", ".join(plan["integraciones"]) or NOTHING,
        "Plantillas": ", ".join(plan["templates"]),
        "Stack": ", ".join(plan["stack_tecnologico"]),
        "Recursos": f"{needs['cpu_cores']} CPU, {needs['ram_gb']} GB de memoria, "
        f"{needs['storage_gb']} GB de disco",
    }
    # The flag about unknown parts repeats the notes in one sentence.
    told = [flag["mensaje"] for flag in flags if flag["codigo"] != _UNKNOWN_PARTS]
    notes = [paint(f"! {safe(note)}", "yellow") for note in (*plan["observaciones"], *told)]
    return [*facts(rows), *milestones.lines(), *notes]


def render_order(order: Mapping[str, Any], flags: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Return the whole order: facts, client, progress, plan, result, newest events.

    `flags` belong to its plan.
    """
    client: Mapping[str, Any] = order["datos_cliente"]
    silence = order.get("silencio")
    rows: dict[str, object] = {
        "Estado": state_text(order["estado"]),
        "Espera": _wait(order) or _place(order) or NOTHING,
        "Progreso": f"{order['progreso']} %",
        "Tipo": order["tipo_producto"],
        "Prioridad": order["prioridad"],
        "Cliente": f"{client.get('nombre')} <{client.get('email')}>",
        "Asignado a": order.get("asignado_a") or NOTHING,
        "Intento": order["intento"],
        "Etiquetas": ", ".join(order["tags"]) or NOTHING,
        "Promesa": _promise(order.get("promesa")),
        "Silencio": Styled(safe(silence), "bold red") if silence else NOTHING,
        "Último latido": local_time(order.get("latido_at")),
        "Creada": local_time(order["created_at"]),
        "Entregada": local_time(order["entregado_at"]),
        **({"Borrada": local_time(order["borrado_at"])} if order.get("borrado_at") else {}),
        "Repositorio": order["repo_url"] or NOTHING,
        "Producto": order["deploy_url"] or NOTHING,
        "Id": order["id"],
    }
    title = paint(f"{order['order_number']}  {safe(order['nombre_producto'])}", "bold")
    lines = [title, *facts(rows)]
    if order["fallo"] is not None:
        cause, message = order["fallo"].get("causa"), order["fallo"].get("mensaje")
        lines.append(paint(f"✗ {safe(cause)}: {safe(message)}", "red"))
    if order["plan"] is not None and order.get("progreso_detalle"):
        lines += ["", *_progress(order["progreso_detalle"])]
    lines += ["", *render_plan(order, flags), "", paint("Eventos", "bold")]
    return [*lines, *(event_line(entry) for entry in order["logs"])]


def _place(order: Mapping[str, Any]) -> str:
    if not order.get("en_cola_desde"):
        return ""
    place = order.get("posicion_en_cola")
    turn = "" if place is None else f", turno {place}"
    return f"lugar para construirla desde {local_time(order['en_cola_desde'])}{turn}"


def _promise(promise: Mapping[str, Any] | None) -> str:
    if not promise:
        return NOTHING
    paused = promise.get("pausada_desde")
    told = f", en pausa desde {local_time(paused)}" if paused else ""
    return f"{local_time(promise['desde'])} a {local_time(promise['hasta'])}{told}"


def _progress(detail: Mapping[str, Any]) -> list[str]:
    """Return what the progress is made of: each milestone, and why it is what it is."""
    rows = Table(
        *("Hito", "Peso", "Estado", "Agente", "Commit", "Verificado"),
        numbers=("Peso",),
        drop=("Commit", "Verificado", "Agente", "Peso"),
    )
    for item in detail["hitos"]:
        moment = item.get("at")
        rows.add(
            item["nombre"],
            f"{item['peso']:g} %",
            Styled("✓ verificado", "green") if moment else Styled("○ pendiente", "dim"),
            item["agente"],
            (item.get("commit") or NOTHING)[:_SHORT_COMMIT],
            local_time(moment),
        )
    title = paint(f"Avance verificado: {detail['verificado']} %", "bold")
    return [title, safe(detail["explicacion"]), *rows.lines()]


def render_orders(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a list's table; each entry has `LIST_FIELDS`."""
    rows = Table(
        *("Número", "Estado", "%", "Prioridad", "Tipo", "Cliente", "Creada", "Espera"),
        numbers=("%",),
        drop=("Creada", "Tipo", "%", "Prioridad", "Cliente", "Espera"),
    )
    for order in orders:
        rows.add(
            order["order_number"],
            state_text(order["estado"]),
            order["progreso"],
            order["prioridad"],
            order["tipo_producto"],
            order["datos_cliente"].get("nombre"),
            local_time(order["created_at"]),
            waiting_for(order),
        )
    return rows.lines()


def waiting_for(order: Mapping[str, Any]) -> str:
    """Return what a person must decide, empty when the line moves the order by itself."""
    if waits := order.get("espera"):
        return _AWAITED.get(str(waits), str(waits))
    waits = order["plan_estado"] == "pendiente_aprobacion"
    return f"aprobar el plan v{order['plan_version']}" if waits else ""


def _wait(order: Mapping[str, Any]) -> str:
    """Return whom the order waits for, with the cause for a machine; empty if none."""
    cause = order.get("espera_causa")
    if cause is None:
        return waiting_for(order)
    since = local_time(cause["desde"])
    return f"a la máquina, desde {since}: {cause['mensaje']} (paso {cause['paso']}; sigue sola)"


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return {"resultado.portal_url": …}: one line for each value."""
    rows: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType] — any JSON
        elif value is not None:
            rows[f"{prefix}{name}"] = value
    return rows


def plain(value: Any) -> str:  # noqa: ANN401 — any JSON value
    """Return a JSON value as people read it; scripts have --json."""
    match value:
        case bool():
            return "sí" if value else "no"
        case dict():
            items = cast("dict[str, Any]", value).items()
            return ", ".join(f"{name} {plain(one)}" for name, one in items if one is not None)
        case _:
            return safe(value)


def render_document(document: Mapping[str, Any]) -> list[str]:
    """Return a line for each member of a document, and one for each item of a list in it."""
    lines: list[str] = []
    for name, value in document.items():
        if isinstance(value, list):
            items = cast("list[Any]", value)
            lines += [f"{name}:", *(f"  {plain(item)}" for item in items)]
        elif value is not None:
            lines.append(f"{name}: {plain(value)}")
    return lines
