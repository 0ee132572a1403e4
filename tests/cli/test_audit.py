"""`axon audit`, and that commands record what they do."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from tests.cli.program import Program
from tests.support.workshop import example_order

OFF, ON = (f"ALTER TABLE audit_entries {word} TRIGGER USER" for word in ("DISABLE", "ENABLE"))


async def tamper(container: Container, statement: str) -> None:
    async with container.database.transaction("test") as session:
        for one in (OFF, statement, ON):
            await session.execute(text(one))


def digest_in(file: str) -> str:
    return json.loads(Path(file).read_text())["digest"]


async def test_the_trail_of_the_command_line_is_read_checked_and_kept(
    axon: Program, container: Container, placed: Order, tmp_path: Path
) -> None:
    number, kept = placed.order_number, str(tmp_path / "kept.json")
    order = json.dumps(example_order())
    created, cancelled, refused, listed, shown, whole, saved, printed, agreed = await axon.many(
        [
            ({}, ["orders", "create", "--json"], order),
            ({}, ["orders", "cancel", number, "--reason", "Prueba", "--json"], ""),
            ({}, ["orders", "cancel", number, "--reason", "Prueba", "--json"], ""),
            ({}, ["audit", "list", "--json", "--since", "2020-01-31"], ""),
            ({}, ["audit", "list", "--chain", str(placed.id)], ""),
            ({}, ["audit", "verify", "--json"], ""),
            ({}, ["audit", "checkpoint", "--out", kept], ""),
            ({}, ["audit", "checkpoint", "--json"], ""),
            ({}, ["audit", "verify", "--checkpoint", kept], ""),
        ]
    )
    assert (created.code, cancelled.code, refused.code) == (0, 0, Exit.REFUSED)
    first, second = listed.json
    assert (first["cadena"], first["accion"]) == (created.json["id"], "orders:create")
    assert (second["cadena"], second["accion"]) == (str(placed.id), "orders:cancel")
    assert first["actor"].startswith("local:")
    assert "orders:cancel" in shown.out
    assert "orders:create" not in shown.out
    assert whole.json["integra"]
    assert (whole.json["entradas"], whole.json["cadenas"]) == (2, 2)
    assert saved.code == agreed.code == 0
    assert digest_in(kept) == printed.json["digest"]
    assert "coincide" in agreed.out

    await tamper(container, "UPDATE audit_entries SET actor = 'user:otro' WHERE position = 1")
    broken, told, none = await axon.many(
        [
            ({}, ["audit", "verify", "--json", "--checkpoint", kept], ""),
            ({}, ["audit", "verify"], ""),
            ({}, ["audit", "checkpoint", "--out", str(tmp_path / "none.json")], ""),
        ]
    )
    assert broken.code == told.code == none.code == Exit.AUDIT_BROKEN
    assert broken.json["roturas"] == [
        {"cadena": first["cadena"], "secuencia": 1, "motivo": "altered"}
    ]
    assert f"Cadena {first['cadena']}: la entrada 1 fue alterada" in told.out
    assert not (tmp_path / "none.json").exists()


async def test_a_trail_that_holds_and_is_not_the_kept_one_is_found(
    axon: Program, container: Container, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    order = json.dumps(example_order())
    await axon.many(
        [
            ({}, ["orders", "create", "--json"], order),
            ({}, ["audit", "checkpoint", "--out", str(kept)], ""),
        ]
    )
    await tamper(container, "TRUNCATE audit_entries")
    async with container.database.transaction("test") as session:
        await session.execute(text("ALTER TABLE audit_heads DISABLE TRIGGER USER"))
        await session.execute(text("TRUNCATE audit_heads"))
    held, compared = await axon.many(
        [
            ({}, ["audit", "verify", "--json"], ""),
            ({}, ["audit", "verify", "--json", "--checkpoint", str(kept)], ""),
        ]
    )
    assert held.code == 0
    assert compared.code == Exit.AUDIT_BROKEN
    assert compared.json["coincide_con_el_punto_de_control"] is False


@pytest.mark.parametrize("content", [None, "{}", "\x00"])
async def test_a_checkpoint_must_be_one(bare: Program, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "kept.json"
    if content is not None:
        file.write_text(content)
    (answer,) = await bare.many([({}, ["audit", "verify", "--checkpoint", str(file)], "")])
    assert answer.code == Exit.USAGE
    assert "kept.json" in answer.err


async def test_migrate_prepares_no_role_that_could_alter_the_trail(axon: Program) -> None:
    missing, owner = await axon.many(
        [
            ({}, ["migrate", "--app-role", "nobody_here", "--json"], ""),
            ({}, ["migrate", "--app-role", "axon", "--json"], ""),
        ]
    )
    assert missing.code == owner.code == Exit.REFUSED
    assert "nobody_here" in missing.json["error"]
    assert "dueño" in owner.json["error"]


async def test_the_doctor_warns_when_the_program_owns_the_trail(axon: Program) -> None:
    production = {"AXON_ENVIRONMENT": "production", "AXON_PUBLIC_URL": "https://fabrica.example"}
    at_home, served = await axon.many(
        [({}, ["doctor", "--json"], ""), (production, ["doctor", "--json"], "")]
    )
    for answer, status in ((at_home, "ok"), (served, "warning")):
        (check,) = [one for one in answer.json["checks"] if one["name"] == "Rol en PostgreSQL"]
        assert check["status"] == status
        assert "dueño" in check["detail"]
