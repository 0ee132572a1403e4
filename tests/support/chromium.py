"""Debian's Chromium over Playwright: a page that is watched, judged by axe, and photographed."""

import contextlib
import os
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.support.workshop import PASSWORD

__all__ = ["CHROMIUM", "DESKTOP", "PHONE", "Screen", "Watched", "chromium", "sign_in", "visit"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("AXON_TEST_PICTURES")
"""A folder in which every page that is visited is photographed."""
_AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-sandbox",  # tests may run as root
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True, slots=True)
class Screen:
    """A kind of screen."""

    name: str
    width: int
    height: int
    is_phone: bool = False


DESKTOP = Screen("1440", 1440, 900)
PHONE = Screen("390", 390, 844, is_phone=True)


@dataclass(slots=True)
class Watched:
    """A page, and what it complained of."""

    page: Page
    screen: Screen
    dark: bool
    complaints: list[str] = field(default_factory=list)

    async def see(self, path: str) -> None:
        """Open a page of the factory and wait until it has loaded."""
        await self.page.goto(path, wait_until="load")

    async def judge(self, name: str) -> list[str]:
        """Return what axe finds and what the browser complained of; photograph the page."""
        if PICTURES:
            shade = "oscuro" if self.dark else "claro"
            file = Path(PICTURES) / f"{name}-{self.screen.name}-{shade}.png"
            await self.page.screenshot(path=file, full_page=True)
        await self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = await self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _RULES
        )
        faults = [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        wide = await self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        complaints, self.complaints = self.complaints, []
        return [*faults, *complaints, *(["the page is wider than its screen"] if wide else [])]


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Start a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_ARGUMENTS), chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def visit(
    browser: Browser,
    base_url: str,
    screen: Screen = DESKTOP,
    *,
    language: Literal["es", "en"] = "es",
    dark: bool = False,
    state: Any = None,  # noqa: ANN401 — Playwright's own, of another visit
) -> AsyncGenerator[Watched]:
    """Open a page in a context of its own: with the cookies of `state`, or none."""
    context: BrowserContext = await browser.new_context(
        base_url=base_url,
        viewport={"width": screen.width, "height": screen.height},
        has_touch=screen.is_phone,
        locale="es-MX" if language == "es" else "en-GB",
        timezone_id="America/Mexico_City",
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        storage_state=state,
    )
    page = await context.new_page()
    watched = Watched(page, screen, dark)

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            watched.complaints.append(f"console: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: watched.complaints.append(f"script: {error}"))
    try:
        yield watched
    finally:
        await context.close()


async def sign_in(watched: Watched, email: str, password: str = PASSWORD) -> None:
    """Sign in by the form, as a person does."""
    await watched.see("/entrar")
    await (
        watched.page.get_by_role("textbox", name="Correo")
        .or_(watched.page.get_by_role("textbox", name="Email"))
        .fill(email)
    )
    await watched.page.locator("#contrasena").fill(password)
    await watched.page.keyboard.press("Enter")
    await watched.page.wait_for_url(lambda url: "/entrar" not in url)
