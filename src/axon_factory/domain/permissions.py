"""Who may do what: one table, default deny (design §8, resolutions 18 to 21).

`PERMISSIONS` says which grants have an action and in which states of an order it serves; `domain.
fields` says the same of single fields. The API's guards, the pages, the documentation and the tests
of every cell read them; nobody else decides.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.states import ACTIVE_STATES, Actor, ActorKind, OrderState

__all__ = [
    "PERMISSIONS",
    "PUBLIC_ROUTES",
    "RELATIONS",
    "STAFF_GRANTS",
    "Action",
    "Grant",
    "KeyScope",
    "Permission",
    "Principal",
    "Relation",
    "Role",
    "may",
    "serves_in",
]


class Role(StrEnum):
    """The four roles (design §8.2)."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT = "client"
    SYSTEM = "system"


class KeyScope(StrEnum):
    """The scopes of an API key (design §8.1, resolutions 21)."""

    LECTURA = "lectura"
    ESCRITURA = "escritura"
    ADMIN = "admin"


class Action(StrEnum):
    """Everything a principal can ask for, as `resource:verb`."""

    CREATE_ORDER = "orders:create"
    READ_ORDER = "orders:read"
    LIST_ORDERS = "orders:list"
    READ_RESULT = "orders:result"
    UPDATE_ORDER = "orders:update"
    DELETE_ORDER = "orders:delete"
    CANCEL_ORDER = "orders:cancel"
    DECIDE_PLAN = "orders:decide_plan"
    DECIDE_BUDGET = "orders:decide_budget"
    RETRY_ORDER = "orders:retry"
    WAKE_ORDER = "orders:wake"
    BULK_ORDERS = "orders:bulk"
    REVEAL_CREDENTIALS = "orders:reveal_credentials"
    READ_REPOSITORY = "orders:repository"
    ASK_QUESTION = "orders:ask"
    READ_QUESTIONS = "orders:questions"
    ANSWER_QUESTION = "orders:answer"
    SEND_HEARTBEAT = "orders:heartbeat"
    RENEW_TOKEN = "orders:token"  # noqa: S105 — the name of an action
    READ_SELF = "self:read"
    CHANGE_PASSWORD = "self:password"  # noqa: S105 — the name of an action
    END_SESSIONS = "self:sessions"
    MANAGE_USERS = "access:users"
    MANAGE_KEYS = "access:keys"
    READ_AUDIT = "access:audit"
    MANAGE_NOTIFICATIONS = "notifications:manage"
    READ_LINE = "line:read"
    CONTROL_LINE = "line:control"


class Grant(StrEnum):
    """What a permission is given to: a role of a user, or the kind and scope of a credential."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT_OWN = "client:own"
    SYSTEM_ASSIGNED = "system:assigned"
    SYSTEM_PERMANENT = "system:permanent"
    KEY_READ = "key:lectura"
    KEY_WRITE = "key:escritura"
    KEY_ADMIN = "key:admin"


class Relation(StrEnum):
    """Which orders a grant reaches; of any other it is told that there is none (404)."""

    ANY = "any"
    OWN = "own"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, after authentication.

    `id` is stable and safe to log ("user:…", "key:…", "token:…", "local:…"). `client_id` limits a
    client to their own orders, `order_id` and `attempt` a system token to its one attempt.
    `session_id` is the login that a user's access token belongs to.
    """

    id: str
    name: str
    role: Role
    grant: Grant
    client_id: str | None = None
    order_id: str | None = None
    attempt: int | None = None
    session_id: str | None = None
    must_change_password: bool = False

    @property
    def actor(self) -> Actor:
        """The principal as the transition table and the records name it."""
        return Actor(ActorKind(self.role.value), self.id, self.name)

    @property
    def is_staff(self) -> bool:
        """True for those who see internal entries: admins, operators and their keys."""
        return self.grant in STAFF_GRANTS


@dataclass(frozen=True, slots=True)
class Permission:
    """One row: who has the action, and in which states of the order it serves.

    `states` is None where there is no order, or where any state does. Outside of `states` the
    request is answered with `refusal`.
    """

    grants: frozenset[Grant]
    states: frozenset[OrderState] | None = None
    refusal: int = 409


_G = Grant
_S = OrderState
_READERS = frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN, _G.KEY_READ, _G.KEY_ADMIN})
_ADMINS = frozenset({_G.ADMIN, _G.KEY_ADMIN})
_PERSONS = frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN})
_NOT_ENDED = frozenset(_S) - {_S.ENTREGADO, _S.CANCELADO}
_FINISHED = frozenset({_S.LISTO, _S.ENTREGADO})
_AGENT = frozenset({_G.SYSTEM_ASSIGNED})

STAFF_GRANTS = frozenset({_G.ADMIN, _G.OPERATOR, _G.KEY_READ, _G.KEY_WRITE, _G.KEY_ADMIN})
"""Those who work for the factory, and the keys of its systems."""

RELATIONS = MappingProxyType(
    dict.fromkeys(Grant, Relation.ANY)
    | {_G.CLIENT_OWN: Relation.OWN, _G.SYSTEM_ASSIGNED: Relation.ASSIGNED}
)
"""Grant to the orders that it reaches."""

PERMISSIONS = MappingProxyType(
    {
        Action.CREATE_ORDER: Permission(_ADMINS | {_G.OPERATOR, _G.KEY_WRITE}),
        Action.READ_ORDER: Permission(_READERS | {_G.SYSTEM_ASSIGNED}),
        Action.LIST_ORDERS: Permission(_READERS),
        Action.READ_RESULT: Permission(_READERS, _FINISHED, 400),
        Action.UPDATE_ORDER: Permission(
            _ADMINS | {_G.OPERATOR, _G.SYSTEM_ASSIGNED, _G.SYSTEM_PERMANENT}
        ),
        Action.DELETE_ORDER: Permission(_ADMINS, frozenset({_S.NUEVO, _S.PLANIFICACION}), 400),
        Action.CANCEL_ORDER: Permission(_ADMINS, _NOT_ENDED),
        Action.DECIDE_PLAN: Permission(frozenset({_G.ADMIN}), frozenset({_S.PLANIFICACION})),
        Action.DECIDE_BUDGET: Permission(frozenset({_G.ADMIN}), _NOT_ENDED),
        Action.RETRY_ORDER: Permission(_ADMINS, frozenset({_S.FALLIDO})),
        Action.WAKE_ORDER: Permission(_ADMINS | {_G.SYSTEM_ASSIGNED}),
        Action.BULK_ORDERS: Permission(_ADMINS),
        Action.REVEAL_CREDENTIALS: Permission(frozenset({_G.ADMIN, _G.CLIENT_OWN}), _FINISHED),
        Action.READ_REPOSITORY: Permission(
            frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN, _G.KEY_ADMIN})
        ),
        Action.ASK_QUESTION: Permission(_ADMINS | _AGENT | {_G.OPERATOR}, ACTIVE_STATES),
        Action.READ_QUESTIONS: Permission(_READERS | _AGENT),
        Action.ANSWER_QUESTION: Permission(_ADMINS | {_G.OPERATOR, _G.CLIENT_OWN}, ACTIVE_STATES),
        Action.SEND_HEARTBEAT: Permission(_AGENT, frozenset({_S.CONSTRUCCION})),
        Action.RENEW_TOKEN: Permission(_AGENT, ACTIVE_STATES),
        Action.READ_SELF: Permission(_PERSONS | {_G.KEY_READ, _G.KEY_WRITE, _G.KEY_ADMIN}),
        Action.CHANGE_PASSWORD: Permission(_PERSONS),
        Action.END_SESSIONS: Permission(_PERSONS),
        Action.MANAGE_USERS: Permission(frozenset({_G.ADMIN})),
        Action.MANAGE_KEYS: Permission(frozenset({_G.ADMIN})),
        Action.READ_AUDIT: Permission(frozenset({_G.ADMIN})),
        # Whoever names an address makes the factory send there: a person decides.
        Action.MANAGE_NOTIFICATIONS: Permission(frozenset({_G.ADMIN})),
        Action.READ_LINE: Permission(frozenset({_G.ADMIN, _G.OPERATOR, _G.KEY_READ, _G.KEY_ADMIN})),
        Action.CONTROL_LINE: Permission(_ADMINS),
    }
)
"""Action to its row; what is not here is denied."""

PUBLIC_ROUTES = MappingProxyType(
    {
        "/": "says what answers here",
        "/health": "probes have no credential",
        "/ready": "probes have no credential",
        "/api/products/types": "the catalogue is public (design §4.2)",
        "/api/products/types/{product_id}": "the catalogue is public (resolutions 19)",
        "/api/auth/login": "whoever logs in has no credential yet",
        "/api/auth/refresh": "the refresh token in the body is the credential",
        "/openapi.json": "the contract is public",
        "/docs": "it shows the contract, and whoever tries it there needs a credential",
        "/docs/{name}": "the files of that page",
        "/mcp": "it asks for the API's credentials itself, and its tools are requests to the API",
        "/portal/{token}": "the signed link is the permission",
        "/portal/{token}/preguntas/{number}": "the signed link is the permission",
    }
)
"""Paths of routes that ask for no credential, and why; any other route needs an action."""


def may(principal: Principal, action: Action) -> bool:
    """Return whether the table grants `action` to `principal`, ownership and state aside."""
    permission = PERMISSIONS.get(action)
    return permission is not None and principal.grant in permission.grants


def serves_in(action: Action, state: OrderState) -> bool:
    """Return whether `action` serves on an order in `state`, whoever asks."""
    states = PERMISSIONS[action].states
    return states is None or state in states
