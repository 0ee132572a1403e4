"""What the client ordered, read from `app/product.json`: data, whatever it contains."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRODUCT_FILE = Path(__file__).with_name("product.json")


@dataclass(frozen=True, slots=True)
class Product:
    """The client's product: names, public contact data and configuration."""

    name: str
    slug: str = "producto"
    client: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)

    def text(self, key: str, default: str = "") -> str:
        """Return a configuration value if it is a text that says something."""
        value = self.configuration.get(key)
        return value.strip() if isinstance(value, str) and value.strip() else default

    def client_text(self, key: str) -> str:
        """Return one of the client's public data as text, "" if there is none."""
        value = self.client.get(key)
        return value.strip() if isinstance(value, str) else ""

    def requested_integrations(self) -> tuple[str, ...]:
        """Return the slugs of the requested integrations, in the client's order."""
        value = self.configuration.get("integraciones")
        names = value if isinstance(value, list) else []
        slugs = (integration_slug(name) for name in names if isinstance(name, str))
        return tuple(dict.fromkeys(slug for slug in slugs if slug))


def integration_slug(name: str) -> str:
    """Return "google_sheets" for "Google Sheets"."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]


def load_product(path: Path = PRODUCT_FILE) -> Product:
    """Read the product's file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Product(
        name=data["nombre"],
        slug=data["slug"],
        client=data.get("cliente", {}),
        configuration=data.get("configuracion", {}),
    )
