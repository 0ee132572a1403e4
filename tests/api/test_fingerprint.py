"""Which requests under one Idempotency-Key are the same request."""

import pytest

from axon_factory.api.idempotency import fingerprint

BODY = b'{"motivo": "Bien", "plan": {"a": 1, "b": [1, 2]}}'


@pytest.mark.parametrize(
    "spelling",
    [
        b'{"plan": {"b": [1, 2], "a": 1}, "motivo": "Bien"}',
        b'{"motivo":"Bien","plan":{"a":1,"b":[1,2]}}',
        b'{"motivo": "\\u0042ien", "plan": {"a": 1, "b": [1, 2]}}',
    ],
)
def test_the_spelling_of_json_does_not_count(spelling: bytes) -> None:
    assert fingerprint("POST", "/x?", spelling) == fingerprint("POST", "/x?", BODY)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PATCH", "/x?", BODY),
        ("POST", "/y?", BODY),
        ("POST", "/x?", b'{"motivo": "Mal", "plan": {"a": 1, "b": [1, 2]}}'),
        ("POST", "/x?", b'{"motivo": "Bien", "plan": {"a": 1, "b": [2, 1]}}'),
        ("POST", "/x?", b'{"motivo": "Bien", "plan": {"a": 2, "b": [1, 2]}}'),
        ("POST", "/x?", b'{"motivo": "Bien"}'),
        ("POST", "/x?", b""),
        ("POST", "/x?", b"\xff"),
    ],
)
def test_what_is_asked_for_counts(method: str, target: str, body: bytes) -> None:
    assert fingerprint(method, target, body) != fingerprint("POST", "/x?", BODY)
