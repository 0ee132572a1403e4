"""Signing in and out with a browser, one's own password, sessions and language."""

import asyncio
from uuid import uuid4

import pytest

from axon_factory.accounts import users
from axon_factory.domain.permissions import Role
from tests.support.pages import Browser, open_browser, signed_in
from tests.support.workshop import PASSWORD, Workshop

ANOTHER = "grapa ventana dorado llave"


async def _person(workshop: Workshop, **changes: bool) -> str:
    email = f"{uuid4().hex}@example.com"
    async with workshop.container.database.transaction("test") as session:
        await users.create(
            session,
            email=email,
            name="Rosa Díaz",
            role=Role.OPERATOR,
            password_hash=await workshop.container.passwords.hash(PASSWORD),
            **changes,
        )
    return email


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(workshop: Workshop) -> None:
    browser = open_browser(workshop)
    await browser.see("/entrar")
    form = browser.form("/entrar") | {"correo": "admin@example.com", "contrasena": PASSWORD}
    answer = await browser.http.post("/entrar", data=form, follow_redirects=False)
    cookie = next(
        line for line in answer.headers.get_list("Set-Cookie") if line.startswith("__Host-axon=")
    )
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    value = browser.cookies["__Host-axon"]
    for headers in ({"Authorization": f"Bearer {value}"}, {"Cookie": f"__Host-axon={value}"}):
        assert (await workshop.http.get("/api/orders", headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["/cuenta", "/cuenta/contrasena?x=1"])
async def test_signing_in_leads_to_where_one_wanted_to_go(workshop: Workshop, path: str) -> None:
    browser = open_browser(workshop)
    await browser.see(path)
    assert browser.page.url.path == "/entrar"
    await browser.send("/entrar", correo="operator@example.com", contrasena=PASSWORD)
    assert str(browser.page.url).endswith(path)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://mal.example/", "//mal.example", "/\\mal.example", "javascript:alert(1)", "\\/mal"],
)
async def test_it_leads_to_no_other_site(workshop: Workshop, elsewhere: str) -> None:
    browser = open_browser(workshop)
    await browser.see("/entrar")
    await browser.send(
        "/entrar", correo="operator@example.com", contrasena=PASSWORD, volver=elsewhere
    )
    assert browser.page.url.host == "127.0.0.1"


async def test_a_wrong_password_is_told_beside_the_form_and_keeps_the_address(
    workshop: Workshop,
) -> None:
    browser = open_browser(workshop)
    await browser.see("/entrar")
    await browser.send("/entrar", correo="nadie@example.com", contrasena="no es esta")
    assert browser.page.status_code == 401
    assert "no coinciden" in browser.text
    assert browser.form("/entrar")["correo"] == "nadie@example.com"
    assert "no es esta" not in browser.page.text
    assert "__Host-axon" not in browser.cookies


async def test_a_form_of_another_browser_is_not_taken(workshop: Workshop) -> None:
    theirs, ours = open_browser(workshop), open_browser(workshop)
    await theirs.see("/entrar")
    await ours.see("/entrar")
    form = theirs.form("/entrar") | {"correo": "admin@example.com", "contrasena": PASSWORD}
    answer = await ours.http.post("/entrar", data=form)
    assert answer.status_code == 403
    assert "__Host-axon" not in ours.cookies


async def test_signing_out_ends_the_session_in_every_process(workshop: Workshop) -> None:
    browser = await signed_in(workshop, "operator")
    await browser.see("/cuenta")
    stolen = dict(browser.cookies)
    await browser.send("/salir")
    assert browser.page.url.path == "/entrar"
    thief = open_browser(workshop)
    thief.cookies = stolen
    await thief.see("/cuenta")
    assert thief.page.url.path == "/entrar"


async def test_a_deactivated_person_is_out_with_the_next_page(workshop: Workshop) -> None:
    email = await _person(workshop)
    browser = await signed_in(workshop, email)
    listed = await workshop.http.get(
        "/api/users", params={"limit": 200}, headers=workshop.headers["admin"]
    )
    user = next(one for one in listed.json()["users"] if one["email"] == email)
    gone = await workshop.http.patch(
        f"/api/users/{user['id']}", json={"activo": False}, headers=workshop.headers["admin"]
    )
    assert gone.status_code == 200
    await browser.see("/cuenta")
    assert browser.page.url.path == "/entrar"


async def test_a_password_of_one_use_is_changed_before_anything_else(workshop: Workshop) -> None:
    email = await _person(workshop, must_change_password=True)
    browser = await signed_in(workshop, email)
    await browser.see("/cuenta")
    assert "Al menos 15 caracteres" in (await browser.see("/cuenta/contrasena")).text
    short = {"actual": PASSWORD, "nueva": "corta", "repetida": "corta"}
    await browser.send("/cuenta/contrasena", **short)
    assert browser.page.status_code == 400
    assert "Debe tener de 15 a 128 caracteres" in browser.text
    await browser.send("/cuenta/contrasena", actual=PASSWORD, nueva=ANOTHER, repetida="otra")
    assert "Las dos no son iguales" in browser.text
    await browser.send("/cuenta/contrasena", actual="no", nueva=ANOTHER, repetida=ANOTHER)
    assert "No es la contraseña actual" in browser.text
    await browser.send("/cuenta/contrasena", actual=PASSWORD, nueva=ANOTHER, repetida=ANOTHER)
    assert browser.page.url.path != "/cuenta/contrasena"
    await signed_in(workshop, email, password=ANOTHER)


async def test_the_language_is_kept_by_choice(workshop: Workshop) -> None:
    browser = await signed_in(workshop, "operator")
    await browser.see("/cuenta")
    assert "Tu cuenta" in browser.text
    await browser.send("/idioma", idioma="en")
    assert browser.page.url.path == "/cuenta"
    assert "Your account" in browser.text
    assert '<html lang="en"' in browser.page.text
    english = open_browser(workshop, "en-GB,en;q=0.9")
    assert "Sign in to the factory" in (await english.see("/entrar")).text


async def test_sessions_are_listed_and_ended(workshop: Workshop) -> None:
    email = await _person(workshop)
    first, second = await signed_in(workshop, email), await signed_in(workshop, email)
    await first.see("/cuenta")
    assert first.page.text.count("usada") == 2
    await first.send("/cuenta/sesiones/cerrar")
    for browser in (first, second):
        await browser.see("/cuenta")
        assert browser.page.url.path == "/entrar"


async def test_times_are_in_the_readers_zone(workshop: Workshop) -> None:
    browser = await signed_in(workshop, "operator")
    zones = {}
    for zone in ("America/Mexico_City", "Asia/Tokyo", "../etc/passwd"):
        browser.cookies["axon-zona"] = zone
        zones[zone] = (await browser.see("/cuenta")).text
    assert 'data-zone="Asia/Tokyo"' in zones["Asia/Tokyo"]
    assert 'data-zone="America/Mexico_City"' in zones["../etc/passwd"]


async def test_an_address_that_does_not_exist_is_a_page_to_a_browser(workshop: Workshop) -> None:
    browser = open_browser(workshop, "en")
    answer = await browser.see("/no/hay/nada")
    assert answer.status_code == 404
    assert "There is nothing here" in browser.text
    program = await workshop.http.get("/no/hay/nada")
    assert program.headers["Content-Type"].startswith("application/json")
    api = await browser.see("/api/no/hay")
    assert api.headers["Content-Type"].startswith("application/json")


async def test_many_tabs_at_once_stay_signed_in(workshop: Workshop) -> None:
    browser: Browser = await signed_in(workshop, "operator")
    answers = await asyncio.gather(*(browser.http.get("/cuenta") for _ in range(20)))
    assert {answer.url.path for answer in answers} == {"/cuenta"}
