"""Review: every check leaves a receipt; the verdict follows from the receipts alone (§5.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderCheck
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.states import Claim
from axon_factory.factory.situation import product_under_review
from axon_factory.factory.step import line_actor
from axon_factory.orders.events import append_event
from axon_factory.orders.evidence import Receipts, commit_of, keep_check, read_receipts
from axon_factory.orders.policy import Policy
from axon_factory.orders.reviewing import accept_product, ask_person, send_back
from axon_factory.orders.transitions import wake
from axon_factory.ports.council import CheckReceipt, Council, ProductUnderReview

__all__ = ["GiveVerdict", "RunCheck"]

_COUNCIL = line_actor("Review Council")


@dataclass(frozen=True, slots=True)
class CheckWork:
    """One check of one product."""

    check: str
    product: ProductUnderReview


class RunCheck:
    """Run one check and keep its receipt."""

    cause = FailureCause.REVISION_NO_EJECUTABLE

    def __init__(self, council: Council, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._council = council
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, step: DueStep) -> CheckWork:
        """Name the check and the commit."""
        commit = await commit_of(session, order)
        return CheckWork(step.subject, product_under_review(order, self._products, commit))

    async def call(self, work: CheckWork, *, idempotency_key: str) -> CheckReceipt:
        """Run it."""
        return await self._council.run_check(
            work.check, work.product, idempotency_key=idempotency_key
        )

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        work: CheckWork,
        outcome: CheckReceipt,
        now: datetime,
    ) -> None:
        """Keep the receipt and tell of it."""
        await keep_check(
            session,
            OrderCheck(
                order_id=order.id,
                intento=order.intento,
                check_name=work.check,
                passed=outcome.passed,
                command=list(outcome.command),
                exit_code=outcome.exit_code,
                duration_seconds=outcome.duration_seconds,
                output_digest=outcome.output_digest,
                output_tail=outcome.output_tail.replace("\x00", ""),
                findings=[finding.replace("\x00", "") for finding in outcome.findings],
                isolation=outcome.isolation,
                timed_out=outcome.timed_out,
                truncated=outcome.truncated,
                commit_id=work.product.commit,
                created_at=now,
            ),
        )
        order.asignado_a = outcome.agent
        event = NewEvent(
            kind=EventKind.VERIFICACION,
            agent=outcome.agent,
            message=_sentence(outcome),
            level=LogLevel.SUCCESS if outcome.passed else LogLevel.ERROR,
            metadata={
                "verificacion": work.check,
                "aprobada": outcome.passed,
                "exit_code": outcome.exit_code,
                "duracion_segundos": round(outcome.duration_seconds, 2),
                "sha256": outcome.output_digest,
                "aislamiento": outcome.isolation,
            },
        )
        await append_event(session, order, event, actor=line_actor(outcome.agent), now=now)
        await wake(session, order, now)


class GiveVerdict:
    """Decide from the receipts: accepted, sent back with the findings, or a person decides."""

    def __init__(self, policy: Policy) -> None:
        """`policy` says how often a product may be sent back."""
        self._policy = policy

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Apply the verdict to the locked order."""
        reasons = _reasons(await read_receipts(session, order))
        if not reasons:
            await accept_product(session, order, actor=_COUNCIL, now=now)
        elif order.retrabajos < self._policy.max_reworks:
            await send_back(session, order, actor=_COUNCIL, reasons=reasons, now=now)
        else:
            await ask_person(
                session, order, actor=_COUNCIL, reasons=reasons, policy=self._policy, now=now
            )


def _reasons(receipts: Receipts) -> Sequence[str]:
    """Return why the product is not accepted, empty if it is: findings, else what is missing."""
    evidence = receipts.evidence
    found = [
        f"{check.check_name}: {message}"
        for check in receipts.checks
        if not check.passed
        for message in check.findings or ["no pasó"]
    ]
    obstacle = evidence.obstacle(Claim.REVIEWED)
    return found or ([obstacle] if obstacle is not None else [])


def _sentence(receipt: CheckReceipt) -> str:
    outcome = "aprobada ✅" if receipt.passed else "no pasó ❌"
    details = f": {'; '.join(receipt.findings)}" if receipt.findings else ""
    return f"Verificación '{receipt.check}' {outcome}{details}"
