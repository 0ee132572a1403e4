"""Ports that do their work at once and say what the design's examples say.

The line that calls them, its transactions and its records are the real ones.
"""
# ruff: noqa: ARG002 — these have their ports' signatures

from collections.abc import Sequence
from pathlib import Path

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Milestone, Plan, Resources
from axon_factory.line.step import LinePorts
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus, MilestoneReport
from axon_factory.ports.messages import Destination, Mail, Notification, Receipt
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
    SecretBox,
)

__all__ = ["COMMIT", "PRODUCT_URL", "REPOSITORY_URL", "check_receipt", "example_ports"]

PRODUCT_URL = "https://autopilot-xyz.axon88.com"
REPOSITORY_URL = "https://github.com/axon88-products/autopilot-xyz-001"
COMMIT = "c" * 40
"""The commit of every milestone that the example's builder hands over."""


def check_receipt(**changes: object) -> dict[str, object]:
    """The body of a council's receipt that an order of the example takes."""
    return {
        "verificacion": "tests",
        "aprobada": True,
        "intento": 1,
        "commit": COMMIT,
        "comando": ["python", "-m", "pytest"],
        "exit_code": 0,
        "duracion_segundos": 1.5,
        "sha256": "0" * 64,
        **changes,
    }


class ExamplePlanner:
    """The plan of design §2.1, with the stack that §3.2 shows."""

    name = "example"

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        plan = Plan(
            stack_tecnologico=("FastAPI", "Twilio WhatsApp API", "PostgreSQL", "Redis"),
            integraciones=("WhatsApp Business API", "Stripe", "Google Sheets"),
            templates=PRODUCT_TYPES[request.product_type].templates,
            recursos_requeridos=Resources(cpu_cores=2, ram_gb=4, storage_gb=20),
            estimacion_horas=24,
            subagentes_asignados=("Builder", "Developer", "RAG", "QA", "Security"),
            milestones=(
                Milestone(id="base", nombre="Base", estimacion_horas=18, agente="Builder Agent"),
                Milestone(id="qa", nombre="QA", estimacion_horas=6, agente="QA Agent"),
            ),
        )
        return PlanningOutcome(plan, self.name)

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        return PlannerAnswer(f"Sobre «{question.question}»: lo dice el plan.", self.name)


class ExampleBuilder:
    name = "example"

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        return f"session-{request.attempt}"

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        return f"session-{request.attempt}"

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        missing = (item for item in request.plan.milestones if item.id not in request.completed)
        done = next(missing)
        report = MilestoneReport(done.id, done.agente, f"{done.nombre} listo", COMMIT)
        status = BuildStatus.WORKING if next(missing, None) else BuildStatus.FINISHED
        return BuildReport(status, (report,))

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        return True

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Nothing is kept of it."""


class ExampleCouncil:
    name = "example"

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        return CheckReceipt(
            check=check,
            passed=True,
            command=("true",),
            exit_code=0,
            duration_seconds=0.1,
            output_digest="0" * 64,
            output_tail="",
            findings=(),
            isolation="subprocess",
        )


class ExampleDeployer:
    name = "example"

    async def deploy(self, request: DeploymentRequest, *, idempotency_key: str) -> Deployment:
        return Deployment(
            url=PRODUCT_URL,
            admin_url=f"{PRODUCT_URL}/admin",
            api_url="https://api.autopilot-xyz.axon88.com",
            docs_url="https://docs.axon88.com/autopilot-xyz",
            webhooks={
                "whatsapp": f"{PRODUCT_URL}/webhooks/whatsapp",
                "stripe": f"{PRODUCT_URL}/webhooks/stripe",
            },
            configuration={
                "db_migrated": True,
                "seeds_loaded": True,
                "integrations_configured": ["whatsapp", "stripe", "google_sheets"],
            },
            requests=(AnsweredRequest("salud", "GET", "/health", 200),),
        )

    async def replace_secrets(
        self, request: DeploymentRequest, *, idempotency_key: str
    ) -> Deployment:
        return await self.deploy(request, idempotency_key=idempotency_key)

    async def erase(self, slug: str, *, idempotency_key: str) -> None:
        """Nothing is kept of it."""

    async def undeploy(self, slug: str, *, idempotency_key: str) -> None:
        """Nothing of it runs."""


class ExampleGitHost:
    name = "example"

    async def publish(self, slug: str, product_dir: Path, *, idempotency_key: str) -> str:
        return REPOSITORY_URL

    async def remove(self, slug: str, *, idempotency_key: str) -> None:
        """Nothing is kept of it."""


class NoMailer:
    name = "none"

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        raise AssertionError("mail leaves by the outbox job, which these tests do not run")

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Nothing is kept."""


class NoNotifier:
    name = "none"

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        raise AssertionError("notifications leave by the outbox job, which these tests do not run")


def example_ports(secret_box: SecretBox) -> LinePorts:
    return LinePorts(
        planner=ExamplePlanner(),
        builder=ExampleBuilder(),
        council=ExampleCouncil(),
        deployer=ExampleDeployer(),
        git_host=ExampleGitHost(),
        mailer=NoMailer(),
        notifier=NoNotifier(),
        secret_box=secret_box,
    )
