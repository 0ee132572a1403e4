"""The environment, read once and validated (every setting is `AXON_…`).

An unknown `AXON_` variable is an error: a misspelt setting must not be silently ignored.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from axon_factory.domain import addresses
from axon_factory.domain.catalogue import PRODUCT_TYPES

__all__ = ["Settings", "SettingsInvalid", "load_settings"]

_PREFIX = "AXON_"
_SHORTEST_SECRET = 32
_OTHERS = ("AXON_FAILPOINT_", "AXON_TEST_")


class SettingsInvalid(Exception):
    """The environment cannot be used; the message names each variable and what it needs."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{value}' is no time zone, for example America/Mexico_City") from None
    return value


def _comma_separated(value: object) -> object:
    """Split a variable into its items; Pydantic would expect JSON."""
    if not isinstance(value, str):
        return value
    return frozenset(item.strip() for item in value.split(",") if item.strip())


def _product_types(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = {name.strip() for name in value.split(",") if name.strip()}
    unknown = names - set(PRODUCT_TYPES)
    if unknown:
        raise ValueError(f"unknown product types: {', '.join(sorted(unknown))}")
    return frozenset(names)


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "axon-factory"


BaseUrl = Annotated[str, AfterValidator(addresses.base_url)]
Host = Annotated[str, AfterValidator(addresses.host_name)]
Network = Annotated[str, AfterValidator(addresses.network)]
Origin = Annotated[str, AfterValidator(addresses.origin)]
_COMMA_SEPARATED = BeforeValidator(_comma_separated)


class Settings(BaseSettings):
    """Everything that the owner of a factory can set; docs/operations.md explains each."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    environment: Literal["local", "production"] = Field(
        "local", description="`production` requires secret key, database URL and an https URL."
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder with everything that the factory keeps. Default: "
        "`axon-factory` in `$XDG_DATA_HOME`, or in `~/.local/share`.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host:5432/name` of a PostgreSQL 14 to 18; unset: "
        "the embedded server of `axon up`.",
    )
    pg_bin: Path | None = Field(
        None,
        description="Folder with other programs of PostgreSQL for the embedded server.",
    )
    pool_size: int = Field(
        10, ge=2, le=200, description="Most connections of one process's pool to the database."
    )
    host: str = Field("127.0.0.1", description="Address at which the API and the pages listen.")
    port: int = Field(8000, ge=1, le=65535, description="Port at which they listen.")
    public_url: BaseUrl | None = Field(
        None,
        description="How the world reaches the API; it stands in mails and links. Unset: host and "
        "port.",
    )
    max_body_bytes: int = Field(
        256 * 1024,
        ge=1024,
        le=16 * 1024 * 1024,
        description="Largest request body that is read; a larger one is answered 413.",
    )
    max_header_bytes: int = Field(
        32 * 1024, ge=4096, le=64 * 1024, description="Most bytes of header fields; else 431."
    )
    max_address_bytes: int = Field(
        8 * 1024, ge=1024, le=32 * 1024, description="Longest path with query; else 414."
    )
    max_json_depth: int = Field(
        32, ge=4, le=128, description="Most lists and objects inside one another in a body."
    )
    max_json_values: int = Field(
        2000, ge=100, le=100_000, description="Most values in a body, containers counted."
    )
    max_requests_at_once: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="Requests that one process works on at once, live streams counted; else 503.",
    )
    request_timeout_seconds: float = Field(
        15.0, ge=1, le=300, description="In which a request must have arrived whole; else 408."
    )
    keep_alive_seconds: int = Field(
        20, ge=1, le=3600, description="After which an idle connection is closed."
    )
    allowed_hosts: Annotated[frozenset[Host], NoDecode, _COMMA_SEPARATED] = Field(
        frozenset(),
        description="Further host names that requests may name, separated by commas. With this or "
        "`AXON_PUBLIC_URL` set, any but these, the public URL's and loopback are answered 421.",
    )
    cors_origins: Annotated[frozenset[Origin], NoDecode, _COMMA_SEPARATED] = Field(
        frozenset(),
        description="Origins whose scripts may use the API, separated by commas: exact, with "
        "https (http on loopback only).",
    )
    trusted_proxies: Annotated[frozenset[Network], NoDecode, _COMMA_SEPARATED] = Field(
        frozenset(),
        description="Addresses and networks, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed.",
    )
    rate_limit_reads: int = Field(
        600, ge=0, le=1_000_000, description="Reads a minute of one principal; 0: no limit."
    )
    rate_limit_writes: int = Field(
        120, ge=0, le=1_000_000, description="Writes a minute of one principal; 0: no limit."
    )
    rate_limit_costly: int = Field(
        30,
        ge=0,
        le=1_000_000,
        description="Writes a minute of one principal that cost more: revealing credentials, bulk, "
        "accounts and keys; 0: no limit.",
    )
    rate_limit_anonymous: int = Field(
        300,
        ge=0,
        le=1_000_000,
        description="Requests a minute without a valid credential from one address (of IPv6: one "
        "/64 network); 0: no limit.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Master key, 32 characters or more, from which every other key is derived; "
        "unset: `secrets/master.key` in the data folder.",
    )
    secret_keys_previous: SecretStr | None = Field(
        None,
        description="Master keys that served before, separated by commas: what they sealed or "
        "signed is still read.",
    )
    access_token_minutes: int = Field(
        15, ge=1, le=60, description="How long the access token of a login holds."
    )
    session_days: int = Field(
        7, ge=1, le=90, description="How long after a login its refresh tokens serve at most."
    )
    session_idle_hours: int = Field(
        24, ge=1, le=2160, description="How long a refresh token serves that is not used."
    )
    login_limit_account: int = Field(
        10, ge=1, le=1000, description="Logins of one account that may fail in a window."
    )
    login_limit_address: int = Field(
        10,
        ge=1,
        le=100_000,
        description="Logins from one address (of IPv6: one /64 network) that may fail in a window.",
    )
    login_limit_global: int = Field(
        1000, ge=1, le=1_000_000, description="Logins that may fail in a window altogether."
    )
    login_window_minutes: int = Field(
        5, ge=1, le=1440, description="Window of these limits; it opens with the first failure."
    )

    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "America/Mexico_City",
        description="Business time zone: the year of an order number is counted in it.",
    )
    currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="Currency that is written on new orders."
    )
    tenant: str = Field(
        "default",
        min_length=1,
        max_length=100,
        description="Name that is written on new orders; nothing is separated by it.",
    )
    approver_email: str = Field(
        "aprobacion@axon88.com",
        description="Who is told of plans that wait, failures and decisions.",
    )
    support_email: str = Field(
        "support@axon88.com", description="Address that clients see in mails and on the portal."
    )
    mail_sender: str = Field("fabrica@axon88.com", description="Sender of all mail.")
    auto_approve: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="Product types, separated by commas, whose plans approve themselves.",
    )
    max_reworks: int = Field(
        3,
        ge=0,
        le=10,
        description="How often the council may send a product back before a person decides.",
    )

    worker_concurrency: int = Field(
        2, ge=1, le=64, description="Jobs that one worker runs at once."
    )
    heartbeat_seconds: float = Field(
        2.0, gt=0, le=60, description="How often a worker says that it lives."
    )
    stalled_after_seconds: float = Field(
        15.0,
        gt=0,
        le=600,
        description="Silence after which a worker's jobs go to others; at least two heartbeats.",
    )
    maintenance_seconds: float = Field(
        3.0, gt=0, le=300, description="Pause between a worker's rescues, sweeps and ageing."
    )
    step_timeout_seconds: float = Field(
        900.0, ge=10, le=86_400, description="How long one step's port call may take."
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
    def base_url(self) -> str:
        """How the world reaches the API: the public URL, or host and port."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which the API answers; empty: under any."""
        if self.public_url is None and not self.allowed_hosts:
            return frozenset()
        return self.allowed_hosts | addresses.LOOPBACK | {addresses.host_of(self.base_url)}

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone: an order's year is counted in it."""
        return ZoneInfo(self.timezone)

    @property
    def port_range(self) -> range:
        """The ports that products may get."""
        first, last = self.product_ports.split("-")
        return range(int(first), int(last) + 1)

    @model_validator(mode="before")
    @classmethod
    def _split_types(cls, values: object) -> object:
        if isinstance(values, dict) and "auto_approve" in values:
            values["auto_approve"] = _product_types(values["auto_approve"])  # pyright: ignore[reportUnknownArgumentType] — the environment's own dictionary
        return values  # pyright: ignore[reportUnknownVariableType] — see above

    @property
    def previous_secrets(self) -> tuple[str, ...]:
        """The master keys that served before."""
        given = self.secret_keys_previous
        parts = given.get_secret_value().split(",") if given else []
        return tuple(part.strip() for part in parts if part.strip())

    @model_validator(mode="after")
    def _check(self) -> Self:
        secret = self.secret_key.get_secret_value() if self.secret_key else None
        if secret is not None and len(secret) < _SHORTEST_SECRET:
            raise ValueError("AXON_SECRET_KEY must have at least 32 characters")
        if any(len(previous) < _SHORTEST_SECRET for previous in self.previous_secrets):
            raise ValueError("each of AXON_SECRET_KEYS_PREVIOUS must have at least 32 characters")
        if self.stalled_after_seconds < 2 * self.heartbeat_seconds:
            raise ValueError("AXON_STALLED_AFTER_SECONDS must be twice AXON_HEARTBEAT_SECONDS")
        if self.port_range.stop <= self.port_range.start:
            raise ValueError("AXON_PRODUCT_PORTS must be a range such as 30000-31999")
        if not self.product_url.startswith(("http://", "https://")):
            raise ValueError("AXON_PRODUCT_URL must start with http:// or https://")
        if self.session_idle_hours > 24 * self.session_days:
            raise ValueError("AXON_SESSION_IDLE_HOURS must not exceed AXON_SESSION_DAYS")
        if self.login_limit_global < max(self.login_limit_account, self.login_limit_address):
            raise ValueError("AXON_LOGIN_LIMIT_GLOBAL must be the largest of the login limits")
        if self.environment == "production":
            self._check_production()
        return self

    def _check_production(self) -> None:
        if self.secret_key is None:
            raise ValueError("AXON_SECRET_KEY is required in production")
        if not (self.public_url or "").startswith("https://"):
            raise ValueError("AXON_PUBLIC_URL must be an https:// address in production")
        if self.database_url is None:
            raise ValueError("AXON_DATABASE_URL is required in production")


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` (from the command line) win, None leaves it.

    Raises:
        SettingsInvalid: naming each wrong or unknown variable.
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX) and not name.startswith(_OTHERS) and name not in known
    )
    if unknown:
        raise SettingsInvalid(f"Unknown settings: {', '.join(unknown)}")
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # pyright: ignore[reportArgumentType] — validated by Pydantic
    except ValidationError as error:
        raise SettingsInvalid(
            "; ".join(
                f"{_PREFIX}{'.'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
                if item["loc"]
                else item["msg"].removeprefix("Value error, ")
                for item in error.errors(include_url=False)
            )
        ) from None
