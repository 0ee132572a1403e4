"""What a client says of their order in answers: problems, and a rating."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.permissions import Principal
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER, OrderId, actor_name

__all__ = [
    "Problem",
    "ProblemList",
    "Rating",
    "problem_document",
    "problems_document",
    "rating_document",
]


class Problem(AnswerModel):
    """Un problema que reportó el cliente de una orden."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "numero": 1,
        "estado": "abierto",
        "descripcion": "El bot no contesta desde ayer por la tarde.",
        "reportado_por": "Cliente",
        "reportado_at": "2025-11-20T16:05:00Z",
        "cerrado_por": None,
        "cerrado_at": None,
    }

    order_id: OrderId
    numero: Annotated[int, Column("number")] = Field(
        ge=1, description="Número del problema dentro de la orden."
    )
    estado: Literal["abierto", "cerrado"] = Field(
        description="`abierto` hasta que el equipo lo cierra."
    )
    descripcion: Annotated[str, Column("description")] = Field(description="Qué pasa.")
    reportado_por: Annotated[str, Column("reported_by_name")] = Field(description="Quién lo dice.")
    reportado_at: Annotated[Timestamp, Column("reported_at")]
    cerrado_por: str | None = Field(description="Quién lo cerró.")
    cerrado_at: Annotated[Timestamp | None, Column("closed_at")] = Field(
        description="Cuándo se cerró."
    )


class ProblemList(AnswerModel):
    """Los problemas reportados de una orden, del más antiguo al último."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "count": 1,
        "problemas": [Problem.EXAMPLE],
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    count: Count = Field(description="Cuántos hay.")
    problemas: list[Problem] = Field(description="El primero primero.")


class Rating(AnswerModel):
    """Cómo califica el cliente lo que recibió."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "calificacion": 5,
        "comentario": "Rápido y claro.",
        "calificada_at": "2025-11-21T10:00:00Z",
    }

    order_id: OrderId
    calificacion: int | None = Field(
        ge=1, le=5, description="De 1 (mala) a 5 (excelente); null: aún no califica."
    )
    comentario: str = Field(description="Lo que añade; vacío si nada.")
    calificada_at: Timestamp | None = Field(description="Cuándo lo dijo.")


def problem_document(problem: tables.OrderProblem, principal: Principal) -> dict[str, Any]:
    """Show one problem; clients read the staff as a team."""
    name, closed_by = problem.closed_by_name, problem.closed_by or ""
    return Problem.of(
        problem,
        estado="abierto" if problem.closed_at is None else "cerrado",
        cerrado_por=None if name is None else actor_name(name, closed_by, principal),
    )


def problems_document(
    order: tables.Order, problems: Sequence[tables.OrderProblem], principal: Principal
) -> dict[str, Any]:
    """Show the problems of an order."""
    shown = [problem_document(one, principal) for one in problems]
    return ProblemList.of(order, count=len(shown), problemas=shown)


def rating_document(order: tables.Order, rating: tables.OrderRating | None) -> dict[str, Any]:
    """Show the rating of an order, with nulls while there is none."""
    return Rating.of(
        order,
        order_id=str(order.id),
        calificacion=None if rating is None else rating.score,
        comentario="" if rating is None else rating.comment,
        calificada_at=None if rating is None else timestamp(rating.rated_at),
    )
