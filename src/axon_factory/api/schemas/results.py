"""Answers about the delivered product (design §3.3)."""

from typing import ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, OrderNumber, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID, EXAMPLE_NUMBER, design_example
from axon_factory.api.schemas.orders import Decision, OrderId
from axon_factory.domain.states import OrderState

__all__ = [
    "Credentials",
    "CredentialsRotation",
    "ErasedOrder",
    "OrderResult",
    "RevealedCredentials",
]


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

    order_id: OrderId
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


class CredentialsRotation(Decision):
    """La rotación pedida; el producto se reinicia con las credenciales nuevas."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "estado": "entregado",
        "plan_estado": "aprobado",
        "intento": 1,
        "message": "El producto se reinicia con credenciales nuevas; en unos segundos se pueden "
        "revelar",
        "credenciales": ["admin_password_temporal", "api_key", "webhook_secret"],
    }

    credenciales: list[str] = Field(description="Nombres de las que se reemplazan.")


class ErasedOrder(Decision):
    """La orden, sin datos personales."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "estado": "entregado",
        "plan_estado": "aprobado",
        "intento": 1,
        "message": f"Los datos personales de la orden {EXAMPLE_NUMBER} se borraron",
        "borrado_at": "2025-11-20T10:00:00Z",
        "borrado_pendiente": True,
        "producto": True,
    }

    borrado_at: Timestamp = Field(description="Cuándo se borraron los datos.")
    borrado_pendiente: bool = Field(
        description="Correos, o el producto, todavía se están borrando fuera de la base de datos."
    )
    producto: bool = Field(description="También se borra el producto.")


class RevealedCredentials(AnswerModel):
    """Las credenciales, por única vez."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "credentials": design_example("3.3-result.200")["resultado"]["credentials"],
    }

    order_id: OrderId
    credentials: Credentials
