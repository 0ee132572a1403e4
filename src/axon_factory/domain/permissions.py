"""Who may do what: one table, default deny (design §8, resolutions 18 to 21)."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.states import Actor, ActorKind

__all__ = ["PERMISSIONS", "Action", "Grant", "KeyScope", "Principal", "Role", "may"]


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
    CANCEL_ORDER = "orders:cancel"
    DECIDE_PLAN = "orders:decide_plan"
    RETRY_ORDER = "orders:retry"
    REVEAL_CREDENTIALS = "orders:reveal_credentials"
    READ_REPOSITORY = "orders:repository"
    MANAGE_ACCESS = "access:manage"


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


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, after authentication.

    `id` is stable and safe to log ("user:…", "key:…", "token:…", "local:…"). `client_id` limits a
    client to their own orders, `order_id` and `attempt` a system token to its one attempt.
    """

    id: str
    name: str
    role: Role
    grant: Grant
    client_id: str | None = None
    order_id: str | None = None
    attempt: int | None = None

    @property
    def actor(self) -> Actor:
        """The principal as the transition table and the records name it."""
        return Actor(ActorKind(self.role.value), self.id, self.name)

    @property
    def is_staff(self) -> bool:
        """True for those who see internal entries: admins, operators and their keys."""
        return self.role in {Role.ADMIN, Role.OPERATOR}


_G = Grant
_READERS = frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN, _G.KEY_READ, _G.KEY_ADMIN})

PERMISSIONS = MappingProxyType(
    {
        Action.CREATE_ORDER: frozenset({_G.ADMIN, _G.OPERATOR, _G.KEY_WRITE, _G.KEY_ADMIN}),
        Action.READ_ORDER: _READERS | {_G.SYSTEM_ASSIGNED},
        Action.LIST_ORDERS: _READERS,
        Action.READ_RESULT: _READERS,
        Action.UPDATE_ORDER: frozenset(
            {_G.ADMIN, _G.OPERATOR, _G.KEY_ADMIN, _G.SYSTEM_ASSIGNED, _G.SYSTEM_PERMANENT}
        ),
        Action.CANCEL_ORDER: frozenset({_G.ADMIN, _G.KEY_ADMIN}),
        Action.DECIDE_PLAN: frozenset({_G.ADMIN}),
        Action.RETRY_ORDER: frozenset({_G.ADMIN, _G.KEY_ADMIN}),
        Action.REVEAL_CREDENTIALS: frozenset({_G.ADMIN, _G.CLIENT_OWN}),
        Action.READ_REPOSITORY: frozenset({_G.ADMIN, _G.OPERATOR, _G.CLIENT_OWN, _G.KEY_ADMIN}),
        Action.MANAGE_ACCESS: frozenset({_G.ADMIN}),
    }
)
"""Action to the grants that have it; what is not here is denied."""


def may(principal: Principal, action: Action) -> bool:
    """Return whether the table grants `action` to `principal`, ownership aside."""
    return principal.grant in PERMISSIONS.get(action, frozenset())
