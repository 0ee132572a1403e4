"""Whatever an agent answers has its outcome: silence, a typed failure, or a lost session."""

import re
from pathlib import Path

import pytest

from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.adapters.builder.http.client import AgentClient
from axon_factory.adapters.builder.http.messages import Artifact
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus
from axon_factory.ports.errors import PortError
from tests.support.agent_server import Agent
from tests.support.bundles import Agent as Author
from tests.support.products import git

UNAVAILABLE, FAILED = FailureCause.CONSTRUCTOR_NO_DISPONIBLE, FailureCause.CONSTRUCCION_FALLIDA
SILENCE = ("500", "503", "429", "408", "stall", "truncated")
ANSWERS: dict[str, tuple[FailureCause, bool, str]] = {
    **dict.fromkeys(SILENCE, (UNAVAILABLE, True, "no responde")),
    "401": (UNAVAILABLE, True, "AXON_AGENT_HTTP_TOKEN"),
    "403": (UNAVAILABLE, True, "AXON_AGENT_HTTP_TOKEN"),
    "302": (FAILED, False, "302"),
    "400": (FAILED, False, '"no  hoy"|no'),
    "422": (FAILED, False, "422"),
    "prose": (FAILED, True, "no se entiende"),
    "empty": (FAILED, True, "no se entiende"),
    "wrong": (FAILED, True, "no se entiende"),
    "deep": (FAILED, True, "no se entiende"),
    "huge": (FAILED, True, "4 MB"),
    "packed": (FAILED, True, "comprimida"),
}


async def look(builder: HttpBuilder, session: str, order: BuildRequest) -> BuildReport:
    return await builder.proceed(session, order, idempotency_key="construir:x")


@pytest.mark.parametrize("fault", ANSWERS)
async def test_every_bad_answer_ends_in_its_documented_outcome(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, fault: str
) -> None:
    cause, transient, words = ANSWERS[fault]
    agent.idle = True
    calls = {
        "start": lambda: builder.start(order, idempotency_key="k"),
        "find": lambda: builder.find(order, idempotency_key="k"),
        "cancel": lambda: builder.stop("ses-1", order, force=False, idempotency_key="k"),
    }
    if fault == "stall":  # each takes the whole patience
        del calls["find"], calls["cancel"]
    for operation, call in calls.items():
        agent.faults[operation] = [fault]
        with pytest.raises(PortError) as caught:
            await call()
        assert re.search(words, caught.value.for_staff)
        assert "hoy" not in str(caught.value)
        assert (caught.value.cause, caught.value.transient) == (cause, transient)
        assert "\x00" not in str(caught.value)
    session = await builder.start(order, idempotency_key="k")
    agent.faults["look"] = [fault]
    if fault in SILENCE:
        assert not (await look(builder, session, order)).heard
    else:
        with pytest.raises(PortError) as caught:
            await look(builder, session, order)
        assert re.search(words, caught.value.for_staff)
        assert (caught.value.cause, caught.value.transient) == (cause, transient)
    assert (await look(builder, session, order)).heard


@pytest.mark.parametrize(
    "lie",
    [
        {"completed_milestones": ["base", "qa", "más"], "completed_actions": 10**9},
        {"progress": 4000, "completed_actions": -5},
        {"progress": -1e300},
        {"artifacts": [{"type": "docker_image"}], "progress": 100},
    ],
)
async def test_what_an_agent_only_says_completes_nothing(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, lie: dict[str, object]
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    agent.patch = lie
    report = await look(builder, session, order)
    assert (report.status, report.milestones) == (BuildStatus.WORKING, ())
    assert report.reported is not None
    assert report.reported.percent is None or 0 <= report.reported.percent <= 100
    assert report.reported.completed_actions is None or report.reported.completed_actions >= 0


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ({"message": "a\x00b\x1b[2J\ud800".encode("utf-8", "ignore").decode()}, "ab[2J"),
        ({"message": "x" * 5000}, "x" * 1000),
        ({"message": "\x00\n"}, None),
        ({"message": "ok", "level": "catastrophe", "at": "0001-01-01T00:00:00+14:00"}, "ok"),
        ({"message": "ok", "agent": "", "at": "9999-12-31T23:59:59-14:00"}, "ok"),
    ],
    ids=["control characters", "long", "blank", "unknown level", "no agent"],
)
async def test_logs_are_made_fit_to_be_kept(
    builder: HttpBuilder,
    agent: Agent,
    order: BuildRequest,
    members: dict[str, object],
    kept: str | None,
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    agent.patch = {"logs": [{"id": "l-1", **members}]}
    lines = (await look(builder, session, order)).logs
    assert [line.message for line in lines] == ([] if kept is None else [kept])
    assert all(line.at is None and line.agent for line in lines)


async def test_a_flood_of_logs_is_cut_with_a_word_on_it(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    agent.patch = {"logs": [{"id": f"l-{n}", "message": "x"} for n in range(5000)]}
    lines = (await look(builder, session, order)).logs
    assert len(lines) == 501
    assert "4500 líneas" in lines[0].message
    assert lines[-1].key == "l-4999"


ADDRESSES = {
    "another host": "http://127.0.0.1:9/bundles/x",
    "another scheme": "file:///etc/passwd",
    "user in the host": "{url}@evil.example/x",
    "no scheme": "//evil.example/x",
    "upwards": "{url}/v1/../../secret",
    "upwards, disguised": "{url}/v1/%2e%2E/secret",
    "beside": "{url}/v2/bundle",
    "backslash": "{url}/v1/..\\secret",
    "broken": "http://[::1",
    "control": "bundles/x\r\nHost: y",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
async def test_artifacts_come_from_the_agent_only(
    url: str, agent: Agent, order: BuildRequest, address: str
) -> None:
    client = AgentClient(AgentAddress(f"{url}/v1"))
    artifact = Artifact(type="git_bundle", url=address.format(url=url), sha256="0" * 64, size=1)
    with pytest.raises(PortError, match="no es del agente") as caught:
        await client.download(artifact, order.product_dir)
    assert not caught.value.transient
    assert agent.requests == []


@pytest.mark.parametrize(
    ("change", "words", "transient"),
    [
        ({"sha256": "0" * 64}, "sha256", True),
        ({"size": 200_001}, "MB", False),
        ({"url": "bundles/" + "1" * 64}, "404", False),
    ],
    ids=["other content", "too large", "missing"],
)
async def test_an_artifact_must_be_what_was_announced(
    builder: HttpBuilder,
    agent: Agent,
    order: BuildRequest,
    change: dict[str, object],
    words: str,
    transient: bool,
) -> None:
    session = await builder.start(order, idempotency_key="k")
    await agent.session.work(agent.maker)
    agent.session.artifacts[-1] |= change
    agent.idle = True
    agent.patch = {"progress": 1}
    with pytest.raises(PortError, match=words) as caught:
        await look(builder, session, order)
    assert caught.value.transient is transient
    assert not (order.product_dir / "app").exists()


async def test_an_artifact_that_does_not_come_is_silence(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.faults["take"] = ["503"]
    assert not (await look(builder, session, order)).heard
    assert (await look(builder, session, order)).heard


@pytest.mark.parametrize("evil", ["rewritten", "symlink"])
async def test_a_hostile_handover_fails_the_session(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, tmp_path: Path, evil: str
) -> None:
    session = await builder.start(order, idempotency_key="k")
    await look(builder, session, order)
    head = git(order.product_dir, "rev-parse", "main")
    author = Author(tmp_path / "evil")
    if evil == "symlink":
        git(author.folder, "pull", "--quiet", str(agent.session.folder), "main")
        (author.folder / "passwd").symlink_to("/etc/passwd")
    author.commit({"a": "b"}, "1/base", "1/qa")
    agent.session.hand_over(path=author.bundle())
    agent.idle = True
    with pytest.raises(PortError, match="no se acepta") as caught:
        await look(builder, session, order)
    assert not caught.value.transient
    assert git(order.product_dir, "rev-parse", "main") == head


async def test_neither_token_is_shown(builder: HttpBuilder, order: BuildRequest) -> None:
    assert order.agent_token is not None
    assert order.agent_token not in repr(order)
    assert "agent-token" not in repr(builder._client._address)
