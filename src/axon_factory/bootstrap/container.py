"""Everything that one process of the factory is made of."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.browser import BrowserSessions
from axon_factory.accounts.links import AccountLinks, Throttles
from axon_factory.accounts.local_access import LocalAccess
from axon_factory.accounts.passwords import OWASP_MINIMUM, HashCost, Passwords, Throttle
from axon_factory.accounts.sessions import Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens, TokenKeys
from axon_factory.adapters.disk import DiskFloors
from axon_factory.adapters.secret_box import EnvelopeSecretBox
from axon_factory.bootstrap.options import (
    Keys,
    disk_floors,
    key_outbound_rules,
    link_limits,
    login_limits,
    master_key,
    outbound_rules,
    policy_of,
    session_limits,
)
from axon_factory.db.sessions import Database
from axon_factory.orders.notifications.account_mails import AccountMails
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.realtime.fanout import Fanout
from axon_factory.realtime.signals import OrderSignals
from axon_factory.settings import Settings

if TYPE_CHECKING:  # loaded by the processes that run the line
    from axon_factory.adapters.deployer.local import LocalDeployer
    from axon_factory.adapters.product_runtime import ProductRuntime
    from axon_factory.adapters.sandbox import Sandbox
    from axon_factory.line.step import LinePorts
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
        self.fanout = Fanout(self.database, self.signals)
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
        access_tokens = AccessTokens(
            TokenKeys(keys.key_id, {key_id: one.signing for key_id, one in ring.items()}),
            issuer="axon-factory",
            audience="axon-factory-api",
            lifetime=timedelta(minutes=settings.access_token_minutes),
        )
        self.authenticator = Authenticator(
            self.database,
            access_tokens=access_tokens,
            api_keys=self.api_keys,
            system_tokens=self.system_tokens,
            passwords=self.passwords,
            sessions=self.sessions,
            throttle=Throttle(login_limits(settings)),
            local_access=LocalAccess(settings.data_dir),
        )
        self.browser_sessions = BrowserSessions(
            self.database,
            self.authenticator,
            access_tokens,
            pepper=keys.pepper,
            limits=session_limits(settings),
        )
        limits = login_limits(settings)
        self.account_links = AccountLinks(
            self.database,
            AccountMails(
                self.secret_box,
                public_url=settings.base_url,
                support=settings.support_email,
                zone=settings.zone,
            ),
            self.passwords,
            Throttles(Throttle(limits), Throttle(limits, of="reset")),
            keys.pepper,
            link_limits(settings),
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

    @cached_property
    def runtime(self) -> "ProductRuntime":
        """The Python environment that products run in."""
        from axon_factory.adapters.product_runtime import ProductRuntime  # noqa: PLC0415 — not for the API

        return ProductRuntime(self.settings.product_runtime)

    @cached_property
    def sandbox(self) -> "Sandbox":
        """Where products and agents of the command line run."""
        from axon_factory.adapters.sandbox import Sandbox  # noqa: PLC0415 — not for the API

        return Sandbox(self.runtime.python, bubblewrap=self.settings.sandbox == "auto")

    @cached_property
    def deployer(self) -> "LocalDeployer":
        """Where products are deployed on this machine."""
        from axon_factory.adapters.deployer.local import LocalDeployer  # noqa: PLC0415 — not for the API

        settings = self.settings
        return LocalDeployer(
            self.data_dir / "deployments",
            self.sandbox,
            host=settings.product_host,
            public_url_template=settings.product_url,
            ports=settings.port_range,
        )

    def line_ports(self) -> "LinePorts":
        """Return the adapters that the settings choose, each behind its failpoints."""
        from axon_factory.bootstrap.line import line_ports_of  # noqa: PLC0415 — not for the API

        return line_ports_of(self)

    def worker(self, ports: "LinePorts | None" = None) -> "Worker":
        """Return a worker over `ports`, or over those that the settings choose."""
        from axon_factory.bootstrap.line import worker_of  # noqa: PLC0415 — not for the API

        return worker_of(self, ports or self.line_ports())

    async def end_streams(self) -> None:
        """End whatever lasts as long as somebody listens, and begin no more of it."""
        await self.fanout.close()
        await self.signals.close()

    async def close(self) -> None:
        """Give back what was opened."""
        await self.end_streams()
        self.passwords.close()
        await self.database.dispose()
