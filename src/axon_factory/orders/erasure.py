"""Erase the personal data of an order that has ended; its number, price and times stay.

The database forgets in the transaction of the request. The line then removes what lies outside it
(`borrar`): mails, workspaces of agents and, where asked, the product with its data and repository.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OutboxMessage
from axon_factory.domain.audit import Fact
from axon_factory.domain.errors import Conflict, ValidationFailed
from axon_factory.domain.events import ERASED, EventKind, LogLevel
from axon_factory.domain.messages import Channel
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import RotationInProgress, pending_version

__all__ = [
    "ERASED_CLIENT",
    "NOT_OF_ORDERS",
    "PLACES",
    "Erasure",
    "Place",
    "erase_order",
    "mail_keys",
    "note_erased",
    "require_number",
]

_EVENTS = "order_events"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a request erased: how many events lost their text, and the digest of what they said."""

    events: int
    digest: str

    @property
    def facts(self) -> Mapping[str, Fact]:
        """What the audit trail says of it."""
        return {"cuantas": self.events, "eventos_sha256": self.digest}


async def erase_order(change: Change, *, reason: str, product: bool) -> Erasure | None:
    """Erase the personal data of the locked order and enqueue the rest.

    `product`: also what runs of it, its data and its repository. None if nothing was left to
    erase; the product may still be asked for later.

    Raises:
        Conflict: the order has not ended.
        RotationInProgress: the product stays and is being given new credentials.
    """
    order = change.order
    if not serves_in(Action.ERASE_ORDER, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} está en '{order.estado}': cancélala antes de borrarla",
            message_en=f"Order {order.order_number} is in '{order.estado}': cancel it before "
            "erasing it",
        )
    if order.borrado_at is not None and (order.product_erased or not product):
        return None
    in_service = order.estado == OrderState.ENTREGADO and not product
    if in_service and await pending_version(change.tx, order.id) is not None:
        # Its restart would be given up half way, and the product stays.
        raise RotationInProgress
    erasure = Erasure(0, "")
    if order.borrado_at is None:
        erasure = await _erase_rows(change, product=product)
        await change.tx.refresh(order)
    else:
        order.repo_url = order.deploy_url = None
    order.erasure_pending = True
    order.product_erased = product
    order.fence += 1  # a removal that runs knows of less than is asked now
    await change.tell_staff(
        EventKind.ORDEN_BORRADA,
        f"Datos personales borrados: {reason}",
        level=LogLevel.WARNING,
        producto=product,
        eventos=erasure.events,
        sha256=erasure.digest,
    )
    await change.wake()
    return erasure


def require_number(order: Order, number: str, name: str) -> None:
    """Refuse a request whose confirmation is not the order's number.

    Raises:
        ValidationFailed: it is another; `name` is the field's.
    """
    if number != order.order_number:
        raise ValidationFailed(
            {
                name: Sentence(
                    f"Escribe el número de la orden que se borra: {order.order_number}",
                    f"Write the number of the order that is erased: {order.order_number}",
                )
            }
        )


async def mail_keys(session: AsyncSession, order: Order) -> list[str]:
    """Return the keys under which the order's mails were handed to the mailer."""
    found = await session.scalars(
        select(col(OutboxMessage.dedupe_key)).where(
            col(OutboxMessage.order_id) == order.id, col(OutboxMessage.channel) == Channel.MAIL
        )
    )
    return list(found)


async def note_erased(change: Change, *, product: bool) -> None:
    """Record that nothing of the locked order is left outside the database."""
    order = change.order
    order.erasure_pending = False
    if product:
        order.deployment_open = False
        # The name came from the client's.
        order.slug = f"borrada-{order.id}"
    await change.wake()


async def _erase_rows(change: Change, *, product: bool) -> Erasure:
    await change.tx.flush()
    parameters = {
        "order_id": change.order.id,
        "product": product,
        "now": change.now,
        "erased": ERASED,
    }
    erasure = Erasure(0, "")
    for place in PLACES:
        if place.statement is None:
            continue
        result = await change.tx.execute(text(place.statement), parameters)
        if place.table == _EVENTS:
            row = result.one()
            erasure = Erasure(row.erased, bytes(row.digest).hex())
    return erasure


ERASED_CLIENT = (
    f'{{"nombre": "{ERASED}", "email": "borrado@borrado.invalid", "configuracion": {{}}}}'
)
"""What stands in `datos_cliente` afterwards; the address is one that never exists (RFC 2606)."""

_TEXT = f"'{ERASED}'"


@dataclass(frozen=True, slots=True)
class Place:
    """A table with rows of orders.

    `of_order` is the SQL condition for the rows of `:order_id`. `erased` maps a column to the SQL
    expression that replaces it. `kept` maps a reason to the columns that stay for it. Where
    `deleted`, the rows go. Where `function` is given, it does the work.
    """

    table: str
    erased: Mapping[str, str] = field(default_factory=dict[str, str])
    kept: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    of_order: str = "order_id = :order_id"
    deleted: bool = False
    function: str | None = None

    @property
    def statement(self) -> str | None:
        """The statement that erases the place; None where nothing of it is erased.

        Parameters: `order_id`, `product` (whether the product is erased too), `now`.
        """
        if self.function is not None:
            return f"SELECT * FROM {self.function}(:order_id)"  # noqa: S608 — constants of this module
        if self.deleted:
            return f"DELETE FROM {self.table} WHERE {self.of_order}"  # noqa: S608 — see above
        if not self.erased:
            return None
        changes = ", ".join(f"{name} = {value}" for name, value in self.erased.items())
        return f"UPDATE {self.table} SET {changes} WHERE {self.of_order}"  # noqa: S608 — see above


_OURS = "words of the factory's own: states, types, names of parts"
_WHO = "ids of who acted, which name nobody outside the accounts"
_HASHES = "digests, by which what was erased can be recognised and not read"

PLACES = (
    Place(
        "orders",
        of_order="id = :order_id",
        erased={
            "borrado_at": "coalesce(borrado_at, :now)",
            "nombre_producto": _TEXT,
            "cliente_id": "NULL",
            "datos_cliente": f"'{ERASED_CLIENT}'",
            "plan": "NULL",
            "resultado": "NULL",
            "espera_causa": "NULL",
            "asignado_a": "NULL",
            "session_id": "NULL",
            "session_cursor": "NULL",
            "reported": "NULL",
            "tags": "'{}'",
            "notas_internas": "''",
            "fallo": "CASE WHEN fallo IS NOT NULL THEN jsonb_build_object('causa', "
            "fallo -> 'causa', 'mensaje', CAST(:erased AS text), 'estado', fallo -> 'estado', "
            "'paso', NULL, 'at', fallo -> 'at') END",
            "repo_url": "CASE WHEN NOT :product THEN repo_url END",
            "deploy_url": "CASE WHEN NOT :product THEN deploy_url END",
        },
        kept={
            "the business's own record: number, type, price, what the catalogue offered": (
                "order_number",
                "tipo_producto",
                "moneda",
                "catalogo",
                "tenant",
                "prioridad",
            ),
            "names the running product; replaced when the product is erased": ("slug",),
            _OURS: ("estado", "plan_estado", "espera", "builder", "silence"),
            _WHO: ("created_by",),
            _HASHES: ("plan_hash",),
        },
    ),
    Place(
        "order_events",
        function="erase_order_events",
        erased={"mensaje": "", "metadata": "", "agente": "", "dedupe_key": ""},
        kept={_OURS: ("kind", "tipo", "visibilidad"), _WHO: ("actor",)},
    ),
    Place("order_stages", kept={_OURS: ("estado",), _WHO: ("actor",)}),
    Place("order_plans", deleted=True),
    Place("order_questions", deleted=True),
    Place("order_milestones", deleted=True),
    Place("order_steps", deleted=True),
    Place("order_credentials", deleted=True),
    Place(
        "order_checks",
        erased={"command": "'{}'", "output_tail": "''", "findings": "'{}'"},
        kept={
            _OURS: ("check_name", "isolation"),
            _HASHES: ("output_digest", "commit_id"),
            _WHO: ("actor",),
        },
    ),
    Place(
        "order_deployments",
        erased={"url": f"CASE WHEN :product THEN {_TEXT} ELSE url END", "requests": "'[]'"},
        kept={_HASHES: ("commit_id",)},
    ),
    Place("product_incidents", erased={"detail": "''"}, kept={_OURS: ("kind", "machine")}),
    Place(
        "portal_links",
        erased={
            "revoked_by": "CASE WHEN revoked_at IS NULL THEN 'worker' ELSE revoked_by END",
            "revoked_at": "coalesce(revoked_at, :now)",
        },
        kept={_OURS: ("reason",), _WHO: ("issued_by",)},
    ),
    Place("portal_codes", deleted=True),
    Place("order_problems", deleted=True),
    Place("order_ratings", erased={"comment": "''"}, kept={_WHO: ("rated_by",)}),
    Place(
        "order_sessions",
        # A session that is still to be stopped is known by its id alone.
        erased={"session_id": "CASE WHEN ended_at IS NULL THEN session_id END"},
        kept={_OURS: ("builder", "outcome")},
    ),
    Place(
        "outbox_attempts",
        of_order="message_id IN (SELECT id FROM outbox_messages WHERE order_id = :order_id)",
        erased={"error": "NULL"},
    ),
    Place(
        "outbox_messages",
        erased={
            "recipient": _TEXT,
            "subject": _TEXT,
            "body": "''",
            "html": "NULL",
            "payload": "NULL",
            "last_error": "NULL",
            # What has not left does not leave any more.
            "given_up_at": "CASE WHEN sent_at IS NULL THEN coalesce(given_up_at, :now) END",
        },
        kept={_OURS: ("dedupe_key", "channel", "event")},
    ),
    Place(
        "model_calls",
        erased={"error": "NULL"},
        kept={_OURS: ("purpose", "provider", "model", "prompt_version", "outcome")},
    ),
    Place("idempotency_keys", deleted=True),
    Place(
        "system_tokens",
        kept={_OURS: ("id", "agent", "role"), _WHO: ("created_by",), _HASHES: ("secret_mac",)},
    ),
)
"""In the order in which they are erased; the order's own row is the first."""

NOT_OF_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "audit_entries": "who did what and from where: evidence, whose hashes must hold; it has no"
        " text of a request",
        "audit_heads": "hashes",
        "users": "accounts, which end by their own way",
        "user_sessions": "logins of accounts, gone when they end",
        "refresh_tokens": "MACs",
        "account_links": "MACs and ids of accounts, deleted a month after they end",
        "api_keys": "systems of the business",
        "login_throttles": "counters, gone within a day",
        "rate_limits": "counters, gone within a day",
        "line_controls": "the line as a whole",
        "product_machines": "names of running products",
        "notification_destinations": "systems of the business",
        "order_number_counters": "numbers",
        "feed_positions": "numbers",
        "listed_orders": "what lists are filtered by: follows the order's row by a trigger",
        "order_counts": "numbers of orders by state, agent, tag and client",
        "order_count_changes": "the same; folded and deleted by every worker within seconds",
        "alembic_version": "the schema's version",
        "procrastinate_jobs": "ids of orders and messages",
        "procrastinate_events": "times of jobs",
        "procrastinate_periodic_defers": "unused",
        "procrastinate_workers": "times of workers",
    }
)
"""Tables without personal data of an order, and why."""
