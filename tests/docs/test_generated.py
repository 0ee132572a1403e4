"""Blocks of the documentation that are rendered from the code.

A block stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Where a test here fails,
`AXON_TEST_UPDATE=1 pytest tests/docs/test_generated.py` writes the blocks anew; read the diff.
"""

import inspect
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from axon_factory.api.error_schemas import error_example
from axon_factory.cli.terminal import Exit
from axon_factory.domain.errors import AxonError
from axon_factory.domain.fields import WRITERS, writable_by
from axon_factory.domain.messages import MOST_TRIES, Channel, delay_after
from axon_factory.domain.notifications import FACTS, NOTIFICATIONS, NotificationKind
from axon_factory.domain.permissions import PERMISSIONS, RELATIONS, Action, Grant
from axon_factory.domain.states import (
    TERMINAL_STATES,
    TRANSITIONS,
    ActorKind,
    OrderState,
)
from axon_factory.orders.answers.order import READERS
from axon_factory.orders.erasure import NOT_OF_ORDERS, PLACES, Place
from axon_factory.settings import Settings
from tests.support.published_errors import published_errors

DOCS = Path(__file__).parents[2] / "docs"
UPDATE = "AXON_TEST_UPDATE"

EXITS: Mapping[Exit, str] = {
    Exit.OK: "Done.",
    Exit.FAILED: "`axon doctor` found an error, or something nobody foresaw happened.",
    Exit.USAGE: "The command line says something that cannot be; `--help` shows what can.",
    Exit.SETTINGS: "A setting is wrong, or an `AXON_` variable is none of ours.",
    Exit.DATABASE_UNREACHABLE: "The database does not answer.",
    Exit.PORT_BUSY: "The port is taken, or this user may not have it: choose another.",
    Exit.DATA_DIR_UNWRITABLE: "A file or folder cannot be used: give permission or choose another.",
    Exit.DATA_DIR_HELD: "Another process holds the data folder; the sentence says which.",
    Exit.NOT_RUNNING: "No factory runs on the data folder, or the one of `AXON_URL` is away.",
    Exit.REFUSED: "The factory refuses what was asked, as the API would; the sentence says why.",
    Exit.NOT_DELIVERED: "The order that was followed ended elsewhere than in `entregado`.",
    Exit.PRODUCT_RUNTIME: "The products' Python environment is missing or cannot be installed.",
    Exit.EMBEDDED_POSTGRES: "The embedded PostgreSQL cannot be started.",
    Exit.SCHEMA_OUTDATED: "The database has another schema than this program: `axon migrate`.",
    Exit.AUDIT_BROKEN: "The audit trail does not hold, or is not that of the checkpoint.",
    Exit.DATABASE_UNSUPPORTED: "The server is no PostgreSQL of a supported version (14 to 18).",
}

ADVICE: Mapping[str, str] = {
    "error_interno": "Not your fault. Try again later; if it stays, tell who runs the factory.",
    "validacion": "Correct each field that `details` names and send it again.",
    "producto_no_listo": "Wait: follow the order, and ask again once it is `listo`.",
    "no_cancelable": "An administrator can use `POST /api/orders/{id}/cancel` with a reason.",
    "autenticacion_requerida": "Send one credential that holds; log in again if the token is old.",
    "intento_terminado": "Stop working on the order: nothing that you report counts any more.",
    "token_vencido": "Get the next credential as `message` says; repeat a write with its key.",
    "pregunta_cerrada": "Read the questions again; this one needs no answer.",
    "prohibido": "Use a key with one of `alcances_validos`, or a user with one of `roles_validos`.",
    "no_encontrado": "Check the address.",
    "orden_no_encontrada": "Check the id; an order that is not yours is not found either.",
    "conflicto": "Read the order again and decide anew; `message` says what is in the way.",
    "configuracion_fija": "Place another order with the new configuration.",
    "rotacion_en_curso": "Repeat after the seconds of `Retry-After`.",
    "orden_borrada": "Nothing: the order holds no data any more and takes none.",
    "transicion_no_permitida": "Take one of the states in `transiciones_permitidas`, or none.",
    "orden_propia": "Let another approver decide (`AXON_APPROVAL_OWN_ORDERS`).",
    "plan_no_encontrado": "Take one of the versions that `GET /api/orders/{id}/plans` lists.",
    "orden_terminada": "Stop: the order is delivered, cancelled or failed.",
    "recibo_rechazado": "Review the `intento` and `commit` that the answer names.",
    "plan_desactualizado": "Read what changed in `cambios`, and decide about `plan_version`.",
    "version_desactualizada": "Read it again, apply your change to what you read, and repeat.",
    "clave_de_idempotencia_reutilizada": "Use a new key for a new request.",
    "seleccion_cambiada": "Ask for the preview again and send its `total` as `esperado`.",
    "solicitud_en_curso": "Wait a moment and repeat the request with the same key.",
    "cambio_de_password_requerido": "Change the password: `POST /api/auth/password`.",
    "no_disponible": "Try again after the seconds in `Retry-After`.",
    "cuerpo_demasiado_grande": "Send less; `message` names the limit.",
    "solicitud_malformada": "Send valid HTTP; `message` says what contradicts itself.",
    "metodo_no_permitido": "Use one of the methods in `Allow`.",
    "solicitud_lenta": "Send the whole request at once, or over a better line.",
    "direccion_demasiado_larga": "Ask for less in one address; `message` names the limit.",
    "contenido_no_admitido": "Send `Content-Type: application/json`, UTF-8, not compressed.",
    "host_desconocido": "Use the public address, or let the owner set `AXON_ALLOWED_HOSTS`.",
    "demasiadas_solicitudes": "Wait for `Retry-After`; pace yourself by `RateLimit`.",
    "cabeceras_demasiado_grandes": "Send fewer or shorter header fields.",
    "no_listo": "Wait until what `problemas` names is mended; reads may still be answered.",
    "servicio_saturado": "Try again after the seconds in `Retry-After`.",
    "credenciales_invalidas": "Check e-mail and password; the account may be switched off.",
    "credenciales_ambiguas": "Send one of `Authorization`, `X-API-Key` and `X-System-Token`.",
    "origen_no_permitido": "Connect from the factory's own pages, or let the owner name the origin "
    "in `AXON_CORS_ORIGINS`; a program sends no `Origin`.",
    "autenticacion_tardia": "Send `auth` as the first message of the WebSocket.",
    "credencial_terminada": "Get another credential and connect again with `desde`.",
    "otra_cuenta": "Open another connection for another account.",
    "demasiadas_conexiones": "Close connections that nobody uses; one takes many subscriptions.",
    "demasiadas_suscripciones": "Unsubscribe from what nobody looks at, or subscribe by `filtros`.",
    "demasiados_mensajes": "Wait, connect again, and send fewer messages.",
    "sin_lugar": "Try again after some seconds, at another process if there is one.",
    "reinicio": "Connect again, and subscribe with `desde`.",
    "acceso_saturado": "Too many logins at once: try again after the seconds in `Retry-After`.",
    "version_de_api_desconocida": "Send a version that `versiones` names, or no `Axon-Version`.",
    "password_debil": "Choose another password; `details` says what is wrong with this one.",
    "demasiados_codigos": "Use the code that was mailed last, or wait. The portal's page says it.",
    "demasiados_reportes": "Wait for the seconds of `Retry-After`: five an hour and order.",
    "demasiados_intentos": "Wait for the seconds in `Retry-After` before you log in again.",
    "ultimo_administrador": "Give another user the role `admin` first.",
    "cuenta_propia": "Ask another administrator.",
    "demasiados_destinos": "Delete a destination that is no longer needed, or widen one.",
    "destino_existente": "Choose another name, or delete the destination that has it.",
    "clave_en_rotacion": "Revoke one of the two live keys, then rotate again.",
    "cuenta_inactiva": "Switch the user on (`PATCH /api/users/{id}`), then invite.",
    "cuenta_con_password": "Nothing to do: the user signs in, or asks for another password.",
    "cuenta_de_otro": "Correct `datos_cliente.email` or `cliente_id` of the order, then invite.",
    "enlace_no_sirve": "Ask for another link: `POST /api/auth/password/forgot`, or who invited.",
    "correo_en_uso": "Use another address, or the user that exists (command line only).",
}


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def state_diagram() -> str:
    edges = [f"    {row.source} --> {row.target}" for row in TRANSITIONS]
    ends = [f"    {state} --> [*]" for state in OrderState if state in TERMINAL_STATES]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> nuevo", *edges, *ends, "```"])


def transition_table() -> str:
    def actors(allowed: frozenset[ActorKind]) -> str:
        return ", ".join(kind.value for kind in ActorKind if kind in allowed)

    return table(
        ("From", "To", "Who", "Condition"),
        (
            (f"`{row.source}`", f"`{row.target}`", actors(row.actors), row.condition)
            for row in TRANSITIONS
        ),
    )


def permission_table() -> str:
    def states(action: Action) -> str:
        allowed = PERMISSIONS[action].states
        return ", ".join(state for state in OrderState if state in allowed) if allowed else ""

    def cell(action: Action, grant: Grant) -> str:
        return RELATIONS[grant].value if grant in PERMISSIONS[action].grants else ""

    return table(
        ("Action", "States", *(f"`{grant}`" for grant in Grant)),
        (
            (f"`{action}`", states(action), *(cell(action, grant) for grant in Grant))
            for action in Action
        ),
    )


def field_table() -> str:
    def writes(name: str, grant: Grant) -> str:
        return "w" if name in writable_by(grant) else ""

    names = dict.fromkeys([*READERS, *(name for fields in WRITERS.values() for name in fields)])
    nobody: frozenset[Grant] = frozenset()
    return table(
        ("Field", *(f"`{grant}`" for grant in Grant)),
        (
            (
                f"`{name}`",
                *(
                    ("r" if grant in READERS.get(name, nobody) else "") + writes(name, grant)
                    for grant in Grant
                ),
            )
            for name in sorted(names)
        ),
    )


def exit_table() -> str:
    return table(
        ("Code", "Name", "Meaning"),
        ((str(code.value), code.name, EXITS[code]) for code in Exit),
    )


def settings_table() -> str:
    document = Settings.model_json_schema()
    schema: Mapping[str, Any] = document["properties"]

    def cells(name: str) -> tuple[str, str, str, str]:
        field = schema[name]
        if "$ref" in field:  # an enumeration of the domain's
            field = {**document["$defs"][field["$ref"].rpartition("/")[2]], **field}
        default = field.get("default")
        shown = "" if default is None or default == [] else f"`{default}`"
        return f"`AXON_{name.upper()}`", shown, _values(field), field["description"]

    return table(("Setting", "Default", "Values", "Meaning"), (cells(name) for name in schema))


def _values(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "maximum" in field:
        low = field.get("minimum", field.get("exclusiveMinimum"))
        above = "above " if "exclusiveMinimum" in field else ""
        return f"{above}{low:.0f} to {field['maximum']:.0f}"
    return ""


def error_sections() -> str:
    def section(error: type[AxonError]) -> str:
        meaning = (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ")
        meaning = re.sub(r" \(design §[\d.]+\)", "", meaning)
        if error is AxonError:
            meaning = "Something happened that nobody foresaw."
        status = HTTPStatus(error.status)
        spanish, english = error_example(error), error_example(error, language="en")
        example = json.dumps(spanish, indent=2, ensure_ascii=False)
        return (
            f"### `{error.codigo}`\n\n"
            f"{status.value} {status.phrase}. `error`: “{error.title}”. {meaning}\n\n"
            f"What to do: {ADVICE[error.codigo]}\n\n"
            f"```json\n{example}\n```\n\n"
            f"In English: {'; '.join(_in_english(spanish, english)) or 'the same'}."
        )

    return "\n\n".join(section(error) for error in published_errors())


def _in_english(spanish: Mapping[str, Any], english: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences that an English reader gets instead."""
    for name in ("message", "mensaje", "title"):
        if name in spanish and spanish[name] != english[name]:
            yield f"`{name}` “{english[name]}”"
    for field, sentence in english.get("details", {}).items():
        yield f"`details.{field}` “{sentence}”"


def notification_table() -> str:
    def facts(kind: NotificationKind) -> str:
        return ", ".join(f"`{name}`" for name in NOTIFICATIONS[kind].facts)

    kinds = table(
        ("`type`", "When", "Further members of `data`"),
        ((f"`{kind}`", NOTIFICATIONS[kind].when, facts(kind)) for kind in NotificationKind),
    )
    members = table(
        ("Member", "Meaning"), ((f"`{name}`", meaning) for name, meaning in FACTS.items())
    )
    return f"{kinds}\n\n{members}"


def retry_table() -> str:
    def cells(tries: int) -> tuple[str, ...]:
        delay = delay_after(Channel.WEBHOOK, tries)
        assert delay is not None
        return str(tries + 1), _spelt(delay)

    webhooks = table(
        ("Try of a webhook or chat", "After the one before"),
        (("1", "at once"), *(cells(tries) for tries in range(1, MOST_TRIES[Channel.WEBHOOK]))),
    )
    first, last = (
        delay_after(Channel.MAIL, 1),
        delay_after(Channel.MAIL, MOST_TRIES[Channel.MAIL] - 1),
    )
    assert first is not None
    assert last is not None
    return (
        f"{webhooks}\n\nMail is tried {MOST_TRIES[Channel.MAIL]} times: after {_spelt(first)}, "
        f"twice as long each time, and then every {_spelt(last)}."
    )


def _spelt(delay: timedelta) -> str:
    seconds = int(delay.total_seconds())
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + "s" * (count != 1)
    raise ValueError(delay)


def personal_data_table() -> str:
    """Return the places of personal data: what is erased, deleted, kept."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    def kept(place: Place) -> str:
        return "; ".join(f"{listed(names)} ({why})" for why, names in place.kept.items())

    places = table(
        ("Table", "Erased", "Kept, and why"),
        (
            (
                f"`{place.table}`",
                "the rows" if place.deleted else listed(place.erased) or "nothing",
                kept(place),
            )
            for place in PLACES
        ),
    )
    others = table(
        ("Table without personal data of an order", "Why"),
        ((f"`{name}`", why) for name, why in NOT_OF_ORDERS.items()),
    )
    return f"{places}\n\n{others}"


BLOCKS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("architecture.md", "state-diagram"): state_diagram,
    ("architecture.md", "transitions"): transition_table,
    ("security.md", "permissions"): permission_table,
    ("security.md", "fields"): field_table,
    ("operations.md", "exit-codes"): exit_table,
    ("operations.md", "settings"): settings_table,
    ("errors.md", "errors"): error_sections,
    ("notifications.md", "notifications"): notification_table,
    ("notifications.md", "retries"): retry_table,
    ("privacy.md", "personal-data"): personal_data_table,
}


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<=<!-- generated: {name} -->\n)(.*?)(?=<!-- end: {name} -->)", flags=re.DOTALL
    )


@pytest.mark.parametrize(("page", "name"), BLOCKS, ids=lambda value: value)
def test_block_is_what_the_code_says(page: str, name: str) -> None:
    file = DOCS / page
    text = file.read_text(encoding="utf-8")
    found = _pattern(name).findall(text)
    assert len(found) == 1, f"{page} must have one block '{name}'"
    wanted = f"\n{BLOCKS[page, name]()}\n\n"
    if os.environ.get(UPDATE):
        file.write_text(_pattern(name).sub(lambda _: wanted, text), encoding="utf-8")
        return
    assert found[0] == wanted, f"{page} is out of date: run this file with {UPDATE}=1"


def test_every_block_of_the_pages_is_generated_here() -> None:
    marked = {
        (page.name, name)
        for page in DOCS.glob("*.md")
        for name in re.findall(r"<!-- generated: (.+?) -->", page.read_text(encoding="utf-8"))
    }
    assert marked == set(BLOCKS)


def test_every_exit_code_and_every_error_is_explained_and_nothing_else() -> None:
    assert set(EXITS) == set(Exit)
    assert set(ADVICE) == {error.codigo for error in published_errors()}


def test_codes_of_errors_are_unique() -> None:
    codes = [error.codigo for error in published_errors()]
    assert len(codes) == len(set(codes))


def test_every_setting_says_what_it_means() -> None:
    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]
    assert unexplained == []
