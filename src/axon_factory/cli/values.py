"""Reads the values of the command line in plain Python.

Typer reads them with Pydantic, whose import takes as long as all the rest of a command.
"""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from typer import BadParameter
from typer import core as typer_core

from axon_factory.cli.terminal import said


def read_values_plainly() -> None:
    """Make Typer's parameters read their values with this module."""
    parameters: Any = typer_core._TyperParameter  # noqa: SLF001 — it has no other seam  # pyright: ignore[reportPrivateUsage] — the same
    parameters.get_runtime_param = _reader_of


def _reader_of(parameter: Any) -> "_PlainValue":  # noqa: ANN401 — Typer's parameter, which is private
    return _PlainValue(parameter)


class _PlainValue:
    """How one parameter's text becomes its value; it has the part of Typer's own that is used."""

    def __init__(self, parameter: Any) -> None:  # noqa: ANN401 — Typer's parameter, which is private
        descriptor = parameter.type_descriptor
        kind = descriptor.annotation
        self._kind = get_args(kind)[0] if get_args(kind) else kind
        self._limits = descriptor.parameter_info.min, descriptor.parameter_info.max

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401 — Typer's types
        """Return the value of the text `value`.

        Raises:
            BadParameter: it is none.
        """
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            return [self._one(one) for one in value] if several else self._one(value)
        except ValueError as error:
            raise BadParameter(str(error), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:  # noqa: ANN401 — a text, or a default of any kind
        if not isinstance(value, str) or self._kind in {str, Any}:
            return value
        if issubclass(self._kind, Enum):
            return _choice(self._kind, value)
        return (
            _READERS.get(self._kind, str)(value) if self._kind is not int else self._number(value)
        )

    def _number(self, value: str) -> int:
        least, most = self._limits
        try:
            number = int(value)
        except ValueError:
            raise ValueError(
                said(f"'{value}' no es un número entero", f"'{value}' is no whole number")
            ) from None
        if (least is not None and number < least) or (most is not None and number > most):
            bounds = f"{'' if least is None else least}…{'' if most is None else most}"
            raise ValueError(said(f"{number} no está en {bounds}", f"{number} is not in {bounds}"))
        return number


def _choice(kind: type[Enum], value: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        options = ", ".join(str(one.value) for one in kind)
        raise ValueError(
            said(f"'{value}' no es una de: {options}", f"'{value}' is not one of: {options}")
        ) from None


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            said(
                f"'{value}' no es una fecha, por ejemplo 2026-01-31",
                f"'{value}' is no date, for example 2026-01-31",
            )
        ) from None


def _truth(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "sí", "si", "s", "y"}


_READERS: dict[type, Callable[[str], Any]] = {Path: Path, datetime: _moment, bool: _truth}
