"""Addresses: how an owner names them, which may be called, and which networks are public.

A person who names an address may aim our call at a service of our own machine, at a router, or at
the metadata of a cloud. The table of networks is this module's, because Python's `is_global`
depends on its patch release and has called some of these public (CVE-2024-4032).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

from axon_factory.domain.text import Sentence

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


Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_LONGEST_URL = 2048
_HTTPS_PORT = 443
_HTTP_PORT = 80
_LARGEST_PORT = 65535

# RFC 3986's characters, without those that need an escape and without the bracket of addresses.
_URL = re.compile(r"(?i)(https?)://([^/?#]+)((?:/[a-z0-9._~!$&'()*+,;=:@%/-]*)?)(\?[^#]*)?")
_QUERY = re.compile(r"(?i)\?[a-z0-9._~!$&'()*+,;=:@%/?-]*")
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# A last label like these makes resolvers and browsers read the whole as a number: 0x7f.1, 127.1.
_NUMERIC = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers, and some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, from inside any machine there
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Only 2000::/3 is given out: mapped and compatible IPv4, NAT64, unique and link-local addresses,
# site-local ones and multicast are all outside of it.
_GIVEN_OUT_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


class UrlRefused(ValueError):
    """A URL is none that may be called; `sentence` says why, for people."""

    def __init__(self, sentence: Sentence) -> None:
        """Say `sentence`."""
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class OutboundUrl:
    """A URL taken apart once, so that no other code reads it differently.

    `host` is a name in small letters or an address without brackets, `target` path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def is_secure(self) -> bool:
        """True for https on its own port, the only thing that is allowed everywhere."""
        return (self.scheme, self.port) == ("https", _HTTPS_PORT)

    @property
    def authority(self) -> str:
        """What the `Host` field says: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = _HTTPS_PORT if self.scheme == "https" else _HTTP_PORT
        return host if self.port == own else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """Which addresses may be called.

    `networks` may be reached although they are not public; http and any port are
    allowed there. `setting` has them, and refusals name it.
    """

    networks: tuple[_Network, ...] = ()
    setting: str = "AXON_WEBHOOK_NETWORKS"

    @classmethod
    def of(cls, networks: Iterable[str], *, setting: str | None = None) -> "OutboundRules":
        """Take the networks in CIDR notation, and the name of the setting that has them."""
        parsed = tuple(ip_network(text) for text in sorted(networks))
        return cls(parsed) if setting is None else cls(parsed, setting)

    def allows(self, url: OutboundUrl, address: Address) -> bool:
        """Return whether `url` may be called at `address`, one of its host's addresses."""
        if any(address in network for network in self.networks):
            return True
        return url.is_secure and is_public(address)

    def check(self, text: str) -> OutboundUrl:
        """Return the URL, refusing at once what no address of its host could make allowed.

        Raises:
            UrlRefused: it is malformed, not https on port 443 where nothing else is allowed, or
                names an address that is not.
        """
        url = parse_outbound(text)
        if not url.is_secure and not self.networks:
            raise UrlRefused(
                Sentence(
                    f"Debe ser https en el puerto 443; {self.setting} nombra las redes donde se "
                    "admite otra cosa",
                    f"Must be https on port 443; {self.setting} names the networks where anything "
                    "else is allowed",
                )
            )
        address = parse_address(url.host)
        if address is not None and not self.allows(url, address):
            raise UrlRefused(
                Sentence(
                    f"Esa dirección no es pública; {self.setting} nombra las que se admiten de "
                    "todos modos",
                    f"That address is not public; {self.setting} names those that are allowed "
                    "all the same",
                )
            )
        return url


def is_public(address: Address) -> bool:
    """Return whether `address` is given out to somebody on the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GIVEN_OUT_6 and not any(address in network for network in _NOT_PUBLIC_6)


def parse_address(host: str) -> Address | None:
    """Return the address that `host` is, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def parse_outbound(text: str) -> OutboundUrl:
    """Take a URL apart, refusing every spelling that two programs might read differently.

    Raises:
        UrlRefused: it is no http(s) URL of a plain host, or has user, password or fragment.
    """
    match = _URL.fullmatch(text) if len(text) <= _LONGEST_URL and text.isascii() else None
    query = "" if match is None else match[4] or ""
    if (
        match is None
        or not text.isprintable()
        or (query and not _QUERY.fullmatch(query))
        or _ESCAPES.search(text)
    ):
        raise UrlRefused(
            Sentence(
                "Debe ser una dirección como https://ejemplo.com/avisos, en ASCII y sin fragmento",
                "Must be an address such as https://example.com/hooks, in ASCII, without fragment",
            )
        )
    scheme, authority = match[1].lower(), match[2].lower()
    host, port = _host_and_port(authority)
    own = _HTTPS_PORT if scheme == "https" else _HTTP_PORT
    return OutboundUrl(scheme, host, own if port is None else port, (match[3] or "/") + query)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise UrlRefused(
            Sentence("No debe llevar usuario ni contraseña", "Must not carry a user or a password")
        )
    try:
        parts = urlsplit(f"//{authority}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_host() from None
    shown = f"[{host}]" if ":" in host else host
    # What was read must be what was written, whole: no empty port, no leading zero, no zone.
    if authority != (shown if port is None else f"{shown}:{port}") or port == 0:
        raise _no_host()
    address = parse_address(host)
    if address is not None:
        if "%" in host or (isinstance(address, IPv4Address) and str(address) != host):
            raise _no_host()
        return str(address), port
    if not _NAME.fullmatch(host) or _NUMERIC.match(host.rpartition(".")[2]):
        raise _no_host()
    return host, port


def _no_host() -> UrlRefused:
    return UrlRefused(
        Sentence(
            "El servidor debe ser un nombre o una dirección IP en su forma usual",
            "The host must be a name or an IP address in its usual form",
        )
    )
