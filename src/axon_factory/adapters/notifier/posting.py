"""Post to a destination and read from its answer whether it took the notification."""

from collections.abc import Mapping
from http import HTTPStatus

from axon_factory import __version__
from axon_factory.adapters.guarded_http import Answer, CallFailed, GuardedHttp
from axon_factory.ports.notifier import DeliveryFailed, Destination, Receipt

_OWN = {
    "Content-Type": "application/json",
    "User-Agent": f"Axon-Factory/{__version__}",
    "Accept": "*/*",
}
_REFUSED = 300


async def post(
    http: GuardedHttp, destination: Destination, body: bytes, headers: Mapping[str, str]
) -> Receipt:
    """Post `body`; only 2xx says that it was taken, a redirect does not.

    Raises:
        DeliveryFailed: it was not. Everything but 410 and an address that is not allowed may go
            better next time: receivers are redeployed, and answer 404 or 401 meanwhile.
    """
    try:
        answer = await http.post(destination.url, body, {**_OWN, **headers})
    except CallFailed as failure:
        raise DeliveryFailed(str(failure), transient=not failure.final) from None
    if not HTTPStatus.OK <= answer.status < _REFUSED:
        raise _refused(answer)
    return Receipt(answer.status)


def _refused(answer: Answer) -> DeliveryFailed:
    gone = answer.status == HTTPStatus.GONE
    return DeliveryFailed(
        "El destino ya no quiere avisos (410)."
        if gone
        else f"El destino respondió {answer.status}.",
        transient=not gone,
        status=answer.status,
        retry_after=answer.retry_after,
        gone=gone,
    )
