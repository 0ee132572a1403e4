"""Login, and who one is (design §8.1)."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from axon_factory.accounts.authenticate import Login
from axon_factory.api.authentication import authenticator_of, require
from axon_factory.domain.permissions import Action, Grant, Principal, Role

__all__ = ["router"]

router = APIRouter(prefix="/api/auth", tags=["auth"])

# Longer than any address (RFC 5321: 254) and any password of ours; hashing must not take megabytes.
_EMAIL_MAX_CHARACTERS = 320
_PASSWORD_MAX_CHARACTERS = 1024


class LoginRequest(BaseModel):
    """E-mail and password of a user."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(min_length=1, max_length=_EMAIL_MAX_CHARACTERS)
    password: SecretStr = Field(min_length=1, max_length=_PASSWORD_MAX_CHARACTERS)


class UserAnswer(BaseModel):
    """A user as they see themselves."""

    id: str
    email: str
    nombre: str
    rol: Role
    cliente_id: str | None
    debe_cambiar_password: bool


class LoginAnswer(BaseModel):
    """An access token (RFC 6750 §4), and whose it is."""

    access_token: str
    token_type: str
    expires_in: int
    user: UserAnswer

    @classmethod
    def of(cls, login: Login) -> Self:
        """Show a login that succeeded."""
        user = login.user
        return cls(
            access_token=login.access_token.token,
            token_type="bearer",  # noqa: S106 — the scheme's name
            expires_in=login.access_token.expires_in,
            user=UserAnswer(
                id=str(user.id),
                email=user.email,
                nombre=user.nombre,
                rol=Role(user.role),
                cliente_id=user.cliente_id,
                debe_cambiar_password=user.must_change_password,
            ),
        )


class PrincipalAnswer(BaseModel):
    """Who is asking: a user or an API key."""

    id: str
    nombre: str
    rol: Role
    permiso: Grant
    cliente_id: str | None


@router.post("/login")
async def log_in(credentials: LoginRequest, request: Request, response: Response) -> LoginAnswer:
    """Exchange e-mail and password for an access token.

    The 401 is the same, in body and in time, for an unknown user as for a wrong password.
    """
    response.headers["Cache-Control"] = "no-store"
    login = await authenticator_of(request).log_in(
        credentials.email, credentials.password.get_secret_value()
    )
    return LoginAnswer.of(login)


@router.get("/me")
async def me(
    principal: Annotated[Principal, Depends(require(Action.READ_SELF))], response: Response
) -> PrincipalAnswer:
    """Say who the credential of the request belongs to; system tokens have no business here."""
    response.headers["Cache-Control"] = "no-store"
    return PrincipalAnswer(
        id=principal.id,
        nombre=principal.name,
        rol=principal.role,
        permiso=principal.grant,
        cliente_id=principal.client_id,
    )
