"""The OpenAPI document, made once: tests leave it as it is."""

from typing import Any

import pytest

from axon_factory.bootstrap.application import application_of
from tests.support.workshop import make_container

Json = Any


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Json:
    container = make_container(
        "postgresql://nobody@127.0.0.1:1/none", tmp_path_factory.mktemp("doc")
    )
    made = application_of(container).openapi()
    container.passwords.close()
    return made
