"""One key a purpose, all derived from the master key."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from axon_factory.settings import Settings

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one generation, which `key_id` names."""

    key_id: str
    signing: bytes
    pepper: bytes
    encryption: bytes
    portal: bytes

    @classmethod
    def of(cls, master: bytes) -> "Keys":
        """Derive the keys from `master`."""
        signing, pepper, encryption, portal_key = _derive(
            master, ("access-tokens", "api-keys", "credentials", "portal-links")
        )
        key_id = hashlib.sha256(encryption).hexdigest()[:8]
        return cls(key_id, signing, pepper, encryption, portal_key)


def _derive(master: bytes, purposes: Sequence[str]) -> list[bytes]:
    return [
        HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"axon-factory {purpose}".encode()).derive(
            master
        )
        for purpose in purposes
    ]


def master_key(settings: Settings) -> bytes:
    """Return the configured master key, or the one kept in the data folder, made on first use."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    file = settings.data_dir / "secrets" / "master.key"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    with os.fdopen(descriptor, "wb") as target:
        target.write(secrets.token_bytes(_KEY_BYTES))
        target.flush()
        os.fsync(target.fileno())
    return file.read_bytes()
