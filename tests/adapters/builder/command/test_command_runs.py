"""What a run remembers on disk is read by later versions of the factory, and by earlier ones."""

import json
from pathlib import Path

from axon_factory.adapters.builder.command.runs import Run, RunState

KEPT = {
    "run": 2,
    "output_from": 5,
    "taken": "1-2",
    "proven": [],
    "question": None,
    "answers": [],
    "finished": None,
    "base": None,
}


def test_the_state_of_a_run_keeps_its_names(tmp_path: Path) -> None:
    run = Run.of(tmp_path, "order", 1)
    run.folder.mkdir()
    (run.folder / "state.json").write_text(json.dumps(KEPT), encoding="utf-8")
    state = run.state()
    assert state == RunState(launch=2, output_from=5, taken="1-2")
    assert run.remember(state, launch=3) == run.state()
    assert json.loads((run.folder / "state.json").read_text(encoding="utf-8")) == KEPT | {"run": 3}
