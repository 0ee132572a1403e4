"""The published document of the agent's API is valid, and says what the builder takes."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from axon_factory.adapters.builder.http.messages import (
    FoundSessions,
    SessionReport,
    SessionStatus,
    StartedSession,
)
from tests.support.agent_contract import document


def test_the_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_the_statuses_are_those_of_the_document() -> None:
    assert document()["components"]["schemas"]["Status"]["enum"] == list(SessionStatus)


@pytest.mark.parametrize(
    ("model", "schema"), [(SessionReport, "SessionReport"), (StartedSession, "Session")]
)
def test_the_builder_reads_no_member_that_the_document_does_not_have(
    model: type[SessionReport], schema: str
) -> None:
    known = set(document()["components"]["schemas"][schema]["properties"])
    assert set(model.model_fields) <= known
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= set(document()["components"]["schemas"][schema]["required"])


def test_the_least_that_the_document_asks_for_is_understood() -> None:
    least = {"session_id": "s", "status": "running"}
    assert SessionReport.model_validate_json(json.dumps(least)).status is SessionStatus.RUNNING
    nothing = {"cursor": None, "completed_actions": None, "progress": None, "usage": None}
    full = {**least, **nothing, "last_heartbeat_at": None}
    assert SessionReport.model_validate_json(json.dumps(full)).cursor is None
    assert FoundSessions.model_validate_json(b'{"sessions": []}').sessions == ()
