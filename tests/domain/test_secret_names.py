"""What of a configuration leaves the factory, and what looks like a secret."""

import pytest

from axon_factory.domain.text import FOR_BUILDERS, is_secret_name


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("apiKey", True),
        ("API-KEY", True),
        ("stripe_secret", True),
        ("twilioAuthToken", True),
        ("contraseña", True),
        ("CONTRASEN\u0303A", True),  # a letter and its tilde apart
        ("clave_privada", True),
        ("credenciales", True),
        ("palabras_clave", False),
        ("palabra clave", False),
        ("idioma", False),
        ("pin", True),
        ("wifiPass", True),
        ("max_tokens", False),
        ("pinceles", False),
        ("compass", False),
        ("monkey", False),
        ("autor", False),
        ("", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_secrets_go_at_any_depth_and_the_rest_stays() -> None:
    given = {
        "stripe": {"api_key": "sk", "moneda": "MXN", "cuentas": [{"token": 1, "id": 2}, "x", None]},
        "password": {"a": 1},
        "horas": 2.5,
    }
    kept = {"stripe": {"moneda": "MXN", "cuentas": [{"id": 2}, "x", None]}, "horas": 2.5}
    assert FOR_BUILDERS.data(given) == kept
    assert "password" in given
