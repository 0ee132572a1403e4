import json
import socket
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import uvicorn

ROOT = Path(__file__).parents[1]
HOSTILE = "{{7*7}} <script>alert(1)</script> \"'; DROP TABLE sesiones; --"


def test_health_says_the_database_is_ready(start):
    answer = start().get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["db_migrated"], body["seeds_loaded"]) == ("ok", True, True)


def test_health_is_an_error_without_a_database(start, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    answer = start(DATA_DIR=str(tmp_path / "file"))
    assert answer.get("/health").status_code == 503
    assert answer.get("/health").json()["status"] == "error"


def test_requested_integrations_without_a_module_are_pending(start):
    client = start({"integraciones": ["HubSpot", "hubspot", 3, HOSTILE]})
    body = client.get("/health").json()
    assert "hubspot" in body["integrations_pending"]
    assert "hubspot" not in body["integrations_configured"]


def test_a_restart_keeps_the_data_and_migrates_nothing_twice(start):
    assert start().get("/health").status_code == 200
    assert start().get("/health").status_code == 200


def test_home_is_a_page_or_leads_to_the_guide(start):
    client = start()
    answer = client.get("/")
    assert answer.status_code == 200 or answer.headers["location"] == "/guia"
    assert client.get("/guia").status_code == 200


def test_manifest_names_routes_that_answer(start):
    manifest = json.loads((ROOT / "axon-product.json").read_text())
    client = start()
    for key in ("health", "api", "docs", "admin"):
        assert client.get(manifest[key]).status_code in {200, 303}, key
    for path in manifest["webhooks"].values():
        assert client.post(path).status_code in {400, 401, 403}, path


def test_pages_escape_what_the_client_wrote(start, login):
    client = login(start({"productos": [HOSTILE], "x": HOSTILE}, name=HOSTILE))
    for path in ("/guia", "/admin"):
        text = client.get(path).text
        assert "<script>" not in text, path
        assert "{{7*7}}" in text, path


def test_every_answer_has_the_security_headers(start):
    headers = start().get("/no-existe").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_huge_body_is_refused(start):
    answer = start().post("/admin/entrar", content=b"x" * 300_000)
    assert answer.status_code in {400, 413}


@contextmanager
def served(app):
    """Serve the product as in production; yield its address."""
    configuration = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(configuration)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def test_a_refusal_reaches_a_client_that_sends_everything_first(start):
    with served(start().app) as address:
        for path, statuses in {"/admin/entrar": {400, 413}, "/no-existe": {404, 405}}.items():
            with closing(HTTPConnection(*address, timeout=20)) as connection:
                connection.request("POST", path, b"x" * 5_000_000, {"Connection": "close"})
                assert connection.getresponse().status in statuses, path
