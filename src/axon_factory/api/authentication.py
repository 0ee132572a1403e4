"""Guards of routes: who is asking, and may they (design §8).

A guarded route takes `Annotated[Principal, Depends(require(Action.…))]`. Ownership of an order is
not decided here but where it is read. The cookie of the web pages is no credential of the API.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from axon_factory.accounts.authenticate import Authenticator, Credential, CredentialKind
from axon_factory.accounts.local_access import LOCAL_PREFIX
from axon_factory.api.auditing import origin_of, record_late_report, record_refusal
from axon_factory.api.parameters import known_parameters
from axon_factory.api.rate_limits import charge_address, charge_principal
from axon_factory.db.principals import Presented
from axon_factory.domain.addresses import LOOPBACK
from axon_factory.domain.errors import AttemptEnded, AuthenticationRequired, Forbidden
from axon_factory.domain.permissions import (
    PERMISSIONS,
    Action,
    Grant,
    KeyScope,
    Principal,
    Role,
    may,
    names_of,
)
from axon_factory.domain.text import Sentence

__all__ = [
    "Guard",
    "PasswordChangeRequired",
    "authenticator_of",
    "check",
    "current_principal",
    "enforce",
    "holds",
    "require",
]

# Design §3.5 writes this one out.
_DENIED_UPDATE = Sentence(
    "Este endpoint es solo para uso interno del sistema", "This endpoint is internal"
)

# The second is what agents of the A2A protocol send with their push notifications.
_SYSTEM_TOKEN_HEADERS = ("x-system-token", "x-a2a-notification-token")

_BEFORE_PASSWORD_CHANGE = frozenset({Action.READ_SELF, Action.CHANGE_PASSWORD, Action.END_SESSIONS})

# They only describe the three ways in OpenAPI; reading the headers is `_presented`'s.
_BEARER = HTTPBearer(
    bearerFormat="JWT", description="Token de POST /api/auth/login", auto_error=False
)
_API_KEY = APIKeyHeader(name="X-API-Key", description="Sistemas internos", auto_error=False)
_SYSTEM_TOKEN = APIKeyHeader(
    name="X-System-Token",
    scheme_name="SystemToken",
    description="Subagentes: solo los endpoints internos",
    auto_error=False,
)


def authenticator_of(request: Request) -> Authenticator:
    """Return the application's authenticator, which the composition root has put in its state."""
    return request.app.state.services.authenticator


async def current_principal(
    request: Request,
    _bearer: Annotated[object, Security(_BEARER)] = None,
    _api_key: Annotated[object, Security(_API_KEY)] = None,
    _system_token: Annotated[object, Security(_SYSTEM_TOKEN)] = None,
) -> Principal:
    """Return who is asking.

    Raises:
        AuthenticationRequired: there is no credential, or not exactly one, or it does not hold.
        AttemptEnded: it is a system token whose attempt is over; the order's staff see that.
        TooManyRequests: this address has sent too many that do not.
    """
    try:
        return await authenticator_of(request).principal(_presented(request))
    except AttemptEnded as late:
        await charge_address(request)
        await record_late_report(request.app.state.services.database, late)
        raise
    except AuthenticationRequired:
        await charge_address(request)
        raise


class PasswordChangeRequired(Forbidden):
    """The password was given by somebody else and must be changed first."""

    codigo = "cambio_de_password_requerido"

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "Cambia primero tu contraseña: POST /api/auth/password",
            message_en="Change your password first: POST /api/auth/password",
        )


class Guard:
    """A dependency that returns the principal if the permission table grants its action.

    It raises AuthenticationRequired without a principal and Forbidden without the permission.
    """

    def __init__(self, action: Action) -> None:
        """`action` is the row of the table that the route needs."""
        self.action = action

    async def __call__(
        self, request: Request, principal: Annotated[Principal, Depends(current_principal)]
    ) -> Principal:
        """Let the request pass, or not, and that on record."""
        await charge_principal(request, principal, self.action)
        await enforce(request, principal, self.action)
        await known_parameters(request)  # last: 401 and 403 before 400
        return principal

    def presented(self, request: Request) -> Presented | None:
        """Return the credential of a request that was let in as its row is looked for.

        None is for this machine's own, which has no row.
        """
        [credential] = _presented(request)
        return authenticator_of(request).presented(credential.kind, credential.value)

    async def still_holds(self, request: Request) -> bool:
        """Return whether a request that was let in before would be now."""
        try:
            check(await authenticator_of(request).principal(_presented(request)), self.action)
        except (AuthenticationRequired, Forbidden):
            return False
        return True


async def enforce(request: HTTPConnection, principal: Principal, action: Action) -> None:
    """Refuse what the table does not grant, and that on record.

    Raises:
        PasswordChangeRequired: only looking at oneself and changing the password are open.
        Forbidden: the table does not grant it.
    """
    try:
        check(principal, action)
    except Forbidden as refusal:
        database = request.app.state.services.database
        await record_refusal(database, origin_of(request), principal, action, refusal)
        raise


def check(principal: Principal, action: Action) -> None:
    """Refuse what the table does not grant.

    Raises:
        PasswordChangeRequired: only looking at oneself and changing the password are open.
        Forbidden: the table does not grant it.
    """
    if principal.must_change_password and action not in _BEFORE_PASSWORD_CHANGE:
        raise PasswordChangeRequired
    if not may(principal, action):
        raise denial(principal, action)


def holds(principal: Principal, action: Action) -> bool:
    """Return whether `check` would pass."""
    return not principal.must_change_password and may(principal, action)


def denial(principal: Principal, action: Action) -> Forbidden:
    """Return the 403 that names the scopes of keys and the roles that have `action`."""
    grants = PERMISSIONS[action].grants if action in PERMISSIONS else frozenset[Grant]()
    scopes, roles = names_of(grants)
    internal = action is Action.UPDATE_ORDER
    message = _DENIED_UPDATE if internal else _denied(principal, grants, scopes, roles)
    return Forbidden(
        message,
        message_en=message.en,
        extra={
            "permiso_requerido": action.value,
            "alcances_validos": scopes,
            "roles_validos": roles,
        },
    )


def _denied(
    principal: Principal,
    grants: frozenset[Grant],
    scopes: Sequence[KeyScope],
    roles: Sequence[Role],
) -> Sentence:
    kind, _, scope = principal.grant.partition(":")
    by_role = ", ".join(roles)
    if grants == frozenset({Grant.SYSTEM_COUNCIL}):
        return Sentence(
            "Solo un token de sistema de rol 'council' permite esta operación",
            "Only a system token of role 'council' allows this operation",
        )
    if principal.role is Role.SYSTEM and Role.SYSTEM in roles:
        return Sentence(
            "Solo el token de un intento permite esta operación, sobre su orden",
            "Only the token of an attempt allows this operation, on its order",
        )
    if kind != "key":
        return Sentence(
            f"Tu rol '{principal.role}' no permite esta operación. Roles que sirven: {by_role}",
            f"Your role '{principal.role}' does not allow this operation. Roles that do: {by_role}",
        )
    if not scopes:
        return Sentence(
            f"Una clave API no permite esta operación. Roles que sirven: {by_role}",
            f"No API key allows this operation. Roles that do: {by_role}",
        )
    by_scope = ", ".join(scopes)
    return Sentence(
        f"El alcance '{scope}' de tu clave no permite esta operación. "
        f"Alcances que sirven: {by_scope}",
        f"Your key's scope '{scope}' does not allow this operation. Scopes that do: {by_scope}",
    )


def require(action: Action) -> Guard:
    """Return the guard of `action`."""
    return Guard(action)


def _presented(request: Request) -> list[Credential]:
    """Return every credential of the request; a header sent twice counts twice."""
    headers = request.headers
    credentials = [
        Credential(CredentialKind.BEARER, _bearer_token(value, request))
        for value in headers.getlist("authorization")
    ]
    credentials += [
        Credential(CredentialKind.API_KEY, value) for value in headers.getlist("x-api-key")
    ]
    credentials += [
        Credential(CredentialKind.SYSTEM_TOKEN, value)
        for name in _SYSTEM_TOKEN_HEADERS
        for value in headers.getlist(name)
    ]
    return credentials


def _bearer_token(authorization: str, request: Request) -> str:
    """Return the token of an Authorization header, empty and so invalid where it cannot serve.

    That is under another scheme, and for this machine's credential from another machine.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip(" ") if scheme.lower() == "bearer" else ""
    return "" if token.startswith(LOCAL_PREFIX) and not _is_near(request) else token


def _is_near(request: Request) -> bool:
    """Return whether the caller is on this machine: it has the server's address, or loopback."""
    caller = request.client.host if request.client else ""
    server = request.scope.get("server") or ("",)
    return caller in LOOPBACK or (bool(caller) and caller == server[0])
