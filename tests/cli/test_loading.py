"""What a command loads before it does anything: each of its uses waits for that."""

import subprocess
import sys

_NOT_NEEDED = ("fastapi", "mcp", "pydantic_ai")
_COMMANDS = ("orders", "line", "worker")


def test_a_command_loads_no_server_and_no_model() -> None:
    loaded = ", ".join(f"axon_factory.cli.{command}" for command in _COMMANDS)
    program = f"import sys, {loaded}; print(*sys.modules)"

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert set(_NOT_NEEDED) & set(ended.stdout.split()) == set()
