"""Reads the catalogue: `products/<id>/product.toml` and `configuracion.schema.json`."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from axon_factory.domain.catalogue.product_type import ProductType

__all__ = ["PRODUCTS_FOLDER", "load_product_types"]

PRODUCTS_FOLDER = Path(__file__).with_name("products")
_SHARED = "../shared.schema.json#/$defs/"


def load_product_types(identifiers: Iterable[str]) -> Mapping[str, ProductType]:
    """Return the product types with these ids, in this order.

    Raises:
        pydantic.ValidationError: a product's file does not say what it must.
        KeyError: a schema refers to a definition that is not shared.
    """
    shared = _document(PRODUCTS_FOLDER / "shared.schema.json")["$defs"]
    return MappingProxyType({name: _load(name, shared) for name in identifiers})


def _load(identifier: str, shared: Mapping[str, Any]) -> ProductType:
    folder = PRODUCTS_FOLDER / identifier
    data = tomllib.loads((folder / "product.toml").read_text(encoding="utf-8"))
    schema = _document(folder / "configuracion.schema.json")
    return ProductType(id=identifier, **data, configuracion_schema=_published(schema, shared))


def _document(file: Path) -> Any:  # noqa: ANN401 — JSON
    return json.loads(file.read_text(encoding="utf-8"))


def _published(schema: Any, shared: Mapping[str, Any]) -> Any:  # noqa: ANN401 — JSON
    """Return a schema that stands alone, its objects with the order of their fields."""
    if isinstance(schema, list):
        return [_published(item, shared) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    reference = members.get("$ref")
    if isinstance(reference, str):
        return _published(shared[reference.removeprefix(_SHARED)], shared)
    published = {name: _published(value, shared) for name, value in members.items()}
    properties = published.get("properties")
    if isinstance(properties, dict):
        published["x-orden"] = list(cast("dict[str, Any]", properties))
    return published
