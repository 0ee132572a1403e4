"""Workers, and where products run; the log."""

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ProductionSettings(BaseSettings):
    """The line and its products."""

    worker_concurrency: int = Field(
        2, ge=1, le=64, description="Jobs that one worker runs at once."
    )
    heartbeat_seconds: float = Field(
        5.0, gt=0, le=60, description="How often a worker says that it lives."
    )
    stalled_after_seconds: float = Field(
        15.0,
        gt=0,
        le=600,
        description="Silence after which a worker's jobs go to others; at least two heartbeats.",
    )
    maintenance_seconds: float = Field(
        5.0, gt=0, le=300, description="Pause between a worker's rescues and sweeps."
    )
    housekeeping_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Pause between a worker's looks for what is counted in hours: reminders, "
        "silent sessions, ageing of priorities, expired keys.",
    )
    step_timeout_seconds: float = Field(
        900.0, ge=10, le=86_400, description="How long one step's port call may take."
    )
    product_watch_seconds: float = Field(
        2.0,
        gt=0,
        le=300,
        description="Pause between a worker's looks at the products of its machine; each product "
        "is asked for its health at every fifth look, and at every look while it is in trouble.",
    )

    disk_floor_mb: int = Field(
        512,
        ge=0,
        le=1024 * 1024,
        description="Free space in MB below which no step is begun; orders wait and go on by "
        "themselves. For the data folder, and for its folders that are other disks; 0: no floor.",
    )
    disk_floor_database_mb: int = Field(
        512,
        ge=0,
        le=1024 * 1024,
        description="The same for the folder of the embedded PostgreSQL.",
    )
    check_disk_mb: int = Field(
        256,
        ge=16,
        le=64 * 1024,
        description="Most that one check of a product may write to disk, in MB; it fails beyond.",
    )

    product_runtime: Path = Field(
        default_factory=lambda: Path(f"{sys.prefix}-product"),
        description="Folder of the Python environment that products share. Default: the factory's "
        "own environment with `-product` behind its name.",
    )
    product_host: str = Field("127.0.0.1", description="Address at which products listen.")
    product_url: str = Field(
        "http://127.0.0.1:{port}",
        description="How the world reaches a product; `{port}` or `{slug}` is filled in.",
    )
    product_ports: str = Field(
        "30000-31999", pattern=r"^\d{4,5}-\d{4,5}$", description="Ports that products may get."
    )
    sandbox: Literal["auto", "off"] = Field(
        "auto", description="`auto` uses bubblewrap where it works; `off` never does."
    )

    log_format: Literal["console", "json"] = Field(
        "console", description="Form of the log: lines for people, or JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged; libraries speak from `warning` on."
    )

    @property
    def port_range(self) -> range:
        """The ports that products may get."""
        first, last = self.product_ports.split("-")
        return range(int(first), int(last) + 1)
