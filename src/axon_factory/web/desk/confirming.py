"""A page that says what an act does before it is done, and asks what the act needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

from fastapi.responses import HTMLResponse

from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Refused
from axon_factory.web.desk.acts import Field
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk

__all__ = ["Confirmation", "confirm"]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is about to be done. The form goes to `path`; `back` is where the person came from."""

    path: str
    back: str
    about: str
    """On what: a name, as the person knows it."""
    title: Sentence
    explains: Sentence
    button: Sentence
    fields: tuple[Field, ...] = ()
    hidden: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    dangerous: bool = False


async def confirm(
    desk: Desk, asked: Confirmation, form: Form | None = None, refusal: Refused | None = None
) -> HTMLResponse:
    """Return the page; after a refusal with what was filled in and what is wrong with it."""
    filled = form or Form({})
    names = {one.name for one in asked.fields}
    fields = refusal.fields if refusal else {}
    return await desk.page(
        "desk/confirm.html",
        refusal.status if refusal else HTTPStatus.OK,
        asked=asked,
        value=filled.text,
        problems=fields,
        problem=refusal.sentence if refusal and not names & fields.keys() else "",
    )
