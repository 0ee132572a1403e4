"""Mails by the thousand: a form is rendered once, and filled with the values of each mail.

A form is what the templates make of marks that stand for the values. It serves where no template
asks what a value is, so only for the kinds in `FORMS`; a test compares each with `render_mail`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from markupsafe import escape

from axon_factory.domain.messages import ClientMail, Language
from axon_factory.orders.notifications.outbox import Letter
from axon_factory.orders.notifications.rendering import (
    paragraph,
    plain_line,
    plain_texts,
    render_mail,
    render_parts,
    subject_line,
    tidied,
)

__all__ = ["FORMS", "fill_mail"]

FORMS = frozenset({ClientMail.RECIBIDA})
"""Kinds whose templates ask of `link` only whether there is one, and nothing of other values."""

_VALUES = ("client", "product", "number", "support", "link", "subject")
# Characters for private use, which neither escaping nor tidying touches.
_MARKS = {name: chr(0xE000 + place) for place, name in enumerate(_VALUES)}
_NAMES = {mark: name for name, mark in _MARKS.items()}
_MARK = re.compile(f"([{''.join(_MARKS.values())}])")
_PARAGRAPH, _LINE, _END = "\ue100", "\ue101", "\ue102"
_BLOCK = re.compile(f"([{_PARAGRAPH}{_LINE}].*?{_END})", re.DOTALL)

_Values = Mapping[str, str]
_Piece = Callable[[_Values], str]


def fill_mail(kind: ClientMail, language: Language, facts: Mapping[str, object]) -> Letter:
    """Return what `render_mail` returns."""
    if kind not in FORMS:
        return render_mail(kind, language, facts)
    values = {name: value for name in _VALUES if isinstance(value := facts.get(name), str)}
    told = tuple(cast("Sequence[str]", facts["told"]))
    form = _form(kind, language, told, has_link="link" in values)
    subject = subject_line(form.subject(values))
    values["subject"] = subject
    html = form.html({name: str(escape(value)) for name, value in values.items()})
    return Letter(subject, tidied(form.text(values)), html)


@dataclass(frozen=True, slots=True)
class _Form:
    subject: _Piece
    text: _Piece
    html: _Piece


@lru_cache(maxsize=64)
def _form(kind: ClientMail, language: Language, told: Sequence[str], *, has_link: bool) -> _Form:
    facts: dict[str, object] = {**_MARKS, "told": list(told)}
    if not has_link:
        facts["link"] = None
    said: list[str] = []

    def as_subject(text: str) -> str:
        said.append(text)
        return _MARKS["subject"]

    marking = plain_texts(
        paragraph=lambda text: f"{_PARAGRAPH}{text}{_END}",
        plain=lambda text: f"{_LINE}{text}{_END}",
    )
    _, text, html = render_parts(kind, language, facts, marking, as_subject)
    return _Form(
        _filled(said[0]), _joined([_block(one) for one in _BLOCK.split(text)]), _filled(html)
    )


def _block(text: str) -> _Piece:
    """Return what fills a part of a plain mail, and lays it out as its filter does."""
    if not text.startswith((_PARAGRAPH, _LINE)):
        return _filled(text)
    lay_out, fill = paragraph if text[0] == _PARAGRAPH else plain_line, _filled(text[1:-1])
    if _MARK.search(text) is None:
        return _always(lay_out(text[1:-1]))
    return lambda values: lay_out(fill(values))


def _filled(text: str) -> _Piece:
    """Return what puts values in the place of marks."""
    parts = _MARK.split(text)
    names = [(place, _NAMES[parts[place]]) for place in range(1, len(parts), 2)]

    def fill(values: _Values) -> str:
        whole = list(parts)
        for place, name in names:
            whole[place] = values[name]
        return "".join(whole)

    return fill


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    return lambda values: "".join([piece(values) for piece in pieces])


def _always(text: str) -> _Piece:
    return lambda _values: text
