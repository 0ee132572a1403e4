"""Invitations: a mail by which a user, or an order's client, chooses a first password."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from axon_factory.accounts import users
from axon_factory.accounts.errors import AccountInactive, AccountOfAnother, PasswordChosen
from axon_factory.accounts.link_rows import LiveLink
from axon_factory.accounts.passwords import generate_password
from axon_factory.api.access_views import Invitation, invitation_document
from axon_factory.api.client_invitations import invite_client
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.writing import Write, write_as
from axon_factory.db.tables import User
from axon_factory.domain.errors import Conflict
from axon_factory.domain.messages import Language
from axon_factory.domain.permissions import Action
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence

__all__ = ["router"]

router = APIRouter(route_class=Route, tags=["acceso"])

# Not `MANAGE_PORTAL_LINKS`, also of an order: an account reveals credentials, which an operator may
# not, and an operator may correct the address to which the invitation goes.
Administer = Annotated[Write, Depends(write_as(Action.MANAGE_USERS))]


class NewInvitation(RequestModel):
    """Invitación a una cuenta."""

    EXAMPLE: ClassVar = {"idioma": "es"}

    idioma: Annotated[Language, Field(strict=False)] | None = Field(
        default=None, description="Idioma del correo; sin él, el de la orden o español."
    )


@router.post(
    "/api/users/{id}/invite",
    operation_id="inviteUser",
    summary="Invitar a un usuario",
    responses=answers(Invitation),
)
@raises(AccountInactive, PasswordChosen)
async def invite_user(id: str, write: Administer, wanted: NewInvitation | None = None) -> Response:
    """Envía al usuario un enlace para elegir su contraseña; el anterior deja de servir."""
    user_id = users.user_id_of(id)
    async with write.transaction("invite_user") as session:
        link = await write.services.access.links.invite(
            session, user_id, by=write.principal.id, language=_language(wanted) or Language.ES
        )
        return _answer(write, link.user, link)


@router.post(
    "/api/orders/{id}/invite",
    operation_id="inviteClient",
    summary="Invitar al cliente de una orden",
    responses=answers(Invitation),
)
@raises(AccountInactive, AccountOfAnother, Conflict)
async def invite_client_of_order(
    id: str, write: Administer, wanted: NewInvitation | None = None
) -> Response:
    """Da al correo del cliente una cuenta que ve la orden, y le envía un enlace.

    Una orden sin `cliente_id` recibe el de la cuenta. Si la cuenta ya tiene contraseña, no se envía
    nada. La cuenta ve además las órdenes que ya tenían el mismo `cliente_id`.
    """
    await write.refuse_repetition()
    access = write.services.access
    unused_hash = await access.passwords.hash(generate_password())
    async with write.order("invite_client", id) as change:
        account = await invite_client(
            change, access.links, unused_hash=unused_hash, language=_language(wanted)
        )
        return _answer(write, account.user, account.invitation, change.order.id)


def _language(wanted: NewInvitation | None) -> Language | None:
    return None if wanted is None else wanted.idioma


def _answer(
    write: Write, user: User, link: LiveLink | None, order_id: UUID | None = None
) -> Response:
    if link is None:
        message = Sentence(
            f"{user.email} ya tiene su contraseña: puede entrar y ver la orden",
            f"{user.email} has a password already: they can sign in and see the order",
        )
    else:
        message = Sentence(f"Invitación enviada a {user.email}", f"Invitation sent to {user.email}")
    body = invitation_document(user, link and link.row, message)
    facts = {"rol": user.role, "cliente_id": user.cliente_id}
    subject = f"user:{user.id}"
    return write.answer(body, order_id=order_id, subject=subject, facts=facts)
