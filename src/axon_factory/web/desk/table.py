"""The table of orders: what is looked for, whom each waits for, and acts on many."""

from axon_factory.web.desk.filters import Filters
from axon_factory.web.signed_in import Desk
from fastapi.responses import HTMLResponse

__all__ = ["table_page"]


async def table_page(desk: Desk, filters: Filters, types: dict[str, str]) -> HTMLResponse:
    raise NotImplementedError
