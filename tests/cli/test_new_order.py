"""`axon orders new` asks for an order's fields, and questions take the answers that people give."""

import json

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from axon_factory.orders.read import read_order
from tests.cli.program import Program
from tests.support.workshop import ADMIN, example_order

# Type, product, client, mail, telephone, industry, country; whatsapp, hours, zone, language,
# personality, products, currency, integrations; the number again; then: create it?
ANSWERS = [
    *("9", "1", "Bot de ventas", "", "Empresa XYZ", "ventas@empresa.com", "", "retail", ""),
    *("55", "", "", "", "amable", "camisetas, gorras", "", "stripe"),
    *("+5215587654321", "sí"),
]


async def test_fields_are_asked_for_from_the_schema(axon: Program, container: Container) -> None:
    made, declined, whole, no_answer = await axon.many(
        [
            ({}, ["orders", "new"], "\n".join(ANSWERS) + "\n"),
            ({}, ["orders", "new"], "\n".join([*ANSWERS[:-1], "no"]) + "\n"),
            ({}, ["orders", "new", "--json", "-"], json.dumps(example_order())),
            ({}, ["orders", "new", "--json"], ""),
        ]
    )
    assert made.code == 0, made
    assert "Número de WhatsApp" in made.out
    assert "datos_cliente.configuracion.whatsapp_number" in made.out, "what is wrong is asked again"
    assert "2500.00 USD" in made.out
    number = made.out.rpartition("axon orders watch ")[2].strip()
    async with container.database.reading() as session:
        order = await read_order(session, number, ADMIN)
    assert order.nombre_producto == "Bot de ventas"
    assert order.datos_cliente["industria"] == "retail"
    assert order.datos_cliente["configuracion"] == {
        "whatsapp_number": "+5215587654321",
        "idioma": "es",
        "personalidad_bot": "amable",
        "productos": ["camisetas", "gorras"],
        "integraciones": ["stripe"],
    }
    assert (declined.code, whole.code, no_answer.code) == (Exit.FAILED, 0, Exit.USAGE)
    assert whole.json["order_number"] > number


async def test_people_answer_in_their_own_way(axon: Program, placed: Order) -> None:
    number = placed.order_number
    reveal = ["orders", "reveal", number]
    answers = await axon.many(
        [
            *(({}, reveal, f"{word}\n") for word in ("s", "sí", "Si", "y", "YES")),
            *(({}, reveal, f"{word}\n") for word in ("n", "No", "")),
            ({}, reveal, "quizá\ns\n"),
            ({"AXON_LANG": "en"}, reveal, "n\n"),
        ]
    )
    assert [answer.code for answer in answers] == [Exit.REFUSED] * 5 + [1] * 3 + [Exit.REFUSED, 1]
    assert "¿Mostrarlas ahora? [s/N]" in answers[0].out
    assert "Show them now? [y/N]" in answers[-1].out
