"""Render a mail to a client or about an account, as text and as HTML, from one template.

A content template (`templates/<language>/<kind>.jinja`) writes with the macros of a kit: `kit.txt`
makes text of them, `kit.html` makes HTML, where every value is escaped.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_gmt, get_timezone_location
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from axon_factory.domain.messages import AccountMail, ClientMail, Language
from axon_factory.orders.notifications.outbox import Letter

__all__ = [
    "paragraph",
    "plain_line",
    "plain_texts",
    "render_mail",
    "render_parts",
    "spoken_time",
    "subject_line",
    "tidied",
]

_WIDTH = 76
_LONGEST_SUBJECT = 150
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MANY_BLANK_LINES = re.compile(r"\n{3,}")


_ACCOUNT_FRAME = "cuenta_frame"


def render_mail(
    kind: ClientMail | AccountMail, language: Language, facts: Mapping[str, object]
) -> Letter:
    """Return the mail of this kind; a fact that its template misses is an error."""
    subject, text, html = render_parts(kind, language, facts, _TEXT, subject_line)
    return Letter(subject, tidied(text), html)


def render_parts(
    kind: ClientMail | AccountMail,
    language: Language,
    facts: Mapping[str, object],
    plain_texts: Environment,
    as_subject: Callable[[str], str],
) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail; the text is not tidied.

    `plain_texts` renders the text, `as_subject` makes the subject of what its template says.
    """
    frame = _ACCOUNT_FRAME if isinstance(kind, AccountMail) else "frame"
    given = {**facts, "language": language.value, "frame_file": f"{language}/{frame}.jinja"}
    content = f"{language}/{kind}.jinja"
    plain = plain_texts.get_template(content).make_module({**given, "kit": "kit.txt"})
    rich = _HTML.get_template(content).make_module({**given, "kit": "kit.html"})
    subject = as_subject(vars(plain)["subject"])
    shown = {**given, "subject": subject}
    layout = plain_texts.get_template("layout.txt")
    text = layout.render({**shown, "kit": "kit.txt", "content": plain})
    html = _HTML.get_template("layout.html").render({**shown, "kit": "kit.html", "content": rich})
    return subject, text, html


def tidied(text: str) -> str:
    """Return the text of a mail without the blank lines that its templates leave."""
    return _MANY_BLANK_LINES.sub("\n\n", text).strip() + "\n"


def subject_line(text: str) -> str:
    """Return `text` as a subject: on one line, and not too long."""
    line = plain_line(text)
    if len(line) <= _LONGEST_SUBJECT:
        return line
    return line[: _LONGEST_SUBJECT - 1].rstrip() + "…"


def plain_line(text: str) -> str:
    """Return `text` on one line, without control and direction characters: safe in a header."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in text)
    return " ".join(text.split())


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


def paragraph(text: str) -> str:
    """Return `text` as one paragraph of a plain mail; an address in it is not broken."""
    lines: list[str] = []
    line = ""
    for word in plain_line(text).split(" "):
        if line and len(line) + len(word) >= _WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def _quoted(text: str) -> str:
    """Return a person's words, each line marked as theirs."""
    return "\n".join(f"> {plain_line(line)}".rstrip() for line in text.splitlines())


def _environment(*, autoescape: bool, **filters: Callable[[str], str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=autoescape,  # noqa: S701 — off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment


def plain_texts(**filters: Callable[[str], str]) -> Environment:
    """Return what renders plain mails with other filters in place of its own."""
    own = {"paragraph": paragraph, "quoted": _quoted, "plain": plain_line}
    return _environment(autoescape=False, **(own | filters))


_HTML = _environment(autoescape=True)
_TEXT = plain_texts()
