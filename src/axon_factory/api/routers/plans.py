"""Versions of an order's plan: read, compare, edit, ask about; and what models may cost for it."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from starlette.convertors import StringConvertor, register_url_convertor

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.routers.decisions import Decide, PlanRead
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import OwnOrder, PlanNotFound, PlanOutdated, TransitionRefused
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.acts import BudgetDecided, PlanEdited, QuestionAsked
from axon_factory.orders.answers.plans import (
    EXAMPLE_HASH,
    PlanComparison,
    PlanPage,
    PlanVersion,
    comparison_document,
    plans_document,
    version_document,
)
from axon_factory.orders.budget import decide_budget, usage_of
from axon_factory.orders.plans.decisions import (
    PlanEdit,
    ask_about_plan,
    edit_plan,
    read_approver_questions,
)
from axon_factory.orders.plans.requests import PlanDraft, Question
from axon_factory.orders.plans.versions import CATALOGUE, compare_plans, read_plan, read_plans
from axon_factory.orders.questions.asking import Audience
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import LongText
from axon_factory.orders.requests.messages import error_line

__all__ = ["Version", "router"]

router = APIRouter(route_class=Route, prefix="/api/orders", tags=["decisiones"])


class _PlanVersion(StringConvertor):
    """Any word but `ask` and `edit`: addresses of their own, which only take POST."""

    regex = "(?!ask$|edit$)[^/]+"


register_url_convertor("plan_version", _PlanVersion())

Version = Annotated[int, Path(ge=1, le=10_000, description="Versión del plan.")]
Against = Annotated[
    str | None,
    Query(
        pattern=r"^(catalogo|[1-9][0-9]{0,3})$",
        description="Con qué se compara: otra versión, o `catalogo`. Sin él, la versión anterior.",
    ),
]
Reads = Annotated[Principal, Depends(require(Action.READ_ORDER))]


# More than nothing, with at most four decimals.
_AMOUNT = (
    r"^([1-9][0-9]{0,5}(\.[0-9]{1,4})?"
    r"|0\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$"
)
Amount = Annotated[str, StringConstraints(pattern=_AMOUNT)]
_ONE_OF_BOTH = Sentence(
    "Envía `presupuesto_usd` o `planificador`, uno de los dos",
    "Send `presupuesto_usd` or `planificador`, one of them",
)


class EditedPlan(PlanRead):
    """El plan completo como debe quedar, a partir del que se leyó."""

    EXAMPLE: ClassVar = {
        "plan_version": 1,
        "plan_hash": EXAMPLE_HASH,
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
    }

    plan: PlanDraft = Field(description="Todo el plan, también lo que no cambia.")
    aprobar: bool = Field(
        default=True, description="Falso: la versión nueva espera la aprobación de una persona."
    )
    motivo: LongText | None = Field(default=None, description="Nota opcional para el equipo.")


class PlanInquiry(PlanRead):
    """Pregunta sobre el plan que se leyó."""

    EXAMPLE: ClassVar = {
        "plan_version": 1,
        "plan_hash": EXAMPLE_HASH,
        "para": "planificador",
        "pregunta": "¿Por qué Redis?",
    }

    para: Literal["planificador", "cliente"] = Field(description="Quién responde.")
    pregunta: Question = Field(description="La pregunta, en una frase o varias.")


class BudgetChoice(RequestModel):
    """Lo que los modelos pueden costar para la orden, o que siga sin ellos."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        # No oneOf: generators of clients take its branches for objects without the fields below.
        json_schema_extra={
            "if": {"required": ["presupuesto_usd"]},
            "then": {
                "properties": {"presupuesto_usd": {"type": "string"}},
                "not": {"required": ["planificador"]},
            },
            "else": {
                "required": ["planificador"],
                "properties": {"planificador": {"type": "string"}},
            },
        },
    )
    EXAMPLE: ClassVar = {"presupuesto_usd": "5.00"}

    presupuesto_usd: Amount | None = Field(
        default=None, description="En total, en USD: más de lo que ya se usó."
    )
    planificador: Literal["catalogo"] | None = Field(
        default=None, description="`catalogo`: no se pregunta a ningún modelo."
    )

    @property
    def usd(self) -> Decimal | None:
        """The amount, None for the catalogue."""
        return None if self.presupuesto_usd is None else Decimal(self.presupuesto_usd)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.presupuesto_usd is None) == (self.planificador is None):
            line = error_line(("presupuesto_usd",), _ONE_OF_BOTH)
            raise ValidationError.from_exception_data(type(self).__name__, [line])
        return self


@router.get(
    "/{id}/plans",
    operation_id="listPlans",
    summary="Consultar las versiones del plan",
    responses=answers(PlanPage, etag=True),
)
async def show_plans(
    id: str,
    request: Request,
    services: Services,
    principal: Reads,
) -> Response:
    """Devuelve todas las versiones del plan, de la primera a la última, y quién decidió qué."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        versions = await read_plans(session, order, principal)
        questions = await read_approver_questions(session, order)
        usage = await usage_of(session, order)
    return json_response(request, plans_document(order, versions, questions, usage, principal))


@router.get(
    "/{id}/plans/{version:plan_version}",
    operation_id="getPlan",
    summary="Consultar una versión del plan",
    responses=answers(PlanVersion, etag=True),
)
@raises(PlanNotFound)
async def show_plan(
    id: str,
    version: Version,
    request: Request,
    services: Services,
    principal: Reads,
) -> Response:
    """Devuelve una versión del plan."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        found = await read_plan(session, order, version, principal)
    return json_response(request, version_document(found, principal))


@router.get(
    "/{id}/plans/{version}/diff",
    operation_id="comparePlans",
    summary="Comparar versiones del plan",
    responses=answers(PlanComparison, etag=True),
)
@raises(PlanNotFound)
async def show_difference(
    id: str,
    version: Version,
    request: Request,
    services: Services,
    principal: Reads,
    contra: Against = None,
) -> Response:
    """Devuelve qué cambió, campo por campo, de lo que dice `contra` a esta versión."""
    other = contra if contra is None or contra == CATALOGUE else int(contra)
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        comparison = await compare_plans(session, order, version, other)
    return json_response(request, comparison_document(order, comparison))


@router.post(
    "/{id}/plans/edit",
    operation_id="editPlan",
    summary="Editar el plan y aprobarlo",
    responses=answers(PlanEdited, etag=True),
)
@raises(TransitionRefused, PlanOutdated, OwnOrder)
async def edit(
    id: str,
    edited: EditedPlan,
    write: Decide,
) -> Response:
    """Sustituye el plan leído por el que se envía, completo, y lo aprueba.

    Con `aprobar: false` la versión nueva queda esperando la aprobación de una persona.
    """
    async with write.order("edit", id) as change:
        order = change.order
        plan_edit = PlanEdit(
            edited.plan.plan, edited.reference, edited.aprobar, note=edited.motivo or ""
        )
        version = await edit_plan(change, plan_edit)
        told = (
            Sentence("Plan editado y aprobado", "Plan edited and approved")
            if edited.aprobar
            else Sentence("Plan editado; espera aprobación", "Plan edited; it waits for approval")
        )
        return write.decided(
            order, told, PlanEdited, plan_version=version.version, plan_hash=version.hash
        )


@router.post(
    "/{id}/plans/ask",
    operation_id="askAboutPlan",
    summary="Preguntar sobre el plan",
    responses=answers(QuestionAsked, etag=True),
)
@raises(TransitionRefused, PlanOutdated)
async def ask(
    id: str,
    inquiry: PlanInquiry,
    write: Decide,
) -> Response:
    """Pregunta al planificador o al cliente sobre el plan leído, que sigue esperando.

    La respuesta llega por correo y a `preguntas` de `GET /api/orders/{id}/plans`.
    """
    async with write.order("ask", id) as change:
        order = change.order
        asked = await ask_about_plan(
            change, inquiry.pregunta, Audience(inquiry.para), plan=inquiry.reference
        )
        told = Sentence("Pregunta enviada", "The question was sent")
        return write.decided(order, told, QuestionAsked, pregunta=asked.number, para=asked.audience)


@router.post(
    "/{id}/budget",
    operation_id="decideBudget",
    summary="Decidir el presupuesto de modelos",
    responses=answers(BudgetDecided, etag=True),
)
@raises(TransitionRefused)
async def budget(
    id: str,
    choice: BudgetChoice,
    write: Annotated[Write, Depends(write_as(Action.DECIDE_BUDGET))],
) -> Response:
    """Decide cuánto pueden costar los modelos para esta orden en total, o que siga sin ellos.

    Una orden que esperaba por su presupuesto continúa.
    """
    async with write.order("budget", id) as change:
        order = change.order
        await decide_budget(change, usd=choice.usd)
        told = Sentence("Presupuesto decidido", "The budget was decided")
        return write.decided(order, told, BudgetDecided, presupuesto_usd=choice.presupuesto_usd)
