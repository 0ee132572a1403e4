"""What is hidden of a client's data, and what is not."""

import re

import pytest

from axon_factory.domain.text import FOR_BUILDERS, FOR_MODELS, Redactor

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
RANDOM = re.compile(r"[A-Za-z0-9]{32,}")
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
    hidden = FOR_MODELS.text(f"Usa {secret} para entrar")
    assert "[secreto omitido]" in hidden
    kept = [part for part in secret.replace(":", " ").replace("=", " ").split() if len(part) > 12]
    assert not any(part in hidden for part in kept)
    assert hidden.startswith("Usa ")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert FOR_MODELS.text(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("escribe a ana.perez+x@correo.example hoy", "escribe a [correo omitido] hoy"),
        ("llama al +52 1 55 8765 4321", "llama al [teléfono omitido]"),
        ("(55) 1234-5678-90", "[teléfono omitido]"),
    ],
)
def test_ways_to_reach_somebody(text: str, hidden: str) -> None:
    assert FOR_MODELS.text(text) == hidden


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
    assert FOR_MODELS.data({"a": [{name: value, "b": 1}]}) == {"a": [{"b": 1}]}


def test_keys_that_only_look_like_it_stay() -> None:
    data = {"email": True, "palabras_clave": ["moda"], "correo": {"plantillas": 3}, "teléfonos": 2}
    assert FOR_MODELS.data(data) == data
    contacts = {"email": "x", "Teléfono": 55, "whatsapp_number": "y", "contactEmail": ""}
    assert FOR_MODELS.data(contacts) == {}


def test_who_builds_may_reach_the_client_and_be_told_what_merely_looks_random() -> None:
    data = {
        "email": "ana@correo.example",
        "telefono": "+52 1 55 8765 4321",
        "hoja": "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgVE2upms",
    }
    assert FOR_BUILDERS.data(data) == data


@pytest.mark.parametrize("secret", [one for one in SECRETS if not RANDOM.fullmatch(one)])
def test_who_builds_gets_no_secret_either(secret: str) -> None:
    assert FOR_BUILDERS.text(f"Usa {secret} ya") == FOR_MODELS.text(f"Usa {secret} ya")


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    redactor = Redactor(["abrete-sesamo", "abrete-sesamo-ya", "corto"])
    assert redactor.data({"a": ["abrete-sesamo-ya, corto"]}) == {"a": ["[secreto omitido], corto"]}
