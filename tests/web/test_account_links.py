"""Links of accounts: an invitation, a forgotten password, links that no longer serve."""

from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlmodel import col

from axon_factory.db.tables import OutboxMessage
from axon_factory.orders.notifications.sealing import filled_in
from tests.support.pages import Browser, open_browser, signed_in
from tests.support.workshop import PASSWORD, Workshop

NEW = "jirafa mantel lluvia corcho"
HOSTILE = "Inés <b>x</b>"


async def mailed(workshop: Workshop, email: str) -> str:
    """The path of the link in the newest mail to an address."""
    async with workshop.container.database.reading() as session:
        rows = await session.scalars(
            select(OutboxMessage)
            .where(col(OutboxMessage.recipient) == email)
            .order_by(col(OutboxMessage.created_at).desc())
        )
        row = rows.first()
    assert row is not None
    body, _ = filled_in(workshop.container.secret_box, row)
    address = next(word for word in body.split() if "/cuenta/enlace/" in word)
    return urlsplit(address).path


async def invited(workshop: Workshop, **changes: str) -> tuple[str, str]:
    email = f"ines{uuid4().hex[:8]}@example.com"
    body = {"email": email, "nombre": HOSTILE, "rol": "operator", "invitar": True, **changes}
    answer = await workshop.http.post("/api/users", json=body, headers=workshop.headers["admin"])
    assert answer.status_code == 201, answer.text
    return email, await mailed(workshop, email)


async def choose(browser: Browser, path: str, password: str, again: str | None = None) -> str:
    """Send the link's form; return where it leads, and show what it says if it leads nowhere."""
    fields = {"nueva": password, "repetida": password if again is None else again}
    browser.page = await browser.http.post(
        path, data=browser.form(path) | fields, follow_redirects=False
    )
    return browser.page.headers.get("Location", "")


async def test_an_invitation_leads_inside(workshop: Workshop) -> None:
    email, path = await invited(workshop)
    browser = open_browser(workshop)
    shown = await browser.see(path)
    assert shown.status_code == 200
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["Cache-Control"] == "no-store"
    assert email in browser.words
    assert HOSTILE in browser.words
    assert HOSTILE not in shown.text
    assert "15" in browser.words  # the rule, before anything is typed
    assert shown.text.index('id="regla"') < shown.text.index('id="nueva"')

    assert await choose(browser, path, NEW) == "/app/pendientes"
    await browser.see("/cuenta")
    assert email in browser.words
    await signed_in(workshop, email, password=NEW)


async def test_a_clients_invitation_leads_to_their_portal(workshop: Workshop) -> None:
    _, path = await invited(workshop, rol="client", cliente_id="estudio-savia")
    browser = open_browser(workshop)
    await browser.see(path)
    assert "Cliente" in browser.words
    assert await choose(browser, path, NEW) == "/portal"


@pytest.mark.parametrize(
    ("password", "again", "field"), [("corta", "corta", "nueva"), (NEW, "otra cosa", "repetida")]
)
async def test_what_does_not_do_is_said_at_its_field_and_costs_no_link(
    workshop: Workshop, password: str, again: str, field: str
) -> None:
    _, path = await invited(workshop)
    browser = open_browser(workshop)
    await browser.see(path)
    assert await choose(browser, path, password, again) == ""
    assert browser.page.status_code == 400
    assert f'id="{field}-error"' in browser.page.text
    assert await choose(browser, path, NEW) == "/app/pendientes"


async def test_a_used_link_says_how_to_get_another(workshop: Workshop) -> None:
    _, path = await invited(workshop)
    browser = open_browser(workshop)
    await browser.see(path)
    opened = browser.form(path)
    await choose(browser, path, NEW)

    for answer in (
        await open_browser(workshop).see(path),
        await browser.http.post(path, data=opened | {"nueva": NEW, "repetida": NEW}),
    ):
        assert answer.status_code in {403, 404}
    late = open_browser(workshop)
    assert (await late.see(path)).status_code == 404
    assert "Este enlace ya no sirve" in late.words
    assert "pide a quien te invitó que la reenvíe" in late.words
    assert 'href="/cuenta/olvido"' in late.page.text


@pytest.mark.parametrize("token", ["x", "axl_live_k7m2q9x4_nada", "%00", "a" * 300])
async def test_what_is_no_link_is_told_the_same(workshop: Workshop, token: str) -> None:
    browser = open_browser(workshop)
    assert (await browser.see(f"/cuenta/enlace/{token}")).status_code == 404


async def test_no_other_site_uses_a_link_up(workshop: Workshop) -> None:
    _, path = await invited(workshop)
    other = open_browser(workshop)
    answer = await other.http.post(path, data={"nueva": NEW, "repetida": NEW})
    assert answer.status_code == 403
    assert (await open_browser(workshop).see(path)).status_code == 200


async def test_a_forgotten_password_is_replaced_by_mail(workshop: Workshop) -> None:
    email, path = await invited(workshop)
    browser = open_browser(workshop)
    await browser.see(path)
    await choose(browser, path, NEW)

    visitor = open_browser(workshop)
    await visitor.see("/entrar")
    assert 'href="/cuenta/olvido"' in visitor.page.text
    await visitor.see("/cuenta/olvido")
    await visitor.send("/cuenta/olvido", correo=email)
    known = visitor.words
    again = await mailed(workshop, email)
    assert again != path
    await visitor.see(again)
    assert "tus sesiones se cierran" in visitor.words
    other = "otra batería caballo correcto"
    assert await choose(visitor, again, other) == "/app/pendientes"
    assert (await browser.see("/cuenta")).url.path == "/entrar"
    await signed_in(workshop, email, password=other)

    await visitor.see("/cuenta/olvido")
    await visitor.send("/cuenta/olvido", correo="nadie@example.com")
    assert visitor.words == known.replace(email, "nadie@example.com")


async def test_it_speaks_the_mails_language_until_another_is_chosen(workshop: Workshop) -> None:
    _, path = await invited(workshop, idioma="en")
    browser = open_browser(workshop, "es")
    await browser.see(path)
    assert "Choose your password" in browser.words
    assert "characters" in browser.words
    browser.cookies["axon-idioma"] = "es"
    await browser.see(path)
    assert "Elige tu contraseña" in browser.words


async def test_who_is_signed_in_becomes_who_the_link_is_for(workshop: Workshop) -> None:
    email, path = await invited(workshop)
    browser = await signed_in(workshop, "admin", password=PASSWORD)
    await browser.see(path)
    assert await choose(browser, path, NEW) == "/app/pendientes"
    await browser.see("/cuenta")
    assert email in browser.words
