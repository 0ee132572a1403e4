"""Render a mail to a client: the same content as text and as HTML, from one template.

A content template (`templates/<language>/<kind>.jinja`) writes with the macros of a kit: `kit.txt`
makes text of them, `kit.html` makes HTML, where every value is escaped.
"""

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_gmt, get_timezone_location
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from axon_factory.domain.messages import ClientMail, Language
from axon_factory.orders.notifications.outbox import Letter

__all__ = ["plain_line", "render_mail", "spoken_time"]

_WIDTH = 76
_LONGEST_SUBJECT = 150
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MANY_BLANK_LINES = re.compile(r"\n{3,}")


def render_mail(kind: ClientMail, language: Language, facts: Mapping[str, object]) -> Letter:
    """Return the mail of this kind; a fact that its template misses is an error."""
    given = {**facts, "language": language.value}
    content = f"{language}/{kind}.jinja"
    plain = _TEXT.get_template(content).make_module({**given, "kit": "kit.txt"})
    rich = _HTML.get_template(content).make_module({**given, "kit": "kit.html"})
    subject = _shortened(plain_line(vars(plain)["subject"]))
    shown = {**given, "subject": subject}
    text = _TEXT.get_template("layout.txt").render({**shown, "kit": "kit.txt", "content": plain})
    html = _HTML.get_template("layout.html").render({**shown, "kit": "kit.html", "content": rich})
    return Letter(subject, _MANY_BLANK_LINES.sub("\n\n", text).strip() + "\n", html)


def plain_line(text: str) -> str:
    """Return `text` on one line, without control and direction characters: safe in a header."""
    seen = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in text)
    return " ".join(seen.split())


def spoken_time(moment: datetime, zone: ZoneInfo, language: Language) -> str:
    """Return a moment as a person reads it, in `zone`, which is named.

    For example "martes, 1 de diciembre de 2026, 14:30 (hora de Ciudad de México, GMT-06:00)".
    """
    local = moment.astimezone(zone)
    day = format_date(local, "full", locale=language)
    hour = format_time(local, "short", tzinfo=zone, locale=language)
    city = get_timezone_location(local, locale=language, return_city=True)
    offset = get_timezone_gmt(local, locale=language)
    if city == "UTC":
        return f"{day}, {hour} (UTC)"
    place = f"hora de {city}" if language is Language.ES else f"{city} time"
    # The hour of `format_time` has a narrow no-break space that many fonts lack.
    return plain_line(f"{day}, {hour} ({place}, {offset})")


def _shortened(subject: str) -> str:
    if len(subject) <= _LONGEST_SUBJECT:
        return subject
    return subject[: _LONGEST_SUBJECT - 1].rstrip() + "…"


def _paragraph(text: str) -> str:
    """Return `text` as one paragraph of a plain mail; an address in it is not broken."""
    return textwrap.fill(plain_line(text), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _quoted(text: str) -> str:
    """Return a person's words, each line marked as theirs."""
    return "\n".join(f"> {plain_line(line)}".rstrip() for line in text.splitlines())


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=autoescape,  # noqa: S701 — off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"paragraph": _paragraph, "quoted": _quoted, "plain": plain_line}
    return environment


_HTML = _environment(autoescape=True)
_TEXT = _environment(autoescape=False)
