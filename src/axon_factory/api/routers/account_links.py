"""Passwords by mail: a reset that is asked for, the link that is looked at, and its use."""

from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import Field, SecretStr

from axon_factory.accounts.errors import (
    LinkNotServing,
    PasswordQueueFull,
    TooManyAttempts,
    WeakPassword,
)
from axon_factory.accounts.passwords import password_rule
from axon_factory.api.answers import prefers_english, rendered
from axon_factory.api.auditing import client_of
from axon_factory.api.parameters import known_parameters
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.domain.answers import AnswerModel, Message, Timestamp
from axon_factory.domain.messages import Language
from axon_factory.domain.permissions import Role
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence, in_english, timestamp

__all__ = ["router"]

router = APIRouter(
    route_class=Route,
    prefix="/api/auth",
    tags=["acceso"],
    dependencies=[Depends(known_parameters)],
)

_EMAIL_MAX_CHARACTERS = 320
_PASSWORD_MAX_CHARACTERS = 1024
_TOKEN_MAX_CHARACTERS = 200
_TOKEN = "axl_live_k7m2q9x4_…"  # noqa: S105 — an example

LinkToken = Annotated[SecretStr, Field(min_length=1, max_length=_TOKEN_MAX_CHARACTERS)]
Kind = Annotated[
    Literal["invitacion", "restablecer"],
    Field(description="`invitacion`: su primera contraseña; `restablecer`: otra."),
]


class ForgottenPassword(RequestModel):
    """De quién es la contraseña que se olvidó."""

    EXAMPLE: ClassVar = {"email": "ana@axon88.com", "idioma": "es"}

    email: str = Field(
        min_length=1, max_length=_EMAIL_MAX_CHARACTERS, description="Correo de la cuenta."
    )
    idioma: Annotated[Language, Field(strict=False)] = Field(
        default=Language.ES, description="Idioma del correo."
    )


class LinkCheck(RequestModel):
    """El enlace que se mira."""

    EXAMPLE: ClassVar = {"token": _TOKEN}

    token: LinkToken = Field(description="El último tramo de la dirección que llegó por correo.")


class PasswordReset(RequestModel):
    """La contraseña que se elige con un enlace."""

    EXAMPLE: ClassVar = {"token": _TOKEN, "password_nueva": "correcto caballo batería"}

    token: LinkToken = Field(description="El último tramo de la dirección que llegó por correo.")
    password_nueva: Annotated[
        SecretStr, Field(min_length=1, max_length=_PASSWORD_MAX_CHARACTERS)
    ] = Field(description="La que servirá; ni corta ni fácil de adivinar.")


class ResetAsked(AnswerModel):
    """La solicitud se recibió; la misma respuesta para un correo sin cuenta."""

    EXAMPLE: ClassVar = {
        "message": "Si ese correo tiene una cuenta, recibirá un enlace en unos minutos."
    }

    message: Message


class LinkShown(AnswerModel):
    """Un enlace que sirve, y para quién."""

    EXAMPLE: ClassVar = {
        "kind": "invitacion",
        "email": "ana@axon88.com",
        "nombre": "Ana Ruiz",
        "rol": "operator",
        "idioma": "es",
        "vence_at": "2025-11-21T09:00:00Z",
        "regla": "Usa de 15 a 128 caracteres.",
    }

    kind: Kind
    email: str = Field(description="Correo con el que inicia sesión.")
    nombre: str = Field(description="Nombre.")
    rol: Role = Field(description="Su rol.")
    idioma: Language = Field(description="Idioma del correo que trajo el enlace.")
    vence_at: Timestamp = Field(description="Hasta cuándo sirve.")
    regla: str = Field(description="Qué contraseñas sirven, en una frase.")


class PasswordSet(AnswerModel):
    """La cuenta tiene la contraseña elegida."""

    EXAMPLE: ClassVar = {
        "email": "ana@axon88.com",
        "message": "Tu contraseña está lista: inicia sesión con ella.",
    }

    email: str = Field(description="Correo con el que inicia sesión.")
    message: Message


_ASKED = Sentence(
    "Si ese correo tiene una cuenta, recibirá un enlace en unos minutos.",
    "If this address has an account, it will get a link within minutes.",
)
_READY = Sentence(
    "Tu contraseña está lista: inicia sesión con ella.",
    "Your password is ready: sign in with it.",
)


@router.post(
    "/password/forgot",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="forgotPassword",
    summary="Pedir otra contraseña por correo",
    responses=answers(ResetAsked, status.HTTP_202_ACCEPTED),
)
@raises(TooManyAttempts)
async def forgot(body: ForgottenPassword, request: Request, services: Services) -> Response:
    """Envía a la cuenta un enlace que sirve una vez.

    El 202 es el mismo, en contenido y en tiempo, para un correo sin cuenta.
    """
    await services.access.links.ask_reset(body.email, client_of(request), body.idioma)
    return _answer(request, {"message": _ASKED}, status.HTTP_202_ACCEPTED)


@router.post(
    "/links/check",
    operation_id="checkAccountLink",
    summary="Mirar un enlace de cuenta",
    responses=answers(LinkShown),
)
@raises(LinkNotServing)
async def check(body: LinkCheck, request: Request, services: Services) -> Response:
    """Dice para quién es un enlace y qué contraseñas sirven; el enlace no se gasta."""
    link = await services.access.links.read(body.token.get_secret_value())
    user, role = link.user, Role(link.user.role)
    return _answer(
        request,
        {
            "kind": link.row.kind,
            "email": user.email,
            "nombre": user.nombre,
            "rol": role.value,
            "idioma": link.row.language,
            "vence_at": timestamp(link.row.expires_at),
            "regla": password_rule(role),
        },
    )


@router.post(
    "/password/reset",
    operation_id="resetPassword",
    summary="Elegir contraseña con un enlace",
    responses=answers(PasswordSet),
)
@raises(LinkNotServing, WeakPassword, PasswordQueueFull)
async def reset(body: PasswordReset, request: Request, services: Services) -> Response:
    """Gasta el enlace: la cuenta tiene la contraseña elegida, y sus sesiones terminan.

    Una contraseña que no sirve no gasta el enlace.
    """
    user = await services.access.links.redeem(
        body.token.get_secret_value(), body.password_nueva.get_secret_value(), client_of(request)
    )
    return _answer(request, {"email": user.email, "message": _READY})


def _answer(
    request: Request, document: dict[str, object], code: int = status.HTTP_200_OK
) -> Response:
    english = prefers_english(request.headers.get("accept-language", ""))
    return Response(
        rendered(in_english(document) if english else document),
        status_code=code,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
