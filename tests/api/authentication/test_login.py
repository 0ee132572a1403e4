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
    me = await http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
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
            ("a\0@example.com", PASSWORD),
            (EMAIL, PASSWORD + "\0"),
        ]
    ]
    lone_surrogate = rb'{"email": "ana@example.com", "password": "\ud800 1234567"}'
    answers.append(await http.post("/api/auth/login", content=lone_surrogate, headers=JSON))

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
        b'{"email": "a@example.com", "password": "' + b"x" * 1025 + b'"}',
        b'{"email": "' + b"x" * 321 + b'", "password": "12345678"}',
    ]:
        answer = await http.post("/api/auth/login", content=content, headers=JSON)
        assert answer.status_code == 400, content
        assert answer.json()["error"] == "Validation error"


async def test_the_three_ways_are_documented(http: httpx2.AsyncClient) -> None:
    openapi = (await http.get("/openapi.json")).json()

    assert openapi["components"]["securitySchemes"].keys() == {
        "HTTPBearer",
        "APIKeyHeader",
        "SystemToken",
    }
    assert len(openapi["paths"]["/api/auth/me"]["get"]["security"]) == 3
    assert "security" not in openapi["paths"]["/api/auth/login"]["post"]
