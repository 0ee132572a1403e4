"""What sessions leave on the machine goes when their order is erased."""

from pathlib import Path

import pytest

from axon_factory.adapters.builder.command.runs import Run, RunBusy, forget_runs


def test_the_sessions_of_one_order_go_and_those_of_others_stay(tmp_path: Path) -> None:
    for name in ("order-1", "order-2", "other-1"):
        (tmp_path / name / "agent" / "workspace").mkdir(parents=True)
    for _ in range(2):
        forget_runs(tmp_path, "order")
    assert [path.name for path in tmp_path.iterdir()] == ["other-1"]
    forget_runs(tmp_path / "none", "order")


def test_a_session_at_work_is_not_taken_away(tmp_path: Path) -> None:
    run = Run.of(tmp_path, "order", 1)
    with run.held(), pytest.raises(RunBusy):
        forget_runs(tmp_path, "order")
    assert run.folder.is_dir()
