"""Access tokens that are none: every one gets the same 401 on every way in."""

import base64
import hmac
import json
import string
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.db.sessions import Database
from tests.api.authentication.ways_in import accepted_by, refuse_everywhere, refused_as_expired

BEARER_WAYS = {"read by bearer", "stream by bearer", "write by bearer", "git by bearer",
               "git by password"}  # fmt: skip


_LONG_AGO = "created_at = now() - interval '8 days'"


@dataclass(frozen=True, slots=True)
class Stolen:
    """What an attacker knows: most of these tokens are signed with the application's own key."""

    kid: str
    key: bytes
    user: UUID
    session: UUID
    others_session: UUID
    revoked_session: UUID
    expired_session: UUID
    inactive: UUID
    inactive_session: UUID


@pytest.fixture
async def stolen(
    container: Container,
    database: Database,
    user_id: UUID,
    new_user: Callable[..., Awaitable[UUID]],
    new_session: Callable[[UUID], Awaitable[UUID]],
) -> Stolen:
    keys = container.authenticator._access_tokens._keys
    other, inactive = await new_user("eva@example.com"), await new_user("leo@example.com")
    made = [await new_session(user) for user in (user_id, other, user_id, user_id, inactive)]
    async with database.transaction("test") as session:
        for change, about in [
            ("user_sessions SET revoked_at = now()", made[2]),
            (
                "user_sessions SET created_at = now() - interval '8 days', expires_at = now()",
                made[3],
            ),
            ("users SET active = false", inactive),
        ]:
            await session.execute(text(f"UPDATE {change} WHERE id = :id"), {"id": about})
    return Stolen(
        keys.current_kid,
        keys.keys[keys.current_kid],
        user_id,
        *made[:4],
        inactive=inactive,
        inactive_session=made[4],
    )


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(s: Stolen, header: str, payload: str, key: bytes = b"", digest: str = "sha256") -> str:
    """A JWS over these very bytes, made without the code under test."""
    body = f"{_b64(header.encode())}.{_b64(payload.encode())}"
    return f"{body}.{_b64(hmac.digest(key or s.key, body.encode(), digest))}"


def _header(s: Stolen, **changes: object) -> str:
    return json.dumps({"alg": "HS256", "kid": s.kid, "typ": "at+jwt", **changes})


def _claims(s: Stolen) -> dict[str, Any]:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 900}
    who = {"sub": str(s.user), "sid": str(s.session), "jti": "j"}
    return {"iss": "axon-factory", "aud": "axon-factory-api", **who, **times}


def _jwt(
    s: Stolen,
    header: dict[str, Any] | None = None,
    without: str = "",
    **claims: Any,  # noqa: ANN401 — hostile on purpose
) -> str:
    payload = {**_claims(s), **claims}
    payload.pop(without, None)
    return _sign(s, _header(s, **(header or {})), json.dumps(payload))


def _json(s: Stolen) -> str:
    return json.dumps(_claims(s))


def _changed_after_signing(s: Stolen) -> str:
    header, _, signature = _jwt(s).split(".")
    claims = _claims(s) | {"sub": str(s.inactive), "sid": str(s.inactive_session)}
    return f"{header}.{_b64(json.dumps(claims).encode())}.{signature}"


def _with_key(s: Stolen, **header: object) -> str:
    """Signed with a key that the header itself brings or points to."""
    return _sign(s, _header(s, **header), _json(s), key=b"9" * 32)


HOSTILE_JWTS: dict[str, Callable[[Stolen], str | bytes]] = {
    "empty": lambda _: "",
    "not a token": lambda _: "hola",
    "two parts": lambda s: _jwt(s).rpartition(".")[0],
    "four parts": lambda s: _jwt(s) + ".AAAA",
    "no signature": lambda s: _jwt(s).rpartition(".")[0] + ".",
    "signature of another key": lambda s: _sign(s, _header(s), _json(s), key=b"2" * 32),
    "signature of the empty key": lambda s: _sign(s, _header(s), _json(s), key=b"\0"),
    "signature cut": lambda s: _jwt(s)[:-2],
    "signature padded": lambda s: _jwt(s) + "=",
    "signature in another spelling": lambda s: _respelt(_jwt(s)),
    "payload changed after signing": _changed_after_signing,
    "alg none": lambda s: _jwt(s, {"alg": "none"}).rpartition(".")[0] + ".",
    "alg none, signed": lambda s: _jwt(s, {"alg": "none"}),
    "alg None in capitals": lambda s: _jwt(s, {"alg": "NONE"}),
    "alg hs256": lambda s: _jwt(s, {"alg": "hs256"}),
    "alg HS512": lambda s: _sign(s, _header(s, alg="HS512"), _json(s), digest="sha512"),
    "alg RS256": lambda s: _jwt(s, {"alg": "RS256"}),
    "alg a list": lambda s: _jwt(s, {"alg": ["HS256"]}),
    "alg twice": lambda s: _sign(s, _header(s).replace("{", '{"alg": "none", ', 1), _json(s)),
    "typ JWT": lambda s: _jwt(s, {"typ": "JWT"}),
    "typ refresh": lambda s: _jwt(s, {"typ": "refresh"}),
    "typ in capitals": lambda s: _jwt(s, {"typ": "AT+JWT"}),
    "no typ": lambda s: _sign(s, f'{{"alg":"HS256","kid":"{s.kid}"}}', _json(s)),
    "no kid": lambda s: _sign(s, '{"alg":"HS256","typ":"at+jwt"}', _json(s)),
    "unknown kid": lambda s: _jwt(s, {"kid": "k2"}),
    "kid a path": lambda s: _jwt(s, {"kid": "../../dev/null"}),
    "kid a list": lambda s: _jwt(s, {"kid": [s.kid]}),
    "kid null": lambda s: _jwt(s, {"kid": None}),
    "zip": lambda s: _jwt(s, {"zip": "DEF"}),
    "crit": lambda s: _jwt(s, {"crit": ["exp"]}),
    "b64 false": lambda s: _jwt(s, {"b64": False, "crit": ["b64"]}),
    "jwk": lambda s: _with_key(s, jwk={"kty": "oct", "k": _b64(b"9" * 32)}),
    "jku": lambda s: _with_key(s, jku="http://127.0.0.1/keys"),
    "x5u": lambda s: _with_key(s, x5u="http://127.0.0.1/chain"),
    "x5c": lambda s: _with_key(s, x5c=["MIIB"]),
    "cty": lambda s: _jwt(s, {"cty": "JWT"}),
    "kid with NUL": lambda s: _jwt(s, {"kid": f"{s.kid}\0"}),
    "kid SQL": lambda s: _jwt(s, {"kid": f"x' UNION SELECT '{s.kid}"}),
    "encrypted": lambda s: f"{_jwt(s)}.AAAA.AAAA",
    "as a JSON object": lambda s: json.dumps(
        dict(zip(("protected", "payload", "signature"), _jwt(s).split("."), strict=True))
    ),
    "white space within": lambda s: _jwt(s).replace(".", ". ", 1),
    "a line within": lambda s: _jwt(s).replace(".", ".\n", 1),
    "NUL at the end": lambda s: _jwt(s) + "\0",
    "a no-break space at the end": lambda s: _jwt(s) + "\u00a0",
    "more behind a comma": lambda s: f"{_jwt(s)},x",
    "in quotes": lambda s: f'"{_jwt(s)}"',
    "dots of another script": lambda s: _jwt(s).replace(".", "\uff0e"),
    "letters of another script": lambda s: _jwt(s).replace("e", "\u0435", 1),
    "Latin-1": lambda s: _jwt(s).encode() + b"\xf1",
    "standard Base64": lambda s: _jwt(s, jti="\u00fb\u00ff" * 9 + "???>>>").replace("_", "/"),
    "payload with more behind it": lambda s: _sign(s, _header(s), _json(s) + "{}"),
    "payload with a byte order mark": lambda s: _sign(s, _header(s), "\ufeff" + _json(s)),
    "header with more behind it": lambda s: _sign(s, _header(s) + "x", _json(s)),
    "header an array": lambda s: _sign(s, "[]", _json(s)),
    "header not JSON": lambda s: _sign(s, "{", _json(s)),
    "payload an array": lambda s: _sign(s, _header(s), "[]"),
    "payload not JSON": lambda s: _sign(s, _header(s), "{"),
    "payload nested deep": lambda s: _sign(s, _header(s), "[" * 2900),
    "larger than 4 KiB": lambda s: _jwt(s, jti="x" * 4000),
    "twenty kilobytes": lambda s: _jwt(s, jti="x" * 15_000),
    **{
        f"no {claim}": lambda s, claim=claim: _jwt(s, without=claim)
        for claim in ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp")
    },
    "an unknown claim": lambda s: _jwt(s, role="admin"),
    "sub twice": lambda s: _sign(s, _header(s), _json(s)[:-1] + f', "sub": "{uuid4()}"}}'),
    "lives longer than ours": lambda s: _jwt(s, exp=int(time.time()) + 901),
    "exp before iat": lambda s: _jwt(s, iat=int(time.time()) + 4, exp=int(time.time()) + 3),
    "exp as text": lambda s: _jwt(s, exp=str(int(time.time()) + 900)),
    "exp a float": lambda s: _jwt(s, exp=time.time() + 800.5),
    "exp 1e308": lambda s: _jwt(s, exp=1e308),
    "exp Infinity": lambda s: _jwt(s, exp=float("inf")),
    "exp NaN": lambda s: _jwt(s, exp=float("nan")),
    "exp a thousand digits": lambda s: _jwt(s, exp=10**1000),
    "exp true": lambda s: _jwt(s, exp=True),
    "exp null": lambda s: _jwt(s, exp=None),
    "iat negative": lambda s: _jwt(s, iat=-1),
    "iat in the future": lambda s: _jwt(s, iat=int(time.time()) + 60),
    "nbf in the future": lambda s: _jwt(s, nbf=int(time.time()) + 60),
    "aud a list": lambda s: _jwt(s, aud=["axon-factory-api"]),
    "aud another": lambda s: _jwt(s, aud="web"),
    "iss another": lambda s: _jwt(s, iss="evil"),
    "iss a list": lambda s: _jwt(s, iss=["axon-factory"]),
    "exp in digits of another script": lambda s: _jwt(s, exp="\u0661" * 10),
    "exp negative": lambda s: _jwt(s, exp=-1),
    "sub nobody": lambda s: _jwt(s, sub=str(uuid4())),
    "sub inactive": lambda s: _jwt(s, sub=str(s.inactive), sid=str(s.inactive_session)),
    "sid nobody's": lambda s: _jwt(s, sid=str(uuid4())),
    "sid another user's": lambda s: _jwt(s, sid=str(s.others_session)),
    "sid revoked": lambda s: _jwt(s, sid=str(s.revoked_session)),
    "sid expired": lambda s: _jwt(s, sid=str(s.expired_session)),
    "sid in another spelling": lambda s: _jwt(s, sid=s.session.hex),
    "sid a list": lambda s: _jwt(s, sid=[str(s.session)]),
    "sid empty": lambda s: _jwt(s, sid=""),
    "sub not a UUID": lambda s: _jwt(s, sub="' OR 1=1 --"),
    "sub in another spelling": lambda s: _jwt(s, sub=f"{{{s.user}}}"),
    "sub a number": lambda s: _jwt(s, sub=1),
    "jti empty": lambda s: _jwt(s, jti=""),
    "jti an object": lambda s: _jwt(s, jti={}),
}


def _respelt(token: str) -> str:
    """The same signature bytes with the unused low bits of the last character set."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 3]


GOOD_JWTS: dict[str, Callable[[Stolen], str | bytes]] = {
    "the recipe's": _jwt,
    "with a long name": lambda s: _jwt(s, jti="x" * 2000),
    "of a clock that is ahead": lambda s: _jwt(s, iat=int(time.time()) + 4, nbf=1),
    "of a short life": lambda s: _jwt(s, exp=int(time.time()) + 60),
    "in another order": lambda s: _sign(
        s, json.dumps({"typ": "at+jwt", "kid": s.kid, "alg": "HS256"}), _json(s)
    ),
}


async def test_every_hostile_jwt_is_refused_on_every_way_in(
    http: httpx2.AsyncClient, stolen: Stolen, assert_unauthenticated: Callable[..., None]
) -> None:
    assert len(HOSTILE_JWTS) >= 60
    for name, make in HOSTILE_JWTS.items():
        await refuse_everywhere(http, make(stolen), name, assert_unauthenticated)


async def test_only_a_genuine_one_is_told_that_it_expired(
    http: httpx2.AsyncClient, stolen: Stolen, assert_unauthenticated: Callable[..., None]
) -> None:
    now = int(time.time())
    for times in ({"iat": 1, "nbf": 1, "exp": 900}, {"iat": now - 9, "nbf": now - 9, "exp": now}):
        told = await refused_as_expired(
            http, _jwt(stolen, **times), "expired", assert_unauthenticated
        )
        assert told == BEARER_WAYS
        forged = _sign(stolen, _header(stolen), json.dumps(_claims(stolen) | times), key=b"2" * 32)
        await refuse_everywhere(http, forged, "forged", assert_unauthenticated)


async def test_the_good_ones_are_taken_where_access_tokens_are(
    http: httpx2.AsyncClient, stolen: Stolen
) -> None:
    for name, make in GOOD_JWTS.items():
        assert await accepted_by(http, make(stolen)) == BEARER_WAYS, name


async def test_a_refusal_says_the_same_as_no_credential(
    http: httpx2.AsyncClient, stolen: Stolen, assert_unauthenticated: Callable[..., None]
) -> None:
    assert_unauthenticated(await http.get("/api/auth/me"))
    forged = _sign(stolen, _header(stolen), _json(stolen), key=b"2" * 32)
    answers = [
        await http.get("/api/auth/me", headers=headers)
        for headers in ({}, {"Authorization": f"Bearer {forged}"})
    ]
    assert answers[0].content == answers[1].content
