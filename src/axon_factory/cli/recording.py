"""What commands put on the audit trail."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.cli.context import local_principal
from axon_factory.db.audit import append_audit
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry, Fact
from axon_factory.domain.permissions import Action, Principal


async def record(
    session: AsyncSession,
    action: Action,
    *,
    order_id: UUID | None = None,
    subject: str | None = None,
    details: Mapping[str, Fact] | None = None,
    principal: Principal | None = None,
) -> None:
    """Record, in the transaction of the act, that it was done from the command line.

    Without `order_id` it is an act on `subject`: "user:…", "key:…", "token:…". Without `principal`
    it is that of whoever sits at the machine.
    """
    entry = AuditEntry.by(
        principal or local_principal(),
        action,
        chain=ACCESS_CHAIN if order_id is None else str(order_id),
        subject=subject,
        details={"ruta": "axon", **(details or {})},
    )
    await append_audit(session, entry)
