"""The bodies of the order commands (design §3.1, §3.5)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, cast

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
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.shared import design_example
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


class _Strict(RequestModel):
    model_config = ConfigDict(ser_json_inf_nan="null")


class ClientData(BaseModel):
    """Datos del cliente; las claves adicionales se conservan."""

    model_config = ConfigDict(extra="allow", strict=True)

    nombre: Name = Field(description="Nombre del cliente.")
    email: MailAddress = Field(description="Correo del cliente.")
    telefono: PhoneNumber | None = Field(default=None, description="Teléfono, en E.164.")
    industria: OptionalName | None = Field(default=None, description="Sector.")
    pais: OptionalName | None = Field(default=None, description="País.")
    configuracion: JsonObject = Field(
        default_factory=dict,
        description="Según el JSON Schema de su tipo de producto (`GET /api/products/types/{id}`).",
    )

    @model_validator(mode="after")
    def _check_further_members(self) -> Self:
        storable(self.model_extra)
        return self


class NewOrder(_Strict):
    """Orden nueva (§3.1)."""

    EXAMPLE: ClassVar = design_example("3.1-create.request")

    tipo_producto: ProductTypeId = Field(
        description="Tipo de producto: uno de `GET /api/products/types`."
    )
    nombre_producto: Name = Field(description="Nombre que el cliente lee.")
    datos_cliente: ClientData = Field(description="Quién es el cliente y cómo quiere su producto.")
    cliente_id: ClientId | None = Field(
        default=None, description="Cliente dueño; los usuarios con ese `cliente_id` la ven."
    )
    prioridad: Annotated[Priority, Field(strict=False)] = Field(
        default=Priority.NORMAL, description="Prioridad en la fila."
    )
    tags: Tags = Field(default_factory=list, description="Etiquetas.")
    notas_internas: Notes = Field(
        default="", description="Notas del equipo; ni el cliente ni los agentes las leen."
    )
    construye: Annotated[BuilderName, Field(strict=False)] | None = Field(
        default=None, description="Quién la construye, si no es el que corresponde a su tipo."
    )

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
    """Entrada del historial que un agente envía (§2.1)."""

    timestamp: LogTime | None = Field(
        default=None, description="Cuándo pasó; sin ella, ahora. Sin zona horaria es UTC."
    )
    agente: Name | None = Field(default=None, description="Quién lo dice; sin él, quien autentica.")
    mensaje: LongText = Field(description="Qué pasó, en una frase.")
    tipo: Annotated[LogLevel, Field(strict=False)] = Field(
        default=LogLevel.INFO, description="Tipo de la entrada."
    )
    metadata: JsonObject = Field(default_factory=dict, description="Datos adicionales.")


Hint = LogTime | None


class OrderPatch(_Strict):
    """Cambio de una orden (§3.5). Las fechas de fase son pistas y no cambian nada."""

    EXAMPLE: ClassVar = design_example("3.5-update.request")

    # `datos_cliente` is a merge patch (RFC 7396). A null in `cliente_id` takes the order from its
    # client; any other null changes nothing.
    estado: Annotated[OrderState, Field(strict=False)] | None = Field(
        default=None, description="Estado al que pasa; solo por la tabla de transiciones."
    )
    progreso: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="Avance, en %; dentro de la banda del estado, y nunca hacia atrás.",
    )
    asignado_a: Name | None = Field(default=None, description="Agente responsable.")
    session_id: ShortText | None = Field(
        default=None, description="Sesión del agente que construye."
    )
    logs: Annotated[list[LogEntry], Field(max_length=100)] = Field(
        default_factory=list[LogEntry],
        description="Entradas que se agregan al historial; una repetida se ignora.",
    )
    prioridad: Annotated[Priority, Field(strict=False)] | None = Field(
        default=None, description="Prioridad en la fila."
    )
    tags: Tags | None = Field(default=None, description="Etiquetas; reemplazan a las que había.")
    notas_internas: Notes | None = Field(default=None, description="Notas del equipo.")
    motivo: LongText | None = Field(default=None, description="Por qué; queda en el historial.")
    datos_cliente: JsonObject | None = Field(
        default=None,
        description="Corrección de los datos del cliente, como merge patch: solo cambian las "
        "claves enviadas, y null quita una opcional. `configuracion`, solo antes de construir; "
        "el plan que espera se retira y se planifica de nuevo.",
    )
    nombre_producto: ShortText | None = Field(
        default=None, description="Corrección del nombre que el cliente lee."
    )
    cliente_id: ClientId | None = Field(
        default=None, description="Otro cliente dueño; null, ninguno."
    )
    planificado_at: Hint = Field(default=None, description="Pista: cuándo hubo plan.")
    construccion_iniciada_at: Hint = Field(
        default=None, description="Pista: cuándo empezó a construirse."
    )
    qa_iniciada_at: Hint = Field(default=None, description="Pista: cuándo empezó la revisión.")
    entregado_at: Hint = Field(default=None, description="Pista: cuándo se entregó.")

    @property
    def fields(self) -> frozenset[str]:
        """The fields the caller sent."""
        return frozenset(self.model_fields_set)


class CheckReport(_Strict):
    """El resultado de una verificación, como lo registra quien revisa."""

    EXAMPLE: ClassVar = {
        "verificacion": "tests",
        "aprobada": True,
        "intento": 1,
        "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "comando": ["python", "-m", "pytest"],
        "exit_code": 0,
        "duracion_segundos": 8.6,
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }

    verificacion: ShortText = Field(description="Una de las que exige el tipo de producto.")
    aprobada: bool = Field(description="Si pasó.")
    intento: Annotated[int, Field(ge=1, le=10_000)] = Field(description="El intento que se revisó.")
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")] = Field(
        description="El commit que se revisó, entero."
    )
    comando: Annotated[list[LongText], Field(min_length=1, max_length=100)] = Field(
        description="El comando que se ejecutó."
    )
    exit_code: Annotated[int, Field(ge=-255, le=255)] = Field(
        description="Su código de salida; 0 si pasó."
    )
    duracion_segundos: Annotated[float, Field(ge=0, le=86_400, strict=False)] = Field(
        description="Cuánto tardó."
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256 de toda su salida."
    )
    salida: Notes = Field(default="", description="El final de su salida.")
    hallazgos: Annotated[list[LongText], Field(max_length=50)] = Field(
        default_factory=list[str], description="Lo que encontró, en frases."
    )

    @field_validator("exit_code")
    @classmethod
    def _check_outcome(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("aprobada") and value != 0:
            told = "Una verificación aprobada termina con 0"
            raise ValueError(Sentence(told, "A check that has passed ends with 0"))
        return value
