"""Principals of credentials: by their rows, and for many credentials inside another statement.

A hot path does not ask who is asking before it reads: its one statement has `LIVE` in front. So a
key that was revoked, a role that changed and a user who was deactivated count with the next
request, in every process.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from axon_factory.domain.permissions import (
    RELATIONS,
    SCOPE_GRANTS,
    STAFF_GRANTS,
    Grant,
    KeyScope,
    Principal,
    Relation,
    Role,
    TokenRole,
)
from axon_factory.domain.states import OrderState, attempt_is_over

__all__ = [
    "HELD",
    "LIVE",
    "REACHES",
    "USER_GRANTS",
    "Presented",
    "asked_credentials",
    "key_principal",
    "principal_of",
    "token_principal",
    "user_principal",
]

USER_GRANTS = MappingProxyType(
    {
        Role.ADMIN: Grant.ADMIN,
        Role.OPERATOR: Grant.OPERATOR,
        Role.CLIENT: Grant.CLIENT_OWN,
        Role.SYSTEM: Grant.SYSTEM_PERMANENT,
    }
)
_KEY_ROLES = MappingProxyType(
    {
        KeyScope.LECTURA: Role.OPERATOR,
        KeyScope.ESCRITURA: Role.OPERATOR,
        KeyScope.ADMIN: Role.ADMIN,
    }
)
_TOKEN_GRANTS = MappingProxyType(
    {
        TokenRole.BUILDER: Grant.SYSTEM_PERMANENT,
        TokenRole.COUNCIL: Grant.SYSTEM_COUNCIL,
        TokenRole.OPS: Grant.SYSTEM_OPS,
    }
)


def user_principal(
    user_id: str,
    session_id: str,
    name: str,
    role_name: str,
    client_id: str | None,
    *,
    must_change_password: bool,
) -> Principal:
    """Return the principal of a person's login."""
    role = Role(role_name)
    return Principal(
        id=f"user:{user_id}",
        name=name,
        role=role,
        grant=USER_GRANTS[role],
        client_id=client_id,
        session_id=session_id,
        must_change_password=must_change_password,
    )


def key_principal(key_id: str, family: str, name: str, scope_name: str) -> Principal:
    """Return the principal of an API key."""
    scope = KeyScope(scope_name)
    return Principal(
        id=f"key:{key_id}",
        name=name,
        role=_KEY_ROLES[scope],
        grant=SCOPE_GRANTS[scope],
        family=f"key:{family}",
    )


def token_principal(
    token_id: str, agent: str, role_name: str, order_id: str | None, attempt: int | None
) -> Principal:
    """Return the principal of a system token; `order_id` is None for a permanent one."""
    permanent = order_id is None
    return Principal(
        id=f"token:{token_id}",
        name=agent,
        role=Role.SYSTEM,
        grant=_TOKEN_GRANTS[TokenRole(role_name)] if permanent else Grant.SYSTEM_ASSIGNED,
        order_id=order_id,
        attempt=attempt,
        # The name that the tokens of one agent at one attempt share.
        family=None if permanent else f"attempt:{order_id}:{attempt}:{agent}",
    )


@dataclass(frozen=True, slots=True)
class Presented:
    """The one credential of a request, well formed and, of a login, rightly signed.

    Whether it holds is for the row to say. `id` is the key's, the token's or the user's.
    """

    kind: str
    """"key", "token" or "user"."""
    id: str
    mac: bytes | None = field(default=None, repr=False)
    session_id: str | None = None
    expires_at: float | None = None
    """Of a signed token, in Unix seconds."""


def asked_credentials(credentials: Sequence[Presented]) -> list[dict[str, object]]:
    """Return the value of the parameter `asked` of `LIVE`; places count from 0."""
    return [
        {
            "place": place,
            "kind": one.kind,
            "id": one.id,
            "mac": None if one.mac is None else one.mac.hex(),
            "session_id": one.session_id,
        }
        for place, one in enumerate(credentials)
    ]


def _granted() -> str:
    """Return who is staff, and which orders they reach, as rows: kind, role, staff, relation."""
    grants = [
        *(("key", scope.value, grant) for scope, grant in SCOPE_GRANTS.items()),
        *(("user", role.value, grant) for role, grant in USER_GRANTS.items()),
        *(("token", role.value, grant) for role, grant in _TOKEN_GRANTS.items()),
        *(("attempt", role.value, Grant.SYSTEM_ASSIGNED) for role in TokenRole),
    ]
    return ", ".join(
        f"('{kind}', '{name}', {grant in STAFF_GRANTS}, '{RELATIONS[grant].value}')"
        for kind, name, grant in grants
    )


HELD = f"""
granted (kind, role, staff, relation) AS (VALUES {_granted()}),
asked AS (
    SELECT place, kind, id, decode(mac, 'hex') AS mac, session_id
    FROM jsonb_to_recordset(%(asked)s::jsonb)
        AS given(place integer, kind text, id text, mac text, session_id uuid)
),
held AS (
    SELECT asked.place, 'key' AS kind, key.scope AS role, NULL::text AS client_id,
           NULL::uuid AS order_id,
           json_build_array('key', key.id, key.family, key.name, key.scope)::text AS who
    FROM asked JOIN api_keys AS key ON key.id = asked.id
    WHERE asked.kind = 'key' AND key.secret_mac = asked.mac AND key.revoked_at IS NULL
      AND (key.expires_at IS NULL OR key.expires_at > now())
    UNION ALL
    SELECT asked.place, 'user', person.role, person.cliente_id, NULL,
           json_build_array('user', person.id, login.id, person.nombre, person.role,
               person.cliente_id, person.must_change_password)::text
    FROM asked JOIN user_sessions AS login ON login.id = asked.session_id
    JOIN users AS person ON person.id = login.user_id
    WHERE asked.kind = 'user' AND person.id::text = asked.id AND person.active
      AND login.revoked_at IS NULL AND login.expires_at > now()
    UNION ALL
    SELECT asked.place, CASE WHEN token.order_id IS NULL THEN 'token' ELSE 'attempt' END,
           token.role, NULL, token.order_id,
           json_build_array('token', token.id, token.agent, token.role, token.order_id,
               token.intento, goal.intento, goal.estado)::text
    FROM asked JOIN system_tokens AS token ON token.id = asked.id
    LEFT JOIN orders AS goal ON goal.id = token.order_id
    WHERE asked.kind = 'token' AND token.secret_mac = asked.mac AND token.revoked_at IS NULL
      AND (token.expires_at IS NULL OR token.expires_at > now())
)
"""  # noqa: S608 — from the tables of permissions
"""The part of `LIVE` that only reads: a row of `held` for each credential that holds."""

# The use of a key is noted once a minute, by one of the statements that come together. Were it left
# to the application, each of the requests that come then would go there.
LIVE = f"""
{HELD},
noted AS (
    UPDATE api_keys SET last_used_at = now() WHERE id IN (
        SELECT key.id FROM asked JOIN held USING (place) JOIN api_keys AS key ON key.id = asked.id
        WHERE held.kind = 'key'
          AND (key.last_used_at IS NULL OR key.last_used_at < now() - interval '1 minute')
        FOR NO KEY UPDATE OF key SKIP LOCKED
    )
),
live AS MATERIALIZED (
    SELECT held.place, held.who, held.client_id, held.order_id, granted.staff, granted.relation
    FROM held JOIN granted USING (kind, role)
)
"""  # noqa: S608 — from the tables of permissions
"""Common table expressions that give a row of `live` for each credential that holds.

`who` is for `principal_of`; `staff` and `relation` are what its grant may read, and reach. They
need the parameter `asked` (`asked_credentials`, as JSON). They stand in the outermost `WITH`, for
they write: the use of a key is noted.
"""

REACHES = f"""(
    live.relation = '{Relation.ANY}'
    OR live.relation = '{Relation.OWN}' AND reached.cliente_id = live.client_id
    OR live.relation = '{Relation.ASSIGNED}' AND reached.id = live.order_id
)"""
"""The condition that a row of `live` reaches the row `reached` of `orders`."""


@lru_cache(maxsize=1024)
def principal_of(who: str) -> Principal | None:
    """Return the principal of a row of `live`, None for the agent of an attempt that is over."""
    kind, *about = json.loads(who)
    return _BY_KIND[kind](*about)


def _user(
    user_id: str,
    session_id: str,
    name: str,
    role: str,
    client_id: str | None,
    must_change: bool,  # noqa: FBT001 — a column
) -> Principal:
    return user_principal(
        user_id, session_id, name, role, client_id, must_change_password=must_change
    )


def _token(
    token_id: str,
    agent: str,
    role: str,
    order_id: str | None,
    attempt: int | None,
    current: int | None,
    state: str | None,
) -> Principal | None:
    if order_id is not None and (
        attempt is None
        or current is None
        or attempt != current
        or attempt_is_over(attempt, current, OrderState(state))
    ):
        return None
    return token_principal(token_id, agent, role, order_id, attempt)


_BY_KIND: dict[str, Any] = {"key": key_principal, "user": _user, "token": _token}
