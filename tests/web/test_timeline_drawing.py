"""The bars of the timeline: on one axis, in their order, with words where there is room."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from axon_factory.web.desk.timeline import WIDTH, drawing_of
from axon_factory.web.language import Reader

BEGIN = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
READER = Reader(english=False, zone=ZoneInfo("America/Mexico_City"), now=BEGIN)


def span(begin: float, end: float | None, **changes: object) -> dict[str, Any]:
    """A span that begins and ends so many hours after the order."""
    return {
        "etapa": "construccion",
        "intento": 1,
        "desde": (BEGIN + timedelta(hours=begin)).isoformat(),
        "hasta": None if end is None else (BEGIN + timedelta(hours=end)).isoformat(),
        "estado": "hecho",
        "nombre": "Builder Agent",
        "titulo": "Base",
        "detalle": None,
        "pasos": [],
        **changes,
    }


def timeline(*spans: dict[str, Any], now: float = 48) -> dict[str, Any]:
    return {"ahora": (BEGIN + timedelta(hours=now)).isoformat(), "tramos": list(spans)}


def test_a_stage_and_attempt_is_one_row_whose_bars_do_not_overlap() -> None:
    drawing = drawing_of(
        timeline(
            span(0, 1, etapa="planificacion"),
            span(1, 10),
            span(10, 12, estado="fallo", titulo="Falló el cobro"),
            span(12, 20, estado="espera", nombre="Cliente", titulo="Respuesta"),
            span(20, 21, etapa="qa"),
            span(21, None, intento=2, estado="en_curso"),
            now=24,
        ),
        READER,
        by_steps=False,
    )
    assert [(row.name, row.note) for row in drawing.rows] == [
        ("Planificación", ""),
        ("Construcción", "intento 1"),
        ("Revisión", ""),
        ("Construcción", "intento 2"),
    ]
    built = drawing.rows[1]
    assert [bar.tone for bar in built.bars] == ["done", "failed", "waits"]
    assert built.failed
    assert built.says == "Falló el cobro"
    for left, right in zip(built.bars, built.bars[1:], strict=False):
        assert left.x + left.width <= right.x + 0.01
    assert drawing.now_x == WIDTH
    assert drawing.rows[3].bars[0].tone == "runs"


@pytest.mark.parametrize("hours", [0, 0.0001, 0.2, 3, 30, 400, 9000])
def test_every_bar_and_moment_is_on_the_axis_however_long_it_took(hours: float) -> None:
    drawing = drawing_of(
        timeline(span(0, hours), span(hours, hours), now=hours), READER, by_steps=False
    )
    for row in drawing.rows:
        for bar in row.bars:
            assert bar.width > 0
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.01
    assert all(0 <= tick.x <= WIDTH for tick in drawing.ticks)
    assert len(drawing.ticks) <= 8


def test_a_label_that_has_no_room_in_its_bar_stands_beside_it() -> None:
    drawing = drawing_of(
        timeline(span(0, 0.1, titulo="Corto"), span(46, 48, etapa="qa", titulo="Al final")),
        READER,
        by_steps=False,
    )
    assert drawing.rows[0].bars[0].place == "after"
    assert drawing.rows[1].bars[0].place == "before"


def test_steps_are_rows_of_their_own_with_their_failures() -> None:
    step = {
        "paso": "verificar:tests",
        "titulo": "Verifica «tests»",
        "desde": BEGIN.isoformat(),
        "hasta": None,
        "estado": "fallo",
        "veces": 3,
        "error": "2 pruebas fallan",
    }
    drawing = drawing_of(timeline(span(0, 4, pasos=[step])), READER, by_steps=True)
    (row,) = drawing.rows
    assert (row.name, row.failed) == ("Verifica «tests»", True)
    assert row.note.endswith("3")
    assert "2 pruebas fallan" in row.bars[0].tells


def test_an_order_without_a_span_has_an_empty_drawing() -> None:
    drawing = drawing_of(timeline(), READER, by_steps=False)
    assert not drawing.rows
    assert drawing.now_x is None
