"""Pages show lists with an end, and paces of all orders: each module has a factory of its own."""

import pytest

from tests.support.workshop import Workshop


@pytest.fixture(scope="module")
def workshop(module_workshop: Workshop) -> Workshop:
    return module_workshop
