"""Build hook: the wheel's dependencies are the lines of requirements.in, written once."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Reads the direct dependencies from requirements.in."""

    def update(self, metadata: dict[str, object]) -> None:
        """Set `dependencies` from the non-comment lines of requirements.in."""
        lines = (Path(self.root) / "requirements.in").read_text(encoding="utf-8").splitlines()
        metadata["dependencies"] = [
            line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))
        ]
