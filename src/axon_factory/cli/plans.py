"""`axon orders plan|edit|ask|budget`: read a plan, change it, ask about it, pay for models."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from axon_factory.cli.client import Factory
from axon_factory.cli.deciding import (
    HashOption,
    Reference,
    VersionOption,
    edit_document,
    given_plan,
    read_document,
    read_waiting,
    show_decision,
)
from axon_factory.cli.render import plan_details
from axon_factory.cli.tables import NOTHING, Table, facts, local_time, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    paint,
    print_json,
    said,
    say,
)

_CATALOGUE = "catalogo"


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (plan, edit, ask, budget):
        group.command(command.__name__)(command)


def flags_of(factory: Factory, order: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what to look at in the order's plan; `order` has `id`, `plan` and `plan_version`."""
    if order.get("plan") is None or not order["plan_version"]:
        return ()
    return factory.get("orders", order["id"], "plans", str(order["plan_version"]))["avisos"]


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
    against = None if diff is None else _against(diff)
    factory = Factory(data_dir)
    if against is not None:
        newest = version or factory.get("orders", reference)["plan_version"]
        document = factory.get(
            *("orders", reference, "plans", str(newest), "diff"), query={"contra": against}
        )
        lines = render_comparison
    else:
        path = () if version is None else (str(version),)
        document = factory.get("orders", reference, "plans", *path)
        lines = render_plans
    if as_json:
        print_json(document)
    else:
        say(*lines(document))


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
    named = given_plan(plan_version, plan_hash)
    factory = Factory(data_dir)
    order, waiting = read_waiting(factory, reference)
    document = edit_document(order["plan"] or {}) if file is None else read_document(file)
    body = {**(named or waiting), "plan": document, "aprobar": approve}
    if reason is not None:
        body["motivo"] = reason
    show_decision(factory.post("orders", reference, "plans", "edit", body=body), as_json=as_json)


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
    named = given_plan(plan_version, plan_hash)
    factory = Factory(data_dir)
    read = named or read_waiting(factory, reference)[1]
    body = {**read, "pregunta": question, "para": "cliente" if client else "planificador"}
    show_decision(factory.post("orders", reference, "plans", "ask", body=body), as_json=as_json)


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
    if (usd is None) != catalogue:
        raise CliError(
            Exit.USAGE,
            said(
                "Indica --usd o --catalogue, uno de los dos",
                "Give --usd or --catalogue, one of them",
            ),
        )
    body = {"planificador": _CATALOGUE} if usd is None else {"presupuesto_usd": usd}
    show_decision(Factory(data_dir).post("orders", reference, "budget", body=body), as_json=as_json)


def _against(diff: str) -> str:
    if diff in {"catalogue", _CATALOGUE}:
        return _CATALOGUE
    if diff.isascii() and diff.isdigit() and int(diff) > 0:
        return str(int(diff))
    raise CliError(
        Exit.USAGE,
        said("--diff espera una versión o catalogue", "--diff takes a version or catalogue"),
    )


_CHANGES = {"agregado": ("+", "green"), "quitado": ("-", "red"), "cambiado": ("~", "yellow")}


def render_plans(document: Mapping[str, Any]) -> list[str]:
    """Return the versions of a plan, or one version, as the API documents them."""
    if "planes" not in document:
        return _version(document)
    versions = document["planes"]
    if not versions:
        return [paint("Todavía no hay un plan.", "dim"), "", *_usage(document["uso"])]
    rows = Table(
        *("Versión", "Estado", "Hecho por", "Cuándo", "Decidió", "Motivo"),
        drop=("Cuándo", "Hecho por", "Decidió", "Motivo"),
    )
    for version in versions:
        rows.add(
            f"v{version['version']}",
            version["estado"],
            version["autor"] or version["planificador"],
            local_time(version["created_at"]),
            version["decidido_por"] or NOTHING,
            version["motivo"] or NOTHING,
        )
    lines = [paint(document["order_number"], "bold"), *rows.lines(), "", *_version(versions[-1])]
    for question in document["preguntas"]:
        lines += _question(question)
    return [*lines, "", *_usage(document["uso"])]


def render_comparison(comparison: Mapping[str, Any]) -> list[str]:
    """Return a line for each change, with its sign."""
    against = comparison["contra"]
    before = "catálogo" if against == _CATALOGUE else f"v{against}"
    title = paint(f"Plan v{comparison['version']} frente a {before}", "bold")
    if not comparison["cambios"]:
        return [title, paint("Son iguales.", "dim")]
    return [title, *(_difference(item) for item in comparison["cambios"])]


def _version(version: Mapping[str, Any]) -> list[str]:
    title = paint(f"Plan v{version['version']} ({version['estado']})", "bold")
    rows = facts({"Hash": version["hash"], "Modelo": version["modelo"] or NOTHING})
    return [title, *rows, *plan_details(version["plan"], version["avisos"])]


def _question(question: Mapping[str, Any]) -> list[str]:
    answer = question["respuesta"] or ("sin respuesta" if question["cerrada_at"] else "en espera")
    told = f"? {question['numero']} ({question['para']}) {safe(question['pregunta'])}"
    return [told, f"  {safe(answer)}"]


def _usage(usage: Mapping[str, Any]) -> list[str]:
    calls, unpriced = usage["llamadas"], usage["llamadas_sin_precio"]
    tokens = usage["tokens_entrada"] + usage["tokens_salida"]
    told = [f"{calls} llamada{'' if calls == 1 else 's'}", f"{tokens} tokens"]
    if unpriced < calls:
        told.append(f"{_plain(usage['costo_usd'] or '0')} USD")
    if unpriced:
        told.append(f"{unpriced} sin precio conocido")
    limit = usage["presupuesto_usd"]
    return facts(
        {
            "Modelos": ", ".join(told) if calls else "ninguna llamada",
            "Presupuesto": f"{_plain(limit)} USD" if limit else "el de la configuración",
        }
    )


def _plain(amount: str) -> str:
    return f"{Decimal(amount).normalize():f}"


def _difference(item: Mapping[str, Any]) -> str:
    sign, style = _CHANGES[item["cambio"]]
    before, after = safe(item["antes"]), safe(item["despues"])
    told = {"agregado": after, "quitado": before}.get(item["cambio"], f"{before} → {after}")
    return paint(f"{sign} {item['campo']}: {told}", style)
