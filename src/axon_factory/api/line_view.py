"""How the line looks in answers, of the API and of `axon line`."""

from types import MappingProxyType
from typing import Any

from axon_factory.db.tables import LineControl
from axon_factory.domain.capacity import BuildLimits
from axon_factory.domain.line_mode import LineMode
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.times import timestamp
from axon_factory.insights.line_status import LineStatus
from axon_factory.orders.incidents import ProductsDown

__all__ = ["line_document"]

_SENTENCES = MappingProxyType(
    {
        LineMode.ACTIVA: Sentence("La línea está en marcha", "The line runs"),
        LineMode.DRENANDO: Sentence(
            "La línea termina lo empezado y no empieza nada nuevo",
            "The line finishes what was begun and begins nothing new",
        ),
        LineMode.PAUSADA: Sentence(
            "La línea está en pausa: no empieza ningún paso", "The line is paused: no step begins"
        ),
        LineMode.DETENIDA: Sentence(
            "La línea está detenida: lo que estaba en curso se interrumpe",
            "The line is stopped: what was running is interrupted",
        ),
    }
)


def line_document(
    control: LineControl,
    status: LineStatus,
    limits: BuildLimits,
    products: ProductsDown,
) -> dict[str, Any]:
    """Return mode, reason, figures and limits; a limit that is not set is null."""
    mode = LineMode(control.mode)
    types = sorted({*status.building, *(name for name, most in limits.by_type.items() if most)})
    return {
        "modo": mode.value,
        "motivo": control.reason or None,
        "cambiado_por": control.changed_by,
        "desde": timestamp(control.changed_at),
        "version": control.version,
        "drenada": mode is not LineMode.ACTIVA and status.at_rest,
        "nuevas": status.new,
        "en_cola": status.queued,
        "en_cola_desde": timestamp(status.queued_since),
        "en_construccion": {
            "total": sum(status.building.values()),
            "limite": limits.altogether or None,
            "limite_por_cliente": limits.per_client or None,
            "parando": status.stopping,
            "por_tipo": [
                {
                    "tipo_producto": name,
                    "total": status.building.get(name, 0),
                    "limite": limits.by_type.get(name) or None,
                }
                for name in types
            ],
        },
        "por_terminar": status.to_finish,
        "pasos_en_curso": status.steps_running,
        "esperan_personas": status.waiting_for_people,
        "esperan_personas_desde": timestamp(status.waiting_since),
        "productos_caidos": [
            {
                "order_id": str(one.order_id),
                "order_number": one.order_number,
                "causa": one.trouble.value,
                "desde": timestamp(one.since),
            }
            for one in products.down
        ],
        "productos_sin_vigilar": products.unwatched,
        "message": _SENTENCES[mode],
    }
