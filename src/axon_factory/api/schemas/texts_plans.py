"""Spanish descriptions of what is sent about plans."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.schema_text import SchemaText

__all__ = ["PLANS"]

_PLAN_READ = {
    "plan_version": "Versión del plan que se leyó (`plan_version` de la orden).",
    "plan_hash": "SHA-256 del plan que se leyó (`plan_hash` de la orden).",
}
_EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

PLANS: Mapping[str, SchemaText] = MappingProxyType(
    {
        "PlanVersionStatus": SchemaText(
            "Qué fue de una versión del plan; `reemplazado`: alguien escribió otra desde ella."
        ),
        "Change": SchemaText("Qué fue de un campo del plan."),
        "FlagKind": SchemaText("Avisos sobre un plan, con nombres estables."),
        "PlanApproval": SchemaText(
            "Aprobación del plan que se leyó.",
            {**_PLAN_READ, "motivo": "Nota opcional; queda en el historial."},
            {"plan_version": 1, "plan_hash": _EXAMPLE_HASH},
        ),
        "PlanRejection": SchemaText(
            "Rechazo del plan que se leyó.",
            {**_PLAN_READ, "motivo": "Por qué; el plan siguiente lo atiende."},
            {"plan_version": 1, "plan_hash": _EXAMPLE_HASH, "motivo": "Falta Google Sheets"},
        ),
        "EditedPlan": SchemaText(
            "El plan completo como debe quedar, a partir del que se leyó.",
            {
                **_PLAN_READ,
                "plan": "Todo el plan, también lo que no cambia.",
                "aprobar": "Falso: la versión nueva espera la aprobación de una persona.",
                "motivo": "Nota opcional para el equipo.",
            },
            {
                "plan_version": 1,
                "plan_hash": _EXAMPLE_HASH,
                "plan": {
                    "stack_tecnologico": ["FastAPI", "PostgreSQL"],
                    "integraciones": ["Stripe"],
                    "templates": ["webhook_service_base"],
                    "recursos_requeridos": {"cpu_cores": 1, "ram_gb": 1, "storage_gb": 5},
                    "estimacion_horas": 12,
                    "subagentes_asignados": ["Builder", "QA"],
                    "milestones": [
                        {
                            "id": "scaffolding",
                            "nombre": "Scaffolding",
                            "estimacion_horas": 12,
                            "agente": "Builder Agent",
                            "entregable": "Servicio base",
                        }
                    ],
                    "observaciones": [],
                },
                "aprobar": True,
            },
        ),
        "PlanDraft": SchemaText(
            "Un plan de construcción (§2.1); lo que la línea usa debe estar en el catálogo.",
            {
                "stack_tecnologico": "Tecnologías del producto.",
                "integraciones": "Servicios externos que conecta.",
                "templates": "Plantillas del tipo de producto de las que parte.",
                "recursos_requeridos": "Lo que el producto necesita en marcha.",
                "estimacion_horas": "Horas en total: la suma de los hitos.",
                "subagentes_asignados": "Agentes que participan.",
                "milestones": "Los hitos, en orden; cada `id`, una vez.",
                "observaciones": "Notas del plan.",
            },
        ),
        "ResourcesDraft": SchemaText(
            "Lo que el producto necesita en marcha.",
            {
                "cpu_cores": "Núcleos.",
                "ram_gb": "Memoria, en GiB.",
                "storage_gb": "Disco, en GiB.",
            },
        ),
        "MilestoneDraft": SchemaText(
            "Una parte de la construcción.",
            {
                "id": "Identificador del hito dentro del plan.",
                "nombre": "Nombre del hito.",
                "estimacion_horas": "Horas estimadas.",
                "agente": "Agente que lo construye.",
                "entregable": "Qué queda hecho.",
            },
        ),
        "PlanInquiry": SchemaText(
            "Pregunta sobre el plan que se leyó.",
            {
                **_PLAN_READ,
                "para": "Quién responde.",
                "pregunta": "La pregunta, en una frase o varias.",
            },
            {
                "plan_version": 1,
                "plan_hash": _EXAMPLE_HASH,
                "para": "planificador",
                "pregunta": "¿Por qué Redis?",
            },
        ),
        "BudgetChoice": SchemaText(
            "Lo que los modelos pueden costar para la orden, o que siga sin ellos.",
            {
                "presupuesto_usd": "En total, en USD: más de lo que ya se usó.",
                "planificador": "`catalogo`: no se pregunta a ningún modelo.",
            },
            {"presupuesto_usd": "5.00"},
        ),
    }
)
"""By the schema's name in the document."""
