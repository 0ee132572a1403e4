"""Named targets: Slack, Discord, Zapier and Make, each by the secret address it gives out."""

from collections.abc import Callable

from app.module import Context, Help, Module
from app.webhooks.targets import SERVICES


def _help(context: Context) -> list[str]:
    return [
        f"Para reenviar a {name}, ponga la dirección que le dio en la variable {variable} y use "
        f'"destino": "{name}" en una regla.'
        for name, (variable, _) in SERVICES.items()
        if name in context.product.requested_integrations()
    ] or ["Slack, Discord, Zapier y Make pueden ser el destino de una regla por su nombre."]


def _is_configured(variable: str, context: Context) -> bool:
    return bool(context.settings.get(variable))


def _integration(variable: str) -> Callable[[Context], bool]:
    return lambda context: _is_configured(variable, context)


module = Module(
    name="chat_targets",
    optional=True,
    integrations={name: _integration(variable) for name, (variable, _) in SERVICES.items()},
    help=(Help("Destinos con nombre", _help),),
)
