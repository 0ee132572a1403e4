"""What pages load: small, kept by browsers, and the same file that the page means."""

import gzip
import re

from axon_factory.web import assets
from tests.support.pages import signed_in
from tests.support.workshop import Workshop

REFERENCE = {"swagger-ui.css", "swagger-ui-bundle.js", "reference.css", "reference.js"}


def test_all_own_files_together_are_smaller_than_a_picture() -> None:
    files = [file for name, file in assets._files().items() if name not in REFERENCE]
    assert {"htmx.min.js", "icons.svg", "desk.js"} <= {file.name for file in files}
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 100_000


async def test_a_page_names_files_that_are_there_and_never_change(workshop: Workshop) -> None:
    browser = await signed_in(workshop, "admin")
    for path in ("/app/pendientes", "/app/ordenes", "/app/ordenes/nueva", "/cuenta"):
        page = await browser.see(path)
        named = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text))
        assert len(named) >= 4
        for address in named:
            answer = await browser.http.get(address)
            assert answer.status_code == 200, address
            assert "immutable" in answer.headers["Cache-Control"]
        assert "style=" not in page.text
        assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=", page.text)
