"""The product catalogue (design §4.1), and the integrations it knows.

A product type is a folder of `products/`: `product.toml` has the design's texts byte for byte, its
plan and its version; `configuracion.schema.json` is the JSON Schema of what a client may configure.
"""

from axon_factory.domain.catalogue.product_types import (
    INTEGRATIONS,
    REQUIRED_CHECKS,
    ProductType,
    integration_label,
    load_product_types,
)

__all__ = ["INTEGRATIONS", "PRODUCT_TYPES", "REQUIRED_CHECKS", "ProductType", "integration_label"]

PRODUCT_TYPES = load_product_types(("autopilot_whatsapp", "autopilot_ventas", "webhook_service"))
"""The catalogue by id, in the design's order."""
