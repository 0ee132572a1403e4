import re

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.accounts.tokens import generate_token, parse_token

PEPPER = b"p" * 32
TOKEN = generate_token("axk_live")
CHARACTERS = st.characters(codec="utf-8")


def test_a_new_token_has_the_promised_shape() -> None:
    assert re.fullmatch(r"axk_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", TOKEN.plaintext)
    assert TOKEN.plaintext.split("_")[2] == TOKEN.id
    assert TOKEN.plaintext not in repr(TOKEN)


@given(st.sampled_from(["axk_live", "axs_live"]))
def test_a_token_is_read_back_under_its_own_prefix_only(prefix: str) -> None:
    token = generate_token(prefix)

    assert parse_token(prefix, token.plaintext) == token
    assert parse_token("axk_live" if prefix == "axs_live" else "axs_live", token.plaintext) is None


@given(st.integers(0, len(TOKEN.plaintext) - 1), CHARACTERS)
def test_any_one_wrong_character_is_noticed(position: int, character: str) -> None:
    text = TOKEN.plaintext[:position] + character + TOKEN.plaintext[position + 1 :]

    assert (parse_token("axk_live", text) is None) == (text != TOKEN.plaintext)


@given(st.text(CHARACTERS) | st.text("axk_live0Z", min_size=60, max_size=70))
def test_garbage_is_refused(text: str) -> None:
    assert parse_token("axk_live", text) is None


def test_the_mac_depends_on_the_token_and_on_the_pepper() -> None:
    other = generate_token("axk_live")
    mac = TOKEN.mac(PEPPER)

    assert TOKEN.matches(mac, PEPPER)
    assert not other.matches(mac, PEPPER)
    assert not TOKEN.matches(mac, b"q" * 32)
    assert not TOKEN.matches(b"", PEPPER)


def test_a_successor_is_always_the_same_and_only_the_pepper_tells_it() -> None:
    token = generate_token("axr_live")
    chain = [token]
    for _ in range(50):
        chain.append(chain[-1].successor(b"p" * 32))

    assert len({link.id for link in chain}) == len({link.plaintext for link in chain}) == 51
    for link in chain:
        assert parse_token("axr_live", link.plaintext) == link
    assert token.successor(b"p" * 32) == chain[1]
    assert token.successor(b"q" * 32).plaintext[9:] != chain[1].plaintext[9:]
    assert generate_token("axr_live").successor(b"p" * 32) != chain[1]
