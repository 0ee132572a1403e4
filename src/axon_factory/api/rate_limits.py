"""How many requests a caller may send a minute, counted in PostgreSQL for all processes together.

A process does not write once per request: it *leases* a handful of requests from the caller's
window with one UPSERT and counts them off itself. Leased requests are paid for in advance, so that
no window ever lets more pass than its quota, however many processes there are. What a lease costs
is the other side: of P processes, each may sit on a lease it does not use, and a caller may be
refused up to (P - 1) x (lease - 1) requests early. Windows are fixed, so around the end of one up
to twice the quota can pass within a minute.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from time import monotonic
from types import MappingProxyType

import structlog
from fastapi import Request
from sqlalchemy import text
from starlette.requests import HTTPConnection

from axon_factory.api.refusals import TooManyRequests
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.errors import Unavailable
from axon_factory.domain.permissions import Action, Principal

__all__ = [
    "WINDOW_SECONDS",
    "Charge",
    "Kind",
    "Quotas",
    "RateLimits",
    "charge_address",
    "charge_principal",
]

WINDOW_SECONDS = 60
_USUAL_LEASE = 20
_LEASES_A_WINDOW = 20
_LEASES_OF_LARGE_QUOTAS = 200
_PATIENCE_SECONDS = 1.0
_OPEN_SECONDS = 1.0
_SWEEP_SECONDS = 600.0
_MOST_ACCOUNTS = 10_000
_IPV6_SITE = 64

_LEASE = text(
    """
    INSERT INTO rate_limits AS kept (bucket, used, granted, window_ends)
    VALUES (:bucket, :want, :want, now() + make_interval(secs => :window))
    ON CONFLICT (bucket) DO UPDATE SET
        used = CASE WHEN kept.window_ends <= now() THEN excluded.used
            ELSE LEAST(:quota, kept.used + :want) END,
        granted = CASE WHEN kept.window_ends <= now() THEN excluded.granted
            ELSE GREATEST(0, LEAST(:want, :quota - kept.used)) END,
        window_ends = CASE WHEN kept.window_ends <= now() THEN excluded.window_ends
            ELSE kept.window_ends END
    RETURNING granted, used, extract(epoch FROM window_ends - now())::float8 AS seconds
    """
)
_SWEEP = text("DELETE FROM rate_limits WHERE window_ends < now() - interval '1 hour'")

_log = structlog.get_logger(__name__)


class Kind(StrEnum):
    """The policies, as `RateLimit-Policy` names them."""

    READS = "lecturas"
    WRITES = "escrituras"
    COSTLY = "costosas"
    ANONYMOUS = "anonimas"


# They hash passwords, open or make sealed secrets, restart products, or write hundreds of rows.
_COSTLY = frozenset(
    {
        Action.BULK_ORDERS,
        Action.CHANGE_PASSWORD,
        Action.ERASE_ORDER,
        Action.MANAGE_KEYS,
        Action.MANAGE_USERS,
        Action.REVEAL_CREDENTIALS,
        Action.ROTATE_CREDENTIALS,
    }
)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Requests a minute, 0 for no limit: three of a principal, the last of an address."""

    reads: int = 600
    writes: int = 120
    costly: int = 30
    anonymous: int = 300

    @property
    def by_kind(self) -> Mapping[Kind, int]:
        """The quota of each policy."""
        return MappingProxyType(
            {
                Kind.READS: self.reads,
                Kind.WRITES: self.writes,
                Kind.COSTLY: self.costly,
                Kind.ANONYMOUS: self.anonymous,
            }
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """One request charged, or refused, to a policy."""

    kind: Kind
    quota: int
    remaining: int
    seconds: int
    """Until the window ends."""
    refused: bool = False

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Policy": f'"{self.kind}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.kind}";r={self.remaining};t={self.seconds}',
        }


@dataclass(slots=True)
class _Account:
    """What this process holds of one caller's window."""

    leased: int = 0
    elsewhere: int = 0
    """Not leased by anybody yet."""
    ends: float = 0.0
    unknown: bool = False
    """The database did not say; requests pass uncounted until `ends`."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimits:
    """The counts of one process."""

    def __init__(
        self, database: Database, quotas: Quotas, *, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        """`patience_seconds` is how long a request waits for the database to count it."""
        self._database = database
        self._quotas = quotas.by_kind
        self._patience_seconds = patience_seconds
        self._accounts: dict[str, _Account] = {}
        self._next_sweep = monotonic() + _SWEEP_SECONDS

    async def spend(self, kind: Kind, subject: str) -> Charge | None:
        """Charge one request of `subject` to `kind`; None if nothing is counted.

        When the database is slow, reads and writes pass uncounted and costly acts do not pass.

        Raises:
            Unavailable: the database cannot count a costly act.
        """
        quota = self._quotas[kind]
        if quota == 0:
            return None
        bucket = f"{kind}|{subject}"
        account = self._accounts.get(bucket)
        if account is None:
            self._forget_old_accounts()
            account = self._accounts.setdefault(bucket, _Account())
        async with account.lock:
            is_over = account.ends <= monotonic()
            if is_over or (account.leased == 0 and account.elsewhere > 0):
                await self._lease(account, kind, bucket, quota)
            if account.unknown:
                return None
            refused = account.leased == 0
            account.leased -= not refused
            seconds = max(1, math.ceil(account.ends - monotonic()))
            remaining = account.leased + account.elsewhere
            return Charge(kind, quota, remaining, seconds, refused)

    def taken(self, kind: Kind, subject: str) -> Charge | None:
        """Charge a request that is paid for already; None where `spend` has to be asked."""
        account = self._accounts.get(f"{kind}|{subject}")
        if account is None or account.leased == 0 or account.lock.locked():
            return None
        left = account.ends - monotonic()
        if left <= 0 or account.unknown:
            return None
        account.leased -= 1
        remaining = account.leased + account.elsewhere
        return Charge(kind, self._quotas[kind], remaining, max(1, math.ceil(left)))

    def give_back(self, kind: Kind, subject: str) -> None:
        """Take back the charge of a request that is charged once more elsewhere."""
        account = self._accounts.get(f"{kind}|{subject}")
        if account is not None and not account.unknown and account.ends > monotonic():
            account.leased += 1

    async def _lease(self, account: _Account, kind: Kind, bucket: str, quota: int) -> None:
        largest = max(_USUAL_LEASE, quota // _LEASES_OF_LARGE_QUOTAS)
        want = max(1, min(largest, quota // _LEASES_A_WINDOW))
        asked = monotonic()
        try:
            async with asyncio.timeout(self._patience_seconds):
                granted, used, seconds = await self._write(bucket, want, quota)
        except Exception as failure:
            if not (isinstance(failure, TimeoutError) or is_unavailable(failure)):
                raise
            if kind is Kind.COSTLY:
                raise Unavailable(
                    "La base de datos no responde; intenta de nuevo en unos segundos",
                    message_en="The database does not answer; try again in a few seconds",
                ) from None
            _log.warning("requests pass uncounted", policy=kind.value)
            account.unknown, account.ends = True, monotonic() + _OPEN_SECONDS
            return
        account.leased, account.elsewhere = granted, quota - used
        # Counted from before the question: a lease never outlives the window it was paid from.
        account.unknown, account.ends = False, asked + seconds

    async def _write(self, bucket: str, want: int, quota: int) -> tuple[int, int, float]:
        parameters = {"bucket": bucket, "want": want, "quota": quota, "window": WINDOW_SECONDS}
        async with self._database.transaction("rate_limit") as session:
            if (now := monotonic()) >= self._next_sweep:
                self._next_sweep = now + _SWEEP_SECONDS
                await session.execute(_SWEEP)
            row = (await session.execute(_LEASE, parameters)).one()
        return row.granted, row.used, row.seconds

    def _forget_old_accounts(self) -> None:
        if len(self._accounts) < _MOST_ACCOUNTS:
            return
        now = monotonic()
        self._accounts = {
            bucket: account
            for bucket, account in self._accounts.items()
            if account.ends > now or account.lock.locked()
        }


async def charge_principal(request: Request, principal: Principal, action: Action) -> None:
    """Charge an authenticated request, once, however many guards its route has.

    Raises:
        TooManyRequests: the principal has used up this window.
    """
    if request.method in {"GET", "HEAD"}:
        kind = Kind.READS
    else:
        kind = Kind.COSTLY if action in _COSTLY else Kind.WRITES
    await _charge(request, kind, principal.id)


async def charge_address(request: HTTPConnection) -> None:
    """Charge a request without a credential, or with one that does not hold, once.

    Raises:
        TooManyRequests: the address has used up this window.
    """
    await _charge(request, Kind.ANONYMOUS, _site(request.client.host if request.client else ""))


async def _charge(request: HTTPConnection, kind: Kind, subject: str) -> None:
    if getattr(request.state, "charge", None) is not None:
        return
    limits: RateLimits = request.app.state.rate_limits
    charge = await limits.spend(kind, subject)
    request.state.charge = charge
    if charge is not None and charge.refused:
        raise TooManyRequests(charge.seconds)


def _site(host: str) -> str:
    """Return who an address counts as: itself, or an IPv6 site, which has 2^64 of them."""
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _IPV6_SITE << _IPV6_SITE)}/{_IPV6_SITE}"
