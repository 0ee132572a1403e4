"""What an order's client sees of it, read at one moment: the model of the portal's page.

Both doors, the signed link and the client's account, show this and nothing else. It holds no
attempt, agent, log, rejection or note, and no secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderCredential, OrderMilestone, OrderQuestion
from axon_factory.domain.messages import ClientMail, Language, language_of
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.domain.states import ACTIVE_STATES, Audience, Claim, OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.credentials import credentials_of
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.feedback import problems_of, rating_of
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_promise import Promised, promised_to_client
from axon_factory.orders.portal_words import (
    CREDENTIALS,
    STAGES,
    Connection,
    connections_of,
    heading_of,
    lead_of,
    milestone_name,
    panel_of,
)

__all__ = [
    "CredentialsState",
    "PortalView",
    "language_asked",
    "named_credentials",
    "read_portal_view",
]


class Progress(StrEnum):
    """How far a stage or a milestone is; `pausa`: nobody works on it now."""

    HECHO = "hecho"
    ACTUAL = "actual"
    PAUSA = "pausa"
    PENDIENTE = "pendiente"


class CredentialsState(StrEnum):
    """What the page offers of the credentials."""

    NINGUNA = "ninguna"
    POR_VER = "por_ver"
    """They can be shown once."""
    VISTAS = "vistas"
    """They were shown; new ones can be asked for."""
    CAMBIANDO = "cambiando"
    """New ones are being put into service."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the five stages: since when, or expected when."""

    name: Sentence
    progress: Progress
    at: datetime | None = None
    expected: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A milestone of the plan, as the client reads it."""

    name: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the client; `answer` once there is one."""

    number: int
    text: str
    options: Sequence[str]
    blocking: bool
    asked_at: datetime
    answer: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """An address of the delivered product."""

    icon: str
    name: Sentence
    about: Sentence
    url: str


@dataclass(frozen=True, slots=True)
class PortalView:
    """The page of one order."""

    number: str
    product: str
    client: str
    contact: str
    """The contact's address, so masked that only its owner knows it."""
    state: OrderState
    heading: Sentence
    lead: Sentence
    stages: Sequence[Stage]
    steps: Sequence[Step]
    promised: Promised | None
    delivered_at: datetime | None
    questions: Sequence[Question]
    answered: Sequence[Question]
    links: Sequence[Link]
    connections: Sequence[Connection]
    credentials: CredentialsState
    codes: bool
    """Whether a code can be mailed."""
    problems: int
    """How many that they reported are still open."""
    rating: int | None

    @property
    def is_delivered(self) -> bool:
        """Whether the product is handed over."""
        return self.state is OrderState.ENTREGADO


async def read_portal_view(
    session: AsyncSession, order: Order, policy: Policy, now: datetime
) -> PortalView:
    """Read what the client of `order` sees at `now`."""
    state = OrderState(order.estado)
    delivered = state is OrderState.ENTREGADO
    questions = await _questions(session, order)
    owed = [one for one in questions if one.answered_at is None and one.closed_at is None]
    waits = any(one.blocking for one in owed)
    accepted = state is OrderState.LISTO and not (await read_evidence(session, order)).proves(
        Claim.REVIEWED
    )
    problems = await problems_of(session, order)
    rating = await rating_of(session, order) if delivered else None
    promised = promised_to_client(order, questions, policy, now)
    sealed = await credentials_of(session, order.id) if delivered else ()
    webhooks = cast("dict[str, str]", (order.resultado or {}).get("webhooks") or {})
    return PortalView(
        number=order.order_number,
        product=order.nombre_producto,
        client=order.datos_cliente["nombre"],
        contact=_masked(order.datos_cliente["email"]),
        state=state,
        heading=heading_of(state, order.nombre_producto),
        lead=lead_of(state, waits=waits, accepted=accepted),
        stages=_stages(order, state, promised, waits=waits),
        steps=await _steps(session, order, state, waits=waits),
        promised=promised,
        delivered_at=order.entregado_at,
        questions=[_shown(one) for one in owed],
        answered=[_shown(one) for one in questions if one.answered_at is not None],
        links=_links(order) if delivered else (),
        connections=connections_of(webhooks) if delivered else (),
        credentials=_credentials(sealed),
        codes=ClientMail.CODIGO in policy.client_mails,
        problems=sum(one.closed_at is None for one in problems),
        rating=None if rating is None else rating.score,
    )


def named_credentials(values: dict[str, str]) -> Sequence[tuple[str, Sentence, str]]:
    """Return name, words and value of revealed credentials, in the order of their use."""
    names = [*CREDENTIALS, *(name for name in values if name not in CREDENTIALS)]
    return [
        (name, CREDENTIALS.get(name) or Sentence(name, name), values[name])
        for name in names
        if name in values
    ]


def language_asked(order: Order) -> Language | None:
    """Return the language that the order asks for its client, None if it names none."""
    configuration: Any = order.datos_cliente.get("configuracion")
    named = cast("dict[str, Any]", configuration) if isinstance(configuration, dict) else {}
    return language_of(order.datos_cliente) if isinstance(named.get("idioma"), str) else None


_BEGAN = (
    "created_at",
    "aprobado_at",
    "construccion_iniciada_at",
    "qa_iniciada_at",
    "entregado_at",
)
_STAGE_OF = {
    OrderState.NUEVO: 1,
    OrderState.PLANIFICACION: 1,
    OrderState.CONSTRUCCION: 2,
    OrderState.QA: 3,
    OrderState.LISTO: 3,
    OrderState.ENTREGADO: 5,
}
"""The stage that is under way; those before it are done."""


def _stages(
    order: Order, state: OrderState, promised: Promised | None, *, waits: bool
) -> Sequence[Stage]:
    moments = [cast("datetime | None", getattr(order, name)) for name in _BEGAN]
    current = _STAGE_OF.get(state)
    if current is None:  # it stopped after the last stage that it reached
        reached = max(place for place, at in enumerate(moments) if at is not None)
        current = max(reached, 1)
    stages: list[Stage] = []
    for place, (name, at) in enumerate(zip(STAGES, moments, strict=True)):
        if place < current:
            stages.append(Stage(name, Progress.HECHO, at))
        elif place == current:
            stopped = waits or state not in _STAGE_OF
            progress = Progress.PAUSA if stopped else Progress.ACTUAL
            stages.append(Stage(name, progress, at if place > 1 else None))
        else:
            ends = place == len(STAGES) - 1 and promised is not None and state in ACTIVE_STATES
            expected = (promised.since, promised.until) if ends and promised else None
            stages.append(Stage(name, Progress.PENDIENTE, None, expected))
    return stages


async def _steps(
    session: AsyncSession, order: Order, state: OrderState, *, waits: bool
) -> Sequence[Step]:
    """Return the plan's milestones from its approval until the product is delivered.

    One that was once done stays done: that it is gone over again is the factory's affair.
    """
    if order.aprobado_at is None or order.plan is None or state is OrderState.ENTREGADO:
        return ()
    planned = _milestones(order.plan)
    found = await session.scalars(
        select(col(OrderMilestone.milestone_id)).where(col(OrderMilestone.order_id) == order.id)
    )
    done = set(found)
    if state in {OrderState.QA, OrderState.LISTO}:
        done = {one.id for one in planned}
    usual = _usual_names(order)
    steps: list[Step] = []
    current = state is OrderState.CONSTRUCCION
    for one in planned:
        progress = Progress.HECHO if one.id in done else Progress.PENDIENTE
        if current and one.id not in done:
            progress, current = (Progress.PAUSA if waits else Progress.ACTUAL), False
        name = milestone_name(order.tipo_producto, one.id, one.nombre, usual.get(one.id))
        steps.append(Step(name, progress))
    return steps


def _milestones(plan: dict[str, Any]) -> Sequence[Milestone]:
    try:
        return Plan.model_validate(plan).milestones
    except ValidationError:  # the page of a damaged plan is still read
        return ()


def _usual_names(order: Order) -> dict[str, str]:
    listed = cast("list[dict[str, Any]]", order.catalogo.get("milestones") or [])
    return {str(one.get("id")): str(one.get("nombre")) for one in listed}


async def _questions(session: AsyncSession, order: Order) -> Sequence[OrderQuestion]:
    query = select(OrderQuestion).where(
        col(OrderQuestion.order_id) == order.id, col(OrderQuestion.audience) == Audience.CLIENTE
    )
    return list(await session.scalars(query.order_by(col(OrderQuestion.number))))


def _shown(question: OrderQuestion) -> Question:
    return Question(
        question.number,
        question.question,
        question.options,
        question.blocking,
        question.asked_at,
        question.answer,
    )


def _links(order: Order) -> Sequence[Link]:
    result = order.resultado or {}
    found = (
        (
            "panels-top-left",
            Sentence("Tu panel", "Your panel"),
            panel_of(order.tipo_producto),
            result.get("admin_url"),
        ),
        (
            "external-link",
            Sentence("Tu producto", "Your product"),
            Sentence("Como lo ven tus clientes", "As your customers see it"),
            order.deploy_url,
        ),
        (
            "file-text",
            Sentence("Guía de uso", "Guide"),
            Sentence("Cómo se usa, paso a paso", "How it is used, step by step"),
            result.get("docs_url"),
        ),
        (
            "webhook",
            Sentence("Dirección para tus sistemas", "Address for your systems"),
            Sentence("La usa quien programa", "For whoever writes programs"),
            result.get("api_url"),
        ),
    )
    return [Link(icon, name, about, url) for icon, name, about, url in found if url]


def _credentials(sealed: Sequence[OrderCredential]) -> CredentialsState:
    secrets = [one for one in sealed if one.secret]
    if not secrets:
        return CredentialsState.NINGUNA
    if any(one.in_service_at is None for one in secrets):
        return CredentialsState.CAMBIANDO
    fresh = any(one.revealed_at is None for one in secrets)
    return CredentialsState.POR_VER if fresh else CredentialsState.VISTAS


def _masked(address: str) -> str:
    name, _, host = address.rpartition("@")
    return f"{name[:1]}•••@{host}"
