"""A coding agent without a model: it does what FAKE_AGENT says, and speaks as a real one does.

FAKE_AGENT is JSON: `profile` names whose JSON lines it writes, `do` lists steps, each a list of a
word and what it needs. `runs` may hold a list of such lists instead, one for each run in the same
workspace. It reads its prompt as the real ones do, and learns from it where its data are.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROFILE = json.loads(os.environ["FAKE_AGENT"])["profile"]
PROMPT = sys.stdin.read()
HOME = Path(os.environ["HOME"])
BUILT = set[str]()


def line(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def opencode(kind: str, part: dict[str, Any]) -> None:
    line({"type": kind, "timestamp": 1795646331258, "sessionID": "ses_1", "part": part})


def say(text: str) -> None:
    if PROFILE == "opencode":
        opencode("text", {"type": "text", "text": text})
    elif PROFILE == "codex":
        line({"type": "item.completed", "item": {"type": "agent_message", "text": text}})
    else:
        block = {"type": "text", "text": text}
        line({"type": "assistant", "message": {"content": [block]}, "session_id": "s"})


def tool(command: str) -> None:
    if PROFILE == "opencode":
        state = {"status": "completed", "title": command, "input": {}, "output": "x"}
        opencode("tool_use", {"type": "tool", "tool": "bash", "state": state})
    elif PROFILE == "codex":
        item = {"type": "command_execution", "command": command, "exit_code": 0}
        line({"type": "item.completed", "item": item})
    else:
        block = {"type": "tool_use", "name": "Bash", "input": {"command": command}}
        line({"type": "assistant", "message": {"content": [block]}})


def finish(error: str | None = None) -> None:
    """Say that it is done and what it cost, or what went wrong: the last event of a real one."""
    if error is None and PROFILE != "claude-code":  # whose last event repeats the words
        say("Hecho.")
    if PROFILE == "opencode":
        if error is not None:
            line({"type": "error", "error": {"name": "APIError", "data": {"message": error}}})
            return
        tokens = {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 7, "write": 0}}
        opencode("step_finish", {"reason": "stop", "tokens": tokens, "cost": 0.25})
    elif PROFILE == "codex":
        if error is not None:
            line({"type": "turn.failed", "error": {"message": error}})
            return
        line({"type": "turn.completed", "usage": {"input_tokens": 107, "output_tokens": 25}})
    else:
        use = {"inputTokens": 100, "cacheReadInputTokens": 7, "outputTokens": 25, "costUSD": 0.25}
        result = {"subtype": "success", "is_error": False, "result": "Listo."}
        if error is not None:
            result = {"subtype": "error_during_execution", "is_error": True, "result": error}
        line({"type": "result", **result, "duration_ms": 9, "modelUsage": {"m": use}})


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, stdout=sys.stderr)


def data(name: str) -> Any:  # noqa: ANN401 — any JSON value
    folder = re.search(r"En `([^`]+)` \(solo lectura\)", PROMPT)
    assert folder is not None, "the prompt does not say where the data are"
    return json.loads((Path(folder[1]) / name).read_text(encoding="utf-8"))


def attempt() -> int:
    found = re.search(r"`Axon-Milestone: (\d+)/", PROMPT)
    assert found is not None, "the prompt does not say how milestones are marked"
    return int(found[1])


def commit(milestone: str) -> None:
    file = Path(f"{milestone}-{attempt()}.txt")
    file.write_text(milestone, encoding="utf-8")
    git("add", "--all")
    git("commit", "-q", "-m", f"Hito {milestone}", "-m", f"Axon-Milestone: {attempt()}/{milestone}")


def everything() -> None:
    """Commit every milestone of the plan that is not done yet."""
    done = data("hitos_completados.json")
    for milestone in data("plan.json")["milestones"]:
        committed = Path(f"{milestone['id']}-{attempt()}.txt").exists()
        if milestone["id"] not in done and not committed:
            tool(f"git commit {milestone['id']}")
            commit(milestone["id"])


def build(most: int | None = None) -> None:
    """Build a product that passes the review, or `most` milestones of it, by our own templates."""
    import asyncio  # noqa: PLC0415 — only this step may need the factory

    from axon_factory.adapters.builder.templates import TemplateBuilder  # noqa: PLC0415 — same
    from axon_factory.domain.plan import Plan  # noqa: PLC0415 — same
    from axon_factory.ports.builder import BuildRequest  # noqa: PLC0415 — same

    order = data("orden.json")
    plan = Plan.model_validate(data("plan.json"))
    completed = set(data("hitos_completados.json"))
    missing = [one for one in plan.milestones if one.id not in completed | BUILT]
    for milestone in missing[:most]:
        request = BuildRequest(
            order_id="agente",
            order_number=order["numero"],
            slug=order["slug"],
            product_type=order["tipo"],
            product_name=order["nombre"],
            attempt=attempt(),
            plan=plan,
            client=data("cliente.json"),
            configuration=data("configuracion.json"),
            product_dir=Path.cwd(),
            completed=frozenset(completed | BUILT),
        )
        builder = TemplateBuilder()
        asyncio.run(builder.proceed("plantillas-agente-1", request, idempotency_key="k"))
        BUILT.add(milestone.id)
        tool(f"plantilla {milestone.id}")


def probe(port: int) -> None:
    """Write down what an agent that means ill can reach."""
    found: dict[str, Any] = {"environment": dict(os.environ), "uid": os.getuid()}
    for path in ("/etc/shadow", os.environ.get("PROBE_SECRET", "/nothing")):
        try:
            found[path] = Path(path).read_text(encoding="utf-8")[:20]
        except OSError as error:
            found[path] = type(error).__name__
    for path in ("/usr/escrito", "/etc/escrito", os.environ.get("PROBE_WRITE", "/nothing/x")):
        try:
            Path(path).write_text("x", encoding="utf-8")
            found[path] = "written"
        except OSError as error:
            found[path] = type(error).__name__
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        found["network"] = "reached"
    except OSError as error:
        found["network"] = type(error).__name__
    found["processes"] = len(list(Path("/proc").glob("[0-9]*")))
    Path("probe.json").write_text(json.dumps(found), encoding="utf-8")


def fork() -> None:
    """Leave a process behind that has cut every tie, and note its number."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            os.execv("/bin/sleep", ["/bin/sleep", "987"])  # noqa: S606 — there is no shell
        os._exit(0)


def nag(lines: str, pause: float) -> None:
    """Write the same lines for ever."""
    while True:
        sys.stdout.write(lines)
        sys.stdout.flush()
        time.sleep(pause)


def wait_for(name: str) -> None:
    while not Path(name).exists():
        time.sleep(0.02)


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def polite() -> None:
    def note(*_: object) -> None:
        # Past the buffer, in the middle of which the signal may have come.
        os.write(1, b"Me piden que termine\n")
        os._exit(3)

    signal.signal(signal.SIGTERM, note)


def flood(megabytes: int) -> None:
    for _ in range(megabytes * 1024):
        sys.stdout.write("x" * 1023 + "\n")


STEPS = {
    "say": say,
    "tool": tool,
    "raw": lambda text: (sys.stdout.write(text), sys.stdout.flush()),
    "complain": lambda text: sys.stderr.write(text + "\n"),
    "commit": commit,
    "everything": everything,
    "build": build,
    "write": lambda path, text: Path(path).write_text(text, encoding="utf-8"),
    "link": lambda path, target: Path(path).symlink_to(target),
    "git": git,
    "ask": lambda question: Path("PREGUNTA.json").write_text(question, encoding="utf-8"),
    "answers": lambda: say(json.dumps(data("respuestas.json"), ensure_ascii=False)),
    "probe": probe,
    "fork": fork,
    "deaf": deaf,
    "polite": polite,
    "nag": nag,
    "wait": wait_for,
    "sleep": time.sleep,
    "flood": flood,
    "finish": finish,
    "mute": lambda: None,
    "exit": sys.exit,
    "die": lambda number: os.kill(os.getpid(), number),
}


LAST_STEPS = ("finish", "ask", "mute")
"""After one of these nothing is said at the end by itself."""


def main() -> None:
    told = json.loads(os.environ["FAKE_AGENT"])
    if "runs" in told:
        counter = HOME / "runs"
        number = int(counter.read_text(encoding="ascii")) if counter.exists() else 0
        counter.write_text(str(number + 1), encoding="ascii")
        told["do"] = told["runs"][number]
    for word, *needed in told["do"]:
        STEPS[word](*needed)
    if {word for word, *_ in told["do"]}.isdisjoint(LAST_STEPS):
        finish()


if __name__ == "__main__":
    main()
