"""What clients are told: every mail in each language, as text and as HTML, and never our words."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from axon_factory.adapters.mailer import compose
from axon_factory.domain.messages import ClientMail, Language, language_of
from axon_factory.domain.states import OrderState, PlanStatus, WaitsFor
from axon_factory.orders.notifications.outbox import Letter
from axon_factory.orders.notifications.rendering import plain_line, render_mail, spoken_time
from axon_factory.ports.messages import Mail

LINK = "https://fabrica.example/portal/" + "A1b2" * 12
ZONE = ZoneInfo("America/Mexico_City")
FACTS: dict[str, Any] = {
    "client": "Empresa XYZ S.A.",
    "product": "Bot de ventas",
    "number": "ORD-2026-001",
    "support": "ayuda@fabrica.example",
    "link": LINK,
    "told": list(ClientMail),
    "since": "martes, 1 de diciembre de 2026, 14:30 (hora de Ciudad de México, GMT-06:00)",
    "until": "jueves, 3 de diciembre de 2026, 9:00 (hora de Ciudad de México, GMT-06:00)",
    "before": "miércoles, 2 de diciembre de 2026, 9:00 (hora de Ciudad de México, GMT-06:00)",
    "has_account": True,
    "question": "¿En qué idioma saluda?",
    "options": ["Español", "Inglés"],
    "blocking": True,
    "reminder": False,
    "code": "407218",
    "minutes": 10,
}
FORBIDDEN = (
    *OrderState,
    *PlanStatus,
    *WaitsFor,
    *("construcción", "planificación", "intento", "attempt", "retrabajo", "rework", "QA", "hash"),
    *("Council", "Super Axon", "Agent", "agente", "Aprobador", "worker", "builder", "slug"),
    *("estado", "state", "milestone", "hito", "commit", "deploy", "None", "fallo", "failed"),
)
MAILS = [(kind, language) for kind in ClientMail for language in Language]
SPANISH, ENGLISH = {"tu", "Hola", "orden"}, {"your", "Hello", "order"}


def letter(kind: ClientMail, language: Language = Language.ES, **changes: object) -> Letter:
    return render_mail(kind, language, {**FACTS, **changes})


class _Page(HTMLParser):
    """What a reader of HTML meets: its words, its addresses, its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.loaded: list[str] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._silent += tag in {"style", "title"}
        for name, value in attrs:
            if name == "href":
                self.links.add(value or "")
            if name in {"src", "background", "srcset", "action"} or name.startswith("on"):
                self.loaded.append(f"{tag} {name}")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words += data.split()


@pytest.mark.parametrize(("kind", "language"), MAILS)
@pytest.mark.parametrize("form", ["subject", "text", "html"])
def test_no_mail_has_a_word_of_ours(kind: ClientMail, language: Language, form: str) -> None:
    for link in (LINK, None):
        written = getattr(letter(kind, language, link=link), form)
        if form == "html":
            written = " ".join(_Page(written).words)
        found = [
            word
            for word in FORBIDDEN
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", written, re.IGNORECASE)
        ]
        assert found == []


@pytest.mark.parametrize(("kind", "language"), MAILS)
def test_html_and_text_say_the_same(kind: ClientMail, language: Language) -> None:
    cases: list[dict[str, Any]] = [
        {},
        {"link": None, "has_account": False, "blocking": False, "told": []},
    ]
    for changes in cases:
        mail = letter(kind, language, **changes)
        assert mail.html is not None
        seen = set(_Page(mail.html).words)
        said = {word for word in mail.text.split() if word not in {">", "-"}}
        missing = {word for word in said if word not in seen and word.rstrip(":") not in seen}
        assert missing == set()


@pytest.mark.parametrize(("kind", "language"), MAILS)
def test_each_language_is_its_own(kind: ClientMail, language: Language) -> None:
    mail = letter(kind, language)
    words = set(re.findall(r"\w+", mail.text))
    wrong, right = (SPANISH, ENGLISH) if language is Language.EN else (ENGLISH, SPANISH)
    assert words & right
    assert not words & wrong - {"order" if language is Language.EN else "orden"}
    assert f'<html lang="{language}">' in (mail.html or "")


@pytest.mark.parametrize(("kind", "language"), MAILS)
def test_html_loads_nothing_and_hides_a_preheader(kind: ClientMail, language: Language) -> None:
    html = letter(kind, language).html or ""
    page = _Page(html)
    assert page.loaded == []
    assert not {"img", "script", "link", "iframe", "form", "object", "video"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert page.links <= {LINK}
    hidden = re.search(r'<div style="display:none[^>]*>([^&<]{10,})', html)
    assert hidden, "no preheader"
    assert "prefers-color-scheme: dark" in html
    assert "max-width: 600px" in html


@pytest.mark.parametrize(
    "kind", [kind for kind in ClientMail if kind not in {"cancelada", "codigo"}]
)
def test_a_link_is_a_button_and_an_address(kind: ClientMail) -> None:
    mail = letter(kind)
    assert f"\n{LINK}\n" in mail.text
    html = mail.html or ""
    assert html.count(f'href="{LINK}"') == 2
    assert f">{LINK}</a>" in html
    without = letter(kind, link=None)
    assert "None" not in without.text
    assert FACTS["support"] in without.text


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7 * 7 }} &amp; Cía'


@pytest.mark.parametrize("kind", ClientMail)
def test_what_people_typed_is_text(kind: ClientMail) -> None:
    facts = dict.fromkeys(("client", "product", "question"), HOSTILE)
    mail = letter(kind, **facts, options=[HOSTILE])
    page = _Page(mail.html or "")
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in mail.text.replace("\n", " ")
    assert "49" not in mail.text


@pytest.mark.parametrize("kind", ClientMail)
def test_no_header_is_injected(kind: ClientMail) -> None:
    evil = "Bot\r\nBcc: todos@example.com\r\n\r\nHola\u2028x\u202ey\x00z"
    mail = letter(kind, product=evil, client=evil, number=evil)
    assert mail.subject == plain_line(mail.subject)
    sent = compose(
        Mail("a@example.com", mail.subject, mail.text, mail.html),
        sender="fabrica@example.com",
        idempotency_key="k",
    )
    read = message_from_bytes(sent.as_bytes(), policy=policy.default)
    assert read["Bcc"] is None
    assert len(read.keys()) == len(set(read.keys()))
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]


def test_a_subject_is_short() -> None:
    assert len(letter(ClientMail.ENTREGADA, product="x" * 200).subject) <= 150


def test_the_delivery_says_how_credentials_are_read() -> None:
    for language, word, code in (
        (Language.ES, "cuenta", "código"),
        (Language.EN, "account", "code"),
    ):
        assert code in letter(ClientMail.ENTREGADA, language).text
        for changes in ({"told": ["entregada"]}, {"link": None}):
            with_one = letter(ClientMail.ENTREGADA, language, has_account=True, **changes).text
            without = letter(ClientMail.ENTREGADA, language, has_account=False, **changes).text
            assert word in with_one
            assert word not in without
            assert code not in with_one + without


def test_no_mail_is_announced_that_is_switched_off() -> None:
    for told, announced in ((list(ClientMail), True), (["recibida"], False)):
        text = letter(ClientMail.RECIBIDA, told=told).text
        assert ("te escribimos" in " ".join(text.split())) == announced


@pytest.mark.parametrize(
    ("configuration", "language"),
    [
        ({}, "es"),
        ({"idioma": "es"}, "es"),
        ({"idioma": "en"}, "en"),
        ({"idioma": "en-US"}, "en"),
        ({"idioma": "EN_gb"}, "en"),
        ({"idioma": "eng"}, "es"),
        ({"idioma": "pt-BR"}, "es"),
        ({"idioma": ["en"]}, "es"),
        (None, "es"),
        ("en", "es"),
    ],
)
def test_the_language_is_that_of_the_configuration(configuration: Any, language: str) -> None:  # noqa: ANN401 — any JSON
    assert language_of({"nombre": "A", "configuracion": configuration}) == language


@pytest.mark.parametrize(
    ("zone", "language", "spoken"),
    [
        (
            "America/Mexico_City",
            "es",
            "martes, 1 de diciembre de 2026, 14:30 (hora de Ciudad de México, GMT-06:00)",
        ),
        (
            "America/Mexico_City",
            "en",
            "Tuesday, December 1, 2026, 2:30 PM (Mexico City time, GMT-06:00)",
        ),
        ("Asia/Kolkata", "en", "Wednesday, December 2, 2026, 2:00 AM (Kolkata time, GMT+05:30)"),
        ("UTC", "es", "martes, 1 de diciembre de 2026, 20:30 (UTC)"),
    ],
)
def test_moments_are_read_in_the_zone_that_is_named(zone: str, language: str, spoken: str) -> None:
    moment = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)
    assert spoken_time(moment, ZoneInfo(zone), Language(language)) == spoken
