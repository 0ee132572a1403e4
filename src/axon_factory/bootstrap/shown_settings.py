"""The settings as plain data for people: what may be shown of each, and of secrets nothing."""

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, cast, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from axon_factory.api.settings_view import ShownSetting
from axon_factory.bootstrap.setting_texts import SPANISH
from axon_factory.domain.text import Sentence
from axon_factory.settings import Settings
from axon_factory.settings.line import (
    AgentSettings,
    ApprovalSettings,
    PlanningSettings,
    ProductionSettings,
)
from axon_factory.settings.server import (
    AccessSettings,
    BusinessSettings,
    NotificationSettings,
    ServerSettings,
)

__all__ = ["shown_settings"]

_GROUPS: Mapping[type[BaseSettings], Sentence] = {
    BusinessSettings: Sentence("Negocio", "Business"),
    ApprovalSettings: Sentence("Aprobación y preguntas", "Approval and questions"),
    PlanningSettings: Sentence("Planificación con modelos", "Planning with models"),
    AgentSettings: Sentence("Agentes y lugares", "Agents and places"),
    ProductionSettings: Sentence("La línea y sus productos", "The line and its products"),
    NotificationSettings: Sentence("Correo y webhooks", "Mail and webhooks"),
    AccessSettings: Sentence("Acceso", "Access"),
    ServerSettings: Sentence("Servidor y límites", "Server and limits"),
}


# An address may carry an account, although there is a setting for it elsewhere.
_USER_INFO = re.compile(r"//[^/@\s]+@")


def shown_settings(settings: Settings) -> tuple[ShownSetting, ...]:
    """Return every setting, by group; no value of a secret is in what is returned."""
    return tuple(
        _shown(name, section, settings)
        for section in _GROUPS
        for name in section.__annotations__
        if name in Settings.model_fields
    )


def _shown(name: str, section: type[BaseSettings], settings: Settings) -> ShownSetting:
    field = Settings.model_fields[name]
    value: object = getattr(settings, name)
    default: object = field.get_default(call_default_factory=True)
    secret = _is_secret(field, value)
    return ShownSetting(
        f"AXON_{name.upper()}",
        _GROUPS[section],
        Sentence(SPANISH.get(name, field.description or ""), field.description or ""),
        "" if secret else _written(value),
        "" if secret else _written(default),
        given=value not in {None, ""} if secret else value != default,
        secret=secret,
    )


def _is_secret(field: FieldInfo, value: object) -> bool:
    """Return whether the setting's type has a `SecretStr` in it, or its value is one."""
    return isinstance(value, SecretStr) or _names_secret(field.annotation)


def _names_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_names_secret(part) for part in get_args(annotation))


def _written(value: object) -> str:
    """Return a value as its variable would be written; empty for none."""
    match value:
        case None:
            return ""
        case bool():
            return json.dumps(value)
        case Enum():
            return str(value.value)
        case frozenset():
            return ", ".join(sorted(str(item) for item in cast("frozenset[Any]", value)))
        case Mapping():
            pairs = cast("Mapping[str, Any]", value).items()
            return ", ".join(f"{key}={_written(item)}" for key, item in pairs)
        case _:
            return _USER_INFO.sub("//…@", str(value))
