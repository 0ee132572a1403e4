"""Callers may pin a dated version of the API; every answer says which one it is."""

import json
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from fastapi import FastAPI, Request

from axon_factory.api.versioning import CURRENT, VERSIONS, ApiVersion, ApiVersions
from tests.support.server import running
from tests.support.workshop import Workshop

GUIDE = Path(__file__).parents[2] / "docs" / "versioning.md"
OLD = ApiVersion(date(2025, 11, 14), deprecated=date(2027, 1, 1), sunset=date(2028, 1, 1))
NEW = ApiVersion(date(2027, 1, 1), changes=("`total` is gone",))


@pytest.mark.parametrize("pinned", [{}, {"Axon-Version": CURRENT.name}])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/products/types", 200), ("/api/orders", 401), ("/api/nowhere", 404)],
)
async def test_every_answer_names_its_version(
    workshop: Workshop, path: str, status: int, pinned: dict[str, str]
) -> None:
    answer = await workshop.http.get(path, headers=pinned)
    assert answer.status_code == status
    assert answer.headers.get_list("Axon-Version") == [CURRENT.name]
    assert "Deprecation" not in answer.headers


@pytest.mark.parametrize(
    "asked", ["2020-01-01", "2025-11-15", "2025-11-14T00:00:00Z", "latest", "é", "x" * 5000]
)
async def test_an_unknown_version_is_refused_with_those_that_are_served(
    workshop: Workshop, asked: str
) -> None:
    answer = await workshop.http.get(
        "/api/products/types", headers={"Axon-Version": asked.encode("latin-1")}
    )
    assert answer.status_code == 400
    body = answer.json()
    assert body["codigo"] == "version_de_api_desconocida"
    assert body["versiones"] == [version.name for version in VERSIONS]
    assert len(answer.content) < 1500


async def test_two_versions_in_one_request_are_none(workshop: Workshop) -> None:
    twice = [("Axon-Version", CURRENT.name), ("Axon-Version", CURRENT.name)]
    answer = await workshop.http.get("/api/products/types", headers=twice)
    assert answer.status_code == 400


async def test_pages_have_no_version(workshop: Workshop) -> None:
    answer = await workshop.http.get("/", headers={"Axon-Version": "2020-01-01"})
    assert answer.status_code == 200
    assert "Axon-Version" not in answer.headers


def versioned() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/api/version")
    async def version(request: Request) -> str:
        return request.state.api_version.name

    app.add_middleware(ApiVersions, versions=(OLD, NEW))
    return app


async def test_a_route_knows_its_version_and_an_old_one_says_when_it_ends() -> None:
    async with running(versioned()) as http:
        newest = await http.get("/api/version")
        pinned = await http.get("/api/version", headers={"Axon-Version": OLD.name})
    assert (newest.json(), pinned.json()) == (NEW.name, OLD.name)
    assert "Deprecation" not in newest.headers
    deprecated = datetime.fromtimestamp(int(pinned.headers["Deprecation"].removeprefix("@")), UTC)
    assert deprecated.date() == OLD.deprecated
    assert parsedate_to_datetime(pinned.headers["Sunset"]).date() == OLD.sunset
    assert 'rel="deprecation"' in pinned.headers["Link"]


async def test_a_version_that_ended_is_not_served() -> None:
    app = FastAPI(openapi_url=None)
    app.add_middleware(ApiVersions, versions=(NEW,))
    async with running(app) as http:
        answer = await http.get("/api/version", headers={"Axon-Version": OLD.name})
    assert answer.status_code == 400
    assert json.loads(answer.content)["versiones"] == [NEW.name]


def test_versions_are_in_order_and_in_the_guide() -> None:
    days = [version.released for version in VERSIONS]
    assert days == sorted(set(days))
    guide = GUIDE.read_text(encoding="utf-8")
    rows = [
        f"| `{version.name}` | {'; '.join(version.changes)} | {version.deprecated or '-'} | "
        f"{version.sunset or '-'} |"
        for version in VERSIONS
    ]
    assert [row for row in rows if row not in guide] == []
