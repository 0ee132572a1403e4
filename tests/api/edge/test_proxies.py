"""Who a request is from: forwarded fields are believed of trusted proxies alone."""

from typing import NamedTuple

import pytest

from axon_factory.api.middleware import EdgeOptions
from tests.api.edge.conftest import NO_LIMITS, Edge

PEER = "127.0.0.1"


class Chain(NamedTuple):
    trusted: tuple[str, ...]
    forwarded_for: list[str]
    forwarded_proto: list[str]
    client: str
    scheme: str = "http"


CHAINS = {
    "nobody is trusted": Chain((), ["9.9.9.9"], ["https"], PEER),
    "another proxy is trusted": Chain(("10.0.0.1",), ["9.9.9.9"], ["https"], PEER),
    "one proxy": Chain((PEER,), ["9.9.9.9"], ["https"], "9.9.9.9", "https"),
    "a network of proxies": Chain(("127.0.0.0/8",), ["9.9.9.9"], [], "9.9.9.9"),
    "the client adds a hop": Chain((PEER,), ["1.1.1.1, 9.9.9.9"], [], "9.9.9.9"),
    "the client adds the proxy": Chain((PEER,), [f"{PEER}, 9.9.9.9"], [], "9.9.9.9"),
    "the client adds a field": Chain((PEER,), ["1.1.1.1", "9.9.9.9"], [], "9.9.9.9"),
    "two proxies": Chain((PEER, "10.0.0.0/24"), ["1.1.1.1, 9.9.9.9, 10.0.0.7"], [], "9.9.9.9"),
    "two proxies, one unknown": Chain((PEER,), ["9.9.9.9, 10.0.0.7"], [], "10.0.0.7"),
    "IPv6": Chain((PEER,), ["2001:db8::1"], [], "2001:db8::1"),
    "IPv6 with a port": Chain((PEER,), ["[2001:db8::1]:4711"], [], "2001:db8::1"),
    "IPv4 with a port": Chain((PEER,), ["9.9.9.9:4711"], [], "9.9.9.9"),
    "nothing forwarded": Chain((PEER,), [""], [], PEER),
    "the client says https too": Chain((PEER,), [], ["https", "http"], PEER, "http"),
    "an odd scheme": Chain((PEER,), [], ["javascript"], PEER),
}


@pytest.mark.parametrize("name", CHAINS)
async def test_client_and_scheme(edge: Edge, name: str) -> None:
    chain = CHAINS[name]
    headers = [("X-Forwarded-For", value) for value in chain.forwarded_for]
    headers += [("X-Forwarded-Proto", value) for value in chain.forwarded_proto]
    headers += [("Forwarded", "for=8.8.8.8;proto=https"), ("X-Real-IP", "8.8.8.8")]
    options = EdgeOptions(quotas=NO_LIMITS, trusted_proxies=chain.trusted)
    async with edge(options) as http:
        answer = await http.get("/api/echo", headers=headers)
    assert answer.json() == {"client": chain.client, "scheme": chain.scheme}
