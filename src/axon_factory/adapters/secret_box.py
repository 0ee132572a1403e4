"""Envelope encryption with AES-256-GCM: a data key for each record, wrapped by a keyring's key.

A record's data key is random and used once; only its wrapping depends on the keyring, so a
rotation touches 60 bytes a record and no plaintext. The context is authenticated in both layers:
a row copied to another order, field or version does not open. Each blob is a 96-bit random nonce
followed by ciphertext and 128-bit tag (NIST SP 800-38D).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from axon_factory.ports.product import SealedSecret

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class EnvelopeSecretBox:
    """Seals with the current key of a keyring and opens with any of its keys.

    Args:
        keys: key id to 32 random bytes; keep an old key for as long as records name it.
        current: id of the key that wraps new records.

    Raises:
        ValueError: an id or a key is malformed, or `current` is not in `keys`.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("a key id is 1 to 64 letters, digits, dots, underscores or dashes")
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id} has {len(key)} bytes instead of {KEY_BYTES}")
        if current not in keys:
            raise ValueError("the current key is not in the keyring")
        self._keys = {key_id: _Key(key) for key_id, key in keys.items()}
        self._current = current

    def seal(self, plaintext: str, *, context: str) -> SealedSecret:
        """Encrypt `plaintext` under a fresh data key, bound to `context`.

        Raises:
            ValueError: `plaintext` or `context` is not encodable as UTF-8.
        """
        data_key = os.urandom(KEY_BYTES)
        return SealedSecret(
            ciphertext=_Key(data_key).encrypt(_utf8(plaintext), _data_aad(context)),
            wrapped_key=self._keys[self._current].encrypt(
                data_key, _key_aad(self._current, context)
            ),
            key_id=self._current,
        )

    def open(self, sealed: SealedSecret, *, context: str) -> str:
        """Decrypt.

        Raises:
            ValueError: wrong context, unknown key or altered blob; which of them is not said.
        """
        wrapping_key = self._keys.get(sealed.key_id)
        if wrapping_key is None:
            raise ValueError("the secret does not open")
        try:
            data_key = wrapping_key.decrypt(sealed.wrapped_key, _key_aad(sealed.key_id, context))
            plaintext = _Key(data_key).decrypt(sealed.ciphertext, _data_aad(context))
        except _NotOurs:
            raise ValueError("the secret does not open") from None
        return plaintext.decode("utf-8")


class _NotOurs(Exception):
    """What was sealed does not open with this key and context."""


@dataclass(frozen=True, slots=True)
class _Key:
    """An AES-256-GCM key; the library takes 6 MB, and many processes never use one."""

    value: bytes = field(repr=False)

    def encrypt(self, plaintext: bytes, aad: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 — see above

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.value).encrypt(nonce, plaintext, aad)

    def decrypt(self, blob: bytes, aad: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 — see above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 — see above

        if len(blob) < _NONCE_BYTES:
            raise _NotOurs
        try:
            return AESGCM(self.value).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], aad)
        except InvalidTag:
            raise _NotOurs from None


def _data_aad(context: str) -> bytes:
    return b"axon-secret/1/data\0" + _utf8(context)


def _key_aad(key_id: str, context: str) -> bytes:
    # The layers' different prefixes keep one layer's blob from standing in for the other's.
    return f"axon-secret/1/key/{key_id}\0".encode() + _utf8(context)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # The original exception carries the whole text, which may be the secret.
        raise ValueError("the text is not encodable as UTF-8") from None
