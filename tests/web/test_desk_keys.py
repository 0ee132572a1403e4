"""Keys and tokens: made and shown once, rotated, revoked."""

import re
from typing import Any

import pytest

from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

PATH = "/app/claves"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await signed_in(workshop)


async def keys(workshop: Workshop) -> list[dict[str, Any]]:
    answer = await workshop.http.get("/api/keys", headers=workshop.headers["admin"])
    return answer.json()["api_keys"]


async def made(workshop: Workshop, name: str = "CRM") -> dict[str, Any]:
    answer = await workshop.http.post(
        "/api/keys",
        json={"nombre": name, "permiso": "lectura"},
        headers=workshop.headers["admin"],
    )
    return answer.json()


def secret_in(page: str, prefix: str) -> str:
    found = re.search(rf'id="secreto">({prefix}_\S+?)</code>', page)
    assert found, page
    return found[1]


async def works(workshop: Workshop, key: str) -> bool:
    answer = await workshop.http.get("/api/orders", headers={"X-API-Key": key})
    return answer.status_code == 200


async def test_a_key_is_shown_once(workshop: Workshop, admin: Browser) -> None:
    await admin.see(f"{PATH}/nueva")
    sent = admin.form(f"{PATH}/nueva") | {
        "nombre": HOSTILE,
        "permiso": "lectura",
        "vence_en_dias": "30",
    }
    shown = await admin.http.post(f"{PATH}/nueva", data=sent)
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    secret = secret_in(shown.text, "axk")
    assert await works(workshop, secret)
    assert 'data-copies="secreto"' in shown.text

    before = len(await keys(workshop))
    again = await admin.http.post(f"{PATH}/nueva", data=sent)  # reloaded: the same key
    assert secret_in(again.text, "axk") == secret
    assert len(await keys(workshop)) == before

    listed = await admin.see(PATH)
    assert secret not in listed.text
    assert HOSTILE not in listed.text
    assert HOSTILE in admin.words
    assert "Lee" in admin.words


async def test_what_is_wrong_stands_at_its_field(admin: Browser) -> None:
    await admin.see(f"{PATH}/nueva")
    refused = await admin.send(
        f"{PATH}/nueva", nombre="CRM", permiso="lectura", vence_en_dias="muchos"
    )
    assert refused.status_code == 400
    assert 'id="vence_en_dias-error"' in refused.text
    assert admin.form(f"{PATH}/nueva")["nombre"] == "CRM"


async def test_a_rotation_gives_the_next_key(workshop: Workshop, admin: Browser) -> None:
    key = await made(workshop, "rotada")
    page = f"{PATH}/{key['id']}/rotar"
    await admin.see(page)
    assert "La anterior sirve todavía" in admin.words
    shown = await admin.send(page, gracia_horas="0")
    following = secret_in(shown.text, "axk")
    assert await works(workshop, following)
    assert not await works(workshop, key["api_key"])

    # It no longer lives: the reason is said on the form.
    await admin.see(page)
    refused = await admin.send(page)
    assert refused.status_code == 409
    assert "Solo se rota una clave activa" in admin.words


async def test_a_revoked_key_serves_no_more(workshop: Workshop, admin: Browser) -> None:
    key = await made(workshop, "revocada")
    page = f"{PATH}/{key['id']}/revocar"
    assert await works(workshop, key["api_key"])
    await admin.see(page)
    assert "Deja de servir con la siguiente solicitud" in admin.words
    assert await works(workshop, key["api_key"])  # looking at the page does nothing
    await admin.send(page)
    assert "La clave ya no sirve" in admin.words
    assert not await works(workshop, key["api_key"])


async def test_a_system_token_is_made_and_revoked(workshop: Workshop, admin: Browser) -> None:
    page = f"{PATH}/tokens/nuevo"
    await admin.see(page)
    shown = await admin.send(page, agente="Revisor externo", rol="council")
    secret = secret_in(shown.text, "axs")
    listed = await admin.see(PATH)
    assert "Revisor externo" in admin.words
    assert secret not in listed.text
    answer = await workshop.http.get("/api/system-tokens", headers=workshop.headers["admin"])
    token = next(
        one for one in answer.json()["system_tokens"] if one["agente"] == "Revisor externo"
    )
    await admin.see(f"{PATH}/tokens/{token['id']}/revocar")
    await admin.send(f"{PATH}/tokens/{token['id']}/revocar")
    assert "El token ya no sirve" in admin.words


async def test_only_administrators(workshop: Workshop) -> None:
    for name in ("operator", "owner"):
        browser = await signed_in(workshop, name)
        for path in (PATH, f"{PATH}/nueva"):
            assert (await browser.see(path)).status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await made(workshop)
    await admin.see(PATH)
    assert "Revoke…" in admin.words
    assert "Clave" not in admin.words
