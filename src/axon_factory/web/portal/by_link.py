"""Writes of who holds a portal link: the link is looked at under the order's lock, and audited."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.requests import Request

from axon_factory.db.audit import append_audit
from axon_factory.domain.audit import AuditEntry, Outcome
from axon_factory.domain.errors import NotFound
from axon_factory.domain.names import CLIENT_NAME
from axon_factory.domain.permissions import Action
from axon_factory.orders.change import Change
from axon_factory.orders.portal_links import serves
from axon_factory.orders.questions.asking import portal_actor
from axon_factory.orders.read import lock_order_by_id
from axon_factory.web.site import site_of

__all__ = ["LinkChange", "LinkEnded", "by_link", "link_form", "number_in"]

_MOST_DIGITS = 8
_MOST_FIELDS = 10


class LinkEnded(Exception):
    """The link has expired or was revoked."""


@dataclass(slots=True)
class _Verdict:
    outcome: Outcome = Outcome.OK
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LinkChange(Change):
    """A change by who holds the link. `deny` lets the audit trail say that it was refused."""

    verdict: _Verdict

    def deny(self, reason: str) -> None:
        """Note that the act was refused, though the transaction commits what counts it."""
        self.verdict.outcome, self.verdict.reason = Outcome.DENIED, reason


@asynccontextmanager
async def by_link(
    request: Request, token: str, unit: str, action: Action, path: str
) -> AsyncGenerator[LinkChange]:
    """Open a transaction with the link's order locked; the audit trail says that it came by a link.

    `unit` names the transaction, `path` the route.

    Raises:
        LinkEnded: the link has expired or was revoked.
        NotFound: the token is none of ours, or there is no such order.
    """
    site = site_of(request)
    link = site.links.read(token)
    if link is None:
        raise NotFound("No hay tal enlace", message_en="There is no such link")
    async with site.database.transaction(unit) as session:
        order_id, now = link[0], datetime.now(UTC)
        order = await lock_order_by_id(session, order_id)
        # After the lock, which a revocation holds too: it ends the link for the next request.
        if not await serves(session, *link, now):
            raise LinkEnded
        verdict = _Verdict()
        actor = portal_actor(order_id)
        yield LinkChange(session, order, actor, site.policy, now, verdict)
        reason = {} if verdict.reason is None else {"motivo": verdict.reason}
        entry = AuditEntry(
            chain=str(order_id),
            actor="portal",
            actor_name=CLIENT_NAME,
            actor_grant=None,
            action=action.value,
            outcome=verdict.outcome,
            subject=str(order_id),
            address=request.client.host if request.client else None,
            request_id=getattr(request.state, "request_id", None),
            details={"unidad": unit, "ruta": path, **reason},
        )
        await append_audit(session, entry)


def link_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form with the line ends of JSON; none of a body that is no form."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        return {}
    return {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}


def number_in(text: str) -> int | None:
    """Return a number that an address or a field names, None if it is none."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None
