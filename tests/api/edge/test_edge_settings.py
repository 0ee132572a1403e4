"""The settings of the edge are checked when the program starts."""

import pytest

from axon_factory.settings import Settings, SettingsInvalid, load_settings


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> Settings:
    monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AXON_CORS_ORIGINS", "*"),
        ("AXON_CORS_ORIGINS", "https://*.example"),
        ("AXON_CORS_ORIGINS", "http://panel.example"),
        ("AXON_CORS_ORIGINS", "https://panel.example/"),
        ("AXON_CORS_ORIGINS", "https://panel.example/x"),
        ("AXON_CORS_ORIGINS", "https://user@panel.example"),
        ("AXON_CORS_ORIGINS", "https://Panel.example"),
        ("AXON_CORS_ORIGINS", "https://panel.example:99999"),
        ("AXON_CORS_ORIGINS", "panel.example"),
        ("AXON_CORS_ORIGINS", "null"),
        ("AXON_CORS_ORIGINS", "https://"),
        ("AXON_CORS_ORIGINS", "https://a.example,*"),
        ("AXON_TRUSTED_PROXIES", "*"),
        ("AXON_TRUSTED_PROXIES", "proxy.example"),
        ("AXON_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("AXON_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("AXON_ALLOWED_HOSTS", "*"),
        ("AXON_ALLOWED_HOSTS", "https://panel.example"),
        ("AXON_ALLOWED_HOSTS", "panel.example:8000"),
        ("AXON_RATE_LIMIT_READS", "-1"),
        ("AXON_MAX_JSON_DEPTH", "0"),
        ("AXON_REQUEST_TIMEOUT_SECONDS", "0"),
    ],
)
def test_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        loaded(monkeypatch, name, value)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = "https://a.example, https://b.example:8443,http://localhost:5173,http://[::1]:80,"
    assert loaded(monkeypatch, "AXON_CORS_ORIGINS", origins).cors_origins == {
        "https://a.example",
        "https://b.example:8443",
        "http://localhost:5173",
        "http://[::1]:80",
    }
    proxies = loaded(monkeypatch, "AXON_TRUSTED_PROXIES", "10.0.0.0/8,::1").trusted_proxies
    assert proxies == {"10.0.0.0/8", "::1/128"}


def test_host_is_checked_once_the_public_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().hosts == set()
    loopback = {"localhost", "127.0.0.1", "::1"}
    named = loaded(monkeypatch, "AXON_PUBLIC_URL", "https://Fabrica.example:8443")
    assert named.hosts == {"fabrica.example", *loopback}
    assert loaded(monkeypatch, "AXON_ALLOWED_HOSTS", "axon-api").hosts == {
        "axon-api",
        "fabrica.example",
        *loopback,
    }
