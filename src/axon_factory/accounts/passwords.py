"""Password hashes: Argon2id at OWASP's minimum cost, never more than two at once.

A hash takes 50 to 110 ms of a core and 19 MiB, which makes a login form a lever against the whole
process. So the work runs in two threads of its own, a bounded number may wait, and the rest is
told to come back (reference A1; OWASP Password Storage; NIST SP 800-63B §5.1.1).
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from axon_factory.accounts.errors import PasswordQueueFull
from axon_factory.accounts.password_policy import check_length, check_strength
from axon_factory.domain.permissions import Role

_MEMORY_KIB = 19_456
_PASSES = 2
_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
# An all-zero digest that no known password has, at the same cost as a real one.
_NOBODYS_HASH = (
    f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}"
    f"${'A' * ((_SALT_BYTES * 8 + 5) // 6)}${'A' * ((_HASH_BYTES * 8 + 5) // 6)}"
)
# Without 0, O, 1, l and I, which people misread when they copy a password from a terminal.
_ALPHABET = "23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_GENERATED_CHARACTERS = 24

_Result = TypeVar("_Result")


def generate_password() -> str:
    """Return a random password of 24 characters (139 bits) that is easy to copy by hand."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_CHARACTERS))


def is_same_password(one: str, other: str) -> bool:
    """Return whether both are the same password, however they were typed."""
    return _normal_form(one) == _normal_form(other)


class Passwords:
    """Hashes and verifies passwords within the limits of one process."""

    def __init__(self, *, threads: int = 2, queue_limit: int = 20) -> None:
        """`threads` hashes run at once and `queue_limit` more may wait."""
        self._hasher = PasswordHasher(
            time_cost=_PASSES,
            memory_cost=_MEMORY_KIB,
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
        return await self._run(lambda: self._matches(password_hash or _NOBODYS_HASH, password))

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
