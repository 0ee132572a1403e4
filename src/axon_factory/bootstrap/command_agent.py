"""The command builder as the settings describe it, checked against this machine."""

import os

from axon_factory.adapters.builder.command import (
    PROFILES,
    CommandBuilder,
    CommandOptions,
    ProgramMissing,
    find_program,
)
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.settings import Settings, SettingsInvalid

_MEBIBYTE = 1024 * 1024


def command_builder_of(settings: Settings, sandbox: Sandbox) -> CommandBuilder | None:
    """Return the builder that runs a coding agent's command line; None where none is configured.

    Raises:
        SettingsInvalid: its program or a variable that it needs is not there.
    """
    wanted = "command" in {settings.builder, *settings.builder_by_type.values()}
    if not wanted and settings.agent_command_program is None:
        return None
    profile = PROFILES[settings.agent_command_profile]
    try:
        program = find_program(settings.agent_command_program, profile.program)
    except ProgramMissing as error:
        raise SettingsInvalid(f"AXON_AGENT_COMMAND_PROGRAM: {error}") from error
    missing = [str(path) for path in settings.agent_command_folders if not path.exists()]
    if missing:
        raise SettingsInvalid(f"AXON_AGENT_COMMAND_FOLDERS: not there: {', '.join(missing)}")
    options = CommandOptions(
        profile=profile,
        program=program,
        model=settings.agent_command_model,
        arguments=settings.agent_command_words,
        secrets=_environment(settings),
        folders=tuple(sorted(path.resolve() for path in settings.agent_command_folders)),
        network=settings.agent_command_network,
        seconds=settings.agent_command_minutes * 60,
        errors_seconds=settings.agent_command_errors_minutes * 60,
        poll_seconds=settings.agent_poll_seconds,
        handover=HandoverLimits(bundle_bytes=settings.agent_artifact_max_mb * _MEBIBYTE),
    )
    return CommandBuilder(settings.data_dir.absolute() / "sessions", sandbox, options)


def _environment(settings: Settings) -> dict[str, str]:
    names = settings.agent_command_environment
    missing = sorted(name for name in names if name not in os.environ)
    if missing:
        raise SettingsInvalid(
            f"AXON_AGENT_COMMAND_ENVIRONMENT names what this process does not have: "
            f"{', '.join(missing)}; set it, or take the name away"
        )
    return {name: os.environ[name] for name in sorted(names)}
