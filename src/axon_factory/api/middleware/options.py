"""What the owner of a factory can set about its HTTP edge."""

import re
from dataclasses import dataclass, field

from axon_factory.api.json_text import JsonLimits
from axon_factory.api.rate_limits import Quotas

__all__ = ["GZIP_CODINGS", "PROBES", "STREAMED", "EdgeOptions"]

PROBES = frozenset({"/health", "/ready"})
"""Answered under every host name and counted by no limit: probes ask often, and by address."""

STREAMED = re.compile(r"/git/[^/]+\.git/git-upload-pack")
"""Paths whose route reads, bounds and decompresses the body itself, after it knows the caller."""
GZIP_CODINGS = frozenset({"gzip", "x-gzip"})
"""What git may compress those bodies with."""


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Sizes are in bytes; an empty `hosts` accepts every name, empty `origins` closes CORS."""

    max_body_bytes: int = 256 * 1024
    max_header_bytes: int = 32 * 1024
    max_address_bytes: int = 8 * 1024
    max_requests_at_once: int = 1000
    json: JsonLimits = field(default_factory=JsonLimits)
    quotas: Quotas = field(default_factory=Quotas)
    hosts: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    https: bool = False
    """The world reaches this factory over TLS only."""
