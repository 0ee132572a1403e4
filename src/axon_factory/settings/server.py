"""Where the API listens, what it keeps, and what of a request it takes."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.domain import addresses
from axon_factory.settings.values import COMMA_SEPARATED, BaseUrl, Host, Network, Origin


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
    mcp: bool = Field(
        default=True, description="Whether the API also answers assistants at `/mcp` (MCP)."
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
