"""SMTP against a real server on loopback: protection, accounts, and every kind of refusal."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from axon_factory.adapters.mailer import SmtpMailer, SmtpServer, message_name
from axon_factory.bootstrap.adapters import mailer_of
from axon_factory.ports.errors import PortError
from axon_factory.ports.messages import Mail
from axon_factory.settings import SettingsInvalid, load_settings
from tests.support.certificates import certificate

SENDER = "Axon Factory <fabrica@axon.example>"
MAIL = Mail(
    to="ana@cliente.example", subject="Tu autopilot está listo — ñandú", text="Hola:\n\nñ\n"
)
USER, PASSWORD = "fabrica", "secreto-ñ"


@dataclass
class Desk:
    """What the server says at each step, and what it took."""

    answers: dict[str, str] = field(default_factory=dict[str, str])
    taken: list[Envelope] = field(default_factory=list[Envelope])
    secure: list[bool] = field(default_factory=list[bool])
    logins: list[bool] = field(default_factory=list[bool])

    def authenticate(
        self,
        _server: SMTP,
        _session: Session,
        _envelope: Envelope,
        _mechanism: str,
        data: object,
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(known)
        # Without handled=False the library waits for somebody else to answer.
        return AuthResult(success=known, handled=False)

    async def handle_MAIL(  # noqa: N802 — the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: Any,  # noqa: ANN401 — the library's
    ) -> str:
        envelope.mail_from, envelope.mail_options = address, options
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 — the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: Any,  # noqa: ANN401 — the library's
    ) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 — the library's name
        if self.answers.get("DATA") == "stall":
            await asyncio.Event().wait()
        if "DATA" not in self.answers:
            self.taken.append(envelope)
            self.secure.append(session.ssl is not None)
        return self.answers.get("DATA", "250 OK")


@contextlib.asynccontextmanager
async def serving(
    desk: Desk, security: str, tls: ssl.SSLContext | None, *, auth: bool = False
) -> AsyncGenerator[SmtpServer]:
    """Serve on a free port, protected as `security` says."""
    options: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "mail.example"}
    if security == "starttls":
        options |= {"tls_context": tls, "require_starttls": True}
    if auth:
        # The server does not know of a TLS that was there before it, and warns of passwords.
        secure = security == "starttls"
        options |= {"authenticator": desk.authenticate, "auth_require_tls": secure}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(desk, loop=loop, **options),
        "127.0.0.1",
        0,
        ssl=tls if security == "tls" else None,
    )
    try:
        port = server.sockets[0].getsockname()[1]
        yield SmtpServer("localhost", port, security, timeout_seconds=5)  # pyright: ignore[reportArgumentType] — one of the three
    finally:
        server.close()


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and that of a client who trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    server = certificate("localhost", folder)
    return server, ssl.create_default_context(cafile=folder / "cert.pem")


Trust = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
@pytest.mark.parametrize("auth", [False, True], ids=["open", "account"])
async def test_a_message_arrives_whole(trust: Trust, security: str, auth: bool) -> None:
    desk = Desk()
    async with serving(desk, security, trust[0], auth=auth) as server:
        account = replace(server, user=USER, password=PASSWORD) if auth else server
        mailer = SmtpMailer(account, SENDER, tls=trust[1])
        await mailer.send(MAIL, idempotency_key="k1")
        await mailer.send(MAIL, idempotency_key="k1")

    first, second = desk.taken
    assert (first.mail_from, first.rcpt_tos) == ("fabrica@axon.example", [MAIL.to])
    content = first.content
    assert isinstance(content, bytes)
    message = BytesParser(policy=default).parsebytes(content)
    body = message.get_body(("plain",))
    assert body is not None
    assert (message["Subject"], body.get_content().replace("\r\n", "\n")) == (
        MAIL.subject,
        MAIL.text,
    )
    # The same key is the same Message-ID, whoever sends it again.
    name = f"<{message_name('k1')}@axon.example>"
    assert message["Message-ID"] == name
    assert name.encode() in (second.content if isinstance(second.content, bytes) else b"")
    assert desk.logins == [True, True] * auth
    assert desk.secure == [security == "starttls"] * 2 or security == "tls"


@pytest.mark.parametrize(
    ("step", "answer", "transient"),
    [
        ("MAIL", "451 later", True),
        ("MAIL", "550 no", False),
        ("RCPT", "450 greylisted", True),
        ("RCPT", "452 full", True),
        ("RCPT", "550 nobody of that name", False),
        ("RCPT", "553 no mailbox", False),
        ("DATA", "421 closing", True),
        ("DATA", "451 later", True),
        ("DATA", "552 too big", False),
        ("DATA", "554 spam", False),
    ],
)
async def test_refusals_are_typed(step: str, answer: str, transient: bool) -> None:
    desk = Desk({step: answer})
    async with serving(desk, "none", None) as server:
        with pytest.raises(PortError) as caught:
            await SmtpMailer(server, SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient is transient
    assert answer[:3] in str(caught.value)
    assert answer[4:] not in str(caught.value)  # the server's words may quote the mail
    assert desk.taken == []


async def test_a_wrong_account_is_a_matter_of_settings() -> None:
    async with serving(Desk(), "none", None, auth=True) as server:
        wrong = SmtpServer(server.host, server.port, "none", USER, "otro")
        with pytest.raises(PortError, match="cuenta") as caught:
            await SmtpMailer(wrong, SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient
    assert "otro" not in repr(wrong)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_is_not_trusted_gets_nothing(trust: Trust, security: str) -> None:
    desk = Desk()
    async with serving(desk, security, trust[0]) as server:
        with pytest.raises(PortError, match="certificado") as caught:
            await SmtpMailer(server, SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient
    assert desk.taken == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    desk = Desk()
    async with serving(desk, "none", None) as server:
        downgraded = SmtpServer(server.host, server.port, "starttls", USER, PASSWORD)
        with pytest.raises(PortError) as caught:
            await SmtpMailer(downgraded, SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient
    assert desk.taken == []


async def test_a_server_that_stalls_or_is_not_there_is_transient() -> None:
    async with serving(Desk({"DATA": "stall"}), "none", None) as server:
        slow = SmtpServer(server.host, server.port, "none", timeout_seconds=0.2)
        with pytest.raises(PortError) as caught:
            await SmtpMailer(slow, SENDER).send(MAIL, idempotency_key="k")
        assert caught.value.transient
    with pytest.raises(PortError) as caught:
        await SmtpMailer(server, SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"smtp_host": "mail.example", "smtp_user": "x"}, "together"),
        ({"smtp_host": "mail.example", "smtp_password": "x"}, "together"),
        ({"smtp_user": "x", "smtp_password": "x"}, "AXON_SMTP_HOST"),
        ({"smtp_host": "mail.example", "smtp_security": "none"}, "loopback|localhost"),
        ({"smtp_host": "smtp://mail.example"}, "no host name"),
        ({"smtp_host": "mail.example", "smtp_port": 0}, "SMTP_PORT"),
        ({"smtp_host": "mail.example", "smtp_security": "ssl"}, "SMTP_SECURITY"),
        ({"webhook_networks": "10.0.0.1/8"}, "no network"),
        ({"webhook_timeout_seconds": 0}, "WEBHOOK_TIMEOUT"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    settings: dict[str, object], told: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsInvalid, match=told):
        load_settings(data_dir=tmp_path, **settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "maildir"),
        ({"smtp_host": "mail.example"}, "smtp"),
        ({"smtp_host": "127.0.0.1", "smtp_security": "none", "smtp_port": 25}, "smtp"),
        ({"smtp_host": "mail.example", "smtp_user": "u", "smtp_password": "p"}, "smtp"),
    ],
)
def test_the_settings_choose_the_mailer(
    settings: dict[str, object], name: str, tmp_path: Path
) -> None:
    mailer = mailer_of(load_settings(data_dir=tmp_path, **settings), tmp_path)
    assert mailer.name == name
