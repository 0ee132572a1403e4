"""The answers to probes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Count
from axon_factory.domain.machine import Trouble

__all__ = ["Health", "MachineProblem", "Readiness"]

_EXAMPLE_PROBLEM = {"codigo": "disco_lleno", "mensaje": "Falta espacio en el disco", "ordenes": 3}
_CODE = Annotated[Trouble, Field(description="Qué le pasa a la máquina.")]


class MachineProblem(AnswerModel):
    """Un problema de la máquina."""

    codigo: _CODE
    mensaje: str = Field(description="Lo mismo, en una frase.")
    ordenes: int = Field(ge=0, description="Cuántas órdenes esperan por esto ahora.")


class Health(AnswerModel):
    """El servicio y su base de datos responden."""

    EXAMPLE: ClassVar = {
        "status": "degradado",
        "version": "0.1.0",
        "problemas": [_EXAMPLE_PROBLEM],
        "productos_caidos": 0,
        "productos_sin_vigilar": 0,
    }

    status: Literal["ok", "degradado"] = Field(
        description="`degradado` si hay problemas o un producto caído; un 503 si la base de "
        "datos no responde."
    )
    version: str = Field(description="Versión del programa.")
    productos_caidos: Count = Field(
        description="Productos entregados que no marchan; `GET /api/line` los nombra."
    )
    productos_sin_vigilar: Count = Field(
        description="Productos entregados de los que ningún trabajador da noticia desde hace un "
        "minuto."
    )
    problemas: list[MachineProblem] = Field(description="Qué impide trabajar; vacía si nada.")


class Readiness(AnswerModel):
    """El servicio puede leer y escribir."""

    EXAMPLE: ClassVar = {"status": "listo", "version": "0.1.0"}

    status: Literal["listo"] = Field(description="Siempre `listo`; si no, la respuesta es un 503.")
    version: str = Field(description="Versión del programa.")
