"""Answers about the catalogue (design §4.1, §4.2)."""

from typing import Any, ClassVar

from pydantic import Field

from axon_factory.domain.answers import AnswerModel
from axon_factory.orders.answers.shared import design_example

__all__ = ["ProductType", "ProductTypeList"]

_TYPE = "autopilot_whatsapp"


class ProductTypeSummary(AnswerModel):
    """Un tipo de producto, en breve."""

    id: str = Field(description="Nombre estable del tipo; es el `tipo_producto` de una orden.")
    nombre: str = Field(description="Nombre para personas.")
    descripcion: str = Field(description="Qué hace, en una frase.")
    estimacion_horas: float = Field(gt=0, description="Horas de construcción estimadas.")
    precio_base_usd: float = Field(ge=0, description="Precio base, en dólares.")
    features: list[str] = Field(description="Sus tres primeras características.")


class ProductTypeList(AnswerModel):
    """Los tipos de producto que se pueden pedir (§4.2)."""

    EXAMPLE: ClassVar = design_example("4.2-products.200")

    products: list[ProductTypeSummary] = Field(description="Los tipos, en el orden del catálogo.")


class ProductType(ProductTypeSummary):
    """Todo lo que el catálogo sabe de un tipo (§4.1), y cómo se configura."""

    EXAMPLE: ClassVar = {
        "id": _TYPE,
        **design_example("4.1-catalogue")[_TYPE],
        "version": 1,
        "configuracion_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"idioma": {"type": "string", "title": "Idioma"}},
        },
    }

    features: list[str] = Field(description="Todas sus características.")
    stack_base: list[str] = Field(description="Tecnologías de las que parte.")
    templates: list[str] = Field(description="Plantillas de las que parte.")
    integraciones_comunes: list[str] = Field(description="Integraciones habituales.")
    version: int = Field(ge=1, description="Crece con cada cambio del tipo.")
    configuracion_schema: dict[str, Any] = Field(
        description="JSON Schema (2020-12) de `datos_cliente.configuracion`; sirve para un "
        "formulario."
    )
