"""The settings as read: every one is named and explained, no secret is on any page."""

from pathlib import Path

import pytest

from axon_factory.bootstrap.setting_texts import SPANISH
from axon_factory.bootstrap.shown_settings import shown_settings
from axon_factory.settings import Settings, load_settings
from tests.support.pages import signed_in
from tests.support.workshop import SECRET_KEY, Workshop

PATH = "/app/ajustes"
API = "/api/settings"


def secrets() -> dict[str, str]:
    """A canary for each setting whose type hides it."""
    return {
        name: f"canario-{name}-{'x' * 32}"
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }


def test_no_secret_is_in_what_is_shown(tmp_path: Path) -> None:
    canaries = secrets()
    assert len(canaries) >= 9
    canaries["database_url"] = "postgresql://u:canario-base@127.0.0.1/x"
    settings = load_settings(
        data_dir=tmp_path,
        llm_models="compatible:m",
        smtp_user="fabrica",
        smtp_host="mail.example",
        llm_base_url="https://user:canario-url@models.example/v1",
        **canaries,
    )
    shown = shown_settings(settings)
    assert "canario" not in str(shown)
    by_name = {one.name: one for one in shown}
    for name in canaries:
        one = by_name[f"AXON_{name.upper()}"]
        assert one.secret
        assert one.given
    assert by_name["AXON_LLM_BASE_URL"].value == "https://…@models.example/v1"


def test_every_setting_is_shown_and_has_both_texts(workshop: Workshop) -> None:
    shown = shown_settings(workshop.container.settings)
    assert {one.name for one in shown} == {f"AXON_{name.upper()}" for name in Settings.model_fields}
    assert SPANISH.keys() == Settings.model_fields.keys()
    assert [one.name for one in shown if one.description == one.description.en] == []


async def test_the_page_says_value_default_and_meaning(workshop: Workshop) -> None:
    admin = await signed_in(workshop)
    page = await admin.see(PATH)
    assert "AXON_SECRET_KEY" in admin.words
    assert "configurado" in admin.words
    assert SECRET_KEY not in page.text
    assert "https://fabrica.example" in admin.words
    assert "Puerto en el que escuchan" in admin.words
    await admin.see(f"{PATH}?solo=dados")
    assert "AXON_PUBLIC_URL" in admin.words
    assert "AXON_MAX_BUILDS_PER_CLIENT" not in admin.words


async def test_no_page_of_the_desk_has_the_key(workshop: Workshop) -> None:
    admin = await signed_in(workshop)
    for path in ("/app/linea", "/app/personas", "/app/claves", "/app/avisos", "/app/auditoria"):
        page = await admin.see(path)
        assert page.status_code == 200
        assert SECRET_KEY not in page.text


@pytest.mark.parametrize("name", ["operator", "owner"])
async def test_only_administrators(workshop: Workshop, name: str) -> None:
    assert (await (await signed_in(workshop, name)).see(PATH)).status_code == 403
    answer = await workshop.http.get(API, headers=workshop.headers[name])
    assert answer.status_code == 403


async def test_no_key_reads_them(workshop: Workshop) -> None:
    answer = await workshop.http.get(API, headers=workshop.headers["key_admin"])
    assert answer.status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await admin.see(PATH)
    assert "Port at which they listen" in admin.words
    assert "configured" in admin.words
    assert "Puerto" not in admin.words
