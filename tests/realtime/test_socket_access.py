"""Who may connect to `/ws/orders`, from where, for how long, and what they are told."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from websockets.exceptions import InvalidStatus

from axon_factory.accounts.tokens import AccessTokens, TokenKeys
from axon_factory.bootstrap.application import application_of
from axon_factory.bootstrap.options import Keys
from axon_factory.db.tables import User
from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.permissions import KeyScope
from axon_factory.domain.states import OrderState
from axon_factory.orders.events import append_event
from axon_factory.orders.read import lock_order_by_id
from tests.realtime.sockets import handshake, opened, token_of
from tests.support.server import running
from tests.support.workshop import ADMIN, SECRET_KEY, Workshop, make_container, open_workshop

_REVOKED = (4401, "credencial_terminada")


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("nada", "autenticacion_requerida"),
        ("axk_live_00000000_x", "autenticacion_requerida"),
        ("a.b.c", "autenticacion_requerida"),
        ("axl_live_0000", "autenticacion_requerida"),
    ],
)
async def test_a_token_that_does_not_hold_ends_the_connection(
    workshop: Workshop, token: str, reason: str
) -> None:
    async with opened(workshop.http.base_url) as socket:
        await socket.send({"type": "auth", "token": token})
        assert (await socket.next())["codigo"] == reason
        assert await socket.closed() == (4401, reason)


async def test_nothing_is_answered_before_authentication(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url) as socket:
        await socket.send({"type": "subscribe", "order_id": str(order_id)})
        assert (await socket.next())["codigo"] == "autenticacion_requerida"
        assert (await socket.closed())[0] == 4401


async def test_there_are_five_seconds_to_authenticate(workshop: Workshop) -> None:
    started = asyncio.get_running_loop().time()
    async with opened(workshop.http.base_url) as socket:
        await socket.send({"type": "ping"})
        assert (await socket.next())["type"] == "pong"
        assert (await socket.next())["codigo"] == "autenticacion_tardia"
        assert await socket.closed() == (4408, "autenticacion_tardia")
    assert 4.9 < asyncio.get_running_loop().time() - started < 7


async def test_a_renewed_token_of_the_same_account_goes_on(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(order_id)
        again = await workshop.http.post(
            "/api/auth/login",
            json={"email": "admin@example.com", "password": "correcto caballo batería"},
        )
        await socket.send({"type": "auth", "token": again.json()["access_token"]})
        assert (await socket.next())["type"] == "auth_ok"
        await workshop.patch(order_id, logs=[{"mensaje": "sigue"}])
        assert (await socket.next())["last_log"]["mensaje"] == "sigue"
        await socket.send({"type": "auth", "token": token_of(workshop.headers["owner"])})
        assert (await socket.next())["codigo"] == "otra_cuenta"
        await socket.quiet()


@pytest.mark.parametrize(
    ("origin", "lets_in"),
    [
        (None, True),
        ("https://fabrica.example", True),
        ("own", True),
        ("https://ajena.example", False),
        ("http://fabrica.example", False),
        ("null", False),
        ("https://fabrica.example.ajena.example", False),
    ],
)
async def test_a_page_of_another_origin_may_not_connect(
    workshop: Workshop, origin: str | None, *, lets_in: bool
) -> None:
    given = str(workshop.http.base_url).rstrip("/") if origin == "own" else origin
    if lets_in:
        async with opened(
            workshop.http.base_url, token_of(workshop.headers["admin"]), origin=given
        ):
            return
    with pytest.raises(InvalidStatus) as refused:
        async with opened(workshop.http.base_url, origin=given):
            pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["codigo"] == "origen_no_permitido"


async def test_another_host_name_is_refused_as_for_requests(workshop: Workshop) -> None:
    url = str(workshop.http.base_url).removeprefix("http://").rstrip("/")
    host, _, port = url.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /ws/orders HTTP/1.1\r\nHost: otra.example\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 421")
    writer.close()


_READERS = ("admin", "operator", "key_lectura", "key_admin")
_NOT_READERS = ("key_escritura", "permanent", "council", "ops")


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [
        *((name, True, True) for name in _READERS),
        ("owner", True, False),
        ("other", False, True),
        ("assigned", True, False),
    ],
)
async def test_each_grant_follows_the_orders_that_it_reaches(
    workshop: Workshop, name: str, *, own: bool, other: bool
) -> None:
    """Of any other order it is told that there is none, also if it is named by its number."""
    mine = await workshop.placed_in(OrderState.CONSTRUCCION)
    theirs = await workshop.place(cliente_id="cliente-ajeno")
    headers = await workshop.attempt_token(mine) if name == "assigned" else workshop.headers[name]
    async with opened(workshop.http.base_url, token_of(headers)) as socket:
        for order_id, reaches in ((mine, own), (theirs, other)):
            number = (await workshop.order(order_id)).order_number
            for reference in (order_id, number):
                answer = await socket.subscribe(reference)
                expected = "subscribed" if reaches else "error"
                assert answer["type"] == expected, (name, answer)
                if not reaches:
                    assert answer["codigo"] == "orden_no_encontrada"
        await workshop.patch(theirs, logs=[{"mensaje": "de la ajena"}])
        await workshop.patch(mine, logs=[{"mensaje": "de la propia"}])
        told = [
            text for text, reaches in (("de la ajena", other), ("de la propia", own)) if reaches
        ]
        for text in told:
            assert (await socket.next())["last_log"]["mensaje"] == text
        await socket.quiet()


@pytest.mark.parametrize("name", _NOT_READERS)
async def test_who_reads_no_order_is_not_let_in(workshop: Workshop, name: str) -> None:
    async with opened(workshop.http.base_url) as socket:
        await socket.send({"type": "auth", "token": token_of(workshop.headers[name])})
        assert (await socket.next())["codigo"] == "prohibido"
        assert await socket.closed() == (4403, "prohibido")


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [*((name, True, True) for name in _READERS), ("owner", True, False), ("other", False, True)],
)
async def test_filters_let_through_what_the_grant_reaches(
    workshop: Workshop, name: str, *, own: bool, other: bool
) -> None:
    mark = uuid4().hex
    mine = await workshop.place(tags=[mark])
    theirs = await workshop.place(tags=[mark], cliente_id="cliente-ajeno")
    async with opened(workshop.http.base_url, token_of(workshop.headers[name])) as socket:
        assert (await socket.subscribe(filtros={"tag": mark}))["type"] == "subscribed"
        for order_id in (mine, theirs):
            await workshop.patch(order_id, logs=[{"mensaje": str(order_id)}])
        told = [str(one) for one, reaches in ((mine, own), (theirs, other)) if reaches]
        for order_id in told:
            update = await socket.next()
            assert (update["order_id"], update["last_log"]["mensaje"]) == (order_id, order_id)
        await socket.quiet()


async def test_an_agent_follows_its_order_and_no_filters(workshop: Workshop) -> None:
    order_id = await workshop.placed_in(OrderState.CONSTRUCCION)
    headers = await workshop.attempt_token(order_id)
    async with opened(workshop.http.base_url, token_of(headers)) as socket:
        assert (await socket.subscribe(filtros={}))["codigo"] == "prohibido"
        await socket.quiet()


async def test_an_internal_entry_is_told_to_staff_alone(workshop: Workshop) -> None:
    order_id = await workshop.place()
    url, headers = workshop.http.base_url, workshop.headers
    async with (
        opened(url, token_of(headers["owner"])) as client,
        opened(url, token_of(headers["key_lectura"])) as staff,
    ):
        for socket in (client, staff):
            await socket.subscribe(order_id)
        async with workshop.container.database.transaction("test") as session:
            order = await lock_order_by_id(session, order_id)
            hidden = NewEvent(
                EventKind.RECURSOS_LIBERADOS, "Ops Agent", "Oculto", visibility=Visibility.INTERNO
            )
            await append_event(session, order, hidden, actor=ADMIN.actor, now=order.updated_at)
        await workshop.patch(order_id, logs=[{"mensaje": "visible"}])
        seen = [(await staff.next())["last_log"] for _ in range(2)]
        assert [one["mensaje"] for one in seen] == ["Oculto", "visible"]
        assert seen[1]["actor"].startswith("user:")
        told = (await client.next())["last_log"]
        assert told["mensaje"] == "visible"
        assert "actor" not in told


async def _new_key(workshop: Workshop) -> tuple[str, str]:
    async with workshop.container.database.transaction("test") as session:
        made = await workshop.container.api_keys.create(
            session, name=f"clave-{uuid4().hex[:8]}", scope=KeyScope.LECTURA, created_by="t"
        )
    return made.key.id, made.plaintext


async def test_a_revoked_key_ends_within_five_seconds_under_load(workshop: Workshop) -> None:
    order_id = await workshop.place()
    key_id, text = await _new_key(workshop)
    writing = True

    async def write() -> None:
        while writing:
            await workshop.patch(order_id, logs=[{"mensaje": uuid4().hex}])

    async with (
        opened(workshop.http.base_url, text) as socket,
        opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as other,
    ):
        for one in (socket, other):
            await one.subscribe(order_id)
        load = asyncio.create_task(write())
        async with workshop.container.database.transaction("test") as session:
            await workshop.container.api_keys.revoke(session, key_id)
        async with asyncio.timeout(5):
            seen = await socket.until(lambda message: message["type"] == "error")
            assert seen[-1]["codigo"] == "credencial_terminada"
            assert await socket.closed() == _REVOKED
        writing = False
        await load
        await other.send({"type": "ping"})
        seen = await other.until(lambda message: message["type"] == "pong")
        assert seen[0]["type"] == "order_update"  # nobody else is ended


async def test_a_login_that_ends_ends_its_connection(workshop: Workshop) -> None:
    headers = await workshop.new_principal("operator")
    async with opened(workshop.http.base_url, token_of(headers)) as socket:
        answer = await workshop.http.post("/api/auth/logout", headers=headers)
        assert answer.status_code in {200, 204}, answer.text
        async with asyncio.timeout(5):
            assert (await socket.next())["codigo"] == "credencial_terminada"
            assert await socket.closed() == _REVOKED


async def test_a_key_that_expires_ends_its_connection(workshop: Workshop) -> None:
    async with workshop.container.database.transaction("test") as session:
        made = await workshop.container.api_keys.create(
            session,
            name=f"clave-{uuid4().hex[:8]}",
            scope=KeyScope.LECTURA,
            created_by="t",
            lifetime=timedelta(seconds=1),
        )
    async with opened(workshop.http.base_url, made.plaintext) as socket:
        async with asyncio.timeout(6):
            assert (await socket.next())["codigo"] == "credencial_terminada"
            assert await socket.closed() == _REVOKED


async def test_an_access_token_ends_its_connection_when_it_expires(workshop: Workshop) -> None:
    of_login = token_of(await workshop.new_principal("operator"))
    claims = json.loads(urlsafe_b64decode(of_login.split(".")[1] + "=="))
    keys = Keys.of(SECRET_KEY.encode())
    short = AccessTokens(
        TokenKeys(keys.key_id, {keys.key_id: keys.signing}),
        issuer="axon-factory",
        audience="axon-factory-api",
        lifetime=timedelta(seconds=2),
    ).issue(UUID(claims["sub"]), UUID(claims["sid"]))
    async with opened(workshop.http.base_url, short.token) as socket, asyncio.timeout(7):
        assert (await socket.next())["codigo"] == "credencial_terminada"
        assert await socket.closed() == _REVOKED


async def test_a_deactivated_user_and_a_changed_role_end_the_connection(
    workshop: Workshop,
) -> None:
    first = await workshop.new_principal("operator")
    second = await workshop.new_principal("operator")
    url = workshop.http.base_url
    async with opened(url, token_of(first)) as gone, opened(url, token_of(second)) as changed:
        me = [
            (await workshop.http.get("/api/auth/me", headers=one)).json() for one in (first, second)
        ]
        async with workshop.container.database.transaction("test") as session:
            for who, change in zip(
                me, ({"active": False}, {"must_change_password": True}), strict=True
            ):
                user = await session.get(User, UUID(who["id"].removeprefix("user:")))
                assert user is not None
                for name, value in change.items():
                    setattr(user, name, value)
        async with asyncio.timeout(5):
            for socket in (gone, changed):
                assert (await socket.next())["codigo"] == "credencial_terminada"
                assert await socket.closed() == _REVOKED


@pytest.fixture
async def narrow_workshop(database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A factory with small limits."""
    async with open_workshop(
        database_url,
        tmp_path,
        socket_connections=2,
        socket_subscriptions=2,
        sockets_at_once=10,
    ) as opened_workshop:
        yield opened_workshop


async def test_an_account_has_so_many_connections_and_subscriptions(
    narrow_workshop: Workshop,
) -> None:
    url = narrow_workshop.http.base_url
    token = token_of(narrow_workshop.headers["key_lectura"])
    orders = [await narrow_workshop.place() for _ in range(3)]
    async with opened(url, token) as first:
        async with opened(url, token) as second:
            async with opened(url) as third:
                await third.send({"type": "auth", "token": token})
                assert (await third.next())["codigo"] == "demasiadas_conexiones"
                assert await third.closed() == (4429, "demasiadas_conexiones")
            async with opened(url, token_of(narrow_workshop.headers["admin"])):
                pass  # another account
            await first.subscribe(orders[0])
            await second.subscribe(orders[1])
            refused = await first.subscribe(orders[2])
            assert refused["codigo"] == "demasiadas_suscripciones"
            await second.send({"type": "unsubscribe", "order_id": str(orders[1])})
            await second.next()
            assert (await first.subscribe(orders[2]))["type"] == "subscribed"
        async with opened(url, token):
            pass


async def test_a_process_holds_so_many_connections(narrow_workshop: Workshop) -> None:
    url = str(narrow_workshop.http.base_url)
    held = [await handshake(url) for _ in range(10)]
    with pytest.raises(InvalidStatus) as refused:
        async with opened(url):
            pass
    assert refused.value.response.status_code == 503
    assert json.loads(refused.value.response.body)["codigo"] == "sin_lugar"
    for _, writer in held:
        writer.close()


async def test_tokens_that_do_not_hold_are_counted_by_address(
    database_url: str, tmp_path: Path
) -> None:
    container = make_container(database_url, tmp_path)
    container.settings = container.settings.model_copy(update={"rate_limit_anonymous": 3})
    try:
        async with running(application_of(container)) as http:
            seen: list[str] = []
            for _ in range(5):
                async with opened(http.base_url) as socket:
                    await socket.send({"type": "auth", "token": "nada"})
                    seen.append((await socket.next())["codigo"])
        assert seen[0] == "autenticacion_requerida"
        assert seen[-1] == "demasiadas_solicitudes"
    finally:
        await container.close()
