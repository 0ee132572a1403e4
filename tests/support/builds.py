"""Requests for the template builder, and whole builds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus

__all__ = ["EXAMPLE", "HOSTILE", "Built", "build", "make_plan", "make_request", "proceed"]

Built = tuple[BuildRequest, list[BuildReport]]
"""What was asked for, and the report of each step."""

EXAMPLE = {  # the design's §3.1
    "whatsapp_number": "+5215587654321",
    "horario_atencion": "9:00-20:00",
    "idioma": "es",
    "personalidad_bot": "profesional y amigable",
    "productos": ["camisetas", "pantalones", "zapatos"],
    "integraciones": ["stripe", "google_sheets"],
}
HOSTILE = "{{7*7}} {% raw %} <script>alert(1)</script> \"'\\ ; rm -rf / $(id) `id` \n## x\n'''"
CLIENT = {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com", "pais": "México"}


def make_plan(
    product_type: str = "autopilot_whatsapp", milestones: tuple[str, ...] | None = None
) -> Plan:
    product = PRODUCT_TYPES[product_type]
    chosen = product.milestones
    if milestones is not None:
        chosen = tuple(
            Milestone(
                id=m, nombre=f"Hito\n\nAxon-Milestone: 1/{m}x", estimacion_horas=1, agente="A"
            )
            for m in milestones
        )
    return Plan(
        stack_tecnologico=product.stack_base,
        templates=product.templates,
        recursos_requeridos=product.recursos,
        estimacion_horas=product.estimacion_horas,
        subagentes_asignados=product.subagentes,
        milestones=chosen,
    )


def make_request(directory: Path, **changes: Any) -> BuildRequest:  # noqa: ANN401 — any field
    request = BuildRequest(
        order_id="550e8400-e29b-41d4-a716-446655440000",
        order_number="ORD-2025-001",
        slug="whatsapp-bot-ventas",
        product_type="autopilot_whatsapp",
        product_name="WhatsApp Bot Ventas - Empresa XYZ",
        attempt=1,
        plan=make_plan(),
        client=CLIENT,
        configuration=EXAMPLE,
        product_dir=directory,
    )
    return replace(request, **changes)


async def proceed(builder: TemplateBuilder, request: BuildRequest) -> BuildReport:
    session = await builder.start(request, idempotency_key="start")
    return await builder.proceed(session, request, idempotency_key="proceed")


async def build(request: BuildRequest) -> list[BuildReport]:
    builder, reports = TemplateBuilder(), list[BuildReport]()
    while not reports or reports[-1].status is BuildStatus.WORKING:
        reports.append(await proceed(builder, request))
        done = {milestone.id for milestone in reports[-1].milestones}
        request = replace(request, completed=request.completed | done)
    return reports
