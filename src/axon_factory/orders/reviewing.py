"""Receipts that a council from outside writes, and verdicts on a product.

A verdict accepts the product, sends it back, or leaves it to a person. The council's acceptance
rests on receipts (`orders.evidence`). A person may accept without them, with a reason.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderCheck
from axon_factory.domain.errors import ReceiptRefused, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.progress import AFTER_REJECTION, DONE
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import Actor, Claim, OrderState
from axon_factory.domain.times import timestamp
from axon_factory.domain.waiting import OBSTACLES, WaitsFor
from axon_factory.orders.events import append_event
from axon_factory.orders.evidence import (
    Receipts,
    keep_check,
    read_evidence,
    read_receipts,
    refuse_own_judge,
    required_checks,
)
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.orders.plans.decisions import APPROVER
from axon_factory.orders.policy import Policy
from axon_factory.orders.requests import CheckReport
from axon_factory.orders.transitions import transition, wake

__all__ = [
    "accept_for_person",
    "accept_product",
    "ask_person",
    "check_document",
    "evidence_document",
    "record_check",
    "send_back",
]

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


def evidence_document(order: Order, receipts: Receipts) -> dict[str, Any]:
    """Return the answer of GET /checks: what is proven, what is missing, each receipt."""
    evidence = receipts.evidence
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "intento": order.intento,
        "commit": evidence.commit,
        "revisado": evidence.proves(Claim.REVIEWED),
        "desplegado": evidence.proves(Claim.DEPLOYED),
        "hitos_pendientes": list(evidence.missing_milestones),
        "verificaciones_requeridas": list(evidence.required),
        "verificaciones_pendientes": list(evidence.missing_checks),
        "count": len(receipts.checks),
        "verificaciones": [check_document(one) for one in receipts.checks],
        "despliegues": [
            {
                "commit": one.commit_id,
                "url": one.url,
                "solicitudes": one.requests,
                "created_at": timestamp(one.created_at),
                "retirado_at": timestamp(one.withdrawn_at),
            }
            for one in receipts.deployments
        ],
    }


def check_document(receipt: OrderCheck) -> dict[str, Any]:
    """Return one receipt as answers show it; the output's end stays in the database."""
    return {
        "verificacion": receipt.check_name,
        "aprobada": receipt.passed,
        "intento": receipt.intento,
        "commit": receipt.commit_id,
        "comando": receipt.command,
        "exit_code": receipt.exit_code,
        "duracion_segundos": round(receipt.duration_seconds, 3),
        "sha256": receipt.output_digest,
        "hallazgos": receipt.findings,
        "aislamiento": receipt.isolation,
        "actor": receipt.actor,
        "created_at": timestamp(receipt.created_at),
    }


async def accept_product(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """Move the reviewed order to `listo` at 100 %.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, the actor may not, or a receipt is missing.
    """
    await refuse_own_judge(session, order, actor)
    order.progreso = DONE
    order.asignado_a = "Ops Agent"
    await transition(
        session,
        order,
        OrderState.LISTO,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message="✅ Producto aprobado por Review Council",
            level=LogLevel.SUCCESS,
            metadata=_states(OrderState.QA, OrderState.LISTO),
        ),
    )


async def accept_for_person(
    session: AsyncSession, order: Order, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Move the order in `qa` to `listo` on a person's word; what was not proven goes on record.

    Nothing of it says that the council has approved the product.

    Raises:
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    evidence = await read_evidence(session, order)
    order.progreso = DONE
    order.asignado_a = "Ops Agent"
    await transition(
        session,
        order,
        OrderState.LISTO,
        actor=actor,
        now=now,
        overridden=True,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message="Nuestro equipo aceptó el producto; sigue su puesta en marcha",
            metadata=_states(OrderState.QA, OrderState.LISTO),
        ),
    )
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.PRODUCTO_ACEPTADO,
            agent=actor.name,
            message=f"Una persona aceptó el producto en lugar de la revisión. Motivo: {reason}",
            level=LogLevel.WARNING,
            visibility=Visibility.INTERNO,
            metadata={"motivo": reason, **evidence.missing(Claim.REVIEWED)},
        ),
        actor=actor,
        now=now,
    )


async def send_back(
    session: AsyncSession, order: Order, *, actor: Actor, reasons: Sequence[str], now: datetime
) -> None:
    """Move the order back to `construccion` as a new attempt with the council's findings.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    await refuse_own_judge(session, order, actor)
    order.intento += 1
    order.retrabajos += 1
    order.progreso = AFTER_REJECTION
    order.session_id = None
    order.asignado_a = "Builder Agent"
    await transition(
        session,
        order,
        OrderState.CONSTRUCCION,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.PRODUCTO_RECHAZADO,
            agent=actor.name,
            message=f"❌ Producto rechazado. Razón: {'; '.join(reasons) or 'sin detalle'}",
            level=LogLevel.ERROR,
            metadata={
                **_states(OrderState.QA, OrderState.CONSTRUCCION),
                "hallazgos": list(reasons),
                "intento": order.intento,
            },
        ),
    )


async def ask_person(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    reasons: Sequence[str],
    policy: Policy,
    now: datetime,
) -> None:
    """Leave the order in `qa` for a person to decide, and tell the approver (ADR 15)."""
    order.espera, order.espera_causa = WaitsFor.PERSONA, None
    order.asignado_a = APPROVER
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.DECISION_REQUERIDA,
            agent=actor.name,
            message=f"Rechazado tras {order.retrabajos} retrabajos; decide una persona",
            level=LogLevel.WARNING,
            visibility=Visibility.INTERNO,
            metadata={"hallazgos": list(reasons)},
        ),
        actor=actor,
        now=now,
    )
    await post_message(
        session,
        order,
        topic="decision_requerida",
        kind=NotificationKind.QA_DECISION_REQUERIDA,
        recipient=policy.approver_email,
        subject=f"{order.order_number}: la revisión pide una decisión",
        body=(
            f"La orden {order.order_number} ({order.nombre_producto}) fue rechazada por la "
            f"revisión después de {order.retrabajos} retrabajos.\n\nHallazgos:\n"
            + "\n".join(f"- {reason}" for reason in reasons)
            + "\n\nPuedes aceptarla con un motivo (axon orders accept "
            f"{order.order_number}), devolverla a construcción o darla por fallida "
            f"(PATCH /api/orders/{order.order_number}), o cancelarla (axon orders cancel "
            f"{order.order_number}).\n"
        ),
        now=now,
    )
    await wake(session, order, now)


def _states(before: OrderState, after: OrderState) -> dict[str, str]:
    return {"estado_anterior": before.value, "estado_nuevo": after.value}
