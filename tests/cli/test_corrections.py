"""`axon orders correct` and `axon orders links`, as somebody at the machine uses them."""

import json
from urllib.parse import urlsplit

from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.db.tables import Order
from tests.cli.program import Program

ANOTHER = '{"nombre_producto": "Otro", "datos_cliente": {"configuracion": {"idioma": "en"}}}'


def _path(container: Container, order: Order, number: int) -> str:
    return urlsplit(container.portal_links.url(order.id, number)).path


async def test_an_order_is_corrected_and_its_links_are_kept(
    axon: Program, container: Container, placed: Order
) -> None:
    number = placed.order_number
    (
        corrected,
        by_file,
        wrong,
        foreign,
        nothing,
        listed,
        renewed,
        revoked,
        none,
        left,
        mails,
    ) = await axon.many(
        [
            ({}, ["orders", "correct", number, "--email", "nueva@empresa.com"], ""),
            ({}, ["orders", "correct", number, "--file", "-", "--country", "MX"], ANOTHER),
            ({}, ["orders", "correct", number, "--email", "no", "--json"], ""),
            ({}, ["orders", "correct", number, "--file", "-"], '{"estado": "listo"}'),
            ({}, ["orders", "correct", number], ""),
            ({}, ["orders", "links", "list", number, "--json"], ""),
            ({}, ["orders", "links", "renew", number, "--no-mail"], ""),
            ({}, ["orders", "links", "revoke", number, "3", "--json"], ""),
            ({}, ["orders", "links", "revoke", number, "9"], ""),
            ({}, ["orders", "links", "list", number], ""),
            ({}, ["orders", "mails", number, "--json"], ""),
        ]
    )
    assert (corrected.code, by_file.code) == (0, 0), corrected.err + by_file.err
    assert "corregida" in corrected.out
    assert (wrong.code, foreign.code, nothing.code) == (9, 2, 2)
    assert "datos_cliente.email" in json.loads(wrong.out)["error"]
    assert "estado" in foreign.err
    assert "--file" in nothing.err
    links = json.loads(listed.out)["enlaces"]
    assert [(link["numero"], link["estado"]) for link in links] == [
        (1, "revocado"),
        (2, "vigente"),
    ]
    assert links[1]["url"].endswith(_path(container, placed, 2))
    assert _path(container, placed, 3) in renewed.out
    assert json.loads(revoked.out)["estado"] == "revocado"
    assert none.code == 9
    assert left.code == 0
    assert "/portal/" not in left.out
    sent = [(mail["correo"], mail["estado"]) for mail in json.loads(mails.out)["correos"]]
    assert sent == [("recibida", "abandonada"), ("enlace", "pendiente")]
    async with container.database.reading() as session:
        order = await session.get_one(Order, placed.id)
        events = await session.scalars(
            text("SELECT event FROM outbox_messages WHERE order_id = :id ORDER BY created_at"),
            {"id": placed.id},
        )
        acts = await session.scalars(
            text("SELECT action FROM audit_entries WHERE chain = :id ORDER BY position"),
            {"id": str(placed.id)},
        )
    assert order.datos_cliente["pais"] == "MX"
    assert order.datos_cliente["configuracion"] == {"idioma": "en"}
    assert (order.nombre_producto, order.datos_cliente["email"]) == ("Otro", "nueva@empresa.com")
    assert list(events) == ["cliente.recibida", "cliente.enlace"]
    assert list(acts) == ["orders:update"] * 2 + ["orders:portal_links"] * 2
