from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.database import Database
from app.main import create_app
from app.product import Product, load_product
from app.settings import Settings

SECRETS = {
    "ADMIN_EMAIL": "admin@example.com",
    "ADMIN_PASSWORD": "una frase larga de prueba",
    "API_KEY": "clave-de-prueba",
    "WEBHOOK_SECRET": "12345",
    "PUBLIC_URL": "https://bot.example.com",
}
NOON = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)

Start = Callable[..., TestClient]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start the product: with its own configuration, or with another one."""
    monkeypatch.setattr(Database, "synchronous", "OFF")
    with ExitStack() as stack:

        def start_product(
            configuration: dict[str, Any] | None = None,
            *,
            now: datetime = NOON,
            name: str = "Producto de prueba",
            client: dict[str, Any] | None = None,
            **environment: str,
        ) -> TestClient:
            product = (
                load_product()
                if configuration is None
                else Product(name=name, client=client or {}, configuration=configuration)
            )
            values = {"DATA_DIR": str(tmp_path), **SECRETS, **environment}
            app = create_app(Settings.from_environment(values), product, lambda: now)
            return stack.enter_context(
                TestClient(app, base_url=values["PUBLIC_URL"], follow_redirects=False)
            )

        yield start_product


@pytest.fixture
def admin(start: Start) -> TestClient:
    """The product with its own configuration, the administrator logged in."""
    return log_in(start())


def log_in(client: TestClient, **fields: str) -> TestClient:
    client.get("/admin/entrar")
    values = {
        "email": SECRETS["ADMIN_EMAIL"],
        "password": SECRETS["ADMIN_PASSWORD"],
        "csrf": client.cookies["entrada"],
    }
    client.last = client.post("/admin/entrar", data=values | fields)
    return client


@pytest.fixture
def login() -> Callable[..., TestClient]:
    return log_in
