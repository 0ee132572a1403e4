"""The design's own JavaScript (section 7.1), run by Node with the package `ws` that it is for."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.realtime.sockets import token_of
from tests.support.workshop import Workshop

_FOLDER = Path(__file__).with_name("node")
_ADDRESS = "wss://api.axon88.com/ws/orders"
_ORDER = "550e8400-e29b-41d4-a716-446655440000"
_SNIPPET = """
const ws = new WebSocket('wss://api.axon88.com/ws/orders');

ws.on('open', () => {
  // Autenticar
  ws.send(JSON.stringify({
    type: 'auth',
    token: 'JWT_TOKEN'
  }));

  // Subscribirse a orden específica
  ws.send(JSON.stringify({
    type: 'subscribe',
    order_id: '550e8400-e29b-41d4-a716-446655440000'
  }));
});

// Recibir updates
ws.on('message', (data) => {
  const update = JSON.parse(data);
  console.log('Order update:', update);
});
"""
"""As the design writes it; the test replaces the address, the token and the order."""


@pytest.mark.long
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
async def test_the_snippet_of_the_design_follows_an_order(
    workshop: Workshop, tmp_path: Path
) -> None:
    order_id = await workshop.place()
    address = str(workshop.http.base_url).replace("http", "ws", 1).rstrip("/") + "/ws/orders"
    code = _SNIPPET.replace(_ADDRESS, address).replace(_ORDER, str(order_id))
    code = code.replace("JWT_TOKEN", token_of(workshop.headers["owner"]))
    script = tmp_path / "snippet.cjs"
    library = _FOLDER / "node_modules" / "ws"
    script.write_text(f"const WebSocket = require({str(library)!r});\n{code}", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "node", str(script), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        told = ""
        async with asyncio.timeout(20):
            while "subscribed" not in told:
                told += (await process.stdout.readline()).decode()
            await workshop.patch(order_id, logs=[{"mensaje": "desde el diseño"}])
            while "desde el diseño" not in told:
                told += (await process.stdout.readline()).decode()
        assert "type: 'order_update'" in told
        assert f"order_id: '{order_id}'" in told
    finally:
        process.kill()
        await process.wait()
