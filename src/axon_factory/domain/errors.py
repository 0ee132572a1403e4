"""Every error that a person or a program is told of, with its stable `codigo` and HTTP status.

    AxonError
    ├── ValidationFailed          400  the request does not say what it must
    ├── ResultNotReady            400  §3.3: nothing to deliver yet
    ├── NotCancellable            400  §3.6: DELETE in a later state
    ├── AuthenticationRequired    401
    │   └── AttemptEnded          401  a genuine token of an attempt that is over
    ├── Forbidden                 403
    │   └── OwnOrder              403  the person who placed an order may not approve its plan
    ├── NotFound                  404
    │   ├── OrderNotFound
    │   └── PlanNotFound
    ├── TransitionRefused         409  the state machine says no; the answer lists what is legal
    ├── ReceiptRefused            409  a receipt that proves nothing about what is reviewed now
    ├── OrderEnded                409  an agent reports on an order that has come to rest
    ├── PlanOutdated              409  the decision names another version of the plan
    ├── OrderErased               409  its personal data were erased: nothing more is done
    ├── Conflict                  409  anything else that cannot be as things stand
    ├── PreconditionFailed        412  If-Match is stale
    └── Unavailable               503  try again

The documented keys of design §3 are in `extra` and `error`; the renderer adds RFC 9457 members.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from axon_factory.domain.text import Sentence, in_english


class AxonError(Exception):
    """Base of the errors that are part of the contract.

    `message` is the sentence a person reads and says what to do; `extra` are further keys of the
    answer's body.
    """

    codigo = "error_interno"
    status = 500
    title = "Error interno"
    title_en = "Internal error"
    retry_after: int | None = None
    """Seconds after which trying again makes sense, None if that changes nothing."""

    def __init__(
        self,
        message: str = "",
        *,
        message_en: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.message_en: str = message_en or in_english(message)
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """Return the documented keys of the answer's body."""
        message = {"message": self.message} if self.message else {}
        return {"error": self.title, **message, **self.extra, "codigo": self.codigo}


class ValidationFailed(AxonError):
    """The request does not say what it must; `details` maps a field's path to a sentence."""

    codigo = "validacion"
    status = 400
    title = "Validation error"
    title_en = "Validation error"

    def __init__(self, details: Mapping[str, Sentence]) -> None:
        """`details` as in design §3.1: {field: sentence}."""
        super().__init__(extra={"details": dict(details)})
        self.details = dict(details)
        self.details_en: dict[str, str] = in_english(self.details)


class ResultNotReady(AxonError):
    """There is no product to deliver yet (design §3.3)."""

    codigo = "producto_no_listo"
    status = 400
    title = "Producto aún no está listo"
    title_en = "The product is not ready yet"


class NotCancellable(AxonError):
    """DELETE serves only `nuevo` and `planificacion` (design §3.6)."""

    codigo = "no_cancelable"
    status = 400
    title = "No se puede cancelar la orden"
    title_en = "The order cannot be cancelled"


class AuthenticationRequired(AxonError):
    """No credential, or one that does not hold (design §3.1)."""

    codigo = "autenticacion_requerida"
    status = 401
    title = "Authentication required"
    title_en = "Authentication required"
    scheme = "Bearer"
    """The scheme by which the caller is asked to authenticate (RFC 9110 §11.6.1)."""
    challenge_error: str | None = None
    """The `error` of the challenge (RFC 6750 §3.1), None where it would tell what is wrong."""

    def __init__(
        self,
        message: str = "Valid JWT token or API key required",
        *,
        message_en: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Say the documented sentence unless told otherwise."""
        super().__init__(message, message_en=message_en, extra=extra)


class AttemptEnded(AuthenticationRequired):
    """A genuine system token whose attempt at the order is over: its agent should stop.

    Only the holder of the token learns this. A forged token is answered as any invalid one.
    """

    codigo = "intento_terminado"

    def __init__(self, token_id: str, agent: str, order_id: UUID, attempt: int) -> None:
        """`attempt` is the one that the token was minted for."""
        super().__init__(
            f"El intento {attempt} terminó: deja de trabajar en esta orden",
            message_en=f"Attempt {attempt} is over: stop working on this order",
        )
        self.token_id = token_id
        self.agent = agent
        self.order_id = order_id
        self.attempt = attempt


class Forbidden(AxonError):
    """The principal may not do this (design §3.5)."""

    codigo = "prohibido"
    status = 403
    title = "Forbidden"
    title_en = "Forbidden"


class OwnOrder(Forbidden):
    """A setting says that the plan of an order is approved by somebody else than who placed it."""

    codigo = "orden_propia"

    def __init__(self) -> None:
        super().__init__(
            "Tú creaste esta orden: su plan lo aprueba otra persona",
            message_en="You placed this order: its plan is approved by somebody else",
        )


class NotFound(AxonError):
    """There is no such thing, or it is not the caller's to see."""

    codigo = "no_encontrado"
    status = 404
    title = "Not found"
    title_en = "Not found"


class OrderNotFound(NotFound):
    """No such order for this caller (design §3.2)."""

    codigo = "orden_no_encontrada"
    title = "Order not found"
    title_en = "Order not found"

    def __init__(self, reference: str) -> None:
        """`reference` is the id or number that was asked for."""
        sentence = f"No order exists with ID: {reference}"  # the design's, in any language
        super().__init__(sentence, message_en=sentence)


class PlanNotFound(NotFound):
    """The order has no such version of its plan."""

    codigo = "plan_no_encontrado"

    def __init__(self, order_number: str, version: int) -> None:
        """`version` is what was asked for."""
        super().__init__(
            f"La orden {order_number} no tiene un plan v{version}",
            message_en=f"Order {order_number} has no plan v{version}",
        )


class Conflict(AxonError):
    """The request is well-formed but cannot be as things stand."""

    codigo = "conflicto"
    status = 409
    title = "Conflicto"
    title_en = "Conflict"


class OrderErased(Conflict):
    """The order's personal data were erased: it takes nothing any more."""

    codigo = "orden_borrada"
    title = "Orden borrada"
    title_en = "Order erased"

    def __init__(self, order_number: str) -> None:
        """`order_number` stays when the rest is erased."""
        super().__init__(
            f"Los datos de la orden {order_number} se borraron: ya no admite cambios",
            message_en=f"The data of order {order_number} were erased: it takes no more changes",
        )


class TransitionRefused(Conflict):
    """The state machine refuses; `transiciones_permitidas` lists what this caller may do."""

    codigo = "transicion_no_permitida"
    title = "Transición no permitida"
    title_en = "Transition not allowed"


class ReceiptRefused(Conflict):
    """The receipt is not of the attempt and commit under review, or there is one already."""

    codigo = "recibo_rechazado"
    title = "El recibo no sirve"
    title_en = "The receipt does not serve"


class OrderEnded(Conflict):
    """An agent reports on an order that is `entregado`, `cancelado` or `fallido`."""

    codigo = "orden_terminada"
    title = "La orden terminó"
    title_en = "The order is over"

    def __init__(self, order_number: str, state: str) -> None:
        """`state` is where the order is."""
        super().__init__(
            f"La orden {order_number} está en '{state}': no recibe reportes de agentes",
            message_en=f"Order {order_number} is in '{state}': it takes no reports of agents",
            extra={"estado_actual": state},
        )


class PlanOutdated(Conflict):
    """The plan was replaced or decided since the caller read it."""

    codigo = "plan_desactualizado"
    title = "El plan cambió"
    title_en = "The plan has changed"


class PreconditionFailed(AxonError):
    """`If-Match` names another version of what is to be changed."""

    codigo = "version_desactualizada"
    status = 412
    title = "Cambió mientras tanto"
    title_en = "It has changed meanwhile"

    def __init__(self, message: str, *, version: int, message_en: str) -> None:
        """`version` is the one that holds now: every such answer names it."""
        super().__init__(message, message_en=message_en, extra={"version_actual": version})


class Unavailable(AxonError):
    """A dependency cannot be reached or is at its limit at present; trying again helps."""

    codigo = "no_disponible"
    status = 503
    title = "Servicio no disponible"
    title_en = "Service unavailable"
    retry_after = 2
