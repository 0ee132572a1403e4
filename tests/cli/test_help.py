"""Every command teaches itself."""

import re

import pytest
from typer.testing import CliRunner

from axon_factory.cli.main import app
from tests.cli.program import Program

COMMANDS = [
    "up",
    "serve",
    "worker",
    "migrate",
    "doctor",
    "pending",
    "runtime install",
    "runtime show",
    *(f"audit {verb}" for verb in ("list", "verify", "checkpoint")),
    *(f"users {verb}" for verb in ("create", "invite", "list", "deactivate")),
    *(f"line {verb}" for verb in ("status", "pause", "drain", "stop", "resume")),
    *(
        f"notifications {verb}"
        for verb in (
            "create",
            "list",
            "show",
            "change",
            "rotate",
            "delete",
            "test",
            "deliveries",
            "delivery",
            "redeliver",
        )
    ),
    *(
        f"keys {verb}"
        for verb in ("create", "create-system", "list", "rotate", "revoke", "revoke-system")
    ),
    *(
        f"orders {verb}"
        for verb in (
            "create",
            "new",
            "show",
            "list",
            "watch",
            "result",
            "approve",
            "reject",
            "cancel",
            "retry",
            "reveal",
            "rotate-credentials",
            "erase",
            "plan",
            "edit",
            "ask",
            "budget",
            "questions",
            "answer",
            "accept",
            "correct",
            "mails",
        )
    ),
    *(f"orders links {verb}" for verb in ("list", "renew", "revoke")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_json(command: str) -> None:
    answer = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*command.split(), "--help"])
    assert answer.exit_code == 0, answer.output
    assert "Example: " in answer.output
    assert f"axon {command}" in answer.output.partition("Example: ")[2]
    assert "--json" in answer.output


def test_every_command_is_in_the_table() -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    listed: set[str] = set()
    groups = (
        *("runtime", "users", "keys", "orders", "notifications", "audit", "line"),
        "orders links",
    )
    for group in ("", *groups):
        output = runner.invoke(app, [*group.split(), "--help"]).output
        listing = output.partition("Commands:\n")[2].splitlines()
        names = [line.split()[0] for line in listing if re.match(r"  \S", line)]
        assert names
        listed |= {f"{group} {name}".strip() for name in names}
    assert listed - set(groups) == set(COMMANDS)


async def test_root_loads_no_command(bare: Program) -> None:
    answer = await bare.fresh("--help")
    assert answer.code == 0
    assert "worker" in answer.out
    version = await bare.having(PYTHONPROFILEIMPORTTIME="1").fresh("--version")
    assert version.out.startswith("axon ")
    assert "axon_factory.failpoints" in version.err
    assert "sqlalchemy" not in version.err
