"""SecretBox: encrypts what must be readable again (resolutions 28)."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """An envelope: the ciphertext, its own data key wrapped, and which key wrapped it."""

    ciphertext: bytes
    wrapped_key: bytes
    key_id: str


class SecretBox(Protocol):
    """Seals and opens secrets bound to a context such as ``credentials|<order>|api_key|1``."""

    def seal(self, plaintext: str, *, context: str) -> SealedSecret:
        """Encrypt `plaintext` so that it opens only with the same `context`."""
        ...

    def open(self, sealed: SealedSecret, *, context: str) -> str:
        """Decrypt.

        Raises:
            ValueError: wrong context, unknown key or altered ciphertext.
        """
        ...
