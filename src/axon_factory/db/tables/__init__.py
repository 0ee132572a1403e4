"""SQLModel tables. They do not validate: request schemas and database CHECKs do (resolutions 4).

The migrations are the schema's source; these classes map it. Column names that the design names
are the design's; the rest is English where the design is silent about a concept of its own.
"""

from axon_factory.db.tables.access import (
    AccountLink,
    ApiKey,
    AuditHead,
    AuditRow,
    IdempotencyKey,
    LoginThrottle,
    NotificationDestination,
    OutboxAttempt,
    OutboxMessage,
    RateLimit,
    RefreshToken,
    SystemToken,
    User,
    UserSession,
)
from axon_factory.db.tables.orders import (
    FeedPosition,
    Order,
    OrderEvent,
    OrderStage,
    PortalLink,
)
from axon_factory.db.tables.portal import OrderProblem, OrderRating, PortalCode
from axon_factory.db.tables.production import (
    LineControl,
    ModelCall,
    OrderCheck,
    OrderCredential,
    OrderDeployment,
    OrderMilestone,
    OrderPlan,
    OrderQuestion,
    OrderSession,
    OrderStep,
    ProductIncident,
    ProductMachine,
)

__all__ = [
    "AccountLink",
    "ApiKey",
    "AuditHead",
    "AuditRow",
    "FeedPosition",
    "IdempotencyKey",
    "LineControl",
    "LoginThrottle",
    "ModelCall",
    "NotificationDestination",
    "Order",
    "OrderCheck",
    "OrderCredential",
    "OrderDeployment",
    "OrderEvent",
    "OrderMilestone",
    "OrderPlan",
    "OrderProblem",
    "OrderQuestion",
    "OrderRating",
    "OrderSession",
    "OrderStage",
    "OrderStep",
    "OutboxAttempt",
    "OutboxMessage",
    "PortalCode",
    "PortalLink",
    "ProductIncident",
    "ProductMachine",
    "RateLimit",
    "RefreshToken",
    "SystemToken",
    "User",
    "UserSession",
]
