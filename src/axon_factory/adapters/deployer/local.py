"""Runs products on this machine and keeps them running (design §5.6)."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axon_factory.adapters.deployer.daemon import (
    FAILED_STATES,
    RUNNING_STATES,
    Daemon,
)
from axon_factory.adapters.deployer.health import (
    HealthClient,
    ask_everything,
    failed,
    port_failures,
)
from axon_factory.adapters.deployer.layout import (
    Layout,
    Record,
    choose_port,
    erase,
    fetch_release,
    is_free,
    log_tail,
    prune,
    read_json,
    retire,
    write_private,
)
from axon_factory.adapters.sandbox import (
    Limits,
    Manifest,
    Sandbox,
    read_manifest,
    sing,
)
from axon_factory.domain.failure import MachineTrouble, Trouble
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import Deployment, DeploymentRequest

DEFAULT_PORTS = range(20000, 24000)
DEFAULT_URL = "http://127.0.0.1:{port}"
HEALTH_SECONDS = 60.0
HEALTH_POLL_SECONDS = 0.1
FIRST_USER_ID = 61184
"""Where systemd's dynamic users begin: user ids that belong to no person (61184 to 65519)."""
USER_IDS = 4096
SERVICE_LIMITS = Limits(
    cpu_seconds=10 * 365 * 24 * 3600,  # a service has all the time there is
    file_bytes=2 * 1024**3,
    address_space_bytes=4 * 1024**3,
)


@dataclass(frozen=True, slots=True)
class ProductStatus:
    """One product that shall run.

    `state` is "running" (it answers its health check), "unhealthy" (its process lives, but it
    does not, or not yet), "stopped", or "failed" (it ended by itself).
    """

    slug: str
    url: str
    state: str


class LocalDeployer:
    """Keeps products alive under one supervisord, each in the sandbox.

    Started by root, products run as an unprivileged user each, except where there is neither
    bubblewrap nor a products' Python that other users may read: then they run as root, and the
    sandbox's `probe` says so.

    Args:
        root: folder of everything that is deployed; one supervisord for each root.
        sandbox: runs the products, with the Python that it was given.
        host: address at which products listen.
        public_url_template: base URL by which the world reaches a product, with ``{port}`` or
            ``{slug}`` to fill in.
        ports: ports to give to products.
        health_seconds: how long a product may take to become healthy.
    """

    name = "local"

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        *,
        host: str = "127.0.0.1",
        public_url_template: str = DEFAULT_URL,
        ports: range = DEFAULT_PORTS,
        health_seconds: float = HEALTH_SECONDS,
    ) -> None:
        self._layout = Layout(root)
        self._daemon = Daemon(self._layout)
        self._sandbox = sandbox
        self._host = host
        self._template = public_url_template
        self._ports = ports
        self._health_seconds = health_seconds

    async def deploy(
        self,
        request: DeploymentRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — the slug is the key: it has one deployment at most
    ) -> Deployment:
        """Run the product at its commit; see the port.

        Raises:
            PortError: it did not become healthy, or could not be run; it is stopped then.
        """
        async with port_failures(self._sandbox), self._layout.locked(f"{self._slug(request)}.lock"):
            try:
                return await self._run_release(request)
            except BaseException:
                # Also when cancelled: what is half deployed must not go on running.
                await asyncio.shield(self._withdraw(request.slug))
                raise

    async def replace_secrets(
        self,
        request: DeploymentRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — the secrets are the key: a product that has them is left
    ) -> Deployment:
        """Restart the product with other secrets; a failure leaves it to supervisord."""
        async with port_failures(self._sandbox), self._layout.locked(f"{self._slug(request)}.lock"):
            return await self._run_release(request)

    async def undeploy(
        self,
        slug: str,
        *,
        idempotency_key: str,  # noqa: ARG002 — what is gone stays gone
    ) -> None:
        """Stop the product and remove it; its data are kept in ``root/.retired``.

        Raises:
            PortError: it does not stop.
        """
        await self._remove(slug, retire)

    async def erase(
        self,
        slug: str,
        *,
        idempotency_key: str,  # noqa: ARG002 — what is gone stays gone
    ) -> None:
        """Stop the product and remove all that is kept of it, logs that name it too."""
        await self._remove(slug, erase)
        async with port_failures(self._sandbox):
            await self._daemon.forget_log()

    async def _remove(self, slug: str, dispose: Callable[[Layout, str], None]) -> None:
        async with port_failures(self._sandbox):
            name = self._layout.product(slug).name
            async with self._layout.locked(f"{name}.lock"):
                await self._withdraw(slug)
                await asyncio.to_thread(dispose, self._layout, slug)

    async def start_all(self) -> list[ProductStatus]:
        """Bring back every product after a stop or a restart of the machine.

        Returns when each is healthy or has had its time; the state says which.

        Raises:
            PortError: supervisord cannot be started.
        """
        async with port_failures(self._sandbox):
            self._layout.create()
            slugs = self._layout.slugs()
            if not slugs:
                return []
            # Before supervisord starts them: their commands name this machine's present paths.
            for slug in slugs:
                await self._refresh(slug)
            await self._daemon.start()
            await asyncio.gather(*(self._bring_back(slug) for slug in slugs))
            return await self.status()

    async def stop_all(self) -> None:
        """Stop every product and supervisord; `start_all` brings them back.

        Raises:
            PortError: supervisord does not obey.
        """
        async with port_failures(self._sandbox):
            await self._daemon.stop()

    async def status(self) -> list[ProductStatus]:
        """Return every product that shall run, by slug."""
        states = await self._daemon.states()
        records = [self._layout.record(slug) for slug in self._layout.slugs()]
        return await asyncio.gather(
            *(
                self._status(record, states.get(record.slug, "STOPPED"))
                for record in records
                if record is not None
            )
        )

    async def _status(self, record: Record, state: str) -> ProductStatus:
        if state in FAILED_STATES:
            word = "failed"
        elif state not in RUNNING_STATES:
            word = "stopped"
        else:
            async with HealthClient(self._host, record.port) as client:
                word = "unhealthy" if await client.ask(record.health) is None else "running"
        return ProductStatus(record.slug, self._url(record), word)

    def _slug(self, request: DeploymentRequest) -> str:
        return self._layout.product(request.slug).name

    def _url(self, record: Record) -> str:
        url = self._template.format(port=record.port, slug=record.slug)
        return url.rstrip("/")

    async def _run_release(self, request: DeploymentRequest) -> Deployment:
        await self._daemon.start()
        release = await fetch_release(self._sandbox, self._layout, request)
        manifest = await asyncio.to_thread(read_manifest, release)
        return await self._run(request, release, manifest)

    async def _run(
        self, request: DeploymentRequest, release: Path, manifest: Manifest
    ) -> Deployment:
        slug = request.slug
        known = self._layout.record(slug)
        if known is not None and self._layout.program(slug).exists():
            record = Record(slug, known.port, request.commit, manifest.health)
            launch = await self._launch(request, release, record)
            same = launch == read_json(self._launch_file(slug))
            if same and await self._daemon.state(slug) in RUNNING_STATES:
                return await self._healthy(request, record, manifest)
            await self._daemon.stop_product(slug)
        for last in (False, False, True):
            record = await self._reserve(slug, request.commit, manifest.health)
            launch = await self._launch(request, release, record)
            await asyncio.to_thread(self._prepare, record, launch)
            await self._daemon.start_product(slug)
            try:
                deployment = await self._healthy(request, record, manifest)
            except PortError:
                await self._daemon.stop_product(slug)
                # Another program took the port after it was chosen: the product gets another one.
                if last or is_free(self._host, record.port):
                    raise
            else:
                await asyncio.to_thread(prune, release)
                return deployment
        raise AssertionError("the last turn returns or raises")

    async def _reserve(self, slug: str, commit: str, health: str) -> Record:
        """Write down a port that is the product's alone; the remembered one while it is free."""
        async with self._layout.locked("ports"):
            known = self._layout.record(slug)
            if known is not None and is_free(self._host, known.port):
                port: int | None = known.port
            else:
                port = choose_port(self._host, self._ports, self._layout.used_ports())
            if port is None:
                raise failed("No queda ningún puerto libre para el producto.", transient=True)
            record = Record(slug, port, commit, health)
            self._layout.remember(record)
            return record

    def _launch_file(self, slug: str) -> Path:
        return self._layout.product(slug) / "launch.json"

    async def _launch(
        self, request: DeploymentRequest, release: Path, record: Record
    ) -> dict[str, Any]:
        """Return the launch file: the command and the whole environment of the product."""
        environment = {**request.secrets, **self._place(record)}
        return {"argv": await self._words(release, record), "environment": environment}

    def _place(self, record: Record) -> dict[str, str]:
        """Return what of a product's environment depends on where the factory and its data are."""
        data = self._layout.product(record.slug) / "data"
        return {
            "HOST": self._host,
            "PORT": str(record.port),
            "PUBLIC_URL": self._url(record),
            "DATA_DIR": str(data),
            "HOME": str(data),
            "TMPDIR": str(data),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    async def _words(self, release: Path, record: Record) -> list[str]:
        python = str(self._sandbox.python)
        return await self._sandbox.service_words(
            ["/usr/bin/env", "--default-signal=TERM", python, "-m", "app"],
            cwd=release,
            writable=self._layout.product(record.slug) / "data",
            read_only=[release],
            limits=SERVICE_LIMITS,
            user_id=self._user_id(record),
        )

    def _user_id(self, record: Record) -> int:
        return FIRST_USER_ID + record.port % USER_IDS

    def _prepare(self, record: Record, launch: Mapping[str, Any]) -> None:
        """Write what supervisord needs to start the product."""
        folder = self._layout.product(record.slug)
        for name in ("data", "logs"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        if self._drops_user(launch):
            user = self._user_id(record)
            for path in (folder / "data", *(folder / "data").rglob("*")):
                if path.lstat().st_uid != user:  # as after a restored backup
                    os.lchown(path, user, user)
        write_private(folder / "launch.json", launch)
        self._daemon.write_program(record.slug)

    def _drops_user(self, launch: Mapping[str, Any]) -> bool:
        return any(str(word).startswith("--reuid=") for word in launch["argv"])

    async def _healthy(
        self, request: DeploymentRequest, record: Record, manifest: Manifest
    ) -> Deployment:
        """Wait for the product's health and say where it is."""
        body = await self._wait_for_health(record)
        if body is None:
            log = await asyncio.to_thread(log_tail, self._layout, request)
            canary = await sing(self._sandbox)
            overload = MachineTrouble(Trouble.SOBRECARGA, "el producto no arrancó a tiempo")
            trouble = canary.trouble or (overload if canary.slow else None)
            message = f"El producto no arrancó sano. Fin de su registro:\n{log}"
            raise failed(message, trouble=trouble)
        url = self._url(record)
        requests = await ask_everything(self._host, record.port, manifest)
        return Deployment(
            url=url,
            admin_url=(url + manifest.admin).rstrip("/"),
            api_url=(url + manifest.api).rstrip("/"),
            docs_url=(url + manifest.docs).rstrip("/"),
            webhooks={name: url + path for name, path in manifest.webhooks.items()},
            configuration=body,
            requests=requests,
        )

    async def _wait_for_health(self, record: Record) -> Mapping[str, object] | None:
        deadline = time.monotonic() + self._health_seconds
        async with HealthClient(self._host, record.port) as client:
            while time.monotonic() < deadline:
                body = await client.ask(record.health)
                state = await self._daemon.state(record.slug)
                # Another program may have the port: what answers must outlive the product's start.
                if body is not None and state == "RUNNING":
                    return body
                if state in FAILED_STATES:
                    return None
                await asyncio.sleep(HEALTH_POLL_SECONDS)
        return None

    async def _withdraw(self, slug: str) -> None:
        """Stop the product and take its program away; its folder stays."""
        if await self._daemon.is_running():
            await self._daemon.remove_product(slug)
        else:
            # Without supervisord no product lives: each dies with it.
            self._layout.program(slug).unlink(missing_ok=True)

    async def _refresh(self, slug: str) -> None:
        """Write anew what starts the product.

        Python, the sandbox, the settings or the place of the data folder may have changed since.
        """
        record, launch = self._layout.record(slug), read_json(self._launch_file(slug))
        if record is None or launch is None:
            return
        release = self._layout.product(slug) / "releases" / record.commit
        environment = {**launch["environment"], **self._place(record)}
        present = {"argv": await self._words(release, record), "environment": environment}
        await asyncio.to_thread(self._prepare, record, present)

    async def _bring_back(self, slug: str) -> None:
        async with self._layout.locked(f"{slug}.lock"):
            record = self._layout.record(slug)
            if record is None or not self._layout.program(slug).exists():
                return
            await self._daemon.start_product(slug)
            await self._wait_for_health(record)
