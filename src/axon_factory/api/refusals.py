"""What the edge refuses before a route is asked.

AxonError
├── MalformedRequest     400  the HTTP message contradicts itself or says what none may
├── MethodNotAllowed     405  the address is right, the method is not
├── RequestTimedOut      408  the request did not arrive in time
├── PayloadTooLarge      413
├── AddressTooLong       414
├── UnsupportedContent   415
├── MisdirectedRequest   421  this factory has another name
├── TooManyRequests      429
├── HeadersTooLarge      431
└── Unavailable          503
    ├── Overloaded            more requests at once than this process takes
    └── NotReady              what `/ready` answers while something keeps it from working
"""

from collections.abc import Mapping, Sequence

from axon_factory.domain.errors import AxonError, Unavailable

__all__ = [
    "AddressTooLong",
    "HeadersTooLarge",
    "MalformedRequest",
    "MethodNotAllowed",
    "MisdirectedRequest",
    "NotReady",
    "Overloaded",
    "PayloadTooLarge",
    "RequestTimedOut",
    "TooManyRequests",
    "UnsupportedContent",
]


class MalformedRequest(AxonError):
    """The HTTP message contradicts itself, or carries what this method or address cannot."""

    codigo = "solicitud_malformada"
    status = 400
    title = "Solicitud malformada"
    title_en = "Malformed request"


class MethodNotAllowed(AxonError):
    """The address exists, but not with this method; `Allow` lists those that it takes."""

    codigo = "metodo_no_permitido"
    status = 405
    title = "Método no permitido"
    title_en = "Method not allowed"


class RequestTimedOut(AxonError):
    """The request did not arrive whole within `AXON_REQUEST_TIMEOUT_SECONDS`."""

    codigo = "solicitud_lenta"
    status = 408
    title = "La solicitud tardó demasiado"
    title_en = "Request timeout"


class PayloadTooLarge(AxonError):
    """The body is larger than this service reads."""

    codigo = "cuerpo_demasiado_grande"
    status = 413
    title = "Payload too large"
    title_en = "Payload too large"


class AddressTooLong(AxonError):
    """Path and query together are longer than this service reads."""

    codigo = "direccion_demasiado_larga"
    status = 414
    title = "Dirección demasiado larga"
    title_en = "URI too long"


class UnsupportedContent(AxonError):
    """The body is not JSON in plain UTF-8."""

    codigo = "contenido_no_admitido"
    status = 415
    title = "Tipo de contenido no admitido"
    title_en = "Unsupported media type"


class MisdirectedRequest(AxonError):
    """The `Host` of the request is none of this factory's names."""

    codigo = "host_desconocido"
    status = 421
    title = "Host desconocido"
    title_en = "Misdirected request"


class TooManyRequests(AxonError):
    """The caller has used up this minute's requests; `RateLimit` says when there are new ones."""

    codigo = "demasiadas_solicitudes"
    status = 429
    title = "Demasiadas solicitudes"
    title_en = "Too many requests"

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(
            f"Demasiadas solicitudes; repite dentro de {retry_after} segundos",
            message_en=f"Too many requests; try again in {retry_after} seconds",
        )
        self.retry_after = retry_after


class HeadersTooLarge(AxonError):
    """The header fields are more or larger than this service reads."""

    codigo = "cabeceras_demasiado_grandes"
    status = 431
    title = "Cabeceras demasiado grandes"
    title_en = "Request header fields too large"


class NotReady(Unavailable):
    """This process cannot work at present; `problemas` names each reason."""

    codigo = "no_listo"

    def __init__(self, problems: Sequence[Mapping[str, str | int]]) -> None:
        """`problems` are members of the answer, each with `codigo`, `mensaje` and `ordenes`."""
        super().__init__(
            "El servicio no puede trabajar ahora; `problemas` dice por qué",
            message_en="The service cannot work at present; `problemas` says why",
            extra={"problemas": list(problems)},
        )


class Overloaded(Unavailable):
    """This process works on as many requests as it may at once."""

    codigo = "servicio_saturado"

    def __init__(self) -> None:
        """Ask for patience."""
        super().__init__(
            "Hay demasiadas solicitudes a la vez; repite en unos segundos",
            message_en="Too many requests at once; try again in a few seconds",
        )
