"""The public catalogue: the design's bytes, a schema for each type, and answers worth keeping."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from jsonschema import Draft202012Validator

from axon_factory.domain.catalogue import PRODUCT_TYPES
from tests.support.workshop import Workshop, example_order

PATHS = ["/api/products/types", *(f"/api/products/types/{name}" for name in PRODUCT_TYPES)]


@pytest.mark.parametrize("path", PATHS)
async def test_the_catalogue_may_be_kept_and_asked_for_again(workshop: Workshop, path: str) -> None:
    first = await workshop.http.get(path)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = await workshop.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "public, max-age=300"
    other = await workshop.http.get(path, headers={"If-None-Match": '"otro"'})
    assert other.json() == first.json()


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
async def test_a_type_has_its_version_and_a_schema(workshop: Workshop, identifier: str) -> None:
    document = (await workshop.http.get(f"/api/products/types/{identifier}")).json()
    assert document["version"] == PRODUCT_TYPES[identifier].version
    Draft202012Validator.check_schema(document["configuracion_schema"])
    order = document["configuracion_schema"]["x-orden"]
    assert order == list(document["configuracion_schema"]["properties"])


def said(answer: httpx2.Response) -> str:
    assert answer.status_code == 404
    return str(answer.json()["message"])


async def test_an_unknown_type_is_a_404_that_names_the_known(workshop: Workshop) -> None:
    path = "/api/products/types/autopilot_marte"
    spanish = await workshop.http.get(path)
    english = await workshop.http.get(path, headers={"Accept-Language": "en"})
    assert "public" not in spanish.headers["Cache-Control"]
    for name in PRODUCT_TYPES:
        assert name in said(spanish)
        assert name in said(english)
    assert said(spanish) != said(english)


@pytest.mark.parametrize("identifier", PRODUCT_TYPES)
async def test_what_the_schema_shows_can_be_ordered(workshop: Workshop, identifier: str) -> None:
    document = (await workshop.http.get(f"/api/products/types/{identifier}")).json()
    client = {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"}
    examples: list[dict[str, Any]] = document["configuracion_schema"]["examples"]
    for configuration in [{}, *examples]:
        answer = await workshop.http.post(
            "/api/orders",
            json=example_order(
                tipo_producto=identifier,
                datos_cliente={**client, "configuracion": {**configuration, "propia": [1]}},
            ),
            headers=workshop.headers["admin"],
        )
        assert answer.status_code == 201, answer.text
        order = await workshop.order(UUID(answer.json()["id"]))
        assert order.datos_cliente["configuracion"] == {**configuration, "propia": [1]}
        assert order.catalogo == PRODUCT_TYPES[identifier].snapshot()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("es", "Debe ser un número de teléfono"), ("en", "Must be a phone number")],
)
async def test_a_wrong_configuration_is_refused_in_the_callers_language(
    workshop: Workshop, language: str, sentence: str
) -> None:
    client = {"nombre": "A", "email": "a@empresa.com", "configuracion": {"whatsapp_number": "x"}}
    answer = await workshop.http.post(
        "/api/orders",
        json=example_order(tipo_producto="autopilot_whatsapp", datos_cliente=client),
        headers={"Accept-Language": language, **workshop.headers["admin"]},
    )
    assert answer.status_code == 400
    details = answer.json()["details"]
    assert set(details) == {"datos_cliente.configuracion.whatsapp_number"}
    assert details["datos_cliente.configuracion.whatsapp_number"].startswith(sentence)


@pytest.mark.parametrize(
    ("language", "path", "sentence"),
    [
        ("", "/api/orders", "Orden creada exitosamente."),
        ("en-GB", "/api/orders", "The order was created."),
        ("es, en;q=0.9", "/api/orders?dry_run=true", "La orden es válida"),
        ("en", "/api/orders?dry_run=true", "The order is valid"),
    ],
)
async def test_a_success_is_told_in_the_callers_language(
    workshop: Workshop, language: str, path: str, sentence: str
) -> None:
    answer = await workshop.http.post(
        path,
        json=example_order(),
        headers={"Accept-Language": language, **workshop.headers["admin"]},
    )
    assert answer.json()["message"].startswith(sentence)
