"""What can come of one request to a model: the words that are recorded, and what follows."""

from dataclasses import dataclass
from enum import StrEnum

from axon_factory.domain.sentences import Sentence


class Outcome(StrEnum):
    """What `model_calls.outcome` says."""

    OK = "ok"
    SIN_CONEXION = "sin_conexion"
    TIEMPO_AGOTADO = "tiempo_agotado"
    LIMITE_DE_USO = "limite_de_uso"
    SIN_SALDO = "sin_saldo"
    ERROR_DEL_SERVIDOR = "error_del_servidor"
    NO_AUTORIZADO = "no_autorizado"
    PETICION_RECHAZADA = "peticion_rechazada"
    RESPUESTA_ILEGIBLE = "respuesta_ilegible"
    RESPUESTA_DEMASIADO_GRANDE = "respuesta_demasiado_grande"
    NEGATIVA = "negativa"
    SALIDA_TRUNCADA = "salida_truncada"
    SALIDA_INVALIDA = "salida_invalida"


SENTENCES: dict[Outcome, Sentence] = {
    Outcome.SIN_CONEXION: Sentence("no se pudo conectar", "could not be reached"),
    Outcome.TIEMPO_AGOTADO: Sentence("no respondió a tiempo", "did not answer in time"),
    Outcome.LIMITE_DE_USO: Sentence("limitó las peticiones", "limited the requests"),
    Outcome.SIN_SALDO: Sentence("no tiene saldo", "has no credit left"),
    Outcome.ERROR_DEL_SERVIDOR: Sentence("falló en su servidor", "failed on its server"),
    Outcome.NO_AUTORIZADO: Sentence("rechazó la clave", "refused the key"),
    Outcome.PETICION_RECHAZADA: Sentence("rechazó la petición", "refused the request"),
    Outcome.RESPUESTA_ILEGIBLE: Sentence("respondió algo ilegible", "answered nothing readable"),
    Outcome.RESPUESTA_DEMASIADO_GRANDE: Sentence(
        "respondió demasiado", "answered more than is taken"
    ),
    Outcome.NEGATIVA: Sentence("se negó a responder", "refused to answer"),
    Outcome.SALIDA_TRUNCADA: Sentence(
        "no terminó su respuesta dentro del límite", "did not end its answer within the limit"
    ),
    Outcome.SALIDA_INVALIDA: Sentence(
        "no entregó una respuesta válida", "did not give a valid answer"
    ),
}
"""How each failure is told to people; it follows the model's name."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request brought nothing that can be used.

    `again` says whether the same model may be asked once more, `wait_seconds` how long it wants to
    be left alone before. `problems` are told to the model when it is asked again, beside `answer`,
    what it had said. `detail` goes into the record: it has no secret and no client's data in it.
    """

    outcome: Outcome
    detail: str
    again: bool = False
    wait_seconds: float | None = None
    problems: tuple[str, ...] = ()
    answer: str = ""
