"""The variables that commands read: where the factory is, and who asks.

The settings of the factory itself (`settings/`) are checked with Pydantic, for which these commands
do not wait. A misspelt variable is refused here as it is there.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from axon_factory.cli.terminal import CliError, Exit, said
from axon_factory.domain.addresses import LOOPBACK

__all__ = ["KNOWN_NAMES", "check_environment", "chosen_url", "data_folder", "key_header"]

_PREFIX = "AXON_"
_OTHERS = ("AXON_FAILPOINT_", "AXON_TEST_")
_LANGUAGES = frozenset({"", "es", "en"})

_NAMES = (
    "ACCESS_TOKEN_MINUTES AGENT_A2A_TOKEN AGENT_A2A_URL AGENT_ARTIFACT_MAX_MB "
    "AGENT_COMMAND_ARGUMENTS AGENT_COMMAND_ENVIRONMENT AGENT_COMMAND_ERRORS_MINUTES "
    "AGENT_COMMAND_FOLDERS AGENT_COMMAND_MINUTES AGENT_COMMAND_MODEL AGENT_COMMAND_NETWORK "
    "AGENT_COMMAND_PROFILE AGENT_COMMAND_PROGRAM AGENT_HTTP_MODE AGENT_HTTP_TOKEN "
    "AGENT_HTTP_URL AGENT_POLL_SECONDS AGENT_SILENT_MINUTES AGENT_STOP_SECONDS "
    "AGENT_STUCK_MINUTES AGENT_TIMEOUT_SECONDS ALLOWED_HOSTS API_KEY APPROVAL_ESCALATION_HOURS "
    "APPROVAL_OWN_ORDERS APPROVAL_REMINDER_HOURS APPROVER_EMAIL AUTO_APPROVE "
    "AUTO_APPROVE_FLAGGED AUTO_APPROVE_MAX_PRICE BUILDER BUILDER_BY_TYPE CHECK_DISK_MB "
    "CLIENT_MAILS_OFF CORS_ORIGINS CURRENCY DATABASE_URL DATA_DIR DISK_FLOOR_DATABASE_MB "
    "DISK_FLOOR_MB ENVIRONMENT ESCALATION_EMAIL HEARTBEAT_SECONDS HOST HOUSEKEEPING_SECONDS "
    "INVITATION_DAYS "
    "KEEP_ALIVE_SECONDS KEY_WEBHOOK_NETWORKS LANG LLM_ANTHROPIC_API_KEY LLM_API_KEY "
    "LLM_ATTEMPTS LLM_BASE_URL LLM_DAY_BUDGET_TOKENS LLM_DAY_BUDGET_USD LLM_MAX_OUTPUT_TOKENS "
    "LLM_MODELS LLM_OPENAI_API_KEY LLM_ORDER_BUDGET_TOKENS LLM_ORDER_BUDGET_USD "
    "LLM_TIMEOUT_SECONDS LOGIN_LIMIT_ACCOUNT LOGIN_LIMIT_ADDRESS LOGIN_LIMIT_GLOBAL "
    "LOGIN_WINDOW_MINUTES LOG_FORMAT LOG_LEVEL MAIL_SENDER MAINTENANCE_SECONDS "
    "MAX_ADDRESS_BYTES MAX_BODY_BYTES MAX_BUILDS MAX_BUILDS_BY_TYPE MAX_BUILDS_PER_CLIENT "
    "MAX_HEADER_BYTES MAX_JSON_DEPTH MAX_JSON_VALUES MAX_REQUESTS_AT_ONCE MAX_REWORKS MCP "
    "PASSWORD_RESET_MINUTES "
    "PG_BIN POOL_SIZE PORT PORTAL_LINK_DAYS PROCESSES PRODUCT_HOST PRODUCT_PORTS PRODUCT_RUNTIME "
    "PRODUCT_URL PRODUCT_WATCH_SECONDS PUBLIC_URL QUESTION_REMINDER_HOURS RATE_LIMIT_ANONYMOUS "
    "RATE_LIMIT_COSTLY RATE_LIMIT_READS RATE_LIMIT_WRITES REQUEST_TIMEOUT_SECONDS SANDBOX "
    "SECRET_KEY SECRET_KEYS_PREVIOUS SESSION_DAYS SESSION_IDLE_HOURS SMTP_HOST SMTP_PASSWORD "
    "SOCKETS_AT_ONCE SOCKET_CONNECTIONS SOCKET_SUBSCRIPTIONS "
    "SMTP_PORT SMTP_SECURITY SMTP_USER STALLED_AFTER_SECONDS STEP_TIMEOUT_SECONDS SUPPORT_EMAIL "
    "TENANT TIMEZONE TRUSTED_PROXIES URL WEBHOOK_NETWORKS WEBHOOK_TIMEOUT_SECONDS "
    "WORKER_CONCURRENCY "
)
KNOWN_NAMES = frozenset(f"{_PREFIX}{name}" for name in _NAMES.split())
"""Every setting; a test compares them with `Settings`."""


def check_environment() -> None:
    """Refuse variables that are no settings: a misspelt one must not be silently ignored.

    Raises:
        CliError: there is one, or AXON_LANG names no language.
    """
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX) and not name.startswith(_OTHERS) and name not in KNOWN_NAMES
    )
    if unknown:
        names = ", ".join(unknown)
        raise _wrong(f"Variables desconocidas: {names}", f"Unknown settings: {names}")
    if os.environ.get("AXON_LANG", "") not in _LANGUAGES:
        raise _wrong("AXON_LANG debe ser es o en", "AXON_LANG must be es or en")


def data_folder(given: Path | None) -> Path:
    """Return the data folder: `given`, AXON_DATA_DIR or the default of `ServerSettings`."""
    if given is not None:
        return given
    if folder := os.environ.get("AXON_DATA_DIR"):
        return Path(folder)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "axon-factory"


def chosen_url() -> str | None:
    """Return AXON_URL without a final slash, None if it is not set.

    Raises:
        CliError: it is no address, would carry a key in clear text, or has no key.
    """
    url = os.environ.get("AXON_URL", "").rstrip("/")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        fits = fits and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        fits, parts = False, urlsplit("")
    if not fits:
        raise _wrong(
            "AXON_URL debe tener la forma https://fabrica.example",
            "AXON_URL must look like https://fabrica.example",
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise _wrong(
            "AXON_URL debe empezar con https://: por http la clave viaja sin cifrar",
            "AXON_URL must start with https://: over http the key travels in clear text",
        )
    if not os.environ.get("AXON_API_KEY"):
        raise _wrong(
            "AXON_URL necesita AXON_API_KEY: la credencial local no sirve en otra fábrica",
            "AXON_URL needs AXON_API_KEY: the local credential serves at no other factory",
        )
    return url


def key_header() -> dict[str, str]:
    """Return the header of AXON_API_KEY; empty if it is not set.

    Raises:
        CliError: it is none that a header can carry.
    """
    key = os.environ.get("AXON_API_KEY", "")
    if not key:
        return {}
    if not key.startswith("axk_") or not key.isascii() or not key.isprintable():
        raise _wrong(
            "AXON_API_KEY debe ser una clave de `axon keys create`: empieza con axk_",
            "AXON_API_KEY must be a key of `axon keys create`: it begins with axk_",
        )
    return {"X-API-Key": key}


def _wrong(spanish: str, in_english: str) -> CliError:
    return CliError(Exit.SETTINGS, said(spanish, in_english))
