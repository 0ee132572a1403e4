"""A worker process that advances one order until it is killed: one JSON argument says how.

`database_url`, `folder` (sessions, products and the agent's program), `order_id`, and what the fake
agent does (`steps`).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

# Test folders are no packages; the line's helpers live with its tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "line"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import Ledger
from ledger_ports import ledger_ports
from rig import Rig

from axon_factory.db.sessions import Database
from axon_factory.failpoints import arm_from_environment
from tests.support.command_line import over_agent


async def main(told: dict[str, Any]) -> None:
    folder = Path(told["folder"])
    database = Database(told["database_url"])
    ledger = Ledger(folder / "ledger")
    async with ledger_ports(ledger, told["database_url"]) as ports:
        rig = over_agent(Rig(database, ledger, ports, folder / "products"), told["steps"])
        line = rig.line()
        while True:
            if await line.advance(UUID(told["order_id"])) is None:
                await asyncio.sleep(0.02)


if __name__ == "__main__":
    arm_from_environment()
    asyncio.run(main(json.loads(sys.argv[1])))
