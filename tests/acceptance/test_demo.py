"""`axon up --demo`: what a person gets who types nothing else."""

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default as default_policy
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from axon_factory.adapters.product_runtime import ProductRuntime
from tests.acceptance.demonstration import (
    Demonstration,
    git_clone,
    report,
    twilio_signature,
)
from tests.acceptance.program import is_open, kill_all, processes_of
from tests.support.prefork import Prefork

STATES = ["nuevo", "planificacion", "construccion", "qa", "listo", "entregado"]
MASK = "••••"

pytestmark = pytest.mark.timeout(900)  # a delivery on a busy machine, and two more starts


@pytest.fixture(scope="module")
def demo(
    surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory, axon: Prefork
) -> Iterator[Demonstration]:
    running = Demonstration(tmp_path_factory.mktemp("demo") / "data", surroundings, axon)
    try:
        yield running
    finally:
        running.http.close()
        running.close()


@pytest.fixture(scope="module")
def clone(demo: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's repository, as whoever got an API key clones it."""
    folder = tmp_path_factory.mktemp("clone") / "product"
    done = git_clone(demo.delivered["repo_url"], folder, password=demo.api_key)
    assert done.returncode == 0, done.stderr
    return folder


def order_by_chat(demo: Demonstration, quantity: int) -> int:
    """Order trousers in a short conversation; return the number that the bot gives."""
    bot = demo.bot()
    assert "pantalones" in bot.say(f"Quiero {quantity} pantalones").lower()
    confirmation = bot.say("sí")
    number = re.search(r"\d+", confirmation)
    assert number, confirmation
    return int(number[0])


def test_every_state_is_shown_in_order(demo: Demonstration) -> None:
    shown = [event["estado"] for event in demo.steps]
    assert list(dict.fromkeys(shown)) == STATES
    assert [STATES.index(state) for state in shown] == sorted(map(STATES.index, shown))
    changes = [event["metadata"]["estado_nuevo"] for event in demo.steps
               if "estado_nuevo" in event["metadata"]]  # fmt: skip
    assert [state for state in STATES if state in changes] == changes
    assert [event["seq"] for event in demo.steps] == list(range(1, len(demo.steps) + 1))
    progress = [event["progreso"] for event in demo.steps]
    assert progress == sorted(progress)
    assert progress[-1] == 100


@pytest.mark.nightly  # a machine that is busy with something else takes longer
def test_the_demo_is_delivered_in_time(demo: Demonstration) -> None:
    ready = next(event for event in demo.events if event["evento"] == "lista")
    report(f"axon up --demo: answers {ready['at']:.1f} s after the start")
    for before, after in pairwise(demo.steps):
        if before["estado"] != after["estado"]:
            report(f"  {after['at']:6.1f} s  {after['estado']}")
    report(f"from start to entregado: {demo.delivered['at']:.1f} s")
    assert demo.delivered["at"] < 150


def test_the_plan_is_shown_before_its_recorded_approval(demo: Demonstration) -> None:
    plan = next(place for place, event in enumerate(demo.events) if event["evento"] == "plan")
    built = next(place for place, event in enumerate(demo.events)
                 if event.get("estado") == "construccion")  # fmt: skip
    assert plan < built
    milestones = demo.events[plan]["plan"]["milestones"]
    done = [event["metadata"]["milestone"] for event in demo.steps
            if "milestone" in event["metadata"]]  # fmt: skip
    assert done == [milestone["id"] for milestone in milestones]
    assert demo.rows("SELECT estado, decided_by FROM order_plans") == [("aprobado", "local:demo")]


def test_every_check_leaves_a_receipt(demo: Demonstration) -> None:
    shown = {
        event["metadata"]["verificacion"]: event["metadata"]
        for event in demo.steps
        if "verificacion" in event["metadata"]
    }
    assert set(shown) == {"tests", "security", "health"}
    for receipt in shown.values():
        assert receipt["aprobada"] is True
        assert receipt["exit_code"] == 0
        assert receipt["duracion_segundos"] > 0
        assert re.fullmatch(r"[0-9a-f]{64}", receipt["sha256"])
        assert receipt["aislamiento"] in {"bubblewrap", "subprocess"}
    kept = demo.rows("SELECT check_name, command, output_digest FROM order_checks")
    assert {name: digest for name, _, digest in kept} == {
        name: receipt["sha256"] for name, receipt in shown.items()
    }
    assert all(command for _, command, _ in kept)


def test_the_administrator_can_log_in_with_the_password_shown(demo: Demonstration) -> None:
    ready = next(event for event in demo.events if event["evento"] == "lista")
    answer = demo.http.post(
        f"{demo.up.url}/api/auth/login",
        json={"email": ready["admin_email"], "password": ready["admin_password"]},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["rol"] == "admin"
    assert answer.json()["user"]["debe_cambiar_password"] is True
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    too_early = demo.http.get(f"{demo.up.url}/api/orders", headers=token)
    assert too_early.json()["codigo"] == "cambio_de_password_requerido"
    change = {"password_actual": ready["admin_password"], "password_nueva": secrets.token_hex(12)}
    changed = demo.http.post(f"{demo.up.url}/api/auth/password", json=change, headers=token)
    assert changed.status_code == 200, changed.text
    orders = demo.http.get(f"{demo.up.url}/api/orders", headers=token)
    assert [order["order_number"] for order in orders.json()["orders"]] == [demo.number]


def test_every_link_of_the_result_answers(demo: Demonstration) -> None:
    health = demo.http.get(f"{demo.delivered['deploy_url']}/health")
    assert health.status_code == 200
    assert health.json()["db_migrated"] is True
    result = demo.delivered["resultado"]
    links = [result[name] for name in ("api_url", "docs_url", "admin_url", "portal_url")]
    for link in links:
        answer = demo.http.get(link, follow_redirects=True)
        assert answer.status_code == 200, (link, answer.text)
    assert set(result["webhooks"]) == {"whatsapp", "stripe"}
    for link in result["webhooks"].values():
        # A webhook answers whoever signs and nobody else; that it refuses shows that it is there.
        assert demo.http.post(link).status_code in {400, 401, 403}, link


def test_credentials_are_masked_and_revealed_once(demo: Demonstration) -> None:
    assert set(demo.credentials) == {
        "admin_email", "admin_password_temporal", "api_key", "webhook_secret",
    }  # fmt: skip
    assert all(len(secret) >= 16 for secret in demo.secrets)
    again = demo.run("orders", "reveal", demo.number, "--yes", "--data-dir", str(demo.data_dir))
    assert again.returncode == 9
    assert "ya se mostraron una vez" in again.stderr
    result = demo.http.get(
        f"{demo.up.url}/api/orders/{demo.number}/result", headers={"X-API-Key": demo.api_key}
    )
    assert result.status_code == 200, result.text
    shown = result.json()["resultado"]["credentials"]
    assert shown.keys() == demo.credentials.keys()
    assert shown["admin_email"] == demo.credentials["admin_email"]
    assert all(MASK in value for name, value in shown.items() if name != "admin_email")
    for place in (result.text, again.stdout + again.stderr, str(demo.events)):
        assert not [secret for secret in demo.secrets if secret in place]


def test_the_bot_answers_who_twilio_signed_for_and_nobody_else(demo: Demonstration) -> None:
    bot = demo.bot()
    assert "camisetas" in bot.say("¿Tienen camisetas?").lower()
    fields = bot.fields("¿Tienen camisetas?")
    signature = twilio_signature(bot.webhook, fields, bot.token)
    wrong = {
        "none": None,
        "empty": "",
        "another token": twilio_signature(bot.webhook, fields, "otra clave"),
        "another address": twilio_signature(f"{bot.webhook}/", fields, bot.token),
        "another message": twilio_signature(bot.webhook, fields | {"Body": "Hola"}, bot.token),
        "cut": signature[:-2],
    }
    refused = {name: bot.post(fields, value).status_code for name, value in wrong.items()}
    assert refused == dict.fromkeys(wrong, 403)
    assert bot.post(fields, signature).status_code == 200


def test_an_order_by_chat_is_in_the_products_api(demo: Demonstration) -> None:
    number = order_by_chat(demo, 2)
    taken = next(order for order in demo.product_orders() if order["id"] == number)
    assert [(line["producto"], line["cantidad"]) for line in taken["lineas"]] == [("pantalones", 2)]
    unasked = demo.http.get(f"{demo.delivered['deploy_url']}/api/pedidos")
    assert unasked.status_code == 401


def test_the_products_administration_is_behind_its_password(demo: Demonstration) -> None:
    base = demo.delivered["deploy_url"]
    with httpx2.Client(base_url=base, trust_env=False, timeout=30) as browser:

        def log_in(password: str) -> httpx2.Response:
            form = browser.get("/admin/entrar").text
            token = re.search(r'name="csrf" value="([^"]+)"', form)
            assert token, form
            email = demo.credentials["admin_email"]
            fields = {"csrf": token[1], "email": email, "password": password}
            return browser.post("/admin/entrar", data=fields)

        refused = browser.get("/admin")
        assert refused.status_code in {303, 401, 403}
        assert "pantalones" not in refused.text
        assert log_in("adivinada").status_code == 401
        assert browser.get("/admin").status_code != 200
        assert log_in(demo.credentials["admin_password_temporal"]).status_code == 303
        inside = browser.get("/admin")
        assert inside.status_code == 200
        assert "pantalones" in inside.text


def test_the_repository_is_for_who_has_a_key(demo: Demonstration, tmp_path: Path) -> None:
    url = demo.delivered["repo_url"]
    without = git_clone(url, tmp_path / "without", password=None)
    wrong = git_clone(url, tmp_path / "wrong", password="axk_live_AAAAAAAA_no")
    assert without.returncode != 0
    assert wrong.returncode != 0
    answer = demo.http.get(f"{demo.delivered['repo_url']}/info/refs")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_clone_has_the_product_and_no_secret(demo: Demonstration, clone: Path) -> None:
    assert {"Dockerfile", "README.md", "axon-product.json", "tests"} <= {
        path.name for path in clone.iterdir()
    }
    kept = "".join(path.read_text() for path in clone.rglob("*.*") if path.suffix in {
        ".py", ".json", ".md", ".toml", ".html"})  # fmt: skip
    assert not [secret for secret in demo.secrets if secret in kept]


@pytest.mark.proven("products")
def test_the_products_own_tests_pass_in_a_clone(clone: Path, installed_runtime: Path) -> None:
    done = subprocess.run(
        [str(ProductRuntime(installed_runtime).python), "-m", "pytest", "-q"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)
    assert "failed" not in done.stdout


def test_mail_and_portal_lead_to_the_product_without_a_secret(demo: Demonstration) -> None:
    portal = demo.delivered["resultado"]["portal_url"]
    texts: dict[str, str] = {}
    for path in Path(demo.delivered["correo"], "new").iterdir():
        letter = message_from_bytes(path.read_bytes(), policy=default_policy)
        said = [part.get_content() for part in letter.walk() if not part.is_multipart()]
        texts[str(letter["To"])] = "\n".join([texts.get(str(letter["To"]), ""), str(letter), *said])
    assert portal in texts["contacto@empresa.com"]
    assert demo.number in texts["aprobacion@axon88.com"]
    page = demo.http.get(portal)
    assert page.status_code == 200
    assert demo.number in page.text
    assert demo.delivered["deploy_url"] in page.text
    assert demo.delivered["resultado"]["admin_url"] in page.text
    for place in (*texts.values(), page.text):
        assert not [secret for secret in demo.secrets if secret in place]
    # Another link's holder learns nothing, not even whether there is such an order.
    assert demo.http.get(f"{portal[:-4]}AAAA").status_code == 404


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_second_start_says_who_holds_the_folder(
    demo: Demonstration, options: tuple[str, ...]
) -> None:
    second = demo.run("up", "--data-dir", str(demo.data_dir), *options)
    said = (second.stdout or second.stderr).strip()
    assert second.returncode == 7
    assert len(said.splitlines()) == 1
    assert str(demo.up.process.pid) in said
    assert demo.up.url in said
    assert demo.http.get(f"{demo.delivered['deploy_url']}/health").status_code == 200


@pytest.mark.proven("deployer")
def test_what_stops_comes_back_with_its_data(demo: Demonstration) -> None:
    first = order_by_chat(demo, 3)
    product = demo.delivered["deploy_url"]
    assert processes_of(demo.data_dir)

    assert demo.up.interrupt() == 0
    assert processes_of(demo.data_dir) == {}
    assert not is_open(product)
    assert not is_open(demo.up.url)
    assert "Traceback" not in demo.up.errors

    again = demo.start_again()
    report(f"a start that brings a product back: {again.events[-1]['at']:.1f} s")
    assert again.wait_for(0, evento="lista")["admin_password"] is None
    assert first in [order["id"] for order in demo.product_orders()]
    second = order_by_chat(demo, 1)
    assert second > first

    killed = kill_all(demo.data_dir)
    report(f"kill -9 of {len(killed)} processes")
    assert [command for command in killed if "supervisord" in command]
    assert [command for command in killed if "-m app" in command]
    assert again.wait(30) == -signal.SIGKILL

    once_more = demo.start_again()
    report(f"a start after kill -9 of everything: {once_more.events[-1]['at']:.1f} s")
    assert {first, second} <= {order["id"] for order in demo.product_orders()}
    assert demo.http.get(demo.delivered["resultado"]["portal_url"]).status_code == 200
