"""What is wrong with a plan, and what in it an approver should look at (resolutions 23 and 29).

A plan with a problem is never kept, whether a model or a person wrote it. Everything that the line
acts on must come from the catalogue. Flags are for the approver's eyes, and keep a plan from
approving itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from axon_factory.domain.catalogue import INTEGRATIONS, ProductType
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.plan import Plan
from axon_factory.domain.text import Sentence

AGENTS = ("Builder", "Developer", "RAG", "QA", "Security", "Ops")
"""The subagents of the factory (design §2.1); in milestones and logs each is called "… Agent"."""

LARGEST_DEVIATION = 0.25
"""Share of the catalogue's hours from which on an approver is told (resolutions, trap 64)."""

_TITLES = frozenset(f"{name} Agent" for name in AGENTS)


class FlagKind(StrEnum):
    """Stable names of what is flagged."""

    HORAS_DESVIADAS = "horas_desviadas"
    STACK_DESCONOCIDO = "stack_desconocido"
    RECURSOS_MAYORES = "recursos_mayores"
    HITOS_DISTINTOS = "hitos_distintos"
    INTEGRACIONES_DISTINTAS = "integraciones_distintas"
    PARTES_DESCONOCIDAS = "partes_desconocidas"
    PLANIFICADOR_DE_RESERVA = "planificador_de_reserva"


@dataclass(frozen=True, slots=True)
class PlanFlag:
    """One thing to look at, in a sentence."""

    kind: FlagKind
    message: Sentence

    def document(self) -> dict[str, str]:
        """Return it as it is kept and answered."""
        return {"codigo": self.kind.value, "mensaje": self.message}


def problems_of(plan: Plan, product: ProductType) -> list[Sentence]:
    """Return why the line cannot take this plan for this product; empty when it can."""
    return [sentence for _, sentence in _problems(plan, product)]


def problems_by_field(plan: Plan, product: ProductType) -> dict[str, Sentence]:
    """Return the same by the path of the field that is wrong, e.g. "milestones.0.agente"."""
    return dict(_problems(plan, product))


def flags_of(
    plan: Plan,
    product: ProductType,
    configuration: Mapping[str, Any],
    *,
    fallback: str | None = None,
) -> list[PlanFlag]:
    """Return what an approver should look at in a plan without problems.

    `configuration` is what the client asked for; `fallback` says why the catalogue planned although
    a model was to.
    """
    usual = default_plan(product, configuration)
    return [*_flags(plan, product, fallback), *_integration_flags(plan, usual)]


def _problems(plan: Plan, product: ProductType) -> Iterator[tuple[str, Sentence]]:
    for place, template in enumerate(plan.templates):
        if template not in product.templates:
            yield (
                f"templates.{place}",
                Sentence(
                    f"La plantilla '{template}' no es de {product.nombre}",
                    f"Template '{template}' does not belong to {product.nombre}",
                ),
            )
    labels = {*INTEGRATIONS.values(), *product.integraciones_comunes}
    for place, integration in enumerate(plan.integraciones):
        if integration not in labels:
            yield (
                f"integraciones.{place}",
                Sentence(
                    f"La integración '{integration}' no está en el catálogo",
                    f"Integration '{integration}' is not in the catalogue",
                ),
            )
    for place, agent in enumerate(plan.subagentes_asignados):
        if agent not in AGENTS:
            yield (
                f"subagentes_asignados.{place}",
                Sentence(f"No existe el subagente '{agent}'", f"There is no subagent '{agent}'"),
            )
    yield from _milestone_problems(plan)


def _milestone_problems(plan: Plan) -> Iterator[tuple[str, Sentence]]:
    identifiers = [milestone.id for milestone in plan.milestones]
    for place, milestone in enumerate(plan.milestones):
        if milestone.agente not in _TITLES:
            yield (
                f"milestones.{place}.agente",
                Sentence(
                    f"No existe el agente '{milestone.agente}'",
                    f"There is no agent '{milestone.agente}'",
                ),
            )
        if milestone.id in identifiers[:place]:
            yield (
                f"milestones.{place}.id",
                Sentence("Dos hitos tienen el mismo id", "Two milestones have the same id"),
            )
    total = sum(milestone.estimacion_horas for milestone in plan.milestones)
    if abs(total - plan.estimacion_horas) > 0.01:  # noqa: PLR2004 — hours are written to the minute
        yield (
            "estimacion_horas",
            Sentence(
                f"Los hitos suman {total:g} horas y el plan dice {plan.estimacion_horas:g}",
                f"The milestones add up to {total:g} hours and the plan says "
                f"{plan.estimacion_horas:g}",
            ),
        )


def _flags(plan: Plan, product: ProductType, fallback: str | None) -> Iterator[PlanFlag]:
    if fallback is not None:
        yield _flag(
            FlagKind.PLANIFICADOR_DE_RESERVA,
            f"Lo hizo el catálogo: {fallback}",
            f"The catalogue made it: {fallback}",
        )
    usual = product.estimacion_horas
    share = plan.estimacion_horas / usual - 1
    if abs(share) > LARGEST_DEVIATION:
        yield _flag(
            FlagKind.HORAS_DESVIADAS,
            f"{plan.estimacion_horas:g} horas: {share:+.0%} de las {usual} del catálogo",
            f"{plan.estimacion_horas:g} hours: {share:+.0%} of the catalogue's {usual}",
        )
    unknown = [part for part in plan.stack_tecnologico if not _is_known(part, product)]
    if unknown:
        yield _flag(
            FlagKind.STACK_DESCONOCIDO,
            f"Fuera del stack del catálogo: {', '.join(unknown)}",
            f"Outside the catalogue's stack: {', '.join(unknown)}",
        )
    yield from _size_flags(plan, product)
    if plan.observaciones:
        yield _flag(
            FlagKind.PARTES_DESCONOCIDAS,
            "; ".join(plan.observaciones),
            "; ".join(plan.observaciones),
        )


def _size_flags(plan: Plan, product: ProductType) -> Iterator[PlanFlag]:
    asked, usual = plan.recursos_requeridos, product.recursos
    if (
        asked.cpu_cores > usual.cpu_cores
        or asked.ram_gb > usual.ram_gb
        or asked.storage_gb > usual.storage_gb
    ):
        yield _flag(
            FlagKind.RECURSOS_MAYORES,
            "Pide más recursos que el catálogo",
            "It asks for more resources than the catalogue",
        )
    if {m.id for m in plan.milestones} != {m.id for m in product.milestones}:
        yield _flag(
            FlagKind.HITOS_DISTINTOS,
            "Sus hitos no son los del catálogo",
            "Its milestones are not the catalogue's",
        )


def _integration_flags(plan: Plan, usual: Plan) -> Iterator[PlanFlag]:
    added = [one for one in plan.integraciones if one not in usual.integraciones]
    missing = [one for one in usual.integraciones if one not in plan.integraciones]
    if added:
        yield _flag(
            FlagKind.INTEGRACIONES_DISTINTAS,
            f"Integraciones que la orden no pide: {', '.join(added)}",
            f"Integrations that the order does not ask for: {', '.join(added)}",
        )
    if missing:
        yield _flag(
            FlagKind.INTEGRACIONES_DISTINTAS,
            f"Faltan integraciones que la orden pide: {', '.join(missing)}",
            f"Integrations that the order asks for are missing: {', '.join(missing)}",
        )


def _flag(kind: FlagKind, spanish: str, english: str) -> PlanFlag:
    return PlanFlag(kind, Sentence(spanish, english))


def _is_known(part: str, product: ProductType) -> bool:
    """A part may carry a version ("FastAPI 0.165") behind the catalogue's name."""
    return any(part == known or part.startswith(f"{known} ") for known in product.stack_base)
