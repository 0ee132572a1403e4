"""Whatever is wrong ends with one clear sentence and the exit code that says what it was."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_factory.cli.terminal import Exit
from tests.cli.program import Program
from tests.support.databases import empty_database
from tests.support.workshop import example_order


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


UNREACHABLE = "postgresql://axon:geheim@127.0.0.1:1/axon"

# name, settings, words, standard input, exit code, part of the sentence
CASES = [
    ("database away", {"AXON_DATABASE_URL": UNREACHABLE}, "worker", "",
     Exit.DATABASE_UNREACHABLE, "La base de datos no responde"),
    ("migrate, database away", {"AXON_DATABASE_URL": UNREACHABLE}, "migrate", "",
     Exit.DATABASE_UNREACHABLE, "La base de datos no responde"),
    ("no URL", {"AXON_DATABASE_URL": "geheim"}, "worker", "",
     Exit.SETTINGS, "AXON_DATABASE_URL debe tener la forma"),
    ("another database's URL", {"AXON_DATABASE_URL": "mysql://a:geheim@b/c"}, "worker", "",
     Exit.SETTINGS, "AXON_DATABASE_URL debe tener la forma"),
    ("unknown setting", {"AXON_PROT": "1"}, "orders list", "", Exit.SETTINGS, "AXON_PROT"),
    ("bad setting", {"AXON_PORT": "http"}, "serve", "", Exit.SETTINGS, "AXON_PORT"),
    ("nothing runs", {"AXON_DATA_DIR": "/nowhere/axon"}, "users list", "",
     Exit.NOT_RUNNING, "inicia `axon up`"),
    ("nothing runs, in English", {"AXON_DATA_DIR": "/nowhere/axon", "AXON_LANG": "en"},
     "users list", "", Exit.NOT_RUNNING, "start `axon up`"),
    ("no factory", {"AXON_URL": "http://127.0.0.1:1", "AXON_API_KEY": "axk_geheim"},
     "orders list", "", Exit.NOT_RUNNING, "La fábrica no responde en http://127.0.0.1:1"),
    ("no key", {"AXON_URL": "http://127.0.0.1:1"}, "orders list", "", Exit.SETTINGS,
     "AXON_API_KEY"),
    ("a key in clear text", {"AXON_URL": "http://fabrica.example", "AXON_API_KEY": "axk_geheim"},
     "orders list", "", Exit.SETTINGS, "https://"),
    ("no address", {"AXON_URL": "fabrica", "AXON_API_KEY": "axk_geheim"}, "orders list", "",
     Exit.SETTINGS, "AXON_URL"),
    ("no key of ours", {"AXON_API_KEY": "geheim"}, "orders list", "", Exit.SETTINGS,
     "AXON_API_KEY"),
    ("a key that serves nowhere", {"AXON_API_KEY": "axk_geheim"}, "orders list", "",
     Exit.REFUSED, "API key required"),
    ("no language", {"AXON_LANG": "fr"}, "orders list", "", Exit.SETTINGS, "AXON_LANG"),
    ("no such option", {}, "orders list --nave", "", Exit.USAGE, "No existe la opción --nave"),
    ("no such command", {}, "orders lst", "", Exit.USAGE, "¿Querías 'list'?"),
    ("in English", {"AXON_LANG": "en"}, "orders lst", "", Exit.USAGE, "Did you mean 'list'?"),
    ("no number", {}, "orders list --limit x", "", Exit.USAGE, "no es un número entero"),
    ("too many", {}, "orders list --limit 201", "", Exit.USAGE, "201 no está en 1…200"),
    ("no choice", {}, "orders list --estado nave", "", Exit.USAGE, "no es una de: nuevo"),
    ("no argument", {}, "orders show", "", Exit.USAGE, "Falta el argumento"),
    ("too much", {}, "orders show a b", "", Exit.USAGE, "Sobra: b"),
    ("no runtime", {}, "worker", "", Exit.PRODUCT_RUNTIME, "axon runtime install"),
    ("not JSON", {}, "orders create", "{", Exit.REFUSED, "no es JSON válido"),
    ("not UTF-8 JSON", {}, "orders create -", "\x00", Exit.REFUSED, "no es JSON válido"),
    ("endless nesting", {}, "orders create", "[" * 100_000, Exit.REFUSED, "no es JSON válido"),
    ("no object", {}, "orders create", "[]", Exit.REFUSED, "objeto JSON"),
    ("bad fields", {}, "orders create", json.dumps(example_order(tipo_producto="nave")),
     Exit.REFUSED, "tipo_producto: Tipo de producto no válido"),
    ("no such file", {}, "orders create nowhere.json", "", Exit.USAGE, "nowhere.json"),
    ("unknown number", {}, "orders show ORD-1999-001", "", Exit.REFUSED, "ORD-1999-001"),
    ("no reference", {}, "orders watch [bold]", "", Exit.REFUSED, "[bold]"),
    ("unknown type", {}, "orders list --tipo nave", "", Exit.REFUSED, "autopilot_whatsapp"),
    ("half a plan", {}, "orders approve ORD-1999-001 --plan-version 1", "", Exit.USAGE,
     "van juntos"),
    ("a question to a script", {}, "orders reveal ORD-1999-001", "", Exit.USAGE, "--yes"),
    ("unknown user", {}, "users deactivate a@example.com", "", Exit.REFUSED, "a@example.com"),
    ("unknown key", {}, "keys revoke 12345678", "", Exit.REFUSED, "12345678"),
    ("unknown token", {}, "keys revoke-system 12345678", "", Exit.REFUSED, "12345678"),
    ("short password", {}, "users create a@example.com --role admin --name A --password-stdin",
     "corta\n", Exit.REFUSED, "password"),
    ("no mail address", {}, "users create nobody --role admin --name A", "", Exit.REFUSED,
     "correo"),
]  # fmt: skip


async def test_one_sentence_and_its_code(axon: Program) -> None:
    answers = await axon.many(
        [(settings, [*words.split(), "--json"], stdin) for _, settings, words, stdin, _, _ in CASES]
    )
    for (name, _, _, _, code, part), answer in zip(CASES, answers, strict=True):
        assert answer.code == code, (name, answer)
        assert answer.json["exit_code"] == code, name
        assert part in answer.json["error"], (name, answer)
        assert "geheim" not in answer.out + answer.err, name
        assert "Traceback" not in answer.err, (name, answer.err)


async def test_people_read_it_on_stderr(axon: Program) -> None:
    answer = await axon.fresh("orders", "show", "[red]ORD")
    assert answer.code == Exit.REFUSED
    assert answer.out == ""
    assert answer.err == "axon: No order exists with ID: [red]ORD\n"


async def test_scripts_get_the_keys_of_the_api(axon: Program) -> None:
    answer = await axon("orders", "show", "ORD-1999-001", "--json")
    assert answer.json["codigo"] == "orden_no_encontrada"
    words = "users create nobody --role admin --name A --json"
    refused = await axon(*words.split())
    assert (refused.json["codigo"], set(refused.json["details"])) == ("validacion", {"email"})


async def test_busy_port(axon: Program, busy_port: int) -> None:
    answer = await axon("serve", "--port", str(busy_port))
    assert answer.code == Exit.PORT_BUSY
    assert answer.out == ""
    assert f"puerto {busy_port}" in answer.err
    assert answer.err.count("\n") == 1


async def test_folder_that_cannot_be_used(axon: Program, tmp_path: Path) -> None:
    """A file in the folder's place stops root too."""
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "data")
    spoilt = axon.having(AXON_DATA_DIR=folder, AXON_SECRET_KEY=None)
    answer, diagnosis = await spoilt.many(
        [({}, ["orders", "list", "--json"], ""), ({}, ["doctor", "--json"], "")]
    )
    assert answer.code == Exit.DATA_DIR_UNWRITABLE, answer
    assert folder in answer.json["error"]
    assert diagnosis.code == Exit.FAILED
    checks = {check["name"]: check for check in diagnosis.json["checks"]}
    assert checks["Carpeta de datos"]["status"] == "error"


async def test_migrate_tells_from_where_to_where(axon: Program, postgres_url: str) -> None:
    async with empty_database(postgres_url) as url:
        fresh = axon.having(AXON_DATABASE_URL=url)
        before, first, second, after = await fresh.many(
            [
                ({}, ["worker", "--json"], ""),
                ({}, ["migrate", "--json"], ""),
                ({}, ["migrate", "--json"], ""),
                ({}, ["worker", "--json"], ""),
            ]
        )
        assert before.code == Exit.SCHEMA_OUTDATED
        assert "axon migrate" in before.json["error"]
        assert first.code == 0, first
        assert first.json["desde"] is None
        assert second.json == {"desde": first.json["hasta"], "hasta": first.json["hasta"]}
        assert after.code == Exit.PRODUCT_RUNTIME
