"""Answers about the delivered product (design §3.3)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Column, OrderNumber, Timestamp
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.shared import EXAMPLE_ID, OrderId, design_example

__all__ = ["Credentials", "OrderResult", "RevealedCredentials"]


class Credentials(AnswerModel):
    """Credenciales del producto."""

    admin_email: str = Field(description="Usuario administrador del producto.")
    admin_password_temporal: str = Field(description="Contraseña temporal.")
    api_key: str = Field(description="Clave de la API del producto.")
    webhook_secret: str = Field(description="Secreto con el que el producto verifica webhooks.")


class InitialSetup(AnswerModel):
    """Con qué quedó puesto en marcha."""

    db_migrated: bool = Field(description="La base de datos tiene su esquema.")
    seeds_loaded: bool = Field(description="Los datos iniciales están cargados.")
    integrations_configured: list[str] = Field(description="Integraciones que ya funcionan.")
    integrations_pending: list[str] = Field(
        default_factory=list, description="Integraciones que esperan datos del cliente."
    )


class Product(AnswerModel):
    """El producto en marcha (§2.1 `resultado`)."""

    portal_url: str | None = Field(
        description="Portal del cliente; null mientras ningún enlace suyo sirve."
    )
    admin_url: str = Field(description="Administración del producto.")
    api_url: str = Field(description="API del producto.")
    credentials: Credentials = Field(description="Enmascaradas; se revelan una vez.")
    docs_url: str = Field(description="Guía de uso.")
    support_email: str = Field(description="A quién preguntar.")
    webhooks: dict[str, str] = Field(description="Direcciones de sus webhooks, por servicio.")
    configuracion_inicial: InitialSetup


class OrderResult(AnswerModel):
    """El producto entregado (§3.3); `resultado` es null antes del deploy."""

    EXAMPLE: ClassVar = design_example("3.3-result.200")

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    estado: Literal[OrderState.LISTO, OrderState.ENTREGADO] = Field(
        description="`listo` o `entregado`."
    )
    resultado: Product | None = Field(description="El producto; null antes del deploy.")
    repo_url: str | None = Field(description="Repositorio Git del producto.")
    deploy_url: str | None = Field(description="Dirección del producto en marcha.")
    entregado_at: Timestamp | None = Field(description="Cuándo se entregó.")


class RevealedCredentials(AnswerModel):
    """Las credenciales, por única vez."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "credentials": design_example("3.3-result.200")["resultado"]["credentials"],
    }

    order_id: Annotated[OrderId, Column("id")]
    credentials: Credentials
