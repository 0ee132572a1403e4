"""`axon orders plan|edit|ask|budget`: read a plan, change it, ask about it, pay for models."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    local_principal,
    open_container,
    out,
    print_json,
    run,
)
from axon_factory.cli.deciding import (
    Deciding,
    HashOption,
    Reference,
    VersionOption,
    checked_text,
    decide,
    edit_document,
    given_plan,
    read_document,
    read_waiting,
)
from axon_factory.cli.render import add_row, facts, local_time, plan_details, safe, table
from axon_factory.domain.permissions import Action
from axon_factory.domain.plan import Change, Difference, Plan
from axon_factory.orders.answers.plans import comparison_document, plans_document, version_document
from axon_factory.orders.budget import decide_budget, usage_of
from axon_factory.orders.plans.decisions import (
    PlanEdit,
    PlanReference,
    ask_about_plan,
    edit_plan,
    read_approver_questions,
)
from axon_factory.orders.plans.requests import PlanDraft
from axon_factory.orders.plans.versions import (
    CATALOGUE,
    Against,
    PlanComparison,
    compare_plans,
    read_plan,
    read_plans,
)
from axon_factory.orders.questions.asking import Audience
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import validated

_MOST_USD = Decimal(1_000_000)


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (plan, edit, ask, budget):
        group.command(command.__name__)(command)


def plan(
    *,
    reference: Reference,
    version: Annotated[int | None, typer.Option(min=1, help="Only this version.")] = None,
    diff: Annotated[
        str | None,
        typer.Option(help="What changed since this version, or since the catalogue's: catalogue."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the versions of an order's plan, with flags, questions and what models used.

    Example: axon orders plan ORD-2025-001 --diff catalogue
    """
    if diff is not None:
        _show_difference(reference, version, diff, data_dir, as_json=as_json)
        return

    async def command() -> dict[str, Any]:
        principal = local_principal()
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, principal)
            if version is not None:
                found = await read_plan(session, order, version, principal)
                return version_document(found, principal)
            versions = await read_plans(session, order, principal)
            questions = await read_approver_questions(session, order)
            usage = await usage_of(session, order)
            return plans_document(order, versions, questions, usage, principal)

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        out.print(render_plans(document))


def edit(
    *,
    reference: Reference,
    file: Annotated[
        str | None,
        typer.Argument(help="File with the whole plan as JSON; - is stdin. Without it: $EDITOR."),
    ] = None,
    approve: Annotated[bool, typer.Option(help="Whether construction begins at once.")] = True,
    reason: Annotated[str | None, typer.Option(help="Why: kept with the version before.")] = None,
    plan_version: VersionOption = None,
    plan_hash: HashOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put your own plan in the place of the one that waits, and approve it.

    With --no-approve it waits for approval as a new version.

    Example: axon orders edit ORD-2025-001 plan.json
    """

    async def read() -> tuple[Mapping[str, Any] | None, PlanReference]:
        waiting = await read_waiting(reference, data_dir)
        return waiting.order.plan, given_plan(plan_version, plan_hash) or waiting.reference

    waiting, read_version = run(read, as_json=as_json)

    async def edited() -> Plan:
        document = await edit_document(waiting or {}) if file is None else read_document(file)
        return validated(PlanDraft, document).plan

    change = PlanEdit(run(edited, as_json=as_json), read_version, approve, reason or "")

    async def decision(by: Deciding) -> dict[str, Any]:
        if reason is not None:
            checked_text("reason", reason)
        made = await edit_plan(by.change, change)
        return {"plan_version": made.version, "plan_hash": made.hash}

    sentence = "Plan editado y aprobado" if approve else "Plan editado; espera aprobación"
    decide(reference, Action.DECIDE_PLAN, decision, sentence, data_dir=data_dir, as_json=as_json)


def ask(
    *,
    reference: Reference,
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    client: Annotated[
        bool, typer.Option("--client", help="Ask the client, not the planner.")
    ] = False,
    plan_version: VersionOption = None,
    plan_hash: HashOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask about the plan that waits; the answer comes by mail and with `axon orders plan`.

    Example: axon orders ask ORD-2025-001 "¿Por qué Redis?"
    """

    async def decision(by: Deciding) -> dict[str, Any]:
        asked = await ask_about_plan(
            by.change,
            checked_text("pregunta", question),
            Audience.CLIENTE if client else Audience.PLANIFICADOR,
            plan=given_plan(plan_version, plan_hash),
        )
        return {"pregunta": asked.number, "para": asked.audience}

    decide(
        reference,
        Action.DECIDE_PLAN,
        decision,
        "Pregunta enviada",
        data_dir=data_dir,
        as_json=as_json,
    )


def budget(
    *,
    reference: Reference,
    usd: Annotated[
        str | None, typer.Option(help="What models may cost for the order altogether.")
    ] = None,
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Ask no model: the catalogue plans.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide what models may cost for an order; one that waits for this goes on.

    Example: axon orders budget ORD-2025-001 --usd 5
    """

    async def decision(by: Deciding) -> dict[str, Any]:
        amount = _amount(usd, catalogue=catalogue)
        await decide_budget(by.change, usd=amount)
        return {"presupuesto_usd": None if amount is None else f"{amount:f}"}

    decide(
        reference,
        Action.DECIDE_BUDGET,
        decision,
        "Presupuesto decidido",
        data_dir=data_dir,
        as_json=as_json,
    )


def _show_difference(
    reference: str, version: int | None, diff: str, data_dir: Path | None, *, as_json: bool
) -> None:
    async def command() -> tuple[PlanComparison, dict[str, Any]]:
        against = _against(diff)
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            newest = order.plan_version
            comparison = await compare_plans(session, order, version or newest, against)
            return comparison, comparison_document(order, comparison)

    comparison, document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        out.print(render_comparison(comparison))


def _against(diff: str) -> Against:
    if diff in {"catalogue", CATALOGUE}:
        return CATALOGUE
    if diff.isascii() and diff.isdigit() and int(diff) > 0:
        return int(diff)
    raise CliError(Exit.USAGE, "--diff espera una versión o catalogue")


def _amount(usd: str | None, *, catalogue: bool) -> Decimal | None:
    """Return the amount, None for the catalogue.

    Raises:
        CliError: neither or both are given, or it is no amount.
    """
    if (usd is None) != catalogue:
        raise CliError(Exit.USAGE, "Indica --usd o --catalogue, uno de los dos")
    if usd is None:
        return None
    try:
        amount = Decimal(usd)
    except InvalidOperation:
        amount = Decimal(0)
    if amount.is_nan() or not 0 < amount < _MOST_USD or amount != round(amount, 4):
        raise CliError(Exit.USAGE, "--usd espera una cantidad positiva, por ejemplo 5 o 2.50")
    return amount


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
