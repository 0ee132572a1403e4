"""A client's browser: signed in, or with nothing but a link; the codes that are mailed to them."""

import contextlib
import re
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from sqlalchemy import select
from sqlmodel import col

from axon_factory.db.tables import OutboxMessage
from axon_factory.domain.messages import ClientMail
from tests.support.workshop import PASSWORD, Workshop

__all__ = ["client_signed_in", "form_of", "link_of", "mailed_code", "mailed_codes"]


def link_of(workshop: Workshop, order_id: UUID) -> str:
    """The path of the order's first portal link."""
    return urlsplit(workshop.container.portal_links.url(order_id)).path


@contextlib.asynccontextmanager
async def client_signed_in(
    workshop: Workshop, name: str = "owner", language: str = "es"
) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which the person `name` of the workshop has signed in."""
    async with httpx2.AsyncClient(
        base_url=workshop.http.base_url,
        headers={"Accept": "text/html", "Accept-Language": language},
        timeout=30,
    ) as browser:
        _keep_cookies(browser)
        page = await browser.get("/entrar")
        fields = form_of(page.text, "/entrar")
        fields |= {"correo": f"{name}@example.com", "contrasena": PASSWORD}
        answer = await browser.post("/entrar", data=fields)
        assert answer.status_code == 303, answer.text
        yield browser


def _keep_cookies(browser: httpx2.AsyncClient) -> None:
    """Keep cookies as if the factory was reached over TLS, as its address says."""
    kept: dict[str, str] = {}

    async def take(answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                kept.pop(name, None)
            else:
                kept[name] = value.strip('"')

    async def give(request: httpx2.Request) -> None:
        if kept:
            request.headers["Cookie"] = "; ".join(f"{name}={kept[name]}" for name in kept)

    browser.event_hooks = {"request": [give], "response": [take]}


def form_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that is sent to `action`."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert found, f"no form for {action}"
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[1])
    return {name: unescape(value) for name, value in hidden}


async def mailed_codes(workshop: Workshop, order_id: UUID) -> list[str]:
    """Every code that was mailed about the order, the first one first."""
    async with workshop.container.database.reading() as session:
        found = await session.scalars(
            select(OutboxMessage)
            .where(
                col(OutboxMessage.order_id) == order_id,
                col(OutboxMessage.event) == ClientMail.CODIGO.event,
            )
            .order_by(col(OutboxMessage.created_at))
        )
        mails = list(found)
    codes = [re.search(r"^(?:Código|Code): (\d{6})$", mail.body, re.MULTILINE) for mail in mails]
    return [code[1] for code in codes if code]


async def mailed_code(workshop: Workshop, order_id: UUID) -> str:
    """The code that was mailed last."""
    return (await mailed_codes(workshop, order_id))[-1]
