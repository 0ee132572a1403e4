"""Tables fit their terminal: whole columns go, and no word is broken."""

from axon_factory.cli.tables import Styled, Table, facts, local_time, safe
from axon_factory.cli.terminal import paint


def orders() -> Table:
    rows = Table("Número", "Estado", "%", "Cliente", "Creada", numbers=("%",), drop=("Creada", "%"))
    rows.add("ORD-2026-001", Styled("○ nuevo", "white"), 5, "Empresa XYZ S.A.", "2026-12-01")
    return rows


def test_a_wide_terminal_shows_all() -> None:
    assert orders().lines(200) == [
        "Número        Estado   %  Cliente           Creada",
        "ORD-2026-001  ○ nuevo  5  Empresa XYZ S.A.  2026-12-01",
    ]


def test_a_narrow_one_drops_columns_and_says_which() -> None:
    lines = orders().lines(34)
    assert lines[0].split() == ["Número", "Estado", "%", "Cliente"]
    assert lines[-1] == "No caben: Creada"
    assert orders().lines(32)[0].split() == ["Número", "Estado", "Cliente"]
    assert all(word in " ".join(lines) for word in ("ORD-2026-001", "○ nuevo", "Empresa"))


def test_a_word_is_never_broken() -> None:
    lines = orders().lines(10)
    assert lines[1].startswith("ORD-2026-001  ○ nuevo  Empresa")


def test_wide_letters_keep_columns_straight() -> None:
    rows = Table("A", "B")
    rows.add("漢字", "x")
    rows.add("ab", "y")
    assert rows.lines(80) == ["A     B", "漢字  x", "ab    y"]


def test_a_long_value_goes_on_under_itself() -> None:
    lines = facts({"Motivo": "palabra " * 30})
    assert all(line.startswith(("Motivo  ", "        ")) for line in lines)


def test_hostile_text_is_harmless() -> None:
    assert safe("a\x1b[31m\nb") == "a�[31m b"
    assert paint("x", "red") == "x", "no colours where no terminal is"


def test_times_are_local_and_name_their_zone() -> None:
    zone = local_time("2025-11-14T10:00:00Z").rpartition(" ")[2]
    assert zone
    assert local_time(None) == "—"
