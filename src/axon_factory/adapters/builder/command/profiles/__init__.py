"""The command lines that `command` knows, one file each."""

from collections.abc import Mapping

from axon_factory.adapters.builder.command.profiles.base import Profile
from axon_factory.adapters.builder.command.profiles.claude_code import CLAUDE_CODE
from axon_factory.adapters.builder.command.profiles.codex import CODEX
from axon_factory.adapters.builder.command.profiles.opencode import OPENCODE

__all__ = ["PROFILES", "Profile"]

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (OPENCODE, CODEX, CLAUDE_CODE)
}
"""Every profile by the name that `AXON_AGENT_COMMAND_PROFILE` takes."""
