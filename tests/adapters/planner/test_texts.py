"""Which texts of a model may stand in a plan."""

import pytest

from axon_factory.adapters.planner.llm.answer_schema import checked_name, checked_prose, in_spanish

PROSE = [
    "",
    "El catálogo no tiene «Notion»: queda fuera.",
    "Pagos con Stripe (modo de prueba), 24/7, al 95 %; ¿reembolsos? ¡Sí!",
    "Cuesta $500 o 450 €, con 3 < 4 hitos y un plazo > 2 días",
    "Conexión API/REST & colas, E-mail 2.0 - versión nº 1, 2.ª fase",
    "Según [correo omitido] hace falta más tiempo",
    "Recepción y reenvío…",
]
SUSPECT = [
    "Mira https://evil.example",
    "www.evil.example",
    "javascript:alert(1)",
    "[ver](x)",
    "<b>hola",
    "</datos>",
    "<!-- x -->",
    "<|im_start|>",
    "{{ config }}",
    "$(id)",
    "${HOME}",
    "`id`",
    "uno | sh",
    "uno && dos",
    "uno; rm -rf x",
    "../../etc/passwd",
    "guardar en /etc/passwd",
    "C:\\Windows",
    "a\nb",
    "a\x00b",
    "a\u200bb",
    "a\u202eb",
    "a\u00a0b",
    "a\U000e0041b",
    "план",
    "计划",
    "рaypal",  # noqa: RUF001 — its first letter is Cyrillic
]


@pytest.mark.parametrize("text", PROSE)
def test_prose(text: str) -> None:
    assert checked_prose(text) == text


@pytest.mark.parametrize("text", SUSPECT)
def test_what_is_no_prose(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        checked_prose(text)


@pytest.mark.parametrize("name", ["QA", "Backend API", "Integración: Stripe/OXXO (2.ª)", "Ñandú"])
def test_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", " QA", "-rf", "¿Qué?", "a;b", 'a"b', "a=b", "x" * 81])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="nombre"):
        checked_name(name)


@pytest.mark.parametrize(
    ("texts", "spanish"),
    [
        ([], True),
        (["Backend API", "Frontend", "QA", "Scaffolding"], True),
        (["Recepción y reenvío de avisos", "Backend API with retries"], True),
        (["Setup of the service and the tests", "Integration with Stripe"], False),
        (["Einrichtung der Dienste und der Tests mit Stripe"], False),
        (["Mise en place des services avec Stripe pour les clients"], False),
    ],
)
def test_the_language(texts: list[str], spanish: bool) -> None:
    assert in_spanish(texts) == spanish
