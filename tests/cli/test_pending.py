"""`axon pending`: what waits, as a table and as the API's document."""

from axon_factory.bootstrap import Container
from axon_factory.db.tables import Order
from axon_factory.line.line import Line
from tests.cli.program import Program
from tests.support.ports import example_ports


async def test_what_waits_is_a_table_or_a_document(
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
    table, document, none, wrong, english = await axon.many(
        [
            ({}, ["pending"], ""),
            ({}, ["pending", "--kind", "plan", "--sort-by", "precio", "--json"], ""),
            ({}, ["pending", "--kind", "presupuesto"], ""),
            ({}, ["pending", "--kind", "nada"], ""),
            ({"AXON_LANG": "en"}, ["pending"], ""),
        ]
    )
    assert (table.code, number in table.out) == (0, True)
    assert "Aprueba el plan v1" in table.out
    assert "aprobar, editar, preguntar, rechazar, cancelar" in table.out
    assert "detienen una orden (!); 2500.00 USD esperan" in table.out
    assert {one["clase"] for one in document.json["pendientes"]} == {"plan"}
    assert none.out.strip() == "Nada te espera"
    assert wrong.code == 2
    assert "Approve plan v1" in english.out
