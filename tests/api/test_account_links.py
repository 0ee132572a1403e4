"""Invitations and resets over the API, up to the mail that the worker sends."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from axon_factory.adapters.mailer import MaildirMailer
from axon_factory.line.outbox import OutboxSender
from axon_factory.settings import SettingsInvalid, load_settings
from tests.support.ports import example_ports
from tests.support.workshop import Headers, Workshop, example_order

NEW = "tres lentas nubes de cobre"
FORGOT, RESET, CHECK = (
    f"/api/auth/{end}" for end in ("password/forgot", "password/reset", "links/check")
)
LINK = re.compile(r"https://fabrica\.example/cuenta/enlace/(\S+)")


class Accounts:
    """Asks, and reads the mails as the worker sends them."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.http = workshop.http

    async def ask(
        self, method: str, path: str, body: object = None, *, by: str = "admin", status: int = 200
    ) -> Any:  # noqa: ANN401 — any JSON value
        headers = self.workshop.headers[by] if by else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def rows(self, recipient: str) -> list[Any]:
        query = text(
            "SELECT id, event, subject, body, html, order_id, CAST(payload AS text) AS payload "
            "FROM outbox_messages WHERE recipient = :to AND event LIKE 'cuenta.%' "
            "ORDER BY created_at"
        )
        async with self.workshop.container.database.reading() as session:
            return list((await session.execute(query, {"to": recipient})).all())

    async def audit(self, unit: str) -> Any:  # noqa: ANN401 — a row
        query = text(
            "SELECT chain, actor, action, subject, details FROM audit_entries "
            "WHERE details ->> 'unidad' = :unit ORDER BY position DESC LIMIT 1"
        )
        async with self.workshop.container.database.reading() as session:
            return (await session.execute(query, {"unit": unit})).one()

    async def log_in(self, email: str, password: str, status: int = 200) -> Headers:
        body = {"email": email, "password": password}
        answer = await self.http.post("/api/auth/login", json=body)
        assert answer.status_code == status, answer.text
        return {"Authorization": f"Bearer {answer.json().get('access_token')}"}


Mailed = Callable[[str], Awaitable[str]]


@pytest.fixture
def accounts(workshop: Workshop) -> Accounts:
    return Accounts(workshop)


@pytest.fixture
def mailed(accounts: Accounts, tmp_path: Path) -> Mailed:
    """Lets the worker send the newest mail to an address, and returns the token in it."""

    async def token(recipient: str) -> str:
        container = accounts.workshop.container
        mailer = MaildirMailer(tmp_path, "fabrica@axon88.com")
        ports = replace(example_ports(container.secret_box), mailer=mailer)
        row = (await accounts.rows(recipient))[-1]
        await OutboxSender(container.database, ports).send(row.id)
        raw = max((tmp_path / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        mail = message_from_bytes(raw.read_bytes(), policy=policy.default)
        assert mail["To"] == recipient
        plain, rich = (
            mail.get_body((kind,)).get_content()  # pyright: ignore[reportOptionalMemberAccess] — it has both
            for kind in ("plain", "html")
        )
        (found,) = LINK.findall(plain)
        assert found in rich
        assert "[secreto]" not in plain + rich
        return found

    return token


def address() -> str:
    return f"persona-{uuid4().hex[:12]}@example.com"


async def test_a_user_is_invited_and_chooses_a_password(accounts: Accounts, mailed: Mailed) -> None:
    email = address()
    created = await accounts.ask(
        "POST",
        "/api/users",
        {"email": email, "nombre": "Eva", "rol": "operator", "invitar": True, "idioma": "en"},
        status=201,
    )
    assert created["debe_cambiar_password"] is True
    assert created["invitacion_vence_at"] > created["created_at"]
    assert "password_de_un_solo_uso" not in created
    (row,) = await accounts.rows(email)
    assert (row.event, row.order_id) == ("cuenta.invitacion", None)
    assert "password" in row.subject

    token = await mailed(email)
    assert token.rpartition("_")[2] not in row.body + row.html + row.payload
    shown = await accounts.ask("POST", CHECK, {"token": token}, by="")
    rule = shown.pop("regla")
    assert "15" in rule
    assert shown == {
        "kind": "invitacion",
        "email": email,
        "nombre": "Eva",
        "rol": "operator",
        "idioma": "en",
        "vence_at": created["invitacion_vence_at"],
    }
    weak = await accounts.ask(
        "POST", RESET, {"token": token, "password_nueva": "corta"}, by="", status=400
    )
    assert (weak["codigo"], list(weak["details"])) == ("password_debil", ["password_nueva"])
    done = await accounts.ask("POST", RESET, {"token": token, "password_nueva": NEW}, by="")
    assert done["email"] == email

    headers = await accounts.log_in(email, NEW)
    assert (await accounts.http.get("/api/orders", headers=headers)).status_code == 200
    for path in (CHECK, RESET):
        body = {"token": token} | ({"password_nueva": NEW} if path == RESET else {})
        spent = await accounts.ask("POST", path, body, by="", status=404)
        assert spent["codigo"] == "enlace_no_sirve"
    again = await accounts.ask("POST", f"/api/users/{created['id']}/invite", status=409)
    assert again["codigo"] == "cuenta_con_password"


async def test_an_invitation_is_sent_anew(accounts: Accounts, mailed: Mailed) -> None:
    email = address()
    body = {"email": email, "nombre": "Eva", "rol": "admin", "invitar": True}
    created = await accounts.ask("POST", "/api/users", body, status=201)
    old = await mailed(email)
    path = f"/api/users/{created['id']}/invite"

    sent = await accounts.ask("POST", path, {"idioma": "en"})
    assert (sent["enviada"], sent["user"]["email"]) == (True, email)
    assert email in sent["message"]
    new = await mailed(email)

    await accounts.ask("POST", CHECK, {"token": old}, by="", status=404)
    await accounts.ask("POST", CHECK, {"token": new}, by="")
    entry = await accounts.audit("invite_user")
    assert (entry.action, entry.subject) == ("access:users", f"user:{created['id']}")
    assert new.rpartition("_")[2] not in str(sent)
    bare = await accounts.ask("POST", path)
    assert bare["enviada"] is True
    for wrong in ({"idioma": "fr"}, {"otro": 1}, []):
        await accounts.ask("POST", path, wrong, status=400)
    await accounts.ask("POST", f"/api/users/{uuid4()}/invite", status=404)


async def test_an_invited_user_comes_with_no_password(accounts: Accounts) -> None:
    body = {"email": address(), "nombre": "Eva", "rol": "operator", "invitar": True}
    refusal = await accounts.ask("POST", "/api/users", {**body, "password": NEW}, status=400)
    assert set(refusal["details"]) == {"password"}
    plain = await accounts.ask("POST", "/api/users", {**body, "invitar": False}, status=201)
    assert "password_de_un_solo_uso" in plain
    assert "invitacion_vence_at" not in plain
    assert await accounts.rows(plain["email"]) == []


async def test_a_forgotten_password(accounts: Accounts, mailed: Mailed) -> None:
    email = address()
    body = {"email": email, "nombre": "Eva", "rol": "operator", "password": NEW}
    await accounts.ask("POST", "/api/users", body, status=201)
    open_session = await accounts.log_in(email, NEW)

    answers = [
        await accounts.http.post(FORGOT, json={"email": one})
        for one in (email, address(), "no es un correo")
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["Cache-Control"] == "no-store"
    english = await accounts.http.post(
        FORGOT, json={"email": email, "idioma": "en"}, headers={"Accept-Language": "en"}
    )
    assert "If this address" in english.json()["message"]
    first, second = await accounts.rows(email)
    assert ("contraseña" in first.subject, "password" in second.subject) == (True, True)

    token = await mailed(email)
    chosen = "otras nubes, otra calma"
    await accounts.ask("POST", RESET, {"token": token, "password_nueva": chosen}, by="")

    assert (await accounts.http.get("/api/auth/me", headers=open_session)).status_code == 401
    await accounts.log_in(email, NEW, status=401)
    await accounts.log_in(email, chosen)
    told = (await accounts.rows(email))[-1]
    assert (told.event, told.payload) == ("cuenta.cambiada", None)
    assert "changed" in told.subject


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (FORGOT, {}),
        (FORGOT, {"email": ""}),
        (FORGOT, {"email": "a@example.com", "idioma": "fr"}),
        (CHECK, {"token": ""}),
        (CHECK, {"token": "x" * 201}),
        (RESET, {"token": "x"}),
        (RESET, {"token": "x", "password_nueva": 5}),
    ],
)
async def test_what_is_no_request(accounts: Accounts, path: str, body: object) -> None:
    await accounts.ask("POST", path, body, by="", status=400)


@pytest.fixture
async def place(workshop: Workshop) -> Callable[..., Awaitable[UUID]]:
    async def placed(email: str, client_id: str | None = None, **client: str) -> UUID:
        data = {"nombre": "Empresa XYZ", "email": email, "configuracion": client}
        body = example_order(datos_cliente=data, cliente_id=client_id)
        answer = await workshop.http.post(
            "/api/orders", json=body, headers=workshop.headers["admin"]
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    return placed


Place = Callable[..., Awaitable[UUID]]


async def test_the_client_of_an_order_is_invited(
    accounts: Accounts, mailed: Mailed, place: Place
) -> None:
    email = address()
    order_id = await place(email, idioma="en-US")
    other = await place(address())

    sent = await accounts.ask("POST", f"/api/orders/{order_id}/invite")

    user = sent["user"]
    assert (sent["enviada"], user["rol"], user["email"]) == (True, "client", email)
    order = await accounts.ask("GET", f"/api/orders/{order_id}")
    assert order["cliente_id"] == user["cliente_id"]
    assert re.fullmatch(r"cliente-[0-9a-f]{16}", user["cliente_id"])
    corrected = [log for log in order["logs"] if "corrig" in log["mensaje"].lower()]
    assert corrected
    entry = await accounts.audit("invite_client")
    assert (entry.chain, entry.details["cliente_id"]) == (str(order_id), user["cliente_id"])
    (row,) = await accounts.rows(email)
    assert "password" in row.subject  # the order's language

    token = await mailed(email)
    await accounts.ask("POST", RESET, {"token": token, "password_nueva": NEW}, by="")
    headers = await accounts.log_in(email, NEW)
    seen = await accounts.http.get(f"/api/orders/{order_id}", headers=headers)
    assert seen.status_code == 200
    assert (await accounts.http.get(f"/api/orders/{other}", headers=headers)).status_code == 404

    # A second order of the same address joins the account, without another mail.
    second = await place(email)
    joined = await accounts.ask("POST", f"/api/orders/{second}/invite")
    assert (joined["enviada"], joined["vence_at"]) == (False, None)
    assert (await accounts.http.get(f"/api/orders/{second}", headers=headers)).status_code == 200
    assert len(await accounts.rows(email)) == 1


async def test_an_order_keeps_its_owner(accounts: Accounts, place: Place) -> None:
    owner, email = f"c-{uuid4().hex[:8]}", address()
    order_id, sibling = await place(email, owner), await place(email)
    sent = await accounts.ask("POST", f"/api/orders/{order_id}/invite", {"idioma": "es"})
    assert sent["user"]["cliente_id"] == owner
    again = await accounts.ask("POST", f"/api/orders/{order_id}/invite")
    assert (again["enviada"], again["user"]["id"]) == (True, sent["user"]["id"])
    assert (await accounts.ask("GET", f"/api/orders/{sibling}"))["cliente_id"] is None

    foreign = await place(email, f"c-{uuid4().hex[:8]}")
    staff = await place("operator@example.com")
    for wrong in (foreign, staff):
        refused = await accounts.ask("POST", f"/api/orders/{wrong}/invite", status=409)
        assert refused["codigo"] == "cuenta_de_otro"
    assert (await accounts.ask("GET", f"/api/orders/{staff}"))["cliente_id"] is None

    await accounts.ask("PATCH", f"/api/users/{sent['user']['id']}", {"activo": False})
    inactive = await accounts.ask("POST", f"/api/orders/{order_id}/invite", status=409)
    assert inactive["codigo"] == "cuenta_inactiva"
    for by, status in (("operator", 403), ("owner", 403), ("key_admin", 403)):
        await accounts.ask("POST", f"/api/orders/{order_id}/invite", by=by, status=status)


async def test_the_delivery_log_shows_no_token(accounts: Accounts, mailed: Mailed) -> None:
    email = address()
    body = {"email": email, "nombre": "Eva", "rol": "operator", "invitar": True}
    await accounts.ask("POST", "/api/users", body, status=201)
    secret = (await mailed(email)).split("_")[3]
    (row,) = await accounts.rows(email)
    headers = accounts.workshop.headers["admin"]
    for path in (f"/{row.id}", ""):
        answer = await accounts.http.get(f"/api/notifications/deliveries{path}", headers=headers)
        assert answer.status_code == 200
        assert email in answer.text
        assert secret not in answer.text
        assert "mail_secret" not in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AXON_INVITATION_DAYS", "0"),
        ("AXON_INVITATION_DAYS", "31"),
        ("AXON_PASSWORD_RESET_MINUTES", "4"),
    ],
)
def test_ages_are_validated_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=name):
        load_settings()
