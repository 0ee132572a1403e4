"""People: inviting, changing, switching off, ending sessions."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text

from tests.support.pages import Browser, open_browser, signed_in
from tests.support.workshop import Workshop

PATH = "/app/personas"
HOSTILE = "<img src=x onerror=alert(1)>"
STRONG = "jirafa mantel lluvia corcho"


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await signed_in(workshop)


async def user(workshop: Workshop, email: str) -> dict[str, Any]:
    answer = await workshop.http.get(
        "/api/users", params={"limit": 200}, headers=workshop.headers["admin"]
    )
    return next(one for one in answer.json()["users"] if one["email"] == email)


async def created(workshop: Workshop, **changes: object) -> dict[str, Any]:
    body = {
        "email": f"p{uuid4().hex[:8]}@example.com",
        "nombre": "Persona",
        "rol": "operator",
        "password": STRONG,
        **changes,
    }
    answer = await workshop.http.post("/api/users", json=body, headers=workshop.headers["admin"])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def mails_to(workshop: Workshop, email: str) -> int:
    async with workshop.container.database.reading() as session:
        found = await session.scalar(
            text("SELECT count(*) FROM outbox_messages WHERE recipient = :email"), {"email": email}
        )
    return found or 0


async def test_everybody_is_listed(workshop: Workshop, admin: Browser) -> None:
    one = await created(workshop, nombre=HOSTILE)
    page = await admin.see(PATH)
    assert HOSTILE in admin.words
    assert HOSTILE not in page.text
    assert f"{PATH}/{one['id']}" in page.text
    assert "Opera la fábrica" in admin.words


async def test_an_invitation_makes_the_account_and_a_mail(
    workshop: Workshop, admin: Browser
) -> None:
    email = f"ines{uuid4().hex[:8]}@example.com"
    await admin.see(f"{PATH}/invitar")
    sent = admin.form(f"{PATH}/invitar") | {
        "email": email,
        "nombre": "Inés",
        "rol": "client",
        "cliente_id": "estudio-savia",
        "idioma": "en",
    }
    for _ in range(2):  # sent twice: one account, one mail
        admin.page = await admin.http.post(f"{PATH}/invitar", data=sent)
    assert "Invitaste a Inés" in admin.words
    made = await user(workshop, email)
    assert (made["rol"], made["cliente_id"]) == ("client", "estudio-savia")
    assert await mails_to(workshop, email) == 1
    await admin.see(PATH)
    assert "sin contraseña todavía" in admin.words


async def test_what_is_wrong_stands_at_its_field(workshop: Workshop, admin: Browser) -> None:
    await admin.see(f"{PATH}/invitar")
    refused = await admin.send(
        f"{PATH}/invitar", email="no es un correo", nombre="Inés", rol="operator"
    )
    assert refused.status_code == 400
    assert 'id="email-error"' in refused.text
    assert admin.form(f"{PATH}/invitar")["nombre"] == "Inés"

    taken = await admin.send(f"{PATH}/invitar", email="admin@example.com")
    assert taken.status_code == 409
    assert 'id="email-error"' in taken.text
    assert "Ya existe un usuario con ese correo" in admin.words

    client = await admin.send(f"{PATH}/invitar", email="x@example.com", rol="client")
    assert client.status_code == 400
    assert 'id="cliente_id-error"' in client.text


async def test_an_invitation_is_sent_again(workshop: Workshop, admin: Browser) -> None:
    email = f"otra{uuid4().hex[:8]}@example.com"
    one = await created(workshop, email=email, password=None, invitar=True)
    page = f"{PATH}/{one['id']}"
    await admin.see(page)
    await admin.send(f"{page}/invitacion")
    assert f"Invitación enviada a {email}" in admin.words
    assert await mails_to(workshop, email) == 2


async def test_role_and_name_change(workshop: Workshop, admin: Browser) -> None:
    one = await created(workshop)
    page = f"{PATH}/{one['id']}"
    await admin.see(page)
    stale = admin.form(page)
    await admin.send(page, nombre="Otro nombre", rol="admin")
    assert "Los datos cambiaron" in admin.words
    assert (await user(workshop, one["email"]))["rol"] == "admin"

    answer = await admin.http.post(page, data=stale | {"nombre": "Viejo", "_clave": uuid4().hex})
    assert answer.status_code == 412
    assert (await user(workshop, one["email"]))["nombre"] == "Otro nombre"


async def test_who_is_switched_off_is_out_at_once(workshop: Workshop, admin: Browser) -> None:
    one = await created(workshop)
    theirs = await signed_in(workshop, one["email"], password=STRONG)
    page = f"{PATH}/{one['id']}/acceso"
    await admin.see(page)
    assert "sus sesiones y sus enlaces terminan ahora" in admin.words
    await admin.send(page)
    assert "La cuenta está desactivada" in admin.words
    assert (await theirs.see("/cuenta")).url.path == "/entrar"

    await admin.see(page)
    await admin.send(page)
    assert "La cuenta está activa de nuevo" in admin.words
    await signed_in(workshop, one["email"], password=STRONG)


async def test_sessions_end(workshop: Workshop, admin: Browser) -> None:
    one = await created(workshop)
    theirs = await signed_in(workshop, one["email"], password=STRONG)
    page = f"{PATH}/{one['id']}/sesiones"
    await admin.see(page)
    await admin.send(page)
    assert "Sesiones cerradas: 1" in admin.words
    assert (await theirs.see("/cuenta")).url.path == "/entrar"
    await signed_in(workshop, one["email"], password=STRONG)


async def test_nobody_takes_away_their_own_access(workshop: Workshop, admin: Browser) -> None:
    own = await user(workshop, "admin@example.com")
    page = await admin.see(f"{PATH}/{own['id']}")
    assert "/acceso" not in page.text
    await admin.see(f"{PATH}/{own['id']}/acceso")
    refused = await admin.send(f"{PATH}/{own['id']}/acceso")
    assert refused.status_code == 409
    assert "Pide a otro administrador" in admin.words


async def test_only_administrators(workshop: Workshop) -> None:
    for name in ("operator", "owner"):
        browser = await signed_in(workshop, name)
        assert (await browser.see(PATH)).status_code == 403
    answer: httpx2.Response = await open_browser(workshop).see(PATH)
    assert answer.url.path == "/entrar"


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await admin.see(f"{PATH}/invitar")
    assert "Send the invitation" in admin.words
    assert "fábrica" not in admin.words
