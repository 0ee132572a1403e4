"""The bodies of the order commands (design §3.1, §3.5)."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from axon_factory.domain.building import BuilderName, Priority
from axon_factory.domain.events import LogLevel
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.configuration import configuration_errors
from axon_factory.orders.requests.messages import error_line, sentence_of
from axon_factory.orders.requests.values import (
    ClientId,
    JsonObject,
    LogTime,
    LongText,
    MailAddress,
    Name,
    Notes,
    OptionalName,
    PhoneNumber,
    ProductTypeId,
    ShortText,
    Tags,
    storable,
)

__all__ = ["CheckReport", "ClientData", "LogEntry", "NewOrder", "OrderPatch"]


_SPOILT: frozenset[tuple[str, ...]] = frozenset({(), ("configuracion",)})
"""Where an error leaves no configuration to check: in the client as such, or in itself."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="null")


class ClientData(BaseModel):
    """`datos_cliente`: nombre and email are required, unknown keys are kept (resolutions 8)."""

    model_config = ConfigDict(extra="allow", strict=True)

    nombre: Name
    email: MailAddress
    telefono: PhoneNumber | None = None
    industria: OptionalName | None = None
    pais: OptionalName | None = None
    configuracion: JsonObject = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_further_members(self) -> Self:
        storable(self.model_extra)
        return self


class NewOrder(_Strict):
    """Body of POST /api/orders (design §3.1)."""

    tipo_producto: ProductTypeId
    nombre_producto: Name
    datos_cliente: ClientData
    cliente_id: ClientId | None = None
    prioridad: Annotated[Priority, Field(strict=False)] = Priority.NORMAL
    tags: Tags = Field(default_factory=list)
    notas_internas: Notes = ""
    construye: Annotated[BuilderName, Field(strict=False)] | None = None

    @field_validator("datos_cliente", mode="wrap")
    @classmethod
    def _check_configuration(
        cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> ClientData:
        """Add what the product type says of `configuracion` to what is wrong beside it."""
        client: ClientData | None = None
        lines: list[InitErrorDetails] = []
        try:
            client = handler(value)
        except ValidationError as error:
            lines = [error_line(line["loc"], sentence_of(line)) for line in error.errors()]
        if not any(line.get("loc", ())[:1] in _SPOILT for line in lines):
            configuration = _configuration(value if client is None else client)
            lines += _configuration_lines(info.data.get("tipo_producto"), configuration)
        if client is None or lines:
            raise ValidationError.from_exception_data(cls.__name__, lines)
        return client


def _configuration(client: object) -> Mapping[str, Any]:
    """Return the configuration of a client, of which at least this part is right."""
    if isinstance(client, ClientData):
        return client.configuracion
    return cast("Mapping[str, Any]", client).get("configuracion", {})


def _configuration_lines(
    product_type: str | None, configuration: Mapping[str, Any]
) -> list[InitErrorDetails]:
    if product_type is None:
        return []
    errors = configuration_errors(product_type, configuration)
    return [error_line(("configuracion", *path), told) for path, told in errors.items()]


class LogEntry(_Strict):
    """One entry of `logs` as agents send it; time and agent are kept as given.

    A time without a zone is UTC.
    """

    timestamp: LogTime | None = None
    agente: Name | None = None
    mensaje: LongText
    tipo: Annotated[LogLevel, Field(strict=False)] = LogLevel.INFO
    metadata: JsonObject = Field(default_factory=dict)


Hint = LogTime | None


class OrderPatch(_Strict):
    """Body of PATCH (design §3.5). Phase timestamps are hints and change nothing.

    `datos_cliente` is a merge patch (RFC 7396). `cliente_id` that is sent as null takes the order
    from its client; any other null changes nothing.
    """

    estado: Annotated[OrderState, Field(strict=False)] | None = None
    progreso: Annotated[int, Field(ge=0, le=100)] | None = None
    asignado_a: Name | None = None
    session_id: ShortText | None = None
    logs: Annotated[list[LogEntry], Field(max_length=100)] = Field(default_factory=list[LogEntry])
    prioridad: Annotated[Priority, Field(strict=False)] | None = None
    tags: Tags | None = None
    notas_internas: Notes | None = None
    motivo: LongText | None = None
    datos_cliente: JsonObject | None = None
    nombre_producto: ShortText | None = None
    cliente_id: ClientId | None = None
    planificado_at: Hint = None
    construccion_iniciada_at: Hint = None
    qa_iniciada_at: Hint = None
    entregado_at: Hint = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields the caller sent."""
        return frozenset(self.model_fields_set)


class CheckReport(_Strict):
    """Body of POST /checks: what a council has run on a commit of an attempt, and its outcome."""

    verificacion: ShortText
    aprobada: bool
    intento: Annotated[int, Field(ge=1, le=10_000)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    comando: Annotated[list[LongText], Field(min_length=1, max_length=100)]
    exit_code: Annotated[int, Field(ge=-255, le=255)]
    duracion_segundos: Annotated[float, Field(ge=0, le=86_400, strict=False)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    salida: Notes = ""
    hallazgos: Annotated[list[LongText], Field(max_length=50)] = Field(default_factory=list[str])

    @field_validator("exit_code")
    @classmethod
    def _check_outcome(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("aprobada") and value != 0:
            told = "Una verificación aprobada termina con 0"
            raise ValueError(Sentence(told, "A check that has passed ends with 0"))
        return value
