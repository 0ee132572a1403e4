"""The master key can be replaced: what the one before sealed and signed is still read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from axon_factory.bootstrap import Container
from axon_factory.settings import SettingsInvalid, load_settings

OLD, NEWER, NEWEST = ("a" * 32, "b" * 32, "c" * 32)


@contextmanager
def container(folder: Path, key: str, *previous: str) -> Iterator[Container]:
    settings = load_settings(
        data_dir=folder, secret_key=key, secret_keys_previous=" , ".join(previous) or None
    )
    opened = Container(settings, "postgresql://nobody@127.0.0.1:1/none")
    yield opened
    opened.passwords.close()


def test_what_older_keys_sealed_opens_and_new_ones_seal(tmp_path: Path) -> None:
    with container(tmp_path, OLD) as before, container(tmp_path, NEWEST, NEWER, OLD) as after:
        sealed = before.secret_box.seal("secreto", context="x")
        assert after.secret_box.open(sealed, context="x") == "secreto"
        renewed = after.secret_box.seal("secreto", context="x")
        assert renewed.key_id != sealed.key_id
        with pytest.raises(ValueError, match="does not open"):
            before.secret_box.open(renewed, context="x")
    with container(tmp_path, NEWEST) as forgetful, pytest.raises(ValueError, match="does not open"):
        forgetful.secret_box.open(sealed, context="x")


def test_links_that_older_keys_made_serve_and_new_ones_make(tmp_path: Path) -> None:
    order_id = uuid4()
    with container(tmp_path, OLD) as before, container(tmp_path, NEWEST, NEWER, OLD) as after:
        old, new = (one.portal_links.url(order_id).rpartition("/")[2] for one in (before, after))
        assert after.portal_links.read(old) == after.portal_links.read(new) == (order_id, 1)
        assert before.portal_links.read(new) is None
        assert old != new


def test_a_short_previous_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(data_dir=tmp_path, secret_key=NEWEST, secret_keys_previous=f"{OLD},corta")
    assert "AXON_SECRET_KEYS_PREVIOUS" in str(refusal.value)
    assert "corta" not in str(refusal.value)
