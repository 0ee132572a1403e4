"""The account of an order's client: found or created, and invited, in the order's transaction."""

from dataclasses import dataclass

from axon_factory.accounts import users
from axon_factory.accounts.errors import AccountInactive, AccountOfAnother, EmailTaken
from axon_factory.accounts.link_rows import LiveLink
from axon_factory.accounts.links import AccountLinks
from axon_factory.db.tables import User
from axon_factory.domain.messages import Language, language_of
from axon_factory.domain.permissions import Role
from axon_factory.orders.change import Change
from axon_factory.orders.client_account import give_owner, owner_for

__all__ = ["ClientAccount", "invite_client"]


@dataclass(frozen=True, slots=True)
class ClientAccount:
    """The account of an order's client; `invitation` is None where it has a password already."""

    user: User
    invitation: LiveLink | None


async def invite_client(
    change: Change, links: AccountLinks, *, unused_hash: str, language: Language | None
) -> ClientAccount:
    """Bind an account with the order's mail address to the locked order, and send it a link.

    An order without `cliente_id` gets that of the account, or a new one. Other orders belong to the
    account only if they have the same `cliente_id`.

    Args:
        change: the change of the locked order.
        links: sends the invitation.
        unused_hash: hash of a password that nobody knows, for an account that is created.
        language: of the mail; None: the order's.

    Raises:
        AccountOfAnother: the address belongs to staff, or to a client with another `cliente_id`.
        AccountInactive: the account is switched off.
        ValidationFailed: the address or the name does not do for an account.
    """
    order = change.order
    user = await _account(change, unused_hash)
    if user.role != Role.CLIENT or order.cliente_id not in {None, user.cliente_id}:
        raise AccountOfAnother
    if not user.active:
        raise AccountInactive
    if order.cliente_id is None and user.cliente_id is not None:
        await give_owner(change, user.cliente_id)
    if not user.must_change_password:
        return ClientAccount(user, None)
    told_in = language or language_of(order.datos_cliente)
    link = await links.invite(change.tx, user.id, by=change.actor.id, language=told_in)
    return ClientAccount(link.user, link)


async def _account(change: Change, unused_hash: str) -> User:
    """Return the account with the mail address of the order's client, created if there is none."""
    order = change.order
    email: str = order.datos_cliente["email"]
    found = await users.find_by_email(change.tx, email)
    if found is not None:
        return found
    try:
        return await users.create(
            change.tx,
            email=email,
            name=str(order.datos_cliente["nombre"]).strip()[: users.NAME_MAX_CHARACTERS],
            role=Role.CLIENT,
            password_hash=unused_hash,
            client_id=order.cliente_id or owner_for(email),
            must_change_password=True,
        )
    except EmailTaken:
        # Another order of the same client was invited meanwhile.
        found = await users.find_by_email(change.tx, email)
        if found is None:
            raise
        return found
