"""What counts as a URL, a host, a network and an origin where the owner of a factory names one.

Each function returns the value as it is compared later and raises ValueError with what it must be.
"""

import re
from ipaddress import ip_network
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "base_url", "host_name", "host_of", "network", "origin", "origin_of"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def base_url(value: str) -> str:
    """Return an http(s) URL to which a path can be added."""
    if not value.startswith(("http://", "https://")) or value.endswith("/"):
        raise ValueError("must start with http:// or https:// and have no trailing slash")
    return value


def host_of(url: str) -> str:
    """Return the host name of a URL, in small letters."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> str:
    """Return the origin of an http(s) URL, as browsers send it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def host_name(value: str) -> str:
    """Return a host name, or an IPv6 address without brackets."""
    if not re.fullmatch(r"[a-z0-9.-]{1,253}|[0-9a-f:]{2,39}", value):
        raise ValueError(f"'{value}' is no host name in small letters, without scheme and port")
    return value


def network(value: str) -> str:
    """Return an address or a network in CIDR notation; host bits must be zero."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError(f"'{value}' is no address and no network such as 10.0.0.0/8") from None


def origin(value: str) -> str:
    """Return an origin exactly as browsers send it (RFC 6454 §6.2): https, or http on loopback."""
    if not _is_origin(value):
        raise ValueError(f"'{value}' is no exact origin such as https://panel.example")
    return value


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return False
    name = parts.hostname or ""
    if not name or "*" in name:
        return False
    if parts.scheme != "https" and (parts.scheme != "http" or name not in LOOPBACK):
        return False
    authority = f"[{name}]" if ":" in name else name
    return value == f"{parts.scheme}://{authority}{port}"
