#!/usr/bin/env bash
# uvicorn 0.54.0 (its `h11` and its `httptools`) and Python's own HTTP clients: a server that
# answers before the request's body is there, as with 413 for one that is too large.
#
# One would guess: the clients either all see the answer or all do not, whatever the request's
# `Connection` says; that is about what comes after the answer.
#
# What happens: without `Connection: close` uvicorn reads the rest of the body and throws it away,
# so the client ends its sending and finds the 413. With it, uvicorn closes right after its answer
# while bytes are still coming; the client's next write fails. http.client raises that and never
# reads the answer, and urllib sends `Connection: close` with each request: its user sees
# "connection reset" or "broken pipe" in place of the 413. httpx keeps connections, so its user sees the 413.
#
# Seen on 2026-11-30 (Linux, Python 3.11; 8 MB over loopback, 10 of 10 each; OSError is
# ConnectionResetError or BrokenPipeError), the same for h11 and httptools:
#   http.client: 413
#   http.client, Connection: close: OSError
#   urllib: OSError
#   httpx: 413
#
# Needs python3 with venv. Exits 0 while this holds, otherwise not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install --quiet uvicorn==0.54.0 h11==0.16.0 httptools==0.8.0 \
  httpx==0.28.1

cat >"$folder/ask.py" <<'PY'
import http.client
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import httpx
import uvicorn

BODY, TIMES = bytes(8_000_000), 10
CLOSE = {"Connection": "close"}
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def too_large(scope, receive, send):
    headers = [(b"content-length", b"9")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"too large"})


listening = socket.socket()
listening.bind(("127.0.0.1", 0))
port = listening.getsockname()[1]
config = uvicorn.Config(too_large, http=sys.argv[1], lifespan="off", log_level="error")
server = uvicorn.Server(config)
threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
while not server.started:
    time.sleep(0.05)


def by_http_client(headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/", BODY, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def by_urllib(headers):
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/", BODY, headers)
    try:
        with NO_PROXY.open(asked, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        raise error.reason


def by_httpx(headers):
    url = f"http://127.0.0.1:{port}/"
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.post(url, content=BODY, headers=headers).status_code


def once(ask, headers):
    try:
        return str(ask(headers))
    except (ConnectionResetError, BrokenPipeError):
        return "OSError"


seen = []
for name, ask, headers in (
    ("http.client", by_http_client, {}),
    ("http.client, Connection: close", by_http_client, CLOSE),
    ("urllib", by_urllib, {}),
    ("httpx", by_httpx, {}),
):
    found = sorted({once(ask, headers) for _ in range(TIMES)})
    seen.append(f"{name}: {' and '.join(found)}")
print(f"uvicorn {uvicorn.__version__}, {sys.argv[1]}", *seen, sep="\n")
assert seen == [
    "http.client: 413",
    "http.client, Connection: close: OSError",
    "urllib: OSError",
    "httpx: 413",
]
PY
for parser in h11 httptools; do
  timeout 120 "$folder/venv/bin/python" "$folder/ask.py" "$parser"
done
