"""Administration of API keys and of permanent system tokens (design §8.1)."""

from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import Field

from axon_factory.accounts.api_keys import ROTATION_GRACE, ROTATION_GRACE_MAX, CreatedKey
from axon_factory.accounts.errors import KeyInRotation
from axon_factory.api.access_views import (
    ApiKey,
    ApiKeyCreated,
    ApiKeyList,
    SystemToken,
    SystemTokenCreated,
    SystemTokenList,
    key_document,
    token_document,
)
from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.permissions import Action, KeyScope, Principal, TokenRole
from axon_factory.domain.requests import RequestModel

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api", tags=["acceso"])

_NAME_MAX_CHARACTERS = 100
_LONGEST_DAYS = 3650
_HOUR = timedelta(hours=1)

Administrator = Annotated[Principal, Depends(require(Action.MANAGE_KEYS))]
Administer = Annotated[Write, Depends(write_as(Action.MANAGE_KEYS))]
Name = Annotated[str, Field(min_length=1, max_length=_NAME_MAX_CHARACTERS)]


class NewKey(RequestModel):
    """Clave nueva para un sistema."""

    EXAMPLE: ClassVar = {"nombre": "crm", "permiso": "escritura", "vence_en_dias": 365}

    nombre: Name = Field(description="El sistema que la usará.")
    permiso: Annotated[KeyScope, Field(strict=False)] = Field(description="Su alcance.")
    vence_en_dias: Annotated[int, Field(ge=1, le=_LONGEST_DAYS)] | None = Field(
        default=None, description="Días que sirve; sin él, hasta que se revoque."
    )


class Rotation(RequestModel):
    """Rotación de una clave."""

    EXAMPLE: ClassVar = {"gracia_horas": 24}

    gracia_horas: Annotated[int, Field(ge=0, le=ROTATION_GRACE_MAX // _HOUR)] = Field(
        default=ROTATION_GRACE // _HOUR,
        description="Horas que la clave anterior todavía sirve; 0 la termina ahora.",
    )


class NewSystemToken(RequestModel):
    """Token de sistema nuevo."""

    EXAMPLE: ClassVar = {"agente": "Revisor externo", "rol": "council"}

    agente: Name = Field(description="El agente que lo usará.")
    rol: Annotated[TokenRole, Field(strict=False)] = Field(
        default=TokenRole.BUILDER,
        description="Qué hace (§6.2): `builder` construye, `council` revisa, `ops` entrega.",
    )


@router.post(
    "/keys",
    status_code=status.HTTP_201_CREATED,
    operation_id="createApiKey",
    summary="Crear una clave",
    responses=answers(ApiKeyCreated, status.HTTP_201_CREATED),
)
async def create_key(new: NewKey, write: Administer) -> Response:
    """Crea una clave (X-API-Key); se muestra solo en esta respuesta."""
    lifetime = timedelta(days=new.vence_en_dias) if new.vence_en_dias else None
    async with write.transaction("create_key") as session:
        created = await write.services.access.api_keys.create(
            session,
            name=new.nombre,
            scope=new.permiso,
            created_by=write.principal.id,
            lifetime=lifetime,
        )
        return _created(write, created)


@router.get(
    "/keys",
    operation_id="listApiKeys",
    summary="Listar las claves",
    responses=answers(ApiKeyList, etag=True),
)
async def list_keys(request: Request, _principal: Administrator, services: Services) -> Response:
    """Lista las claves, las más recientes primero, también las revocadas."""
    async with services.database.reading() as session:
        found = await services.access.api_keys.list_all(session)
    return json_response(
        request, {"total": len(found), "api_keys": [key_document(key) for key in found]}
    )


@router.get(
    "/keys/{id}",
    operation_id="getApiKey",
    summary="Consultar una clave",
    responses=answers(ApiKey, etag=True),
)
async def show_key(
    id: str,
    request: Request,
    _principal: Administrator,
    services: Services,
) -> Response:
    """Muestra una clave, sin su secreto."""
    async with services.database.reading() as session:
        key = await services.access.api_keys.find(session, id)
    return json_response(request, key_document(key))


@router.delete(
    "/keys/{id}",
    operation_id="revokeApiKey",
    summary="Revocar una clave",
    responses=answers(ApiKey),
)
async def revoke_key(
    id: str,
    write: Administer,
) -> Response:
    """Revoca una clave: deja de servir con la siguiente solicitud."""
    async with write.transaction("revoke_key") as session:
        key = await write.services.access.api_keys.revoke(session, id)
        return write.answer(key_document(key), subject=f"key:{key.id}")


@router.post(
    "/keys/{id}/rotate",
    status_code=status.HTTP_201_CREATED,
    operation_id="rotateApiKey",
    summary="Rotar una clave",
    responses=answers(ApiKeyCreated, status.HTTP_201_CREATED),
)
@raises(KeyInRotation)
async def rotate_key(
    id: str,
    write: Administer,
    rotation: Rotation | None = None,
) -> Response:
    """Crea otra clave igual; la anterior sirve todavía las horas de gracia."""
    grace = timedelta(hours=(rotation or Rotation()).gracia_horas)
    async with write.transaction("rotate_key") as session:
        created = await write.services.access.api_keys.rotate(
            session, id, created_by=write.principal.id, grace=grace
        )
        return _created(write, created)


@router.post(
    "/system-tokens",
    status_code=status.HTTP_201_CREATED,
    operation_id="createSystemToken",
    summary="Crear un token de sistema",
    responses=answers(SystemTokenCreated, status.HTTP_201_CREATED),
)
async def create_system_token(new: NewSystemToken, write: Administer) -> Response:
    """Crea un token permanente (X-System-Token), solo para PATCH; se muestra solo aquí."""
    async with write.transaction("create_system_token") as session:
        minted = await write.services.access.system_tokens.mint_permanent(
            session, agent=new.agente, role=new.rol, created_by=write.principal.id
        )
        body = token_document(minted.token) | {"system_token": minted.plaintext}
        location = {"Location": f"/api/system-tokens/{minted.id}"}
        return write.answer(body, status.HTTP_201_CREATED, location, subject=f"token:{minted.id}")


@router.get(
    "/system-tokens",
    operation_id="listSystemTokens",
    summary="Listar los tokens de sistema",
    responses=answers(SystemTokenList, etag=True),
)
async def list_system_tokens(
    request: Request, _principal: Administrator, services: Services
) -> Response:
    """Lista los tokens permanentes, los más recientes primero, también los revocados."""
    async with services.database.reading() as session:
        found = await services.access.system_tokens.list_permanent(session)
    return json_response(
        request, {"total": len(found), "system_tokens": [token_document(token) for token in found]}
    )


@router.get(
    "/system-tokens/{id}",
    operation_id="getSystemToken",
    summary="Consultar un token de sistema",
    responses=answers(SystemToken, etag=True),
)
async def show_system_token(
    id: str,
    request: Request,
    _principal: Administrator,
    services: Services,
) -> Response:
    """Muestra un token de sistema, sin su secreto."""
    async with services.database.reading() as session:
        token = await services.access.system_tokens.find(session, id)
    return json_response(request, token_document(token))


@router.delete(
    "/system-tokens/{id}",
    operation_id="revokeSystemToken",
    summary="Revocar un token de sistema",
    responses=answers(SystemToken),
)
async def revoke_system_token(
    id: str,
    write: Administer,
) -> Response:
    """Revoca un token de sistema: deja de servir con la siguiente solicitud."""
    async with write.transaction("revoke_system_token") as session:
        token = await write.services.access.system_tokens.revoke(session, id)
        return write.answer(token_document(token), subject=f"token:{token.id}")


def _created(write: Write, created: CreatedKey) -> Response:
    body = key_document(created.key) | {"api_key": created.plaintext}
    location = {"Location": f"/api/keys/{created.key.id}"}
    subject = f"key:{created.key.id}"
    return write.answer(body, status.HTTP_201_CREATED, location, subject=subject)
