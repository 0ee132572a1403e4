"""A script that waits for the line to be drained must not go on when it is not."""

from typing import Any, cast

import pytest

from axon_factory.cli import line
from axon_factory.cli.client import Factory
from axon_factory.cli.terminal import CliError, Exit


class _Resumed:
    """A factory whose line somebody has resumed."""

    def get(self, *_path: str) -> dict[str, Any]:
        return {"modo": "activa", "drenada": False, "por_terminar": 0, "pasos_en_curso": 0}


def test_a_line_that_somebody_resumes_is_not_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_WATCH_SECONDS", 0)
    watched = {"modo": "drenando", "drenada": False, "por_terminar": 1, "pasos_en_curso": 0}
    with pytest.raises(CliError, match="alguien la puso en 'activa'") as refused:
        line.drained(cast("Factory", _Resumed()), watched)
    assert refused.value.code == Exit.REFUSED
