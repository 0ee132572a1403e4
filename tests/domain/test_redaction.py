"""What is hidden of a client's data, and what is not."""

import pytest

from axon_factory.domain.redaction import redacted, redacted_text

SECRETS = [
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "sk_live_51H8abcdefghijkl",
    f"sk-ant-{'a1' * 12}",
    f"AC{'0f' * 16}",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijkl",
    "xoxb-123456789012-abcdefghijkl",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz12345",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "SG.abcdefghijklmnop1.qrstuvwxyz",
    "whsec_abcdefghijklmnopqrstuv",
    f"axk_live_abcdefgh_{'B2' * 24}",
    "glpat-abcdefghijklmnopqrst",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "Bearer abcdefghijk.lmnop",
    "contraseña: hunter2",
    "password=hunter2hunter2",
    "la clave es: Zx9-secreta",
    "api_key=abc123def",
    "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIz",
    "d41d8cd98f00b204e9800998ecf8427e",
    "https://usuario:contrasenia@base.example/x",
]
HARMLESS = [
    "Vendemos camisetas a 1500000 pesos, de 9:00 a 20:00",
    "Desde el 2025-01-01 10:00 hasta el 2025-12-31",
    "La clave del negocio es el trato",
    "ORD-2025-001",
    "autopilot_whatsapp y google_sheets",
    "Basic y Premium",
    "recursos_requeridos_del_proyecto",
    "re_conectar_automaticamente",
    "Skating y patinaje-sobre-hielo-artístico",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_in_texts(secret: str) -> None:
    hidden = redacted_text(f"Usa {secret} para entrar")
    assert "[secreto omitido]" in hidden
    kept = [part for part in secret.replace(":", " ").replace("=", " ").split() if len(part) > 12]
    assert not any(part in hidden for part in kept)
    assert hidden.startswith("Usa ")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("escribe a ana.perez+x@correo.example hoy", "escribe a [correo omitido] hoy"),
        ("llama al +52 1 55 8765 4321", "llama al [teléfono omitido]"),
        ("(55) 1234-5678-90", "[teléfono omitido]"),
    ],
)
def test_ways_to_reach_somebody(text: str, hidden: str) -> None:
    assert redacted_text(text) == hidden


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "apiToken",
        "api_key",
        "API-KEY",
        "stripe_secret",
        "Contraseña",
        "clave_wifi",
        "access key",
        "credenciales",
        "password2",
        "privateKey",
        "notas_internas",
        "Cookie",
    ],
)
@pytest.mark.parametrize("value", ["x", 1234, {"a": 1}, ["x"]])
def test_keys_that_name_a_secret_go_with_their_value(name: str, value: object) -> None:
    assert redacted({"a": [{name: value, "b": 1}]}) == {"a": [{"b": 1}]}


def test_keys_that_only_look_like_it_stay() -> None:
    data = {"email": True, "palabras_clave": ["moda"], "correo": {"plantillas": 3}, "teléfonos": 2}
    assert redacted(data) == data
    assert (
        redacted({"email": "x", "Teléfono": 55, "whatsapp_number": "y", "contactEmail": ""}) == {}
    )
