"""The command builder: a coding agent's command line in the sandbox (ADR 25)."""

from axon_factory.adapters.builder.command.builder import CommandBuilder
from axon_factory.adapters.builder.command.options import (
    CommandOptions,
    Program,
    ProgramMissing,
    find_program,
)
from axon_factory.adapters.builder.command.profiles import PROFILES

__all__ = [
    "PROFILES",
    "CommandBuilder",
    "CommandOptions",
    "Program",
    "ProgramMissing",
    "find_program",
]
