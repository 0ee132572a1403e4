"""How the versions of a plan, and what changed between two, look on a terminal."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from axon_factory.cli.render import add_row, facts, local_time, plan_details, safe, table
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_diff import Change, Difference
from axon_factory.orders.plans.versions import CATALOGUE, PlanComparison

__all__ = ["render_comparison", "render_plans"]

_CHANGES = {
    Change.AGREGADO: ("+", "green"),
    Change.QUITADO: ("-", "red"),
    Change.CAMBIADO: ("~", "yellow"),
}
_NOBODY = "—"


def render_plans(document: Mapping[str, Any]) -> RenderableType:
    """Return the versions of a plan, or one version, as `orders.plans.views` documents them."""
    if "planes" not in document:
        return _version(document)
    versions = document["planes"]
    if not versions:
        return Group(Text("Todavía no hay un plan.", "dim"), Text(), _usage(document["uso"]))
    rows = table("Versión", "Estado", "Hecho por", "Cuándo", "Decidió", "Motivo")
    for version in versions:
        add_row(
            rows,
            f"v{version['version']}",
            version["estado"],
            version["autor"] or version["planificador"],
            _when(version["created_at"]),
            version["decidido_por"] or _NOBODY,
            version["motivo"] or _NOBODY,
        )
    parts: list[RenderableType] = [Text(document["order_number"], "bold"), rows, Text()]
    parts.append(_version(versions[-1]))
    parts += [_question(question) for question in document["preguntas"]]
    return Group(*parts, Text(), _usage(document["uso"]))


def render_comparison(comparison: PlanComparison) -> RenderableType:
    """Return a line for each change, with its sign."""
    before = "catálogo" if comparison.against == CATALOGUE else f"v{comparison.against}"
    title = Text(f"Plan v{comparison.version} frente a {before}", "bold")
    if not comparison.differences:
        return Group(title, Text("Son iguales.", "dim"))
    return Group(title, *(_difference(item) for item in comparison.differences))


def _version(version: Mapping[str, Any]) -> RenderableType:
    plan = Plan.model_validate(version["plan"])
    title = Text(f"Plan v{version['version']} ({version['estado']})", "bold")
    rows = facts({"Hash": version["hash"], "Modelo": version["modelo"] or _NOBODY})
    return Group(title, rows, *plan_details(plan, version["avisos"]))


def _question(question: Mapping[str, Any]) -> RenderableType:
    answer = question["respuesta"] or ("sin respuesta" if question["cerrada_at"] else "en espera")
    return Text(
        f"? {question['numero']} ({question['para']}) {safe(question['pregunta'])}\n"
        f"  {safe(answer)}"
    )


def _usage(usage: Mapping[str, Any]) -> RenderableType:
    calls, unpriced = usage["llamadas"], usage["llamadas_sin_precio"]
    tokens = usage["tokens_entrada"] + usage["tokens_salida"]
    told = [f"{calls} llamada{'' if calls == 1 else 's'}", f"{tokens} tokens"]
    if unpriced < calls:
        told.append(f"{_plain(usage['costo_usd'] or '0')} USD")
    if unpriced:
        told.append(f"{unpriced} sin precio conocido")
    budget = usage["presupuesto_usd"]
    return facts(
        {
            "Modelos": ", ".join(told) if calls else "ninguna llamada",
            "Presupuesto": f"{_plain(budget)} USD" if budget else "el de la configuración",
        }
    )


def _plain(amount: str) -> str:
    return f"{Decimal(amount).normalize():f}"


def _difference(item: Difference) -> Text:
    sign, style = _CHANGES[item.change]
    match item.change:
        case Change.AGREGADO:
            told = safe(item.after)
        case Change.QUITADO:
            told = safe(item.before)
        case Change.CAMBIADO:
            told = f"{safe(item.before)} → {safe(item.after)}"
    return Text(f"{sign} {item.field}: {told}", style)


def _when(moment: str | None) -> str:
    return local_time(datetime.fromisoformat(moment)) if moment else _NOBODY
