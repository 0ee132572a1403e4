"""POST /api/auth/login and GET /api/auth/me."""

from uuid import UUID

import httpx2

EMAIL, PASSWORD = "ana@example.com", "correcto caballo"
JSON = {"Content-Type": "application/json"}


async def test_login_and_who_one_is(http: httpx2.AsyncClient, user_id: UUID) -> None:
    login = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})

    assert login.status_code == 200
    assert login.headers["Cache-Control"] == "no-store"
    body = login.json()
    token = body.pop("access_token")
    assert body.pop("refresh_token").startswith("axr_live_")
    session_id = body.pop("session_id")
    assert body == {
        "token_type": "bearer",
        "expires_in": 900,
        "user": {
            "id": str(user_id),
            "email": EMAIL,
            "nombre": "Ana",
            "rol": "operator",
            "cliente_id": None,
            "debe_cambiar_password": False,
        },
    }
    headers = {"Authorization": f"Bearer {token}"}
    [session] = (await http.get("/api/auth/sessions", headers=headers)).json()["sessions"]
    assert (session["id"], session["actual"]) == (session_id, True)
    me = await http.get("/api/auth/me", headers=headers)
    assert me.headers["Cache-Control"] == "no-store"
    assert me.json() == {
        "id": f"user:{user_id}",
        "nombre": "Ana",
        "rol": "operator",
        "permiso": "operator",
        "cliente_id": None,
    }


async def test_a_login_that_fails_does_not_say_why(http: httpx2.AsyncClient, user_id: UUID) -> None:
    answers = [
        await http.post("/api/auth/login", json={"email": email, "password": password})
        for email, password in [
            (EMAIL, "equivocada"),
            ("nadie@example.com", PASSWORD),
            ("no es un correo", PASSWORD),
            (EMAIL, "x" * 1000),
        ]
    ]

    assert {answer.content for answer in answers} == {answers[0].content}
    for answer in answers:
        assert answer.status_code == 401
        assert answer.json()["codigo"] == "credenciales_invalidas"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_no_login_is_not_tried(http: httpx2.AsyncClient) -> None:
    for content in [
        b"",
        b"{",
        b"[]",
        b'{"email": "a@example.com"}',
        b'{"email": "a@example.com", "password": ""}',
        b'{"email": "a@example.com", "password": 12345678}',
        b'{"email": ["a@example.com"], "password": "12345678"}',
        b'{"email": "a@example.com", "password": "12345678", "role": "admin"}',
        rb'{"email": "\ud800@example.com", "password": "12345678"}',
        rb'{"email": "a@example.com", "password": "\ud800 12345678"}',
        rb'{"email": "a@example.com", "password": "12345678\u0000"}',
        rb'{"email": "a\u0000@example.com", "password": "12345678"}',
        b'{"email": "a@example.com", "password": "' + b"x" * 1025 + b'"}',
        b'{"email": "' + b"x" * 321 + b'", "password": "12345678"}',
    ]:
        answer = await http.post("/api/auth/login", content=content, headers=JSON)
        assert answer.status_code == 400, content
        assert answer.json()["error"] == "Validation error"


async def test_the_three_ways_are_documented(http: httpx2.AsyncClient) -> None:
    openapi = (await http.get("/openapi.json")).json()

    assert openapi["components"]["securitySchemes"].keys() == {
        "AccessToken",
        "ApiKey",
        "SystemToken",
    }
    assert len(openapi["paths"]["/api/orders/{id}"]["patch"]["security"]) == 3
    assert "security" not in openapi["paths"]["/api/auth/login"]["post"]
