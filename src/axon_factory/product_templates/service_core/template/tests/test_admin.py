import sqlite3

import pytest


def test_without_a_session_the_panel_leads_to_the_login(start):
    assert start().get("/admin").headers["location"] == "/admin/entrar"


def test_the_administrator_enters_and_leaves(admin):
    assert admin.last.status_code == 303
    cookie = admin.last.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    page = admin.get("/admin")
    assert page.status_code == 200
    assert "Integraciones" in page.text
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    assert admin.post("/admin/salir", data={"csrf": "otro"}).status_code == 403
    stolen = dict(admin.cookies)
    assert admin.post("/admin/salir", data={"csrf": csrf}).status_code == 303
    admin.cookies.clear()
    admin.cookies.update(stolen)
    assert admin.get("/admin").status_code == 303


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"password": "otra"}, 401),
        ({"email": "otro@example.com"}, 401),
        ({"password": "ñ" * 2000}, 401),
        ({"csrf": "falso"}, 403),
    ],
)
def test_wrong_credentials_open_no_session(start, login, fields, status):
    client = login(start(), **fields)
    assert client.last.status_code == status
    assert client.get("/admin").status_code == 303


def test_guessing_is_slowed_down(start, login):
    client = start()
    for _ in range(5):
        assert login(client, password="mala").last.status_code == 401
    assert login(client).last.status_code == 429


def test_without_a_password_nobody_enters(start, login):
    client = login(start(ADMIN_PASSWORD=""), password="")
    assert client.last.status_code == 401


def test_other_credentials_end_the_sessions_and_keep_the_data(start, login, tmp_path):
    before = login(start())
    assert before.get("/admin").status_code == 200
    with sqlite3.connect(tmp_path / "producto.sqlite3") as connection:
        connection.execute("CREATE TABLE prueba (dato TEXT)")
        connection.execute("INSERT INTO prueba VALUES ('sigue')")
    after = start(ADMIN_PASSWORD="otra frase, también larga")
    after.cookies.update(before.cookies)
    assert after.get("/admin").headers["location"] == "/admin/entrar"
    after.cookies.clear()
    assert login(after).last.status_code == 401
    assert login(after, password="otra frase, también larga").last.status_code == 303
    assert after.get("/admin").status_code == 200
    with sqlite3.connect(tmp_path / "producto.sqlite3") as connection:
        assert connection.execute("SELECT dato FROM prueba").fetchall() == [("sigue",)]


def test_the_same_credentials_keep_the_sessions(start, login):
    before = login(start())
    after = start(API_KEY="otra-clave", WEBHOOK_SECRET="otro-secreto")
    after.cookies.update(before.cookies)
    assert after.get("/admin").status_code == 200
