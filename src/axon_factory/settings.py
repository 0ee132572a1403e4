"""The environment, read once and validated (every setting is `AXON_…`).

An unknown `AXON_` variable is an error: a misspelt setting must not be silently ignored.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

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


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")) or value.endswith("/"):
        raise ValueError("must start with http:// or https:// and have no trailing slash")
    return value


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


BaseUrl = Annotated[str, AfterValidator(_base_url)]


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
    secret_key: SecretStr | None = Field(
        None,
        description="Master key, 32 characters or more, from which every other key is derived; "
        "unset: `secrets/master.key` in the data folder.",
    )
    access_token_minutes: int = Field(
        15, ge=1, le=60, description="How long the token of a login holds."
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

    @model_validator(mode="after")
    def _check(self) -> Self:
        secret = self.secret_key.get_secret_value() if self.secret_key else None
        if secret is not None and len(secret) < _SHORTEST_SECRET:
            raise ValueError("AXON_SECRET_KEY must have at least 32 characters")
        if self.stalled_after_seconds < 2 * self.heartbeat_seconds:
            raise ValueError("AXON_STALLED_AFTER_SECONDS must be twice AXON_HEARTBEAT_SECONDS")
        if self.port_range.stop <= self.port_range.start:
            raise ValueError("AXON_PRODUCT_PORTS must be a range such as 30000-31999")
        if not self.product_url.startswith(("http://", "https://")):
            raise ValueError("AXON_PRODUCT_URL must start with http:// or https://")
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
