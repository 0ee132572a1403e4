"""How the line plans, builds, reviews and delivers, and who approves."""

import re
import shlex
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.domain.addresses import LOOPBACK, host_of
from axon_factory.domain.building import BuilderName
from axon_factory.settings.server import COMMA_SEPARATED, PER_TYPE, BaseUrl

_MODEL = re.compile(r"(?P<provider>compatible|openai|anthropic):(?P<name>[\w./:@-]{1,120})")
_MOST_MODELS = 8


class PlanningSettings(BaseSettings):
    """Which models plan; with none, the catalogue does."""

    llm_models: str = Field(
        "",
        description="Models that plan, in the order in which they are tried, separated by commas: "
        "`openai:<name>`, `anthropic:<name>` or `compatible:<name>` (an OpenAI-compatible server "
        "at `AXON_LLM_BASE_URL`). Unset: the catalogue plans.",
    )
    llm_base_url: BaseUrl | None = Field(
        None, description="Address of an OpenAI-compatible server, with its version (`…/v1`)."
    )
    llm_api_key: SecretStr | None = Field(None, description="Key for the OpenAI-compatible server.")
    llm_openai_api_key: SecretStr | None = Field(None, description="Key for OpenAI.")
    llm_anthropic_api_key: SecretStr | None = Field(None, description="Key for Anthropic.")
    llm_timeout_seconds: float = Field(
        60.0, ge=1, le=600, description="How long one request to a model may take."
    )
    llm_attempts: int = Field(
        2, ge=1, le=5, description="How often one model is asked for a plan before the next one is."
    )
    llm_max_output_tokens: int = Field(
        4000, ge=500, le=64_000, description="Longest answer of a model, in tokens."
    )
    llm_order_budget_usd: Decimal | None = Field(
        None,
        ge=0,
        description="What models may cost for one order; then the order waits for a person.",
    )
    llm_day_budget_usd: Decimal | None = Field(
        None, ge=0, description="What models may cost in a day of the business time zone."
    )
    llm_order_budget_tokens: int = Field(
        200_000, ge=1000, description="Tokens that models may use for one order."
    )
    llm_day_budget_tokens: int = Field(
        5_000_000, ge=1000, description="Tokens that models may use in a day."
    )

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """The models that plan as pairs of provider and name, in the order of trying."""
        pairs = (name.partition(":") for name in self._model_names)
        return tuple((provider, name) for provider, _, name in pairs)

    @property
    def _model_names(self) -> list[str]:
        return [name for part in self.llm_models.split(",") if (name := part.strip())]

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        names = self._model_names
        for name in names:
            if not _MODEL.fullmatch(name):
                raise ValueError(
                    f"AXON_LLM_MODELS: '{name}' is no model such as openai:gpt-5, "
                    "anthropic:claude-sonnet-5 or compatible:qwen3"
                )
        if len(set(names)) != len(names) or len(names) > _MOST_MODELS:
            raise ValueError(
                f"AXON_LLM_MODELS: each model once, and at most {_MOST_MODELS} of them"
            )
        self._check_access({provider for provider, _ in self.models})
        return self

    def _check_access(self, providers: set[str]) -> None:
        """Refuse a model that could not be asked for want of an address or a key."""
        if "compatible" in providers and self.llm_base_url is None:
            raise ValueError(
                "AXON_LLM_BASE_URL is required by the compatible: models of AXON_LLM_MODELS"
            )
        if "openai" in providers and not _is_set(self.llm_openai_api_key):
            raise ValueError(
                "AXON_LLM_OPENAI_API_KEY is required by the openai: models of AXON_LLM_MODELS"
            )
        if "anthropic" in providers and not _is_set(self.llm_anthropic_api_key):
            raise ValueError(
                "AXON_LLM_ANTHROPIC_API_KEY is required by the anthropic: models of AXON_LLM_MODELS"
            )
        url = self.llm_base_url or ""
        if url.startswith("http://") and host_of(url) not in LOOPBACK:
            raise ValueError(
                "AXON_LLM_BASE_URL must start with https:// unless the server is on this machine: "
                "keys and client data would travel unencrypted"
            )


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value().strip())


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


class ApprovalSettings(BaseSettings):
    """Approval of plans, and questions that wait for an answer."""

    auto_approve_max_price: Decimal | None = Field(
        None,
        ge=0,
        description="Price above which a plan never approves itself; unset: no limit.",
    )
    auto_approve_flagged: bool = Field(
        default=False, description="Whether plans with warnings may approve themselves too."
    )
    approval_own_orders: bool = Field(
        default=True, description="Whether whoever placed an order may approve its plan."
    )
    approval_reminder_hours: float = Field(
        4.0, gt=0, le=720, description="After how long, and how often, the approver is reminded."
    )
    approval_escalation_hours: float = Field(
        24.0, gt=0, le=2160, description="After how long a plan that waits is escalated."
    )
    escalation_email: str | None = Field(
        None, description="Who is told then; unset: the approver once more."
    )
    question_reminder_hours: float = Field(
        24.0,
        gt=0,
        le=720,
        description="After how long, and how often, whoever owes an answer is reminded.",
    )


class ProductionSettings(BaseSettings):
    """The line and its products."""

    worker_concurrency: int = Field(
        2, ge=1, le=64, description="Jobs that one worker runs at once."
    )
    heartbeat_seconds: float = Field(
        5.0, gt=0, le=60, description="How often a worker says that it lives."
    )
    stalled_after_seconds: float = Field(
        15.0,
        gt=0,
        le=600,
        description="Silence after which a worker's jobs go to others; at least two heartbeats.",
    )
    maintenance_seconds: float = Field(
        5.0, gt=0, le=300, description="Pause between a worker's rescues and sweeps."
    )
    housekeeping_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Pause between a worker's looks for what is counted in hours: reminders, "
        "silent sessions, ageing of priorities, expired keys.",
    )
    step_timeout_seconds: float = Field(
        900.0, ge=10, le=86_400, description="How long one step's port call may take."
    )
    product_watch_seconds: float = Field(
        2.0,
        gt=0,
        le=300,
        description="Pause between a worker's looks at the products of its machine; each product "
        "is asked for its health at every fifth look, and at every look while it is in trouble.",
    )

    disk_floor_mb: int = Field(
        512,
        ge=0,
        le=1024 * 1024,
        description="Free space in MB below which no step is begun; orders wait and go on by "
        "themselves. For the data folder, and for its folders that are other disks; 0: no floor.",
    )
    disk_floor_database_mb: int = Field(
        512,
        ge=0,
        le=1024 * 1024,
        description="The same for the folder of the embedded PostgreSQL.",
    )
    check_disk_mb: int = Field(
        256,
        ge=16,
        le=64 * 1024,
        description="Most that one check of a product may write to disk, in MB; it fails beyond.",
    )

    product_runtime: Path = Field(
        default_factory=lambda: Path(f"{sys.prefix}-product"),
        description="Folder of the Python environment that products share. Default: the factory's "
        "own environment with `-product` behind its name.",
    )
    product_host: str = Field("127.0.0.1", description="Address at which products listen.")
    product_url: str = Field(
        "http://127.0.0.1:{port}",
        description="How the world reaches a product; `{port}` or `{slug}` is filled in.",
    )
    product_ports: str = Field(
        "30000-31999", pattern=r"^\d{4,5}-\d{4,5}$", description="Ports that products may get."
    )
    sandbox: Literal["auto", "off"] = Field(
        "auto", description="`auto` uses bubblewrap where it works; `off` never does."
    )

    log_format: Literal["console", "json"] = Field(
        "console", description="Form of the log: lines for people, or JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged; libraries speak from `warning` on."
    )

    @property
    def port_range(self) -> range:
        """The ports that products may get."""
        first, last = self.product_ports.split("-")
        return range(int(first), int(last) + 1)
