"""Users and keys made on the command line open the API that `axon serve` answers with."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from axon_factory.cli.terminal import Exit
from tests.cli.program import Program


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def credentials(axon: Program) -> int:
    return len(list(Path(axon.environment["AXON_DATA_DIR"]).glob("local-*")))


async def ask(url: str, headers: dict[str, str], body: object = None) -> tuple[int, str]:
    """Return status and body of a request over a real connection."""
    data = None if body is None else json.dumps(body).encode()
    whole = {**headers, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, whole)  # noqa: S310 — loopback

    def send() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 — loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(send)


async def rotate_and_keep_the_last_administrator(axon: Program, url: str, key: Any) -> None:  # noqa: ANN401 — JSON
    """The old key serves beside the new one, which is revoked here."""
    rotate = ["keys", "rotate", key["id"], "--json"]
    rotated, again, last = await axon.many(
        [
            ({}, [*rotate, "--grace-hours", "1"], ""),
            ({}, rotate, ""),
            ({}, ["users", "deactivate", "eva@example.com", "--json"], ""),
        ]
    )
    assert (rotated.json["familia"], rotated.json["permiso"]) == (key["id"], key["permiso"])
    assert again.code == Exit.REFUSED
    assert (last.code, "administrador" in last.out) == (Exit.REFUSED, True)
    for made in (key, rotated.json):
        assert (await ask(f"{url}/api/orders", {"X-API-Key": made["api_key"]}))[0] == 200
    await axon.many([({}, ["keys", "revoke", rotated.json["id"], "--json"], "")])


async def invite_twice(axon: Program) -> None:
    """The mail has the link; the terminal shows until when it works."""
    create = ["users", "create", "leo@example.com", "--role", "operator", "--name", "Leo"]
    invited, again, nobody, chosen = await axon.many(
        [
            ({}, [*create, "--invite", "--language", "en", "--json"], ""),
            ({}, ["users", "invite", "LEO@example.com"], ""),
            ({}, ["users", "invite", "nadie@example.com"], ""),
            ({}, ["users", "invite", "ana@example.com"], ""),
        ]
    )
    assert "password" not in invited.json
    assert invited.json["invitacion_vence_at"]
    assert (again.code, "leo@example.com" in again.out) == (0, True)
    assert "axl_" not in invited.out + again.out
    assert (nobody.code, chosen.code) == (Exit.REFUSED, Exit.REFUSED)


async def test_access_lasts_as_long_as_the_command_line_says(axon: Program) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    password = "correcto caballo batería"
    mail = "ana@example.com"
    async with axon.started("serve", "--port", str(port), "--json") as server:
        assert json.loads(await server.line())["url"] == url
        assert (await ask(f"{url}/health", {}))[0] == 200
        assert credentials(axon) == 2

        create = ["users", "create", mail, "--role", "operator", "--name", "Ana", "--json"]
        key, token, user, twice, temporary, agent = await axon.many(
            [
                ({}, ["keys", "create", "ventas", "--scope", "lectura", "--json"], ""),
                ({}, ["keys", "create-system", "Builder Agent", "--json"], ""),
                ({}, [*create, "--password-stdin"], f"{password}\n"),
                ({}, [*create, "--password-stdin"], f"{password}\n"),
                ({}, ["users", "create", "eva@example.com", "--role", "admin", "--name", "Eva",
                      "--json"], ""),
                ({}, ["users", "create", "x@example.com", "--role", "system", "--name", "X",
                      "--json"], ""),
            ]
        )  # fmt: skip
        assert "password" not in user.json
        assert not user.json["debe_cambiar_password"]
        assert (twice.code, agent.code) == (Exit.REFUSED, Exit.USAGE)
        assert temporary.json["debe_cambiar_password"]

        keyed = {"X-API-Key": key.json["api_key"]}
        logins = [
            {"email": mail, "password": password},
            {"email": "eva@example.com", "password": temporary.json["password"]},
        ]
        assert (await ask(f"{url}/api/orders", keyed))[0] == 200
        for login in logins:
            assert (await ask(f"{url}/api/auth/login", {}, login))[0] == 200

        await invite_twice(axon)
        await rotate_and_keep_the_last_administrator(axon, url, key.json)
        revoked, _, deactivated, listed, people, keys = await axon.many(
            [
                ({}, ["keys", "revoke", key.json["id"], "--json"], ""),
                ({}, ["keys", "revoke-system", token.json["id"], "--json"], ""),
                ({}, ["users", "deactivate", mail.upper(), "--json"], ""),
                ({}, ["keys", "list", "--json"], ""),
                ({}, ["users", "list"], ""),
                ({}, ["keys", "list"], ""),
            ]
        )
        assert revoked.code == 0
        assert not deactivated.json["activo"]
        for kind in ("api_keys", "system_tokens"):
            assert {item["estado"] for item in listed.json[kind]} == {"revocada"}
        secrets = (key.json["api_key"], token.json["system_token"])
        assert not any(secret in listed.out + keys.out for secret in secrets)
        assert mail in people.out
        assert "Builder Agent" in keys.out
        assert (await ask(f"{url}/api/orders", keyed))[0] == 401
        assert (await ask(f"{url}/api/auth/login", {}, logins[0]))[0] == 401
        ended = await server.end()
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert credentials(axon) == 1, "its own is gone, and this process's serves on"
