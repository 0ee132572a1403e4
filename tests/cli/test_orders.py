"""An order's life from the command line; the line itself works in this process."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from axon_factory.line.line import Line
from axon_factory.orders.change import Change
from axon_factory.orders.read import lock_order, read_order
from axon_factory.orders.requests import OrderPatch, validated
from axon_factory.orders.update import patch_order
from tests.cli.program import Program, Running
from tests.support.ports import PRODUCT_URL, example_ports
from tests.support.workshop import ADMIN, example_order


@pytest.fixture
def line(container: Container) -> Line:
    """The real line, over ports that do their work at once."""
    ports = example_ports(container.secret_box)
    products = container.data_dir / "products"
    return Line(
        container.database,
        ports,
        container.policy,
        products=products,
        worker="test",
        tokens=container.system_tokens,
    )


def first_numbers(container: Container, count: int) -> list[str]:
    """The numbers of the first orders in this test's own database."""
    year = datetime.now(container.policy.zone).year
    return [f"ORD-{year}-{number:03}" for number in range(1, count + 1)]


async def work(container: Container, line: Line, number: str) -> None:
    """Let the line do everything that is due."""
    async with container.database.reading() as session:
        order_id = (await read_order(session, number, ADMIN)).id
    while await line.advance(order_id) is not None:
        pass


async def test_from_creation_to_credentials(
    axon: Program, container: Container, line: Line
) -> None:
    [number] = first_numbers(container, 1)
    created, *early = await axon.many(
        [
            ({}, ["orders", "create", "--json"], json.dumps(example_order())),
            ({}, ["orders", "approve", number, "--yes", "--json"], ""),
            ({}, ["orders", "result", number, "--json"], ""),
            ({}, ["orders", "reveal", number, "--yes", "--json"], ""),
            ({}, ["orders", "retry", number, "--json"], ""),
        ]
    )
    assert [answer.code for answer in early] == [Exit.REFUSED] * 4, early

    assert created.json["order_number"] == number
    async with axon.started("orders", "watch", created.json["id"], "--json") as watching:
        assert json.loads(await watching.line())["kind"] == "orden.creada"
        await work(container, line, number)
        plan = await check_approval(axon, number)
        assert plan["estado"] == "construccion"
        await work(container, line, number)
        await check_watched(watching, number)

    shown, result, first, second, cancelled = await axon.many(
        [
            ({}, ["orders", "show", number], ""),
            ({}, ["orders", "result", number, "--json"], ""),
            ({}, ["orders", "reveal", number, "--yes", "--json"], ""),
            ({}, ["orders", "reveal", number, "--yes", "--json"], ""),
            ({}, ["orders", "cancel", number, "--reason", "tarde", "--json"], ""),
        ]
    )
    assert "✓ entregado" in shown.out
    assert PRODUCT_URL in shown.out
    assert result.json["estado"] == "entregado"
    masked, clear = result.json["resultado"]["credentials"], first.json["credentials"]
    assert clear.keys() == masked.keys()
    for name in ("admin_password_temporal", "api_key", "webhook_secret"):
        assert clear[name] not in result.out + shown.out
    assert second.code == cancelled.code == Exit.REFUSED
    assert "rótalas" in second.json["error"]
    await check_rotation(axon, number, clear, work=lambda: work(container, line, number))
    await check_erasure(axon, number)


async def check_rotation(
    axon: Program, number: str, old: Mapping[str, str], *, work: Callable[[], Awaitable[object]]
) -> None:
    """New credentials are shown once the product has them."""
    rotate = ["orders", "rotate-credentials", number]
    unknown, declined, rotated, again, early = await axon.many(
        [
            ({}, [*rotate, "--name", "admin_email", "--yes", "--json"], ""),
            ({}, rotate, "n\n"),
            ({}, [*rotate, "--name", "api_key", "--yes", "--json"], ""),
            ({}, [*rotate, "--yes", "--json"], ""),
            ({}, ["orders", "reveal", number, "--yes", "--json"], ""),
        ]
    )
    assert unknown.code == Exit.USAGE
    assert declined.code == 1
    assert rotated.json["credenciales"] == ["api_key"]
    assert again.json["codigo"] == early.json["codigo"] == "rotacion_en_curso"
    await work()
    (shown,) = await axon.many([({}, ["orders", "reveal", number, "--yes", "--json"], "")])
    new = shown.json["credentials"]
    assert new["api_key"] != old["api_key"]
    assert "•" in new["webhook_secret"]


async def check_erasure(axon: Program, number: str) -> None:
    """The order's number confirms; afterwards nothing is shown and nothing taken."""
    erase = ["orders", "erase", number, "--reason", "Lo pide el titular"]
    wrong, erased, shown, late = await axon.many(
        [
            ({}, erase, "ORD-2001-001\n"),
            ({}, [*erase, "--yes", "--json"], ""),
            ({}, ["orders", "show", number, "--json"], ""),
            ({}, ["orders", "reveal", number, "--yes", "--json"], ""),
        ]
    )
    assert wrong.code == Exit.REFUSED
    assert erased.json["borrado_at"] == shown.json["borrado_at"]
    assert shown.json["datos_cliente"]["nombre"] == "[borrado]"
    assert late.json["codigo"] == "orden_borrada"


async def check_approval(axon: Program, number: str) -> dict[str, object]:
    """The plan is shown; only the plan that was read can be approved, once."""
    declined, outdated, approved, again, shown = await axon.many(
        [
            ({}, ["orders", "approve", number], "n\n"),
            (
                {},
                ["orders", "approve", number, "--plan-version", "1", "--plan-hash", "0" * 64,
                 "--json"],
                "",
            ),
            ({}, ["orders", "approve", number], "y\n"),
            ({}, ["orders", "approve", number, "--yes", "--json"], ""),
            ({}, ["orders", "show", number, "--json"], ""),
        ]
    )  # fmt: skip
    assert declined.code == 1
    for word in ("Plan v1", "24 horas", "Base", "18", "Builder Agent", "Stripe", "Hash"):
        assert word in declined.out, word
    assert outdated.code == Exit.REFUSED
    assert approved.code == 0, approved
    assert again.code == Exit.REFUSED
    return shown.json


async def check_watched(watching: Running, number: str) -> None:
    answer = await watching.answer()
    assert answer.code == 0, answer
    events = [json.loads(text) for text in answer.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))
    assert {event["order_number"] for event in events} == {number}
    assert events[-1]["kind"] == "entrega.entregado"
    assert events[-1]["estado"] == "entregado"


async def test_reject_cancel_and_retry(
    axon: Program, container: Container, line: Line, placed: Order
) -> None:
    number = placed.order_number
    await work(container, line, number)
    rejected, blank = await axon.many(
        [
            ({}, ["orders", "reject", number, "--reason", "Falta Stripe", "--json"], ""),
            ({}, ["orders", "reject", number, "--reason", "  ", "--json"], ""),
        ]
    )
    assert rejected.json["plan_estado"] == "rechazado"
    assert blank.code == Exit.REFUSED
    await work(container, line, number)
    async with container.database.transaction("test") as session:
        order = await lock_order(session, number, ADMIN)
        assert order.plan_version == 2
        failing = validated(OrderPatch, {"estado": "fallido", "motivo": "Se rompió"})
        await patch_order(
            Change(session, order, ADMIN.actor, container.policy, order.updated_at), failing, ADMIN
        )

    answers = await axon.many(
        [
            ({}, ["orders", "watch", number], ""),
            ({}, ["orders", "retry", number, "--json"], ""),
            ({}, ["orders", "cancel", number, "--reason", "desistió", "--json"], ""),
            ({}, ["orders", "cancel", number, "--reason", "desistió", "--json"], ""),
            ({}, ["orders", "watch", number, "--json"], ""),
        ]
    )
    watched, retried, cancelled, again, ended = answers
    assert watched.code == Exit.NOT_DELIVERED
    assert "Se rompió" in watched.out
    assert "✗ fallido" in watched.out
    assert retried.json["intento"] == 2
    assert cancelled.json["estado"] == "cancelado"
    assert again.code == Exit.REFUSED
    assert ended.code == Exit.NOT_DELIVERED
    assert json.loads(ended.out.splitlines()[-1])["exit_code"] == Exit.NOT_DELIVERED


async def test_list_filters(axon: Program, container: Container) -> None:
    client = {"nombre": "Bot [bold]x", "email": "a@example.com"}
    documents = [
        example_order(prioridad="alta", tags=["a", "b"]),
        example_order(prioridad="baja", tags=["a"], datos_cliente=client),
        example_order(tipo_producto="webhook_service"),
    ]
    first, second, third = first_numbers(container, 3)
    table = {
        "": [third, second, first],
        "--prioridad alta": [first],
        "--tag a": [second, first],
        "--tag a --tag b": [first],
        "--tipo webhook_service": [third],
        "--estado nuevo --estado qa --limit 1 --offset 1": [second],
        "--estado qa": [],
    }
    await axon.many(
        [({}, ["orders", "create", "--json"], json.dumps(document)) for document in documents]
    )
    async with container.database.transaction("test") as session:
        # Names of older orders have what is refused today.
        await session.execute(
            text(
                "UPDATE orders SET datos_cliente = jsonb_set(datos_cliente, '{nombre}', :name)"
                " WHERE order_number = :number"
            ).bindparams(bindparam("name", type_=JSONB)),
            {"name": "Bot \x1b[31mrojo\x1b[0m [bold]x", "number": second},
        )
    people, *answers = await axon.many(
        [({}, ["orders", "list"], "")]
        + [({}, ["orders", "list", *options.split(), "--json"], "") for options in table]
    )
    for (options, expected), answer in zip(table.items(), answers, strict=True):
        assert [order["order_number"] for order in answer.json["orders"]] == expected, options
    assert answers[5].json["total"] == 3

    assert "\x1b" not in people.out
    assert "[bold]x" in people.out
    assert "3 de 3" in people.out


async def test_an_interrupted_watch_ends(axon: Program, placed: Order) -> None:
    number = placed.order_number
    async with axon.started("orders", "watch", number) as watching:
        assert number in await watching.line()
        answer = await watching.end(2)
    assert answer.code == 130
    assert "Traceback" not in answer.err
