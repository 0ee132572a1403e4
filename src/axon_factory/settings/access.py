"""Keys, sessions and logins."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class AccessSettings(BaseSettings):
    """Who gets in, and for how long."""

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
    portal_link_days: int = Field(
        365,
        ge=0,
        le=3650,
        description="How many days a link to a client's portal serves, from its issue; 0: until it "
        "is revoked. Links that are issued already keep theirs.",
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

    @property
    def previous_secrets(self) -> tuple[str, ...]:
        """The master keys that served before."""
        given = self.secret_keys_previous
        parts = given.get_secret_value().split(",") if given else []
        return tuple(part.strip() for part in parts if part.strip())
