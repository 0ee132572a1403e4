"""All sections together, checked against one another, read from the environment."""

import os
from typing import Self

from pydantic import ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from axon_factory.settings.line import (
    AgentSettings,
    ApprovalSettings,
    PlanningSettings,
    ProductionSettings,
)
from axon_factory.settings.server import (
    AccessSettings,
    BusinessSettings,
    NotificationSettings,
    ServerSettings,
)

_PREFIX = "AXON_"
_SHORTEST_SECRET = 32
_OTHERS = ("AXON_FAILPOINT_", "AXON_TEST_")


class SettingsInvalid(Exception):
    """The environment cannot be used; the message names each variable and what it needs."""


class Settings(
    ProductionSettings,
    NotificationSettings,
    AgentSettings,
    ApprovalSettings,
    PlanningSettings,
    BusinessSettings,
    AccessSettings,
    ServerSettings,
):
    """Everything that the owner of a factory can set; docs/operations.md explains each."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

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
