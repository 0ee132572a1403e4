"""Everything that one process of the factory is made of."""

import os
import socket
from datetime import timedelta
from pathlib import Path

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.local_access import LocalAccess
from axon_factory.accounts.passwords import OWASP_MINIMUM, HashCost, Passwords, Throttle
from axon_factory.accounts.sessions import Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens, TokenKeys
from axon_factory.adapters.council import LocalCouncil
from axon_factory.adapters.deployer.health import LocalProductHost
from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.adapters.disk import DiskFloors
from axon_factory.adapters.git_host import LocalGitHost
from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.adapters.secret_box import EnvelopeSecretBox
from axon_factory.bootstrap.adapters import (
    builders_of,
    key_outbound_rules,
    mailer_of,
    notifier_of,
    outbound_rules,
    planner_of,
)
from axon_factory.bootstrap.options import (
    Keys,
    check_limits,
    disk_floors,
    login_limits,
    master_key,
    policy_of,
    session_limits,
    worker_options,
)
from axon_factory.db.sessions import Database
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.line.step import LinePorts
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.ports.crossing import crossing
from axon_factory.ports.product import ProductHost
from axon_factory.realtime.signals import OrderSignals
from axon_factory.settings import Settings
from axon_factory.worker.products import ProductWatch
from axon_factory.worker.runner import Worker


class Container:
    """Everything that one process of the factory is made of, built on demand from settings."""

    def __init__(
        self, settings: Settings, database_url: str, *, hash_cost: HashCost = OWASP_MINIMUM
    ) -> None:
        """`database_url` is the configured one or the embedded server's.

        No setting makes `hash_cost` smaller; tests of other things than passwords do.
        """
        self.settings = settings
        self.data_dir = settings.data_dir
        self.database = Database(database_url, pool_size=settings.pool_size)
        self.signals = OrderSignals(database_url)
        keys = Keys.of(master_key(settings))
        older = [Keys.of(secret.encode()) for secret in settings.previous_secrets]
        ring = {one.key_id: one for one in (*older, keys)}
        self.portal_links = PortalLinks(
            keys.portal, settings.base_url, previous=[one.portal for one in older]
        )
        self.api_keys = ApiKeys(keys.pepper)
        self.system_tokens = SystemTokens(keys.pepper)
        self.passwords = Passwords(cost=hash_cost)
        self.sessions = Sessions(keys.pepper, session_limits(settings))
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
            throttle=Throttle(login_limits(settings)),
            local_access=LocalAccess(settings.data_dir),
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
        self.machine = DiskFloors(disk_floors(settings))
        self.policy = policy_of(settings, self.portal_links)
        self.outbound = outbound_rules(settings)
        self.key_outbound = key_outbound_rules(settings)

    @property
    def repositories(self) -> Path:
        """Where products are published for git."""
        return self.data_dir / "repositories"

    @property
    def maildir(self) -> Path:
        """Where mail lands while no SMTP server is configured."""
        return self.data_dir / "mail"

    def line_ports(self) -> LinePorts:
        """Return the adapters that the settings choose, each behind its failpoints."""
        return LinePorts(
            planner=crossing("planner", planner_of(self.settings)),
            builder=crossing("builder", builders_of(self.settings, self.sandbox)),
            council=crossing(
                "council", LocalCouncil(self.sandbox, limits=check_limits(self.settings))
            ),
            deployer=crossing("deployer", self.deployer),
            git_host=crossing("git_host", LocalGitHost(self.repositories, self.settings.base_url)),
            mailer=crossing("mailer", mailer_of(self.settings, self.maildir)),
            notifier=crossing("notifier", notifier_of(self.settings)),
            secret_box=self.secret_box,
            machine=self.machine,
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
            tokens=self.system_tokens,
            step_timeout_seconds=settings.step_timeout_seconds,
        )
        sender = OutboxSender(self.database, ports, public_url=settings.base_url)
        watch = ProductWatch(
            self.database, self.product_host(), self.policy, seconds=settings.product_watch_seconds
        )
        options = worker_options(settings, name)
        return Worker(self.database, line, sender, self.policy, options, watch)

    def product_host(self) -> ProductHost:
        """Return the products of this machine, to be watched."""
        folder = self.data_dir / "deployments"
        machine = f"{socket.gethostname()}:{folder.absolute()}"
        return LocalProductHost(folder, machine=machine, host=self.settings.product_host)

    async def close(self) -> None:
        """Give back what was opened."""
        await self.signals.close()
        self.passwords.close()
        await self.database.dispose()
