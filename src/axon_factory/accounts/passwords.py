"""Which passwords may be chosen, how they are hashed, and how often a login may be tried.

Length and resistance to guessing count, not kinds of characters (NIST SP 800-63B §3.1.1.2, OWASP
ASVS 6.2). zxcvbn knows the 30,000 most common passwords, names, keyboard patterns, dates, and the
user's own words.

Hashes are Argon2id at OWASP's minimum cost. A hash takes 50 to 110 ms of a core and 19 MiB, so a
login form is a lever against the whole process. Two threads do the work, a bounded number of
logins may wait, and the others are refused (reference A1; OWASP Password Storage; NIST SP 800-63B
§5.1.1).

A login is counted per account, per address and altogether (reference A1, A21). The count is
committed before the password is looked at, so it counts in every process and with every outcome. A
refused try counts nowhere, or one address could use up the limit of all. Unknown accounts are
counted like known ones. Without the database every login is refused.
"""

import asyncio
import hashlib
import ipaddress
import math
import re
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import PasswordQueueFull, TooManyAttempts, WeakPassword
from axon_factory.accounts.users import normal_email
from axon_factory.db.tables import LoginThrottle
from axon_factory.domain.permissions import Role
from axon_factory.domain.text import Sentence

PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 128

_STAFF_MIN_CHARACTERS = 15
_STAFF = frozenset({Role.ADMIN, Role.OPERATOR})
_LEAST_SCORE = 3  # of 4: more than 10^8 guesses
# zxcvbn's time grows with the square of the length; a longer password cannot be easier to guess.
_LOOKED_AT = 40
_OURS = ("axon", "axon88", "factory", "fabrica", "autopilot", "contraseña", "changeme")
_WORD = re.compile(r"\w{3,}")


def password_rule(role: Role) -> Sentence:
    """Return the rule of new passwords, as it is shown before one is typed."""
    least = _STAFF_MIN_CHARACTERS if role in _STAFF else PASSWORD_MIN_CHARACTERS
    return Sentence(
        f"Usa de {least} a {PASSWORD_MAX_CHARACTERS} caracteres. Varias palabras que no tengan que "
        "ver contigo son lo mejor; no hacen falta números ni signos.",
        f"Use {least} to {PASSWORD_MAX_CHARACTERS} characters. Several words that have nothing to "
        "do with you are best; digits and symbols are not needed.",
    )


def check_length(password: str, role: Role | None = None, *, field: str = "password") -> None:
    """Refuse a password that is too short or too long.

    8 to 128 characters; 15 at least for the roles that see every client's orders.

    Raises:
        WeakPassword: naming `field`.
    """
    least = _STAFF_MIN_CHARACTERS if role in _STAFF else PASSWORD_MIN_CHARACTERS
    if not least <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise WeakPassword(
            field,
            Sentence(
                f"Debe tener de {least} a {PASSWORD_MAX_CHARACTERS} caracteres",
                f"Must have {least} to {PASSWORD_MAX_CHARACTERS} characters",
            ),
        )


def check_strength(
    password: str, role: Role, about: Sequence[str], *, field: str = "password"
) -> None:
    """Refuse a password that is too short, too long or too easy to guess; takes milliseconds.

    `about` is what an attacker knows of the user: address, name, client.

    Raises:
        WeakPassword: naming `field`.
    """
    check_length(password, role, field=field)
    from zxcvbn import zxcvbn  # noqa: PLC0415 — its dictionaries take 12 MB, and few choose a password

    words = [word for text in about for word in (text, *_WORD.findall(text))]
    if zxcvbn(password[:_LOOKED_AT], user_inputs=[*_OURS, *words])["score"] < _LEAST_SCORE:
        raise WeakPassword(
            field,
            Sentence(
                "Es fácil de adivinar: usa varias palabras que no tengan que ver contigo",
                "It is easy to guess: use several words that have nothing to do with you",
            ),
        )


_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
# Without 0, O, 1, l and I, which people misread when they copy a password from a terminal.
_ALPHABET = "23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_GENERATED_CHARACTERS = 24

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one Argon2id hash costs; the defaults are OWASP's minimum."""

    memory_kib: int = 19_456
    passes: int = 2

    def nobodys_hash(self) -> str:
        """Return an all-zero digest of this cost, which no known password has."""
        return (
            f"$argon2id$v=19$m={self.memory_kib},t={self.passes},p={_LANES}"
            f"${'A' * ((_SALT_BYTES * 8 + 5) // 6)}${'A' * ((_HASH_BYTES * 8 + 5) // 6)}"
        )


OWASP_MINIMUM = HashCost()


def generate_password() -> str:
    """Return a random password of 24 characters (139 bits) that is easy to copy by hand."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_CHARACTERS))


def is_same_password(one: str, other: str) -> bool:
    """Return whether both are the same password, however they were typed."""
    return _normal_form(one) == _normal_form(other)


class Passwords:
    """Hashes and verifies passwords within the limits of one process."""

    def __init__(
        self, *, threads: int = 2, queue_limit: int = 20, cost: HashCost = OWASP_MINIMUM
    ) -> None:
        """`threads` hashes run at once and `queue_limit` more may wait.

        Only tests of other things make `cost` smaller than it is by default.
        """
        self._nobodys_hash = cost.nobodys_hash()
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=_LANES,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        # An executor and not a semaphore around `to_thread`: a cancelled request gives its
        # semaphore back while its thread still hashes.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._most_pending = threads + queue_limit
        self._pending: set[Future[Any]] = set()

    async def hash(self, password: str) -> str:
        """Return the Argon2id hash of a new password.

        Raises:
            WeakPassword: it is shorter than 8 or longer than 128 characters.
            PasswordQueueFull: too many hashes are waiting.
        """
        check_length(password)
        return await self._run(lambda: self._hasher.hash(_normal_form(password)))

    async def check(
        self, password: str, role: Role, about: Sequence[str], *, field: str = "password"
    ) -> None:
        """Refuse a password that does not do for this role; `about` is known of the user.

        Raises:
            WeakPassword: naming `field`.
            PasswordQueueFull: too many hashes are waiting.
        """
        await self._run(lambda: check_strength(password, role, about, field=field))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether `password` has this hash; None does the same work and returns False.

        Raises:
            PasswordQueueFull: too many hashes are waiting.
        """
        return await self._run(lambda: self._matches(password_hash or self._nobodys_hash, password))

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Let the threads end; hashes that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _normal_form(password))
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        self._pending = {future for future in self._pending if not future.done()}
        if len(self._pending) >= self._most_pending:
            raise PasswordQueueFull
        future = self._threads.submit(work)
        self._pending.add(future)
        # Cancelling the wrapper takes a hash that has not begun out of the queue.
        return await asyncio.wrap_future(future)


def _normal_form(password: str) -> bytes:
    """Make one password of the ways to type it: "ñ" has two encodings (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


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

    def __init__(self, limits: LoginLimits, *, of: str = "") -> None:
        """`of` names what is tried, if it is not a login: each kind has counters of its own."""
        self._limits = limits
        self._prefix = f"{of}:" if of else ""

    async def count(self, session: AsyncSession, email: str, address: str) -> None:
        """Count a try of `email` from the IP address `address`; commit before verifying anything.

        Raises:
            TooManyAttempts: a limit is reached; roll back, so that the try counts nowhere.
        """
        now = datetime.now(UTC)
        limits = {
            self._prefix + _account(email): self._limits.per_account,
            self._prefix + _network(address): self._limits.per_address,
            self._prefix + _EVERYBODY: self._limits.altogether,
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
        account = self._prefix + _account(email)
        buckets = [account, self._prefix + _network(address), self._prefix + _EVERYBODY]
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
