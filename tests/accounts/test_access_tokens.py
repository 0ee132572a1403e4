from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.accounts.errors import CredentialExpired
from axon_factory.accounts.tokens import AccessTokens, TokenKeys

USER, SESSION = uuid4(), uuid4()
NOW = 1_800_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def tokens(
    keys: TokenKeys | None = None, *, minutes: int = 15, clock: Clock = CLOCK, audience: str = "api"
) -> AccessTokens:
    return AccessTokens(
        keys or TokenKeys("k1", {"k1": b"1" * 32}),
        issuer="axon",
        audience=audience,
        lifetime=timedelta(minutes=minutes),
        clock=clock,
    )


ISSUED = tokens().issue(USER, SESSION)


def test_a_token_says_whose_it_is_and_until_when() -> None:
    claims = tokens().verify(ISSUED.token)

    assert claims is not None
    assert (claims.user_id, claims.session_id, claims.expires_at) == (USER, SESSION, NOW + 900)
    assert ISSUED.expires_in == 900
    assert ISSUED.token not in repr(ISSUED)
    again = tokens().verify(tokens().issue(USER, SESSION).token)
    assert again is not None
    assert again.token_id != claims.token_id


@pytest.mark.parametrize(("seconds", "holds"), [(-3600, False), (-4, True), (0, True), (899, True)])
def test_when_a_token_holds(seconds: int, holds: bool) -> None:
    clock = Clock()
    clock.now += seconds

    assert (tokens(clock=clock).verify(ISSUED.token) is not None) == holds


def test_only_its_own_end_is_told_of_a_token() -> None:
    clock = Clock()
    clock.now += 900
    with pytest.raises(CredentialExpired):
        tokens(clock=clock).verify(ISSUED.token)
    forger = TokenKeys("k1", {"k1": b"9" * 32})
    assert tokens(forger, clock=clock).verify(ISSUED.token) is None


def test_keys_rotate_without_ending_tokens() -> None:
    new_first = TokenKeys("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
    new_only = TokenKeys("k2", {"k2": b"2" * 32})

    assert tokens(new_first).verify(ISSUED.token)
    assert tokens(new_only).verify(tokens(new_first).issue(USER, SESSION).token)
    assert tokens(new_only).verify(ISSUED.token) is None


def test_a_token_for_another_audience_or_of_a_longer_life_is_refused() -> None:
    assert tokens(audience="web").verify(ISSUED.token) is None
    assert tokens(minutes=14).verify(ISSUED.token) is None


@given(st.integers(0, len(ISSUED.token) - 1), st.characters(codec="utf-8"))
def test_any_one_wrong_character_is_noticed(position: int, character: str) -> None:
    text = ISSUED.token[:position] + character + ISSUED.token[position + 1 :]

    assert (tokens().verify(text) is None) == (text != ISSUED.token)


@given(st.text() | st.text("eyJ.=-_", max_size=200))
def test_garbage_is_refused(text: str) -> None:
    assert tokens().verify(text) is None


@pytest.mark.parametrize(
    "keys", [("k1", {}), ("k1", {"k2": b"2" * 32}), ("k1", {"k1": b"short"}), ("k1", {"k1": b""})]
)
def test_weak_or_missing_keys_are_refused_at_start(keys: tuple[str, dict[str, bytes]]) -> None:
    with pytest.raises(ValueError, match="signing key"):
        TokenKeys(*keys)


def test_keys_are_not_shown() -> None:
    assert "1111" not in repr(TokenKeys("k1", {"k1": b"1" * 32}))
