"""A script that waits for the line to be drained must not go on when it is not."""

import pytest

from axon_factory.bootstrap import Container
from axon_factory.cli.line import drained
from axon_factory.cli.terminal import CliError, Exit


async def test_a_line_that_somebody_resumes_is_not_drained(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axon_factory.cli.line._WATCH_SECONDS", 0)
    watched = {"modo": "drenando", "drenada": False, "por_terminar": 1, "pasos_en_curso": 0}
    with pytest.raises(CliError, match="alguien la puso en 'activa'") as refused:
        await drained(container, watched, shown=False)  # in the database the line runs
    assert refused.value.code == Exit.REFUSED
