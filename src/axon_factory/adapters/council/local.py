"""The council of this machine: tests, security and health, each in the sandbox (design §5.5)."""

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from axon_factory.adapters.council import probe_health
from axon_factory.adapters.council.verdicts import (
    Verdict,
    judge_health,
    judge_security,
    judge_tests,
    limit_findings,
)
from axon_factory.adapters.sandbox import (
    Limits,
    ManifestError,
    ProductRepository,
    RepositoryError,
    Sandbox,
    SandboxRun,
    read_manifest,
)
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.council import CheckReceipt, ProductUnderReview
from axon_factory.ports.errors import PortError

__all__ = ["LocalCouncil"]

PROBER = Path(probe_health.__file__).resolve()
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
class _Bench:
    """One check's folders: the product's files at one commit, and the writable scratch."""

    product: Path
    scratch: Path


class LocalCouncil:
    """Reviews the commit of the attempt, never the working copy itself.

    Every check works on its own export of that commit, so the product's folder is not written to
    and what is reviewed is what the deployer will run. `python` of the sandbox must have pytest
    and ruff.
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
        """Set the bounds.

        Args:
            sandbox: runs the checks, with the products' Python.
            limits: bounds of each check.
            health_seconds: how long a product may take to become healthy.
            stop_seconds: how long it may take to end after SIGTERM.
            scratch_root: where each check has its folder; the system's without it.
        """
        self._sandbox = sandbox
        self._limits = limits or Limits()
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
            PortError: `check` is unknown, the product's folder is missing, or the sandbox broke.
        """
        runners: dict[str, Callable[[_Bench], Awaitable[CheckReceipt]]] = {
            "tests": self._tests,
            "security": self._security,
            "health": self._health,
        }
        if check not in runners:
            raise _not_runnable(f"No existe la revisión «{check}».")
        try:
            async with self._bench(check, product) as bench:
                if isinstance(bench, CheckReceipt):
                    return bench
                return await runners[check](bench)
        except (OSError, ValueError) as error:
            raise _not_runnable(f"No se pudo ejecutar la revisión «{check}»: {error}") from error

    @asynccontextmanager
    async def _bench(
        self, check: str, product: ProductUnderReview
    ) -> AsyncGenerator["_Bench | CheckReceipt"]:
        """Prepare the folders; a repository that cannot be reviewed gives a failing receipt."""
        root = await asyncio.to_thread(_make_root, self._scratch_root)
        try:
            export, scratch = root / "export", root / "scratch"
            export.mkdir()
            scratch.mkdir()
            command = ("git", "status", "--porcelain")
            if product.commit is None:
                sentence = "El intento no tiene ningún commit que revisar."
                yield await self._refusal(check, command, sentence)
                return
            try:
                repository = await ProductRepository.copy(
                    self._sandbox, product.product_dir, export
                )
                state = await repository.state()
                if state.changes:
                    names = ", ".join(state.changes[:MAX_NAMED_CHANGES])
                    sentence = f"El repositorio tiene cambios sin confirmar: {names}."
                    yield await self._refusal(check, command, sentence)
                    return
                files = await repository.export(product.commit, "product")
            except RepositoryError as error:
                sentence = f"El repositorio no se puede revisar: {error}."
                yield await self._refusal(check, command, sentence)
                return
            yield _Bench(files, scratch)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, root, ignore_errors=True))

    async def _refusal(self, check: str, command: tuple[str, ...], sentence: str) -> CheckReceipt:
        return CheckReceipt(
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

    async def _tests(self, bench: _Bench) -> CheckReceipt:
        # The product's own options could hide failures; the summary line must be ours to read.
        options = ("-o", "addopts=", "-p", "no:cacheprovider", "--color=no", "-rfE", "-q")
        command = (str(self._sandbox.python), "-m", "pytest", *options)
        if not (bench.product / "tests").is_dir():
            return await self._refusal("tests", command, "El producto no tiene carpeta «tests».")
        data = {"DATA_DIR": str(bench.scratch)}
        return await self._receipt("tests", command, bench, judge_tests, data)

    async def _security(self, bench: _Bench) -> CheckReceipt:
        # -I: a module "ruff" of the product must not stand in for the real one.
        command = (str(self._sandbox.python), "-I", "-m", "ruff", "check", *SECURITY_RULES, ".")
        return await self._receipt(
            "security", command, bench, lambda run: judge_security(run, bench.product)
        )

    async def _health(self, bench: _Bench) -> CheckReceipt:
        command = (str(self._sandbox.python), "-I", str(PROBER))
        try:
            manifest = await asyncio.to_thread(read_manifest, bench.product)
        except ManifestError as error:
            return await self._refusal("health", command, f"El manifiesto no vale: {error}.")
        data_dir = bench.scratch / "data"
        options = {
            "health": manifest.health,
            "webhook": manifest.webhooks.get("whatsapp"),
            "data_dir": str(data_dir),
            "seconds": self._health_seconds,
            "stop_seconds": self._stop_seconds,
            "log_bytes": PRODUCT_LOG_BYTES,
        }
        data_dir.mkdir()
        data_dir.chmod(0o777)
        return await self._receipt("health", (*command, json.dumps(options)), bench, judge_health)

    async def _receipt(
        self,
        check: str,
        command: tuple[str, ...],
        bench: _Bench,
        judge: Callable[[SandboxRun], Verdict],
        environment: dict[str, str] | None = None,
    ) -> CheckReceipt:
        run = await self._sandbox.run(
            command,
            cwd=bench.product,
            scratch=bench.scratch,
            read_only=[bench.product, PROBER],
            environment={
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            },
            limits=self._limits,
        )
        verdict = judge(run)
        stopped = limit_findings(run, self._limits)
        if stopped:
            verdict = replace(verdict, passed=False, sentences=stopped)
        return CheckReceipt(
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


def _make_root(parent: Path | None) -> Path:
    root = Path(tempfile.mkdtemp(prefix="axon-review-", dir=parent)).resolve()
    # The sandbox's user must reach its folders through this one.
    root.chmod(0o711)
    return root


def _not_runnable(message: str) -> PortError:
    return PortError(message, cause=FailureCause.REVISION_NO_EJECUTABLE, transient=True)
