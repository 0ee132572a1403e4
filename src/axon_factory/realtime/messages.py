"""The messages of `/ws/orders`, both ways (design §7): the models are the contract's document."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from axon_factory.domain.answers import AnswerModel
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.events import Log
from axon_factory.orders.answers.shared import EXAMPLE_ID, OrderId
from axon_factory.orders.requests import field_messages
from axon_factory.realtime.filters import SocketFilters

__all__ = [
    "CLIENT_MESSAGES",
    "EXAMPLE_CURSOR",
    "SERVER_MESSAGES",
    "Auth",
    "ClientMessage",
    "Ping",
    "Subscribe",
    "Unsubscribe",
    "parsed",
]

_ONE_OF = Sentence(
    "Indica `order_id`, o `filtros` para seguir varias", "Give `order_id`, or `filtros` for several"
)
_SEQUENCE = Sentence(
    "Es el `seq` del último aviso de esa orden, un número", "The `seq` of that order's last update"
)
_CURSOR = Sentence(
    "Es el `cursor` del último aviso de estos filtros, un texto",
    "The `cursor` of the last update of these filters",
)
_UNKNOWN = Sentence(
    "Mensaje no válido. Opciones: auth, subscribe, unsubscribe, ping",
    "Not a valid message. One of: auth, subscribe, unsubscribe, ping",
)
_TEXT = Sentence("Los mensajes son texto JSON", "Messages are JSON text")
EXAMPLE_CURSOR = "AAAAAAAAACqV2nXo1vT3Ew"
_Reference = Annotated[str, Field(min_length=1, max_length=64)]
_Cursor = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Auth(RequestModel):
    """Dice quién se conecta; otra vez, con la misma cuenta, renueva la credencial."""

    EXAMPLE: ClassVar = {"type": "auth", "token": "JWT_TOKEN"}

    type: Literal["auth"]
    token: str = Field(
        min_length=1,
        max_length=4096,
        description="Token de acceso, clave API o token de sistema.",
    )


class _Target(RequestModel):
    order_id: _Reference | None = Field(None, description="Una orden: id o número.")
    filtros: SocketFilters | None = Field(
        None, description="Todas las que los cumplen; `{}`: todas las que puedes leer."
    )

    @model_validator(mode="after")
    def _one_of(self) -> "_Target":
        if (self.order_id is None) == (self.filtros is None):
            raise ValueError(_ONE_OF)
        return self


class Subscribe(_Target):
    """Sigue una orden, o las que cumplen unos filtros, que sustituyen a los de antes."""

    EXAMPLE: ClassVar = {"type": "subscribe", "order_id": EXAMPLE_ID}

    type: Literal["subscribe"]
    desde: Annotated[int, Field(ge=0, le=2**31 - 1)] | _Cursor | None = Field(
        None,
        description="Lo último que se recibió: el `seq` de la orden, o el `cursor` de los filtros.",
    )

    @model_validator(mode="after")
    def _place(self) -> "Subscribe":
        if self.desde is not None:
            if self.order_id is not None and not isinstance(self.desde, int):
                raise ValueError(_SEQUENCE)
            if self.filtros is not None and not isinstance(self.desde, str):
                raise ValueError(_CURSOR)
        return self


class Unsubscribe(_Target):
    """Deja de seguir una orden, o los filtros."""

    EXAMPLE: ClassVar = {"type": "unsubscribe", "order_id": EXAMPLE_ID}

    type: Literal["unsubscribe"]


class Ping(RequestModel):
    """Pregunta si la conexión vive; un navegador no puede enviar los pings del protocolo."""

    EXAMPLE: ClassVar = {"type": "ping"}

    type: Literal["ping"]


ClientMessage = Auth | Subscribe | Unsubscribe | Ping
CLIENT_MESSAGES: tuple[type[RequestModel], ...] = (Auth, Subscribe, Unsubscribe, Ping)
_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[ClientMessage, Field(discriminator="type")]
)


def parsed(text: str | None) -> ClientMessage:
    """Return the message that a client sent; None is one of bytes.

    Raises:
        ValidationFailed: it is none, naming each wrong field.
    """
    if text is None:
        raise ValidationFailed({"body": _TEXT})
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as error:
        lines = error.errors(include_url=False)
        if lines[0]["type"].startswith("union_tag") or not lines[0]["loc"]:
            raise ValidationFailed({"type": _UNKNOWN}) from None
        located = [{**line, "loc": line["loc"][1:] or ("body",)} for line in lines]
        raise ValidationFailed(field_messages(located)) from None


class AuthOk(AnswerModel):
    """La credencial sirve."""

    EXAMPLE: ClassVar = {"type": "auth_ok", "rol": "operator", "vence_at": "2025-11-14T10:15:00Z"}

    type: Literal["auth_ok"]
    rol: str = Field(description="Con qué rol.")
    vence_at: str | None = Field(
        description="Cuándo vence; renueva antes con otro `auth`. null: sin fecha."
    )


class _Followed(AnswerModel):
    order_id: OrderId | None = Field(default=None, description="La orden.")
    filtros: dict[str, Any] | None = Field(default=None, description="Los filtros, si son unos.")


class Subscribed(_Followed):
    """La suscripción vale; lo que ocurra desde ahora llega."""

    EXAMPLE: ClassVar = {
        "type": "subscribed",
        "order_id": EXAMPLE_ID,
        "seq": 7,
        "estado": "construccion",
        "progreso": 45,
    }

    type: Literal["subscribed"]
    seq: int = Field(default=0, ge=0, description="De la orden: su última entrada.")
    estado: OrderState | None = Field(default=None, description="De la orden: su estado de ahora.")
    progreso: int = Field(default=0, ge=0, le=100, description="De la orden: su progreso.")
    cursor: str | None = Field(default=None, description="De los filtros: dónde continúan.")


class Unsubscribed(_Followed):
    """La suscripción terminó, o no la había."""

    EXAMPLE: ClassVar = {"type": "unsubscribed", "order_id": EXAMPLE_ID}

    type: Literal["unsubscribed"]


class OrderUpdate(AnswerModel):
    """Algo ocurrió en una orden (§7)."""

    EXAMPLE: ClassVar = {
        "type": "order_update",
        "order_id": EXAMPLE_ID,
        "estado": "construccion",
        "progreso": 45,
        "last_log": Log.EXAMPLE,
        "seq": 3,
    }

    type: Literal["order_update"]
    order_id: OrderId
    estado: OrderState = Field(description="El estado de ahora.")
    progreso: int = Field(ge=0, le=100, description="El progreso de ahora.")
    last_log: Log = Field(description="La entrada del historial.")
    seq: int = Field(ge=1, description="Su lugar en el historial de la orden: sigue desde aquí.")
    cursor: str = Field(default="", description="Con filtros: dónde continúan.")


class Resync(_Followed):
    """Falta algo que ya no se repite: lee la orden o la lista otra vez; lo nuevo sigue llegando."""

    EXAMPLE: ClassVar = {
        "type": "resync",
        "order_id": EXAMPLE_ID,
        "seq": 2000,
        "message": "Lee otra vez lo que sigues: hubo más cambios de los que se repiten",
    }

    type: Literal["resync"]
    message: str = Field(description="Qué hacer.")
    seq: int = Field(default=0, ge=0, description="De la orden: desde dónde llega lo nuevo.")
    cursor: str | None = Field(default=None, description="De los filtros: lo mismo.")


class Pong(AnswerModel):
    """Respuesta a `ping`."""

    EXAMPLE: ClassVar = {"type": "pong"}

    type: Literal["pong"]


class ErrorMessage(AnswerModel):
    """Un mensaje no se pudo cumplir, o la conexión va a cerrarse."""

    EXAMPLE: ClassVar = {
        "type": "error",
        "codigo": "orden_no_encontrada",
        "message": f"No order exists with ID: {EXAMPLE_ID}",
        "order_id": EXAMPLE_ID,
    }

    type: Literal["error"]
    codigo: str = Field(description="Nombre estable del error, como en la API.")
    message: str = Field(description="Qué pasó y qué hacer.")
    order_id: str | None = Field(default=None, description="La orden del mensaje, como vino.")
    details: dict[str, str] = Field(
        default_factory=dict[str, str], description="De `validacion`: qué está mal en cada campo."
    )


SERVER_MESSAGES: tuple[type[AnswerModel], ...] = (
    AuthOk,
    Subscribed,
    Unsubscribed,
    OrderUpdate,
    Resync,
    Pong,
    ErrorMessage,
)
