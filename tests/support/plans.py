"""Plans that a person could have written from the example planner's."""

from typing import Any

__all__ = ["edited_plan"]


def edited_plan(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON value
    """The example planner's plan of a WhatsApp autopilot with less memory; `changes` replace."""
    return {
        "stack_tecnologico": ["FastAPI", "Twilio WhatsApp API", "PostgreSQL", "Redis"],
        "integraciones": ["WhatsApp Business API", "Stripe", "Google Sheets"],
        "templates": ["autopilot_base", "whatsapp_bot_base"],
        "recursos_requeridos": {"cpu_cores": 2, "ram_gb": 2, "storage_gb": 20},
        "estimacion_horas": 24,
        "subagentes_asignados": ["Builder", "Developer", "RAG", "QA", "Security"],
        "milestones": [
            {"id": "base", "nombre": "Base", "estimacion_horas": 18, "agente": "Builder Agent"},
            {"id": "qa", "nombre": "QA", "estimacion_horas": 6, "agente": "QA Agent"},
        ],
        **changes,
    }
