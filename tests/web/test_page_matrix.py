"""Every page and form of people who are signed in, for every kind of visitor."""

import re
from uuid import UUID

import pytest

from axon_factory.api.routes import DeclaredRoute, declared_routes
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import PERMISSIONS, Action, Grant
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.pages import Browser, is_page, open_browser, order_values, signed_in
from tests.support.workshop import Workshop

GRANTS = {"admin": Grant.ADMIN, "operator": Grant.OPERATOR, "owner": Grant.CLIENT_OWN}


@pytest.fixture(scope="module")
async def routes(workshop: Workshop) -> list[DeclaredRoute]:
    every = declared_routes(application_of(workshop.container).routes)
    found = [route for route in every if is_page(route)]
    assert len(found) > 5
    return found


@pytest.fixture(scope="module")
async def browsers(workshop: Workshop) -> dict[str, Browser]:
    return {name: await signed_in(workshop, name) for name in GRANTS}


def _path(route: DeclaredRoute, order: str) -> str:
    values = order_values(order)
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "1"), route.path)


async def test_who_is_not_signed_in_is_asked_to(
    workshop: Workshop, routes: list[DeclaredRoute]
) -> None:
    order = str(await order_in(workshop, OrderState.PLANIFICACION))
    browser = open_browser(workshop)
    for route in routes:
        for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
            answer = await browser.http.request(method, _path(route, order), follow_redirects=False)
            assert answer.status_code == 303, (method, route.path)
            assert answer.headers["Location"].startswith("/entrar"), (method, route.path)


async def test_a_page_is_for_whom_the_table_says(
    workshop: Workshop, routes: list[DeclaredRoute], browsers: dict[str, Browser]
) -> None:
    order = str(await order_in(workshop, OrderState.PLANIFICACION))
    for route in (route for route in routes if "GET" in route.methods):
        assert isinstance(route.action, Action), route.path
        for name, grant in GRANTS.items():
            path = _path(route, order)
            answer = await browsers[name].http.get(path, follow_redirects=False)
            assert answer.status_code < 500, (name, path, answer.text)
            if grant not in PERMISSIONS[route.action].grants:
                assert answer.status_code == 403, (name, path)
            else:
                assert not answer.headers.get("Location", "").startswith("/entrar"), (name, path)
            if answer.status_code == 200 and "text/html" in answer.headers["Content-Type"]:
                assert "<html" in answer.text


async def test_no_form_is_taken_without_its_token(
    workshop: Workshop, routes: list[DeclaredRoute], browsers: dict[str, Browser]
) -> None:
    order = str(await order_in(workshop, OrderState.PLANIFICACION))
    before = await workshop.show(UUID(order))
    for route in (route for route in routes if "POST" in route.methods):
        for name, browser in browsers.items():
            path = _path(route, order)
            for fields in ({}, {"_ficha": "x" * 43}):
                answer = await browser.http.post(path, data=fields, follow_redirects=False)
                assert answer.status_code == 403, (name, path, answer.text)
    assert await workshop.show(UUID(order)) == before
