"""How often a login may be tried: per account, per address and altogether (reference A1, A21).

A try is counted, and committed, before the password is looked at: so it counts in every process
and whatever becomes of it. A try that is refused counts nowhere, or one address could use up what
everybody shares. Unknown accounts are counted like known ones. Without the database nobody gets in.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import TooManyAttempts
from axon_factory.accounts.fields import normal_email
from axon_factory.db.tables import LoginThrottle

_EVERYBODY = "global"
_PURGED_AT_ONCE = 1000
_IPV6_NETWORK_BITS = 64  # what one subscriber has; single addresses are theirs to choose

# In the order of the names, so that two tries never wait for one another.
_COUNT = text(
    """
    INSERT INTO login_throttles AS kept (bucket, attempts, opened_at)
    SELECT bucket, 1, :now FROM unnest(CAST(:buckets AS text[])) AS bucket ORDER BY bucket
    ON CONFLICT (bucket) DO UPDATE SET
        attempts = CASE WHEN kept.opened_at <= :closed THEN 1 ELSE kept.attempts + 1 END,
        opened_at = CASE WHEN kept.opened_at <= :closed THEN :now ELSE kept.opened_at END
    RETURNING bucket, attempts, opened_at
    """
)
_FORGIVE = text(
    """
    WITH locked AS (
        SELECT bucket FROM login_throttles WHERE bucket IN :buckets ORDER BY bucket FOR UPDATE
    )
    UPDATE login_throttles AS kept
    SET attempts = CASE WHEN kept.bucket = :account THEN 0 ELSE greatest(kept.attempts - 1, 0) END
    FROM locked WHERE locked.bucket = kept.bucket
    """
).bindparams(bindparam("buckets", expanding=True))


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """How many logins may fail within `window`, which opens with the first of them."""

    per_account: int = 10
    per_address: int = 10
    altogether: int = 1000
    window: timedelta = timedelta(minutes=5)


class Throttle:
    """Counts tries, in the caller's transactions."""

    def __init__(self, limits: LoginLimits) -> None:
        self._limits = limits

    async def count(self, session: AsyncSession, email: str, address: str) -> None:
        """Count a try of `email` from the IP address `address`; commit before verifying anything.

        Raises:
            TooManyAttempts: a limit is reached; roll back, so that the try counts nowhere.
        """
        now = datetime.now(UTC)
        limits = {
            _account(email): self._limits.per_account,
            _network(address): self._limits.per_address,
            _EVERYBODY: self._limits.altogether,
        }
        closed = now - self._limits.window
        counted = await session.execute(
            _COUNT, {"buckets": list(limits), "now": now, "closed": closed}
        )
        reached = [
            row.opened_at + self._limits.window - now
            for row in counted
            if row.attempts > limits[row.bucket]
        ]
        if reached:
            raise TooManyAttempts(max(1, math.ceil(max(reached).total_seconds())))

    async def forgive(self, session: AsyncSession, email: str, address: str) -> None:
        """Forget the account's tries and this one of the address: it was right."""
        account = _account(email)
        buckets = [account, _network(address), _EVERYBODY]
        await session.execute(_FORGIVE, {"account": account, "buckets": buckets})

    async def purge(self, session: AsyncSession) -> None:
        """Delete some of what counts no more; never waits for another transaction."""
        closed = (
            select(col(LoginThrottle.bucket))
            .where(col(LoginThrottle.opened_at) <= datetime.now(UTC) - self._limits.window)
            .limit(_PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        await session.execute(delete(LoginThrottle).where(col(LoginThrottle.bucket).in_(closed)))


def _account(email: str) -> str:
    """Name the account by a digest: people type passwords into the wrong field."""
    spelling = normal_email(email) or email
    return "account:" + hashlib.sha256(spelling.encode("utf-8", "surrogatepass")).hexdigest()


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"  # a socket of this machine has none
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return f"address:{ip.ipv4_mapped}"
        return f"address:{ipaddress.ip_network((int(ip), _IPV6_NETWORK_BITS), strict=False)}"
    return f"address:{ip}"
