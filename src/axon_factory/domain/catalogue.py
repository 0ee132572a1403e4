"""The product catalogue (design §4.1), its milestones, and the integrations it knows.

Texts are the design's own, byte for byte. `summary_*` are what §4.2 shows where it differs.
"""

from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from axon_factory.domain.plan import Milestone, Resources

__all__ = ["INTEGRATIONS", "PRODUCT_TYPES", "ProductType", "integration_label"]


class ProductType(BaseModel):
    """One product of the catalogue; a snapshot of it is kept on every order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    nombre: str
    descripcion: str
    descripcion_breve: str
    stack_base: tuple[str, ...]
    templates: tuple[str, ...]
    integraciones_comunes: tuple[str, ...]
    estimacion_horas: int
    precio_base_usd: int
    features: tuple[str, ...]
    recursos: Resources
    subagentes: tuple[str, ...]
    milestones: tuple[Milestone, ...]

    def summary(self) -> dict[str, Any]:
        """Return the documented entry of `GET /api/products/types` (§4.2): first three features."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "descripcion": self.descripcion_breve,
            "estimacion_horas": self.estimacion_horas,
            "precio_base_usd": self.precio_base_usd,
            "features": list(self.features[:3]),
        }

    def detail(self) -> dict[str, Any]:
        """Return all of §4.1 for `GET /api/products/types/{id}`."""
        return {
            "id": self.id,
            **self.model_dump(
                mode="json",
                include={
                    "nombre",
                    "descripcion",
                    "stack_base",
                    "templates",
                    "integraciones_comunes",
                    "estimacion_horas",
                    "precio_base_usd",
                    "features",
                },
            ),
        }


INTEGRATIONS = MappingProxyType(
    {
        "whatsapp": "WhatsApp Business API",
        "stripe": "Stripe",
        "google_sheets": "Google Sheets",
        "hubspot": "HubSpot",
        "email": "Email (SendGrid/Resend)",
        "calendar": "Calendar (Google Calendar)",
        "slack": "Slack",
        "discord": "Discord",
        "sms": "SMS (Twilio)",
        "zapier": "Zapier",
        "make": "Make",
    }
)
"""Slugs that a client's configuration uses, and the labels that a plan shows."""


def integration_label(slug: str) -> str | None:
    """Return the catalogue's label of an integration slug, or None for an unknown one."""
    return INTEGRATIONS.get(slug)


def _milestone(identifier: str, name: str, hours: float, agent: str, deliverable: str) -> Milestone:
    return Milestone(
        id=identifier, nombre=name, estimacion_horas=hours, agente=agent, entregable=deliverable
    )


_PRODUCTS = (
    ProductType(
        id="autopilot_whatsapp",
        nombre="Autopilot WhatsApp",
        descripcion="Bot inteligente para ventas/soporte por WhatsApp",
        descripcion_breve="Bot inteligente para ventas/soporte por WhatsApp",
        stack_base=("FastAPI", "Twilio WhatsApp API", "PostgreSQL", "Redis", "Next.js"),
        templates=("autopilot_base", "whatsapp_bot_base"),
        integraciones_comunes=("WhatsApp Business API", "Stripe", "Google Sheets", "HubSpot"),
        estimacion_horas=24,
        precio_base_usd=2500,
        features=(
            "Respuestas automáticas 24/7",
            "Integración con catálogo de productos",
            "Procesamiento de pedidos",
            "Notificaciones automáticas",
            "Dashboard de métricas",
            "Multi-idioma",
        ),
        recursos=Resources(cpu_cores=2, ram_gb=4, storage_gb=20),
        subagentes=("Builder", "Developer", "RAG", "QA", "Security"),
        milestones=(
            _milestone("scaffolding", "Scaffolding", 2, "Builder Agent", "Servicio base"),
            _milestone("backend_api", "Backend API", 8, "Developer Agent", "Bot y pedidos"),
            _milestone("frontend", "Frontend", 6, "Developer Agent", "Panel y guía"),
            _milestone("integraciones", "Integraciones", 4, "Developer Agent", "Integraciones"),
            _milestone("qa", "QA", 4, "QA Agent", "Pruebas y documentación"),
        ),
    ),
    ProductType(
        id="autopilot_ventas",
        nombre="Autopilot Ventas",
        descripcion="Agente de ventas completo con funnel automatizado",
        descripcion_breve="Agente de ventas completo con funnel automatizado",
        stack_base=("Next.js", "FastAPI", "PostgreSQL", "n8n", "Redis"),
        templates=("autopilot_base", "sales_funnel_base"),
        integraciones_comunes=(
            "Stripe",
            "HubSpot",
            "WhatsApp",
            "Email (SendGrid/Resend)",
            "Calendar (Google Calendar)",
        ),
        estimacion_horas=48,
        precio_base_usd=5000,
        features=(
            "Landing page optimizada",
            "Chat de ventas con IA",
            "Pipeline automatizado",
            "Email marketing",
            "Agendamiento automático",
            "Dashboard de conversiones",
            "A/B testing",
            "CRM integrado",
        ),
        recursos=Resources(cpu_cores=4, ram_gb=8, storage_gb=40),
        subagentes=("Builder", "Developer", "RAG", "QA", "Security"),
        milestones=(
            _milestone("scaffolding", "Scaffolding", 4, "Builder Agent", "Servicio base"),
            _milestone("backend_api", "Backend API", 16, "Developer Agent", "Funnel y CRM"),
            _milestone("frontend", "Frontend", 12, "Developer Agent", "Landing y panel"),
            _milestone("integraciones", "Integraciones", 8, "Developer Agent", "Integraciones"),
            _milestone("qa", "QA", 8, "QA Agent", "Pruebas y documentación"),
        ),
    ),
    ProductType(
        id="webhook_service",
        nombre="Webhook Service",
        descripcion="Servicio de webhooks personalizado para integraciones",
        descripcion_breve="Servicio de webhooks personalizado",
        stack_base=("FastAPI", "Redis", "PostgreSQL"),
        templates=("webhook_service_base",),
        integraciones_comunes=("Slack", "Discord", "Email", "SMS (Twilio)", "Zapier", "Make"),
        estimacion_horas=16,
        precio_base_usd=1500,
        features=(
            "Webhooks ilimitados",
            "Event routing",
            "Transformaciones de datos",
            "Retry automático",
            "Logs y auditoría",
            "Rate limiting",
            "Authentication flexible",
        ),
        recursos=Resources(cpu_cores=1, ram_gb=2, storage_gb=10),
        subagentes=("Builder", "Developer", "QA", "Security"),
        milestones=(
            _milestone("scaffolding", "Scaffolding", 2, "Builder Agent", "Servicio base"),
            _milestone("backend_api", "Backend API", 8, "Developer Agent", "Recepción y reenvío"),
            _milestone("integraciones", "Integraciones", 3, "Developer Agent", "Destinos"),
            _milestone("qa", "QA", 3, "QA Agent", "Pruebas y documentación"),
        ),
    ),
)

PRODUCT_TYPES = MappingProxyType({product.id: product for product in _PRODUCTS})
"""The catalogue by id, in the design's order."""
