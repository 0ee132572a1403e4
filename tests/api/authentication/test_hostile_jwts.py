"""Tokens that are none: every one gets the same 401."""

import base64
import hmac
import json
import string
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx2

from axon_factory.accounts.access_tokens import AccessTokens

KEY = b"1" * 32  # the application's own: most of these are signed correctly


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(header: str, payload: str, *, key: bytes = KEY, digest: str = "sha256") -> str:
    """A JWS over these very bytes, made without the code under test."""
    body = f"{_b64(header.encode())}.{_b64(payload.encode())}"
    return f"{body}.{_b64(hmac.digest(key, body.encode(), digest))}"


HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}


def _claims(user_id: UUID) -> dict[str, Any]:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 900}
    return {"iss": "axon", "aud": "api", "sub": str(user_id), "jti": "j", **times}


def _jwt(
    user_id: UUID,
    header: dict[str, Any] | None = None,
    without: str = "",
    **claims: Any,  # noqa: ANN401 — hostile on purpose
) -> str:
    payload = {**_claims(user_id), **claims}
    payload.pop(without, None)
    return _sign(json.dumps({**HEADER, **(header or {})}), json.dumps(payload))


def _json(user_id: UUID) -> str:
    return json.dumps(_claims(user_id))


def _embedded_jwk(user_id: UUID) -> str:
    header = {**HEADER, "jwk": {"kty": "oct", "k": _b64(b"9" * 32)}}
    return _sign(json.dumps(header), _json(user_id), key=b"9" * 32)


HOSTILE_JWTS: dict[str, Callable[[UUID], str]] = {
    "empty": lambda _: "",
    "not a token": lambda _: "hola",
    "two parts": lambda user: _jwt(user).rpartition(".")[0],
    "four parts": lambda user: _jwt(user) + ".AAAA",
    "no signature": lambda user: _jwt(user).rpartition(".")[0] + ".",
    "signature of another key": lambda user: _sign(json.dumps(HEADER), _json(user), key=b"2" * 32),
    "signature of the empty key": lambda user: _sign(json.dumps(HEADER), _json(user), key=b""),
    "signature cut": lambda user: _jwt(user)[:-2],
    "signature padded": lambda user: _jwt(user) + "=",
    "signature in another spelling": lambda user: _respelt(_jwt(user)),
    "payload changed after signing": lambda user: _jwt(user).replace(
        _jwt(user).split(".")[1], _b64(_json(uuid4()).encode())
    ),
    "alg none": lambda user: _jwt(user, {"alg": "none"}).rpartition(".")[0] + ".",
    "alg none, signed": lambda user: _jwt(user, {"alg": "none"}),
    "alg None in capitals": lambda user: _jwt(user, {"alg": "NONE"}),
    "alg hs256": lambda user: _jwt(user, {"alg": "hs256"}),
    "alg HS512": lambda user: _sign(
        json.dumps({**HEADER, "alg": "HS512"}), _json(user), digest="sha512"
    ),
    "alg RS256": lambda user: _jwt(user, {"alg": "RS256"}),
    "alg a list": lambda user: _jwt(user, {"alg": ["HS256"]}),
    "alg twice": lambda user: _sign(
        '{"alg":"none","alg":"HS256","kid":"k1","typ":"at+jwt"}', _json(user)
    ),
    "typ JWT": lambda user: _jwt(user, {"typ": "JWT"}),
    "typ refresh": lambda user: _jwt(user, {"typ": "refresh"}),
    "typ in capitals": lambda user: _jwt(user, {"typ": "AT+JWT"}),
    "no typ": lambda user: _sign('{"alg":"HS256","kid":"k1"}', _json(user)),
    "no kid": lambda user: _sign('{"alg":"HS256","typ":"at+jwt"}', _json(user)),
    "unknown kid": lambda user: _jwt(user, {"kid": "k2"}),
    "kid a path": lambda user: _jwt(user, {"kid": "../../dev/null"}),
    "kid a list": lambda user: _jwt(user, {"kid": ["k1"]}),
    "kid null": lambda user: _jwt(user, {"kid": None}),
    "zip": lambda user: _jwt(user, {"zip": "DEF"}),
    "crit": lambda user: _jwt(user, {"crit": ["exp"]}),
    "b64 false": lambda user: _jwt(user, {"b64": False, "crit": ["b64"]}),
    "a key in the header": _embedded_jwk,
    "jku": lambda user: _jwt(user, {"jku": "http://127.0.0.1/keys"}),
    "header an array": lambda user: _sign("[]", _json(user)),
    "header not JSON": lambda user: _sign("{", _json(user)),
    "payload an array": lambda _: _sign(json.dumps(HEADER), "[]"),
    "payload not JSON": lambda _: _sign(json.dumps(HEADER), "{"),
    "payload nested deep": lambda _: _sign(json.dumps(HEADER), "[" * 2900),
    "larger than 4 KiB": lambda user: _jwt(user, jti="x" * 4000),
    "one megabyte": lambda user: _jwt(user, jti="x" * 1_000_000),
    **{
        f"no {claim}": lambda user, claim=claim: _jwt(user, without=claim)
        for claim in ("iss", "aud", "sub", "jti", "iat", "nbf", "exp")
    },
    "an unknown claim": lambda user: _jwt(user, role="admin"),
    "sub twice": lambda user: _sign(
        json.dumps(HEADER), _json(user)[:-1] + f', "sub": "{uuid4()}"}}'
    ),
    "expired": lambda user: _jwt(user, iat=1, nbf=1, exp=900),
    "expires now": lambda user: _jwt(user, exp=int(time.time())),
    "lives longer than ours": lambda user: _jwt(user, exp=int(time.time()) + 901),
    "exp before iat": lambda user: _jwt(user, iat=int(time.time()) + 4, exp=int(time.time()) + 3),
    "exp as text": lambda user: _jwt(user, exp=str(int(time.time()) + 900)),
    "exp a float": lambda user: _jwt(user, exp=time.time() + 800.5),
    "exp 1e308": lambda user: _jwt(user, exp=1e308),
    "exp Infinity": lambda user: _jwt(user, exp=float("inf")),
    "exp NaN": lambda user: _jwt(user, exp=float("nan")),
    "exp a thousand digits": lambda user: _jwt(user, exp=10**1000),
    "exp true": lambda user: _jwt(user, exp=True),
    "exp null": lambda user: _jwt(user, exp=None),
    "iat negative": lambda user: _jwt(user, iat=-1),
    "iat in the future": lambda user: _jwt(user, iat=int(time.time()) + 60),
    "nbf in the future": lambda user: _jwt(user, nbf=int(time.time()) + 60),
    "aud a list": lambda user: _jwt(user, aud=["api"]),
    "aud another": lambda user: _jwt(user, aud="web"),
    "iss another": lambda user: _jwt(user, iss="evil"),
    "iss a list": lambda user: _jwt(user, iss=["axon"]),
    "sub nobody": lambda _: _jwt(uuid4()),
    "sub not a UUID": lambda user: _jwt(user, sub="' OR 1=1 --"),
    "sub in another spelling": lambda user: _jwt(user, sub=f"{{{user}}}"),
    "sub a number": lambda user: _jwt(user, sub=1),
    "jti empty": lambda user: _jwt(user, jti=""),
    "jti an object": lambda user: _jwt(user, jti={}),
}


def _respelt(token: str) -> str:
    """The same signature bytes with the unused low bits of the last character set."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 3]


def test_the_recipe_of_the_hostile_tokens_makes_one_that_holds(access_tokens: AccessTokens) -> None:
    user_id = uuid4()

    claims = access_tokens.verify(_jwt(user_id))

    assert claims is not None
    assert claims.user_id == user_id


async def test_every_hostile_jwt_is_refused(
    http: httpx2.AsyncClient, user_id: UUID, assert_unauthenticated: Callable[..., None]
) -> None:
    for name, make in HOSTILE_JWTS.items():
        headers = {"Authorization": f"Bearer {make(user_id)}"}
        assert_unauthenticated(await http.get("/api/auth/me", headers=headers), name)
    valid = await http.get("/api/auth/me", headers={"Authorization": f"Bearer {_jwt(user_id)}"})
    assert valid.status_code == 200
