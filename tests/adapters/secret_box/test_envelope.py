"""The envelope: round trip, and a refusal for every bit, context, key and layer that is wrong."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.adapters.secret_box import EnvelopeSecretBox
from axon_factory.ports.product import SealedSecret

OLD, NEW, STRANGER = b"o" * 32, b"n" * 32, b"s" * 32
CONTEXT = "credentials|0b7c|api_key|1"
encodable = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def box() -> EnvelopeSecretBox:
    return EnvelopeSecretBox({"2026-01": OLD}, "2026-01")


@given(plaintext=encodable, context=encodable)
def test_what_was_sealed_opens(plaintext: str, context: str) -> None:
    assert box().open(box().seal(plaintext, context=context), context=context) == plaintext


@given(plaintext=encodable, sealed_in=encodable, opened_in=encodable)
def test_another_context_is_refused(plaintext: str, sealed_in: str, opened_in: str) -> None:
    sealed = box().seal(plaintext, context=sealed_in)
    if sealed_in == opened_in:
        return
    with pytest.raises(ValueError, match="does not open"):
        box().open(sealed, context=opened_in)


@pytest.mark.parametrize("field", ["ciphertext", "wrapped_key"])
def test_every_flipped_bit_is_refused(field: str) -> None:
    sealed = box().seal("contraseña", context=CONTEXT)
    blob: bytes = getattr(sealed, field)
    for bit in range(len(blob) * 8):
        altered = bytearray(blob)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="does not open"):
            box().open(replace(sealed, **{field: bytes(altered)}), context=CONTEXT)


@pytest.mark.parametrize("field", ["ciphertext", "wrapped_key"])
def test_every_other_length_is_refused(field: str) -> None:
    sealed = box().seal("contraseña", context=CONTEXT)
    blob: bytes = getattr(sealed, field)
    for altered in (*(blob[:length] for length in range(len(blob))), blob + b"\0"):
        with pytest.raises(ValueError, match="does not open"):
            box().open(replace(sealed, **{field: altered}), context=CONTEXT)


def test_blobs_of_two_records_do_not_mix() -> None:
    first, second = (box().seal("x", context=CONTEXT) for _ in range(2))
    with pytest.raises(ValueError, match="does not open"):
        box().open(replace(first, ciphertext=second.ciphertext), context=CONTEXT)
    with pytest.raises(ValueError, match="does not open"):
        box().open(SealedSecret(first.wrapped_key, first.ciphertext, "2026-01"), context=CONTEXT)


def test_the_inner_layer_refuses_another_context_by_itself() -> None:
    """Whoever holds the keyring and moves a data key to another context moves no secret."""
    sealed = box().seal("x", context=CONTEXT)
    prefix, key = b"axon-secret/1/key/2026-01\0", AESGCM(OLD)
    nonce, wrapped = sealed.wrapped_key[:12], sealed.wrapped_key[12:]
    data_key = key.decrypt(nonce, wrapped, prefix + CONTEXT.encode())
    moved = b"n" * 12 + key.encrypt(b"n" * 12, data_key, prefix + b"elsewhere")
    with pytest.raises(ValueError, match="does not open"):
        box().open(replace(sealed, wrapped_key=moved), context="elsewhere")


def test_the_same_plaintext_never_looks_the_same() -> None:
    sealed = [box().seal("x", context=CONTEXT) for _ in range(50)]
    assert len({s.ciphertext for s in sealed}) == 50
    assert len({s.wrapped_key for s in sealed}) == 50
    assert len({s.ciphertext[:12] for s in sealed} | {s.wrapped_key[:12] for s in sealed}) == 100


@pytest.mark.parametrize(
    "other",
    [
        EnvelopeSecretBox({"2026-02": OLD}, "2026-02"),
        EnvelopeSecretBox({"2026-01": STRANGER}, "2026-01"),
    ],
    ids=["unknown id", "known id, other key"],
)
def test_another_keyring_does_not_open(other: EnvelopeSecretBox) -> None:
    with pytest.raises(ValueError, match="does not open"):
        other.open(box().seal("x", context=CONTEXT), context=CONTEXT)


def test_the_key_id_is_part_of_what_is_authenticated() -> None:
    same_key_twice = EnvelopeSecretBox({"a": OLD, "b": OLD}, "a")
    sealed = same_key_twice.seal("x", context=CONTEXT)
    with pytest.raises(ValueError, match="does not open"):
        same_key_twice.open(replace(sealed, key_id="b"), context=CONTEXT)


def test_rotation() -> None:
    before = box().seal("antes", context=CONTEXT)
    rotated = EnvelopeSecretBox({"2026-01": OLD, "2026-02": NEW}, "2026-02")
    after = rotated.seal("después", context=CONTEXT)
    assert rotated.open(before, context=CONTEXT) == "antes"
    assert rotated.open(after, context=CONTEXT) == "después"
    assert (before.key_id, after.key_id) == ("2026-01", "2026-02")
    with pytest.raises(ValueError, match="does not open"):
        box().open(after, context=CONTEXT)


@pytest.mark.parametrize(
    ("keys", "current"),
    [
        ({}, "a"),
        ({"a": OLD}, "b"),
        ({"a": OLD[:31]}, "a"),
        ({"a": OLD + b"x"}, "a"),
        ({"a": OLD, "b": b""}, "a"),
        ({"": OLD}, ""),
        ({"a|b": OLD}, "a|b"),
        ({"a\0": OLD}, "a\0"),
    ],
)
def test_a_malformed_keyring_is_refused(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(ValueError, match="key"):
        EnvelopeSecretBox(keys, current)


def test_a_secret_that_cannot_be_encoded_is_in_no_error() -> None:
    with pytest.raises(ValueError, match="UTF-8") as caught:
        box().seal("secreto\ud800", context=CONTEXT)
    assert "secreto" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_keys_are_in_no_representation() -> None:
    keyring = box()
    assert "oooo" not in f"{keyring!r}{vars(keyring)!r}"
