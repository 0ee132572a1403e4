"""The composition root: alone builds adapters, services and applications from settings."""

import hashlib
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import FastAPI

from axon_factory import __version__
from axon_factory.accounts.access_tokens import AccessTokens, TokenKeys
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.sessions import SessionLimits, Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.throttle import LoginLimits, Throttle
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.council import LocalCouncil
from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.adapters.git_host.local import LocalGitHost, resolve_file
from axon_factory.adapters.mailer.maildir import MaildirMailer
from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.adapters.secret_box.envelope import EnvelopeSecretBox
from axon_factory.api.app import add_api
from axon_factory.api.authentication import require
from axon_factory.api.json_text import JsonLimits
from axon_factory.api.middleware import EdgeOptions
from axon_factory.api.openapi import install_openapi
from axon_factory.api.rate_limits import Quotas
from axon_factory.api.routes import check_routes
from axon_factory.api.services import AccessServices, ApiServices
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Action
from axon_factory.factory.line import Line
from axon_factory.factory.outbox import OutboxSender
from axon_factory.factory.ports import LinePorts
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.ports.crossing import crossing
from axon_factory.realtime.signals import OrderSignals
from axon_factory.realtime.stream import stream_router
from axon_factory.settings import Settings
from axon_factory.web import home, portal, reference
from axon_factory.worker.runner import Worker, WorkerOptions

__all__ = ["Factory", "master_key"]

_KEY_BYTES = 32


class Factory:
    """Everything that one process of the factory is made of, built on demand from settings."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        """`database_url` is the configured one or the embedded server's."""
        self.settings = settings
        self.data_dir = settings.data_dir
        self.database = Database(database_url, pool_size=settings.pool_size)
        self.signals = OrderSignals(database_url)
        keys = _Keys.of(master_key(settings))
        older = [_Keys.of(secret.encode()) for secret in settings.previous_secrets]
        ring = {one.key_id: one for one in (*older, keys)}
        self.portal_links = PortalLinks(
            keys.portal, settings.base_url, previous=[one.portal for one in older]
        )
        self.api_keys = ApiKeys(keys.pepper)
        self.system_tokens = SystemTokens(keys.pepper)
        self.passwords = Passwords()
        self.sessions = Sessions(keys.pepper, _session_limits(settings))
        self.secret_box = EnvelopeSecretBox(
            {key_id: one.encryption for key_id, one in ring.items()}, keys.key_id
        )
        self.authenticator = Authenticator(
            self.database,
            access_tokens=AccessTokens(
                TokenKeys(keys.key_id, {key_id: one.signing for key_id, one in ring.items()}),
                issuer="axon-factory",
                audience="axon-factory-api",
                lifetime=timedelta(minutes=settings.access_token_minutes),
            ),
            api_keys=self.api_keys,
            system_tokens=self.system_tokens,
            passwords=self.passwords,
            sessions=self.sessions,
            throttle=Throttle(_login_limits(settings)),
        )
        self.runtime = ProductRuntime(settings.product_runtime)
        self.sandbox = Sandbox(self.runtime.python, bubblewrap=settings.sandbox == "auto")
        self.deployer = LocalDeployer(
            self.data_dir / "deployments",
            self.sandbox,
            host=settings.product_host,
            public_url_template=settings.product_url,
            ports=settings.port_range,
        )
        self.policy = Policy(
            zone=settings.zone,
            currency=settings.currency,
            tenant=settings.tenant,
            public_url=settings.base_url,
            approver_email=settings.approver_email,
            support_email=settings.support_email,
            portal_url=self.portal_links.url,
            auto_approve=settings.auto_approve,
            max_reworks=settings.max_reworks,
        )

    @property
    def maildir(self) -> Path:
        """Where mail lands while no SMTP server is configured."""
        return self.data_dir / "mail"

    def application(self) -> FastAPI:
        """Return the API and the pages as one ASGI application."""
        app = FastAPI(
            title="Axon Factory",
            version=__version__,
            description="API de órdenes de la fábrica de autopilotos",
            # FastAPI's own reference pages load their scripts from elsewhere, and its document
            # does not know what the edge answers.
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            # It redirects to whatever the Host header says.
            redirect_slashes=False,
        )
        add_api(
            app,
            ApiServices(
                database=self.database,
                policy=self.policy,
                authenticator=self.authenticator,
                access=AccessServices(
                    self.passwords, self.sessions, self.api_keys, self.system_tokens
                ),
                secret_box=self.secret_box,
                planner=CataloguePlanner(),
                repository_file=self._repository_file,
            ),
            _edge_options(self.settings),
        )
        app.include_router(stream_router(self.database, self.signals, require(Action.READ_ORDER)))
        app.state.portal = portal.PortalServices(
            self.database, self.portal_links, self.settings.support_email
        )
        app.include_router(portal.router)
        app.include_router(home.router)
        app.include_router(reference.router)
        install_openapi(app, self.settings.base_url)
        check_routes(app.routes)
        return app

    def line_ports(self) -> LinePorts:
        """Return the adapters that the settings choose, each behind its failpoints."""
        return LinePorts(
            planner=crossing("planner", CataloguePlanner()),
            builder=crossing("builder", TemplateBuilder()),
            council=crossing("council", LocalCouncil(self.sandbox)),
            deployer=crossing("deployer", self.deployer),
            git_host=crossing(
                "git_host", LocalGitHost(self.data_dir / "repositories", self.settings.base_url)
            ),
            mailer=crossing("mailer", MaildirMailer(self.maildir, self.settings.mail_sender)),
            secret_box=self.secret_box,
        )

    def worker(self, ports: LinePorts | None = None) -> Worker:
        """Return a worker over `ports`, or over those that the settings choose."""
        settings = self.settings
        ports = ports or self.line_ports()
        name = f"{socket.gethostname()}:{os.getpid()}"
        products = self.data_dir / "products"
        products.mkdir(parents=True, exist_ok=True)
        line = Line(
            self.database,
            ports,
            self.policy,
            products=products,
            worker=name,
            step_timeout_seconds=settings.step_timeout_seconds,
        )
        options = WorkerOptions(
            name=name,
            concurrency=settings.worker_concurrency,
            heartbeat_seconds=settings.heartbeat_seconds,
            stalled_after_seconds=settings.stalled_after_seconds,
            maintenance_seconds=settings.maintenance_seconds,
            longest_step_seconds=settings.step_timeout_seconds,
        )
        sender = OutboxSender(self.database, ports.mailer)
        return Worker(self.database, line, sender, self.policy, options)

    async def close(self) -> None:
        """Give back what was opened."""
        await self.signals.close()
        self.passwords.close()
        await self.database.dispose()

    def _repository_file(self, slug: str, path: str) -> Path | None:
        return resolve_file(self.data_dir / "repositories", slug, path)


@dataclass(frozen=True, slots=True)
class _Keys:
    """One key a purpose, derived from the master key; `key_id` names the generation."""

    key_id: str
    signing: bytes
    pepper: bytes
    encryption: bytes
    portal: bytes

    @classmethod
    def of(cls, master: bytes) -> "_Keys":
        signing, pepper, encryption, portal_key = _derive(
            master, ("access-tokens", "api-keys", "credentials", "portal-links")
        )
        key_id = hashlib.sha256(encryption).hexdigest()[:8]
        return cls(key_id, signing, pepper, encryption, portal_key)


def _derive(master: bytes, purposes: Sequence[str]) -> list[bytes]:
    return [
        HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"axon-factory {purpose}".encode()).derive(
            master
        )
        for purpose in purposes
    ]


def _edge_options(settings: Settings) -> EdgeOptions:
    return EdgeOptions(
        max_body_bytes=settings.max_body_bytes,
        max_header_bytes=settings.max_header_bytes,
        max_address_bytes=settings.max_address_bytes,
        max_requests_at_once=settings.max_requests_at_once,
        json=JsonLimits(settings.max_json_depth, settings.max_json_values),
        quotas=Quotas(
            reads=settings.rate_limit_reads,
            writes=settings.rate_limit_writes,
            costly=settings.rate_limit_costly,
            anonymous=settings.rate_limit_anonymous,
        ),
        hosts=settings.hosts,
        origins=tuple(sorted(settings.cors_origins)),
        trusted_proxies=tuple(sorted(settings.trusted_proxies)),
        https=settings.base_url.startswith("https://"),
    )


def _session_limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        lifetime=timedelta(days=settings.session_days),
        idle=timedelta(hours=settings.session_idle_hours),
    )


def _login_limits(settings: Settings) -> LoginLimits:
    return LoginLimits(
        per_account=settings.login_limit_account,
        per_address=settings.login_limit_address,
        altogether=settings.login_limit_global,
        window=timedelta(minutes=settings.login_window_minutes),
    )


def master_key(settings: Settings) -> bytes:
    """Return the configured master key, or the one kept in the data folder, made on first use."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    file = settings.data_dir / "secrets" / "master.key"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    with os.fdopen(descriptor, "wb") as target:
        target.write(secrets.token_bytes(_KEY_BYTES))
        target.flush()
        os.fsync(target.fileno())
    return file.read_bytes()
