"""One builder that is many: each order goes to the one that was chosen for it."""

from collections.abc import Mapping

from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import Builder, BuildReport, BuildRequest
from axon_factory.ports.errors import PortError


class ChosenBuilder:
    """Hands every call to the builder that the request names."""

    name = "chosen"

    def __init__(self, builders: Mapping[str, Builder]) -> None:
        """`builders` are those that the settings configure, by name."""
        self._builders = builders

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """See the port."""
        return await self._of(request).start(request, idempotency_key=idempotency_key)

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        """See the port."""
        return await self._of(request).find(request, idempotency_key=idempotency_key)

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """See the port."""
        chosen = self._of(request)
        return await chosen.proceed(session_id, request, idempotency_key=idempotency_key)

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """See the port."""
        chosen = self._of(request)
        return await chosen.stop(session_id, request, force=force, idempotency_key=idempotency_key)

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """See the port; an order may have been given to several."""
        for builder in self._builders.values():
            await builder.forget(order_id, idempotency_key=idempotency_key)

    def _of(self, request: BuildRequest) -> Builder:
        chosen = self._builders.get(request.builder)
        if chosen is None:
            raise PortError(
                f"Este trabajador no tiene el constructor '{request.builder}'; los que tiene: "
                f"{', '.join(sorted(self._builders))}",
                cause=FailureCause.CONSTRUCTOR_NO_DISPONIBLE,
            )
        return chosen
