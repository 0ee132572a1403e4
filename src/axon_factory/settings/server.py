"""How the factory is reached, by whom, and whom it tells; kinds of values that sections share."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.domain import addresses
from axon_factory.domain.addresses import LOOPBACK
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.messages import ClientMail

ALL_MAILS = "todos"
"""Stands for every kind of mail to clients."""


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


def _known_types(names: frozenset[str]) -> frozenset[str]:
    unknown = names - set(PRODUCT_TYPES)
    if unknown:
        raise ValueError(f"unknown product types: {', '.join(sorted(unknown))}")
    return names


def _per_type(value: object) -> object:
    """Split "autopilot_whatsapp=http, webhook_service=command" into its pairs."""
    if not isinstance(value, str):
        return value
    pairs = [item.partition("=") for item in value.split(",") if item.strip()]
    if any(not (sign and name.strip() and chosen.strip()) for name, sign, chosen in pairs):
        raise ValueError("must be pairs such as webhook_service=templates, separated by commas")
    return {name.strip(): chosen.strip() for name, _, chosen in pairs}


def _known_mails(names: frozenset[str]) -> frozenset[ClientMail]:
    """Return the kinds of mail that are named; `todos` names every kind."""
    unknown = names - set(ClientMail) - {ALL_MAILS}
    if unknown:
        known = ", ".join((*ClientMail, ALL_MAILS))
        raise ValueError(f"unknown mails: {', '.join(sorted(unknown))}; known are {known}")
    if ALL_MAILS in names:
        return frozenset(ClientMail)
    return frozenset(ClientMail(name) for name in names)


def _keys_known(value: Mapping[str, object]) -> Mapping[str, object]:
    _known_types(frozenset(value))
    return value


ClientMails = Annotated[frozenset[str], AfterValidator(_known_mails)]
BaseUrl = Annotated[str, AfterValidator(addresses.base_url)]
Host = Annotated[str, AfterValidator(addresses.host_name)]
Network = Annotated[str, AfterValidator(addresses.network)]
Origin = Annotated[str, AfterValidator(addresses.origin)]
TimeZone = Annotated[str, AfterValidator(_zone)]
TypeNames = Annotated[frozenset[str], AfterValidator(_known_types)]
COMMA_SEPARATED = BeforeValidator(_comma_separated)
PER_TYPE = (BeforeValidator(_per_type), AfterValidator(_keys_known))
"""Validators of a mapping from product types to something, written as pairs."""


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "axon-factory"


class ServerSettings(BaseSettings):
    """The server and its limits."""

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
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that answer at the port, each with a pool of its own.",
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
    sockets_at_once: int = Field(
        10_000, ge=10, le=100_000, description="WebSockets that one process holds; else 503."
    )
    socket_connections: int = Field(
        50, ge=1, le=10_000, description="WebSockets of one account at one process."
    )
    socket_subscriptions: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="Orders, or sets of filters, that one account follows at one process.",
    )
    mcp: bool = Field(
        default=True, description="Whether the API also answers assistants at `/mcp` (MCP)."
    )
    url: BaseUrl | None = Field(
        None,
        description="Address of another factory that commands ask, with `AXON_API_KEY`; https, or "
        "http on this machine. Unset: the factory that runs on the data folder.",
    )
    api_key: SecretStr | None = Field(
        None, description="API key that commands ask with; unset: this machine's credential."
    )
    lang: Literal["es", "en"] = Field(
        "es", description="Language of the commands' questions and errors."
    )
    allowed_hosts: Annotated[frozenset[Host], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Further host names that requests may name, separated by commas. With this or "
        "`AXON_PUBLIC_URL` set, any but these, the public URL's and loopback are answered 421.",
    )
    cors_origins: Annotated[frozenset[Origin], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Origins whose scripts may use the API, separated by commas: exact, with "
        "https (http on loopback only).",
    )
    trusted_proxies: Annotated[frozenset[Network], NoDecode, COMMA_SEPARATED] = Field(
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
    invitation_days: int = Field(
        7,
        ge=1,
        le=30,
        description="How many days an invitation serves, by which a user chooses a password.",
    )
    password_reset_minutes: int = Field(
        60, ge=5, le=1440, description="How many minutes a link to another password serves."
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


class NotificationSettings(BaseSettings):
    """Mail and webhooks."""

    smtp_host: Host | None = Field(
        None, description="Mail server; unset: mail is kept in the folder `mail`."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to it is protected; `none` only on loopback."
    )
    smtp_user: str | None = Field(None, description="Account at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Its password.")
    client_mails_off: Annotated[ClientMails, NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Kinds of mail that clients do not get, separated by commas: "
        f"{', '.join(ClientMail)}; or `{ALL_MAILS}`.",
    )
    webhook_networks: Annotated[frozenset[Network], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Networks, separated by commas, that webhooks may reach although they are not "
        "public; http and any port are allowed there.",
    )
    key_webhook_networks: Annotated[frozenset[Network], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="The same for webhooks that API keys register: a program names the address, so "
        "`AXON_WEBHOOK_NETWORKS` does not count for them.",
    )
    webhook_timeout_seconds: float = Field(
        10.0, ge=1, le=60, description="How long the delivery of one webhook may take."
    )

    @model_validator(mode="after")
    def _check_mail(self) -> Self:
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("AXON_SMTP_USER and AXON_SMTP_PASSWORD must be set together")
        if self.smtp_host is None:
            if self.smtp_user is not None:
                raise ValueError("AXON_SMTP_USER needs AXON_SMTP_HOST")
        elif self.smtp_security == "none" and self.smtp_host not in LOOPBACK:
            raise ValueError(
                "AXON_SMTP_SECURITY may be none only if AXON_SMTP_HOST is localhost, 127.0.0.1 or "
                "::1; use starttls (port 587) or tls (port 465)"
            )
        return self


class BusinessSettings(BaseSettings):
    """Names, money, and who decides."""

    timezone: TimeZone = Field(
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
    auto_approve: Annotated[TypeNames, NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Product types, separated by commas, whose plans approve themselves.",
    )
    max_reworks: int = Field(
        3,
        ge=0,
        le=10,
        description="How often the council may send a product back before a person decides.",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone: an order's year is counted in it."""
        return ZoneInfo(self.timezone)
