"""The line of one process: ports over the adapters that the settings choose, and the worker.

Importing this module loads every adapter, which only a process that runs the line needs.
"""

import os
import socket

from axon_factory.adapters.council import LocalCouncil
from axon_factory.adapters.deployer.health import LocalProductHost
from axon_factory.adapters.git_host import LocalGitHost
from axon_factory.adapters.sandbox import MEBIBYTE, Limits
from axon_factory.bootstrap.adapters import builders_of, mailer_of, notifier_of, planner_of
from axon_factory.bootstrap.container import Container
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.line.step import LinePorts
from axon_factory.ports.crossing import crossing
from axon_factory.ports.product import ProductHost
from axon_factory.settings import Settings
from axon_factory.worker.products import ProductWatch
from axon_factory.worker.runner import Worker, WorkerOptions


def line_ports_of(container: Container) -> LinePorts:
    """Return the adapters that the settings choose, each behind its failpoints."""
    settings = container.settings
    return LinePorts(
        planner=crossing("planner", planner_of(settings)),
        builder=crossing("builder", builders_of(settings, container.sandbox)),
        council=crossing("council", LocalCouncil(container.sandbox, limits=check_limits(settings))),
        deployer=crossing("deployer", container.deployer),
        git_host=crossing("git_host", LocalGitHost(container.repositories, settings.base_url)),
        mailer=crossing("mailer", mailer_of(settings, container.maildir)),
        notifier=crossing("notifier", notifier_of(settings)),
        secret_box=container.secret_box,
        machine=container.machine,
    )


def worker_of(container: Container, ports: LinePorts) -> Worker:
    """Return a worker over `ports`."""
    settings = container.settings
    name = f"{socket.gethostname()}:{os.getpid()}"
    products = container.data_dir / "products"
    products.mkdir(parents=True, exist_ok=True)
    line = Line(
        container.database,
        ports,
        container.policy,
        products=products,
        worker=name,
        tokens=container.system_tokens,
        step_timeout_seconds=settings.step_timeout_seconds,
    )
    sender = OutboxSender(container.database, ports, public_url=settings.base_url)
    watch = ProductWatch(
        container.database,
        product_host_of(container),
        container.policy,
        seconds=settings.product_watch_seconds,
    )
    options = worker_options(settings, name)
    return Worker(container.database, line, sender, container.policy, options, watch)


def product_host_of(container: Container) -> ProductHost:
    """Return the products of this machine, to be watched."""
    folder = container.data_dir / "deployments"
    machine = f"{socket.gethostname()}:{folder.absolute()}"
    return LocalProductHost(folder, machine=machine, host=container.settings.product_host)


def check_limits(settings: Settings) -> Limits:
    """Return what one check of a product may use."""
    return Limits(disk_bytes=settings.check_disk_mb * MEBIBYTE)


def worker_options(settings: Settings, name: str) -> WorkerOptions:
    """Return how the worker called `name` runs."""
    return WorkerOptions(
        name=name,
        concurrency=settings.worker_concurrency,
        heartbeat_seconds=settings.heartbeat_seconds,
        stalled_after_seconds=settings.stalled_after_seconds,
        maintenance_seconds=settings.maintenance_seconds,
        housekeeping_seconds=settings.housekeeping_seconds,
        longest_step_seconds=settings.step_timeout_seconds,
    )
