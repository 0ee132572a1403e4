"""HTML pages: Jinja with escaping on; what comes from clients is text."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Render a template as a whole page."""
    return HTMLResponse(_environment.get_template(template).render(**values), status_code)
