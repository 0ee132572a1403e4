"""Plans from the command line: read, compared, edited, asked about, paid for."""

import json

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from axon_factory.line.line import Line
from axon_factory.orders.read import read_order
from tests.cli.program import Program
from tests.support.plans import edited_plan
from tests.support.ports import example_ports
from tests.support.workshop import ADMIN


async def test_a_plan_is_read_changed_asked_about_and_approved(
    axon: Program, container: Container, placed: Order
) -> None:
    line = Line(
        container.database,
        example_ports(container.secret_box),
        container.policy,
        products=container.data_dir / "products",
        worker="test",
        tokens=container.system_tokens,
    )
    while await line.advance(placed.id) is not None:
        pass
    number = placed.order_number
    async with container.database.reading() as session:
        read = await read_order(session, number, ADMIN)
    old = ["--plan-version", "1", "--plan-hash", read.plan_hash or ""]
    editor = {"EDITOR": """sed -i 's/"ram_gb": 2/"ram_gb": 3/'""", "VISUAL": None}
    edit = ["orders", "edit", number, "--no-approve", "--json"]
    (
        shown,
        compared,
        asked,
        edited,
        changed,
        by_editor,
        unsaved,
        no_editor,
        unknown,
        wrong,
        outdated,
        paid,
        nothing_paid,
        not_paid,
        no_amount,
        nothing_asked,
        approved,
        versions,
    ) = await axon.many(
        [
            ({}, ["orders", "plan", number], ""),
            ({}, ["orders", "plan", number, "--diff", "catalogue", "--json"], ""),
            ({}, ["orders", "ask", number, "¿Por qué Redis?", *old, "--json"], ""),
            ({}, [*edit[:3], "-", *edit[3:], "--reason", "Menos"], json.dumps(edited_plan())),
            ({}, ["orders", "plan", number, "--diff", "1"], ""),
            (editor, edit, ""),
            ({**editor, "EDITOR": "false"}, edit, ""),
            ({**editor, "EDITOR": "/no/such/editor"}, edit, ""),
            ({}, ["orders", "plan", number, "--version", "9", "--json"], ""),
            ({}, [*edit[:3], "-", *edit[3:]], '{"templates": [1]}'),
            ({}, ["orders", "approve", number, *old], ""),
            ({}, ["orders", "budget", number, "--usd", "2.5", "--json"], ""),
            ({}, ["orders", "budget", number, "--usd", "0"], ""),
            ({}, ["orders", "budget", number], ""),
            ({}, ["orders", "budget", number, "--usd", "NaN"], ""),
            ({}, ["orders", "ask", number, " "], ""),
            ({}, ["orders", "approve", number, "--yes"], ""),
            ({}, ["orders", "plan", number, "--json"], ""),
        ]
    )
    assert "Plan v1 (pendiente_aprobacion)" in shown.out
    assert "! Sus hitos no son los del catálogo" in shown.out
    assert compared.json["contra"] == "catalogo"
    assert asked.json["pregunta"] == 1
    assert edited.json["plan_version"] == 2
    assert "~ recursos_requeridos.ram_gb: 4 → 2" in changed.out
    assert by_editor.json["plan_version"] == 3, by_editor
    assert (unsaved.code, no_editor.code) == (Exit.REFUSED, Exit.USAGE)
    assert unknown.code == Exit.REFUSED
    assert "templates.0" in wrong.json["error"]
    assert outdated.code == Exit.REFUSED
    assert "recursos_requeridos.ram_gb: 4 → 3" in outdated.err
    assert paid.json["presupuesto_usd"] == "2.5"
    assert (nothing_paid.code, no_amount.code) == (Exit.REFUSED, Exit.REFUSED)
    assert not_paid.code == Exit.USAGE
    assert nothing_asked.err.startswith("axon: pregunta: ")
    assert "está en 'construccion'" in approved.out
    assert "! Sus hitos no son los del catálogo" in approved.out  # seen before it is approved
    stages = [(item["estado"], item["motivo"]) for item in versions.json["planes"]]
    assert stages == [("reemplazado", "Menos"), ("reemplazado", None), ("aprobado", None)]
    (question,) = versions.json["preguntas"]
    assert question["cerrada_at"] is not None  # the plan that it was about is gone
