"""Make every call of a port cross failpoints, without the adapter knowing (decision 10)."""

import functools
import inspect
from typing import Any, TypeVar, cast

from axon_factory.failpoints import failpoint

Port = TypeVar("Port")


class _Crossing:
    """Stands before an adapter; its async methods report before and after the call."""

    def __init__(self, name: str, adapter: object) -> None:
        self._name = name
        self._adapter = adapter

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 — whatever the adapter has
        value = getattr(self._adapter, attribute)
        if not inspect.iscoroutinefunction(value):
            return value
        place = f"port:{self._name}.{attribute}"

        @functools.wraps(value)
        async def call(*arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401 — passed through
            failpoint(f"{place}:before")
            result = await value(*arguments, **keywords)
            failpoint(f"{place}:after")
            return result

        return call


def crossing(name: str, adapter: Port) -> Port:
    """Return `adapter` behind failpoints "port:<name>.<method>:before" and ":after"."""
    return cast("Port", _Crossing(name, adapter))
