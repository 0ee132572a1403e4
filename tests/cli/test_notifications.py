"""`axon notifications`: destinations and the delivery log from the command line."""

from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from tests.cli.program import Program

URL = "https://crm.example/avisos?clave=canario-url"


async def test_destinations_and_deliveries_are_kept_from_the_command_line(
    axon: Program, container: Container
) -> None:
    create = ["notifications", "create"]
    chosen = ["--event", "plan.pendiente", "--event", "orden.entregada"]
    chosen += ["--client", "c-7", "--tag", "crm", "--tag", "vip"]
    made, chat, taken, inside = await axon.many(
        [
            ({}, [*create, "crm", URL, *chosen, "--json"], ""),
            ({}, [*create, "chat", "https://chat.example/x", "--channel", "slack"], ""),
            ({}, [*create, "crm", URL, "--json"], ""),
            ({}, [*create, "dentro", "https://127.0.0.1/", "--json"], ""),
        ]
    )
    assert made.json["eventos"] == ["orden.entregada", "plan.pendiente"]
    assert (made.json["clientes"], made.json["tags"]) == (["c-7"], ["crm", "vip"])
    assert made.json["secreto"].startswith("whsec_")
    assert (chat.code, "whsec_" in chat.out) == (0, False)
    assert (taken.code, inside.code) == (Exit.REFUSED, Exit.REFUSED)
    assert "no es pública" in inside.json["error"]

    one, change = made.json["id"], ["notifications", "change"]
    tried, rotated, changed, listed = await axon.many(
        [
            ({}, ["notifications", "test", one, "--json"], ""),
            ({}, ["notifications", "rotate", one], ""),
            ({}, [*change, one, "--all-events", "--all-orders", "--inactive", "--json"], ""),
            ({}, ["notifications", "list", "--json"], ""),
        ]
    )
    assert "whsec_" in rotated.out
    assert made.json["secreto"] not in rotated.out
    assert (changed.json["eventos"], changed.json["activo"]) == ([], False)
    assert (changed.json["clientes"], changed.json["tags"]) == ([], [])
    assert [item["nombre"] for item in listed.json["destinations"]] == ["chat", "crm"]

    sent = tried.json["id"]
    page, detail, refused, gone, shown = await axon.many(
        [
            ({}, ["notifications", "deliveries", "--state", "pendiente", "--json"], ""),
            ({}, ["notifications", "delivery", sent, "--json"], ""),
            ({}, ["notifications", "redeliver", sent, "--json"], ""),
            ({}, ["notifications", "delete", one, "--json"], ""),
            ({}, ["notifications", "show", one, "--json"], ""),
        ]
    )
    assert [item["id"] for item in page.json["deliveries"]] == [sent]
    assert (detail.json["evento"], detail.json["detalle_intentos"]) == ("prueba", [])
    assert (refused.code, gone.code, shown.code) == (Exit.REFUSED, 0, Exit.REFUSED)
    for answer in (made, tried, rotated, changed, listed, page, detail, gone):
        assert "canario-url" not in answer.out

    async with container.database.reading() as session:
        found = await session.execute(
            text("SELECT details ->> 'unidad' FROM audit_entries ORDER BY position")
        )
        units = [row[0] for row in found]
        kept = await session.execute(text("SELECT t::text FROM notification_destinations AS t"))
        assert all("canario-url" not in row[0] and "whsec_" not in row[0] for row in kept)
    assert units == [
        *["create_destination"] * 2,
        "test_destination",
        "rotate_destination",
        "update_destination",
        "delete_destination",
    ]
