"""A mail from a form is the mail that its templates make."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon_factory.domain.messages import ClientMail, Language
from axon_factory.orders.notifications.mail_forms import FORMS, fill_mail
from axon_factory.orders.notifications.rendering import paragraph, render_mail

TEXTS = st.text(
    st.one_of(
        st.sampled_from("abc <>&\"'{}%-—.\n\r\t\x00\x7f\u00a0\u00ad\u200b\u202e\u2028ñ🦩"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=30,
)
FACTS = st.fixed_dictionaries(
    {
        "client": TEXTS,
        "product": st.one_of(TEXTS, TEXTS.map(lambda text: text * 9)),
        "number": TEXTS,
        "support": TEXTS,
        "link": st.one_of(st.none(), TEXTS.map(lambda text: f"https://a.example/{text}")),
        "told": st.lists(st.sampled_from(["recibida", "aprobada", "plazo"]), max_size=3),
    }
)


@pytest.mark.parametrize("kind", sorted(FORMS))
@given(facts=FACTS, language=st.sampled_from(Language))
@settings(max_examples=300, deadline=None)
def test_a_filled_form_is_the_rendered_mail(
    kind: ClientMail, language: Language, facts: dict[str, object]
) -> None:
    assert fill_mail(kind, language, facts) == render_mail(kind, language, facts)


def test_a_kind_without_a_form_is_rendered() -> None:
    facts = {"client": "A", "product": "B", "number": "1", "support": "s", "link": None, "told": []}
    for kind in {ClientMail.FALLIDA, ClientMail.CANCELADA} - FORMS:
        assert fill_mail(kind, Language.ES, facts) == render_mail(kind, Language.ES, facts)


def test_a_short_paragraph_is_one_line() -> None:
    assert paragraph("  dos \n palabras ") == "dos palabras"
    assert paragraph("palabra " * 20).count("\n") == 2
