"""Administration of users (design §8.2): only administrators, and persons at that."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from fastapi import APIRouter, Depends, Query, Request, Response, status
from pydantic import Field, SecretStr, model_validator

from axon_factory.accounts import users
from axon_factory.accounts.errors import EmailTaken, LastAdministrator, OwnAccount, WeakPassword
from axon_factory.accounts.passwords import generate_password
from axon_factory.accounts.sessions import revoke_sessions
from axon_factory.accounts.users import UserChange, change_user
from axon_factory.api import access_views as schemas
from axon_factory.api.access_views import user_document
from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.db.tables import User
from axon_factory.domain.errors import PreconditionFailed, ValidationFailed
from axon_factory.domain.messages import Language
from axon_factory.domain.permissions import Action, Principal, Role
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence, timestamp

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/users", tags=["acceso"])

_EMAIL_MAX_CHARACTERS = 320
_NAME_MAX_CHARACTERS = 100
_LARGEST_OFFSET = 2**31 - 1
_ONE_TIME = "password_de_un_solo_uso"
_EITHER = Sentence(
    "Con `invitar` el usuario elige su contraseña: no la envíes",
    "With `invitar` the user chooses the password: do not send one",
)

Administrator = Annotated[Principal, Depends(require(Action.MANAGE_USERS))]
Administer = Annotated[Write, Depends(write_as(Action.MANAGE_USERS))]
PersonRole = Literal["admin", "operator", "client"]
"""Agents do not log in: they have system tokens."""
Name = Annotated[str, Field(min_length=1, max_length=_NAME_MAX_CHARACTERS)]


class NewUser(RequestModel):
    """Usuario nuevo."""

    EXAMPLE: ClassVar = {"email": "ana@axon88.com", "nombre": "Ana Ruiz", "rol": "operator"}

    email: str = Field(
        min_length=1,
        max_length=_EMAIL_MAX_CHARACTERS,
        description="Correo con el que inicia sesión.",
    )
    nombre: Name = Field(description="Nombre.")
    rol: PersonRole = Field(description="Su rol; los agentes no inician sesión.")
    cliente_id: Name | None = Field(
        default=None, description="De un cliente, el de las órdenes que verá."
    )
    password: SecretStr | None = Field(
        default=None,
        description="Su contraseña; sin ella recibe una de un solo uso, que debe cambiar.",
    )
    invitar: bool = Field(
        default=False,
        description="Le envía un enlace para elegir su contraseña; la respuesta no trae ninguna.",
    )
    idioma: Annotated[Language, Field(strict=False)] = Field(
        default=Language.ES, description="Idioma de la invitación."
    )


class UserPatch(RequestModel):
    """Cambio de un usuario; al menos un campo."""

    EXAMPLE: ClassVar = {"activo": False}

    nombre: Name | None = Field(default=None, description="Nombre.")
    rol: PersonRole | None = Field(default=None, description="Su rol.")
    cliente_id: Name | None = Field(
        default=None, description="De un cliente, el de las órdenes que ve."
    )
    activo: bool | None = Field(
        default=None, description="Falso: no puede iniciar sesión, y sus sesiones terminan."
    )
    restablecer_password: Literal[True] | None = Field(
        default=None, description="Le da una contraseña de un solo uso."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Indica al menos un campo")
        return self


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    operation_id="createUser",
    summary="Crear un usuario",
    responses=answers(schemas.UserWithPassword, status.HTTP_201_CREATED, etag=True),
)
@raises(EmailTaken, WeakPassword)
async def create(new: NewUser, write: Administer) -> Response:
    """Crea un usuario; una contraseña de un solo uso se muestra solo en esta respuesta.

    Con `invitar` no hay ninguna: el usuario recibe por correo un enlace y elige la suya.
    """
    if new.invitar and new.password is not None:
        raise ValidationFailed({"password": _EITHER})
    given = new.password.get_secret_value() if new.password else None
    passwords = write.services.access.passwords
    if given is not None:
        await passwords.check(given, Role(new.rol), (new.email, new.nombre, new.cliente_id or ""))
    password = generate_password() if given is None else given
    password_hash = await passwords.hash(password)
    async with write.transaction("create_user") as session:
        user = await users.create(
            session,
            email=new.email,
            name=new.nombre,
            role=Role(new.rol),
            password_hash=password_hash,
            client_id=new.cliente_id,
            must_change_password=given is None,
        )
        location = {"Location": f"/api/users/{user.id}"}
        if new.invitar:
            link = await write.services.access.links.invite(
                session, user.id, by=write.principal.id, language=new.idioma
            )
            more = {"invitacion_vence_at": timestamp(link.row.expires_at)}
        else:
            more = {} if given is not None else {_ONE_TIME: password}
        return _answer(write, user, more, status.HTTP_201_CREATED, location)


@router.get(
    "",
    operation_id="listUsers",
    summary="Listar usuarios",
    responses=answers(schemas.UserPage, etag=True),
)
async def list_users(
    request: Request,
    _principal: Administrator,
    services: Services,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=_LARGEST_OFFSET)] = 0,
) -> Response:
    """Lista los usuarios por correo, también los inactivos."""
    async with services.database.reading() as session:
        found, total = await users.list_page(session, limit=limit, offset=offset)
    shown = [user_document(user) for user in found]
    return json_response(
        request, {"total": total, "limit": limit, "offset": offset, "users": shown}
    )


@router.get(
    "/{id}",
    operation_id="getUser",
    summary="Consultar un usuario",
    responses=answers(schemas.User, etag=True),
)
async def show(
    id: str,
    request: Request,
    _principal: Administrator,
    services: Services,
) -> Response:
    """Muestra un usuario."""
    async with services.database.reading() as session:
        user = await users.find(session, users.user_id_of(id))
    if user is None:
        raise users.no_such_user(id)
    return json_response(request, user_document(user), etag=version_etag(user.version))


@router.patch(
    "/{id}",
    operation_id="updateUser",
    summary="Cambiar un usuario",
    responses=answers(schemas.UserWithPassword, etag=True),
)
@raises(OwnAccount, LastAdministrator, PreconditionFailed)
async def update(
    id: str,
    patch: UserPatch,
    write: Administer,
) -> Response:
    """Cambia nombre, rol, cliente o acceso de un usuario, o le da una contraseña de un solo uso."""
    user_id = users.user_id_of(id)
    password = generate_password() if patch.restablecer_password else None
    change = UserChange(
        name=patch.nombre,
        role=Role(patch.rol) if patch.rol else None,
        client_id=patch.cliente_id,
        active=patch.activo,
        one_time_hash=await write.services.access.passwords.hash(password) if password else None,
    )
    async with write.transaction("update_user") as session:
        user = await change_user(
            session, user_id, change, write.principal, if_version=write.if_match
        )
        return _answer(write, user, {} if password is None else {_ONE_TIME: password})


@router.post(
    "/{id}/logout",
    operation_id="endUserSessions",
    summary="Cerrar las sesiones de un usuario",
    responses=answers(schemas.LoggedOut),
)
async def end_sessions(id: str, write: Administer) -> Response:
    """Cierra todas las sesiones del usuario; sus tokens dejan de servir de inmediato."""
    user_id = users.user_id_of(id)
    async with write.transaction("end_sessions") as session:
        if await users.find(session, user_id) is None:
            raise users.no_such_user(id)
        ended = await revoke_sessions(session, user_id)
        message = Sentence(f"Sesiones cerradas: {ended}", f"Sessions ended: {ended}")
        body = {"sesiones_cerradas": ended, "message": message}
        return write.answer(body, subject=f"user:{user_id}")


def _answer(
    write: Write,
    user: User,
    more: Mapping[str, Any],
    code: int = status.HTTP_200_OK,
    location: Mapping[str, str] | None = None,
) -> Response:
    body = {**user_document(user), **more}
    headers = {"ETag": version_etag(user.version), **(location or {})}
    return write.answer(body, code, headers, subject=f"user:{user.id}")
