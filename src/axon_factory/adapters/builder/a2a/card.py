"""The agent's card: fetched from the configured address, and reduced to what may be used of it."""

import re
from urllib.parse import urlsplit

import httpx
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client_factory import major_minor
from a2a.types.a2a_pb2 import AgentCard, AgentInterface
from a2a.utils.constants import TransportProtocol
from packaging.version import InvalidVersion

from axon_factory.adapters.builder.a2a.errors import failure

BINDINGS = (TransportProtocol.JSONRPC.value, TransportProtocol.HTTP_JSON.value)
"""The transports that are spoken here; the agent's order of preference decides."""

_MAJOR_VERSION = 1
_A_NAME = re.compile(r"[A-Za-z0-9+/._ -]{1,40}")
"""What an order's sentence may say of a card: names, and no words of others."""
_MOST_NAMED = 8
_DEFAULT_PORTS = {"http": 80, "https": 443}


async def fetch_card(http: httpx.AsyncClient, url: str) -> AgentCard:
    """Return the card of the agent at `url`, with only those interfaces that may be used.

    An interface may be used if it speaks version 1 over a transport of ours, on the very origin
    that the settings name: our token and the client's data go nowhere else.

    Raises:
        PortError: the agent has no such interface.
        A2AError: there is no card.
    """
    card = await A2ACardResolver(http, url).get_agent_card()
    usable = [item for item in card.supported_interfaces if _is_usable(item, url)]
    if not usable:
        raise failure(_why_none(card, url))
    reduced = AgentCard()
    reduced.CopyFrom(card)
    del reduced.supported_interfaces[:]
    reduced.supported_interfaces.extend(usable)
    return reduced


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL; ("", "", None) if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def _is_usable(interface: AgentInterface, url: str) -> bool:
    return (
        interface.protocol_binding in BINDINGS
        and _speaks_version(interface)
        and origin_of(interface.url) == origin_of(url)
    )


def _speaks_version(interface: AgentInterface) -> bool:
    try:
        return major_minor(interface.protocol_version)[0] == _MAJOR_VERSION
    except InvalidVersion:
        return False


def _why_none(card: AgentCard, url: str) -> str:
    ours = [item for item in card.supported_interfaces if item.protocol_binding in BINDINGS]
    offered = f"su tarjeta ofrece {_offered(card)}"
    if not ours:
        spoken = ", ".join(BINDINGS)
        return f"El agente A2A no habla ninguno de nuestros transportes ({spoken}): {offered}."
    if not any(_speaks_version(item) for item in ours):
        return f"El agente A2A no habla la versión {_MAJOR_VERSION} del protocolo: {offered}."
    return (
        f"La tarjeta del agente A2A señala otro servidor que AXON_AGENT_A2A_URL ({url}): {offered}."
    )


def _offered(card: AgentCard) -> str:
    """Return transports and versions of a card's interfaces, as "GRPC 1.0, JSONRPC 0.3"."""
    found = {
        f"{item.protocol_binding} {item.protocol_version}".strip()
        for item in card.supported_interfaces
    }
    named = sorted(one for one in found if _A_NAME.fullmatch(one))
    return ", ".join(named[:_MOST_NAMED]) or "ninguna interfaz"
