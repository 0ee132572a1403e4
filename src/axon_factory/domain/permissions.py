"""Who may do what: one table, default deny (design §8, resolutions 18 to 21).

`PERMISSIONS` says which grants have an action and in which states of an order it serves. Who writes
a single field is in `domain.fields`; who reads it stands on the field of its answer's model. The
API's guards, the pages, the documentation and the tests of every cell read them; no other code
decides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.states import ACTIVE_STATES, Actor, ActorKind, OrderState


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


class TokenRole(StrEnum):
    """The role of a system token: the actor of design §6.2 that its agent is."""

    BUILDER = "builder"
    COUNCIL = "council"
    OPS = "ops"


class Action(StrEnum):
    """Everything a principal can ask for, as `resource:verb`."""

    CREATE_ORDER = "orders:create"
    READ_ORDER = "orders:read"
    LIST_ORDERS = "orders:list"
    READ_FEED = "orders:feed"
    READ_TIMELINE = "orders:timeline"
    READ_BRIEF = "orders:brief"
    READ_RESULT = "orders:result"
    UPDATE_ORDER = "orders:update"
    DELETE_ORDER = "orders:delete"
    CANCEL_ORDER = "orders:cancel"
    DECIDE_PLAN = "orders:decide_plan"
    DECIDE_BUDGET = "orders:decide_budget"
    RETRY_ORDER = "orders:retry"
    ACCEPT_PRODUCT = "orders:accept"
    READ_EVIDENCE = "orders:evidence"
    RECORD_CHECK = "orders:record_check"
    WAKE_ORDER = "orders:wake"
    BULK_ORDERS = "orders:bulk"
    REVEAL_CREDENTIALS = "orders:reveal_credentials"
    MANAGE_PORTAL_LINKS = "orders:portal_links"
    READ_CLIENT_MAILS = "orders:client_mails"
    ROTATE_CREDENTIALS = "orders:rotate_credentials"
    ERASE_ORDER = "orders:erase"
    READ_REPOSITORY = "orders:repository"
    ASK_QUESTION = "orders:ask"
    READ_QUESTIONS = "orders:questions"
    ANSWER_QUESTION = "orders:answer"
    REPORT_PROBLEM = "orders:report_problem"
    READ_FEEDBACK = "orders:feedback"
    CLOSE_PROBLEM = "orders:close_problem"
    RATE_ORDER = "orders:rate"
    SEND_HEARTBEAT = "orders:heartbeat"
    RENEW_TOKEN = "orders:token"  # noqa: S105 — the name of an action
    READ_SELF = "self:read"
    CHANGE_PASSWORD = "self:password"  # noqa: S105 — the name of an action
    END_SESSIONS = "self:sessions"
    MANAGE_USERS = "access:users"
    MANAGE_KEYS = "access:keys"
    READ_AUDIT = "access:audit"
    MANAGE_NOTIFICATIONS = "notifications:manage"
    READ_PENDING = "desk:pending"
    READ_BOARD = "desk:board"
    READ_SETTINGS = "desk:settings"
    READ_LINE = "line:read"
    CONTROL_LINE = "line:control"


class Grant(StrEnum):
    """What a permission is given to: a role of a user, or the kind and scope of a credential."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT_OWN = "client:own"
    SYSTEM_ASSIGNED = "system:assigned"
    SYSTEM_PERMANENT = "system:permanent"
    SYSTEM_COUNCIL = "system:council"
    SYSTEM_OPS = "system:ops"
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
    `session_id` is the login that a user's access token belongs to. `family` is what stays the same
    when a credential is replaced: the keys of a rotation have one, and so have the tokens of an
    agent's attempt.
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
    family: str | None = None

    @property
    def idempotency_scope(self) -> str:
        """Whose Idempotency-Keys are one set: a write is repeated with a renewed credential too."""
        return self.family or self.id

    @property
    def actor(self) -> Actor:
        """The principal as the transition table and the records name it."""
        kind = _AGENT_KINDS.get(self.grant) or ActorKind(self.role.value)
        return Actor(kind, self.id, self.name)

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
_AGENT_KINDS = MappingProxyType(
    {
        _G.SYSTEM_ASSIGNED: ActorKind.BUILDER,
        _G.SYSTEM_PERMANENT: ActorKind.BUILDER,
        _G.SYSTEM_COUNCIL: ActorKind.COUNCIL,
        _G.SYSTEM_OPS: ActorKind.OPS,
    }
)
"""What the holder of a system token is in the transition table."""
_SYSTEM = frozenset(_AGENT_KINDS)

STAFF_GRANTS = frozenset({_G.ADMIN, _G.OPERATOR, _G.KEY_READ, _G.KEY_WRITE, _G.KEY_ADMIN})
"""Those who work for the factory, and the keys of its systems."""

SCOPE_GRANTS = MappingProxyType(
    {
        KeyScope.LECTURA: _G.KEY_READ,
        KeyScope.ESCRITURA: _G.KEY_WRITE,
        KeyScope.ADMIN: _G.KEY_ADMIN,
    }
)
"""Scope of a key to what it is granted."""

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
        Action.READ_FEED: Permission(_READERS),
        # Attempts, rejections and waits: how the factory works is not a client's concern.
        Action.READ_TIMELINE: Permission(_ADMINS | {_G.OPERATOR, _G.KEY_READ}),
        # Costs, margins and other clients' orders: for those who decide or see them decide.
        Action.READ_BRIEF: Permission(_ADMINS | {_G.OPERATOR}),
        Action.READ_RESULT: Permission(_READERS, _FINISHED, 400),
        Action.UPDATE_ORDER: Permission(_ADMINS | _SYSTEM | {_G.OPERATOR}),
        Action.DELETE_ORDER: Permission(_ADMINS, frozenset({_S.NUEVO, _S.PLANIFICACION}), 400),
        Action.CANCEL_ORDER: Permission(_ADMINS, _NOT_ENDED),
        Action.DECIDE_PLAN: Permission(frozenset({_G.ADMIN}), frozenset({_S.PLANIFICACION})),
        Action.DECIDE_BUDGET: Permission(frozenset({_G.ADMIN}), _NOT_ENDED),
        Action.RETRY_ORDER: Permission(_ADMINS, frozenset({_S.FALLIDO})),
        # A person answers for what no receipt proves: no key does.
        Action.ACCEPT_PRODUCT: Permission(frozenset({_G.ADMIN}), frozenset({_S.QA})),
        Action.READ_EVIDENCE: Permission(_ADMINS | {_G.OPERATOR, _G.KEY_READ, _G.SYSTEM_COUNCIL}),
        Action.RECORD_CHECK: Permission(frozenset({_G.SYSTEM_COUNCIL}), frozenset({_S.QA})),
        Action.WAKE_ORDER: Permission(_ADMINS | {_G.SYSTEM_ASSIGNED}),
        Action.BULK_ORDERS: Permission(_ADMINS),
        Action.REVEAL_CREDENTIALS: Permission(frozenset({_G.ADMIN, _G.CLIENT_OWN}), _FINISHED),
        # A link answers in the client's name, so that a key that only reads may not see it.
        Action.MANAGE_PORTAL_LINKS: Permission(_ADMINS | {_G.OPERATOR}),
        Action.READ_CLIENT_MAILS: Permission(_ADMINS | {_G.OPERATOR, _G.KEY_READ}),
        # A program may end what leaked; what replaces it is shown to people alone.
        Action.ROTATE_CREDENTIALS: Permission(_ADMINS | {_G.CLIENT_OWN}, _FINISHED),
        # Nothing brings the data back: a person decides.
        Action.ERASE_ORDER: Permission(
            frozenset({_G.ADMIN}), frozenset({_S.ENTREGADO, _S.CANCELADO, _S.FALLIDO})
        ),
        Action.READ_REPOSITORY: Permission(
            frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN, _G.KEY_ADMIN})
        ),
        Action.ASK_QUESTION: Permission(_ADMINS | _AGENT | {_G.OPERATOR}, ACTIVE_STATES),
        Action.READ_QUESTIONS: Permission(_READERS | _AGENT),
        Action.ANSWER_QUESTION: Permission(_ADMINS | {_G.OPERATOR, _G.CLIENT_OWN}, ACTIVE_STATES),
        Action.REPORT_PROBLEM: Permission(_ADMINS | {_G.OPERATOR, _G.CLIENT_OWN}),
        Action.READ_FEEDBACK: Permission(_READERS),
        Action.CLOSE_PROBLEM: Permission(_ADMINS | {_G.OPERATOR}),
        # What the client thinks: no other says it for them.
        Action.RATE_ORDER: Permission(frozenset({_G.CLIENT_OWN}), frozenset({_S.ENTREGADO})),
        Action.SEND_HEARTBEAT: Permission(_AGENT, frozenset({_S.CONSTRUCCION})),
        Action.RENEW_TOKEN: Permission(_AGENT, ACTIVE_STATES),
        Action.READ_SELF: Permission(_PERSONS | {_G.KEY_READ, _G.KEY_WRITE, _G.KEY_ADMIN}),
        Action.CHANGE_PASSWORD: Permission(_PERSONS),
        Action.END_SESSIONS: Permission(_PERSONS),
        Action.MANAGE_USERS: Permission(frozenset({_G.ADMIN})),
        Action.MANAGE_KEYS: Permission(frozenset({_G.ADMIN})),
        Action.READ_AUDIT: Permission(frozenset({_G.ADMIN})),
        # The factory sends to any address that a caller names. Administrators keep them all; a key
        # that reads orders keeps its own, at public addresses, and reads nothing of others.
        Action.MANAGE_NOTIFICATIONS: Permission(frozenset({_G.ADMIN, _G.KEY_READ, _G.KEY_ADMIN})),
        # What waits shows to whom mails went: not for keys that only read.
        Action.READ_PENDING: Permission(_ADMINS | {_G.OPERATOR}),
        Action.READ_BOARD: Permission(_ADMINS | {_G.OPERATOR, _G.KEY_READ}),
        Action.READ_SETTINGS: Permission(frozenset({_G.ADMIN})),
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
        "/api/auth/password/forgot": "whoever forgot their password has no credential",
        "/api/auth/password/reset": "the link's token in the body is the credential",
        "/api/auth/links/check": "the link's token in the body is the credential",
        "/openapi.json": "the contract is public",
        "/asyncapi.json": "the contract of the WebSocket is public",
        "/docs": "it shows the contract, and whoever tries it there needs a credential",
        "/static/{name}": "the files of the pages",
        "/entrar": "whoever signs in has no session yet",
        "/cuenta/enlace/{token}": "the mailed link is the permission",
        "/cuenta/olvido": "whoever forgot their password has no session",
        "/idioma": "a choice of language is nobody's secret",
        "/mcp": "it asks for the API's credentials itself, and its tools are requests to the API",
        "/mcp/": "the same, for clients that end the address with a slash",
        "/portal/{token}": "the signed link is the permission",
        "/portal/{token}/calificacion": "the signed link is the permission",
        "/portal/{token}/codigo": "the signed link is the permission; the code goes to the contact",
        "/portal/{token}/credenciales": "the signed link, and the code that was mailed",
        "/portal/{token}/credenciales/nuevas": "the signed link, and the code that was mailed",
        "/portal/{token}/preguntas/{number}": "the signed link is the permission",
        "/portal/{token}/problema": "the signed link is the permission",
    }
)
"""Paths of routes that ask for no credential, and why; any other route needs an action."""


def may(principal: Principal, action: Action) -> bool:
    """Return whether the table grants `action` to `principal`, ownership and state aside."""
    permission = PERMISSIONS.get(action)
    return permission is not None and principal.grant in permission.grants


_ROLES = MappingProxyType(
    {
        _G.ADMIN: Role.ADMIN,
        _G.OPERATOR: Role.OPERATOR,
        _G.CLIENT_OWN: Role.CLIENT,
        _G.SYSTEM_ASSIGNED: Role.SYSTEM,
        _G.SYSTEM_PERMANENT: Role.SYSTEM,
        _G.SYSTEM_COUNCIL: Role.SYSTEM,
        _G.SYSTEM_OPS: Role.SYSTEM,
    }
)


def names_of(grants: Collection[Grant]) -> tuple[list[KeyScope], list[Role]]:
    """Return the scopes of keys and the roles that give any of `grants`, the weakest first."""
    scopes = [scope for scope, grant in SCOPE_GRANTS.items() if grant in grants]
    roles = [role for grant, role in _ROLES.items() if grant in grants]
    return scopes, list(dict.fromkeys(roles))


def serves_in(action: Action, state: OrderState) -> bool:
    """Return whether `action` serves on an order in `state`, for any caller."""
    states = PERMISSIONS[action].states
    return states is None or state in states
