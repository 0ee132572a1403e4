"""Receipts that a council from outside writes, and verdicts on a product.

A verdict accepts the product, sends it back, or leaves it to a person. The council's acceptance
rests on receipts (`orders.evidence`). A person may accept without them, with a reason.
"""

from collections.abc import Sequence

from axon_factory.db.tables import Order, OrderCheck
from axon_factory.domain.errors import ReceiptRefused, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.names import APPROVER_NAME, BUILDER, OPS
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.progress import AFTER_REJECTION, DONE
from axon_factory.domain.states import OBSTACLES, Claim, OrderState, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.evidence import (
    Receipts,
    keep_check,
    read_evidence,
    read_receipts,
    refuse_own_judge,
    required_checks,
)
from axon_factory.orders.notifications.desk import about, how_to_act, order_page
from axon_factory.orders.requests import CheckReport

__all__ = [
    "accept_for_person",
    "accept_product",
    "ask_person",
    "record_check",
    "send_back",
]

_ISOLATION = "externo"
"""What stands for the isolation of a check that did not run in the line's sandbox."""


async def record_check(change: Change, report: CheckReport) -> OrderCheck:
    """Keep the receipt of a check that a council has run on the locked order; return it.

    The receipt counts as one of the line's own. The line gives the verdict when all are there.

    Raises:
        Forbidden: the principal has built this attempt.
        ValidationFailed: the order's type requires no such check.
        ReceiptRefused: the order is not in `qa` or waits for a person, the receipt is for another
            attempt or commit, or there is one already.
    """
    order = change.order
    await refuse_own_judge(change.tx, order, change.actor)
    required = required_checks(order)
    if report.verificacion not in required:
        options = ", ".join(required)
        told = Sentence(f"No es una de: {options}", f"It is none of: {options}")
        raise ValidationFailed({"verificacion": told})
    receipts = await read_receipts(change.tx, order)
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
        actor=change.actor.id,
        created_at=change.now,
    )
    await keep_check(change.tx, receipt)
    outcome = "aprobada ✅" if report.aprobada else "no pasó ❌"
    findings = f": {'; '.join(report.hallazgos)}" if report.hallazgos else ""
    await change.tell(
        EventKind.VERIFICACION,
        f"Verificación '{report.verificacion}' {outcome}{findings}",
        level=LogLevel.SUCCESS if report.aprobada else LogLevel.ERROR,
        verificacion=report.verificacion,
        aprobada=report.aprobada,
        exit_code=report.exit_code,
        duracion_segundos=round(report.duracion_segundos, 2),
        sha256=report.sha256,
        aislamiento=_ISOLATION,
    )
    await change.wake()
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


async def accept_product(change: Change) -> None:
    """Move the reviewed order to `listo` at 100 %.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, the actor may not, or a receipt is missing.
    """
    await refuse_own_judge(change.tx, change.order, change.actor)
    await _accept(change, "✅ Producto aprobado por Review Council", level=LogLevel.SUCCESS)


async def accept_for_person(change: Change, *, reason: str) -> None:
    """Move the order in `qa` to `listo` on a person's word; what was not proven goes on record.

    Nothing of it says that the council has approved the product.

    Raises:
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    evidence = await read_evidence(change.tx, change.order)
    told = "Nuestro equipo aceptó el producto; sigue su puesta en marcha"
    await _accept(change, told, level=LogLevel.INFO, overridden=True)
    await change.tell_staff(
        EventKind.PRODUCTO_ACEPTADO,
        f"Una persona aceptó el producto en lugar de la revisión. Motivo: {reason}",
        level=LogLevel.WARNING,
        motivo=reason,
        **evidence.missing(Claim.REVIEWED),
    )


async def _accept(
    change: Change, message: str, *, level: LogLevel, overridden: bool = False
) -> None:
    change.order.progreso = DONE
    change.order.asignado_a = OPS.name
    await change.move(OrderState.LISTO, message, level=level, overridden=overridden)


async def send_back(change: Change, *, reasons: Sequence[str]) -> None:
    """Move the order back to `construccion` as a new attempt with the council's findings.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    order = change.order
    await refuse_own_judge(change.tx, order, change.actor)
    order.intento += 1
    order.retrabajos += 1
    order.progreso = AFTER_REJECTION
    order.session_id = None
    order.asignado_a = BUILDER.name
    await change.move(
        OrderState.CONSTRUCCION,
        f"❌ Producto rechazado. Razón: {'; '.join(reasons) or 'sin detalle'}",
        kind=EventKind.PRODUCTO_RECHAZADO,
        level=LogLevel.ERROR,
        hallazgos=list(reasons),
        intento=order.intento,
    )


async def ask_person(change: Change, *, reasons: Sequence[str]) -> None:
    """Leave the order in `qa` for a person to decide, and tell the approver (ADR 15)."""
    order = change.order
    order.espera, order.espera_causa = WaitsFor.PERSONA, None
    order.asignado_a = APPROVER_NAME
    await change.tell_staff(
        EventKind.DECISION_REQUERIDA,
        f"Rechazado tras {order.retrabajos} retrabajos; decide una persona",
        level=LogLevel.WARNING,
        hallazgos=list(reasons),
    )
    await change.mail_approver(
        topic="decision_requerida",
        kind=NotificationKind.QA_DECISION_REQUERIDA,
        subject=f"{order.order_number}: la revisión pide una decisión",
        body=(
            f"La orden {about(order)} fue rechazada por la "
            f"revisión después de {order.retrabajos} retrabajos.\n\nHallazgos:\n"
            + "\n".join(f"- {reason}" for reason in reasons)
            + "\n\n"
            + how_to_act(
                "Puedes aceptarla con un motivo, devolverla a construcción, darla por fallida o "
                "cancelarla",
                order_page(change.policy, order),
                f'axon orders accept {order.order_number} --reason "…"',
                f'axon orders cancel {order.order_number} --reason "…"',
            )
        ),
    )
    await change.wake()
