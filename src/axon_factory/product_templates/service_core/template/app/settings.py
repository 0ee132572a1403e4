"""What the environment says. Secrets come from here only, never from a file of the repository."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's settings. An absent secret is "": what needs it then refuses."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    data_dir: Path = Path("data")
    admin_email: str = ""
    admin_password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read HOST, PORT, PUBLIC_URL, DATA_DIR and the secrets."""
        values = dict(os.environ if environment is None else environment)
        host = values.get("HOST", "127.0.0.1")
        port = int(values.get("PORT", "8000"))
        return cls(
            host=host,
            port=port,
            public_url=values.get("PUBLIC_URL", f"http://{host}:{port}").rstrip("/"),
            data_dir=Path(values.get("DATA_DIR", "data")),
            admin_email=values.get("ADMIN_EMAIL", ""),
            admin_password=values.get("ADMIN_PASSWORD", ""),
            api_key=values.get("API_KEY", ""),
            webhook_secret=values.get("WEBHOOK_SECRET", ""),
            environment=values,
        )

    def get(self, name: str) -> str:
        """Return one more variable of the environment, "" when it is not set."""
        return self.environment.get(name, "")
