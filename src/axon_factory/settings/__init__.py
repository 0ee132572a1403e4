"""The environment, read once and validated (every setting is `AXON_…`), one file a section.

An unknown `AXON_` variable is an error: a misspelt setting must not be silently ignored.
"""

from axon_factory.settings.environment import Settings, SettingsInvalid, load_settings

__all__ = ["Settings", "SettingsInvalid", "load_settings"]
