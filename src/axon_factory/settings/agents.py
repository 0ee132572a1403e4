"""Agents that build: which, where they are, how long they may be silent."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.domain.addresses import LOOPBACK, host_of
from axon_factory.domain.building import BuilderName
from axon_factory.settings.values import COMMA_SEPARATED, PER_TYPE, BaseUrl

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_RESERVED = frozenset({"PATH", "HOME", "LANG", "LD_PRELOAD", "LD_LIBRARY_PATH"})


def _shell_words(value: str) -> str:
    try:
        shlex.split(value)
    except ValueError as error:
        raise ValueError(f"is not quoted as in a shell: {error}") from None
    return value


def _variable_name(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"'{name}' cannot name a variable")
    if name.startswith("AXON_") or name in _RESERVED:
        raise ValueError(f"{name} is not for agents")
    return name


VariableName = Annotated[str, AfterValidator(_variable_name)]


class AgentSettings(BaseSettings):
    """Who builds, and how it is watched."""

    builder: BuilderName = Field(
        BuilderName.TEMPLATES,
        description="Who builds: `templates` (the factory itself), `http` (an Autonomous Agent's "
        "API), `a2a` (any agent that speaks A2A) or `command` (a coding agent's command line).",
    )
    builder_by_type: Annotated[Mapping[str, BuilderName], NoDecode, *PER_TYPE] = Field(
        default_factory=dict[str, BuilderName],
        description="Who builds products of a type, where it is somebody else: "
        "`webhook_service=command, autopilot_ventas=http`.",
    )
    agent_http_url: BaseUrl | None = Field(
        None, description="Address of the Autonomous Agent's API; `http` needs it."
    )
    agent_http_token: SecretStr | None = Field(None, description="Bearer token for it.")
    agent_http_mode: str = Field(
        "balanced", min_length=1, max_length=40, description="Mode in which it is to work."
    )
    agent_a2a_url: BaseUrl | None = Field(
        None, description="Address of the A2A agent, where its card is found; `a2a` needs it."
    )
    agent_a2a_token: SecretStr | None = Field(None, description="Bearer token for it.")
    agent_command_profile: Literal["opencode", "codex", "claude-code"] = Field(
        "opencode", description="Which command line `command` runs."
    )
    agent_command_program: Path | None = Field(
        None, description="Its program; unset: looked up in `PATH` under its usual name."
    )
    agent_command_model: str | None = Field(
        None, max_length=200, description="Model that it is told to use; unset: its own choice."
    )
    agent_command_arguments: Annotated[str, AfterValidator(_shell_words)] = Field(
        "",
        max_length=4000,
        description="Further words of its command line, quoted as in a shell: "
        "`-c model_provider=mine`. Everybody on the machine can read them: no secrets.",
    )
    agent_command_environment: Annotated[frozenset[VariableName], NoDecode, COMMA_SEPARATED] = (
        Field(
            default_factory=frozenset[str],
            description="Names of variables of the worker's environment, separated by commas, that "
            "the command line gets besides `PATH`, `HOME` and `LANG`: its provider's key, say. The "
            "factory's own (`AXON_…`) are refused.",
        )
    )
    agent_command_folders: Annotated[frozenset[Path], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=frozenset[Path],
        description="Files and folders, separated by commas, that it may read besides its program "
        "and the system's: its configuration, certificates.",
    )
    agent_command_minutes: float = Field(
        60.0, gt=0, le=1440, description="How long one run of the command line may take."
    )
    agent_command_errors_minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        description="How long the command line may say nothing but errors, such as a model that "
        "cannot be reached, before the order fails with the cause `agente_sin_avance`.",
    )
    agent_command_network: bool = Field(
        default=True, description="Whether the command line may use the network: a model is there."
    )
    agent_poll_seconds: float = Field(
        15.0, ge=0.05, le=600, description="How often an agent that works elsewhere is looked at."
    )
    agent_timeout_seconds: float = Field(
        30.0, ge=1, le=600, description="How long one request to an agent may take."
    )
    agent_stop_seconds: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="How long an agent may take to confirm that it stopped; then it is forced.",
    )
    agent_artifact_max_mb: int = Field(
        100, ge=1, le=2000, description="Largest repository that an agent may hand over."
    )
    agent_silent_minutes: float = Field(
        5.0, gt=0, le=1440, description="Silence after which a session is shown as `sin_respuesta`."
    )
    agent_stuck_minutes: float = Field(
        30.0, gt=0, le=10_080, description="Silence after which it is shown as `estancado`."
    )
    max_builds: int = Field(
        0, ge=0, le=10_000, description="Orders that are built at once; 0: no limit."
    )
    max_builds_per_client: int = Field(
        0, ge=0, le=10_000, description="Orders of one client that are built at once; 0: no limit."
    )
    max_builds_by_type: Annotated[Mapping[str, int], NoDecode, *PER_TYPE] = Field(
        default_factory=dict[str, int],
        description="Orders of a type that are built at once: `autopilot_ventas=2`.",
    )

    @property
    def chosen_builders(self) -> frozenset[BuilderName]:
        """The builders that orders can go to."""
        return frozenset({self.builder, *self.builder_by_type.values()})

    @property
    def offered_builders(self) -> frozenset[BuilderName]:
        """Those and the builders that an order may name for itself."""
        configured: dict[BuilderName, object] = {
            BuilderName.TEMPLATES: True,
            BuilderName.HTTP: self.agent_http_url,
            BuilderName.A2A: self.agent_a2a_url,
            BuilderName.COMMAND: self.agent_command_program,
        }
        return self.chosen_builders | {name for name, place in configured.items() if place}

    @model_validator(mode="after")
    def _check_addresses(self) -> Self:
        for name, url in (("http", self.agent_http_url), ("a2a", self.agent_a2a_url)):
            variable = f"AXON_AGENT_{name.upper()}_URL"
            if url is None and name in self.chosen_builders:
                raise ValueError(f"{variable} is required by the builder {name}")
            if url is not None and not url.startswith("https://") and host_of(url) not in LOOPBACK:
                raise ValueError(
                    f"{variable} must start with https:// unless the agent is on this machine"
                )
        return self

    @property
    def agent_command_words(self) -> tuple[str, ...]:
        """The further words of the command line."""
        return tuple(shlex.split(self.agent_command_arguments))
