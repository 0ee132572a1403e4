"""Adapters of every port that are fast, keep a ledger, fail on demand, and watch the line.

They conform to the protocols of `axon_factory.ports` and honour idempotency keys across processes,
except the mailer, which like SMTP sends whatever it is told. Before each call they look, over a
connection of their own, whether a transaction is left open: no port call happens inside one.
"""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ledger import Ledger
from ledger_desk import Desk, Watcher

from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.secret_box import EnvelopeSecretBox
from axon_factory.domain.failure import FailureCause
from axon_factory.line.step import LinePorts
from axon_factory.ports.builder import (
    AgentQuestion,
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
)
from axon_factory.ports.crossing import crossing
from axon_factory.ports.messages import DeliveryFailed, Destination, Mail, Notification, Receipt
from axon_factory.ports.planner import (
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)
from axon_factory.ports.product import (
    AnsweredRequest,
    CheckReceipt,
    Deployment,
    DeploymentRequest,
    ProductUnderReview,
)

__all__ = ["CHECKS", "ledger_box", "ledger_ports"]

CHECKS = ("tests", "security", "health")
_QUESTION = AgentQuestion("idioma", "¿En qué idioma?", ("Español", "Inglés"))


class LedgerPlanner:
    """The real catalogue planner behind the ledger."""

    name = "catalogue"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._planner = CataloguePlanner()

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Plan as the catalogue does."""
        cause = FailureCause.PLANIFICACION_FALLIDA
        place = "planner.make_plan"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (_, effect):
            effect(rejection=request.rejection_reason)
            return await self._planner.make_plan(request, idempotency_key=idempotency_key)

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        """Answer as the catalogue does."""
        cause, place = FailureCause.PLANIFICACION_FALLIDA, "planner.answer"
        subject = question.request.order_id
        async with self._desk.call(place, idempotency_key, subject, cause) as (_, effect):
            effect(question=question.question)
            return await self._planner.answer(question, idempotency_key=idempotency_key)


class LedgerBuilder:
    """Completes one milestone a call."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """Open the session of this order and attempt."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "builder.start"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (_, effect):
            if not self._opened(request):  # one session per order and attempt, whoever asks
                effect(attempt=request.attempt, findings=[f.message for f in request.findings])
            return _session(request)

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        """Return the session if it was ever opened."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "builder.find"
        async with self._desk.call(place, idempotency_key, request.order_id, cause):
            return _session(request) if self._opened(request) else None

    def _opened(self, request: BuildRequest) -> bool:
        subject = (request.order_id, request.attempt)
        return any(
            (entry.subject, entry.details["attempt"]) == subject
            for entry in self._desk.ledger.effects("builder.start")
        )

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """Complete the next milestone."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "builder.proceed"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (f, effect):
            if f is not None and f.do == "working":
                return BuildReport(BuildStatus.WORKING, poll_after_seconds=0.01)
            if f is not None and f.do == "ask" and not request.answers:
                return BuildReport(BuildStatus.WORKING, questions=(_QUESTION,))
            missing = [m for m in request.plan.milestones if m.id not in request.completed]
            effect(
                milestone=missing[0].id,
                attempt=request.attempt,
                answers=[given.answer for given in request.answers],
            )
            report = MilestoneReport(
                id=missing[0].id,
                agent=missing[0].agente,
                message="\x00" if f and f.do == "unstorable" else f"{missing[0].nombre} listo",
                commit=_digest(session_id, missing[0].id)[:40],
            )
            status = BuildStatus.WORKING if missing[1:] else BuildStatus.FINISHED
            return BuildReport(status, (report,))

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """Close the session."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "builder.stop"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (f, effect):
            if f is not None and f.do == "deaf" and not force:
                return False
            effect(session=session_id)
            return True

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Remove what is kept of the order."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "builder.forget"
        async with self._desk.call(place, idempotency_key, order_id, cause) as (_, effect):
            effect()


class LedgerCouncil:
    """Passes what it is not told to reject."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        """Return a receipt."""
        cause, place = FailureCause.REVISION_NO_EJECUTABLE, "council.run_check"
        async with self._desk.call(place, idempotency_key, product.order_id, cause) as (f, effect):
            passed = f is None or f.do != "reject"
            effect(check=check, attempt=product.attempt, passed=passed)
            return CheckReceipt(
                check=check,
                passed=passed,
                command=("ledger", check),
                exit_code=0 if passed else 1,
                duration_seconds=0.0,
                output_digest=_digest(check),
                output_tail="",
                findings=() if passed else (f"{check} encontró un fallo",),
                isolation="subprocess",
            )


class LedgerDeployer:
    """Says where a product would run."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def deploy(self, request: DeploymentRequest, *, idempotency_key: str) -> Deployment:
        """Put the product into service."""
        cause, place = FailureCause.DEPLOY_FALLIDO, "deployer.deploy"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (_, effect):
            effect(slug=request.slug, commit=request.commit, secrets=sorted(request.secrets))
            return _deployment(request.slug)

    async def replace_secrets(
        self, request: DeploymentRequest, *, idempotency_key: str
    ) -> Deployment:
        """Note what the product would be restarted with: a digest of each secret."""
        cause, place = FailureCause.DEPLOY_FALLIDO, "deployer.replace_secrets"
        async with self._desk.call(place, idempotency_key, request.order_id, cause) as (_, effect):
            digests = {
                name: hashlib.sha256(value.encode()).hexdigest()
                for name, value in request.secrets.items()
            }
            effect(slug=request.slug, commit=request.commit, secrets=digests)
            return _deployment(request.slug)

    async def erase(self, slug: str, *, idempotency_key: str) -> None:
        """Remove what is kept of the product."""
        cause, place = FailureCause.DEPLOY_FALLIDO, "deployer.erase"
        order_id = idempotency_key.partition(":")[0]
        async with self._desk.call(place, idempotency_key, order_id, cause) as (_, effect):
            effect(slug=slug)

    async def undeploy(self, slug: str, *, idempotency_key: str) -> None:
        """Take the product out of service."""
        cause, place = FailureCause.DEPLOY_FALLIDO, "deployer.undeploy"
        order_id = idempotency_key.partition(":")[0]
        async with self._desk.call(place, idempotency_key, order_id, cause) as (_, effect):
            effect(slug=slug)


def _deployment(slug: str) -> Deployment:
    url = f"http://127.0.0.1:1/{slug}"
    return Deployment(
        url=url,
        admin_url=f"{url}/admin",
        api_url=f"{url}/api",
        docs_url=f"{url}/guia",
        webhooks={"whatsapp": f"{url}/webhooks/whatsapp"},
        configuration={"db_migrated": True, "seeds_loaded": True},
        requests=(AnsweredRequest("salud", "GET", "/health", 200),),
    )


class LedgerGitHost:
    """Gives a repository an address."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def publish(self, slug: str, product_dir: Path, *, idempotency_key: str) -> str:
        """Return the address."""
        del product_dir  # nothing is built here
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "git_host.publish"
        order_id = idempotency_key.partition(":")[0]
        async with self._desk.call(place, idempotency_key, order_id, cause) as (_, effect):
            effect(slug=slug)
            return f"http://127.0.0.1:1/git/{slug}.git"

    async def remove(self, slug: str, *, idempotency_key: str) -> None:
        """Remove the repository."""
        cause, place = FailureCause.CONSTRUCCION_FALLIDA, "git_host.remove"
        order_id = idempotency_key.partition(":")[0]
        async with self._desk.call(place, idempotency_key, order_id, cause) as (_, effect):
            effect(slug=slug)


class LedgerMailer:
    """Sends whatever it is told, repeated or not, as SMTP does."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Note the mail."""
        cause, place = FailureCause.ENTREGA_FALLIDA, "mailer.send"
        async with self._desk.call(place, idempotency_key, mail.to, cause) as (_, effect):
            effect(repeatable=True, title=mail.subject)

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Note which mails are removed."""
        cause, place = FailureCause.ENTREGA_FALLIDA, "mailer.forget"
        key = ",".join(sorted(idempotency_keys))
        async with self._desk.call(place, key, "", cause) as (_, effect):
            effect()


class LedgerNotifier:
    """Tells whatever it is told, repeated or not: receivers recognise the key."""

    name = "ledger"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        """Note the notification."""
        cause, place, url = FailureCause.ENTREGA_FALLIDA, "notifier.deliver", destination.url
        async with self._desk.call(place, idempotency_key, url, cause) as (fault, effect):
            if fault is not None and fault.do == "gone":
                raise DeliveryFailed("Ya no (410)", transient=False, status=410, gone=True)
            effect(
                repeatable=True,
                kind=notification.kind,
                payload=dict(notification.payload),
                secrets=len(destination.secrets),
            )
            return Receipt(204)


def ledger_box() -> EnvelopeSecretBox:
    """Return the secret box of every process over ledger ports."""
    return EnvelopeSecretBox({"k1": b"k" * 32}, "k1")


@asynccontextmanager
async def ledger_ports(ledger: Ledger, database_url: str) -> AsyncGenerator[LinePorts]:
    """Yield the line's ports over `ledger`, each behind its failpoints as the factory has them."""
    watcher = Watcher(database_url)
    desk = Desk(ledger, watcher)
    try:
        yield LinePorts(
            planner=crossing("planner", LedgerPlanner(desk)),
            builder=crossing("builder", LedgerBuilder(desk)),
            council=crossing("council", LedgerCouncil(desk)),
            deployer=crossing("deployer", LedgerDeployer(desk)),
            git_host=crossing("git_host", LedgerGitHost(desk)),
            mailer=crossing("mailer", LedgerMailer(desk)),
            notifier=crossing("notifier", LedgerNotifier(desk)),
            secret_box=ledger_box(),
        )
    finally:
        await watcher.close()


def _session(request: BuildRequest) -> str:
    return f"ses_{request.order_number}_{request.attempt}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
