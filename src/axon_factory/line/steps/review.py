"""Review: every check leaves a receipt; the verdict follows from the receipts alone (§5.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axon_factory.db.tables import OrderCheck
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import COUNCIL, line_actor
from axon_factory.domain.states import Claim
from axon_factory.line.situation import product_under_review
from axon_factory.orders.change import Change
from axon_factory.orders.evidence import Receipts, commit_of, keep_check, read_receipts
from axon_factory.orders.reviewing import accept_product, ask_person, send_back
from axon_factory.ports.product import CheckReceipt, Council, ProductUnderReview

__all__ = ["GiveVerdict", "RunCheck"]


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

    async def prepare(self, change: Change, step: DueStep) -> CheckWork:
        """Name the check and the commit."""
        order = change.order
        commit = await commit_of(change.tx, order)
        return CheckWork(step.subject, product_under_review(order, self._products, commit))

    async def call(self, work: CheckWork, *, idempotency_key: str) -> CheckReceipt:
        """Run it."""
        return await self._council.run_check(
            work.check, work.product, idempotency_key=idempotency_key
        )

    async def record(self, change: Change, work: CheckWork, outcome: CheckReceipt) -> None:
        """Keep the receipt and tell of it."""
        order = change.order
        await keep_check(
            change.tx,
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
                created_at=change.now,
            ),
        )
        order.asignado_a = outcome.agent
        await change.by(line_actor(outcome.agent)).tell(
            EventKind.VERIFICACION,
            _sentence(outcome),
            level=LogLevel.SUCCESS if outcome.passed else LogLevel.ERROR,
            verificacion=work.check,
            aprobada=outcome.passed,
            exit_code=outcome.exit_code,
            duracion_segundos=round(outcome.duration_seconds, 2),
            sha256=outcome.output_digest,
            aislamiento=outcome.isolation,
        )
        await change.wake()


class GiveVerdict:
    """Decide from the receipts: accepted, sent back with the findings, or a person decides."""

    async def apply(self, change: Change) -> None:
        """Apply the verdict to the locked order."""
        order = change.order
        reasons = _reasons(await read_receipts(change.tx, order))
        if not reasons:
            await accept_product(change.by(COUNCIL))
        elif order.retrabajos < change.policy.max_reworks:
            await send_back(change.by(COUNCIL), reasons=reasons)
        else:
            await ask_person(change.by(COUNCIL), reasons=reasons)


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
