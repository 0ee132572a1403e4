"""The OpenAPI document, made once: tests leave it as it is."""

from typing import Any

import pytest

from tests.support.workshop import make_factory

Json = Any


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Json:
    factory = make_factory("postgresql://nobody@127.0.0.1:1/none", tmp_path_factory.mktemp("doc"))
    made = factory.application().openapi()
    factory.passwords.close()
    return made
