"""The council of this machine: tests, security and health, each in the sandbox (design §5.5)."""

import asyncio
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from axon_factory.adapters.council import probe_health
from axon_factory.adapters.council.bench import Bench
from axon_factory.adapters.council.verdicts import (
    Evidence,
    Verdict,
    is_unproven_kill,
    judge_health,
    judge_security,
    judge_tests,
    limit_findings,
    machine_trouble,
    room_findings,
)
from axon_factory.adapters.sandbox import (
    MEBIBYTE,
    Limits,
    ManifestError,
    ProductRepository,
    RepositoryError,
    Sandbox,
    SandboxRun,
    processor_count,
    read_manifest,
    sing,
)
from axon_factory.domain.failure import FailureCause, MachineTrouble, Trouble, trouble_of
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import CheckReceipt, ProductUnderReview

CHECK_LIMITS = Limits(disk_bytes=256 * MEBIBYTE)
PROBER = Path(probe_health.__file__).resolve()
REFERENCE = PROBER.parent / "reference"
TAIL_BYTES = 4096
MAX_NAMED_CHANGES = 10
PRODUCT_LOG_BYTES = 1024 * 1024
HEALTH_SECONDS = 30.0
STOP_SECONDS = 10.0
AGENTS = {"tests": "QA Agent", "security": "Security Agent", "health": "QA Agent"}
SECURITY_RULES = (
    "--isolated",
    "--ignore-noqa",
    "--no-respect-gitignore",
    "--no-cache",
    "--quiet",
    "--output-format=json",
    "--target-version=py311",
    "--select=E9,F,S",
    "--config=exclude=[]",
    # In tests, asserts are the point and passwords protect nothing.
    '--config=per-file-ignores={"tests/**"=["S101","S105","S106","S107"]}',
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What one check looks at: the product's files, and the writable scratch."""

    product: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A receipt, and what is needed to tell whose failure it tells of.

    `run` is None where nothing of the product was run; `doubtful` where the machine may be why.
    """

    receipt: CheckReceipt
    run: SandboxRun | None = None
    clean: bool = True
    late: bool = False
    doubtful: bool = True


class LocalCouncil:
    """Reviews the commit of the attempt, never the working copy itself.

    Every check works on its own export of that commit, so the product's folder is not written to
    and what is reviewed is what the deployer will run. `python` of the sandbox must have pytest
    and ruff.

    A failing receipt says that the product fails: before there is one, a canary has passed in the
    same sandbox (`blame.py`). What this machine cannot do is a `PortError` with its trouble.
    """

    name = "local"

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        limits: Limits | None = None,
        health_seconds: float = HEALTH_SECONDS,
        stop_seconds: float = STOP_SECONDS,
        scratch_root: Path | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits or CHECK_LIMITS
        self._health_seconds = health_seconds
        self._stop_seconds = stop_seconds
        self._scratch_root = scratch_root

    async def run_check(
        self,
        check: str,
        product: ProductUnderReview,
        *,
        idempotency_key: str,  # noqa: ARG002 — a check has no effect that could happen twice
    ) -> CheckReceipt:
        """Run one check; see the port.

        The first of the receipt's `findings` sums up, also when the check passed.

        Raises:
            PortError: `check` is unknown, or the machine could not run it (with `trouble`).
        """
        if check not in AGENTS:
            raise _not_runnable(f"No existe la revisión «{check}».")
        try:
            async with self._bench() as bench:
                return await self._review(check, product, bench)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            trouble = trouble_of(error) or MachineTrouble(Trouble.SIN_AISLAMIENTO, str(error))
            raise _not_runnable(
                f"No se pudo ejecutar la revisión «{check}»: {error}", trouble
            ) from error

    @asynccontextmanager
    async def _bench(self) -> AsyncGenerator[Bench]:
        bench = await asyncio.to_thread(Bench, self._scratch_root)
        try:
            yield bench
        finally:
            await asyncio.shield(asyncio.to_thread(bench.remove))

    async def _review(self, check: str, product: ProductUnderReview, bench: Bench) -> CheckReceipt:
        """Run the check, and once more where an unknown hand has killed it."""
        if not await asyncio.to_thread(product.product_dir.is_dir):
            trouble = MachineTrouble(Trouble.DISCO_AVERIADO, f"falta {product.product_dir}")
            raise _not_runnable(f"No se pudo ejecutar la revisión «{check}»: {trouble}", trouble)
        files = await self._files(check, product, bench)
        if isinstance(files, _Outcome):
            outcome = files
        else:
            outcome = await self._run(check, _Subject(files, bench.scratch))
        if outcome.receipt.passed or not outcome.doubtful:
            return outcome.receipt
        evidence = await self._look_for_trouble(check, outcome, bench)
        if isinstance(files, Path) and is_unproven_kill(evidence):
            outcome = await self._run(check, _Subject(files, bench.scratch))
            if not outcome.receipt.passed:
                await self._look_for_trouble(check, outcome, bench)
        return outcome.receipt

    async def _look_for_trouble(self, check: str, outcome: _Outcome, bench: Bench) -> Evidence:
        """Return the evidence of a failure that is the product's.

        Raises:
            PortError: it is the machine's.
        """
        canary = await sing(self._sandbox, bench.root)
        evidence = Evidence(
            outcome.run,
            canary,
            late=outcome.late,
            cpu_limit=self._limits.cpu_seconds,
            processors=processor_count(),
        )
        trouble = machine_trouble(evidence)
        if trouble is None and not outcome.clean:
            trouble = await self._tool_trouble(check, bench)
        if trouble is not None:
            raise _not_runnable(f"No se pudo ejecutar la revisión «{check}»: {trouble}", trouble)
        return evidence

    async def _tool_trouble(self, check: str, bench: Bench) -> MachineTrouble | None:
        """Have the check's tool judge the reference product, which must pass."""
        reference = bench.root / "reference"
        if not reference.exists():
            await asyncio.to_thread(shutil.copytree, REFERENCE, reference)
        scratch = bench.root / "reference-scratch"
        scratch.mkdir(exist_ok=True)
        outcome = await self._run(check, _Subject(reference, scratch))
        if outcome.receipt.passed:
            return None
        said = outcome.receipt.findings[0]
        detail = f"tampoco el producto de referencia pasa la revisión «{check}»: {said}"
        return MachineTrouble(Trouble.SIN_AISLAMIENTO, detail)

    async def _files(
        self, check: str, product: ProductUnderReview, bench: Bench
    ) -> "Path | _Outcome":
        """Return the files of the commit; a repository that cannot be reviewed fails the check."""
        command = ("git", "status", "--porcelain")
        if product.commit is None:
            sentence = "El intento no tiene ningún commit que revisar."
            return await self._refusal(check, command, sentence)
        try:
            repository = await ProductRepository.copy(
                self._sandbox, product.product_dir, bench.export
            )
            state = await repository.state()
            if state.changes:
                names = ", ".join(state.changes[:MAX_NAMED_CHANGES])
                sentence = f"El repositorio tiene cambios sin confirmar: {names}."
                return await self._refusal(check, command, sentence)
            return await repository.export(product.commit, "product")
        except RepositoryError as error:
            sentence = f"El repositorio no se puede revisar: {error}."
            refusal = await self._refusal(check, command, sentence)
            return replace(refusal, doubtful=True)

    async def _run(self, check: str, subject: _Subject) -> _Outcome:
        runners: dict[str, Callable[[_Subject], Awaitable[_Outcome]]] = {
            "tests": self._tests,
            "security": self._security,
            "health": self._health,
        }
        return await runners[check](subject)

    async def _refusal(self, check: str, command: tuple[str, ...], sentence: str) -> _Outcome:
        receipt = CheckReceipt(
            check=check,
            passed=False,
            command=command,
            exit_code=1,
            duration_seconds=0.0,
            output_digest=hashlib.sha256(b"").hexdigest(),
            output_tail="",
            findings=(sentence,),
            isolation=(await self._sandbox.capability()).isolation,
            agent=AGENTS[check],
        )
        return _Outcome(receipt, doubtful=False)

    async def _tests(self, subject: _Subject) -> _Outcome:
        # The product's own options could hide failures; the summary line must be ours to read.
        options = ("-o", "addopts=", "-p", "no:cacheprovider", "--color=no", "-rfE", "-q")
        command = (str(self._sandbox.python), "-m", "pytest", *options)
        if not (subject.product / "tests").is_dir():
            return await self._refusal("tests", command, "El producto no tiene carpeta «tests».")
        data = {"DATA_DIR": str(subject.scratch)}
        return await self._receipt("tests", command, subject, judge_tests, data)

    async def _security(self, subject: _Subject) -> _Outcome:
        # -I: a module "ruff" of the product must not stand in for the real one.
        command = (str(self._sandbox.python), "-I", "-m", "ruff", "check", *SECURITY_RULES, ".")
        return await self._receipt(
            "security", command, subject, lambda run: judge_security(run, subject.product)
        )

    async def _health(self, subject: _Subject) -> _Outcome:
        command = (str(self._sandbox.python), "-I", str(PROBER))
        try:
            manifest = await asyncio.to_thread(read_manifest, subject.product)
        except ManifestError as error:
            return await self._refusal("health", command, f"El manifiesto no vale: {error}.")
        data_dir = subject.scratch / "data"
        options = {
            "health": manifest.health,
            "webhook": manifest.webhooks.get("whatsapp"),
            "data_dir": str(data_dir),
            "seconds": self._health_seconds,
            "stop_seconds": self._stop_seconds,
            "log_bytes": PRODUCT_LOG_BYTES,
        }
        return await self._receipt("health", (*command, json.dumps(options)), subject, judge_health)

    async def _receipt(
        self,
        check: str,
        command: tuple[str, ...],
        subject: _Subject,
        judge: Callable[[SandboxRun], Verdict],
        environment: dict[str, str] | None = None,
    ) -> _Outcome:
        run = await self._sandbox.run(
            command,
            cwd=subject.product,
            scratch=subject.scratch,
            read_only=[subject.product, PROBER],
            environment={
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            },
            limits=self._limits,
            keep=False,
        )
        verdict = judge(run)
        stopped = limit_findings(run, self._limits)
        if stopped or run.filled_machine:
            verdict = Verdict(passed=False, sentences=stopped)
        elif not verdict.passed:
            said = verdict.sentences + room_findings(run, self._limits)
            verdict = replace(verdict, sentences=said)
        receipt = CheckReceipt(
            check=check,
            passed=verdict.passed,
            command=command,
            exit_code=run.exit_code,
            duration_seconds=run.duration_seconds,
            output_digest=run.output_digest,
            output_tail=run.output[-TAIL_BYTES:].decode(errors="replace"),
            findings=verdict.sentences,
            isolation=run.isolation,
            timed_out=run.timed_out,
            truncated=run.truncated,
            agent=AGENTS[check],
        )
        return _Outcome(receipt, run, clean=verdict.clean, late=verdict.late)


def _not_runnable(message: str, trouble: MachineTrouble | None = None) -> PortError:
    cause = FailureCause.REVISION_NO_EJECUTABLE
    return PortError(message, cause=cause, transient=True, trouble=trouble)
