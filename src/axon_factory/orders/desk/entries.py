"""Title and detail of each class of entry that waits for a person."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from axon_factory.domain.building import LineMode, Silence
from axon_factory.domain.pending import PendingKind
from axon_factory.domain.product_watch import TROUBLES, ProductTrouble
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.orders.answers import pending as answers
from axon_factory.orders.answers.plans import plain_amount
from axon_factory.orders.desk import words
from axon_factory.orders.policy import Policy

__all__ = ["told_of"]

_Found = dict[str, Any]
_Told = tuple[Sentence, dict[str, Any]]


def told_of(
    kind: PendingKind,
    row: Any,  # noqa: ANN401 — a row
    policy: Policy,
    *,
    decides: bool,
) -> _Told:
    """Return the title and the detail of the entry that `row` found.

    `decides`: whether the reader may decide about the order's plan.
    """
    found: _Found = row.found
    if kind is PendingKind.PLAN:
        return _plan(found, decides=decides)
    if kind is PendingKind.PRESUPUESTO:
        return _budget(found, policy)
    return _TOLD[kind](found)


def _plan(found: _Found, *, decides: bool) -> _Told:
    corrected = found["rechazo_anterior"] is not None or found["version_base"] is not None
    title = words.plan_waits(found["plan_version"], corrected=corrected, decides=decides)
    return title, answers.PlanWaiting.of(None, **found)


def _budget(found: _Found, policy: Policy) -> _Told:
    limit = found["presupuesto"] or plain_amount(policy.budgets.order_usd)
    return words.BUDGET, answers.BudgetWaiting.of(
        None, usado_usd=found["usado"], presupuesto_usd=limit
    )


def _question(found: _Found) -> _Told:
    title = words.question_waits(found["preguntado_por"])
    return title, answers.QuestionWaiting.of(None, **found)


def _client(found: _Found) -> _Told:
    return words.CLIENT_ANSWER, answers.QuestionWaiting.of(None, **found)


def _failure(found: _Found) -> _Told:
    names = ("causa", "estado", "paso", "mensaje", "intento")
    given = {name: found[name] for name in names}
    detail = answers.FailureWaiting.of(None, **given, ultimo_hito=_milestone(found))
    return words.failed(found["estado"], found["causa"]), detail


def _review(found: _Found) -> _Told:
    findings: list[str] = found["hallazgos"] or []
    given = {**found, "hallazgos": findings, "ultimo_hito": _milestone(found)}
    # The last rejection leaves the order where it is, so it is none of the reworks.
    return words.review_waits(found["retrabajos"] + 1), answers.ReviewWaiting.of(None, **given)


def _silence(found: _Found) -> _Told:
    given = {**found, "latido_at": _time(found["latido_at"])}
    return words.SILENT[Silence(found["nivel"])], answers.SilenceWaiting.of(None, **given)


def _machine(found: _Found) -> _Told:
    title = words.machine_waits(found["codigo"], found["ordenes"])
    return title, answers.MachineWaiting.of(None, **found)


def _line(found: _Found) -> _Told:
    return words.LINE[LineMode(found["modo"])], answers.LineWaiting.of(None, **found)


def _product(found: _Found) -> _Told:
    trouble = ProductTrouble(found["causa"])
    detail = answers.ProductWaiting.of(None, **found, mensaje=TROUBLES[trouble])
    return words.PRODUCTS[trouble], detail


def _problem(found: _Found) -> _Told:
    return words.PROBLEM, answers.ProblemWaiting.of(None, **found)


def _message(found: _Found) -> _Told:
    title = words.message_lost(found["evento"], found["canal"], found["destinatario"])
    return title, answers.MessageWaiting.of(None, **found)


_TOLD: Mapping[PendingKind, Callable[[_Found], _Told]] = MappingProxyType(
    {
        PendingKind.PREGUNTA: _question,
        PendingKind.CLIENTE: _client,
        PendingKind.FALLO: _failure,
        PendingKind.REVISION: _review,
        PendingKind.SILENCIO: _silence,
        PendingKind.MAQUINA: _machine,
        PendingKind.LINEA: _line,
        PendingKind.PRODUCTO: _product,
        PendingKind.PROBLEMA: _problem,
        PendingKind.AVISO: _message,
    }
)


def _milestone(found: _Found) -> dict[str, Any] | None:
    reached = found["ultimo_hito"]
    if reached is None:
        return None
    return answers.MilestoneReached.of(None, **{**reached, "at": _time(reached["at"])})


def _time(written: str | None) -> str | None:
    return None if written is None else timestamp(datetime.fromisoformat(written))
