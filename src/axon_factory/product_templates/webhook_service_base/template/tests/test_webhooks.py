import hashlib
import hmac
import json
import queue
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.product import Product
from app.webhooks import forwarding
from app.webhooks.rules import Rule, configured_rules
from app.webhooks.signature import standard_signature
from app.webhooks.targets import RefusedTargetError, body_for, checked_address, is_public

NOW = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)
KEY = {"X-API-Key": "clave-de-prueba"}
HOSTILE = "{{7*7}} <script>alert(1)</script> \"'"


def post(client, event, *, identifier="msg_1", secret="12345", age=0, **headers):
    body = json.dumps(event).encode() if not isinstance(event, bytes) else event
    timestamp = str(int(NOW.timestamp()) - age)
    signed = {
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1,AA== " + standard_signature(identifier, timestamp, body, secret),
    }
    return client.post("/webhooks/entrada", content=body, headers=signed | headers)


def events(client):
    return client.get("/api/eventos", headers=KEY).json()["eventos"]


@pytest.fixture
def receiver():
    """A target on loopback: answers what it is told and keeps what it got."""
    got, statuses = queue.Queue(), queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status = 200 if statuses.empty() else statuses.get()
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            got.put((dict(self.headers), body))

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.got, server.statuses = got, statuses
    server.url = f"http://127.0.0.1:{server.server_port}/x"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_event_is_forwarded_transformed_and_signed(start, receiver):
    rules = [
        {
            "evento": "pedido.*",
            "destino": receiver.url,
            "campos": {"total": "datos.lineas.0.total"},
        },
        {"evento": "otra", "destino": receiver.url},
    ]
    client = start({"reglas": rules}, ALLOW_PRIVATE_TARGETS="1")
    event = {"type": "pedido.creado", "datos": {"lineas": [{"total": 7}]}}
    assert post(client, event).json() == {"evento": 1, "entregas": 1}
    headers, body = receiver.got.get(timeout=10)
    assert json.loads(body) == {"total": 7}
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent["webhook-signature"] == standard_signature(
        "msg_1", sent["webhook-timestamp"], body, "12345"
    )


def test_a_failing_target_is_tried_again(start, receiver, monkeypatch):
    monkeypatch.setattr(forwarding, "DELAYS", (0, 0))
    monkeypatch.setattr(forwarding, "POLL_SECONDS", 0.02)
    for status in (500, 302, 503):
        receiver.statuses.put(status)
    client = start({"reglas": [{"destino": receiver.url}]}, ALLOW_PRIVATE_TARGETS="1")
    post(client, {"a": 1})
    for _ in range(3):
        receiver.got.get(timeout=10)
    post(client, {"a": 2}, identifier="msg_2")
    receiver.got.get(timeout=10)
    while (delivery := events(client)[1]["entregas"][0])["estado"] == "pendiente":
        pass
    assert (delivery["estado"], delivery["intentos"]) == ("fallido", 3)
    assert delivery["error"] == "El destino respondió 503."


def test_a_repeated_event_is_taken_once(start):
    client = start({})
    assert post(client, {"a": 1}).status_code == 202
    assert post(client, {"a": 1}).json() == {"evento": 1, "repetido": True}
    assert len(events(client)) == 1


def test_github_signatures_are_understood(start):
    client = start({})
    body = b'{"zen": 1}'
    mac = hmac.new(b"12345", body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Event": "ping"}
    assert client.post("/webhooks/entrada", content=body, headers=headers).status_code == 202
    assert events(client)[0]["tipo"] == "ping"
    headers["X-Hub-Signature-256"] = "sha256=00"
    assert client.post("/webhooks/entrada", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "fault",
    [
        {"secret": "otro"},
        {"age": 301},
        {"age": -301},
        {"webhook-timestamp": "x"},
        {"webhook-signature": ""},
    ],
)
def test_what_is_not_signed_is_refused(start, fault):
    client = start({})
    assert post(client, {"a": 1}, **fault).status_code == 403
    assert events(client) == []


def test_without_the_secret_everything_is_refused(start):
    assert post(start({}, WEBHOOK_SECRET=""), {}, secret="").status_code == 403


def test_signed_nonsense_is_a_client_error(start):
    assert post(start({}), b"{").status_code == 400


def test_too_many_events_wait(start):
    client = start({"limite_por_minuto": 2})
    answers = [post(client, {}, identifier=str(n)).status_code for n in range(3)]
    assert answers == [202, 202, 429]


def test_this_client_can_be_written_to(start):
    client = start()
    for number, event in enumerate(({"type": HOSTILE}, [], "x", None, {"type": 3})):
        assert post(client, event, identifier=str(number)).status_code == 202


def test_private_targets_are_not_called(start):
    settings = start({}).app.state.context.settings
    local = ["https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/"]
    odd = ["https://u@1.1.1.1/", "https://1.1.1.1:8443/", "file:///etc/passwd", "https://["]
    for url in (*local, *odd, "http://example.com/", HOSTILE):
        with pytest.raises(RefusedTargetError):
            checked_address(url, settings)
    assert checked_address("https://1.1.1.1/", settings) == ("1.1.1.1", "1.1.1.1")


@pytest.mark.parametrize(
    ("address", "expected"),
    [("8.8.8.8", True), ("224.0.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
     ("::ffff:8.8.8.8", False), ("64:ff9b::a00:1", False), ("2002:a00:1::", False),
     ("2606:4700::1111", True)],
)  # fmt: skip
def test_public_addresses(address, expected):
    assert is_public(address) == expected


@pytest.mark.parametrize(
    "value", [None, {}, [3, {}, {"destino": 1}, {"destino": "x", "evento": 1}]]
)
def test_what_is_no_rule_is_left_out(value):
    assert configured_rules(Product("p", configuration={"reglas": value})) == []


def test_rules_and_shapes():
    assert Rule("a.*", "x").applies("a.b")
    assert not Rule("a.*", "x").applies("b")
    assert Rule("*", "x", {"y": "a.9.b"}).transform({"a": [1]}) == {"y": None}
    assert json.loads(body_for("slack", {"a": HOSTILE}))["text"].startswith("{")
    assert json.loads(body_for("https://x", [1])) == [1]


def test_a_failed_delivery_can_be_retried_by_hand(start, login):
    client = login(start({"reglas": [{"destino": HOSTILE}]}, ALLOW_PRIVATE_TARGETS="0"))
    post(client, {"type": HOSTILE})
    while events(client)[0]["entregas"][0]["intentos"] == 0:
        pass
    with client.app.state.context.database.transaction() as connection:
        connection.execute("UPDATE entregas SET estado = 'fallido'")
    page = client.get("/admin").text
    assert "<script>" not in page
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    path = "/admin/entregas/1/reintentar"
    assert client.post(path, data={"csrf": "x"}).status_code == 403
    assert client.post(path, data={"csrf": csrf}).status_code == 303
    assert client.post("/admin/entregas/9/reintentar", data={"csrf": csrf}).status_code == 409


def test_services_are_configured_by_their_address(start):
    pending = start({"integraciones": ["slack"]}).get("/health").json()
    assert pending["integrations_pending"] == ["slack"]
    ready = start({}, SLACK_WEBHOOK_URL="https://hooks.example.com/x").get("/health").json()
    assert "slack" in ready["integrations_configured"]
