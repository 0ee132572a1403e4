"""`axon doctor` about this machine's programs."""

from pathlib import Path

import pytest

from axon_factory.cli.checks import Status, check_git


async def test_the_git_of_this_machine_hands_out_repositories() -> None:
    assert (await check_git()).status is Status.OK


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('[ "$1" = --exec-path ] && echo {folder} || echo git version 9', "git-http-backend"),
        ("exit 1", "no funciona"),
        (None, "No está instalado"),
    ],
)
async def test_a_git_that_does_not_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    if script is not None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script.format(folder=tmp_path)}\n")
        (tmp_path / "git").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = await check_git()
    assert check.status is Status.ERROR
    assert said in check.detail
    assert check.action
