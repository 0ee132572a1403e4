"""Nothing of our own is ever called: many addresses, and a listener that must hear nothing."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.adapters.guarded_http import CallFailed, GuardedHttp
from axon_factory.domain.addresses import OutboundRules, UrlRefused, is_public, parse_outbound
from tests.support.receiver import Receiver, receiving

# {port} is the canary's. Of each it does not matter whether reading or resolving refuses it.
LITERALS = [
    "https://127.0.0.1/",
    "https://127.0.0.1:443/",
    "https://127.0.0.1:{port}/",
    "https://127.8.9.10/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.1:{port}/",
    "https://2130706433/",
    "https://2130706433:{port}/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://0X7F.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.1/",
    "https://00000177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://0.0.0.0:{port}/",
    "https://0x0/",
    "https://00/",
    "https://10.0.0.1/",
    "https://10.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://169.254.43518/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.1.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::1]:{port}/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::7f00:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::]/",
    "https://[2001::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25lo]/",
    "https://[fe80::1%lo]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    "https://[::1%25lo]/",
]
NAMES = [
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost:{port}/",
    "https://localhost./",
    "https://localhost.localdomain/",
    "https://ip6-localhost/",
    "https://rebind.example/",
    "https://rebind.example:{port}/",
    "https://mixed.example/",
    "https://mapped.example/",
    "https://nat64.example/",
    "https://sixtofour.example/",
    "https://metadata.example/",
    "https://nothing.example/",
    "https://odd.example/",
]
TRICKS = [
    "http://127.0.0.1:{port}/",
    "http://good.example/",
    "http://good.example:{port}/",
    "https://good.example:{port}/",
    "https://good.example:80/",
    "https://good.example:0/",
    "https://good.example:/",
    "https://good.example:00443/",
    "https://good.example:65536/",
    "https://good.example:-1/",
    "https://good.example@127.0.0.1/",
    "https://good.example:x@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}@good.example/",
    "https://good.example%40127.0.0.1/",
    "https://good.example\\@127.0.0.1/",
    "https://127.0.0.1\\@good.example/",
    "https://good.example#@127.0.0.1/",
    "https://good.example/#fragment",
    "https:\\\\127.0.0.1\\",
    "https:/127.0.0.1/",
    "https:127.0.0.1",
    "//127.0.0.1/",
    "https:///127.0.0.1/",
    "https://",
    "https://?x",
    " https://127.0.0.1/",
    "https://127.0.0.1/ ",
    "https://good.example/ HTTP/1.1\r\nHost: 127.0.0.1",
    "https://good.example/\r\nX: y",
    "https://good.example/%0d%0aX: y",
    "https://good.example\r\n.127.0.0.1/",
    "https://good.example/\tx",
    "https://good.example/\x00",
    "https://good.example/?a=\n",
    "https://good.example/%zz",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://ⓛocalhost/",
    "https://127.0.0.1%2f@good.example/",
    "https://127.0.0.1%00.good.example/",
    "https://[::ffff:127.0.0.1/",
    "https://::1/",
    "https://good..example/",
    "https://-good.example/",
    "https://good_example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 130 + "example/",
    "https://good.example/" + "a" * 2100,
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:{port}/_x",
    "dict://127.0.0.1:{port}/",
    "ldap://127.0.0.1:{port}/",
    "jar:https://127.0.0.1!/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "ws://127.0.0.1:{port}/",
    "wss://127.0.0.1:{port}/",
    "javascript:alert(1)",
    "",
]
CORPUS = [*LITERALS, *NAMES, *TRICKS]
ADDRESSES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "rebind.example": ["127.0.0.1"],
    "mixed.example": ["8.8.8.8", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "sixtofour.example": ["2002:7f00:1::"],
    "metadata.example": ["169.254.169.254"],
    "nothing.example": [],
    "odd.example": ["no address"],
}


async def names(host: str, _port: int) -> Sequence[str]:
    # What is not in the table is the canary too: whatever gets past the reading is seen.
    return ADDRESSES.get(host, ["127.0.0.1"])


@pytest.fixture
async def canary() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def test_the_corpus_is_large() -> None:
    assert len(set(CORPUS)) == len(CORPUS) >= 90


async def test_no_address_of_the_corpus_is_called(canary: Receiver) -> None:
    called = []
    http = GuardedHttp(OutboundRules(), timeout_seconds=2, resolver=names)
    for template in CORPUS:
        url = template.replace("{port}", str(canary.port))
        try:
            await http.post(url, b"{}", {})
            called.append(url)
        except CallFailed as failure:
            if "conectar" in str(failure) or "tiempo" in str(failure):
                called.append(url)  # it tried
    assert called == []
    assert canary.connections == 0


async def test_the_canary_is_reached_where_the_owner_allows_it(canary: Receiver) -> None:
    http = GuardedHttp(OutboundRules.of(["127.0.0.0/8"]), resolver=names)
    for host in ("127.0.0.1", "rebind.example"):
        answer = await http.post(f"http://{host}:{canary.port}/x?y=1", b"{}", {})
        assert answer.status == 204
    assert canary.connections == 2
    request = canary.requests[-1]
    assert request.line == "POST /x?y=1 HTTP/1.1"
    assert request.headers["host"] == f"rebind.example:{canary.port}"


@pytest.mark.parametrize("url", ["http://mixed.example:{port}/", "http://[::1]:{port}/"])
async def test_an_allowed_network_opens_no_other(canary: Receiver, url: str) -> None:
    http = GuardedHttp(OutboundRules.of(["127.0.0.1/32"]), timeout_seconds=2, resolver=names)
    with pytest.raises(CallFailed, match="no se admite"):
        await http.post(url.replace("{port}", str(canary.port)), b"{}", {})
    assert canary.connections == 0


async def test_a_resolver_that_changes_its_mind_is_asked_once(canary: Receiver) -> None:
    asked = itertools.count()
    flips = itertools.cycle([["8.8.8.8"], ["127.0.0.1"]])

    async def flipping(_host: str, _port: int) -> Sequence[str]:
        next(asked)
        return next(flips)

    http = GuardedHttp(OutboundRules(), timeout_seconds=2, resolver=flipping)
    for _ in range(3):
        # The public answer is connected to, and no other: here the tests' own guard steps in.
        with pytest.RaisesGroup(pytest.RaisesExc(UserWarning, match="8.8.8.8")):
            await http.post("https://flip.example/", b"{}", {})
        with pytest.raises(CallFailed, match="no se admite"):
            await http.post("https://flip.example/", b"{}", {})
    assert next(asked) == 6
    assert canary.connections == 0


async def test_the_environment_is_not_asked_for_a_proxy(
    canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        http = GuardedHttp(OutboundRules.of(["127.0.0.0/8"]))
        assert (await http.post(canary.url, b"{}", {})).status == 204
        assert (proxy.connections, canary.connections) == (0, 1)


async def test_a_resolver_that_hangs_costs_no_more_than_the_whole_call() -> None:
    async def hanging(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    http = GuardedHttp(OutboundRules(), timeout_seconds=0.05, resolver=hanging)
    with pytest.raises(CallFailed, match="a tiempo") as caught:
        await http.post("https://slow.example/", b"{}", {})
    assert not caught.value.final


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.128.0.0", "2606:4700::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_whatever_python_calls_private_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(address)


@given(
    st.one_of(
        st.text(max_size=60),
        st.from_regex(r"https?://[ -~]{0,40}", fullmatch=True),
        st.sampled_from(CORPUS),
    )
)
def test_what_is_read_is_what_was_written(text: str) -> None:
    try:
        url = parse_outbound(text)
    except UrlRefused:
        return
    # One spelling: reading what was read gives the same, so no second reader can differ.
    assert parse_outbound(f"{url.scheme}://{url.authority}{url.target}") == url
    assert url.target.isascii()
    assert url.target.isprintable()
    assert " " not in url.target + url.host
