#!/usr/bin/env bash
# supervisor 4.3.0, XML-RPC `clearLog`, `clearProcessLogs` and `clearAllProcessLogs`, with log files
# that rotate (which is its default: 50 MB, 10 backups).
#
# One would guess: they clear the logs that supervisor keeps, with the backups it has made of them:
# `clearAllProcessLogs` says of itself that it clears "all process log files".
#
# What happens: each of them answers that it has succeeded, the reading call then gives nothing of
# what a process wrote before, and the backups (`.1`, `.2`, ...) stay as they were, with all of it.
# Who clears a log because of what is in it has to remove those files himself.
#
# Seen on 2026-11-30 (Linux, Python 3.11):
#   clearProcessLogs: True, read after it '', backups kept: True, with the first line: True
#   clearAllProcessLogs: OK, read after it '', backups kept: True, with the first line: True
#   clearLog: True, backups kept: True
#
# Needs python3 with venv. Exits 0 while this holds, otherwise not.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  if [ -s "$folder/pid" ]; then
    kill "$(cat "$folder/pid")" 2>/dev/null || true
    for _ in $(seq 100); do
      if [ ! -e "$folder/pid" ]; then break; fi
      sleep 0.1
    done
  fi
  rm -rf "$folder"
}
trap finish EXIT

python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install --quiet supervisor==4.3.0

cat >"$folder/write.py" <<'PY'
import time

print("first line: 4 Example Street", flush=True)
for number in range(100):
    print(f"line {number:03}", flush=True)
    time.sleep(0.01)
time.sleep(600)
PY
cat >"$folder/supervisord.conf" <<CONF
[supervisord]
logfile = $folder/main.log
logfile_maxbytes = 600
logfile_backups = 50
loglevel = trace
pidfile = $folder/pid
[unix_http_server]
file = $folder/s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:writer]
command = $folder/venv/bin/python $folder/write.py
stdout_logfile = $folder/writer.log
stdout_logfile_maxbytes = 600
stdout_logfile_backups = 50
CONF
timeout 60 "$folder/venv/bin/supervisord" -c "$folder/supervisord.conf"

cat >"$folder/ask.py" <<'PY'
import importlib.metadata
import pathlib
import sys
import time
import xmlrpc.client

from supervisor.xmlrpc import SupervisorTransport

folder = pathlib.Path(sys.argv[1])
way = SupervisorTransport(None, None, f"unix://{folder}/s")
ask = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=way).supervisor


def backups(name):
    return {path.name: path.read_bytes() for path in folder.glob(f"{name}.*")}


def until(true):
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise SystemExit("nothing came of it")


seen = []
until(lambda: "line 099" in ask.readProcessStdoutLog("writer", 0, 0))
for name, clear in (
    ("clearProcessLogs", lambda: ask.clearProcessLogs("writer")),
    ("clearAllProcessLogs", lambda: ask.clearAllProcessLogs()[0]["description"]),
):
    before = backups("writer.log")
    said = clear()
    read, after = ask.readProcessStdoutLog("writer", 0, 0), backups("writer.log")
    kept = any(b"4 Example Street" in content for content in after.values())
    seen.append(
        f"{name}: {said}, read after it {read!r}, "
        f"backups kept: {bool(before) and before == after}, with the first line: {kept}"
    )

until(lambda: ask.getState() and len(backups("main.log")) >= 2)
# Calls are logged as well, so a further rotation may give the backups other names.
before = backups("main.log").values()
said = ask.clearLog()
kept = set(before) <= set(backups("main.log").values())
seen.append(f"clearLog: {said}, backups kept: {kept}")
print("supervisor", importlib.metadata.version("supervisor"))
print(*seen, sep="\n")
assert seen == [
    "clearProcessLogs: True, read after it '', backups kept: True, with the first line: True",
    "clearAllProcessLogs: OK, read after it '', backups kept: True, with the first line: True",
    "clearLog: True, backups kept: True",
]
PY
timeout 60 "$folder/venv/bin/python" "$folder/ask.py" "$folder"
