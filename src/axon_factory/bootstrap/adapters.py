"""Builds the adapters that the settings choose."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.outside import ChosenBuilder
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.mailer import MaildirMailer, SmtpMailer, SmtpServer
from axon_factory.adapters.notifier import ChosenNotifier, SlackNotifier, WebhookNotifier
from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.options import key_outbound_rules, outbound_rules
from axon_factory.domain.messages import Channel
from axon_factory.ports.builder import AgentBuilder, Builder
from axon_factory.ports.messages import Mailer, Notifier
from axon_factory.ports.planner import Planner
from axon_factory.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from axon_factory.adapters.builder.command import CommandBuilder

_MEBIBYTE = 2**20


def builders_of(settings: Settings, sandbox: Sandbox) -> Builder:
    """Return the builder of the line: it hands each order to the one chosen for it.

    `sandbox` is where agents of the command line run.

    Raises:
        SettingsInvalid: a chosen agent cannot be run on this machine.
    """
    return ChosenBuilder({"templates": TemplateBuilder(), **agents_of(settings, sandbox)})


def agents_of(settings: Settings, sandbox: Sandbox) -> dict[str, AgentBuilder]:
    """Return the builders that hand the work to an agent, by name.

    An agent that is configured is offered even where the settings choose another: orders that were
    given to it before go on with it.

    Raises:
        SettingsInvalid: a chosen agent cannot be run on this machine.
    """
    agents: dict[str, AgentBuilder] = {}
    if settings.agent_http_url is not None:
        agents["http"] = _http(settings, settings.agent_http_url)
    if settings.agent_a2a_url is not None:
        agents["a2a"] = _a2a(settings, settings.agent_a2a_url)
    command = command_builder_of(settings, sandbox)
    if command is not None:
        agents["command"] = command
    return agents


def _http(settings: Settings, url: str) -> AgentBuilder:
    from axon_factory.adapters.builder.http import (  # noqa: PLC0415 — for few factories
        AgentAddress,
        HttpBuilder,
    )

    token = settings.agent_http_token
    address = AgentAddress(
        url=url,
        token=token.get_secret_value() if token else None,
        timeout_seconds=settings.agent_timeout_seconds,
        max_bundle_bytes=settings.agent_artifact_max_mb * _MEBIBYTE,
    )
    return HttpBuilder(
        address, mode=settings.agent_http_mode, poll_seconds=settings.agent_poll_seconds
    )


def _a2a(settings: Settings, url: str) -> AgentBuilder:
    from axon_factory.adapters.builder.a2a import (  # noqa: PLC0415 — a second, for few factories
        A2ABuilder,
        A2AOptions,
    )

    token = settings.agent_a2a_token
    limits = HandoverLimits(bundle_bytes=settings.agent_artifact_max_mb * _MEBIBYTE)
    options = A2AOptions(
        url=url,
        token=token.get_secret_value() if token else None,
        timeout_seconds=settings.agent_timeout_seconds,
        poll_seconds=settings.agent_poll_seconds,
        max_artifact_bytes=limits.bundle_bytes,
    )
    return A2ABuilder(options, limits)


def command_builder_of(settings: Settings, sandbox: Sandbox) -> "CommandBuilder | None":
    """Return the builder that runs a coding agent's command line; None where none is configured.

    Raises:
        SettingsInvalid: its program or a variable that it needs is not there.
    """
    wanted = "command" in {settings.builder, *settings.builder_by_type.values()}
    if not wanted and settings.agent_command_program is None:
        return None
    from axon_factory.adapters.builder.command import (  # noqa: PLC0415 — for few factories
        PROFILES,
        CommandBuilder,
        CommandOptions,
        ProgramMissing,
        find_program,
    )

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


_SHARE_OF_STEP = 0.8
"""How much of a step's time models may take: the rest is the catalogue's, which plans at last."""


def planner_of(settings: Settings) -> Planner:
    """Return the planner of the line: the models', if any are named, else the catalogue's."""
    return _of_models(settings) if settings.models else CataloguePlanner()


def _of_models(settings: Settings) -> Planner:
    from axon_factory.adapters.planner.llm import (  # noqa: PLC0415 — takes a second and more to import
        Limits,
        LlmPlanner,
        ModelAddress,
        ModelRouter,
        Provider,
    )

    keys = {
        Provider.COMPATIBLE: settings.llm_api_key,
        Provider.OPENAI: settings.llm_openai_api_key,
        Provider.ANTHROPIC: settings.llm_anthropic_api_key,
    }
    addresses: list[ModelAddress] = []
    for named, model in settings.models:
        provider = Provider(named)
        key = keys[provider]
        addresses.append(
            ModelAddress(
                provider,
                model,
                api_key=key.get_secret_value() if key else None,
                base_url=settings.llm_base_url if provider is Provider.COMPATIBLE else None,
            )
        )
    limits = Limits(
        attempts=settings.llm_attempts,
        timeout_seconds=settings.llm_timeout_seconds,
        total_seconds=settings.step_timeout_seconds * _SHARE_OF_STEP,
        max_output_tokens=settings.llm_max_output_tokens,
    )
    return LlmPlanner(ModelRouter(addresses, limits))


def mailer_of(settings: Settings, maildir: Path) -> Mailer:
    """Return the mailer of the line; `maildir` keeps mail while there is no mail server."""
    if settings.smtp_host is None:
        return MaildirMailer(maildir, settings.mail_sender)
    password = settings.smtp_password
    server = SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_user,
        password.get_secret_value() if password else None,
    )
    return SmtpMailer(server, settings.mail_sender)


def notifier_of(settings: Settings) -> Notifier:
    """Return the notifier of the line."""
    timeout = settings.webhook_timeout_seconds
    http = GuardedHttp(outbound_rules(settings), timeout_seconds=timeout)
    http_of_keys = GuardedHttp(key_outbound_rules(settings), timeout_seconds=timeout)
    return ChosenNotifier(
        {Channel.WEBHOOK: WebhookNotifier(http), Channel.SLACK: SlackNotifier(http)},
        of_keys={Channel.WEBHOOK: WebhookNotifier(http_of_keys)},
    )
