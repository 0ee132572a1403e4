"""Receipts that a council from outside the line writes."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderCheck
from axon_factory.domain.errors import ReceiptRefused, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import OrderState
from axon_factory.domain.waiting import OBSTACLES, WaitsFor
from axon_factory.orders.events import append_event
from axon_factory.orders.evidence import (
    Receipts,
    keep_check,
    read_receipts,
    refuse_own_judge,
    required_checks,
)
from axon_factory.orders.requests import CheckReport
from axon_factory.orders.transitions import wake

__all__ = ["record_check"]

_ISOLATION = "externo"
"""What stands for the isolation of a check that did not run in the line's sandbox."""


async def record_check(
    session: AsyncSession, order: Order, report: CheckReport, principal: Principal, now: datetime
) -> OrderCheck:
    """Keep the receipt of a check that a council has run on the locked order; return it.

    The receipt counts as one of the line's own. The line gives the verdict when all are there.

    Raises:
        Forbidden: the principal has built this attempt.
        ValidationFailed: the order's type requires no such check.
        ReceiptRefused: the order is not in `qa` or waits for a person, the receipt is for another
            attempt or commit, or there is one already.
    """
    await refuse_own_judge(session, order, principal.actor)
    required = required_checks(order)
    if report.verificacion not in required:
        options = ", ".join(required)
        told = Sentence(f"No es una de: {options}", f"It is none of: {options}")
        raise ValidationFailed({"verificacion": told})
    receipts = await read_receipts(session, order)
    _require_current(order, report, receipts)
    receipt = OrderCheck(
        order_id=order.id,
        intento=order.intento,
        check_name=report.verificacion,
        passed=report.aprobada,
        command=list(report.comando),
        exit_code=report.exit_code,
        duration_seconds=report.duracion_segundos,
        output_digest=report.sha256,
        output_tail=report.salida,
        findings=list(report.hallazgos),
        isolation=_ISOLATION,
        timed_out=False,
        truncated=False,
        commit_id=report.commit,
        actor=principal.id,
        created_at=now,
    )
    await keep_check(session, receipt)
    outcome = "aprobada ✅" if report.aprobada else "no pasó ❌"
    findings = f": {'; '.join(report.hallazgos)}" if report.hallazgos else ""
    event = NewEvent(
        kind=EventKind.VERIFICACION,
        agent=principal.name,
        message=f"Verificación '{report.verificacion}' {outcome}{findings}",
        level=LogLevel.SUCCESS if report.aprobada else LogLevel.ERROR,
        metadata={
            "verificacion": report.verificacion,
            "aprobada": report.aprobada,
            "exit_code": report.exit_code,
            "duracion_segundos": round(report.duracion_segundos, 2),
            "sha256": report.sha256,
            "aislamiento": _ISOLATION,
        },
    )
    await append_event(session, order, event, actor=principal.actor, now=now)
    await wake(session, order, now)
    return receipt


def _require_current(order: Order, report: CheckReport, receipts: Receipts) -> None:
    """Refuse a receipt that proves nothing about what is under review now."""
    commit = receipts.evidence.commit
    facts = {"estado_actual": order.estado, "intento": order.intento, "commit": commit}
    if not serves_in(Action.RECORD_CHECK, OrderState(order.estado)):
        told = Sentence(
            f"La orden {order.order_number} está en '{order.estado}': no se está revisando",
            f"Order {order.order_number} is in '{order.estado}': it is not under review",
        )
    elif order.espera is not None:
        told = OBSTACLES[WaitsFor(order.espera)]
    elif report.intento != order.intento:
        told = Sentence(
            f"El recibo es del intento {report.intento}; se revisa el {order.intento}",
            f"The receipt is of attempt {report.intento}; attempt {order.intento} is reviewed",
        )
    elif report.commit != commit:
        told = Sentence(
            f"El recibo es de otro commit; se revisa {commit or 'ninguno'}",
            f"The receipt is of another commit; {commit or 'none'} is reviewed",
        )
    elif report.verificacion in receipts.evidence.checked:
        told = Sentence(
            f"La verificación '{report.verificacion}' ya tiene su recibo de este commit",
            f"The check '{report.verificacion}' has its receipt for this commit already",
        )
    else:
        return
    raise ReceiptRefused(told, message_en=told.en, extra=facts)
