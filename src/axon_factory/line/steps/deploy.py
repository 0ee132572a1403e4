"""Deploy: make the client's credentials, run the product, fill `resultado`, hand over (§5.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from axon_factory.db.tables import OrderDeployment
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import OPS
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import (
    LABELS,
    ROTATABLE,
    SealedCredential,
    credential_context,
    credentials_of,
    masked_credentials,
    note_in_service,
    seal_secret,
    store_credentials,
)
from axon_factory.orders.evidence import commit_of, keep_deployment, withdraw_deployments
from axon_factory.orders.moves import hand_over
from axon_factory.orders.portal_links import portal_url
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import (
    Deployer,
    Deployment,
    DeploymentRequest,
    SealedSecret,
    SecretBox,
)

__all__ = ["Deliver", "Deploy", "MakeCredentials", "RotateCredentials", "Undeploy"]

_EMAIL = "admin_email"
_ENVIRONMENT = {
    _EMAIL: "ADMIN_EMAIL",
    "admin_password_temporal": "ADMIN_PASSWORD",
    "api_key": "API_KEY",
    "webhook_secret": "WEBHOOK_SECRET",
}
"""The documented names of the credentials (design §2.1), and how the product gets them."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom credentials are made."""

    order_id: UUID
    admin_email: str


class MakeCredentials:
    """Make and seal the client's credentials, random each."""

    cause = FailureCause.ENTREGA_FALLIDA

    def __init__(self, secret_box: SecretBox) -> None:
        """`secret_box` seals them."""
        self._box = secret_box

    async def prepare(self, change: Change, _step: DueStep) -> Recipient:
        """Name the recipient: the configured administrator, else the contact."""
        order = change.order
        configured = order.datos_cliente["configuracion"].get("admin_email")
        contact = order.datos_cliente["email"]
        return Recipient(order.id, configured if isinstance(configured, str) else contact)

    async def call(self, work: Recipient, *, idempotency_key: str) -> Sequence[SealedCredential]:
        """Make and seal; what is not recorded never left this process."""
        del idempotency_key  # nothing outside has to recognise a repetition
        context = credential_context(work.order_id, _EMAIL)
        sealed = self._box.seal(work.admin_email, context=context)
        address = SealedCredential(_EMAIL, work.admin_email, secret=False, sealed=sealed)
        made = (seal_secret(self._box, work.order_id, name) for name in ROTATABLE)
        return (address, *made)

    async def record(
        self, change: Change, _work: Recipient, outcome: Sequence[SealedCredential]
    ) -> None:
        """Store them sealed."""
        await store_credentials(change, outcome)
        await change.wake()


@dataclass(frozen=True, slots=True)
class DeploymentWork:
    """What is deployed, its secrets still sealed, each with the context that opens it."""

    order_id: UUID
    slug: str
    attempt: int
    product_dir: Path
    commit: str | None
    sealed: Mapping[str, tuple[SealedSecret, str]]
    rotated: Sequence[str] = ()
    """Names of the credentials that are not in service yet."""


class Deploy:
    """Run the product and fill `resultado` while the order is `listo` (resolutions *States*)."""

    cause = FailureCause.DEPLOY_FALLIDO

    def __init__(self, deployer: Deployer, secret_box: SecretBox, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._deployer = deployer
        self._box = secret_box
        self._products = products

    async def prepare(self, change: Change, _step: DueStep) -> DeploymentWork:
        """Collect the reviewed commit and the sealed credentials."""
        order = change.order
        credentials = await credentials_of(change.tx, order.id)
        return DeploymentWork(
            order_id=order.id,
            slug=order.slug,
            attempt=order.intento,
            product_dir=self._products / order.slug,
            commit=await commit_of(change.tx, order),
            sealed={
                item.name: (
                    SealedSecret(item.ciphertext, item.wrapped_key, item.key_id),
                    credential_context(order.id, item.name, item.version),
                )
                for item in credentials
            },
            rotated=[item.name for item in credentials if item.in_service_at is None],
        )

    async def call(self, work: DeploymentWork, *, idempotency_key: str) -> Deployment:
        """Open the secrets for the product alone, and deploy."""
        return await self._deployer.deploy(self._request(work), idempotency_key=idempotency_key)

    async def record(self, change: Change, work: DeploymentWork, outcome: Deployment) -> None:
        """Fill `resultado` with links that answer and masked credentials."""
        order = change.order
        await _fill_result(change, outcome)
        order.asignado_a = OPS.name
        await keep_deployment(
            change.tx,
            OrderDeployment(
                order_id=order.id,
                intento=order.intento,
                commit_id=str(work.commit),
                url=outcome.url,
                requests=[asdict(request) for request in outcome.requests],
                created_at=change.now,
            ),
        )
        await change.by(OPS).tell(
            EventKind.DESPLEGADO,
            f"Producto en marcha en {outcome.url}",
            level=LogLevel.SUCCESS,
            deploy_url=outcome.url,
            commit=work.commit,
        )
        await change.wake()

    def _request(self, work: DeploymentWork) -> DeploymentRequest:
        if work.commit is None:
            raise PortError("La orden no tiene un commit que desplegar", cause=self.cause)
        return DeploymentRequest(
            order_id=str(work.order_id),
            slug=work.slug,
            attempt=work.attempt,
            product_dir=work.product_dir,
            commit=work.commit,
            secrets={
                _ENVIRONMENT[name]: self._box.open(sealed, context=context)
                for name, (sealed, context) in work.sealed.items()
            },
        )


class RotateCredentials(Deploy):
    """Restart the running product with the credentials that are not in service yet.

    The product always has one working set, even if this process dies: the newest, once it answers.
    """

    async def call(self, work: DeploymentWork, *, idempotency_key: str) -> Deployment:
        """Open the secrets for the product alone, and restart it with them."""
        request = self._request(work)
        return await self._deployer.replace_secrets(request, idempotency_key=idempotency_key)

    async def record(self, change: Change, work: DeploymentWork, outcome: Deployment) -> None:
        """Record that the new ones serve; from now on they can be revealed once."""
        await _fill_result(change, outcome)
        names = ", ".join(LABELS[name] for name in work.rotated if name in LABELS)
        await change.by(OPS).tell(
            EventKind.CREDENCIALES_ROTADAS,
            f"Credenciales nuevas en servicio: {names}",
            level=LogLevel.SUCCESS,
            credenciales=list(work.rotated),
        )
        await change.wake()


class Undeploy:
    """Take the product of a cancelled or failed order out of service."""

    cause = FailureCause.DEPLOY_FALLIDO

    def __init__(self, deployer: Deployer) -> None:
        """`deployer` runs it."""
        self._deployer = deployer

    async def prepare(self, change: Change, _step: DueStep) -> str:
        """Name the deployment."""
        return change.order.slug

    async def call(self, work: str, *, idempotency_key: str) -> None:
        """Stop it."""
        await self._deployer.undeploy(work, idempotency_key=idempotency_key)

    async def record(self, change: Change, _work: str, _outcome: None) -> None:
        """Note that nothing runs any more."""
        order = change.order
        await withdraw_deployments(change.tx, order, change.now)
        order.deployment_open = False
        order.deploy_url = None
        order.resultado = None
        await change.by(OPS).tell(EventKind.RECURSOS_LIBERADOS, "Producto retirado")
        await change.wake()


class Deliver:
    """Move the order to `entregado`; the mail leaves by the outbox."""

    async def apply(self, change: Change) -> None:
        """Hand over the locked order."""
        await hand_over(change.by(OPS))


async def _fill_result(change: Change, outcome: Deployment) -> None:
    tx, order, policy = change.tx, change.order, change.policy
    await note_in_service(change)
    order.deploy_url = outcome.url
    order.resultado = {
        "portal_url": await portal_url(tx, order, policy, change.now),
        "admin_url": outcome.admin_url,
        "api_url": outcome.api_url,
        "credentials": dict(masked_credentials(await credentials_of(tx, order.id))),
        "docs_url": outcome.docs_url,
        "support_email": policy.support_email,
        "webhooks": dict(outcome.webhooks),
        "configuracion_inicial": dict(outcome.configuration),
    }
