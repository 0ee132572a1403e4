"""Webhooks and chats over real HTTP: signed, escaped, and firm against receivers that misbehave."""

import json
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier import (
    ChosenNotifier,
    SlackNotifier,
    WebhookNotifier,
    escape,
    message_of,
)
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import (
    NOTIFICATIONS,
    NotificationKind,
    Subject,
    payload_of,
    text_of,
)
from axon_factory.ports.messages import DeliveryFailed, Destination, Notification, Notifier
from tests.support.certificates import certificate
from tests.support.receiver import Receiver, receiving, says

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazEdMw=="
AT = datetime(2025, 11, 14, 10, tzinfo=UTC)
ORDER = Subject(
    order_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
    order_number="ORD-2025-001",
    state="planificacion",
    product_type="webhook_service",
    product_name="Bot «ñandú»",
    attempt=1,
    facts={"plan_version": 2, "plan_hash": "9f" * 32},
)


def notification(kind: NotificationKind = NotificationKind.PLAN_PENDIENTE) -> Notification:
    title, text = text_of(kind, ORDER)
    return Notification(kind, AT, payload_of(kind, ORDER, AT), title, text)


TLS = ssl.create_default_context()  # loading the system's certificates takes longer than a call


def http(*, timeout_seconds: float = 10) -> GuardedHttp:
    rules = OutboundRules.of(["127.0.0.0/8"])
    return GuardedHttp(rules, timeout_seconds=timeout_seconds, tls=TLS)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


class TestWebhook:
    """What leaves is what the official library accepts."""

    async def test_the_official_library_verifies_it(self, receiver: Receiver) -> None:
        destination = Destination(Channel.WEBHOOK, receiver.url, (SECRET,))
        receipt = await WebhookNotifier(http()).deliver(
            notification(), destination, idempotency_key="msg_1"
        )
        assert receipt.status == 204
        (request,) = receiver.requests
        assert request.line == "POST /avisos?a=1 HTTP/1.1"
        assert request.headers["webhook-id"] == "msg_1"
        assert request.headers["content-type"] == "application/json"
        assert Webhook(SECRET).verify(request.body, request.headers) == {
            "type": "plan.pendiente",
            "timestamp": "2025-11-14T10:00:00Z",
            "data": {
                "order_id": ORDER.order_id,
                "order_number": "ORD-2025-001",
                "estado": "planificacion",
                "tipo_producto": "webhook_service",
                "nombre_producto": "Bot «ñandú»",
                "intento": 1,
                "plan_version": 2,
                "plan_hash": "9f" * 32,
                "mensaje": "El plan espera aprobación",
            },
        }

    async def test_both_secrets_verify_while_one_is_rotated(self, receiver: Receiver) -> None:
        destination = Destination(Channel.WEBHOOK, receiver.url, (SECRET, OLDER))
        await WebhookNotifier(http()).deliver(notification(), destination, idempotency_key="msg_1")
        (request,) = receiver.requests
        assert len(request.headers["webhook-signature"].split(" ")) == 2
        for secret in (SECRET, OLDER):
            Webhook(secret).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(b"x" * 24).verify(request.body, request.headers)

    @pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
    async def test_whatever_is_altered_is_noticed(self, receiver: Receiver, part: str) -> None:
        destination = Destination(Channel.WEBHOOK, receiver.url, (SECRET,))
        await WebhookNotifier(http()).deliver(notification(), destination, idempotency_key="msg_1")
        (request,) = receiver.requests
        headers = dict(request.headers)
        body = request.body + b" " if part == "body" else request.body
        if part != "body":
            headers[part] = str(int(headers[part]) - 1) if "time" in part else "msg_2"
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, headers)

    async def test_an_old_try_is_refused(self, receiver: Receiver) -> None:
        old = WebhookNotifier(http(), clock=lambda: datetime.now(UTC) - timedelta(minutes=6))
        destination = Destination(Channel.WEBHOOK, receiver.url, (SECRET,))
        await old.deliver(notification(), destination, idempotency_key="msg_1")
        (request,) = receiver.requests
        with pytest.raises(WebhookVerificationError, match="too old"):
            Webhook(SECRET).verify(request.body, request.headers)

    @pytest.mark.parametrize("kind", NotificationKind)
    def test_every_payload_is_thin(self, kind: NotificationKind) -> None:
        longest = replace(ORDER, product_name="ñ" * 200)
        body = json.dumps(payload_of(kind, longest, AT), ensure_ascii=False).encode()
        assert len(body) < 2000
        assert set(NOTIFICATIONS) == set(NotificationKind)


NAMES = st.text(alphabet=st.sampled_from("&<>!@#|*_~`: \nabñ\"'\\"), max_size=80)


class TestSlack:
    """Whatever a client writes stays text."""

    async def test_a_chat_gets_text_and_blocks(self, receiver: Receiver) -> None:
        destination = Destination(Channel.SLACK, receiver.url)
        await SlackNotifier(http()).deliver(notification(), destination, idempotency_key="k")
        (request,) = receiver.requests
        document = json.loads(request.body)
        assert document["text"].startswith("ORD-2025-001: El plan espera aprobación\nBot «ñandú»")
        assert [block["type"] for block in document["blocks"]] == ["header", "section", "context"]

    @given(NAMES, NAMES)
    def test_no_mention_or_link_survives(self, title: str, text: str) -> None:
        document = message_of(Notification("k", AT, {}, title, text))
        assert "<" not in document["text"]
        assert ">" not in document["text"]
        plain = [document["blocks"][0]["text"], document["blocks"][1]["text"]]
        assert {block["type"] for block in plain} == {"plain_text"}

    @given(st.text(max_size=200))
    def test_escaping_can_be_undone(self, text: str) -> None:
        escaped = escape(text)
        undone = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert undone == text
        assert escaped.count("&") == sum(text.count(sign) for sign in "&<>")


NOTIFIERS: Sequence[tuple[Channel, type[WebhookNotifier] | type[SlackNotifier]]] = [
    (Channel.WEBHOOK, WebhookNotifier),
    (Channel.SLACK, SlackNotifier),
]


@pytest.mark.parametrize(("channel", "make"), NOTIFIERS, ids=str)
class TestMisbehaviour:
    """What a receiver does wrong is a typed failure, in bounded time and memory."""

    async def _fail(
        self, channel: Channel, make: type[Notifier], receiver: Receiver, answer: bytes | str
    ) -> DeliveryFailed:
        receiver.answers = [answer]
        secrets = (SECRET,) if channel is Channel.WEBHOOK else ()
        destination = Destination(channel, receiver.url, secrets)
        # All but one are noticed by what they say, however busy the machine is.
        seconds = 0.3 if answer == "stall" else 20
        notifier = make(http(timeout_seconds=seconds))  # pyright: ignore[reportCallIssue] — both take it
        with pytest.raises(DeliveryFailed) as caught:
            await notifier.deliver(notification(), destination, idempotency_key="k")
        assert str(receiver.port) not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)
        return caught.value

    @pytest.mark.parametrize("status", [199, 300, 301, 302, 307, 308, 400, 401, 404, 500, 502, 503])
    async def test_only_2xx_is_taken(
        self, channel: Channel, make: type[Notifier], receiver: Receiver, status: int
    ) -> None:
        async with receiving() as elsewhere:
            location = f"Location: {elsewhere.url}"
            failure = await self._fail(channel, make, receiver, says(status, location))
            assert elsewhere.connections == 0  # redirects are not followed
        assert (failure.transient, failure.gone) == (True, False)
        assert failure.status == (None if status == 199 else status)

    async def test_gone_is_final(
        self, channel: Channel, make: type[Notifier], receiver: Receiver
    ) -> None:
        failure = await self._fail(channel, make, receiver, says(410))
        assert (failure.transient, failure.gone, failure.status) == (False, True, 410)

    @pytest.mark.parametrize(
        ("field", "least", "most"),
        [
            ("120", 120, 120),
            (timedelta(hours=2), 7000, 7200),
            (timedelta(hours=-2), 0, 0),
            ("9" * 400, 10**8, 10**8),
            ("pronto", None, None),
            ("-5", None, None),
            ("", None, None),
        ],
        ids=["seconds", "a date", "a date gone by", "for ever", "a word", "negative", "nothing"],
    )
    async def test_retry_after_is_read(
        self,
        channel: Channel,
        make: type[Notifier],
        receiver: Receiver,
        field: str | timedelta,
        least: int | None,
        most: int | None,
    ) -> None:
        if isinstance(field, timedelta):
            field = format_datetime(datetime.now(UTC) + field, usegmt=True)
        failure = await self._fail(channel, make, receiver, says(429, f"Retry-After: {field}"))
        asked = failure.retry_after
        if least is None or most is None:
            assert asked is None
        else:
            assert asked is not None
            assert least <= asked.total_seconds() <= most

    @pytest.mark.parametrize(
        "answer",
        ["stall", "close", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000],
        ids=["stall", "close", "no http", "huge head"],
    )
    async def test_no_answer_is_transient(
        self, channel: Channel, make: type[Notifier], receiver: Receiver, answer: bytes | str
    ) -> None:
        failure = await self._fail(channel, make, receiver, answer)
        assert (failure.transient, failure.status) == (True, None)

    async def test_an_endless_answer_is_not_read(
        self, channel: Channel, make: type[Notifier], receiver: Receiver
    ) -> None:
        receiver.answers = ["endless"]
        destination = Destination(channel, receiver.url, (SECRET,))
        notifier = make(http(timeout_seconds=2))  # pyright: ignore[reportCallIssue] — both take it
        receipt = await notifier.deliver(notification(), destination, idempotency_key="k")
        assert receipt.status == 200

    async def test_nobody_listens(
        self, channel: Channel, make: type[Notifier], receiver: Receiver
    ) -> None:
        async with receiving() as gone:
            port = gone.port
        receiver.port = port
        assert (await self._fail(channel, make, receiver, "close")).transient


async def test_a_channel_that_is_not_served_is_final() -> None:
    with pytest.raises(DeliveryFailed) as caught:
        await ChosenNotifier({}).deliver(
            notification(), Destination(Channel.SLACK, "https://x.example"), idempotency_key="k"
        )
    assert not caught.value.transient


async def _loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("name", ["avisos.example", "otro.example"])
async def test_certificate_sni_and_host_are_those_of_the_name(tmp_path: Path, name: str) -> None:
    """The connection goes to an address; who it is with is decided by the name."""
    async with receiving(certificate("avisos.example", tmp_path)) as receiver:
        client = GuardedHttp(
            OutboundRules.of(["127.0.0.0/8"]),
            resolver=_loopback,
            tls=ssl.create_default_context(cafile=tmp_path / "cert.pem"),
        )
        destination = Destination(
            Channel.WEBHOOK, f"https://{name}:{receiver.port}/", secrets=(SECRET,)
        )
        notifier = WebhookNotifier(client)
        if name == "otro.example":
            with pytest.raises(DeliveryFailed, match="TLS"):
                await notifier.deliver(notification(), destination, idempotency_key="k")
            assert receiver.requests == []
            return
        await notifier.deliver(notification(), destination, idempotency_key="k")
        (request,) = receiver.requests
        assert request.server_name == name
        assert request.headers["host"] == f"{name}:{receiver.port}"
