"""Starts a product, looks at it over loopback and stops it. Runs alone, inside the sandbox.

Uses the standard library only: the interpreter is the products'. Arguments: one JSON object
{"webhook": path or null, "health": path, "data_dir": folder, "seconds": patience,
"log_bytes": how much the product may write, "stop_seconds": how long SIGTERM may
take}. The last line written is the JSON report.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from typing import Any, cast

REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
LOG_TAIL_BYTES = 2000
REQUIRED = {
    "status": str,
    "db_migrated": bool,
    "seeds_loaded": bool,
    "integrations_configured": list,
    "integrations_pending": list,
}


class Product:
    """The product as a child process whose output is read and bounded."""

    def __init__(self, environment: dict[str, str], log_bytes: int) -> None:
        self.tail = b""
        self.wrote_too_much = False
        self._written = 0
        self._log_bytes = log_bytes
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        while chunk := os.read(stream.fileno(), 65536):
            self.tail = (self.tail + chunk)[-LOG_TAIL_BYTES:]
            self._written += len(chunk)
            if self._written > self._log_bytes:
                self.wrote_too_much = True
                self._process.kill()
                return

    def ended(self) -> int | None:
        """Return the exit code of a product that is gone."""
        return self._process.poll()

    def stop(self, seconds: float) -> bool:
        """Ask it to end; False when it had to be killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True


def request(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Return status and body; 0 without an answer."""
    # An opener without handlers of the environment: no proxy stands between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data=body, timeout=5) as answer:
            return answer.status, answer.read(100_000)
    except urllib.error.HTTPError as error:
        return error.code, error.read(100_000)
    except (OSError, ValueError):
        return 0, b""


def wait_for_health(product: Product, url: str, patience: float) -> tuple[int, bytes]:
    """Ask until it answers 200, ends, or patience runs out; return the last answer."""
    deadline = time.monotonic() + patience
    last = (0, b"")
    while time.monotonic() < deadline and product.ended() is None:
        last = request(url)
        if last[0] == HTTPStatus.OK:
            break
        time.sleep(0.1)
    return last


def health_findings(status: int, body: bytes) -> list[str]:
    """Compare an answer of the health path with the contract."""
    if status == 0:
        return ["La ruta de salud no respondió."]
    if status != HTTPStatus.OK:
        return [f"La ruta de salud respondió {status} y debe responder 200."]
    try:
        content: Any = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return ["La ruta de salud no respondió un objeto JSON."]
    values = cast("dict[str, Any]", content)
    found = [
        f"A la respuesta de salud le falta «{name}» o no es del tipo debido."
        for name, kind in REQUIRED.items()
        if not isinstance(values.get(name), kind)
    ]
    if not found and values["status"] != "ok":
        found.append(f"La salud del producto es «{values['status']}» y debe ser «ok».")
    if not found and not (values["db_migrated"] and values["seeds_loaded"]):
        found.append("El producto no migró su base de datos o no cargó sus datos iniciales.")
    return found


def webhook_findings(url: str) -> list[str]:
    """A message without a valid signature must be refused."""
    form = {"From": "whatsapp:+10000000000", "Body": "hola", "MessageSid": "SM0"}
    status, _ = request(url, urllib.parse.urlencode(form).encode())
    if status in REFUSED:
        return []
    return [f"El webhook de WhatsApp respondió {status} a un mensaje sin firma (debe rechazarlo)."]


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return candidate.getsockname()[1]


def main(options: dict[str, Any]) -> int:
    """Examine the product in the working folder and write the report."""
    started = time.monotonic()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    own = {"HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": base}
    own |= {"DATA_DIR": options["data_dir"], "ADMIN_EMAIL": "revision@example.com"}
    os.makedirs(options["data_dir"], exist_ok=True)  # noqa: PTH103 — no more imports than needed
    product = Product({**os.environ, **own}, options["log_bytes"])
    status, body = wait_for_health(product, base + options["health"], options["seconds"])
    seconds = time.monotonic() - started
    code = product.ended()
    found: list[str] = []
    late = False
    if product.wrote_too_much:
        found.append("El producto escribió demasiado en su registro al arrancar.")
    elif code is not None:
        found.append(f"El producto terminó solo al arrancar (código {code}).")
    else:
        found += health_findings(status, body)
        late = status != HTTPStatus.OK
        if not found and options["webhook"]:
            found += webhook_findings(base + options["webhook"])
        if not product.stop(options["stop_seconds"]):
            found.append("El producto no se detuvo con SIGTERM.")
            late = True
    sys.stdout.write(product.tail.decode(errors="replace") + "\n")
    report = {"ok": not found, "findings": found, "seconds": seconds, "late": late}
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
