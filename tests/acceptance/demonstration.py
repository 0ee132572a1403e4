"""The factory that `axon up --demo` leaves running, and ways to use what it delivered."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import psycopg

from axon_factory.db.embedded import read_dsn
from tests.acceptance.program import (
    DELIVERY_SECONDS,
    START_SECONDS,
    AxonUp,
    Event,
    document,
    free_port,
)
from tests.support.prefork import Prefork

CLIENT = "whatsapp:+5215511112222"
_identifiers = count(1)


class Demonstration:
    """A factory that has delivered the example order; `restart` leaves it as it was."""

    def __init__(self, data_dir: Path, surroundings: Mapping[str, str], axon: Prefork) -> None:
        """`axon` runs other commands on it."""
        self._axon = axon
        self.data_dir = data_dir
        self.surroundings = surroundings
        self.port = free_port()
        self.up = AxonUp(data_dir, self.port, "--demo", environment=surroundings)
        try:
            self.delivered = self.up.wait_for(DELIVERY_SECONDS, evento="entregada")
            self.up.wait_for(START_SECONDS, evento="sirviendo")
        except BaseException:
            self.close()
            raise
        self.events: Sequence[Event] = self.up.events
        """What the first run said."""
        self.number = str(self.delivered["order_number"])
        self.http = httpx2.Client(trust_env=False, timeout=30)

    @property
    def steps(self) -> list[Event]:
        """The order's events as they were shown."""
        return [event for event in self.events if event["evento"] == "orden"]

    def start_again(self) -> AxonUp:
        """Run `axon up` on the same folder, and return once it serves."""
        self.up = AxonUp(self.data_dir, self.port, environment=self.surroundings)
        self.up.wait_for(START_SECONDS, evento="sirviendo")
        return self.up

    def close(self) -> None:
        self.up.__exit__()

    def axon(self, *words: str) -> dict[str, Any]:
        """Run another command of the program on this factory; return its JSON."""
        where = ("--data-dir", str(self.data_dir))
        return document(self.run(*words, *where, "--json"))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program to its end."""
        return self._axon.run(*words, environment=self.surroundings)

    @cached_property
    def credentials(self) -> Mapping[str, str]:
        """The delivered credentials: shown once, so asked for once."""
        return self.axon("orders", "reveal", self.number, "--yes")["credentials"]

    @property
    def secrets(self) -> list[str]:
        """The values that only who reveals them may see."""
        return [value for name, value in self.credentials.items() if name != "admin_email"]

    @cached_property
    def api_key(self) -> str:
        """An API key that may read repositories, made as an administrator would."""
        return self.axon("keys", "create", "aceptación", "--scope", "admin")["api_key"]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read what the factory has on record."""
        dsn = read_dsn(self.data_dir)
        assert dsn is not None
        with psycopg.connect(dsn) as connection:
            return connection.execute(statement.encode()).fetchall()

    def bot(self) -> "Bot":
        webhook = f"{self.delivered['deploy_url']}/webhooks/whatsapp"
        return Bot(self.http, webhook, self.credentials["webhook_secret"])

    def product_orders(self) -> list[dict[str, Any]]:
        """Ask the product for the orders that it took."""
        answer = self.http.get(
            f"{self.delivered['deploy_url']}/api/pedidos",
            headers={"X-API-Key": self.credentials["api_key"]},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["pedidos"]


@dataclass(frozen=True, slots=True)
class Bot:
    """Twilio's side of the delivered bot."""

    http: httpx2.Client
    webhook: str
    token: str

    def say(self, text: str) -> str:
        """Send a message that is signed as Twilio signs; return the text of the TwiML answer."""
        fields = self.fields(text)
        answer = self.post(fields, twilio_signature(self.webhook, fields, self.token))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/xml")
        response = ET.fromstring(answer.content)  # noqa: S314 — our own product's, on loopback
        assert response.tag == "Response"
        return "".join(message.text or "" for message in response.iter("Message"))

    def fields(self, text: str) -> dict[str, str]:
        """Return a message's form fields, with an identifier of its own."""
        return {
            "MessageSid": f"SM{next(_identifiers):032x}",
            "From": CLIENT,
            "To": "whatsapp:+5215587654321",
            "Body": text,
            "NumMedia": "0",
        }

    def post(self, fields: Mapping[str, str], signature: str | None) -> httpx2.Response:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        return self.http.post(self.webhook, data=dict(fields), headers=headers)


def twilio_signature(url: str, fields: Mapping[str, str], token: str) -> str:
    """Sign as Twilio's documentation of X-Twilio-Signature says.

    HMAC-SHA1 with the Auth Token over the full URL followed by every POST parameter, sorted by
    name, name and value joined without delimiters; in Base64.
    """
    text = url
    for name in sorted(fields):
        text += name + fields[name]
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def git_clone(url: str, folder: Path, *, password: str | None) -> subprocess.CompletedProcess[str]:
    """Clone a product's repository as whoever was given `password`."""
    if password is not None:
        url = url.replace("://", f"://clave:{password}@")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "no_proxy": "127.0.0.1",
    }
    return subprocess.run(
        ["git", "clone", "--quiet", url, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def report(sentence: str) -> None:
    """Print a measured figure; pytest shows it with -s or where the test fails."""
    sys.stdout.write(f"{sentence}\n")
