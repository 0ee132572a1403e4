"""Which routes ask for which action, by hand: a guard with another action fails the matrix."""

from collections.abc import Mapping

from axon_factory.domain.permissions import Action

__all__ = ["ROUTES_OF"]

ROUTES_OF: Mapping[Action, frozenset[str]] = {
    Action.CREATE_ORDER: frozenset({"POST /api/orders"}),
    Action.READ_ORDER: frozenset(
        {
            "GET /api/orders/{id}",
            "GET /api/orders/{id}/events",
            "GET /api/orders/{id}/history",
            "GET /api/orders/{id}/logs",
            "GET /api/orders/{id}/plans",
            "GET /api/orders/{id}/plans/{version}",
            "GET /api/orders/{id}/plans/{version}/diff",
            "GET /api/orders/{id}/stream",
        }
    ),
    Action.LIST_ORDERS: frozenset({"GET /api/orders"}),
    Action.READ_FEED: frozenset({"GET /api/events", "GET /api/orders/stream"}),
    Action.READ_RESULT: frozenset({"GET /api/orders/{id}/result"}),
    Action.UPDATE_ORDER: frozenset({"PATCH /api/orders/{id}"}),
    Action.DELETE_ORDER: frozenset({"DELETE /api/orders/{id}"}),
    Action.CANCEL_ORDER: frozenset({"POST /api/orders/{id}/cancel"}),
    Action.DECIDE_PLAN: frozenset(
        {
            "POST /api/orders/{id}/approve",
            "POST /api/orders/{id}/plans/ask",
            "POST /api/orders/{id}/plans/edit",
            "POST /api/orders/{id}/reject",
        }
    ),
    Action.DECIDE_BUDGET: frozenset({"POST /api/orders/{id}/budget"}),
    Action.RETRY_ORDER: frozenset({"POST /api/orders/{id}/retry"}),
    Action.ACCEPT_PRODUCT: frozenset({"POST /api/orders/{id}/accept"}),
    Action.READ_EVIDENCE: frozenset({"GET /api/orders/{id}/checks"}),
    Action.RECORD_CHECK: frozenset({"POST /api/orders/{id}/checks"}),
    Action.WAKE_ORDER: frozenset({"POST /api/orders/{id}/wake"}),
    Action.BULK_ORDERS: frozenset({"POST /api/orders/bulk"}),
    Action.REVEAL_CREDENTIALS: frozenset(
        {
            "POST /api/orders/{id}/credentials/reveal",
        }
    ),
    Action.MANAGE_PORTAL_LINKS: frozenset(
        {
            "DELETE /api/orders/{id}/portal-links/{numero}",
            "GET /api/orders/{id}/portal-links",
            "POST /api/orders/{id}/portal-links",
        }
    ),
    Action.READ_CLIENT_MAILS: frozenset({"GET /api/orders/{id}/client-mails"}),
    Action.ROTATE_CREDENTIALS: frozenset(
        {
            "POST /api/orders/{id}/credentials/rotate",
        }
    ),
    Action.ERASE_ORDER: frozenset({"POST /api/orders/{id}/erase"}),
    Action.READ_REPOSITORY: frozenset(
        {"GET /git/{slug}.git/info/refs", "POST /git/{slug}.git/git-upload-pack"}
    ),
    Action.ASK_QUESTION: frozenset({"POST /api/orders/{id}/preguntas"}),
    Action.READ_QUESTIONS: frozenset({"GET /api/orders/{id}/preguntas"}),
    Action.ANSWER_QUESTION: frozenset(
        {
            "POST /api/orders/{id}/preguntas/{numero}/respuesta",
        }
    ),
    Action.REPORT_PROBLEM: frozenset({"POST /api/orders/{id}/problems"}),
    Action.READ_FEEDBACK: frozenset(
        {"GET /api/orders/{id}/problems", "GET /api/orders/{id}/rating"}
    ),
    Action.CLOSE_PROBLEM: frozenset({"POST /api/orders/{id}/problems/{numero}/close"}),
    Action.RATE_ORDER: frozenset({"POST /api/orders/{id}/rating"}),
    Action.SEND_HEARTBEAT: frozenset({"POST /api/orders/{id}/latido"}),
    Action.RENEW_TOKEN: frozenset({"POST /api/orders/{id}/token"}),
    Action.READ_SELF: frozenset({"GET /api/auth/me"}),
    Action.CHANGE_PASSWORD: frozenset({"POST /api/auth/password"}),
    Action.END_SESSIONS: frozenset({"GET /api/auth/sessions", "POST /api/auth/logout"}),
    Action.MANAGE_USERS: frozenset(
        {
            "GET /api/users",
            "GET /api/users/{id}",
            "PATCH /api/users/{id}",
            "POST /api/orders/{id}/invite",
            "POST /api/users",
            "POST /api/users/{id}/invite",
            "POST /api/users/{id}/logout",
        }
    ),
    Action.MANAGE_KEYS: frozenset(
        {
            "DELETE /api/keys/{id}",
            "DELETE /api/system-tokens/{id}",
            "GET /api/keys",
            "GET /api/keys/{id}",
            "GET /api/system-tokens",
            "GET /api/system-tokens/{id}",
            "POST /api/keys",
            "POST /api/keys/{id}/rotate",
            "POST /api/system-tokens",
        }
    ),
    Action.READ_SETTINGS: frozenset({"GET /api/settings"}),
    Action.READ_AUDIT: frozenset({"GET /api/audit", "GET /api/audit/verification"}),
    Action.MANAGE_NOTIFICATIONS: frozenset(
        {
            "DELETE /api/notifications/destinations/{id}",
            "GET /api/notifications/deliveries",
            "GET /api/notifications/deliveries/{id}",
            "GET /api/notifications/destinations",
            "GET /api/notifications/destinations/{id}",
            "PATCH /api/notifications/destinations/{id}",
            "POST /api/notifications/deliveries/{id}/redeliver",
            "POST /api/notifications/destinations",
            "POST /api/notifications/destinations/{id}/rotate",
            "POST /api/notifications/destinations/{id}/test",
        }
    ),
    Action.READ_TIMELINE: frozenset({"GET /api/orders/{id}/timeline"}),
    Action.READ_BRIEF: frozenset({"GET /api/orders/{id}/plans/{version}/brief"}),
    Action.READ_PENDING: frozenset({"GET /api/pending"}),
    Action.READ_BOARD: frozenset({"GET /api/board", "GET /api/board/cards"}),
    Action.READ_LINE: frozenset({"GET /api/line"}),
    Action.CONTROL_LINE: frozenset(
        {
            "POST /api/line/drain",
            "POST /api/line/pause",
            "POST /api/line/resume",
            "POST /api/line/stop",
        }
    ),
}
"""Public routes ask for none."""
