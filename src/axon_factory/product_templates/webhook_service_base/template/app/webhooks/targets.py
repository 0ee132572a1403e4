"""Where events go: addresses, and the named services whose address is a secret."""

import ipaddress
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from app.settings import Settings


def _text(event: Any) -> str:
    return event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, indent=1)


# The environment variable with the service's address, and the body the service expects.
SERVICES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "slack": ("SLACK_WEBHOOK_URL", lambda event: {"text": _text(event)[:3000]}),
    "discord": ("DISCORD_WEBHOOK_URL", lambda event: {"content": _text(event)[:1900]}),
    "zapier": ("ZAPIER_WEBHOOK_URL", lambda event: event),
    "make": ("MAKE_WEBHOOK_URL", lambda event: event),
}


class RefusedTargetError(Exception):
    """The address must not be called; the message says why."""


def body_for(target: str, event: Any) -> str:
    """Return the JSON that a target is sent."""
    shape = SERVICES.get(target, ("", lambda same: same))[1]
    return json.dumps(shape(event), ensure_ascii=False)


def address_of(target: str, settings: Settings) -> str:
    """Return a target's URL.

    Raises:
        RefusedTargetError: the named service's address is not set.
    """
    if target not in SERVICES:
        return target
    variable = SERVICES[target][0]
    if not settings.get(variable):
        raise RefusedTargetError(f"Falta {variable}.")
    return settings.get(variable)


def checked_address(url: str, settings: Settings) -> tuple[str, str]:
    """Return the host of a URL and the one address to connect to.

    The address is looked up once, here, and then connected to: a name that changes its mind between
    the check and the call gains nothing. ALLOW_PRIVATE_TARGETS=1 lifts the limits.

    Raises:
        RefusedTargetError: not https on port 443, or an address that is not public.
    """
    free = settings.get("ALLOW_PRIVATE_TARGETS") == "1"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise RefusedTargetError("La dirección no se entiende.") from error
    allowed = parts.scheme == "https" and port == 443
    if not parts.hostname or parts.username or not (allowed or (free and parts.scheme == "http")):
        raise RefusedTargetError("Solo se llama a direcciones https en el puerto 443.")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedTargetError("El nombre del destino no existe.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not free and not all(is_public(address) for address in addresses):
        raise RefusedTargetError("El destino no es una dirección pública.")
    return parts.hostname, addresses[0]


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public Internet's, tunnels and mappings excluded."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return (
            ip.is_global
            and ip in ipaddress.ip_network("2000::/3")
            and not (ip.sixtofour or ip.teredo)
        )
    return ip.is_global and not ip.is_multicast
