"""Why an order is `fallido`, and which troubles of the machine are no failure of an order.

A trouble of the machine costs no attempt and fails no order. The order waits (`espera: maquina`)
and goes on by itself.
"""

import errno
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence


class FailureCause(StrEnum):
    """Stable wire names of the causes (`fallo.causa`)."""

    TIPO_NO_VALIDO = "tipo_no_valido"
    PLANIFICACION_FALLIDA = "planificacion_fallida"
    PLANTILLA_NO_DISPONIBLE = "plantilla_no_disponible"
    CONSTRUCTOR_NO_DISPONIBLE = "constructor_no_disponible"
    SESION_PERDIDA = "sesion_perdida"
    CONSTRUCCION_FALLIDA = "construccion_fallida"
    AGENTE_INCOMPLETO = "agente_incompleto"
    AGENTE_SIN_AVANCE = "agente_sin_avance"
    REVISION_NO_EJECUTABLE = "revision_no_ejecutable"
    DEPLOY_FALLIDO = "deploy_fallido"
    ENTREGA_FALLIDA = "entrega_fallida"
    INTENTOS_AGOTADOS = "intentos_agotados"
    DECISION_MANUAL = "decision_manual"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, in which state and step; `message` is the sentence a person reads.

    `detail` is what a program or provider outside said of it: staff alone read it, as an event.
    """

    cause: FailureCause
    message: str
    state: OrderState
    step: str | None = None
    detail: str = ""


class Trouble(StrEnum):
    """Stable wire names (`espera_causa.codigo`, `problemas` of `/health`)."""

    DISCO_LLENO = "disco_lleno"
    DISCO_AVERIADO = "disco_averiado"
    SIN_MEMORIA = "sin_memoria"
    SIN_RECURSOS = "sin_recursos"
    FALTA_PROGRAMA = "falta_programa"
    SIN_AISLAMIENTO = "sin_aislamiento"
    SOBRECARGA = "sobrecarga"


TROUBLES: Mapping[Trouble, Sentence] = MappingProxyType(
    {
        Trouble.DISCO_LLENO: Sentence("Falta espacio en el disco", "The disk is full"),
        Trouble.DISCO_AVERIADO: Sentence(
            "El disco no se puede leer o escribir", "The disk cannot be read or written"
        ),
        Trouble.SIN_MEMORIA: Sentence("Falta memoria", "The machine is out of memory"),
        Trouble.SIN_RECURSOS: Sentence(
            "El sistema no da más procesos o archivos abiertos",
            "The system gives no more processes or open files",
        ),
        Trouble.FALTA_PROGRAMA: Sentence(
            "Falta un programa que la fábrica necesita",
            "A program that the factory needs is missing",
        ),
        Trouble.SIN_AISLAMIENTO: Sentence(
            "El aislamiento de los productos no funciona",
            "The products' sandbox does not work",
        ),
        Trouble.SOBRECARGA: Sentence("La máquina está sobrecargada", "The machine is overloaded"),
    }
)
"""What people read of each."""


@dataclass(frozen=True, slots=True)
class MachineTrouble:
    """One trouble. `detail` is for the factory's people: a folder, a program, the system's word."""

    kind: Trouble
    detail: str = ""

    def __str__(self) -> str:
        """Return the Spanish sentence with its detail."""
        sentence = str(TROUBLES[self.kind])
        return f"{sentence}: {self.detail}" if self.detail else sentence


_ERRNOS: Mapping[int, Trouble] = MappingProxyType(
    {
        errno.ENOSPC: Trouble.DISCO_LLENO,
        errno.EDQUOT: Trouble.DISCO_LLENO,
        errno.EIO: Trouble.DISCO_AVERIADO,
        errno.EROFS: Trouble.DISCO_AVERIADO,
        errno.ENOMEM: Trouble.SIN_MEMORIA,
        errno.EMFILE: Trouble.SIN_RECURSOS,
        errno.ENFILE: Trouble.SIN_RECURSOS,
        errno.EAGAIN: Trouble.SIN_RECURSOS,
        errno.ENOLCK: Trouble.SIN_RECURSOS,
    }
)
_SQLSTATES: Mapping[str, Trouble] = MappingProxyType(
    {
        "53100": Trouble.DISCO_LLENO,
        "53200": Trouble.SIN_MEMORIA,
        "58030": Trouble.DISCO_AVERIADO,
    }
)
# What programs print of the same errors, at the end of a line as strerror puts it.
_SAID: tuple[tuple[re.Pattern[str], Trouble], ...] = tuple(
    (re.compile(rf"{words}\)?[.'\"]?\s*$", re.MULTILINE), trouble)
    for words, trouble in (
        (r"[Nn]o space left on device(: '[^'\n]*')?", Trouble.DISCO_LLENO),
        (r"Disk quota exceeded(: '[^'\n]*')?", Trouble.DISCO_LLENO),
        (r"Input/output error(: '[^'\n]*')?", Trouble.DISCO_AVERIADO),
        (r"Read-only file system(: '[^'\n]*')?", Trouble.DISCO_AVERIADO),
        (r"Cannot allocate memory", Trouble.SIN_MEMORIA),
        (r"^MemoryError", Trouble.SIN_MEMORIA),
        (r"Out of memory, \w+ failed.*", Trouble.SIN_MEMORIA),
        (r"Too many open files( in system)?(: '[^'\n]*')?", Trouble.SIN_RECURSOS),
        (r"Resource temporarily unavailable", Trouble.SIN_RECURSOS),
    )
)
_DEVICES = "/dev/"


def trouble_of(error: BaseException) -> MachineTrouble | None:
    """Return the machine's trouble that `error` or one of its causes tells of; None: none.

    An error may name it itself (`trouble`). Else its errno or SQLSTATE decides.
    """
    for one in _chain(error):
        named: object = getattr(one, "trouble", None)
        if isinstance(named, MachineTrouble):
            return named
        kind = _kind_of(one)
        if kind is not None:
            return MachineTrouble(kind, _words(one))
    return None


def trouble_said(output: str) -> Trouble | None:
    """Return the trouble that the last words of a program tell of; None: none.

    Only for programs that a product or an agent does not control: they could say it falsely.
    """
    return next((trouble for words, trouble in _SAID if words.search(output)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came from: causes, contexts, and a driver's own error."""
    waiting: list[object] = [error]
    seen = set[int]()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, getattr(one, "orig", None)]
        if not one.__suppress_context__:
            waiting.append(one.__context__)


def _kind_of(error: BaseException) -> Trouble | None:
    if isinstance(error, MemoryError):
        return Trouble.SIN_MEMORIA
    if isinstance(error, shutil.Error):
        # It gathers the errors of many files, as text.
        said = str(error)
        return next((kind for one, kind in _ERRNOS.items() if f"[Errno {one}]" in said), None)
    if isinstance(error, OSError):
        # OpenSSL's own numbers stand where an errno does: 5 is no broken disk.
        if error.errno is None or type(error).__module__ == "ssl":
            return None
        # /dev/null that cannot be opened is no fault of who wanted to.
        if str(error.filename or "").startswith(_DEVICES):
            return Trouble.SIN_AISLAMIENTO
        return _ERRNOS.get(error.errno)
    return _SQLSTATES.get(str(getattr(error, "sqlstate", None)))


def _words(error: BaseException) -> str:
    """Return the system's words and the name of the file, without what a database repeats."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return type(error).__name__
