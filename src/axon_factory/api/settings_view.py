"""The settings of a factory in answers: as they were read, secrets only as configured or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Count
from axon_factory.domain.text import Sentence

__all__ = ["SettingList", "ShownSetting", "settings_document"]

_CONFIGURED = Sentence("configurado", "configured")


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting as plain data. Of a secret there is no value here, only whether it is given."""

    name: str
    group: Sentence
    description: Sentence
    value: str
    default: str
    given: bool
    secret: bool = False


class Setting(AnswerModel):
    """Un ajuste, como se leyó al iniciar."""

    nombre: str = Field(description="Variable de entorno.")
    grupo: str = Field(description="De qué trata.")
    descripcion: str = Field(description="Qué hace.")
    valor: str | None = Field(
        description="Como se leyó; null sin valor. De un secreto, solo que está configurado."
    )
    por_defecto: str | None = Field(description="El valor que tiene si no se da otro.")
    dado: bool = Field(description="Alguien lo dio; falso: vale el de por defecto.")
    secreto: bool = Field(description="Su valor no se muestra.")


class SettingList(AnswerModel):
    """Los ajustes de la fábrica, sin secretos."""

    EXAMPLE: ClassVar = {
        "total": 1,
        "settings": [
            {
                "nombre": "AXON_MAX_BUILDS",
                "grupo": "Agentes",
                "descripcion": "Órdenes que se construyen a la vez; 0: sin límite.",
                "valor": "4",
                "por_defecto": "0",
                "dado": True,
                "secreto": False,
            }
        ],
    }

    total: Count = Field(description="Cuántos hay.")
    settings: list[Setting] = Field(description="Por grupo, en el orden de la documentación.")


def settings_document(settings: Sequence[ShownSetting]) -> dict[str, Any]:
    """Show the settings; the value of a secret is never among them."""
    return {"total": len(settings), "settings": [_shown(setting) for setting in settings]}


def _shown(setting: ShownSetting) -> dict[str, Any]:
    value = (_CONFIGURED if setting.given else None) if setting.secret else setting.value or None
    return Setting.of(
        None,
        nombre=setting.name,
        grupo=setting.group,
        descripcion=setting.description,
        valor=value,
        por_defecto=setting.default or None,
        dado=setting.given,
        secreto=setting.secret,
    )
