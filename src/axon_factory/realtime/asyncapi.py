"""The AsyncAPI 3 document of `/ws/orders`, made from the models of its messages."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from axon_factory import __version__
from axon_factory.domain.addresses import origin_of
from axon_factory.realtime.messages import CLIENT_MESSAGES, SERVER_MESSAGES

__all__ = ["asyncapi_document"]

_DESCRIPTION = """\
Sigue órdenes en vivo. El primer mensaje es `auth`, en los primeros 5 segundos; después,
`subscribe`. Los mensajes se responden en el orden en que llegan. Quien vuelve envía `desde` y
recibe lo que faltó, o `resync`. Antes de cerrar, el servidor dice por qué con `error`: código 1012
si se reinicia, 4401 si la credencial no sirve o terminó, 4403 si no alcanza, 4408 sin `auth` a
tiempo, 4429 por los límites, 4503 si intentarlo después puede servir."""
_CHANNEL = "ordenes"
_REF = "#/components/schemas/{model}"


@cache
def _schemas() -> Mapping[str, Any]:
    models = [(model, "validation") for model in (*CLIENT_MESSAGES, *SERVER_MESSAGES)]
    _, found = models_json_schema(models, ref_template=_REF)  # pyright: ignore[reportArgumentType] — a literal
    return found["$defs"]


def asyncapi_document(base_url: str) -> dict[str, Any]:
    """Return the document; `base_url` is how the world reaches the API."""
    scheme, _, host = origin_of(base_url).partition("://")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Axon Factory",
            "version": __version__,
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": {
            "fabrica": {
                "host": host,
                "protocol": "wss" if scheme == "https" else "ws",
                "description": "Esta fábrica",
            }
        },
        "channels": {
            _CHANNEL: {
                "address": "/ws/orders",
                "messages": {
                    _name(model): {"$ref": f"#/components/messages/{_name(model)}"}
                    for model in (*CLIENT_MESSAGES, *SERVER_MESSAGES)
                },
            }
        },
        "operations": {
            "enviar": _operation("receive", "Lo que envía un cliente", CLIENT_MESSAGES),
            "recibir": _operation("send", "Lo que envía el servidor", SERVER_MESSAGES),
        },
        "components": {
            "messages": {
                _name(model): _message(model) for model in (*CLIENT_MESSAGES, *SERVER_MESSAGES)
            },
            "schemas": dict(_schemas()),
        },
    }


def _operation(action: str, summary: str, models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{_CHANNEL}"},
        "messages": [{"$ref": f"#/channels/{_CHANNEL}/messages/{_name(one)}"} for one in models],
    }


def _message(model: type[BaseModel]) -> dict[str, Any]:
    name = _name(model)
    return {
        "name": name,
        "title": name,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "examples": [{"payload": dict(getattr(model, "EXAMPLE", None) or {})}],
    }


def _name(model: type[BaseModel]) -> str:
    """Return what a message says in `type`."""
    [name] = get_args(model.model_fields["type"].annotation)
    return name
