"""The keys that the master key is made into."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.bootstrap.options import Keys


@given(master=st.binary(min_size=1, max_size=200))
def test_keys_are_derived_as_the_library_does(master: bytes) -> None:
    keys = Keys.of(master)

    found = (keys.signing, keys.pepper, keys.encryption, keys.portal)
    purposes = ("access-tokens", "api-keys", "credentials", "portal-links")
    assert found == tuple(
        HKDF(SHA256(), 32, salt=None, info=f"axon-factory {purpose}".encode()).derive(master)
        for purpose in purposes
    )
